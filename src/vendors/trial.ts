// Tries operators' templates in a thread of its own: a template that never ends, or that takes all the memory, takes them from
// that thread alone, and phones are served meanwhile.
import { Worker } from 'node:worker_threads';
import { digestOf } from '../domain/digest.ts';

/** How long a template may be tried, from reading it to the last sample phone. */
const TRIAL_MS = 500;
/** A machine that is busy gives a thread less of itself: so often is a template that ran out of time tried again. */
const TRIES = 3;
/** How long the thread may take to begin: it loads the product's own templates. */
const BEGINNING_MS = 30_000;
const MEMORY_MB = 64;
const STACK_MB = 4;
/** A thread that has had nothing to do for so long ends. */
const IDLE_MS = 10_000;
/** So many verdicts are remembered: what has been looked at is written the moment after. */
const VERDICTS_MAX = 500;

export type TrialOrder = { readonly vendor: string; readonly file: string; readonly source: string };

/** What the thread says: that it begins, and then what is wrong, or null. */
export type TrialReport = { readonly began: true } | { readonly fault: string | null };

export type Trials = {
  /** Tries a template. @returns what is wrong with it; null when it may be used */
  faultOf(order: TrialOrder): Promise<string | null>;
};

/** @param root the folder of the product's templates */
export function openTrials(root: string, code = new URL('./trial-worker.ts', import.meta.url)): Trials {
  const verdicts = new Map<string, string | null>();
  let turn: Promise<unknown> = Promise.resolve();
  let thread: Thread | null = null;

  const tryOnce = async (order: TrialOrder): Promise<Outcome> => {
    thread ??= openThread(root, code, () => {
      thread = null;
    });
    return thread.run(order);
  };
  const tryOut = async (order: TrialOrder): Promise<string | null> => {
    const key = digestOf(Buffer.from(JSON.stringify([order.vendor, order.file, order.source])));
    const known = verdicts.get(key);
    if (known !== undefined) return known;
    let outcome: Outcome = { kind: 'stopped' };
    for (let tries = 0; tries < TRIES && outcome.kind === 'stopped'; tries++) outcome = await tryOnce(order);
    const fault =
      outcome.kind === 'judged'
        ? outcome.fault
        : outcome.kind === 'stopped'
          ? `the trial took more than ${TRIAL_MS} milliseconds; make the template smaller or simpler`
          : `the trial needed more than ${MEMORY_MB} megabytes or broke off; make the template smaller or simpler`;
    if (verdicts.size >= VERDICTS_MAX) verdicts.clear();
    verdicts.set(key, fault);
    return fault;
  };
  return {
    faultOf(order) {
      const done = turn.then(() => tryOut(order));
      turn = done.catch(() => undefined);
      return done;
    },
  };
}

type Outcome =
  | { readonly kind: 'judged'; readonly fault: string | null }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'broken' };

type Thread = { run(order: TrialOrder): Promise<Outcome> };

/** One thread for one trial after the other; it goes with the first that it does not come back from. */
function openThread(root: string, code: URL, gone: () => void): Thread {
  const worker = new Worker(code, {
    workerData: root,
    resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB, stackSizeMb: STACK_MB },
  });
  // Nobody waits for a thread that has nothing to do.
  worker.unref();
  let idle: NodeJS.Timeout | undefined;
  const end = () => {
    gone();
    void worker.terminate();
  };
  return {
    run: (order) =>
      new Promise((resolve) => {
        clearTimeout(idle);
        worker.ref();
        const settle = (outcome: Outcome) => {
          clearTimeout(timer);
          for (const name of ['message', 'error', 'exit'] as const) worker.removeAllListeners(name);
          worker.on('error', () => undefined);
          worker.unref();
          if (outcome.kind === 'judged') idle = setTimeout(end, IDLE_MS).unref();
          else end();
          resolve(outcome);
        };
        let timer = setTimeout(() => settle({ kind: 'broken' }), BEGINNING_MS);
        worker.on('message', (report: TrialReport) => {
          if ('fault' in report) return settle({ kind: 'judged', fault: report.fault });
          clearTimeout(timer);
          timer = setTimeout(() => settle({ kind: 'stopped' }), TRIAL_MS);
        });
        worker.on('error', () => settle({ kind: 'broken' }));
        worker.on('exit', () => settle({ kind: 'broken' }));
        worker.postMessage(order);
      }),
  };
}
