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

type Parsed = { readonly record: readonly string[]; readonly info: { readonly lines: number } };

/** Reads a table whose first line holds the headings. What is wrong with it is told, not thrown. */
export function readTable<Field extends string>(text: string, headings: Headings<Field>): Table<Field> {
  let read: ReturnType<typeof readHeadings<Field>> | null = null;
  let width = 0;
  const rows: TableRow<Field>[] = [];
  const faults: TableFault[] = [];
  // Rows become ours one by one: a table of a hundred thousand stands in memory once, not twice.
  const take = ({ record, info: { lines: line } }: Parsed): null => {
    if (read === null) {
      read = readHeadings(record, headings);
      width = record.length;
      faults.push(...read.faults);
      return null;
    }
    if (record.slice(width).some((cell) => cell !== '')) {
      faults.push({ line, column: width + 1, message: `has ${record.length} cells, the headings are ${width}` });
    }
    const cells: { [Name in Field]?: string } = {};
    for (const [field, column] of read.columns) {
      const cell = record[column - 1] ?? '';
      if (cell !== '') cells[field] = cell;
    }
    rows.push({ line, cells });
    return null;
  };
  try {
    const options = { delimiter: separatorOf(text), bom: true, info: true, relax_column_count: true };
    parse(text, { ...options, skip_empty_lines: true, trim: true, on_record: (row) => take(row as unknown as Parsed) });
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const line = typeof error.lines === 'number' ? error.lines : 1;
    const fault = { line, column: null, message: 'the quotation marks do not pair up' };
    return { rows: [], columns: new Map(), ignored: [], faults: [fault] };
  }
  const { columns, ignored } = (read as ReturnType<typeof readHeadings<Field>> | null) ?? readHeadings([], headings);
  if (columns.size + ignored.length === 0) faults.push({ line: 1, column: null, message: 'the table is empty' });
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
    const before = field === undefined ? undefined : columns.get(field);
    // A field's own name counts before other headings that mean it.
    const isOwn = (text: string | undefined) => plain(text ?? '') === plain(field ?? '');
    const wins = before !== undefined && isOwn(heading) && !isOwn(head[before - 1]);
    if (field === undefined || (before !== undefined && isOwn(head[before - 1]) && !isOwn(heading))) {
      ignored.push(heading);
    } else if (before === undefined || wins) {
      columns.set(field, index + 1);
      if (wins) ignored.push(head[before - 1] ?? '');
    } else faults.push({ line: 1, column: index + 1, message: `${heading} and column ${before} mean the same` });
  });
  return { columns, ignored, faults };
}
