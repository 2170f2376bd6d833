// How plans are made here: what an operator states once for all of them, and what a single order adds to it.
import { z } from 'zod';
import { parseWith } from './parse.ts';
import { type Fleet, goalsSchema, type PlanOrder, planOrderSchema } from './plan/goals.ts';
import { windowSchema } from './plan/windows.ts';
import { nameSchema } from './text.ts';

/** How many windows may stand in the rules. */
const WINDOWS_MAX = 10_000;

const { load, survive, strays, balance, uncovered, pins, exclusions, apart, together } = goalsSchema.unwrap().shape;

/** A window that stands for all tenants without one of their own when it names none. */
const standingWindowSchema = z
  .strictObject({ ...windowSchema.unwrap().shape, tenant: nameSchema.nullable().default(null) })
  .readonly();

export const planningSchema = z
  .strictObject({
    ...{ load, survive, strays, balance, uncovered },
    /** What comes first where an order does not say it; null: few moves for emptying a server, otherwise an even load. */
    first: z.enum(['even', 'few']).nullable().default(null),
    /** Worst ratios that differ by no more count as equal; null: by the size of the fleet. */
    evenness: z.number().min(0).max(100).nullable().default(null),
    ...{ pins, exclusions, apart, together },
    windows: z.array(standingWindowSchema).max(WINDOWS_MAX).default([]).readonly(),
    /** Hours after which a measured load is said to be old. */
    loadOldAfterH: z.number().int().min(1).max(8_760).default(168),
    /** Minutes that a plan may be applied. */
    expiresAfterM: z.number().int().min(1).max(1_440).default(15),
    /** Share of all phones that one application moves without `force`. */
    shareMax: z.number().min(0).max(1).default(0.3),
    /** `second`: somebody else than who proposed a plan must have approved it. */
    approval: z.enum(['none', 'second']).default('none'),
  })
  .readonly();

export type PlanningInput = z.output<typeof planningSchema>;

/** The stored values; the revision counts every change and guards against writes that race. */
export type Planning = PlanningInput & { readonly revision: number };

export const NEW_PLANNING: Planning = { ...planningSchema.parse({}), revision: 0 };

/** What keeps single operators from doing too much; only an owner changes it. */
export const GUARDS: readonly (keyof PlanningInput)[] = ['shareMax', 'approval'];

/** What plans are made from; the rest only says what may be done with them. */
export function rulesOf(planning: Planning) {
  const { loadOldAfterH: _age, expiresAfterM: _expiry, shareMax: _share, approval: _by, ...rules } = planning;
  const { revision: _revision, ...used } = rules;
  return used;
}

type Names = {
  readonly tenants: ReadonlySet<string>;
  readonly pools: ReadonlySet<string>;
  readonly servers: ReadonlySet<string>;
};

const namesOf = ({ tenants, pools, servers }: Fleet): Names => ({
  tenants: new Set(tenants.map(({ tenant }) => tenant)),
  pools: new Set(pools.map(({ name }) => name)),
  servers: new Set(servers.map(({ name }) => name)),
});

type Rules = Pick<PlanningInput, 'pins' | 'exclusions' | 'apart' | 'together' | 'windows'>;

/** Everything that rules name and nobody has: `tenant initech`, each once, in order. */
export function strangersIn({ pins, exclusions, apart, together, windows }: Rules, fleet: Fleet): string[] {
  const names = namesOf(fleet);
  const tenants = [...pins, ...exclusions, ...windows].flatMap(({ tenant }) => tenant ?? []);
  const named = {
    tenant: [...tenants, ...apart.flat(), ...together.flat()],
    pool: [...pins.flatMap(({ pool }) => pool ?? []), ...exclusions.flatMap((one) => one.pools)],
    server: exclusions.flatMap((one) => one.servers),
  };
  const strange = (kind: keyof typeof named, known: ReadonlySet<string>) =>
    [...new Set(named[kind])].filter((name) => !known.has(name)).map((name) => `${kind} ${name}`);
  return [
    ...strange('tenant', names.tenants),
    ...strange('pool', names.pools),
    ...strange('server', names.servers),
  ].sort();
}

/** The rules without what is not there any more. A pin to a pool that is gone goes too. */
function present(rules: Rules, fleet: Fleet): Rules {
  const { tenants, pools, servers } = namesOf(fleet);
  const groups = (list: Rules['apart']) =>
    list.map((group) => group.filter((tenant) => tenants.has(tenant))).filter((group) => group.length > 1);
  return {
    pins: rules.pins.filter(({ tenant, pool }) => tenants.has(tenant) && (pool === null || pools.has(pool))),
    exclusions: rules.exclusions
      .filter(({ tenant }) => tenants.has(tenant))
      .map((one) => ({
        ...one,
        pools: one.pools.filter((name) => pools.has(name)),
        servers: one.servers.filter((name) => servers.has(name)),
      })),
    apart: groups(rules.apart),
    together: groups(rules.together),
    windows: rules.windows.filter(({ tenant }) => tenant === null || tenants.has(tenant)),
  };
}

/** Every tenant's windows: its own, and without one those that stand for all. */
function windowsFor(windows: Rules['windows'], asked: PlanOrder['goals']['windows'], fleet: Fleet) {
  const own = windows.flatMap((window) => (window.tenant === null ? [] : [{ ...window, tenant: window.tenant }]));
  const named = [...own, ...asked];
  const having = new Set(named.map(({ tenant }) => tenant));
  const shared = windows.filter(({ tenant }) => tenant === null);
  const others = shared.length === 0 ? [] : fleet.tenants.filter(({ tenant }) => !having.has(tenant));
  return [...named, ...others.flatMap(({ tenant }) => shared.map((window) => ({ ...window, tenant })))];
}

const saidIn = (input: unknown): ReadonlySet<string> => {
  const goals = (input as { readonly goals?: unknown } | null)?.goals;
  return new Set(typeof goals === 'object' && goals !== null ? Object.keys(goals) : []);
};

/**
 * An order with the standing rules: what it does not say is as it stands there, and its wishes come on top.
 * @throws AppError `invalid` with every wrong field
 */
export function orderWith(planning: Planning, input: unknown, fleet: Fleet): PlanOrder {
  const order = parseWith(planOrderSchema, input, 'the order');
  const { goals } = order;
  const said = saidIn(input);
  const rules = present(planning, fleet);
  const [first, evenness] = [goals.first ?? planning.first, goals.evenness ?? planning.evenness];
  return {
    ...order,
    goals: {
      load: said.has('load') ? goals.load : planning.load,
      survive: said.has('survive') ? goals.survive : planning.survive,
      strays: said.has('strays') ? goals.strays : planning.strays,
      balance: said.has('balance') ? goals.balance : planning.balance,
      uncovered: said.has('uncovered') ? goals.uncovered : planning.uncovered,
      ...(first === null ? {} : { first }),
      ...(evenness === null ? {} : { evenness }),
      pins: [...rules.pins, ...goals.pins],
      exclusions: [...rules.exclusions, ...goals.exclusions],
      apart: [...rules.apart, ...goals.apart],
      together: [...rules.together, ...goals.together],
      windows: windowsFor(rules.windows, goals.windows, fleet),
    },
  };
}
