// Tables that people bring: comma, semicolon or tab between the cells, headings in any usual spelling, and every fault
// named by line and column.
import { CsvError, parse } from 'csv-parse/sync';

/** Lines and columns count from 1, as spreadsheets do; column null is the whole line. */
export type TableFault = { readonly line: number; readonly column: number | null; readonly message: string };

export type TableRow<Field extends string> = {
  readonly line: number;
  /** The cells that are not empty, without white space around them. */
  readonly cells: { readonly [Name in Field]?: string };
};

export type Table<Field extends string> = {
  readonly rows: readonly TableRow<Field>[];
  readonly faults: readonly TableFault[];
  /** The column of each field that the table has. */
  readonly columns: ReadonlyMap<Field, number>;
  /** Headings that say nothing to us. */
  readonly ignored: readonly string[];
};

/** Field → the headings that mean it, beside its own name. */
export type Headings<Field extends string> = Readonly<Record<Field, readonly string[]>>;

const plain = (heading: string) => heading.toLowerCase().replaceAll(/[^a-z0-9]/g, '');

/** The separator that the heading has most of. */
function separatorOf(text: string): string {
  const heading = text.slice(0, text.search(/[\r\n]|$/));
  const count = (separator: string) => heading.split(separator).length;
  return [';', '\t'].reduce((best, separator) => (count(separator) > count(best) ? separator : best), ',');
}

type Parsed = { record: string[]; info: { lines: number } };

/** Reads a table whose first line holds the headings. What is wrong with it is told, not thrown. */
export function readTable<Field extends string>(text: string, headings: Headings<Field>): Table<Field> {
  const nothing = { rows: [], columns: new Map<Field, number>(), ignored: [] };
  let parsed: Parsed[];
  try {
    const options = { delimiter: separatorOf(text), bom: true, info: true, relax_column_count: true };
    parsed = parse(text, { ...options, skip_empty_lines: true, trim: true }) as unknown as Parsed[];
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const line = typeof error.lines === 'number' ? error.lines : 1;
    return { ...nothing, faults: [{ line, column: null, message: 'the quotation marks do not pair up' }] };
  }
  const [head, ...body] = parsed;
  if (head === undefined) return { ...nothing, faults: [{ line: 1, column: null, message: 'the table is empty' }] };
  const { columns, ignored, faults } = readHeadings(head.record, headings);
  const wide = body.filter(({ record }) => record.slice(head.record.length).some((cell) => cell !== ''));
  for (const { record, info } of wide) {
    const message = `has ${record.length} cells, the headings are ${head.record.length}`;
    faults.push({ line: info.lines, column: head.record.length + 1, message });
  }
  const rows = body.map(({ record, info }) => {
    const cells = [...columns].map(([field, column]) => [field, record[column - 1] ?? ''] as const);
    const filled = cells.filter(([, cell]) => cell !== '');
    return { line: info.lines, cells: Object.fromEntries(filled) as TableRow<Field>['cells'] };
  });
  return { rows, columns, ignored, faults };
}

function readHeadings<Field extends string>(head: readonly string[], headings: Headings<Field>) {
  const meanings = new Map<string, Field>();
  for (const field of Object.keys(headings) as Field[])
    for (const heading of [field, ...headings[field]]) meanings.set(plain(heading), field);
  const columns = new Map<Field, number>();
  const ignored: string[] = [];
  const faults: TableFault[] = [];
  head.forEach((heading, index) => {
    const field = meanings.get(plain(heading));
    if (field === undefined) ignored.push(heading);
    else if (columns.has(field)) {
      faults.push({ line: 1, column: index + 1, message: `${heading} and column ${columns.get(field)} mean the same` });
    } else columns.set(field, index + 1);
  });
  return { columns, ignored, faults };
}
