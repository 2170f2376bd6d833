// The fleet and the goals as numbers: what may go where, what it costs, and what must hold.
import { invalid } from '../errors.ts';
import { weightOf } from '../load.ts';
import { bestServers, checkAssignable, type Pool } from '../pool.ts';
import type { Server } from '../server.ts';
import type { Fleet, Goals, Infeasible, PlannedTenant, PlanOrder, Refusal } from './goals.ts';
import { type Row, rowsOf } from './rows.ts';
import { isOpen, windowText } from './windows.ts';

/** What is placed as one: a tenant, or tenants that must stand together. */
export type Item = {
  readonly members: readonly number[];
  readonly weight: number;
  /** Where it stands, most of it when its tenants stand apart. */
  readonly home: number;
  /** Pools that it may end on. */
  readonly choices: readonly number[];
  /** Pool → phones moved, with a fraction for each tenant moved, when it ends there. */
  readonly costs: Float64Array;
  /** The cost of the cheapest end other than home; infinite where there is none. */
  readonly least: number;
};

export type Problem = {
  readonly tenants: readonly PlannedTenant[];
  readonly servers: readonly Server[];
  readonly pools: readonly Pool[];
  /** Pool → number of its primary server; tenants that must stay apart have different ones. */
  readonly zones: Int32Array;
  readonly items: readonly Item[];
  readonly rows: readonly Row[];
  /** Items of each group that must stay apart. */
  readonly apart: readonly (readonly number[])[];
  /** What one moved tenant costs, in phones: less than one phone for all of them. */
  readonly tenantCost: number;
  /** Tenant → why it must leave its pool, or null. */
  readonly leaves: readonly (string | null)[];
  readonly refused: readonly Refusal[];
  /** What makes every plan impossible, as far as it is seen at once. */
  readonly infeasible: readonly Infeasible[];
  readonly notes: readonly string[];
};

const byName = <Named extends { name: string }>(list: readonly Named[]): Named[] =>
  list.toSorted((one, other) => (one.name < other.name ? -1 : 1));

/** The fleet with the servers as the order wants them, everything by name. @throws AppError `invalid` for unknown names */
export function fleetFor(fleet: Fleet, order: PlanOrder): Fleet {
  const [leaving, returning] = [new Set([...order.drain, ...order.remove]), new Set(order.bringBack)];
  const servers = [...fleet.servers, ...order.add.servers];
  checkNames('server', [...leaving, ...returning], new Set(servers.map(({ name }) => name)));
  const both = [...leaving].find((name) => returning.has(name));
  if (both !== undefined) throw invalid(`server ${both} cannot be emptied and brought back in one plan`);
  const stateOf = ({ name, state }: Server) =>
    leaving.has(name) ? 'draining' : returning.has(name) ? 'active' : state;
  const pools = [...fleet.pools, ...order.add.pools];
  checkNames(
    'server',
    [...pools.flatMap((pool) => pool.targets.map(({ server }) => server))],
    new Set(servers.map(({ name }) => name)),
  );
  for (const list of [servers, pools]) {
    const twice = byName(list as { name: string }[]).find(({ name }, index, all) => name === all[index + 1]?.name);
    if (twice !== undefined) throw invalid(`${twice.name} exists already; add only what is new`);
  }
  return {
    servers: byName(servers).map((server) => ({ ...server, state: stateOf(server) })),
    pools: byName(pools),
    tenants: fleet.tenants.toSorted((one, other) => (one.tenant < other.tenant ? -1 : 1)),
  };
}

function checkNames(kind: string, named: readonly string[], known: ReadonlySet<string>): void {
  const missing = named.find((name) => !known.has(name));
  if (missing !== undefined) throw invalid(`${kind} ${missing} does not exist; the order names it`);
}

/** What a tenant may do: where it may end, or why it stays. */
type Leave = { readonly choices: readonly number[]; readonly stays: string | null; readonly leaves: string | null };

type Ground = {
  readonly goals: Goals;
  readonly pools: readonly Pool[];
  readonly poolOf: ReadonlyMap<string, number>;
  readonly available: ReadonlySet<string>;
  readonly primary: readonly string[];
  /** Pools that tenants may be put on. */
  readonly open: readonly number[];
  /** Pools with a backup server that is there. */
  readonly covered: ReadonlySet<number>;
  /** Where a tenant without wishes may go. */
  readonly ends: readonly number[];
};

function groundOf(goals: Goals, servers: readonly Server[], pools: readonly Pool[]): Ground {
  const available = new Set(servers.filter(({ state }) => state === 'active').map(({ name }) => name));
  const primary = pools.map(
    (pool) => bestServers(pool).find((name) => available.has(name)) ?? bestServers(pool)[0] ?? '',
  );
  const open = pools.flatMap((pool, index) =>
    checkAssignable(pool).refusals.length === 0 && available.has(primary[index] ?? '') ? [index] : [],
  );
  const hasBackup = (pool: Pool, index: number) =>
    pool.targets.some(({ server }) => server !== primary[index] && available.has(server));
  const covered = new Set(pools.flatMap((pool, index) => (hasBackup(pool, index) ? [index] : [])));
  const poolOf = new Map(pools.map(({ name }, index) => [name, index]));
  return { goals, pools, poolOf, available, primary, open, covered, ends: endsOf(goals, open, covered) };
}

/** Of the pools that are fit those with a backup, if there are any and the goals ask for it. */
function endsOf(goals: Goals, fit: readonly number[], covered: ReadonlySet<number>): readonly number[] {
  const backed = fit.filter((index) => covered.has(index));
  return goals.uncovered || goals.survive === 'none' || backed.length === 0 ? fit : backed;
}

/** Why the tenant may not be moved at all, or null. */
function reasonToStay(tenant: string, wishes: Wishes, now: Date): string | null {
  const pin = wishes.pins.get(tenant);
  if (pin === null) return 'is pinned to where it is';
  const windows = wishes.windows.get(tenant) ?? [];
  if (windows.length === 0 || windows.some((window) => isOpen(window, now))) return null;
  return `may be moved only in its maintenance window, ${windows.map(windowText).join(' or ')}`;
}

type Wishes = {
  readonly pins: ReadonlyMap<string, string | null>;
  readonly barred: ReadonlyMap<string, { pools: ReadonlySet<string>; servers: ReadonlySet<string> }>;
  readonly windows: ReadonlyMap<string, readonly Goals['windows'][number][]>;
};

function wishesOf(goals: Goals, { tenants, pools, servers }: Fleet): Wishes {
  const known = new Set(tenants.map(({ tenant }) => tenant));
  const named = [...goals.pins, ...goals.exclusions, ...goals.windows].map(({ tenant }) => tenant);
  checkNames('tenant', [...named, ...goals.apart.flat(), ...goals.together.flat()], known);
  const wanted = [...goals.pins.flatMap(({ pool }) => pool ?? []), ...goals.exclusions.flatMap((one) => one.pools)];
  checkNames('pool', wanted, new Set(pools.map(({ name }) => name)));
  const barredServers = goals.exclusions.flatMap((one) => one.servers);
  checkNames('server', barredServers, new Set(servers.map(({ name }) => name)));
  const pins = new Map<string, string | null>();
  for (const { tenant, pool } of goals.pins) {
    if (pins.has(tenant) && pins.get(tenant) !== pool) throw invalid(`tenant ${tenant} is pinned to two places`);
    pins.set(tenant, pool);
  }
  const gather = <One extends { tenant: string }>(list: readonly One[]) => Map.groupBy(list, ({ tenant }) => tenant);
  const barred = [...gather(goals.exclusions)].map(([tenant, list]) => {
    const of = (kind: 'pools' | 'servers') => new Set(list.flatMap((one) => one[kind]));
    return [tenant, { pools: of('pools'), servers: of('servers') }] as const;
  });
  return { pins, barred: new Map(barred), windows: gather(goals.windows) };
}

/** Where a tenant may end. One that must leave and cannot stays, with the reason. */
function leaveOf({ tenant, pool }: PlannedTenant, ground: Ground, wishes: Wishes, now: Date): Leave {
  const { goals, pools, poolOf, available, primary, open, covered } = ground;
  const home = poolOf.get(pool) ?? -1;
  const barred = wishes.barred.get(tenant);
  const isBarred = (index: number) =>
    barred?.pools.has(pools[index]?.name ?? '') === true || barred?.servers.has(primary[index] ?? '') === true;
  const pin = wishes.pins.get(tenant);
  const mayStay = available.has(primary[home] ?? '') && !isBarred(home) && (typeof pin !== 'string' || pin === pool);
  const why = isBarred(home)
    ? `is on pool ${pool}, which is excluded for it`
    : typeof pin === 'string' && pin !== pool
      ? `is pinned to pool ${pin} and stands on ${pool}`
      : `must leave pool ${pool}, whose server ${primary[home]} is not in use`;
  const stays = reasonToStay(tenant, wishes, now);
  if (stays !== null) return { choices: [home], stays: mayStay ? null : `${why}, but ${stays}`, leaves: null };
  const fit = (index: number) => !isBarred(index) && (typeof pin !== 'string' || pools[index]?.name === pin);
  const free = barred === undefined && typeof pin !== 'string';
  const ends = free ? ground.ends : endsOf(goals, open.filter(fit), covered);
  const choices = !mayStay || ends.includes(home) ? ends : [...ends, home].toSorted((a, b) => a - b);
  if (choices.length > 0) return { choices, stays: null, leaves: mayStay ? null : why };
  return { choices: [home], stays: `${why}, but no pool is left that it may go to`, leaves: null };
}

/** Tenants that must stand together, gathered: groups that share a tenant are one. */
function gatherTogether(tenants: readonly PlannedTenant[], groups: Goals['together']): number[][] {
  const at = new Map(tenants.map(({ tenant }, index) => [tenant, index]));
  const head = tenants.map((_, index) => index);
  const headOf = (index: number): number => {
    let one = index;
    while (head[one] !== one) one = head[one] ?? one;
    return one;
  };
  for (const group of groups) {
    const heads = group.map((tenant) => headOf(at.get(tenant) ?? 0));
    const least = Math.min(...heads);
    for (const one of heads) head[one] = least;
  }
  return [...Map.groupBy(head.keys(), headOf).values()];
}

function itemOf(
  members: readonly number[],
  leaves: readonly Leave[],
  ground: Ground,
  problem: { tenants: readonly PlannedTenant[]; tenantCost: number },
): Item {
  const { tenants, tenantCost } = problem;
  const of = members.map((index) => tenants[index]).filter((tenant) => tenant !== undefined);
  const costs = new Float64Array(ground.pools.length);
  for (const { pool, phones } of of) {
    const [own, cost] = [ground.poolOf.get(pool), phones + tenantCost];
    for (let index = 0; index < costs.length; index++) costs[index] = (costs[index] ?? 0) + (index === own ? 0 : cost);
  }
  const [first, ...rest] = members.map((index) => leaves[index]?.choices ?? []);
  const all = first ?? [];
  const choices = rest.length === 0 ? all : all.filter((pool) => rest.every((other) => other.includes(pool)));
  const homes = of.map(({ pool }) => ground.poolOf.get(pool) ?? -1).toSorted((a, b) => a - b);
  const home = homes.reduce((best, one) => ((costs[one] ?? 0) < (costs[best] ?? 0) ? one : best), homes[0] ?? -1);
  let least = Number.POSITIVE_INFINITY;
  for (const pool of choices) if (pool !== home) least = Math.min(least, costs[pool] ?? 0);
  return {
    ...{ members, home, costs, choices, least },
    weight: of.reduce((sum, { load }) => sum + weightOf(load), 0),
  };
}

/** Groups that cannot be kept apart, or together, whatever is moved. */
function impossibleGroups(
  items: readonly Item[],
  apart: Problem['apart'],
  zones: Int32Array,
  nameOf: (item: number) => string,
): Infeasible[] {
  const faults: Infeasible[] = [];
  items.forEach(({ choices, members }, index) => {
    if (choices.length > 0) return;
    const message = `tenants ${nameOf(index)} must stand together, but no pool is open to all of them`;
    faults.push({ constraint: 'together', by: members.length - 1, proven: true, message });
  });
  for (const group of apart) {
    const names = group.map(nameOf).join(', ');
    if (new Set(group).size < group.length) {
      const message = `tenants ${names} must stay apart and together at once`;
      faults.push({ constraint: 'apart', by: group.length - new Set(group).size, proven: true, message });
      continue;
    }
    const matched = matchZones(group.map((item) => (items[item]?.choices ?? []).map((pool) => zones[pool] ?? -1)));
    if (matched === group.length) continue;
    const message = `tenants ${names} must stay apart, but only ${matched} of them find a server of their own`;
    faults.push({ constraint: 'apart', by: group.length - matched, proven: true, message });
  }
  return faults;
}

/** How many of a group can have a zone of their own: the largest matching. */
function matchZones(wanted: readonly (readonly number[])[]): number {
  const holder = new Map<number, number>();
  const place = (one: number, tried: Set<number>): boolean =>
    (wanted[one] ?? []).some((zone) => {
      if (tried.has(zone)) return false;
      tried.add(zone);
      const other = holder.get(zone);
      if (other !== undefined && !place(other, tried)) return false;
      holder.set(zone, one);
      return true;
    });
  return wanted.filter((_, one) => place(one, new Set())).length;
}

function notesOf(tenants: readonly PlannedTenant[], servers: readonly Server[]): string[] {
  const unknown = tenants.filter(({ load }) => load.kind === 'unknown').length;
  const unsaid = servers.filter(({ capacity }) => capacity === null).map(({ name }) => name);
  return [
    ...(unknown === 0
      ? []
      : [`the load of ${unknown} of ${tenants.length} tenants is unknown; planned by their phones`]),
    ...(unsaid.length === 0
      ? []
      : [
          `nobody has said the capacity of ${unsaid.join(', ')}: nothing limits their load, and for an even load ` +
            `${unsaid.length === servers.length ? 'all count as equal' : 'they count like the smallest known server'}`,
        ]),
  ];
}

/**
 * The fleet and the order as numbers. The order of the input lists plays no part.
 * @throws AppError `invalid` for names that do not exist and for orders that contradict themselves
 */
export function problemOf(given: Fleet, order: PlanOrder, now: Date): Problem {
  const fleet = fleetFor(given, order);
  const { servers, pools, tenants } = fleet;
  const ground = groundOf(order.goals, servers, pools);
  const wishes = wishesOf(order.goals, fleet);
  checkNames(
    'pool',
    tenants.map(({ pool }) => pool),
    new Set(ground.poolOf.keys()),
  );
  const leaves = tenants.map((tenant) => leaveOf(tenant, ground, wishes, now));
  const tenantCost = 1 / (tenants.length + 1);
  const gathered = gatherTogether(tenants, order.goals.together);
  const items = gathered.map((members) => itemOf(members, leaves, ground, { tenants, tenantCost }));
  const itemIndex = new Map(
    gathered.flatMap((members, item) => members.map((index) => [tenants[index]?.tenant, item])),
  );
  const apart = order.goals.apart.map((group) => [...new Set(group)].map((tenant) => itemIndex.get(tenant) ?? -1));
  const serverIndex = new Map(servers.map(({ name }, index) => [name, index]));
  const zones = Int32Array.from(ground.primary, (name) => serverIndex.get(name) ?? -1);
  const nameOf = (item: number) => (items[item]?.members ?? []).map((index) => tenants[index]?.tenant).join(', ');
  const stays = leaves.flatMap(({ stays: reason }, index) => {
    const tenant = tenants[index]?.tenant;
    return reason === null || tenant === undefined ? [] : [{ tenant, reason }];
  });
  return {
    ...{ tenants, servers, pools, zones, items, apart, tenantCost, refused: stays },
    leaves: leaves.map((one) => one.leaves),
    rows: rowsOf(servers, pools, ground.available, order.goals),
    infeasible: impossibleGroups(items, apart, zones, nameOf),
    notes: notesOf(tenants, servers),
  };
}
