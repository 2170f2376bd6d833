// Unclaimed phones in the database.
import type { Kysely } from 'kysely';
import type { Scope } from '../domain/access.ts';
import { notFound } from '../domain/errors.ts';
import type { Mac } from '../domain/mac.ts';
import type { Page } from '../domain/page.ts';
import { joinSightings, UNCLAIMED_MAX, type Unclaimed } from '../domain/unclaimed.ts';
import { fromUnclaimed, toUnclaimed } from './codec.ts';
import type { Tables } from './schema.ts';
import { inScope } from './scope.ts';

export const unclaimedReads = (db: Kysely<Tables>) => ({
  async list(scope: Scope, { after, limit, tenant }: Page & { tenant?: string }): Promise<Unclaimed[]> {
    const rows = await db
      .selectFrom('unclaimed')
      .selectAll()
      .where(inScope('unclaimed.tenant', scope))
      .$if(after !== null, (query) => query.where('mac', '>', after))
      .$if(tenant !== undefined, (query) => query.where('tenant', '=', tenant ?? ''))
      .orderBy('mac')
      .limit(limit)
      .execute();
    return rows.map(toUnclaimed);
  },
  /** @throws AppError `not_found`, also for one outside the scope */
  async get(scope: Scope, mac: Mac): Promise<Unclaimed> {
    const query = db
      .selectFrom('unclaimed')
      .selectAll()
      .where('mac', '=', mac)
      .where(inScope('unclaimed.tenant', scope));
    const row = await query.executeTakeFirst();
    if (row === undefined) throw notFound(`unclaimed phone ${mac}`);
    return toUnclaimed(row);
  },
});

export const unclaimedWrites = (db: Kysely<Tables>) => ({
  /**
   * Adds a sighting to what is known of the phone, unless it has been claimed meanwhile. Beyond the tenant's limit a new
   * phone is not taken up.
   * @returns false when it was not for that reason
   */
  async see(sighting: Unclaimed): Promise<boolean> {
    const claimed = await db.selectFrom('phone').select('mac').where('mac', '=', sighting.mac).executeTakeFirst();
    if (claimed !== undefined) return true;
    const row = await db.selectFrom('unclaimed').selectAll().where('mac', '=', sighting.mac).executeTakeFirst();
    if (row !== undefined) {
      const joined = fromUnclaimed(joinSightings(toUnclaimed(row), sighting));
      await db.updateTable('unclaimed').set(joined).where('mac', '=', sighting.mac).execute();
      return true;
    }
    const counted = await db
      .selectFrom('unclaimed')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .where('tenant', '=', sighting.tenant)
      .executeTakeFirst();
    if (Number(counted?.count) >= UNCLAIMED_MAX) return false;
    await db.insertInto('unclaimed').values(fromUnclaimed(sighting)).execute();
    return true;
  },
  /** Puts a phone that somebody has announced among the unclaimed ones, unless it has been seen already. */
  async expect(announced: Unclaimed): Promise<void> {
    await db
      .insertInto('unclaimed')
      .values(fromUnclaimed(announced))
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  },
  async removeMany(macs: readonly Mac[]): Promise<void> {
    if (macs.length > 0) await db.deleteFrom('unclaimed').where('mac', 'in', macs).execute();
  },
  async remove(mac: Mac): Promise<void> {
    await db.deleteFrom('unclaimed').where('mac', '=', mac).execute();
  },
});
