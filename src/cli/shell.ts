// What every command is given, and how a person is asked before something that touches many phones.
import { createInterface } from 'node:readline/promises';
import type { Actor } from '../domain/access.ts';
import { AppError } from '../domain/errors.ts';
import type { OpenHouse } from '../main.ts';

export type Shell = {
  /** Runs `work` with an open house and closes it afterwards. */
  readonly inHouse: <Result>(work: (house: OpenHouse) => Promise<Result>) => Promise<Result>;
  readonly actor: () => Actor;
};

/**
 * Asks a person to type a name. Where nobody can be asked, nobody is: a script says what it does by being written.
 * @throws AppError `conflict` when something else is typed
 */
export async function confirm(name: string, what: string, { yes }: { yes?: boolean }): Promise<void> {
  if (yes || !process.stdin.isTTY || !process.stdout.isTTY) return;
  const asking = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const typed = await asking.question(`${what}\nType ${name} to go on: `);
    if (typed.trim() !== name) throw new AppError('conflict', 'that is another name; nothing was changed');
  } finally {
    asking.close();
  }
}
