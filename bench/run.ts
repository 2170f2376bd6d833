// Runs the benchmarks: every file here that ends in `.bench.ts`, or those that are named. Each one prints a table.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a benchmark measured: rows of a table, the same as printed. */
export type Measured = {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
};

const here = import.meta.dirname;
const wanted = process.argv.slice(2);
const files = readdirSync(here)
  .filter((file) => file.endsWith('.bench.ts'))
  .filter((file) => wanted.length === 0 || wanted.includes(file.replace('.bench.ts', '')))
  .sort();

const lineOf = (cells: readonly (string | number)[], widths: readonly number[]) =>
  cells.map((cell, index) => String(cell).padStart(widths[index] ?? 0)).join('  ');

mkdirSync(join(here, 'results'), { recursive: true });
for (const file of files) {
  const { title, measure }: { title: string; measure: () => Promise<Measured> } = await import(join(here, file));
  process.stdout.write(`${title}\n`);
  const { columns, rows } = await measure();
  const widths = columns.map((column, index) =>
    Math.max(column.length, ...rows.map((row) => String(row[index]).length)),
  );
  for (const cells of [columns, ...rows]) process.stdout.write(`${lineOf(cells, widths)}\n`);
  const result = {
    title,
    node: process.version,
    rows: rows.map((row) => Object.fromEntries(columns.map((name, k) => [name, row[k]]))),
  };
  writeFileSync(join(here, 'results', file.replace('.bench.ts', '.json')), `${JSON.stringify(result, null, 2)}\n`);
}
