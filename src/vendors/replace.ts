// Writes a file below a directory so that readers see the old one or the new one, never half of one.
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { AppError } from '../domain/errors.ts';

/** May files be made in the directory? */
export function isWritable(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Writes or, with null, removes a file. `parts` are the plain names that lead to it from the directory.
 * @throws AppError `unavailable` when it cannot be, `conflict` when a link on the way leads out of the directory
 */
export function replaceBelow(directory: string, parts: readonly string[], content: string | null): void {
  try {
    const folder = folderOf(directory, parts.slice(0, -1), content !== null);
    const name = parts.at(-1) ?? '';
    if (folder === null) return;
    if (content === null) rmSync(join(folder, name), { force: true });
    else writeWhole(folder, name, content);
  } catch (error) {
    if (error instanceof AppError) throw error;
    const { code = 'no reason given' } = error as NodeJS.ErrnoException;
    throw new AppError('unavailable', `${parts.join('/')} cannot be written in ${directory} (${code})`);
  }
}

/** The folder of a file, without links on the way; null when it is not there and need not be. */
function folderOf(directory: string, parts: readonly string[], make: boolean): string | null {
  let folder = realpathSync(directory);
  for (const part of parts) {
    folder = join(folder, part);
    if (!existsSync(folder)) {
      if (!make) return null;
      mkdirSync(folder);
    }
    if (realpathSync(folder) !== folder) {
      throw new AppError(
        'conflict',
        `${parts.join('/')} is a link that leads out of ${directory}; nothing was written`,
      );
    }
  }
  return folder;
}

function writeWhole(folder: string, name: string, content: string): void {
  // The name ends in something that is no template, so nobody takes it up before it is whole.
  const temporary = join(folder, `.${name}.${process.pid}.new`);
  try {
    const file = openSync(temporary, 'w');
    try {
      writeFileSync(file, content);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, join(folder, name));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
