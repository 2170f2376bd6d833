// Which item stands on which pool, with the loads of all rows: changed step by step, so that a step costs little.
import type { Problem } from './problem.ts';

/** Loads are sums of fractions: less than this share of a limit above it is rounding. */
export const ROUNDING = 1e-9;

type Pair = { readonly rows: Int32Array; readonly by: Float64Array };

/** What never changes while one problem is searched, as flat arrays. */
export class Field {
  readonly problem: Problem;
  readonly items: number;
  readonly pools: number;
  readonly weights: Float64Array;
  readonly homes: Int32Array;
  readonly may: Uint8Array;
  readonly costs: Float64Array;
  readonly groupsOf: readonly (readonly number[])[];
  readonly zones: Int32Array;
  readonly zoneCount: number;
  readonly #pairs: (Pair | undefined)[] = [];
  readonly #poolRows: Map<number, number>[];

  constructor(problem: Problem) {
    const { items, pools, rows, zones, apart } = problem;
    this.problem = problem;
    this.items = items.length;
    this.pools = pools.length;
    this.weights = Float64Array.from(items, ({ weight }) => weight);
    this.homes = Int32Array.from(items, ({ home }) => home);
    this.may = new Uint8Array(items.length * pools.length);
    this.costs = new Float64Array(items.length * pools.length);
    items.forEach(({ choices, costs }, item) => {
      for (const pool of choices) this.may[item * pools.length + pool] = 1;
      this.costs.set(costs, item * pools.length);
    });
    this.zones = zones;
    this.zoneCount = Math.max(-1, ...zones) + 1;
    const groupsOf: number[][] = items.map(() => []);
    apart.forEach((group, index) => {
      for (const item of group) groupsOf[item]?.push(index);
    });
    this.groupsOf = groupsOf;
    this.#poolRows = pools.map(() => new Map());
    rows.forEach((row, index) => {
      row.pools.forEach((pool, k) => {
        this.#poolRows[pool]?.set(index, row.coefficients[k] ?? 0);
      });
    });
  }

  mayBe(item: number, pool: number): boolean {
    return this.may[item * this.pools + pool] === 1;
  }

  cost(item: number, pool: number): number {
    return this.costs[item * this.pools + pool] ?? 0;
  }

  weight(item: number): number {
    return this.weights[item] ?? 0;
  }

  home(item: number): number {
    return this.homes[item] ?? -1;
  }

  /** What one unit of load that goes from a pool (-1: from nowhere) to another adds to the rows. */
  pair(from: number, to: number): Pair {
    const key = (from + 1) * (this.pools + 1) + to + 1;
    const known = this.#pairs[key];
    if (known !== undefined) return known;
    const by = new Map<number, number>();
    for (const [row, one] of this.#poolRows[to] ?? []) by.set(row, one);
    for (const [row, one] of this.#poolRows[from] ?? []) by.set(row, (by.get(row) ?? 0) - one);
    const list = [...by].filter(([, one]) => one !== 0).sort(([one], [other]) => one - other);
    const pair = { rows: Int32Array.from(list, ([row]) => row), by: Float64Array.from(list, ([, one]) => one) };
    this.#pairs[key] = pair;
    return pair;
  }
}

export class Assignment {
  readonly field: Field;
  readonly limits: Float64Array;
  readonly at: Int32Array;
  readonly loads: Float64Array;
  /** Pool → its items, lightest first. */
  readonly members: number[][];
  cost = 0;
  readonly #crowd: Int32Array;

  constructor(field: Field, limits: Float64Array, at: ArrayLike<number>) {
    this.field = field;
    this.limits = limits;
    this.at = new Int32Array(field.items).fill(-1);
    this.loads = new Float64Array(limits.length);
    this.members = Array.from({ length: field.pools }, () => []);
    this.#crowd = new Int32Array(field.problem.apart.length * field.zoneCount);
    const order = Array.from({ length: field.items }, (_, item) => item);
    order.sort((one, other) => field.weight(one) - field.weight(other) || one - other);
    for (const item of order) this.#count(item, at[item] ?? -1, true);
  }

  /** Puts an item on a pool without looking for its place among the members. */
  #count(item: number, pool: number, last: boolean): void {
    const { field } = this;
    this.at[item] = pool;
    if (pool < 0) return;
    const list = this.members[pool] ?? [];
    if (last) list.push(item);
    else list.splice(this.place(pool, field.weight(item), item), 0, item);
    this.cost += field.cost(item, pool);
    this.#add(-1, pool, field.weight(item));
    for (const group of field.groupsOf[item] ?? []) this.#crowdAt(group, pool, 1);
  }

  #add(from: number, to: number, weight: number): void {
    const { rows, by } = this.field.pair(from, to);
    for (let k = 0; k < rows.length; k++) {
      const row = rows[k] ?? 0;
      this.loads[row] = (this.loads[row] ?? 0) + weight * (by[k] ?? 0);
    }
  }

  #crowdAt(group: number, pool: number, by: number): number {
    const index = group * this.field.zoneCount + (this.field.zones[pool] ?? 0);
    this.#crowd[index] = (this.#crowd[index] ?? 0) + by;
    return this.#crowd[index] ?? 0;
  }

  /** Where a weight stands, or would stand, among the members of a pool: the first place that is not lighter. */
  place(pool: number, weight: number, item = -1): number {
    const list = this.members[pool] ?? [];
    let [low, high] = [0, list.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const one = list[middle] ?? 0;
      const lighter = this.field.weight(one) - weight || (item < 0 ? 0 : one - item);
      if (lighter < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  move(item: number, to: number): void {
    const from = this.at[item] ?? -1;
    if (from >= 0) {
      this.members[from]?.splice(this.place(from, this.field.weight(item), item), 1);
      this.cost -= this.field.cost(item, from);
      this.#add(-1, from, -this.field.weight(item));
      for (const group of this.field.groupsOf[item] ?? []) this.#crowdAt(group, from, -1);
    }
    this.#count(item, to, false);
  }

  /** Would the item stand on a server with one that it must stay apart from? `without` leaves at the same time. */
  conflicts(item: number, pool: number, without = -1): boolean {
    const groups = this.field.groupsOf[item] ?? [];
    if (groups.length === 0) return false;
    const { zones } = this.field;
    const zone = zones[pool];
    const isThere = (one: number, group: number) =>
      one >= 0 && zones[this.at[one] ?? -1] === zone && (this.field.groupsOf[one] ?? []).includes(group);
    return groups.some((group) => {
      const others = this.#crowdAt(group, pool, 0) - (isThere(item, group) ? 1 : 0) - (isThere(without, group) ? 1 : 0);
      return others > 0;
    });
  }

  /** How much the rows are above their limits in all. */
  excess(): number {
    let sum = 0;
    for (let row = 0; row < this.loads.length; row++) sum += this.over(row);
    return sum;
  }

  over(row: number): number {
    const [load, limit] = [this.loads[row] ?? 0, this.limits[row] ?? 0];
    return load > limit + ROUNDING * Math.max(1, limit) ? load - limit : 0;
  }

  /** How much more the rows would be above their limits if that load went from a pool to another. */
  change(from: number, to: number, weight: number): number {
    const { rows, by } = this.field.pair(from, to);
    let sum = 0;
    for (let k = 0; k < rows.length; k++) {
      const row = rows[k] ?? 0;
      const [load, limit] = [this.loads[row] ?? 0, this.limits[row] ?? 0];
      const then = load + weight * (by[k] ?? 0);
      if (then > limit + ROUNDING * Math.max(1, limit)) sum += then - limit;
      if (load > limit + ROUNDING * Math.max(1, limit)) sum -= load - limit;
    }
    return sum;
  }

  /** How much load can go from a pool (-1: from nowhere) to another without any row growing above its limit. */
  room(from: number, to: number): number {
    const { rows, by } = this.field.pair(from, to);
    let room = Number.POSITIVE_INFINITY;
    for (let k = 0; k < rows.length; k++) {
      const one = by[k] ?? 0;
      if (one <= 0) continue;
      const row = rows[k] ?? 0;
      const limit = this.limits[row] ?? 0;
      room = Math.min(room, Math.max(0, limit + ROUNDING * 0.5 * Math.max(1, limit) - (this.loads[row] ?? 0)) / one);
    }
    return room;
  }
}
