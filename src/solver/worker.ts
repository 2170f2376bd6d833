// The solver in a thread of its own: it computes without a pause, and phones are served meanwhile.
import { parentPort, workerData } from 'node:worker_threads';
import highsModule from 'highs';
import type { Program } from './program.ts';

// The package is CommonJS in its types and an ES module in fact: both give the same function.
const loadHighs = highsModule as unknown as typeof highsModule.default;

export type Job = {
  readonly program: Program;
  /** Seconds. */
  readonly timeLimit: number;
  readonly relativeGap: number;
  readonly absoluteGap: number;
};

export type Result = {
  readonly status: 'optimal' | 'infeasible' | 'stopped';
  /** Null when no solution was found. */
  readonly x: Float64Array | null;
  readonly objective: number;
  /** Nothing is better than this. */
  readonly bound: number;
};

async function solve({ program, timeLimit, relativeGap, absoluteGap }: Job): Promise<Result> {
  const highs = await loadHighs();
  const { columns, cost, ratio, starts, indices, values, lower, upper, start } = program;
  const { infinity, constants } = highs;
  const end = (list: Float64Array) => list.map((one) => Math.max(-infinity, Math.min(infinity, one)));
  const isRatio = (column: number) => ratio && column === 0;
  const { integer, continuous } = constants.variableType;
  const rows = lower.length;
  const model = highs.createModel({
    ...{ numCols: columns, numRows: rows, colCost: cost },
    colLower: new Float64Array(columns),
    colUpper: Float64Array.from({ length: columns }, (_, column) => (isRatio(column) ? infinity : 1)),
    ...{ rowLower: end(lower), rowUpper: end(upper) },
    matrix: { format: 'csr', numRows: rows, numCols: columns, starts, indices, values },
    integrality: Array.from({ length: columns }, (_, column) => (isRatio(column) ? continuous : integer)),
  });
  try {
    model.options.set({
      output_flag: false,
      time_limit: timeLimit,
      mip_rel_gap: relativeGap,
      mip_abs_gap: absoluteGap,
    });
    model.setSolution({ colValue: start });
    model.run();
    const status = model.getModelStatus();
    const solution = model.getSolution();
    const objective = model.getObjectiveValue();
    const has = solution.colValue.length === columns && Number.isFinite(objective) && Math.abs(objective) < infinity;
    return {
      status:
        status === constants.modelStatus.optimal
          ? 'optimal'
          : status === constants.modelStatus.infeasible
            ? 'infeasible'
            : 'stopped',
      x: has ? Float64Array.from(solution.colValue) : null,
      objective,
      bound: Number(model.info.get('mip_dual_bound')),
    };
  } finally {
    model.dispose();
  }
}

parentPort?.postMessage(await solve(workerData));
