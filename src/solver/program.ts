// The planner's problem as an integer program: one variable for each place that an item can have.
import type { Problem } from '../domain/plan/problem.ts';
import type { Budget } from '../domain/plan/solve.ts';

/** A program as the worker takes it, rows by row: minimise cost · x with integer x from 0 to 1, but the first if `ratio`. */
export type Program = {
  readonly columns: number;
  readonly cost: Float64Array;
  /** Is the first column the worst ratio, which is no integer and has no upper end? */
  readonly ratio: boolean;
  readonly starts: Int32Array;
  readonly indices: Int32Array;
  readonly values: Float64Array;
  readonly lower: Float64Array;
  readonly upper: Float64Array;
  /** A plan to begin with. */
  readonly start: Float64Array;
};

export type Places = readonly { readonly item: number; readonly pool: number }[];

export type Wanted =
  /** The lowest worst ratio that costs no more than this. */
  | { readonly kind: 'worst'; readonly costMax: number }
  /** The lowest cost with no ratio above this. */
  | { readonly kind: 'cost'; readonly worstMax: number };

const NONE = Number.NEGATIVE_INFINITY;

/** Rows that grow one by one. */
class Rows {
  readonly starts: number[] = [0];
  readonly indices: number[] = [];
  readonly values: number[] = [];
  readonly lower: number[] = [];
  readonly upper: number[] = [];
  add(cells: readonly (readonly [number, number])[], lower: number, upper: number): void {
    for (const [column, value] of cells) {
      this.indices.push(column);
      this.values.push(value);
    }
    this.starts.push(this.indices.length);
    this.lower.push(lower);
    this.upper.push(upper);
  }
}

/** The program of a problem, with the place that each column stands for. */
export function programOf(
  problem: Problem,
  wanted: Wanted,
  budget: Budget,
  begin: { readonly at: Int32Array; readonly worst: number },
): { program: Program; places: Places; first: number } {
  const { items, rows } = problem;
  const first = wanted.kind === 'worst' ? 1 : 0;
  const places = items.flatMap(({ choices }, item) => choices.map((pool) => ({ item, pool })));
  const columnsOf = items.map(() => [] as number[]);
  const atPool = problem.pools.map(() => [] as number[]);
  places.forEach(({ item, pool }, index) => {
    columnsOf[item]?.push(first + index);
    atPool[pool]?.push(first + index);
  });
  const placeAt = (column: number) => places[column - first] ?? { item: 0, pool: 0 };
  const costAt = (column: number) => items[placeAt(column).item]?.costs[placeAt(column).pool] ?? 0;
  const made = new Rows();
  for (const columns of columnsOf)
    made.add(
      columns.map((column) => [column, 1]),
      1,
      1,
    );
  for (const { pools, coefficients, capacity, evenBy } of rows) {
    const cells = pools.flatMap((pool, k) =>
      (atPool[pool] ?? []).map((column) => {
        return [column, (items[placeAt(column).item]?.weight ?? 0) * (coefficients[k] ?? 0)] as const;
      }),
    );
    const worst = wanted.kind === 'cost' && evenBy > 0 ? wanted.worstMax * evenBy : Number.POSITIVE_INFINITY;
    const limit = Math.min(capacity, worst);
    if (limit !== Number.POSITIVE_INFINITY) made.add(cells, NONE, limit);
    if (first === 1 && evenBy > 0) made.add([[0, -evenBy], ...cells], NONE, 0);
  }
  addGroups(problem, made, columnsOf, placeAt);
  const columns = first + places.length;
  const all = Array.from({ length: places.length }, (_, index) => first + index);
  addBudgets(problem, made, {
    all,
    costAt,
    placeAt,
    budget,
    costMax: wanted.kind === 'worst' ? wanted.costMax : Number.POSITIVE_INFINITY,
  });
  const cost = Float64Array.from({ length: columns }, (_, column) =>
    first === 1 ? Number(column === 0) : costAt(column),
  );
  const start = Float64Array.from({ length: columns }, (_, column) => {
    if (column < first) return begin.worst;
    return begin.at[placeAt(column).item] === placeAt(column).pool ? 1 : 0;
  });
  const program = {
    ...{ columns, cost, ratio: first === 1, start },
    ...{ starts: Int32Array.from(made.starts), indices: Int32Array.from(made.indices) },
    ...{
      values: Float64Array.from(made.values),
      lower: Float64Array.from(made.lower),
      upper: Float64Array.from(made.upper),
    },
  };
  return { program, places, first };
}

type PlaceAt = (column: number) => { readonly item: number; readonly pool: number };

/** Of a group that must stay apart at most one has the same primary server. */
function addGroups({ apart, zones }: Problem, made: Rows, columnsOf: readonly number[][], placeAt: PlaceAt): void {
  for (const group of apart) {
    const columns = group.flatMap((item) => columnsOf[item] ?? []);
    for (const same of Map.groupBy(columns, (column) => zones[placeAt(column).pool]).values())
      made.add(
        same.map((column) => [column, 1]),
        NONE,
        1,
      );
  }
}

type Budgets = {
  readonly all: readonly number[];
  readonly costAt: (column: number) => number;
  readonly placeAt: PlaceAt;
  readonly budget: Budget;
  readonly costMax: number;
};

function addBudgets(problem: Problem, made: Rows, { all, costAt, placeAt, budget, costMax }: Budgets): void {
  const { items, tenants, pools } = problem;
  const movedAt = (column: number) => {
    const { item, pool } = placeAt(column);
    const moved = (items[item]?.members ?? [])
      .map((index) => tenants[index])
      .filter((one) => one?.pool !== pools[pool]?.name);
    return { tenants: moved.length, phones: moved.reduce((sum, one) => sum + (one?.phones ?? 0), 0) };
  };
  const limit = (of: (column: number) => number, most: number) => {
    if (most === Number.POSITIVE_INFINITY) return;
    made.add(
      all.flatMap((column) => (of(column) === 0 ? [] : [[column, of(column)] as const])),
      NONE,
      most,
    );
  };
  limit((column) => movedAt(column).phones, budget.phones);
  limit((column) => movedAt(column).tenants, budget.tenants);
  limit(costAt, costMax);
}
