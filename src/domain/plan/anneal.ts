// A better plan for a small fleet: many small random steps that may also be for the worse, fewer of them as it cools.
// The numbers come from a fixed seed, so the same fleet gets the same plan.
import type { Assignment } from './assignment.ts';

/** Numbers from 0 to 1 that look random and are always the same. */
export function numbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export type Cooling = {
  readonly steps: number;
  readonly seed: number;
  /** What a unit of load above a limit costs, in phones: at first, and at last. */
  readonly penalty: readonly [number, number];
  /** Phones that a step may cost at first, and at last. */
  readonly hot: number;
  readonly cold: number;
};

/** The places of the best plan within limits that was found, or null. */
export function anneal(state: Assignment, { steps, seed, penalty, hot, cold }: Cooling): Int32Array | null {
  const { field } = state;
  const random = numbers(seed);
  const movable = Array.from({ length: field.items }, (_, item) => item).filter(
    (item) => (field.problem.items[item]?.choices.length ?? 0) > 1,
  );
  if (movable.length === 0) return state.excess() === 0 ? Int32Array.from(state.at) : null;
  let excess = state.excess();
  let best = excess <= 1e-9 ? Int32Array.from(state.at) : null;
  let least = best === null ? Number.POSITIVE_INFINITY : state.cost;
  const fall = (cold / hot) ** (1 / steps);
  const rise = (penalty[1] / penalty[0]) ** (1 / steps);
  for (let step = 0, heat = hot, price = penalty[0]; step < steps; step++, heat *= fall, price *= rise) {
    let item = movable[Math.floor(random() * movable.length)] ?? 0;
    // Those that have moved already cost nothing more: they are tried more often.
    for (let tries = 0; tries < 3 && state.at[item] === field.home(item); tries++)
      item = movable[Math.floor(random() * movable.length)] ?? 0;
    const from = state.at[item] ?? -1;
    const choices = field.problem.items[item]?.choices ?? [];
    const home = field.home(item);
    const to =
      random() < 0.25 && field.mayBe(item, home) ? home : (choices[Math.floor(random() * choices.length)] ?? from);
    if (to === from) continue;
    const back = random() < 0.6 ? partner(state, item, to, random()) : -1;
    if (back >= 0 && !field.mayBe(back, from)) continue;
    const weight = field.weight(item) - (back < 0 ? 0 : field.weight(back));
    const cost =
      field.cost(item, to) - field.cost(item, from) + (back < 0 ? 0 : field.cost(back, from) - field.cost(back, to));
    const more = state.change(from, to, weight);
    const worse = cost + price * more;
    if (worse > 0 && random() >= Math.exp(-worse / heat)) continue;
    if (state.conflicts(item, to, back) || (back >= 0 && state.conflicts(back, from, item))) continue;
    if (back >= 0) state.move(back, from);
    state.move(item, to);
    excess += more;
    if (excess <= 1e-6 && state.cost < least - 1e-9 && state.excess() === 0) {
      least = state.cost;
      best = Int32Array.from(state.at);
    }
  }
  return best;
}

/** Somebody on the pool to change places with: near in weight half of the time. */
function partner(state: Assignment, item: number, pool: number, draw: number): number {
  const list = state.members[pool] ?? [];
  if (list.length === 0) return -1;
  if (draw < 0.5) return list[Math.floor(draw * 2 * list.length)] ?? -1;
  const near = state.place(pool, state.field.weight(item)) + Math.floor((draw - 0.75) * 12);
  return list[Math.max(0, Math.min(list.length - 1, near))] ?? -1;
}
