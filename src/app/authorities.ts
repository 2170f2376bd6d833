// Which servers answer for a zone, and which zone a name is in: from what we were told, or found through the resolvers.
import type { Dns } from '../dns/dns.ts';
import type { DnsServer, DnsTarget } from '../domain/dns-target.ts';
import type { DnsReason } from '../domain/dns-verdict.ts';
import { isLoopback } from '../domain/network.ts';
import { isNoReading, type Reading } from '../domain/reading.ts';

/** A server of a zone, as people know it. */
export type Authority = { readonly server: DnsServer; readonly label: string };

const addressText = ({ address, port }: DnsServer) =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;

/** A server as it is shown: its name, when it has one, and where it is. */
export const labelOf = (server: DnsServer, name?: string): string =>
  name === undefined ? addressText(server) : `${name} (${addressText(server)})`;

const NAME_SERVERS_MAX = 16;
const LABELS_MAX = 32;
const NO_SERVER = /^(?:0|169\.254|22[4-9]|2[3-5]\d)\.|^::$|^f(?:f|e[89ab])[0-9a-f]{0,2}:/;

/** What the first resolver that gives an answer says; else the last failure. */
async function resolved(
  dns: Dns,
  resolvers: readonly DnsServer[],
  asked: { name: string; type: 'A' | 'AAAA' | 'NS' | 'SOA' },
): Promise<{ reading: Reading; by: DnsServer } | null> {
  let last: { reading: Reading; by: DnsServer } | null = null;
  for (const by of resolvers) {
    last = { reading: await dns.query(by, { ...asked, of: 'resolver' }), by };
    if (!isNoReading(last.reading)) return last;
  }
  return last;
}

const bare = (name: string) => name.toLowerCase().replace(/\.$/, '');

/**
 * Where a found server is asked. Whoever answers for a resolver could send us anywhere; this machine itself is believed
 * only from a resolver on this machine.
 */
const mayAsk = (address: string, by: DnsServer): boolean =>
  !NO_SERVER.test(address) && (!isLoopback(address) || isLoopback(by.address));

async function addressesOf(dns: Dns, resolvers: readonly DnsServer[], name: string): Promise<string[]> {
  const found: string[] = [];
  for (const type of ['A', 'AAAA'] as const) {
    const answer = await resolved(dns, resolvers, { name, type });
    if (answer?.reading.kind !== 'answer') continue;
    const { by } = answer;
    found.push(...answer.reading.values.filter((address) => mayAsk(address, by)));
  }
  return found;
}

const unknown = (name: string, why: string): DnsReason => ({ state: 'unknown', server: null, name, why });

export type Found = { readonly servers: readonly Authority[]; readonly faults: readonly DnsReason[] };

/** The servers that the zone names, found through the resolvers. */
async function namedServers(dns: Dns, resolvers: readonly DnsServer[], zone: string): Promise<Found> {
  const answer = await resolved(dns, resolvers, { name: zone, type: 'NS' });
  if (answer === null) return { servers: [], faults: [] };
  const { reading, by } = answer;
  if (reading.kind !== 'answer') {
    const why = isNoReading(reading) ? reading.why : 'it knows no name servers';
    return {
      servers: [],
      faults: [unknown(zone, `resolver ${labelOf(by)} was asked for the servers of ${zone}: ${why}`)],
    };
  }
  const servers: Authority[] = [];
  const faults: DnsReason[] = [];
  for (const name of reading.values.slice(0, NAME_SERVERS_MAX).map(bare)) {
    const addresses = await addressesOf(dns, resolvers, name);
    if (addresses.length === 0) faults.push(unknown(zone, `the name server ${name} of ${zone} has no address to ask`));
    for (const address of addresses) {
      const server = { address, port: dns.port };
      servers.push({ server, label: labelOf(server, name) });
    }
  }
  return { servers, faults };
}

export type AskedZone = {
  readonly zone: string;
  readonly target: DnsTarget | null;
  readonly resolvers: readonly DnsServer[];
};

/** The servers that should answer for a zone: those that the target lists, or those that the zone names; and the primary. */
export async function authoritiesOf(dns: Dns, { zone, target, resolvers }: AskedZone): Promise<Found> {
  const listed = target?.authorities ?? [];
  const found =
    listed.length > 0
      ? { servers: listed.map((server) => ({ server, label: labelOf(server) })), faults: [] }
      : await namedServers(dns, resolvers, zone);
  const primary = target?.kind === 'rfc2136' ? [{ server: target.server, label: labelOf(target.server) }] : [];
  const isNew = ({ server }: Authority) =>
    found.servers.every((one) => addressText(one.server) !== addressText(server));
  return { servers: [...found.servers, ...primary.filter(isNew)], faults: found.faults };
}

/** The zone that a name is in, found through the resolvers by going up from it; or why that is not known. */
export async function findZone(
  dns: Dns,
  resolvers: readonly DnsServer[],
  name: string,
): Promise<{ zone: string } | { why: string }> {
  const labels = name.split('.');
  for (let up = 0; up < Math.min(labels.length, LABELS_MAX); up++) {
    const zone = labels.slice(up).join('.');
    const answer = await resolved(dns, resolvers, { name: zone, type: 'SOA' });
    if (answer === null) return { why: 'there is no resolver to ask for its zone' };
    const { reading, by } = answer;
    if (reading.kind === 'answer') return { zone };
    if (isNoReading(reading))
      return { why: `resolver ${labelOf(by)} was asked for the zone of ${name}: ${reading.why}` };
  }
  return { why: `no zone of ${name} was found` };
}
