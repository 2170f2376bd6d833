// A disk that can be filled: a small file system in memory, which needs root on Linux.
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  rmdirSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

const PAGE = 4_096;

function canMount(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  try {
    execFileSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Why tests with a small disk are skipped here; false when they are not. */
export const noSmallDisk = canMount() ? (false as const) : 'skipped: mounting a small tmpfs needs root on Linux';

export type Disk = {
  readonly folder: string;
  /** Leaves room for so many pages of 4 KiB and no more. */
  leave(pages: number): void;
  /** Gives all the room back. */
  free(): void;
};

/** A file system of so many bytes, which goes with the test. */
export function smallDisk(context: TestContext, bytes: number): Disk {
  const folder = mkdtempSync(join(tmpdir(), 'homeport-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=0700`, 'tmpfs', folder]);
  context.after(() => {
    // Whoever still has something open there keeps it until it is closed.
    execFileSync('umount', ['--lazy', folder]);
    rmdirSync(folder);
  });
  const ballast = join(folder, 'ballast');
  return {
    folder,
    leave(pages) {
      const handle = openSync(ballast, 'a');
      ftruncateSync(handle, 0);
      let left = statfsSync(folder).bavail - pages;
      const some = Buffer.alloc(64 * PAGE);
      for (; left > 0; left -= 64) writeSync(handle, some, 0, Math.min(64, left) * PAGE);
      closeSync(handle);
    },
    free: () => writeFileSync(ballast, ''),
  };
}
