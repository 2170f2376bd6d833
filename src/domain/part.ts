// Whether some of a plan's moves may be made alone: they must break nothing that must hold and that held before.
import { weightOf } from './load.ts';
import type { Fleet, PlanOrder } from './plan/goals.ts';
import { type Problem, problemOf } from './plan/problem.ts';

export type PartialMove = { readonly tenant: string; readonly to: string };

/** Loads are sums of fractions: what is above a limit by less than this share of it is rounding. */
const ROUNDING = 1e-9;

const round = (load: number) => Math.round(load * 100) / 100;

/** Where every tenant stands: its number → the number of its pool. */
type At = readonly number[];

function loadsAt({ tenants, pools, rows }: Problem, at: At): number[] {
  const sums = pools.map(() => 0);
  tenants.forEach(({ load }, tenant) => {
    const pool = at[tenant] ?? -1;
    sums[pool] = (sums[pool] ?? 0) + weightOf(load);
  });
  return rows.map(({ pools: of, coefficients }) =>
    of.reduce((sum, pool, k) => sum + (sums[pool] ?? 0) * (coefficients[k] ?? 0), 0),
  );
}

function overloadFaults(problem: Problem, before: At, after: At): string[] {
  const [old, now] = [loadsAt(problem, before), loadsAt(problem, after)];
  return problem.rows.flatMap(({ server, lost, capacity }, row) => {
    const [was, is] = [old[row] ?? 0, now[row] ?? 0];
    const isOver = is > capacity * (1 + ROUNDING) && is > was + ROUNDING * Math.max(1, was);
    const when = lost === null ? '' : `with ${lost} lost, `;
    return isOver ? [`${when}server ${server} would bear ${round(is)} of ${round(capacity)}`] : [];
  });
}

/** Pairs of a group's tenants that are at the same place. */
function pairs(group: readonly string[], placeOf: (tenant: string) => unknown): Set<string> {
  const same = [...Map.groupBy(new Set(group), placeOf).values()].filter((list) => list.length > 1);
  return new Set(
    same.flatMap((list) => list.flatMap((one, index) => list.slice(index + 1).map((two) => `${one} and ${two}`))),
  );
}

function groupFaults(problem: Problem, { goals }: PlanOrder, before: At, after: At): string[] {
  const index = new Map(problem.tenants.map(({ tenant }, at) => [tenant, at]));
  const poolOf = (at: At) => (tenant: string) => at[index.get(tenant) ?? -1];
  const zoneOf = (at: At) => (tenant: string) => problem.zones[poolOf(at)(tenant) ?? -1];
  const met = goals.apart.flatMap((group) => {
    const old = pairs(group, zoneOf(before));
    return [...pairs(group, zoneOf(after))].filter((pair) => !old.has(pair));
  });
  const parted = goals.together.filter(
    (group) => new Set(group.map(poolOf(before))).size === 1 && new Set(group.map(poolOf(after))).size > 1,
  );
  return [
    ...met.map((pair) => `tenants ${pair} must stay apart and would share a server`),
    ...parted.map((group) => `tenants ${group.join(', ')} must stand together and would be parted; choose all of them`),
  ];
}

/** Why each move may not be made at all: where its tenant may not go, or not now. */
function moveFaults(
  { items, pools, refused }: Problem,
  tenantOf: ReadonlyMap<string, number>,
  moves: readonly PartialMove[],
) {
  const itemOf = new Map(items.flatMap((item) => item.members.map((member) => [member, item] as const)));
  const poolOf = new Map(pools.map(({ name }, index) => [name, index]));
  const stays = new Map(refused.map(({ tenant, reason }) => [tenant, reason]));
  return moves.flatMap(({ tenant, to }) => {
    const choices = itemOf.get(tenantOf.get(tenant) ?? -1)?.choices ?? [];
    if (choices.includes(poolOf.get(to) ?? -1)) return [];
    return [`tenant ${tenant} may not go to pool ${to} now${stays.has(tenant) ? `: it ${stays.get(tenant)}` : ''}`];
  });
}

/**
 * What moves would break that holds without them: capacities in every state that counts, groups, where tenants may go, and
 * their windows. Nothing when they may be made.
 * @throws AppError `invalid` for names that do not exist
 */
export function faultsOfPart(fleet: Fleet, order: PlanOrder, moves: readonly PartialMove[], now: Date): string[] {
  const problem = problemOf(fleet, order, now);
  const tenantOf = new Map(problem.tenants.map(({ tenant }, index) => [tenant, index]));
  const poolOf = new Map(problem.pools.map(({ name }, index) => [name, index]));
  const before = problem.tenants.map(({ pool }) => poolOf.get(pool) ?? -1);
  const after = [...before];
  for (const { tenant, to } of moves) after[tenantOf.get(tenant) ?? -1] = poolOf.get(to) ?? -1;
  return [
    ...moveFaults(problem, tenantOf, moves),
    ...overloadFaults(problem, before, after),
    ...groupFaults(problem, order, before, after),
  ];
}
