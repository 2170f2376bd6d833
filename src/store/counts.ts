// How many phones there are and when they were last heard of, for the metrics.
import { setImmediate as othersFirst } from 'node:timers/promises';
import type { Kysely } from 'kysely';
import type { Tables } from './schema.ts';

export type VendorCount = {
  readonly vendor: string;
  readonly total: number;
  readonly enabled: number;
  /** Enabled ones that asked for something since `fetchedSince`. */
  readonly fetched: number;
  /** Enabled ones that have asked for nothing since `silentSince`. */
  readonly silent: number;
};

/** Moments, ISO 8601 in UTC. */
export type CountSince = { readonly fetchedSince: string; readonly silentSince: string };

/** So many phones are looked at before requests get their turn again: a few milliseconds. */
const AT_ONCE = 500;

export type Counts = ReturnType<typeof countReads>;

export const countReads = (db: Kysely<Tables>) => ({
  /**
   * Phones by vendor, in the order of the vendors' names. Looks at the latest record of each phone by its index and lets
   * others have their turn between pages, so that no phone waits for it.
   */
  async phones({ fetchedSince, silentSince }: CountSince): Promise<VendorCount[]> {
    const counts = new Map<string, VendorCount>();
    for (let after = ''; ; ) {
      const rows = await pageOfPhones(db, after);
      for (const { vendor, enabled, at } of rows) {
        const before = counts.get(vendor) ?? { vendor, total: 0, enabled: 0, fetched: 0, silent: 0 };
        counts.set(vendor, {
          vendor,
          total: before.total + 1,
          enabled: before.enabled + enabled,
          fetched: before.fetched + (enabled === 1 && at !== null && at >= fetchedSince ? 1 : 0),
          silent: before.silent + (enabled === 1 && (at === null || at < silentSince) ? 1 : 0),
        });
      }
      if (rows.length < AT_ONCE) break;
      after = rows.at(-1)?.mac ?? '';
      await othersFirst();
    }
    return [...counts.values()].sort((one, other) => (one.vendor < other.vendor ? -1 : 1));
  },
  /** How many phones nobody has claimed. */
  async unclaimed(): Promise<number> {
    const row = await db
      .selectFrom('unclaimed')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .executeTakeFirst();
    return Number(row?.count ?? 0);
  },
});

const pageOfPhones = (db: Kysely<Tables>, after: string) =>
  db
    .selectFrom('phone')
    .select(({ selectFrom }) => [
      'mac',
      'vendor',
      'enabled',
      selectFrom('fetch').select('at').whereRef('fetch.mac', '=', 'phone.mac').orderBy('id', 'desc').limit(1).as('at'),
    ])
    .where('mac', '>', after)
    .orderBy('mac')
    .limit(AT_ONCE)
    .execute();
