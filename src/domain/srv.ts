// A pool → the DNS records that should exist for it (RFC 2782 for SRV, RFC 3263 section 4.1 for NAPTR).
import type { Pool, Transport } from './pool.ts';
import type { Server } from './server.ts';

const SERVICES: Record<Transport, { prefix: string; naptr: string }> = {
  udp: { prefix: '_sip._udp', naptr: 'SIP+D2U' },
  tcp: { prefix: '_sip._tcp', naptr: 'SIP+D2T' },
  tls: { prefix: '_sips._tcp', naptr: 'SIPS+D2T' },
};

export type SrvRecord = {
  readonly type: 'SRV';
  readonly name: string;
  readonly ttl: number;
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
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

export type DnsRecord = SrvRecord | NaptrRecord;

/**
 * All records of a pool, NAPTR first, then SRV by transport and priority; names without a trailing dot. NAPTR names only
 * the transports that the pool offers, most wanted first, so that a phone cannot choose one that is not there.
 * @param hosts server name → host name
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
  return [...naptr, ...srv];
}

/** One record as a line of a zone file (RFC 1035 section 5), names absolute. */
export function zoneLine(record: DnsRecord): string {
  const head = `${record.name}. ${record.ttl} IN ${record.type}`;
  return record.type === 'SRV'
    ? `${head} ${record.priority} ${record.weight} ${record.port} ${record.target}.`
    : `${head} ${record.order} ${record.preference} "${record.flags}" "${record.service}" "" ${record.replacement}.`;
}
