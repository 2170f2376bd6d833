// Makes plans in a thread of its own, so that phones are served meanwhile: even the fast mode computes without a pause.
import { Worker } from 'node:worker_threads';
import { AppError, type ErrorCode, type Fault } from '../domain/errors.ts';
import { faultsOfPart, type PartialMove } from '../domain/part.ts';
import type { Fleet, Plan, PlanOrder } from '../domain/plan/goals.ts';
import { EXACT_SECONDS } from './exact.ts';

/** Plans that are made at the same time; each takes a processor. */
const AT_ONCE = 2;
/** Seconds that a plan may take in all: the exact mode ends by itself before, the fast one needs less than one. */
const SECONDS_MAX = 120;
/** Megabytes of memory that a thread may take. */
const MEMORY_MB = 1_024;

/** Tenants × pools up to which moves are checked without a thread: that takes a few milliseconds. */
const CHECKED_HERE_MAX = 20_000;

export type PlanTask = {
  readonly fleet: Fleet;
  readonly order: PlanOrder;
  readonly now: Date;
  /** Are other plans to choose from made beside it? */
  readonly choices: boolean;
};

export type CheckTask = {
  readonly fleet: Fleet;
  readonly order: PlanOrder;
  readonly moves: readonly PartialMove[];
  readonly now: Date;
};

export type MadePlans = { readonly plan: Plan; readonly choices: readonly Plan[] };

export type PlanMaker = {
  /**
   * A plan, with others to choose from: less even, with fewer phones moved.
   * @throws AppError `invalid` for an order that contradicts itself, `unavailable` when too many plans are being made
   */
  make(task: PlanTask): Promise<MadePlans>;
  /** What some moves would break, as sentences. @throws AppError as `make` does */
  check(task: CheckTask): Promise<readonly string[]>;
};

export type PlanJob =
  | ({ readonly kind: 'make'; readonly seconds: number } & PlanTask)
  | ({ readonly kind: 'check' } & CheckTask);

/** What the thread says at its end. */
export type PlanReport =
  | { readonly kind: 'made'; readonly made: MadePlans }
  | { readonly kind: 'checked'; readonly faults: readonly string[] }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly message: string; readonly faults: readonly Fault[] };

/** @param seconds that the exact mode takes at most */
export function openPlanMaker(seconds = EXACT_SECONDS): PlanMaker {
  let going = 0;
  const alone = async (job: PlanJob): Promise<Done> => {
    if (going >= AT_ONCE) {
      throw new AppError('unavailable', `${AT_ONCE} plans are being made already; try again in a few seconds`);
    }
    going += 1;
    try {
      return await inThread(job);
    } finally {
      going -= 1;
    }
  };
  return {
    async make(task) {
      const done = await alone({ kind: 'make', ...task, seconds });
      if (done.kind !== 'made') throw new Error('assertion failed: who makes plans says which');
      return done.made;
    },
    async check(task) {
      const { fleet, order, moves, now } = task;
      const places = fleet.tenants.length * (fleet.pools.length + order.add.pools.length);
      if (places <= CHECKED_HERE_MAX) return faultsOfPart(fleet, order, moves, now);
      const done = await alone({ kind: 'check', ...task });
      if (done.kind !== 'checked') throw new Error('assertion failed: who checks says what was found');
      return done.faults;
    },
  };
}

type Done = Exclude<PlanReport, { readonly kind: 'refused' }>;

function inThread(job: PlanJob): Promise<Done> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./plan-worker.ts', import.meta.url), {
      workerData: job,
      resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB },
    });
    const end = (result: () => void) => {
      clearTimeout(timer);
      void worker.terminate();
      result();
    };
    const fail = (why: string) =>
      end(() => reject(new AppError('unavailable', `the planner ${why}; try the mode fast`)));
    const timer = setTimeout(() => fail(`did not end within ${SECONDS_MAX} seconds`), SECONDS_MAX * 1_000);
    worker.once('message', (report: PlanReport) =>
      end(() => {
        if (report.kind === 'refused') reject(new AppError(report.code, report.message, report.faults));
        else resolve(report);
      }),
    );
    worker.once('error', (error) => end(() => reject(error)));
    worker.once('exit', () => fail('ended without a word'));
  });
}
