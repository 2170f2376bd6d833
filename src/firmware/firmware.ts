// Firmware: images in one flat directory, served by name. A name is looked up among the names that the directory has; it
// is never used as a path, so nothing outside of the directory can be read.
import { readdirSync } from 'node:fs';
import { constants, type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

export type FirmwareFile = {
  readonly bytes: number;
  /** Changes when the file does. */
  readonly tag: string;
  /** The bytes from `first` to `last`, both included. Reading to the end or destroying the stream closes the file. */
  read(first: number, last: number): Readable;
  close(): Promise<void>;
};

export type Firmware = {
  /** The names that can be asked for. */
  names(): readonly string[];
  /** Opens an image; null when there is none of this name. */
  open(name: string): Promise<FirmwareFile | null>;
  /** Looks for new and removed files. @throws Error when the directory cannot be read */
  refresh(): void;
};

export const NO_FIRMWARE: Firmware = { names: () => [], open: async () => null, refresh: () => undefined };

/** Opens a directory of images. @throws Error when it cannot be read */
export function openFirmware(directory: string): Firmware {
  let present = new Set<string>();
  const firmware: Firmware = {
    names: () => [...present].sort(),
    async open(name) {
      if (!present.has(name)) return null;
      const handle = await openPlainFile(join(directory, name));
      return handle === null ? null : fileOf(handle);
    },
    refresh() {
      const entries = readdirSync(directory, { withFileTypes: true });
      present = new Set(
        entries.filter((entry) => entry.isFile() && !entry.name.startsWith('.')).map(({ name }) => name),
      );
    },
  };
  firmware.refresh();
  return firmware;
}

/** Opens a file that is no link; null when it went away since the directory was read. */
async function openPlainFile(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ELOOP') return null;
    throw error;
  }
}

async function fileOf(handle: FileHandle): Promise<FirmwareFile> {
  const { size, mtimeMs, ino } = await handle.stat();
  return {
    bytes: size,
    tag: `${ino.toString(36)}-${size.toString(36)}-${Math.round(mtimeMs).toString(36)}`,
    read: (first, last) => handle.createReadStream({ start: first, end: last }),
    close: () => handle.close(),
  };
}
