// Journeys: what tenants weigh. Measurements come in one by one, many at once, or as a table; plans and views read the result.
import { type Actor, ALL_TENANTS } from '../domain/access.ts';
import { type Fault, invalid, notFound } from '../domain/errors.ts';
import type { Placement } from '../domain/failover.ts';
import { loadOf, weightOf } from '../domain/load.ts';
import {
  isAhead,
  type Measurement,
  measurementSchema,
  measurementsSchema,
  type ShownLoad,
  shownLoad,
  type TenantFacts,
} from '../domain/measurement.ts';
import type { Page } from '../domain/page.ts';
import { parseWith } from '../domain/parse.ts';
import type { Fleet } from '../domain/plan/goals.ts';
import type { Planning } from '../domain/planning.ts';
import type { Reads, Store } from '../store/store.ts';
import { note } from './audit.ts';
import { type Headings, readTable } from './csv.ts';

export type LoadHouse = { readonly store: Store; readonly now: () => Date };

const needsLines = ({ load }: Pick<Planning, 'load'>) => load === 'lines';

/** What plans are made from: every server, pool and tenant, with the load in the unit that is wanted. */
export async function fleetNow(reads: Reads, unit: Pick<Planning, 'load'>): Promise<Fleet> {
  const facts = await reads.loads.facts({ lines: needsLines(unit) });
  return {
    servers: await reads.servers.list(),
    pools: await reads.pools.list(),
    tenants: facts.map(({ tenant, pool, weight, phones, lines, measurement }) => ({
      ...{ tenant, pool, phones },
      load: loadOf({ weight, phones, lines, measured: measurement }, unit.load),
    })),
  };
}

/** Where every tenant stands and what it weighs, by the load that was chosen for the installation. */
export async function placementsNow(reads: Reads): Promise<Placement[]> {
  const { tenants } = await fleetNow(reads, await reads.plans.planning());
  return tenants.map(({ tenant, pool, load }) => ({ tenant, pool, weight: weightOf(load) }));
}

export type TenantLoad = ShownLoad & { readonly tenant: string; readonly pool: string };

/** The loads of some tenants, by code. */
export async function loadsOf(
  reads: Reads,
  codes: readonly string[],
  now: Date,
): Promise<ReadonlyMap<string, TenantLoad>> {
  const planning = await reads.plans.planning();
  const facts = await reads.loads.facts({ lines: true, tenants: codes });
  return new Map(facts.map((one) => [one.tenant, withPlace(one, planning, now)]));
}

const withPlace = (facts: TenantFacts, planning: Planning, now: Date): TenantLoad => ({
  ...{ tenant: facts.tenant, pool: facts.pool },
  ...shownLoad(facts, planning, now),
});

/** A page of loads, in the order of the tenants' codes. */
export const listLoads = ({ store, now }: LoadHouse, page: Page): Promise<TenantLoad[]> =>
  store.snapshot(async (reads) => {
    const tenants = await reads.tenants.list(ALL_TENANTS, page);
    const codes = tenants.map(({ code }) => code);
    return [...(await loadsOf(reads, codes, now())).values()];
  });

const checkMoment = (measuredAt: string, now: Date) => {
  if (isAhead(measuredAt, now)) throw invalid(`measuredAt ${measuredAt} lies ahead; check the clock of what measures`);
};

/**
 * Writes what was measured of a tenant; calls or registrations that are left out are unknown from then on.
 * @throws AppError `invalid`, also for a moment that lies ahead; `not_found`
 */
export async function putLoad(house: LoadHouse, code: string, input: unknown, actor: Actor): Promise<TenantLoad> {
  const { measuredAt = house.now().toISOString(), ...measured } = parseWith(measurementSchema, input, 'the load');
  checkMoment(measuredAt, house.now());
  return house.store.transaction(async (tx) => {
    await tx.tenants.get(actor.scope, code);
    const [before] = await tx.loads.facts({ lines: false, tenants: [code] });
    const after = { ...measured, measuredAt };
    await tx.loads.put([{ tenant: code, ...after }]);
    const what = { action: 'load.put', subject: code, tenant: code, before: before?.measurement ?? null, after };
    await note(tx, house, actor, what);
    return loadOfOne(tx, code, house.now());
  });
}

async function loadOfOne(reads: Reads, code: string, now: Date): Promise<TenantLoad> {
  const load = (await loadsOf(reads, [code], now)).get(code);
  if (load === undefined) throw notFound(`tenant ${code}`);
  return load;
}

/** A tenant's load as it is shown. @throws AppError `not_found`, also for a tenant outside the actor's scope */
export const getLoad = ({ store, now }: LoadHouse, code: string, actor: Actor): Promise<TenantLoad> =>
  store.snapshot(async (reads) => loadOfOne(reads, (await reads.tenants.get(actor.scope, code)).code, now()));

/** Forgets what was measured of a tenant. @throws AppError `not_found`, also when nothing was measured */
export async function removeLoad(house: LoadHouse, code: string, actor: Actor): Promise<void> {
  await house.store.transaction(async (tx) => {
    await tx.tenants.get(actor.scope, code);
    const [facts] = await tx.loads.facts({ lines: false, tenants: [code] });
    if (!facts?.measurement) throw notFound(`a measurement of tenant ${code}`);
    await tx.loads.remove(code);
    const before = facts.measurement;
    await note(tx, house, actor, { action: 'load.remove', subject: code, tenant: code, before, after: null });
  });
}

type Measured = Omit<Measurement, 'measuredAt'> & { readonly tenant: string; readonly measuredAt?: string | undefined };

/** How many tenants' measurements were taken, and of how many none is known still. */
export type LoadReport = { readonly measured: number; readonly unknown: number };

/** Writes all measurements or none; a fault names its place. */
function takeAll(house: LoadHouse, items: readonly Measured[], placeOf: (index: number) => string, actor: Actor) {
  const now = house.now();
  return house.store.transaction(async (tx): Promise<LoadReport> => {
    const known = new Set((await tx.loads.facts({ lines: false })).map(({ tenant }) => tenant));
    const seen = new Set<string>();
    const faults: Fault[] = [];
    items.forEach(({ tenant, measuredAt }, index) => {
      const path = placeOf(index);
      if (!known.has(tenant)) faults.push({ path, message: `tenant ${tenant} does not exist` });
      if (seen.has(tenant)) faults.push({ path, message: `names tenant ${tenant} a second time` });
      if (measuredAt !== undefined && isAhead(measuredAt, now)) {
        faults.push({ path, message: `measuredAt ${measuredAt} lies ahead` });
      }
      seen.add(tenant);
    });
    if (faults.length > 0) throw refused(faults);
    await tx.loads.put(items.map(({ measuredAt = now.toISOString(), ...one }) => ({ ...one, measuredAt })));
    const sources = [...new Set(items.map(({ source }) => source))].slice(0, 10);
    const after = { tenants: items.length, sources };
    await note(tx, house, actor, { action: 'load.put', subject: 'loads', before: null, after });
    const facts = await tx.loads.facts({ lines: false });
    return { measured: items.length, unknown: facts.filter(({ measurement }) => measurement === null).length };
  });
}

function refused(faults: readonly Fault[]) {
  const list = faults.slice(0, 5).map(({ path, message }) => `${path}: ${message}`);
  return invalid(`the loads are not taken: ${list.join('; ')}${faults.length > 5 ? ' …' : ''}`, faults);
}

/**
 * Writes what was measured of many tenants, all of it or nothing. Tenants that are not named keep what they have.
 * @throws AppError `invalid` with every fault by its place (`items.3`)
 */
export async function putLoads(house: LoadHouse, input: unknown, actor: Actor): Promise<LoadReport> {
  const { items } = parseWith(measurementsSchema, input, 'the loads');
  return takeAll(house, items, (index) => `items.${index}`, actor);
}

type LoadField = 'tenant' | 'calls' | 'registrations' | 'source' | 'measuredAt';

const HEADINGS: Headings<LoadField> = {
  tenant: ['code', 'tenant code', 'customer'],
  calls: ['concurrent calls', 'max calls', 'peak calls'],
  registrations: ['registered', 'contacts', 'endpoints'],
  source: ['measured by', 'pbx'],
  measuredAt: ['at', 'time', 'date'],
};

/**
 * Writes what a table has measured, with headings such as tenant, calls, registrations, source, measuredAt.
 * @throws AppError `invalid` with every fault by line and column; nothing is written then
 */
export async function importLoads(house: LoadHouse, text: string, actor: Actor): Promise<LoadReport> {
  const { rows, columns, faults: found } = readTable(text, HEADINGS);
  if (!columns.has('tenant')) throw invalid('the table has no column of tenants’ codes; name one "tenant"');
  const place = (line: number, column: number | null | undefined) =>
    column == null ? `line ${line}` : `line ${line}, column ${column}`;
  const faults: Fault[] = found.map(({ line, column, message }) => ({ path: place(line, column), message }));
  const items = rows.flatMap(({ line, cells: { tenant = '', calls, registrations, ...texts } }) => {
    const numbers = {
      ...(calls === undefined ? {} : { calls: Number(calls) }),
      ...(registrations === undefined ? {} : { registrations: Number(registrations) }),
    };
    const checked = measurementSchema.safeParse({ ...texts, ...numbers });
    if (checked.success) return [{ tenant, ...checked.data }];
    for (const { path, message } of checked.error.issues) {
      faults.push({ path: place(line, columns.get(path[0] as LoadField)), message });
    }
    return [];
  });
  if (faults.length > 0) throw refused(faults);
  return takeAll(house, items, (index) => `line ${rows[index]?.line}`, actor);
}
