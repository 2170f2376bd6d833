// Tenants, their tokens and their placement in the database.
import { type Kysely, sql } from 'kysely';
import type { Scope } from '../domain/access.ts';
import { conflict, notFound } from '../domain/errors.ts';
import type { Placement } from '../domain/failover.ts';
import type { Page } from '../domain/page.ts';
import type { AssignablePool } from '../domain/pool.ts';
import type { Tenant } from '../domain/tenant.ts';
import { hashToken } from '../domain/token.ts';
import { fromTenant, tokenPlace, toTenant } from './codec.ts';
import type { Tables } from './schema.ts';
import { inScope } from './scope.ts';
import type { Secrets } from './secrets.ts';

/** A tenant as it is stored, with the number of its phones (its load where nobody set a weight) and its token. */
export type StoredTenant = Tenant & { readonly phones: number; readonly token: string };

export type TenantFilter = {
  readonly pool?: string;
  readonly binding?: Tenant['binding'];
  /** A part of the code, the name or the SIP domain, in any case. */
  readonly search?: string;
};

function found(text: string) {
  const part = `%${text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase()).replaceAll(/[\\%_]/g, '\\$&')}%`;
  const columns = ['tenant.code', 'tenant.name', 'tenant.sip_domain'] as const;
  const inOne = columns.map((column) => sql`lower(${sql.ref(column)}) like ${part} escape '\\'`);
  return sql<boolean>`(${sql.join(inOne, sql` or `)})`;
}

export const tenantReads = (db: Kysely<Tables>, secrets: Secrets) => {
  const select = (scope: Scope) =>
    db
      .selectFrom('tenant')
      .selectAll('tenant')
      .where(inScope('tenant.code', scope))
      .select((tenant) =>
        tenant
          .selectFrom('phone')
          .whereRef('phone.tenant', '=', 'tenant.code')
          .select((phone) => phone.fn.countAll<number>().as('count'))
          .as('phones'),
      );
  const toStored = (row: Tables['tenant'] & { phones: number | null }): StoredTenant => ({
    ...toTenant(row, secrets),
    phones: Number(row.phones),
    token: secrets.open(row.token_sealed, tokenPlace(row.code)),
  });
  return {
    async list(scope: Scope, { after, limit, ...filter }: Page & TenantFilter): Promise<StoredTenant[]> {
      const { pool, binding, search } = filter;
      const rows = await select(scope)
        .$if(after !== null, (query) => query.where('code', '>', after))
        .$if(pool !== undefined, (query) => query.where('pool', '=', pool ?? ''))
        .$if(binding !== undefined, (query) => query.where('binding', '=', binding ?? ''))
        .$if(search !== undefined, (query) => query.where(found(search ?? '')))
        .orderBy('code')
        .limit(limit)
        .execute();
      return rows.map(toStored);
    },
    /** @throws AppError `not_found`, also for a tenant outside the scope */
    async get(scope: Scope, code: string): Promise<StoredTenant> {
      const row = await select(scope).where('code', '=', code).executeTakeFirst();
      if (row === undefined) throw notFound(`tenant ${code}`);
      return toStored(row);
    },
    /** Where every tenant stands and what it weighs: what somebody said, or the number of its phones. */
    async placements(): Promise<Placement[]> {
      const rows = await db
        .selectFrom('tenant')
        .leftJoin('phone', 'phone.tenant', 'tenant.code')
        .select(['tenant.code', 'tenant.pool', 'tenant.weight'])
        .select(({ fn }) => fn.count<number>('phone.mac').as('phones'))
        .groupBy(['tenant.code', 'tenant.pool', 'tenant.weight'])
        .orderBy('tenant.code')
        .execute();
      return rows.map(({ code, pool, weight, phones }) => {
        return { tenant: code, pool, weight: weight === null ? Number(phones) : Number(weight) };
      });
    },
    async exists(code: string): Promise<boolean> {
      return (await db.selectFrom('tenant').select('code').where('code', '=', code).executeTakeFirst()) !== undefined;
    },
  };
};

/** Tenants that one statement places. */
const PLACED_AT_ONCE = 500;

export const tenantWrites = (db: Kysely<Tables>, secrets: Secrets) => ({
  /** Only an assignable pool can be named: the type is the proof that somebody has looked. */
  async add(
    tenant: Omit<Tenant, 'pool' | 'revision'>,
    pool: AssignablePool,
    token: string,
    at: string | null = null,
  ): Promise<void> {
    const row = fromTenant({ ...tenant, pool: pool.name, revision: 1 }, secrets);
    const token_sealed = secrets.seal(token, tokenPlace(tenant.code));
    await db
      .insertInto('tenant')
      .values({ ...row, token_hash: hashToken(token), token_sealed, token_made_at: at })
      .execute();
  },
  /**
   * Changes everything but the placement; `tenant.revision` is the one that was read.
   * @throws AppError `conflict` when somebody else changed the tenant since
   */
  async replace({ pool: _pool, ...tenant }: Tenant): Promise<void> {
    const { pool: _placement, ...row } = fromTenant({ ...tenant, pool: '', revision: tenant.revision + 1 }, secrets);
    await changeOne(db, tenant.code, tenant.revision, row);
  },
  /**
   * Places the tenant on another pool.
   * @throws AppError `conflict` when somebody else changed the tenant since
   */
  async place(tenant: Tenant, pool: AssignablePool): Promise<void> {
    await changeOne(db, tenant.code, tenant.revision, { pool: pool.name, revision: tenant.revision + 1 });
  },
  /**
   * Places tenants on another pool, all from the same one.
   * @throws AppError `conflict` when one of them does not stand on that pool any more
   */
  async placeMany(codes: readonly string[], from: string, pool: AssignablePool): Promise<void> {
    for (let start = 0; start < codes.length; start += PLACED_AT_ONCE) {
      const some = codes.slice(start, start + PLACED_AT_ONCE);
      const { numUpdatedRows } = await db
        .updateTable('tenant')
        .set(({ eb }) => ({ pool: pool.name, revision: eb('revision', '+', 1) }))
        .where('code', 'in', some)
        .where('pool', '=', from)
        .executeTakeFirst();
      if (numUpdatedRows !== BigInt(some.length)) {
        throw conflict(`some of the tenants ${some.slice(0, 3).join(', ')} … are not on pool ${from} any more`);
      }
    }
  },
  async remove(code: string): Promise<void> {
    await db.deleteFrom('tenant').where('code', '=', code).execute();
  },
});

async function changeOne(db: Kysely<Tables>, code: string, revision: number, values: Partial<Tables['tenant']>) {
  const { numUpdatedRows } = await db
    .updateTable('tenant')
    .set(values)
    .where('code', '=', code)
    .where('revision', '=', revision)
    .executeTakeFirst();
  if (numUpdatedRows !== 1n) throw conflict(`tenant ${code} has changed since revision ${revision}; read it again`);
}
