// The database as files on a disk: how large, how open to others, how much room, whether whole; and how it is backed up.
import { statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Kysely, sql } from 'kysely';
import type { Tables } from './schema.ts';
import { type Packed, type PackOrder, type Progress, work } from './storage-work.ts';

export type StorageFacts = {
  readonly file: string;
  readonly folder: string;
  /** In bytes: the database, its journal, and what is free on its disk. */
  readonly bytes: number;
  readonly journalBytes: number;
  readonly freeBytes: number;
  /** Permission bits of the database, its journal and its folder; 0 where the system has none. */
  readonly mode: number;
  readonly folderMode: number;
  /** The version of the engine: `3.54.1`. */
  readonly engine: string;
};

export type BackupOrder = Pick<PackOrder, 'target' | 'passphrase' | 'includeKey' | 'product' | 'at'> & {
  readonly progress?: ((progress: Progress) => void) | undefined;
  /** Ends the work at once when it is told. */
  readonly stop?: AbortSignal | undefined;
};

export type Storage = {
  storageFacts(): Promise<StorageFacts>;
  /** What is wrong with the structure of the database; nothing when it is whole. Nobody waits for it. */
  quickCheck(): Promise<readonly string[]>;
  /**
   * Copies the database as it is at one moment, seals the copy, and reads it back as a restore would; phones and writers go
   * on meanwhile. Only then the file gets its name.
   * @throws AppError `conflict` when another backup is going on or the file exists, `unavailable` without room
   */
  backup(order: BackupOrder): Promise<Packed>;
};

const bytesOf = (file: string) => statSync(file, { throwIfNoEntry: false })?.size ?? 0;
const modeOf = (file: string) => (process.platform === 'win32' ? 0 : statSync(file).mode & 0o777);

export const storageOf = (db: Kysely<Tables>, file: string, keyFile: string): Storage => ({
  async storageFacts() {
    const folder = dirname(file);
    const { bavail, bsize } = statfsSync(folder);
    const { rows } = await sql<{ version: string }>`select sqlite_version() as version`.execute(db);
    return {
      ...{ file, folder, bytes: bytesOf(file), journalBytes: bytesOf(`${file}-wal`), freeBytes: bavail * bsize },
      ...{ mode: modeOf(file), folderMode: modeOf(folder), engine: rows[0]?.version ?? '' },
    };
  },
  quickCheck: async () => (await work({ kind: 'check', database: file })).faults,
  backup: ({ progress, stop, ...order }) => work({ kind: 'pack', database: file, keyFile, ...order }, progress, stop),
});
