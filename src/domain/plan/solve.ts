// Where the items end: the lowest worst ratio that is found, then the fewest phones moved, with bounds for both.
import { anneal } from './anneal.ts';
import { Assignment, Field } from './assignment.ts';
import { boundCost, boundWorst, limitsAt } from './bounds.ts';
import type { Problem } from './problem.ts';
import { construct, mend, trim } from './search.ts';

/** Items × pools up to which more time is taken for a better plan. */
const SMALL_MAX = 100_000;
/** Steps of cooling for each place that an item can have, and at most: to find a plan at all, and to make it cheaper. */
const FIND = { each: 40, most: 80_000, seeds: [1, 2] };
const IMPROVE = { each: 150, most: 400_000, seeds: [1, 2, 3] };
/** Items up to which even a plan that is close to its bound is improved. */
const FEW_ITEMS = 200;
/** A plan that is at most this share above its bound is not improved further. */
const CLOSE = 0.002;
/** How far above the bound a worst ratio is tried, one after the other; the last is no limit at all. */
const AIMS = [0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.12, 0.25, 0.5, 1, 2, 4, 9, Number.POSITIVE_INFINITY];
/** How often the space between two aims is halved. */
const HALVINGS = 4;

/** What may be moved at most. */
export type Budget = { readonly phones: number; readonly tenants: number };
export const NO_BUDGET: Budget = { phones: Number.POSITIVE_INFINITY, tenants: Number.POSITIVE_INFINITY };

/** A plan as numbers: item → pool. */
export type Found = {
  readonly at: Int32Array;
  readonly worst: number;
  readonly phones: number;
  readonly tenants: number;
};

export type Solved = {
  /** Null when nothing was found within the capacities and the budget. */
  readonly found: Found | null;
  /** No plan has a lower worst ratio. */
  readonly worstBound: number;
  /** No plan that is as even moves fewer phones. */
  readonly phonesBound: number;
  /** The worst ratio that plans were allowed. */
  readonly target: number;
  /** Is it proven that there is no plan? */
  readonly impossible: boolean;
};

/** The highest load by capacity among the rows that count for evenness. */
export function worstOf({ rows }: Problem, loads: Float64Array): number {
  let worst = 0;
  rows.forEach(({ evenBy }, row) => {
    if (evenBy > 0) worst = Math.max(worst, (loads[row] ?? 0) / evenBy);
  });
  return worst;
}

/** The load of every row. */
export function rowLoads({ items, rows, pools }: Problem, at: Int32Array): Float64Array {
  const sums = new Float64Array(pools.length);
  items.forEach(({ weight }, item) => {
    const pool = at[item] ?? -1;
    sums[pool] = (sums[pool] ?? 0) + weight;
  });
  return Float64Array.from(rows, ({ pools: of, coefficients }) =>
    of.reduce((sum, pool, k) => sum + (sums[pool] ?? 0) * (coefficients[k] ?? 0), 0),
  );
}

/** What a plan moves and reaches. */
export function measure(problem: Problem, at: Int32Array): Found {
  const loads = rowLoads(problem, at);
  let [phones, tenants] = [0, 0];
  problem.items.forEach(({ members }, item) => {
    for (const index of members) {
      const tenant = problem.tenants[index];
      if (tenant === undefined || problem.pools[at[item] ?? -1]?.name === tenant.pool) continue;
      phones += tenant.phones;
      tenants += 1;
    }
  });
  return { at, worst: worstOf(problem, loads), phones, tenants };
}

const conflicting = (state: Assignment) =>
  state.field.problem.apart.some((group) => group.some((item) => state.conflicts(item, state.at[item] ?? -1)));

const isGood = (state: Assignment) => state.excess() === 0 && !conflicting(state);

type Reached = { readonly state: Assignment | null; readonly bound: number; readonly phones: number };

/** Mends and trims; false when the plan does not get within its limits. */
function settle(state: Assignment): boolean {
  if (!mend(state) || !isGood(state)) return false;
  trim(state);
  return true;
}

/** A plan with no ratio above `worst`, and what such a plan costs at least. */
export function reach(problem: Problem, field: Field, worst: number): Reached {
  const limits = limitsAt(problem, worst);
  const { bound, phones, out } = boundCost(problem, limits);
  if (bound === Number.POSITIVE_INFINITY) return { state: null, bound, phones };
  const state = construct(field, limits, out);
  if (settle(state)) return { state, bound, phones };
  return { state: cool(field, state, null, FIND), bound, phones };
}

/** The same plan or a cheaper one. */
function improve(field: Field, state: Assignment, { bound, phones }: Pick<Reached, 'bound' | 'phones'>): Assignment {
  const isClose = state.cost <= bound * (1 + CLOSE) && field.items > FEW_ITEMS;
  const isBest = state.cost < phones + 1 && state.cost <= bound + field.problem.tenantCost;
  return isClose || isBest ? state : (cool(field, state, state, IMPROVE) ?? state);
}

/** Cools from a plan on, a few times; the cheapest plan within the limits. Large fleets are left as they are. */
function cool(field: Field, from: Assignment, kept: Assignment | null, effort: typeof FIND): Assignment | null {
  if (field.items * field.pools > SMALL_MAX) return kept;
  let [state, best] = [from, kept];
  for (const seed of effort.seeds) {
    state = new Assignment(field, from.limits, (best ?? state).at);
    const steps = Math.min(effort.most, effort.each * field.items * field.pools);
    const found = anneal(state, { steps, seed, penalty: [3, 15], hot: seed % 2 === 1 ? 2 : 12, cold: 0.1 });
    for (const one of [state, ...(found === null ? [] : [new Assignment(field, from.limits, found)])])
      if (settle(one) && (best === null || one.cost < best.cost - 1e-9)) best = one;
    if (kept === null && best !== null) return best;
  }
  return best;
}

const within = (found: Found, { phones, tenants }: Budget) => found.phones <= phones && found.tenants <= tenants;

/**
 * The most even plan that is found, then the one with the fewest phones.
 * @param evenness share by which worst ratios may differ and count as equal
 */
export function solveEven(problem: Problem, field: Field, evenness: number, budget: Budget): Solved {
  const { bound, infeasible } = boundWorst(problem, true);
  const none = { found: null, worstBound: bound, phonesBound: 0, target: Number.POSITIVE_INFINITY };
  if (infeasible) return { ...none, impossible: true };
  const tryAt = (worst: number) => {
    const reached = reach(problem, field, worst);
    const found = reached.state === null ? null : measure(problem, reached.state.at);
    return { found: found !== null && within(found, budget) ? found : null, phones: reached.phones, worst, reached };
  };
  const first = bound * (1 + evenness);
  let good = tryAt(first);
  let low = first;
  for (const aim of good.found === null ? AIMS : []) {
    const worst = bound === 0 ? Number.POSITIVE_INFINITY : bound * (1 + evenness + aim);
    good = tryAt(worst);
    if (good.found !== null) break;
    low = worst;
  }
  if (good.found === null) return { ...none, phonesBound: good.phones, impossible: good.phones > budget.phones };
  let high = Math.min(good.worst, Math.max(good.found.worst, low));
  for (let halving = 0; low < high && good.worst > first && halving < HALVINGS; halving++) {
    const middle = tryAt((low + high) / 2);
    if (middle.found === null) low = (low + high) / 2;
    else {
      good = middle;
      high = Math.max(low, Math.min((low + high) / 2, middle.found?.worst ?? high));
    }
  }
  const target = Math.max(first, good.found?.worst ?? first);
  const limits = limitsAt(problem, target);
  const isSame = target === good.worst && good.reached.state !== null;
  const least = isSame ? good.reached : boundCost(problem, limits);
  const state = (isSame ? good.reached.state : null) ?? new Assignment(field, limits, good.found?.at ?? field.homes);
  const better = measure(problem, improve(field, state, least).at);
  const worstBound = budget === NO_BUDGET ? bound : Math.max(bound, worstWithin(problem, budget, bound, target));
  const found = within(better, budget) ? better : good.found;
  return { found, worstBound, phonesBound: least.phones, target, impossible: false };
}

/** The lowest worst ratio that the phones of a budget could pay, by the bound. */
function worstWithin(problem: Problem, { phones }: Budget, low: number, high: number): number {
  let [cannot, can] = [low, high];
  for (let halving = 0; halving < 2 * HALVINGS; halving++) {
    const middle = (cannot + can) / 2;
    if (boundCost(problem, limitsAt(problem, middle)).phones > phones) cannot = middle;
    else can = middle;
  }
  return cannot === low ? 0 : cannot;
}

/** The plan with the fewest phones that keeps within the capacities, then the most even one of those that move the same. */
export function solveFew(problem: Problem, field: Field, evenness: number, budget: Budget): Solved {
  const { bound: worstBound, infeasible } = boundWorst(problem, true);
  const none = { found: null, worstBound, phonesBound: 0, target: Number.POSITIVE_INFINITY };
  if (infeasible) return { ...none, impossible: true };
  const reached = reach(problem, field, Number.POSITIVE_INFINITY);
  const phonesBound = reached.phones;
  const found = reached.state === null ? null : measure(problem, improve(field, reached.state, reached).at);
  if (found === null || !within(found, budget))
    return { ...none, phonesBound, impossible: phonesBound > budget.phones };
  const narrow = onlyMoved(problem, found.at);
  const even = solveEven(narrow, new Field(narrow), evenness, NO_BUDGET);
  const better = even.found !== null && even.found.phones <= found.phones ? measure(problem, even.found.at) : found;
  const forced = problem.items.every(
    ({ home, choices, costs }, item) => !choices.includes(home) || (found.at[item] === home && Math.max(...costs) > 0),
  );
  const target = Math.max(better.worst, even.worstBound * (1 + evenness));
  return { found: better, worstBound: forced ? even.worstBound : worstBound, phonesBound, target, impossible: false };
}

/** The same problem where only those move that have moved, and where they go costs nothing. */
function onlyMoved(problem: Problem, at: Int32Array): Problem {
  const items = problem.items.map((item, index) => {
    const to = at[index] ?? item.home;
    return to === item.home ? { ...item, choices: [item.home] } : { ...item, costs: item.costs.map(() => 0), least: 0 };
  });
  return { ...problem, items };
}
