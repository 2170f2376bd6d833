// Pools and their targets in the database.
import type { Kysely } from 'kysely';
import { notFound } from '../domain/errors.ts';
import type { Pool } from '../domain/pool.ts';
import type { VendorCount } from '../domain/simulation.ts';
import { fromPool, toPool } from './codec.ts';
import type { Tables } from './schema.ts';

export const poolReads = (db: Kysely<Tables>) => ({
  async list(): Promise<Pool[]> {
    const pools = await db.selectFrom('pool').selectAll().orderBy('name').execute();
    const targets = await db.selectFrom('pool_target').selectAll().orderBy('pool').orderBy('position').execute();
    const byPool = Map.groupBy(targets, (target) => target.pool);
    return pools.map((pool) => toPool(pool, byPool.get(pool.name) ?? []));
  },
  /** @throws AppError `not_found` */
  async get(name: string): Promise<Pool> {
    const row = await db.selectFrom('pool').selectAll().where('name', '=', name).executeTakeFirst();
    if (row === undefined) throw notFound(`pool ${name}`);
    const targets = await db
      .selectFrom('pool_target')
      .selectAll()
      .where('pool', '=', name)
      .orderBy('position')
      .execute();
    return toPool(row, targets);
  },
  /** How many enabled phones of each vendor the pool's tenants have, in the order of the vendors' names. */
  async phones(name: string): Promise<VendorCount[]> {
    const rows = await db
      .selectFrom('phone')
      .innerJoin('tenant', 'tenant.code', 'phone.tenant')
      .select('phone.vendor')
      .select(({ fn }) => fn.countAll<number>().as('phones'))
      .where('tenant.pool', '=', name)
      .where('phone.enabled', '=', 1)
      .groupBy('phone.vendor')
      .orderBy('phone.vendor')
      .execute();
    return rows.map(({ vendor, phones }) => ({ vendor, phones: Number(phones) }));
  },
});

export const poolWrites = (db: Kysely<Tables>) => {
  const addTargets = (pool: Pool) =>
    db
      .insertInto('pool_target')
      .values(pool.targets.map((target, position) => ({ ...target, pool: pool.name, position })))
      .execute();
  return {
    async add(pool: Pool): Promise<void> {
      await db.insertInto('pool').values(fromPool(pool)).execute();
      await addTargets(pool);
    },
    async replace(pool: Pool): Promise<void> {
      await db.updateTable('pool').set(fromPool(pool)).where('name', '=', pool.name).execute();
      await db.deleteFrom('pool_target').where('pool', '=', pool.name).execute();
      await addTargets(pool);
    },
    async remove(name: string): Promise<void> {
      await db.deleteFrom('pool').where('name', '=', name).execute();
    },
  };
};
