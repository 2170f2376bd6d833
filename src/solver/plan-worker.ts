// The planner in a thread of its own; the other side is plan-maker.ts.
import { parentPort, workerData } from 'node:worker_threads';
import { AppError } from '../domain/errors.ts';
import { faultsOfPart } from '../domain/part.ts';
import type { Plan } from '../domain/plan/goals.ts';
import { choicesOf } from '../domain/plan/plan.ts';
import { plannerWith } from './exact.ts';
import type { PlanJob, PlanReport, PlanTask } from './plan-maker.ts';

/** Choices are between evenness and few moves; where few moves are what is wanted, there is nothing to choose. */
function choices({ fleet, order, now, choices: wanted }: PlanTask, plan: Plan): Plan[] {
  const isForFew = order.goals.first === 'few' || order.drain.length + order.remove.length > 0;
  if (!wanted || isForFew || plan.infeasible.length > 0 || plan.moves.length === 0) return [];
  return choicesOf(fleet, order, now);
}

async function work(job: PlanJob): Promise<PlanReport> {
  try {
    const { fleet, order, now } = job;
    if (job.kind === 'check') return { kind: 'checked', faults: faultsOfPart(fleet, order, job.moves, now) };
    const plan = await plannerWith({ seconds: job.seconds })(fleet, order, now);
    return { kind: 'made', made: { plan, choices: choices(job, plan) } };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { kind: 'refused', code: error.code, message: error.message, faults: error.faults };
  }
}

parentPort?.postMessage(await work(workerData as PlanJob));
