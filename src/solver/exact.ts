// The exact mode: an integer program in a worker thread, with a time limit. What it cannot prove in time it says.
import { Worker } from 'node:worker_threads';
import { AppError } from '../domain/errors.ts';
import { Assignment } from '../domain/plan/assignment.ts';
import { limitsAt } from '../domain/plan/bounds.ts';
import type { Fleet, Plan, PlanOrder } from '../domain/plan/goals.ts';
import { impossiblePlan, planFast, planOf, solveFast, type Task, taskOf, whyNot } from '../domain/plan/plan.ts';
import { type Found, measure, type Solved } from '../domain/plan/solve.ts';
import { programOf, type Wanted } from './program.ts';
import type { Job, Result } from './worker.ts';

/** Tenants × pools up to which a plan is made exactly when nobody says otherwise. */
export const EXACT_PLACES_MAX = 6_400;
/** Seconds that the exact mode takes at most when nobody says otherwise. */
export const EXACT_SECONDS = 20;
/** Seconds that the worker may take beyond its limit before it is ended. */
const GRACE_SECONDS = 10;
/** Megabytes of memory that the worker may take beside the solver's own. */
const WORKER_MEMORY_MB = 512;

export type Exactly = { readonly seconds: number };

/** Makes plans in any mode. */
export type Planner = (fleet: Fleet, order: PlanOrder, now: Date) => Promise<Plan>;

/**
 * A planner for all modes: `auto` is exact for small fleets and fast for others.
 * @throws AppError `invalid` as `planFast` does, `unavailable` when the solver does not answer
 */
export const plannerWith =
  ({ seconds }: Exactly = { seconds: EXACT_SECONDS }): Planner =>
  async (fleet, order, now) => {
    const places = fleet.tenants.length * (fleet.pools.length + order.add.pools.length);
    const exact = order.mode === 'exact' || (order.mode === 'auto' && places <= EXACT_PLACES_MAX);
    return exact ? planExact(fleet, order, now, { seconds }) : planFast(fleet, order, now);
  };

/**
 * The best plan, proven, or the best that was found when the time ends, with what was proven until then.
 * @throws AppError `invalid` as `planFast` does, `unavailable` when the solver does not answer
 */
export async function planExact(fleet: Fleet, order: PlanOrder, now: Date, { seconds }: Exactly): Promise<Plan> {
  const task = taskOf(fleet, order, now);
  if (task.problem.infeasible.length > 0) return { ...impossiblePlan(task, task.problem.infeasible), mode: 'exact' };
  const fast = solveFast(task);
  const deadline = performance.now() + seconds * 1000;
  const first = fast.found === null ? await firstPlan(task, fast, deadline) : fast;
  if (first.found === null) return { ...impossiblePlan(task, [whyNot(task, first)]), mode: 'exact' };
  const { solved, proven } = await (task.first === 'few' ? fewest : evenest)(
    task,
    { ...first, found: first.found },
    deadline,
  );
  return planOf(task, solved, { mode: 'exact', proven });
}

type Begun = Solved & { readonly found: Found };
type Ended = { readonly solved: Begun; readonly proven: boolean };

/** Asks the solver whether there is any plan at all. */
async function firstPlan(task: Task, fast: Solved, deadline: number): Promise<Solved> {
  if (fast.impossible) return fast;
  const start = { at: task.field.homes, worst: Number.POSITIVE_INFINITY, phones: 0, tenants: 0 };
  const answer = await improve(task, start, { kind: 'cost', worstMax: Number.POSITIVE_INFINITY }, deadline);
  return { ...fast, found: answer.found, impossible: answer.status === 'infeasible' };
}

/** The lowest worst ratio first, then the fewest phones, then the fewest tenants. */
async function evenest(task: Task, begun: Begun, deadline: number): Promise<Ended> {
  const near = 1 + task.evenness;
  let { found, worstBound } = begun;
  let proven = found.worst <= worstBound * near * (1 + 1e-9);
  if (!proven) {
    const answer = await improve(task, found, { kind: 'worst', costMax: Number.POSITIVE_INFINITY }, deadline);
    worstBound = Math.max(worstBound, answer.bound * (1 - 1e-7));
    if (answer.found !== null && answer.found.worst < found.worst) found = answer.found;
    proven = answer.status === 'optimal';
  }
  const target = Math.max(found.worst, Math.min(begun.target, begun.worstBound * near));
  const answer = await improve(task, found, { kind: 'cost', worstMax: target }, deadline);
  const cheaper = answer.found !== null && costOf(task, answer.found) < costOf(task, found);
  const best = cheaper && answer.found !== null ? answer.found : found;
  const phonesBound = boundOf(task, answer, best);
  const solved = {
    ...begun,
    found: best,
    worstBound,
    phonesBound: Math.max(phonesBound, target > begun.target ? 0 : begun.phonesBound),
    target,
  };
  return { solved, proven: proven && answer.status === 'optimal' };
}

/** The fewest phones first, then the lowest worst ratio with as few. */
async function fewest(task: Task, begun: Begun, deadline: number): Promise<Ended> {
  const cheap = await improve(task, begun.found, { kind: 'cost', worstMax: Number.POSITIVE_INFINITY }, deadline);
  let found = begun.found;
  if (cheap.found !== null && costOf(task, cheap.found) < costOf(task, found) - 1e-9) found = cheap.found;
  const phonesBound = Math.max(begun.phonesBound, boundOf(task, cheap, found));
  const costMax = costOf(task, found) + 1e-7;
  const even = await improve(task, found, { kind: 'worst', costMax }, deadline);
  if (even.found !== null && even.found.worst < found.worst) found = even.found;
  // The ratio is proven for plans that move as little, and only when nothing moves less.
  const sure = cheap.status === 'optimal';
  const worstBound = sure ? Math.max(begun.worstBound, even.bound * (1 - 1e-7)) : begun.worstBound;
  return {
    solved: { ...begun, found, phonesBound, worstBound, target: found.worst },
    proven: sure && even.status === 'optimal',
  };
}

/** Phones that no plan goes below: all tenants together cost less than one. */
const boundOf = ({ problem }: Task, { status, bound }: Improved, { phones }: Found) =>
  status === 'optimal' ? phones : Math.max(0, Math.ceil(bound - problem.tenantCost * problem.tenants.length - 1e-6));

const costOf = ({ problem }: Task, { phones, tenants }: Found) => phones + tenants * problem.tenantCost;

type Improved = { readonly status: Result['status']; readonly found: Found | null; readonly bound: number };

/** Solves one program from a plan on. */
async function improve(task: Task, begin: Found, wanted: Wanted, deadline: number): Promise<Improved> {
  const { problem, field, budget } = task;
  const timeLimit = (deadline - performance.now()) / 1000;
  if (timeLimit <= 0) return { status: 'stopped', found: null, bound: 0 };
  const { program, places, first } = programOf(problem, wanted, budget, begin);
  const isCost = wanted.kind === 'cost';
  const result = await solveInWorker({
    ...{ program, timeLimit },
    relativeGap: isCost ? 0 : Math.max(1e-6, task.evenness),
    absoluteGap: isCost ? problem.tenantCost / 2 : 0,
  });
  const bound = Number.isFinite(result.bound) ? Math.max(0, result.bound) : 0;
  if (result.x === null) return { status: result.status, found: null, bound };
  const at = Int32Array.from(field.homes);
  places.forEach(({ item, pool }, index) => {
    if ((result.x?.[first + index] ?? 0) > 0.5) at[item] = pool;
  });
  const limits = limitsAt(problem, isCost ? wanted.worstMax * (1 + 1e-7) : Number.POSITIVE_INFINITY);
  const kept =
    new Assignment(
      field,
      limits.map((limit) => limit * (1 + 1e-7)),
      at,
    ).excess() === 0;
  return { status: result.status, found: kept ? measure(problem, at) : null, bound };
}

/** @throws AppError `unavailable` when the worker fails or does not come back */
function solveInWorker(job: Job): Promise<Result> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), {
      workerData: job,
      resourceLimits: { maxOldGenerationSizeMb: WORKER_MEMORY_MB },
    });
    const fail = (why: string) => {
      clearTimeout(timer);
      void worker.terminate();
      reject(new AppError('unavailable', `the exact planner ${why}; ask for the mode fast`));
    };
    const timer = setTimeout(() => fail('did not end in time'), (job.timeLimit + GRACE_SECONDS) * 1000);
    worker.once('message', (result: Result) => {
      clearTimeout(timer);
      void worker.terminate();
      resolve(result);
    });
    worker.once('error', (error) => fail(`failed (${error.name})`));
    worker.once('exit', (code) => {
      if (code !== 0) fail(`ended with code ${code}`);
    });
  });
}
