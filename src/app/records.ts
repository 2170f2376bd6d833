// Journey: which DNS records should exist, and how other tools read them.
import { Document } from 'yaml';
import { invalid } from '../domain/errors.ts';
import { octoDnsZone, type RecordSet, setsByKey, setsOf, zoneOf } from '../domain/record-sets.ts';
import { addressRecordsOf, type DnsRecord, recordsOf, zoneLine } from '../domain/srv.ts';
import { sameLabels, tenantRecordsOf } from '../domain/tenant-domain.ts';
import { compareText } from '../domain/text.ts';
import type { Reads } from '../store/store.ts';

/**
 * Every record that should exist, of all pools, of every tenant's own name and of the servers' addresses. The order depends
 * on names alone, so that two printouts can be compared line by line.
 */
export async function desiredRecords(reads: Reads): Promise<DnsRecord[]> {
  const [servers, pools] = [await reads.servers.list(), await reads.pools.list()];
  const ordered = [...pools].sort((a, b) => compareText(a.domain, b.domain));
  const hosts = [...servers].sort((a, b) => compareText(a.host, b.host));
  const ofPools = ordered.flatMap((pool) => recordsOf(pool, servers));
  return [...ofPools, ...(await tenantRecords(reads)), ...addressRecordsOf(hosts, pools)];
}

async function tenantRecords(reads: Reads): Promise<DnsRecord[]> {
  const { tenantDomains: base } = await reads.installation.get();
  if (base === null) return [];
  const servers = await reads.servers.list();
  const pools = new Map((await reads.pools.list()).map((pool) => [pool.name, pool]));
  const placements = [...(await reads.tenants.placements())].sort((a, b) => compareText(a.tenant, b.tenant));
  const [same] = sameLabels(placements.map(({ tenant }) => tenant));
  if (same !== undefined) {
    throw invalid(`tenants ${same.join(' and ')} would have the same name in DNS; give one of them another code`);
  }
  return placements.flatMap(({ tenant, pool: name }) => {
    const pool = pools.get(name);
    if (pool === undefined) throw new Error(`assertion failed: tenant ${tenant} stands on unknown pool ${name}`);
    return tenantRecordsOf(tenant, base, pool, servers);
  });
}

/** The records of one pool. @throws AppError `not_found` */
export const poolRecords = async (reads: Reads, name: string): Promise<DnsRecord[]> =>
  recordsOf(await reads.pools.get(name), await reads.servers.list());

/** Those records whose names are in a zone; all of them where none is named. */
export const recordsIn = (records: readonly DnsRecord[], zone: string | undefined): readonly DnsRecord[] =>
  zone === undefined ? records : records.filter(({ name }) => zoneOf(name, [zone]) !== null);

/** The lines of a zone file, names absolute, so that they can stand in any zone file or be included by one. */
export const zoneText = (records: readonly DnsRecord[]): string =>
  records.map((record) => `${zoneLine(record)}\n`).join('');

/** A zone as a file of octoDNS. YAML 1.1 is what it reads: there a name such as `no` needs quotes. */
export function octoDnsText(records: readonly DnsRecord[], zone: string | undefined): string {
  if (zone === undefined) throw invalid('a file of octoDNS is one zone: name it, such as example.com');
  const document = new Document({}, { version: '1.1', aliasDuplicateObjects: false });
  // One by one, as a map of the language would become an ordered map of YAML, which is another type.
  for (const [name, set] of octoDnsZone(records, zone)) document.set(name, set);
  return `---\n${document.toString({ simpleKeys: true })}`;
}

/** Records one by one, and as sets under keys that stay, which is what Terraform's `for_each` wants. */
export function recordDocument(
  records: readonly DnsRecord[],
  zone: string | undefined,
): { records: readonly DnsRecord[]; sets: Record<string, RecordSet> } {
  return { records, sets: setsByKey(setsOf(records, zone === undefined ? [] : [zone])) };
}
