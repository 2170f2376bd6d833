// What commands print: tables for people, JSON for programs, errors on standard error.
import type { Impact } from '../domain/difference.ts';

export const print = (text: string): void => void process.stdout.write(`${text}\n`);
export const printError = (text: string): void => void process.stderr.write(`homeport: ${text}\n`);

/** Rows as a table with a heading; columns are as wide as their widest cell. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Prints a value as JSON, or what `people` makes of it. */
export function show<Value>(
  value: Value,
  { json }: { json?: boolean | undefined },
  people: (value: Value) => string,
): void {
  print(json ? JSON.stringify(value, null, 2) : people(value));
}

/** What would change for phones, the largest group first. */
export const impactText = ({ phones, changed, restarting, groups }: Impact): string =>
  [
    `${changed} of ${phones} phones would get something else${restarting === 0 ? '' : `, and ${restarting} of them restart`}`,
    ...groups.flatMap(({ vendor, phones: many, restarts, hidden, removed, added }) => [
      '',
      `${many} ${vendor} phones${restarts ? ', which restart' : ''}:`,
      ...(hidden ? ['secrets, or the order of lines'] : []),
      ...removed.map((line) => `- ${line}`),
      ...added.map((line) => `+ ${line}`),
    ]),
  ].join('\n');

const BAR = 40;

/** Shows a bar while something long is done. */
export async function withBar<Result>(work: (show: (share: number) => void) => Promise<Result>): Promise<Result> {
  const bar = progressBar();
  return work(bar.show).finally(bar.end);
}

/** A bar on a terminal; where nobody looks, nothing is printed. */
export function progressBar(): { show(share: number): void; end(): void } {
  if (!process.stderr.isTTY) return { show: () => undefined, end: () => undefined };
  return {
    show(share) {
      const full = Math.round(share * BAR);
      const text = `${'█'.repeat(full)}${'░'.repeat(BAR - full)} ${Math.floor(share * 100)} %`;
      process.stderr.write(`\r${text}`);
    },
    end: () => void process.stderr.write('\r\u001b[K'),
  };
}
