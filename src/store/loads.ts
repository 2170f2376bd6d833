// What tenants weigh, in the database: what somebody said, what is counted, and what was measured.
import type { Kysely, Selectable } from 'kysely';
import type { Measurement, TenantFacts } from '../domain/measurement.ts';
import type { Tables } from './schema.ts';

const AT_ONCE = 500;

const pieces = <Item>(items: readonly Item[]): Item[][] =>
  Array.from({ length: Math.ceil(items.length / AT_ONCE) }, (_, index) =>
    items.slice(index * AT_ONCE, (index + 1) * AT_ONCE),
  );

const numberOrNull = (text: string | null) => (text === null ? null : Number(text));
const textOrNull = (value: number | null) => (value === null ? null : String(value));

const toMeasurement = (row: Selectable<Tables['tenant_load']>): Measurement => ({
  calls: numberOrNull(row.calls),
  registrations: numberOrNull(row.registrations),
  source: row.source,
  measuredAt: row.measured_at,
});

const countsOf = (rows: readonly { tenant: string; count: number | string | bigint }[]) =>
  new Map(rows.map(({ tenant, count }) => [tenant, Number(count)]));

export const loadReads = (db: Kysely<Tables>) => ({
  /**
   * What is known of the load of every tenant, or of some, in the order of their codes. Lines are counted only when they are
   * asked for, as that reads every phone; otherwise they are 0.
   */
  async facts({ lines, tenants }: { lines: boolean; tenants?: readonly string[] }): Promise<TenantFacts[]> {
    const some = tenants === undefined ? [] : [...tenants];
    const all = tenants === undefined;
    const rows = await db
      .selectFrom('tenant')
      .select(['code', 'pool', 'weight'])
      .$if(!all, (query) => query.where('code', 'in', some))
      .orderBy('code')
      .execute();
    const phones = await db
      .selectFrom('phone')
      .select(({ fn }) => ['phone.tenant', fn.countAll<number>().as('count')])
      .$if(!all, (query) => query.where('phone.tenant', 'in', some))
      .groupBy('phone.tenant')
      .execute();
    const counted = lines
      ? await db
          .selectFrom('phone')
          .innerJoin('line', 'line.mac', 'phone.mac')
          .select(({ fn }) => ['phone.tenant', fn.countAll<number>().as('count')])
          .$if(!all, (query) => query.where('phone.tenant', 'in', some))
          .groupBy('phone.tenant')
          .execute()
      : [];
    const measured = await db
      .selectFrom('tenant_load')
      .selectAll()
      .$if(!all, (query) => query.where('tenant', 'in', some))
      .execute();
    const [phonesOf, linesOf] = [countsOf(phones), countsOf(counted)];
    const measurements = new Map(measured.map((row) => [row.tenant, toMeasurement(row)]));
    return rows.map(({ code, pool, weight }) => ({
      ...{ tenant: code, pool, weight: numberOrNull(weight) },
      ...{ phones: phonesOf.get(code) ?? 0, lines: linesOf.get(code) ?? 0 },
      measurement: measurements.get(code) ?? null,
    }));
  },
});

export const loadWrites = (db: Kysely<Tables>) => ({
  /** Writes measurements; what was measured of these tenants before is replaced. */
  async put(items: readonly (Measurement & { readonly tenant: string })[]): Promise<void> {
    for (const piece of pieces(items)) {
      await db
        .insertInto('tenant_load')
        .values(
          piece.map(({ tenant, calls, registrations, source, measuredAt }) => ({
            ...{ tenant, calls: textOrNull(calls), registrations: textOrNull(registrations), source },
            measured_at: measuredAt,
          })),
        )
        .onConflict((taken) =>
          taken.column('tenant').doUpdateSet((set) => ({
            calls: set.ref('excluded.calls'),
            registrations: set.ref('excluded.registrations'),
            source: set.ref('excluded.source'),
            measured_at: set.ref('excluded.measured_at'),
          })),
        )
        .execute();
    }
  },
  async remove(tenant: string): Promise<void> {
    await db.deleteFrom('tenant_load').where('tenant', '=', tenant).execute();
  },
});
