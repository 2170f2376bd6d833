// Moves in the database: which tenant went from which pool to which, when and by whom.
import type { Kysely } from 'kysely';
import type { Tables } from './schema.ts';

export type Move = {
  readonly at: string;
  readonly tenant: string;
  readonly fromPool: string;
  readonly toPool: string;
  readonly phones: number;
  readonly actor: string;
};

export const moveReads = (db: Kysely<Tables>) => ({
  /** The latest moves of a tenant, newest first. */
  async list(tenant: string, limit: number): Promise<Move[]> {
    const rows = await db
      .selectFrom('move')
      .selectAll()
      .where('tenant', '=', tenant)
      .orderBy('id', 'desc')
      .limit(limit)
      .execute();
    return rows.map(({ id: _id, from_pool: fromPool, to_pool: toPool, ...row }) => ({ ...row, fromPool, toPool }));
  },
});

export const moveWrites = (db: Kysely<Tables>) => ({
  async add({ fromPool, toPool, ...move }: Move): Promise<void> {
    await db
      .insertInto('move')
      .values({ ...move, from_pool: fromPool, to_pool: toPool })
      .execute();
  },
});
