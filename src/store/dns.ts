// DNS in the database: where records are published, which names we have published, and what checks have found.
import type { Kysely } from 'kysely';
import type { SetKey, SetType } from '../domain/dns-change.ts';
import { type DnsSettings, type DnsTarget, NO_DNS_SETTINGS } from '../domain/dns-target.ts';
import type { PoolVerdict } from '../domain/dns-verdict.ts';
import { notFound } from '../domain/errors.ts';
import { fromDnsTarget, toDnsTarget } from './codec.ts';
import type { Tables } from './schema.ts';
import type { Secrets } from './secrets.ts';

const SETTINGS = 'dns';
/** With a check every five minutes, about two days. */
const CHECKS_KEPT = 500;
const KEYS_AT_ONCE = 200;

export type PublishedKey = SetKey & { readonly zone: string };

/** A server of a zone, as a check found it. */
export type ZoneServerState = {
  readonly server: string;
  /** `answers`, or the way in which it does not. */
  readonly state: string;
  readonly why: string | null;
  /** The serial of the zone there; null when it did not say. */
  readonly serial: number | null;
};

export type ZoneState = { readonly zone: string; readonly servers: readonly ZoneServerState[] };

export type DnsCheck = {
  readonly id: number;
  readonly startedAt: string;
  readonly endedAt: string;
  readonly fine: number;
  readonly drift: number;
  readonly unknown: number;
  readonly zones: readonly ZoneState[];
  /** The pools that were not fine, some of them when they are many. */
  readonly pools: readonly PoolVerdict[];
};

export type StoredVerdict = PoolVerdict & { readonly at: string };

const toCheck = (row: Omit<Tables['dns_check'], 'id'> & { id: number }): DnsCheck => ({
  id: row.id,
  startedAt: row.started_at,
  endedAt: row.ended_at ?? row.started_at,
  ...{ fine: row.fine, drift: row.drift, unknown: row.unknown },
  zones: JSON.parse(row.zones) as ZoneState[],
  pools: JSON.parse(row.pools) as PoolVerdict[],
});

const toVerdict = ({ at, verdict }: Tables['dns_verdict']): StoredVerdict => ({
  ...(JSON.parse(verdict) as PoolVerdict),
  at,
});

export const dnsReads = (db: Kysely<Tables>, secrets: Secrets) => ({
  async settings(): Promise<DnsSettings> {
    const query = db.selectFrom('installation').select('value').where('name', '=', SETTINGS);
    const row = await query.executeTakeFirst();
    return row === undefined ? NO_DNS_SETTINGS : (JSON.parse(row.value) as DnsSettings);
  },
  /** All targets, in the order of their zones. */
  async targets(): Promise<DnsTarget[]> {
    const rows = await db.selectFrom('dns_target').selectAll().orderBy('zone').execute();
    return rows.map((row) => toDnsTarget(row, secrets));
  },
  /** @throws AppError `not_found` */
  async target(zone: string): Promise<DnsTarget> {
    const row = await db.selectFrom('dns_target').selectAll().where('zone', '=', zone).executeTakeFirst();
    if (row === undefined) throw notFound(`a DNS target for zone ${zone}`);
    return toDnsTarget(row, secrets);
  },
  /** The record sets that we have published and not taken out again. */
  async published(): Promise<PublishedKey[]> {
    const rows = await db.selectFrom('dns_published').selectAll().orderBy('name').orderBy('type').execute();
    return rows.map(({ name, type, zone }) => ({ name, type: type as SetType, zone }));
  },
  /** Checks that have ended, newest first. */
  async checks({ before, limit }: { before: number | null; limit: number }): Promise<DnsCheck[]> {
    let query = db.selectFrom('dns_check').selectAll().where('ended_at', 'is not', null);
    if (before !== null) query = query.where('id', '<', before);
    return (await query.orderBy('id', 'desc').limit(limit).execute()).map(toCheck);
  },
  /** When the newest check began, ended or not; null before the first. */
  async lastStart(): Promise<string | null> {
    const query = db.selectFrom('dns_check').select('started_at').orderBy('id', 'desc').limit(1);
    return (await query.executeTakeFirst())?.started_at ?? null;
  },
  /** What was last found of every pool. */
  async verdicts(): Promise<StoredVerdict[]> {
    return (await db.selectFrom('dns_verdict').selectAll().orderBy('pool').execute()).map(toVerdict);
  },
  async verdict(pool: string): Promise<StoredVerdict | null> {
    const row = await db.selectFrom('dns_verdict').selectAll().where('pool', '=', pool).executeTakeFirst();
    return row === undefined ? null : toVerdict(row);
  },
});

/** Keys in pieces that fit into one statement. */
const pieces = <Item>(items: readonly Item[]): Item[][] =>
  Array.from({ length: Math.ceil(items.length / KEYS_AT_ONCE) }, (_, index) =>
    items.slice(index * KEYS_AT_ONCE, (index + 1) * KEYS_AT_ONCE),
  );

export const dnsWrites = (db: Kysely<Tables>, secrets: Secrets) => ({
  async putSettings(settings: DnsSettings): Promise<void> {
    const value = JSON.stringify(settings);
    await db
      .insertInto('installation')
      .values({ name: SETTINGS, value })
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
      .execute();
  },
  /** Adds the target of a zone, or replaces the one that is there. */
  async putTarget(target: DnsTarget): Promise<void> {
    const { zone, ...values } = fromDnsTarget(target, secrets);
    await db
      .insertInto('dns_target')
      .values({ zone, ...values })
      .onConflict((conflict) => conflict.column('zone').doUpdateSet(values))
      .execute();
  },
  async removeTarget(zone: string): Promise<void> {
    await db.deleteFrom('dns_target').where('zone', '=', zone).execute();
  },
  /** Remembers sets as ours, from before they are published. */
  async remember(keys: readonly PublishedKey[], at: string): Promise<void> {
    for (const piece of pieces(keys)) {
      const rows = piece.map(({ name, type, zone }) => ({ name, type, zone, at }));
      await db
        .insertInto('dns_published')
        .values(rows)
        .onConflict((conflict) =>
          conflict.columns(['name', 'type']).doUpdateSet((set) => ({ zone: set.ref('excluded.zone') })),
        )
        .execute();
    }
  },
  /** Forgets sets that were taken out. */
  async forget(keys: readonly SetKey[]): Promise<void> {
    for (const { name, type } of keys) {
      await db.deleteFrom('dns_published').where('name', '=', name).where('type', '=', type).execute();
    }
  },
  /** Begins a check. */
  async begin(startedAt: string): Promise<number> {
    const row = { started_at: startedAt, ended_at: null, fine: 0, drift: 0, unknown: 0, zones: '[]', pools: '[]' };
    const { id } = await db.insertInto('dns_check').values(row).returning('id').executeTakeFirstOrThrow();
    return id;
  },
  /** Ends a check with what it found; what it says of every pool replaces what was known, and the oldest checks go. */
  async end({ pools, zones, id, endedAt, fine, drift, unknown }: DnsCheck, verdicts: readonly PoolVerdict[]) {
    const values = { zones: JSON.stringify(zones), pools: JSON.stringify(pools), ended_at: endedAt };
    await db
      .updateTable('dns_check')
      .set({ ...values, fine, drift, unknown })
      .where('id', '=', id)
      .execute();
    await db
      .deleteFrom('dns_check')
      .where('id', '<=', id - CHECKS_KEPT)
      .execute();
    await db.deleteFrom('dns_verdict').execute();
    for (const piece of pieces(verdicts)) {
      const rows = piece.map((verdict) => ({ pool: verdict.pool, at: endedAt, verdict: JSON.stringify(verdict) }));
      await db.insertInto('dns_verdict').values(rows).execute();
    }
  },
});
