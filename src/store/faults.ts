// What the database engine refuses, in words that say what to do. Nothing of a statement or a value stands in them.
import { AppError } from '../domain/errors.ts';

/** By the beginning of the engine's code, the more particular first (sqlite.org/rescode.html). */
const SAID: readonly (readonly [code: string, message: string])[] = [
  ['SQLITE_FULL', 'the disk of the database is full, and nothing was changed; make room there, then try again'],
  [
    'SQLITE_IOERR_WRITE',
    'the database cannot be written (its disk is full or it may not grow), and nothing was changed; make room, then try again',
  ],
  [
    'SQLITE_IOERR_SHM',
    'there is no room beside the database for the files that it works with; make room, then try again',
  ],
  ['SQLITE_BUSY', 'another program is writing to the database, and nothing was changed; try again in a few seconds'],
  ['SQLITE_READONLY', 'the database may not be written by this program; look at the modes of its file and its folder'],
  ['SQLITE_PERM', 'the database may not be opened by this program; look at the modes of its file and its folder'],
  ['SQLITE_CANTOPEN', 'the database cannot be opened; look at the modes of its file and folder, and at the room there'],
  ['SQLITE_NOTADB', 'the file is no database, or it is damaged; bring back the last good backup: homeport restore'],
  ['SQLITE_CORRUPT', 'the database is damaged; stop the program and bring back the last good backup: homeport restore'],
  ['SQLITE_IOERR', 'the disk of the database reports an error; look at the system’s log, then run: homeport check'],
];

const codeOf = (error: unknown): string => {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : '';
};

/** What an operator should hear of an error of the engine; what is our own fault (a constraint, a wrong word) stays as it is. */
export function translated(error: unknown): unknown {
  const code = codeOf(error);
  const message = SAID.find(([beginning]) => code.startsWith(beginning))?.[1];
  if (message === undefined) return error;
  const said = new AppError('unavailable', message);
  said.cause = error;
  return said;
}

/** Did the engine refuse because another connection has the lock? */
export const isBusy = (error: unknown): boolean =>
  codeOf(error).startsWith('SQLITE_BUSY') ||
  codeOf((error as { cause?: unknown } | null)?.cause).startsWith('SQLITE_BUSY');

/** Is it a database that cannot be read at all? */
export const isDamaged = (error: unknown): boolean => /^SQLITE_(?:NOTADB|CORRUPT)/.test(codeOf(error));
