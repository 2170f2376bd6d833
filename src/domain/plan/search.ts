// A good plan in little time: take out what must go, pack it, mend what is above its limit, take back what need not go.
import { Assignment, type Field } from './assignment.ts';

/** Steps of mending after which a target is given up. */
const MENDS_MAX = 600;
/** Rounds of taking back; each goes over all items that have moved. */
const TRIMS_MAX = 12;
/** How many candidates of one weight are looked at. */
const LOOKS_MAX = 10;

/** Two items change places, or one goes alone (`back` is -1). */
type Exchange = { item: number; from: number; to: number; back: number; cost: number; weight: number };

function apply(state: Assignment, { item, from, to, back }: Exchange): void {
  if (back >= 0) state.move(back, from);
  state.move(item, to);
}

/** Takes out of every pool what the relaxation would take out, the largest that fit first. */
function takeOut(state: Assignment, out: Float64Array): number[] {
  const { field } = state;
  const hand: number[] = [];
  const take = (item: number) => {
    state.move(item, -1);
    hand.push(item);
  };
  for (let item = 0; item < field.items; item++) {
    const at = state.at[item] ?? -1;
    if (
      at >= 0 &&
      (!field.mayBe(item, at) || state.conflicts(item, at)) &&
      field.problem.items[item]?.choices[1] !== undefined
    )
      take(item);
    else if (at >= 0 && !field.mayBe(item, at)) take(item);
  }
  out.forEach((amount, pool) => {
    if (amount <= 0) return;
    let left = amount;
    const list = (state.members[pool] ?? []).filter((item) => (field.problem.items[item]?.choices.length ?? 0) > 1);
    const slopes = new Map(
      list.map((item) => [item, Math.floor((10 * leastCost(field, item)) / Math.max(1e-9, field.weight(item)))]),
    );
    const slope = (item: number) => slopes.get(item) ?? 0;
    list.sort((a, b) => slope(a) - slope(b) || field.weight(b) - field.weight(a) || a - b);
    const kept: number[] = [];
    for (const item of list) {
      const weight = field.weight(item);
      if (weight > 0 && weight <= left * (1 + 1e-9)) {
        take(item);
        left -= weight;
      } else if (weight > 0) kept.push(item);
    }
    if (left <= 1e-9 * Math.max(1, amount)) return;
    const last = kept.filter((item) => field.weight(item) >= left).sort((a, b) => field.weight(a) - field.weight(b))[0];
    if (last !== undefined) take(last);
  });
  return hand;
}

const leastCost = (field: Field, item: number): number => field.problem.items[item]?.least ?? 0;

/** Puts what is in hand where the most room is, the heaviest first. */
function pack(state: Assignment, hand: number[]): void {
  const { field } = state;
  hand.sort((a, b) => field.weight(b) - field.weight(a) || a - b);
  for (const item of hand) {
    const weight = field.weight(item);
    let best = -1;
    let score = Number.NEGATIVE_INFINITY;
    for (const pool of field.problem.items[item]?.choices ?? []) {
      if (state.conflicts(item, pool)) continue;
      const room = state.room(-1, pool);
      const one = room >= weight ? Math.min(room, 1e15) : -1e15 * state.change(-1, pool, weight) - 1e15;
      const mine = one - (field.cost(item, pool) - leastCost(field, item)) * 1e-6;
      if (mine > score) {
        score = mine;
        best = pool;
      }
    }
    const choices = field.problem.items[item]?.choices ?? [];
    state.move(item, best >= 0 ? best : (choices[0] ?? field.home(item)));
  }
}

/**
 * The cheapest exchange that takes a load between two bounds from one pool to another. With `heaviest`, the one that takes
 * the most of it.
 */
function exchangeWithin(
  state: Assignment,
  [from, to]: readonly [number, number],
  [low, high]: readonly [number, number],
  heaviest: boolean,
): Exchange | null {
  const { field } = state;
  const [givers, takers] = [state.members[from] ?? [], state.members[to] ?? []];
  const guests = takers.filter((item) => field.home(item) !== to);
  let best: Exchange | null = null;
  let score = Number.POSITIVE_INFINITY;
  const offer = (item: number, back: number, weight: number) => {
    if (!(weight >= low && weight <= high)) return;
    const cost =
      field.cost(item, to) - field.cost(item, from) + (back < 0 ? 0 : field.cost(back, from) - field.cost(back, to));
    const mine = heaviest ? cost - 3 * weight : cost;
    if (mine >= score) return;
    if (back >= 0 && (!field.mayBe(back, from) || state.conflicts(back, from, item))) return;
    if (state.conflicts(item, to, back)) return;
    score = mine;
    best = { item, from, to, back, cost, weight };
  };
  for (const item of givers) {
    const weight = field.weight(item);
    if (weight < low || !field.mayBe(item, to)) continue;
    if (weight <= high) offer(item, -1, weight);
    for (const list of [takers, guests]) {
      let k = placeIn(field, list, weight - high);
      for (let looks = 0; looks < LOOKS_MAX && k < list.length; looks++, k++) {
        const back = list[k] ?? -1;
        const net = weight - field.weight(back);
        if (net < low) break;
        offer(item, back, net);
      }
    }
  }
  return best;
}

function placeIn(field: Field, list: readonly number[], weight: number): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (field.weight(list[middle] ?? 0) < weight) low = middle + 1;
    else high = middle;
  }
  return low;
}

function worstRow(state: Assignment): number {
  let worst = -1;
  let most = 0;
  for (let row = 0; row < state.loads.length; row++) {
    const over = state.over(row);
    if (over > most) {
      most = over;
      worst = row;
    }
  }
  return worst;
}

/** The best step that brings a row nearer to its limit and no other above it; null when there is none. */
function bestMend(state: Assignment, row: number): Exchange | null {
  const { field } = state;
  const over = state.over(row);
  let [whole, part]: [Exchange | null, Exchange | null] = [null, null];
  let partScore = 0;
  for (const from of field.problem.rows[row]?.pools ?? []) {
    for (let to = 0; to < field.pools; to++) {
      if (to === from) continue;
      const { rows, by } = field.pair(from, to);
      const relief = -(by[rows.indexOf(row)] ?? 0);
      if (relief <= 0) continue;
      const high = state.room(from, to);
      const low = over / relief;
      if (high <= 0) continue;
      const full = high >= low ? exchangeWithin(state, [from, to], [low * (1 - 1e-12), high], false) : null;
      if (full !== null && (whole === null || full.cost < whole.cost)) whole = full;
      if (whole !== null) continue;
      const some = exchangeWithin(state, [from, to], [Math.min(low, high) * 1e-3, Math.min(low, high)], true);
      const score = some === null ? 0 : (some.weight * relief) / (1 + Math.max(0, some.cost));
      if (some !== null && score > partScore) [part, partScore] = [some, score];
    }
  }
  return whole ?? part;
}

/** Brings every row within its limit. False when it does not get there. */
export function mend(state: Assignment): boolean {
  for (let steps = 0; steps < MENDS_MAX; steps++) {
    const row = worstRow(state);
    if (row < 0) return true;
    const step = bestMend(state, row);
    if (step === null) return false;
    apply(state, step);
  }
  return worstRow(state) < 0;
}

/** Takes back what need not have moved, alone or for something that costs less. */
export function trim(state: Assignment): void {
  const { field } = state;
  for (let round = 0; round < TRIMS_MAX; round++) {
    let gained = false;
    for (let item = 0; item < field.items; item++) {
      const [at, home] = [state.at[item] ?? -1, field.home(item)];
      if (at === home || home < 0 || !field.mayBe(item, home)) continue;
      const step = bestReturn(state, item, at, home);
      if (step === null) continue;
      apply(state, step);
      gained = true;
    }
    if (!gained) return;
  }
}

/** The cheapest way to let a moved item go home: alone, or for one from there that costs less. */
function bestReturn(state: Assignment, item: number, at: number, home: number): Exchange | null {
  const { field } = state;
  const weight = field.weight(item);
  const saved = field.cost(item, home) - field.cost(item, at);
  const [there, here] = [state.room(at, home), state.room(home, at)];
  if (weight <= there && !state.conflicts(item, home))
    return { item, from: at, to: home, back: -1, cost: saved, weight };
  const list = state.members[home] ?? [];
  let best: Exchange | null = null;
  let k = placeIn(field, list, weight - there);
  for (let looks = 0; looks < LOOKS_MAX && k < list.length; looks++, k++) {
    const back = list[k] ?? -1;
    if (field.weight(back) - weight > here) break;
    const cost = saved + field.cost(back, at) - field.cost(back, home);
    if (cost >= -1e-9 || (best !== null && cost >= best.cost) || !field.mayBe(back, at)) continue;
    if (state.conflicts(back, at, item) || state.conflicts(item, home, back)) continue;
    best = { item, from: at, to: home, back, cost, weight: weight - field.weight(back) };
  }
  return best;
}

/** A first plan within limits; `out` says what should leave every pool. */
export function construct(field: Field, limits: Float64Array, out: Float64Array): Assignment {
  const state = new Assignment(field, limits, field.homes);
  pack(state, takeOut(state, out));
  return state;
}
