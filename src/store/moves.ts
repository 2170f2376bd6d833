// Moves in the database: which tenant went from which pool to which, when and by whom.
import type { Kysely, Selectable } from 'kysely';
import type { RoadName } from '../domain/roads.ts';
import type { Tables } from './schema.ts';

export type Move = {
  readonly at: string;
  readonly tenant: string;
  readonly fromPool: string;
  readonly toPool: string;
  readonly phones: number;
  readonly actor: string;
  /** The plan that it was made by; null for one that somebody made alone. */
  readonly plan: number | null;
  /** By which road its phones were to learn of it; null for one that is older than roads. */
  readonly road: RoadName | null;
};

/** A move as it is kept; later ones have larger ids. */
export type StoredMove = Move & { readonly id: number };

const toMove = ({ from_pool: fromPool, to_pool: toPool, ...row }: Selectable<Tables['move']>): StoredMove => ({
  ...row,
  road: row.road as RoadName | null,
  fromPool,
  toPool,
});

/** Rows that one statement adds. */
const AT_ONCE = 500;

export const moveReads = (db: Kysely<Tables>) => ({
  /** The moves of a tenant before one (null: before none), newest first. */
  async list(tenant: string, { before, limit }: { before: number | null; limit: number }): Promise<StoredMove[]> {
    const rows = await db
      .selectFrom('move')
      .selectAll()
      .where('tenant', '=', tenant)
      .$if(before !== null, (query) => query.where('id', '<', before ?? 0))
      .orderBy('id', 'desc')
      .limit(limit)
      .execute();
    return rows.map(toMove);
  },
  /** The moves of a plan, in the order in which they were made. */
  async ofPlan(plan: number): Promise<StoredMove[]> {
    return (await db.selectFrom('move').selectAll().where('plan', '=', plan).orderBy('id').execute()).map(toMove);
  },
  /** The newest move of each tenant whose newest move was made by a plan. */
  async lastByPlan(): Promise<StoredMove[]> {
    const rows = await db
      .selectFrom('move')
      .selectAll()
      .where('plan', 'is not', null)
      .where('id', '=', (newest) =>
        newest
          .selectFrom('move as other')
          .whereRef('other.tenant', '=', 'move.tenant')
          .select(({ fn }) => fn.max('other.id').as('id')),
      )
      .orderBy('id')
      .execute();
    return rows.map(toMove);
  },
});

export const moveWrites = (db: Kysely<Tables>) => ({
  /** Adds moves in their order. */
  async add(...moves: readonly Move[]): Promise<void> {
    for (let from = 0; from < moves.length; from += AT_ONCE) {
      await db
        .insertInto('move')
        .values(
          moves
            .slice(from, from + AT_ONCE)
            .map(({ fromPool, toPool, ...move }) => ({ ...move, from_pool: fromPool, to_pool: toPool })),
        )
        .execute();
    }
  },
});
