// DNS from outside: questions to servers, and zones that we may change, whichever way they take changes.
import type { RecordChange, Rrset, SetKey } from '../domain/dns-change.ts';
import type { DnsServer, DnsTarget } from '../domain/dns-target.ts';
import type { NoReading, Reading } from '../domain/reading.ts';
import { powerDnsZone } from './powerdns.ts';
import { type Query, query } from './query.ts';
import { rfc2136Zone } from './rfc2136.ts';
import type { Outside } from './wire.ts';

export type { Query } from './query.ts';

/** How far a write came: how many of the changes are done, in their order, and why not the others. */
export type Written =
  | { readonly kind: 'done'; readonly done: number }
  /** What is published is not what was read; read again. */
  | { readonly kind: 'raced'; readonly done: number }
  | { readonly kind: NoReading['kind']; readonly done: number; readonly why: string };

/** A zone at the server that takes its changes. */
export type ZoneServer = {
  /**
   * The sets that are published under these keys; what is not there is left out.
   * @throws AppError `unavailable` or `conflict` when one of them cannot be known, so that nobody plans on a guess
   */
  read(keys: readonly SetKey[]): Promise<Rrset[]>;
  /** Makes changes, each only while its set is as this connection has read it. Never throws for what the server does. */
  write(changes: readonly RecordChange[]): Promise<Written>;
};

export type Dns = {
  query(server: DnsServer, asked: Query): Promise<Reading>;
  connect(target: DnsTarget): ZoneServer;
  /** The port of servers that a zone names. */
  readonly port: number;
  readonly wait: (milliseconds: number) => Promise<void>;
};

/** DNS with the clock, the randomness and the patience that it is given. */
export const openDns = (outside: Outside, port = 53): Dns => ({
  query: (server, asked) => query(server, asked, outside),
  connect: (target) => (target.kind === 'rfc2136' ? rfc2136Zone(target, outside) : powerDnsZone(target, outside)),
  port,
  wait: outside.wait,
});
