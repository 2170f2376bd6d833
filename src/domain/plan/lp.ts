// A small linear program: the dual simplex method on a dense table, for bounds and for what to aim at.

/** Pivots after which we give up, in multiples of rows and columns. What we return then is no optimum but still usable. */
const PIVOTS_MAX = 6;
const ZERO = 1e-9;

/** Minimise cost · x where rows · x ≤ limits and x ≥ 0; no cost may be negative. */
export type LinearProgram = {
  readonly cost: Float64Array;
  readonly rows: readonly Float64Array[];
  readonly limits: Float64Array;
};

export type LinearSolution = {
  readonly kind: 'optimal' | 'infeasible' | 'unfinished';
  readonly x: Float64Array;
  /** What one more unit of each limit is worth; for an infeasible program, the weights that prove it. Never negative. */
  readonly prices: Float64Array;
};

type Table = { cells: Float64Array[]; right: Float64Array; bottom: Float64Array; basic: Int32Array; free: Int32Array };

/** Which row is broken the most; -1 when none is. */
function worstRow({ right }: Table): number {
  let worst = -1;
  for (let row = 0; row < right.length; row++)
    if ((right[row] ?? 0) < -ZERO && (worst < 0 || (right[row] ?? 0) < (right[worst] ?? 0))) worst = row;
  return worst;
}

/** The column that mends a row at the least cost; -1 when none can. */
function cheapestColumn({ cells, bottom }: Table, row: number): number {
  const line = cells[row] ?? new Float64Array();
  let best = -1;
  let least = Number.POSITIVE_INFINITY;
  for (let column = 0; column < bottom.length; column++) {
    const cell = line[column] ?? 0;
    if (cell >= -ZERO) continue;
    const ratio = (bottom[column] ?? 0) / -cell;
    const steeper = best >= 0 && ratio <= least + 1e-12 && cell < (line[best] ?? 0);
    if (ratio < least - 1e-12 || steeper) {
      least = Math.min(least, ratio);
      best = column;
    }
  }
  return best;
}

function pivot({ cells, right, bottom, basic, free }: Table, row: number, column: number): void {
  const line = cells[row] ?? new Float64Array();
  const by = 1 / (line[column] ?? 1);
  for (let k = 0; k < line.length; k++) line[k] = (line[k] ?? 0) * by;
  line[column] = by;
  right[row] = (right[row] ?? 0) * by;
  const nonzero: number[] = [];
  for (let k = 0; k < line.length; k++) if (k !== column && line[k] !== 0) nonzero.push(k);
  const clear = (other: Float64Array): number => {
    const factor = other[column] ?? 0;
    if (factor === 0) return 0;
    for (const k of nonzero) other[k] = (other[k] ?? 0) - factor * (line[k] ?? 0);
    other[column] = -factor * by;
    return factor;
  };
  for (let r = 0; r < cells.length; r++) {
    const other = cells[r];
    if (r !== row && other !== undefined) right[r] = (right[r] ?? 0) - clear(other) * (right[row] ?? 0);
  }
  clear(bottom);
  [basic[row], free[column]] = [free[column] ?? 0, basic[row] ?? 0];
}

/** Solves a linear program. Variables are numbered from 0, the slack of row r is number columns + r. */
export function solveLinear({ cost, rows, limits }: LinearProgram): LinearSolution {
  const [columns, count] = [cost.length, rows.length];
  // The same for the same program, and no two alike: costs of zero would make the method go round in circles.
  const scale = Math.max(1e-3, ...cost) * 1e-7;
  const table: Table = {
    cells: rows.map((row) => Float64Array.from(row)),
    right: Float64Array.from(limits),
    bottom: Float64Array.from(cost, (one, index) => one + scale * (1 + ((index * 7919) % 1009) / 1009)),
    basic: Int32Array.from({ length: count }, (_, row) => columns + row),
    free: Int32Array.from({ length: columns }, (_, column) => column),
  };
  let kind: LinearSolution['kind'] = 'unfinished';
  const prices = new Float64Array(count);
  for (let pivots = 0; pivots < PIVOTS_MAX * (columns + count); pivots++) {
    const row = worstRow(table);
    if (row < 0) {
      kind = 'optimal';
      break;
    }
    const column = cheapestColumn(table, row);
    if (column < 0) {
      const line = table.cells[row] ?? new Float64Array();
      table.free.forEach((name, k) => {
        if (name >= columns) prices[name - columns] = Math.max(0, line[k] ?? 0);
      });
      const own = table.basic[row] ?? 0;
      if (own >= columns) prices[own - columns] = 1;
      return { kind: 'infeasible', x: new Float64Array(columns), prices };
    }
    pivot(table, row, column);
  }
  table.free.forEach((name, k) => {
    if (name >= columns) prices[name - columns] = Math.max(0, table.bottom[k] ?? 0);
  });
  const x = new Float64Array(columns);
  table.basic.forEach((name, row) => {
    if (name < columns) x[name] = Math.max(0, table.right[row] ?? 0);
  });
  return { kind, x, prices };
}
