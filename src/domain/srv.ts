// Pools and servers → the DNS records that should exist for them (RFC 2782 for SRV, RFC 3263 section 4.1 for NAPTR).
import { addressType } from './address.ts';
import { type Pool, TRANSPORTS, type Transport } from './pool.ts';
import type { Server } from './server.ts';

const SERVICES: Record<Transport, { prefix: string; naptr: string }> = {
  udp: { prefix: '_sip._udp', naptr: 'SIP+D2U' },
  tcp: { prefix: '_sip._tcp', naptr: 'SIP+D2T' },
  tls: { prefix: '_sips._tcp', naptr: 'SIPS+D2T' },
};

/** The target of an SRV record that says: this service is not offered here (RFC 2782). */
export const NOT_OFFERED = '.';

export type SrvRecord = {
  readonly type: 'SRV';
  readonly name: string;
  readonly ttl: number;
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  /** A host name without a trailing dot, or `NOT_OFFERED`. */
  readonly target: string;
};

export type NaptrRecord = {
  readonly type: 'NAPTR';
  readonly name: string;
  readonly ttl: number;
  readonly order: number;
  readonly preference: number;
  readonly flags: 's';
  readonly service: string;
  readonly replacement: string;
};

export type AddressRecord = {
  readonly type: 'A' | 'AAAA';
  readonly name: string;
  readonly ttl: number;
  readonly address: string;
};

export type DnsRecord = SrvRecord | NaptrRecord | AddressRecord;

/**
 * All records of a pool, NAPTR first, then SRV by transport and priority; names without a trailing dot. NAPTR names only
 * the transports that the pool offers, most wanted first, so that a phone cannot choose one that is not there. A pool that
 * denies the others has one SRV record for each of them, with the target ".".
 * @param servers every server that the pool names
 */
export function recordsOf(pool: Pool, servers: readonly Server[]): DnsRecord[] {
  const hosts = new Map(servers.map((server) => [server.name, server.host]));
  const naptr = pool.transports.map((transport, index): NaptrRecord => {
    const { prefix, naptr: service } = SERVICES[transport];
    const replacement = `${prefix}.${pool.domain}`;
    const order = 10 * (index + 1);
    return { type: 'NAPTR', name: pool.domain, ttl: pool.ttl, order, preference: 10, flags: 's', service, replacement };
  });
  const targets = [...pool.targets].sort((a, b) => a.priority - b.priority || b.weight - a.weight);
  const srv = pool.transports.flatMap((transport) =>
    targets.map(({ server, priority, weight, port }): SrvRecord => {
      const target = hosts.get(server);
      if (target === undefined) throw new Error(`assertion failed: pool ${pool.name} names unknown server ${server}`);
      const name = `${SERVICES[transport].prefix}.${pool.domain}`;
      return { type: 'SRV', name, ttl: pool.ttl, priority, weight, port, target };
    }),
  );
  return [...naptr, ...srv, ...denialsOf(pool)];
}

function denialsOf({ denyOtherTransports, transports, domain, ttl }: Pool): SrvRecord[] {
  if (!denyOtherTransports) return [];
  return TRANSPORTS.filter((transport) => !transports.includes(transport)).map((transport) => {
    const name = `${SERVICES[transport].prefix}.${domain}`;
    return { type: 'SRV', name, ttl, priority: 0, weight: 0, port: 0, target: NOT_OFFERED };
  });
}

/** How long addresses may be kept where no pool says something shorter. */
const ADDRESS_TTL_S = 300;

/**
 * The A and AAAA records of those servers whose addresses are known. They may be kept no longer than the shortest-lived
 * SRV record that points at them: records of one name and type have one TTL (RFC 2181 section 5.2).
 */
export function addressRecordsOf(servers: readonly Server[], pools: readonly Pool[]): AddressRecord[] {
  return servers.flatMap(({ name, host, addresses }) => {
    const users = pools.filter(({ targets }) => targets.some(({ server }) => server === name));
    const ttl = Math.min(ADDRESS_TTL_S, ...users.map((pool) => pool.ttl));
    return addresses.map((address): AddressRecord => ({ type: addressType(address), name: host, ttl, address }));
  });
}

const absolute = (name: string): string => (name === NOT_OFFERED ? name : `${name}.`);

/** What stands behind the type of a record, in a zone file. */
export function rdataOf(record: DnsRecord): string {
  switch (record.type) {
    case 'SRV':
      return `${record.priority} ${record.weight} ${record.port} ${absolute(record.target)}`;
    case 'NAPTR': {
      const { order, preference, flags, service, replacement } = record;
      return `${order} ${preference} "${flags}" "${service}" "" ${absolute(replacement)}`;
    }
    default:
      return record.address;
  }
}

/** One record as a line of a zone file (RFC 1035 section 5), names absolute. */
export const zoneLine = (record: DnsRecord): string =>
  `${absolute(record.name)} ${record.ttl} IN ${record.type} ${rdataOf(record)}`;
