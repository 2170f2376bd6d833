// Fetch records in the database.
import type { Kysely } from 'kysely';
import type { Scope } from '../domain/access.ts';
import type { Fetch } from '../domain/fetch.ts';
import type { Mac } from '../domain/mac.ts';
import { fromFetch, toFetch } from './codec.ts';
import type { Tables } from './schema.ts';
import { inScope } from './scope.ts';

export type FetchFilter = {
  readonly mac?: string;
  readonly tenant?: string;
  readonly limit: number;
  /** Only fetches before this one; left out or null, the newest. */
  readonly before?: number | null;
};

/** A fetch as it is kept; later ones have larger ids. */
export type StoredFetch = Fetch & { readonly id: number };

export const fetchReads = (db: Kysely<Tables>) => ({
  /** The latest fetches, newest first. */
  async list(scope: Scope, { mac, tenant, limit, before = null }: FetchFilter): Promise<StoredFetch[]> {
    const rows = await db
      .selectFrom('fetch')
      .selectAll()
      .where(inScope('fetch.tenant', scope))
      .$if(mac !== undefined, (query) => query.where('mac', '=', mac ?? ''))
      .$if(tenant !== undefined, (query) => query.where('tenant', '=', tenant ?? ''))
      .$if(before !== null, (query) => query.where('id', '<', before ?? 0))
      .orderBy('id', 'desc')
      .limit(limit)
      .execute();
    return rows.map((row) => ({ ...toFetch(row), id: Number(row.id) }));
  },
  /** The address at which a phone was served last; null when it never was. */
  async lastServedAt(mac: Mac): Promise<string | null> {
    const row = await db
      .selectFrom('fetch')
      .select('address')
      .where('mac', '=', mac)
      .where('status', '<', 400)
      .orderBy('id', 'desc')
      .limit(1)
      .executeTakeFirst();
    return row?.address ?? null;
  },
  /** How many of a tenant's enabled phones have fetched nothing since. */
  async silentSince(tenant: string, at: string): Promise<number> {
    const fetched = db.selectFrom('fetch').select('mac').where('tenant', '=', tenant).where('at', '>=', at);
    const row = await db
      .selectFrom('phone')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .where('tenant', '=', tenant)
      .where('enabled', '=', 1)
      .where('mac', 'not in', fetched)
      .executeTakeFirst();
    return Number(row?.count ?? 0);
  },
});

export const fetchWrites = (db: Kysely<Tables>) => ({
  async add(fetches: readonly Fetch[]): Promise<void> {
    await db.insertInto('fetch').values(fetches.map(fromFetch)).execute();
  },
});
