// Below what no plan can be: bounds by weak duality. Any prices prove a bound, so it does not matter how they were found.

import { type LinearSolution, solveLinear } from './lp.ts';
import type { Problem } from './problem.ts';

/** Cells of a linear program up to which it is solved; above it the rows with servers lost are left out. */
const CELLS_MAX = 600_000;
/** Kinds of tenants by where they may go that the linear program tells apart. */
const KINDS_MAX = 3;
/** Groups by phones for each unit of load that the linear program tells apart. */
const SLOPES_MAX = 3;
/** Rounding of sums, as a share. */
const ROUNDING = 1e-9;

/** Row → the load that it may bear when no ratio may be above `worst`. */
export function limitsAt({ rows }: Problem, worst: number): Float64Array {
  return Float64Array.from(rows, ({ capacity, evenBy }) =>
    Math.min(capacity, evenBy === 0 ? Number.POSITIVE_INFINITY : worst * evenBy),
  );
}

/** Pool → what one unit of load there costs at the prices of the rows. */
function poolPrices({ rows, pools }: Problem, prices: Float64Array): Float64Array {
  const sum = new Float64Array(pools.length);
  rows.forEach((row, index) => {
    const price = prices[index] ?? 0;
    if (price > 0)
      row.pools.forEach((pool, k) => {
        sum[pool] = (sum[pool] ?? 0) + price * (row.coefficients[k] ?? 0);
      });
  });
  return sum;
}

/** No plan within the limits costs less than this, for any prices. */
export function costBound(problem: Problem, prices: Float64Array, limits: Float64Array, onlyPhones = false): number {
  const each = poolPrices(problem, prices);
  let bound = 0;
  for (const { choices, costs, weight } of problem.items) {
    let least = Number.POSITIVE_INFINITY;
    for (const pool of choices) {
      const own = costs[pool] ?? 0;
      // Phones are whole, and all tenants together cost less than one.
      const cost = (onlyPhones ? Math.floor(own + 1e-9) : own) + weight * (each[pool] ?? 0);
      if (cost < least) least = cost;
    }
    bound += least;
  }
  prices.forEach((price, row) => {
    if (price > 0) bound -= price * (limits[row] ?? 0);
  });
  return Math.max(0, bound * (1 - ROUNDING));
}

/** No plan has a lower worst ratio than this, for any prices: those of evenness, and those of the capacities. */
export function worstBound(problem: Problem, even: Float64Array, hard: Float64Array): number {
  const each = poolPrices(
    problem,
    even.map((price, row) => price + (hard[row] ?? 0)),
  );
  let load = 0;
  for (const { choices, weight } of problem.items) {
    let least = Number.POSITIVE_INFINITY;
    for (const pool of choices) least = Math.min(least, each[pool] ?? 0);
    load += weight * least;
  }
  let by = 0;
  problem.rows.forEach(({ evenBy, capacity }, row) => {
    by += (even[row] ?? 0) * evenBy;
    if ((hard[row] ?? 0) > 0) load -= (hard[row] ?? 0) * capacity;
  });
  return by <= 0 ? 0 : Math.max(0, (load / by) * (1 - ROUNDING));
}

/** No worst ratio is below that of a tenant that is alone on its best pool. */
function largestBound({ items, rows, pools }: Problem): number {
  const ratio = new Float64Array(pools.length);
  for (const { pools: of, coefficients, evenBy } of rows)
    of.forEach((pool, k) => {
      if (evenBy > 0) ratio[pool] = Math.max(ratio[pool] ?? 0, (coefficients[k] ?? 0) / evenBy);
    });
  let bound = 0;
  for (const { choices, weight } of items) {
    let least = Number.POSITIVE_INFINITY;
    for (const pool of choices) least = Math.min(least, weight * (ratio[pool] ?? 0));
    if (choices.length > 0 && least > bound) bound = least;
  }
  return Math.max(bound * (1 - ROUNDING), crowdBound({ items, pools, ratio }));
}

/** Of k × pools + 1 tenants some k + 1 share a pool: at best the smallest ones on the best pool. */
function crowdBound({ items, pools, ratio }: Pick<Problem, 'items' | 'pools'> & { ratio: Float64Array }): number {
  const weights = items.map(({ weight }) => weight).sort((a, b) => b - a);
  const best = Math.min(...ratio);
  let bound = 0;
  for (let k = 1; k * pools.length < weights.length && k <= 16; k++) {
    const from = k * pools.length - k;
    let sum = 0;
    for (let index = from; index <= k * pools.length; index++) sum += weights[index] ?? 0;
    bound = Math.max(bound, sum * best);
  }
  return bound * (1 - ROUNDING);
}

/** Columns of a program in one list, with rows built by column. */
class Builder {
  readonly cost: number[] = [];
  readonly rows: Map<number, number>[] = [];
  readonly limits: number[] = [];
  row(limit: number): number {
    this.limits.push(limit);
    return this.rows.push(new Map()) - 1;
  }
  column(cost: number): number {
    return this.cost.push(cost) - 1;
  }
  put(row: number, column: number, value: number): void {
    const cells = this.rows[row];
    cells?.set(column, (cells.get(column) ?? 0) + value);
  }
  get cells(): number {
    return this.rows.length * this.cost.length;
  }
  solve(): LinearSolution {
    const rows = this.rows.map((cells) => {
      const row = new Float64Array(this.cost.length);
      for (const [column, value] of cells) row[column] = value;
      return row;
    });
    return solveLinear({ cost: Float64Array.from(this.cost), rows, limits: Float64Array.from(this.limits) });
  }
}

/** Items by where they may go: those of one kind have the same choices; too many kinds become one with all of theirs. */
function kindsOf({ items, pools }: Problem): { kindOf: Int32Array; choices: readonly (readonly number[])[] } {
  const numbers = new Map<readonly number[], number>();
  const kindOf = new Int32Array(items.length);
  const keys = new Map<string, number>();
  const choices: (readonly number[])[] = [];
  items.forEach((item, index) => {
    if (item.choices.length <= 1) {
      kindOf[index] = -1;
      return;
    }
    let kind = numbers.get(item.choices);
    if (kind === undefined) {
      const key = item.choices.join();
      kind = keys.get(key) ?? choices.push(item.choices) - 1;
      keys.set(key, kind);
      numbers.set(item.choices, kind);
    }
    kindOf[index] = kind;
  });
  if (choices.length <= KINDS_MAX) return { kindOf, choices };
  const all = new Set(choices.flat());
  return {
    kindOf: kindOf.map((kind) => Math.min(kind, 0)),
    choices: [pools.map((_, k) => k).filter((k) => all.has(k))],
  };
}

/** Pool → load of the items that have no choice. */
function fixedLoads({ items, pools }: Problem): Float64Array {
  const loads = new Float64Array(pools.length);
  for (const { choices, weight } of items) {
    const [only, other] = choices;
    if (only !== undefined && other === undefined) loads[only] = (loads[only] ?? 0) + weight;
  }
  return loads;
}

export type WorstBound = {
  readonly bound: number;
  /** Is it certain that no plan keeps within the capacities? */
  readonly infeasible: boolean;
};

/**
 * A bound of the worst ratio.
 * @param capacities do the capacities hold beside it?
 */
export function boundWorst(problem: Problem, capacities: boolean): WorstBound {
  const { rows, items } = problem;
  const { kindOf, choices } = kindsOf(problem);
  const fixed = fixedLoads(problem);
  // Loads as shares of all of them: the program's numbers are then all of one size.
  const all = Math.max(
    items.reduce((sum, { weight }) => sum + weight, 0),
    Number.MIN_VALUE,
  );
  const build = (normalOnly: boolean) => {
    const program = new Builder();
    const worst = program.column(1);
    const columns = choices.map((list) => new Map(list.map((pool) => [pool, program.column(0)])));
    columns.forEach((list, kind) => {
      const total = items.reduce((sum, { weight }, index) => sum + (kindOf[index] === kind ? weight : 0), 0);
      const row = program.row(-total / all);
      for (const column of list.values()) program.put(row, column, -1);
    });
    const made: { row: number; kind: 'even' | 'hard'; at: number }[] = [];
    rows.forEach(({ pools: of, coefficients, capacity, evenBy, lost }, row) => {
      if (normalOnly && lost !== null) return;
      const before = of.reduce((sum, pool, k) => sum + (fixed[pool] ?? 0) * (coefficients[k] ?? 0), 0);
      const one = (kind: 'even' | 'hard', limit: number) => {
        const at = program.row((limit - before) / all);
        for (const list of columns)
          of.forEach((pool, k) => {
            const column = list.get(pool);
            if (column !== undefined) program.put(at, column, coefficients[k] ?? 0);
          });
        if (kind === 'even') program.put(at, worst, -evenBy / all);
        made.push({ row, kind, at });
      };
      if (evenBy > 0) one('even', 0);
      if (capacities && capacity !== Number.POSITIVE_INFINITY) one('hard', capacity);
    });
    return { program, made };
  };
  const full = build(false);
  const { program, made } = full.program.cells > CELLS_MAX ? build(true) : full;
  const { prices, kind } = program.solve();
  const [even, hard] = [new Float64Array(rows.length), new Float64Array(rows.length)];
  for (const { row, kind: of, at } of made) (of === 'even' ? even : hard)[row] = prices[at] ?? 0;
  if (kind === 'infeasible') {
    const zero = new Float64Array(rows.length);
    const load = costBoundOf(problem, hard);
    return { bound: worstBound(problem, even, zero), infeasible: load > 0 };
  }
  return { bound: Math.max(worstBound(problem, even, hard), largestBound(problem)), infeasible: false };
}

/** Above 0 when the prices prove that the capacities cannot hold, whatever it costs. */
function costBoundOf(problem: Problem, hard: Float64Array): number {
  const each = poolPrices(problem, hard);
  let [load, limit] = [0, 0];
  for (const { choices, weight } of problem.items) {
    if (choices.length > 0) load += weight * Math.min(...choices.map((pool) => each[pool] ?? 0));
  }
  hard.forEach((price, row) => {
    if (price > 0) limit += price * (problem.rows[row]?.capacity ?? 0);
  });
  return load > limit * (1 + ROUNDING) ? load - limit : 0;
}

export type CostBound = {
  /** No plan within the limits costs less, in phones and fractions for tenants; infinite when there is no such plan. */
  readonly bound: number;
  /** No plan within the limits moves fewer phones. */
  readonly phones: number;
  /** Pool → load that should leave it. */
  readonly out: Float64Array;
};

/** A bound of what it costs to get within limits, and what a plan that reaches it would take out of every pool. */
export function boundCost(problem: Problem, limits: Float64Array): CostBound {
  const full = movesProgram(problem, limits, false);
  const { program, made, outs } = full.program.cells > CELLS_MAX ? movesProgram(problem, limits, true) : full;
  const { prices, kind, x } = program.solve();
  const each = new Float64Array(limits.length);
  for (const { row, at } of made) each[row] = prices[at] ?? 0;
  const out = new Float64Array(problem.pools.length);
  for (const { pool, column } of outs) out[pool] = (out[pool] ?? 0) + (x[column] ?? 0);
  if (kind === 'infeasible') {
    const proven = costBound(
      problem,
      each.map((price) => price * 1e6),
      limits,
    );
    const total = problem.items.reduce((sum, { costs }) => sum + Math.max(...costs), 0);
    const bound = proven > total ? Number.POSITIVE_INFINITY : 0;
    return { bound, phones: bound, out };
  }
  const phones = Math.ceil(costBound(problem, each, limits, true) - 1e-6);
  return { bound: costBound(problem, each, limits), phones: Math.max(0, phones), out };
}

/** What leaves and what comes, by kind, pool and slope: the relaxation in which tenants can be divided. */
function movesProgram(problem: Problem, limits: Float64Array, normalOnly: boolean) {
  const { rows, items, pools } = problem;
  const { kindOf, choices } = kindsOf(problem);
  const stays = new Float64Array(pools.length);
  const program = new Builder();
  const outs: { pool: number; column: number }[] = [];
  const net: [number, number][][] = pools.map(() => []);
  choices.forEach((list, kind) => {
    const own = items.filter((_, index) => kindOf[index] === kind);
    const homeless = own.filter(({ home, choices: may }) => !may.includes(home));
    const row = program.row(-homeless.reduce((sum, { weight }) => sum + weight, 0));
    for (const pool of list) {
      const column = program.column(0);
      program.put(row, column, -1);
      net[pool]?.push([column, 1]);
    }
    const settled = new Map<number, typeof own>();
    for (const item of own) {
      if (!item.choices.includes(item.home)) continue;
      stays[item.home] = (stays[item.home] ?? 0) + item.weight;
      const at = settled.get(item.home);
      if (at === undefined) settled.set(item.home, [item]);
      else at.push(item);
    }
    for (const [pool, list] of settled)
      for (const { slope, weight } of slopesOf(list)) {
        const column = program.column(slope);
        program.put(row, column, 1);
        program.put(program.row(weight), column, 1);
        net[pool]?.push([column, -1]);
        outs.push({ pool, column });
      }
  });
  const fixed = fixedLoads(problem);
  const made: { row: number; at: number }[] = [];
  rows.forEach(({ pools: of, coefficients, lost }, row) => {
    if (limits[row] === Number.POSITIVE_INFINITY || (normalOnly && lost !== null)) return;
    const before = of.reduce((sum, p, k) => sum + ((fixed[p] ?? 0) + (stays[p] ?? 0)) * (coefficients[k] ?? 0), 0);
    const at = program.row((limits[row] ?? 0) - before);
    of.forEach((pool, k) => {
      for (const [column, sign] of net[pool] ?? []) program.put(at, column, sign * (coefficients[k] ?? 0));
    });
    made.push({ row, at });
  });
  return { program, made, outs };
}

/** The load of tenants in few groups by what a unit of it costs to move; each group as cheap as its cheapest. */
function slopesOf(items: Problem['items']): { slope: number; weight: number }[] {
  const priced = items.flatMap(({ weight, least }) =>
    weight > 0 ? [{ slope: Math.max(0, least) / weight, weight }] : [],
  );
  priced.sort((one, other) => one.slope - other.slope);
  const [first, last] = [priced[0], priced.at(-1)];
  if (first === undefined || last === undefined) return [];
  const total = priced.reduce((sum, { weight }) => sum + weight, 0);
  // Slopes that differ by nothing but the fraction for each tenant are one.
  const groups = last.slope <= first.slope * 1.02 ? 1 : SLOPES_MAX;
  const made: { slope: number; weight: number }[] = [];
  let sum = 0;
  for (const { slope, weight } of priced) {
    const group = Math.min(groups - 1, Math.floor((sum / total) * groups));
    const one = made[group];
    if (one === undefined) made[group] = { slope, weight };
    else made[group] = { slope: one.slope, weight: one.weight + weight };
    sum += weight;
  }
  return made.filter((one) => one !== undefined);
}
