// In what order the tenants move: so that no step breaks what must hold, wherever there is such an order.
import type { Field } from './assignment.ts';
import type { Problem } from './problem.ts';

export type Step = { readonly tenant: number; readonly from: number; readonly to: number };

export type Ordered = {
  readonly steps: readonly Step[];
  /** Steps that break a capacity or bring together what must be apart, as no order avoids it. */
  readonly unsafe: readonly Step[];
};

/** Puts moves in order: those that must leave first, then the largest, each as soon as it breaks nothing. */
export function orderSteps(problem: Problem, field: Field, at: Int32Array): Ordered {
  const { tenants, items, pools, rows, leaves } = problem;
  const poolOf = new Map(pools.map(({ name }, index) => [name, index]));
  const loads = new Float64Array(rows.length);
  const crowd = new Map<string, number>();
  const bear = (from: number, to: number, weight: number) => {
    const pair = field.pair(from, to);
    pair.rows.forEach((row, k) => {
      loads[row] = (loads[row] ?? 0) + weight * (pair.by[k] ?? 0);
    });
  };
  const count = (item: number, pool: number, by: number) => {
    for (const group of field.groupsOf[item] ?? []) {
      const key = `${group} ${problem.zones[pool]}`;
      crowd.set(key, (crowd.get(key) ?? 0) + by);
    }
  };
  const waiting: (Step & { item: number; weight: number })[] = [];
  items.forEach(({ members, weight: whole }, item) => {
    for (const tenant of members) {
      const one = tenants[tenant];
      if (one === undefined) continue;
      const [from, to] = [poolOf.get(one.pool) ?? -1, at[item] ?? -1];
      const weight = members.length === 1 ? whole : one.load.kind === 'known' ? one.load.weight : one.load.fallback;
      bear(-1, from, weight);
      count(item, from, 1);
      if (from !== to) waiting.push({ tenant, from, to, item, weight });
    }
  });
  const urgent = (step: Step) => (leaves[step.tenant] === null ? 0 : 1);
  waiting.sort((a, b) => urgent(b) - urgent(a) || b.weight - a.weight || a.tenant - b.tenant);
  const isSafe = ({ from, to, item, weight }: (typeof waiting)[number]) => {
    const { rows: touched, by } = field.pair(from, to);
    for (let k = 0; k < touched.length; k++) {
      const row = touched[k] ?? 0;
      const [load, limit] = [loads[row] ?? 0, rows[row]?.capacity ?? 0];
      const more = weight * (by[k] ?? 0);
      if (more > 0 && load + more > limit + 1e-9 * Math.max(1, limit)) return false;
    }
    const zone = problem.zones[to];
    if (zone === problem.zones[from]) return true;
    return (field.groupsOf[item] ?? []).every((group) => (crowd.get(`${group} ${zone}`) ?? 0) === 0);
  };
  const [steps, unsafe]: [Step[], Step[]] = [[], []];
  while (waiting.length > 0) {
    const safe = waiting.findIndex(isSafe);
    const [step] = waiting.splice(Math.max(0, safe), 1);
    if (step === undefined) break;
    bear(step.from, step.to, step.weight);
    count(step.item, step.from, -1);
    count(step.item, step.to, 1);
    const { tenant, from, to } = step;
    steps.push({ tenant, from, to });
    if (safe < 0) unsafe.push({ tenant, from, to });
  }
  return { steps, unsafe };
}
