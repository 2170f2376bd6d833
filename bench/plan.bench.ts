// The planner: time and distance from the proven bound, the fast mode and the exact one side by side on the same fleets.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Plan, planOrderSchema } from '../src/domain/plan/goals.ts';
import { planFast } from '../src/domain/plan/plan.ts';
import { planExact } from '../src/solver/exact.ts';
import { ringFleet } from '../test/instances/fleets.ts';
import type { Measured } from './run.ts';

export const title = 'planner: fast against exact (medians over seeds; gaps above the proven bound)';

/** Seconds that the exact mode gets for each fleet. */
const EXACT_SECONDS = 20;
/** Tenants × pools up to which the exact mode is asked; above, its memory alone is more than a gigabyte. */
const EXACT_PLACES_MAX = 20_000;
const SEEDS = [1, 2, 3];
const NOW = new Date(0);

const median = (list: readonly number[]) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN;
const percent = (share: number) => `${(share * 100).toFixed(3)} %`;

/** The fast mode three times on each of the fleets: the first warms the machine, the best of the others counts. */
function fastOn(tenants: number, pools: number): { plans: Plan[]; ms: number[] } {
  const order = planOrderSchema.parse({ mode: 'fast' });
  const plans: Plan[] = [];
  const ms: number[] = [];
  for (const seed of SEEDS) {
    const fleet = ringFleet({ tenants, pools, seed });
    const times = [0, 1, 2].map((round) => {
      const from = performance.now();
      const plan = planFast(fleet, order, NOW);
      if (round === 0) plans.push(plan);
      return performance.now() - from;
    });
    ms.push(Math.min(...times.slice(1)));
  }
  return { plans, ms };
}

type Optimum = { tenants: number; pools: number; seed: number; evenness: number; phones: number };

/** Fails when a published optimum is not met by the exact mode in the time that it takes to prove it. */
function checkOptimum(plan: Plan, shape: { tenants: number; pools: number; seed: number }): void {
  const path = join(import.meta.dirname, '../test/instances/optima.json');
  const known = (JSON.parse(readFileSync(path, 'utf8')) as Optimum[]).find(
    (one) => one.tenants === shape.tenants && one.pools === shape.pools && one.seed === shape.seed,
  );
  if (known !== undefined && plan.proven === true && plan.achieved.phones !== known.phones)
    throw new Error(
      `${JSON.stringify(shape)}: ${plan.achieved.phones} phones are proven, ${known.phones} are published`,
    );
}

export async function measure(): Promise<Measured> {
  const columns = [
    ...['tenants', 'pools', 'fast ms', 'worst gap', 'phones gap', 'exact ms', 'exact worst gap', 'exact phones gap'],
    ...['proven', 'fast ÷ exact phones', 'exact ÷ fast time'],
  ];
  const rows: (string | number)[][] = [];
  for (const tenants of [100, 1000, 5000])
    for (const pools of [4, 16, 64]) {
      const { plans, ms } = fastOn(tenants, pools);
      const row = [tenants, pools, median(ms).toFixed(0)];
      const gaps = (list: readonly Plan[]) => [
        percent(median(list.map(({ gap }) => gap.worst ?? 0))),
        percent(median(list.map(({ gap }) => gap.phones))),
      ];
      row.push(...gaps(plans));
      const [seed = 1] = SEEDS;
      if (tenants * pools > EXACT_PLACES_MAX) {
        rows.push([...row, '–', '–', '–', 'not asked', '–', '–']);
        continue;
      }
      const from = performance.now();
      const order = planOrderSchema.parse({ mode: 'exact' });
      const exact = await planExact(ringFleet({ tenants, pools, seed }), order, NOW, { seconds: EXACT_SECONDS });
      const took = performance.now() - from;
      checkOptimum(exact, { tenants, pools, seed });
      const ratio = (plans[0]?.achieved.phones ?? 0) / Math.max(1, exact.achieved.phones);
      rows.push([
        ...row,
        took.toFixed(0),
        ...gaps([exact]),
        String(exact.proven),
        ratio.toFixed(4),
        (took / (ms[0] ?? 1)).toFixed(0),
      ]);
    }
  return { columns, rows };
}
