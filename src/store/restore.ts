// A backup takes the place of a database: only when nobody has the old one open, never without keeping it aside, and in one
// step, so that at every moment there is one whole database with a key that fits.
import {
  chownSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import SqliteDatabase from 'better-sqlite3';
import { migrations } from '../../db/migrations/index.ts';
import { type BackupHeader, schemaRefusal } from '../domain/backup.ts';
import { AppError, conflict, invalid } from '../domain/errors.ts';
import { readHeader } from './container.ts';
import { isBusy, isDamaged, translated } from './faults.ts';
import { layKey, readKey, removeNextKey, swapKeys, syncFolder } from './secrets.ts';
import { type Locks, type Progress, type Unpacked, work } from './storage-work.ts';
import { openStore, type Store } from './store.ts';

export type RestoreOrder = Locks & {
  readonly file: string;
  readonly databaseFile: string;
  /** Also in the place of a database that holds something. */
  readonly force: boolean;
  /** Tell whether it could be restored, and put nothing in place. */
  readonly checkOnly: boolean;
  readonly now: Date;
  /** Looks at the restored database, and may change it, before it takes its place. */
  readonly prove: (store: Store) => Promise<void>;
  readonly progress?: (progress: Progress) => void;
};

export type Restored = {
  readonly header: BackupHeader;
  /** Where the key was found; null when it was in the backup. */
  readonly keyFrom: string | null;
  /** Where the database and the key that were there before are kept; null when there was none, or they stay in use. */
  readonly oldDatabase: string | null;
  readonly oldKey: string | null;
};

/** @throws AppError `invalid` for a backup that is broken, newer than this program, or sealed with another key */
export async function restore(asked: RestoreOrder): Promise<Restored> {
  // A link stays one.
  const isThere = existsSync(asked.databaseFile);
  const order = isThere ? { ...asked, databaseFile: realpathSync(asked.databaseFile) } : asked;
  const { file, databaseFile, keyFile, force, checkOnly } = order;
  if (!existsSync(file)) throw invalid(`there is no file ${file}`);
  const header = readHeader(file);
  const refusal = schemaRefusal(header.schema, Object.keys(migrations));
  if (refusal !== null) throw invalid(`${file} is newer than this program: ${refusal}`);
  mkdirSync(dirname(databaseFile), { recursive: true });
  // Asked twice: now, so that nobody waits for nothing, and under the lock.
  if (!checkOnly) lockOut(databaseFile, force).release();
  const folder = mkdtempSync(join(dirname(databaseFile), `.${basename(databaseFile)}.restore-`));
  try {
    const { passphrase, progress } = order;
    const unpacked = await work({ kind: 'unpack', file, folder, keyFile, passphrase }, progress);
    await proved(folder, order);
    if (checkOnly) return { ...unpacked, oldDatabase: null, oldKey: null };
    return putInPlace(folder, unpacked, order);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Opens what was unpacked as a server would, which also brings an older schema up to date. */
async function proved(folder: string, { prove }: RestoreOrder): Promise<void> {
  const store = await openStore({ url: `file:${join(folder, 'homeport.db')}`, keyFile: join(folder, 'homeport.key') });
  try {
    await store.ping();
    await prove(store);
  } finally {
    await store.close();
  }
}

type Lock = { readonly release: () => void };

/**
 * Makes sure that nobody has the database open, and keeps it so until it is released: leaving the WAL needs every other
 * connection to be closed, also one that only reads.
 * @throws AppError `conflict` while somebody has it open, or when it holds something and `force` is not said
 */
function lockOut(file: string, force: boolean): Lock {
  if (!existsSync(file)) return { release: () => undefined };
  const openBy = holdersOf(file);
  if (openBy.length > 0) {
    throw conflict(`${file} is open in process ${openBy.join(', ')}; stop Homeport there, then restore`);
  }
  const database = new SqliteDatabase(file, { timeout: 0 });
  try {
    const isEmpty = locked(database, file);
    if (!isEmpty && !force) {
      throw conflict(
        `${file} holds an installation already; with --force it is kept aside and the backup takes its place`,
      );
    }
    return { release: () => database.close() };
  } catch (error) {
    database.close();
    throw error;
  }
}

/** @returns whether the database holds nothing; one that is damaged holds something that somebody may want to look at */
function locked(database: SqliteDatabase.Database, file: string): boolean {
  try {
    database.pragma('journal_mode = delete');
    database.exec('begin exclusive');
    const tables = database.prepare("select name from sqlite_master where type = 'table'").pluck().all() as string[];
    const holding = ['server', 'pool', 'tenant', 'user'].filter((name) => tables.includes(name));
    return holding.every((name) => database.prepare(`select 1 from "${name}" limit 1`).get() === undefined);
  } catch (error) {
    if (isBusy(error)) throw conflict(`${file} is open in another process; stop Homeport there, then restore`);
    if (isDamaged(error)) return false;
    throw translated(error);
  }
}

/** Other processes that have a file open, as far as this system tells; a damaged database cannot be locked. */
function holdersOf(file: string): number[] {
  const real = realpathSync(file);
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
      .filter((pid) => hasOpen(pid, real))
      .map(Number);
  } catch {
    return [];
  }
}

function hasOpen(pid: string, file: string): boolean {
  try {
    const links = readdirSync(`/proc/${pid}/fd`);
    return links.some((link) => linkOf(`/proc/${pid}/fd/${link}`) === file);
  } catch {
    // It has ended, or it is somebody else's.
    return false;
  }
}

function linkOf(link: string): string | null {
  try {
    return readlinkSync(link);
  } catch {
    return null;
  }
}

/** The same file under a second name, so that it is never away from its first. */
function keepAside(file: string, at: Date): string {
  let aside = `${file}.before-restore-${at.toISOString().replaceAll(':', '')}`;
  while (existsSync(aside)) aside += '+';
  try {
    linkSync(file, aside);
  } catch {
    // A file system without hard links.
    copyFileSync(file, aside);
  }
  return aside;
}

function putInPlace(folder: string, unpacked: Unpacked, order: RestoreOrder): Restored {
  const { databaseFile, keyFile, force, now } = order;
  const restored = join(folder, 'homeport.db');
  const lock = lockOut(databaseFile, force);
  try {
    const hadKey = existsSync(keyFile);
    const mustSwap = layKey(keyFile, readKey(join(folder, 'homeport.key')));
    const oldDatabase = existsSync(databaseFile) ? keepAside(databaseFile, now) : null;
    try {
      giveToOwner(restored, oldDatabase ?? dirname(databaseFile));
      for (const ending of ['-wal', '-shm']) asideOf(`${databaseFile}${ending}`, oldDatabase, ending);
      renameSync(restored, databaseFile);
    } catch (error) {
      if (mustSwap) removeNextKey(keyFile);
      throw error;
    }
    syncFolder(dirname(databaseFile));
    if (!hadKey) giveToOwner(keyFile, databaseFile);
    const oldKey = mustSwap ? swapKeys(keyFile, now) : null;
    return { ...unpacked, oldDatabase, oldKey };
  } finally {
    lock.release();
  }
}

/** A journal belongs to its database: left where it was, it would be played into the restored one. */
function asideOf(journal: string, oldDatabase: string | null, ending: string): void {
  if (!existsSync(journal)) return;
  if (oldDatabase === null) rmSync(journal);
  else renameSync(journal, `${oldDatabase}${ending}`);
}

/** Whoever restores as root gives what is restored to the one who serves it. */
function giveToOwner(file: string, like: string): void {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = statSync(like);
  chownSync(file, uid, gid);
}

/** The header of a backup, without proof; null for a file that is none. */
export function headerOf(file: string): BackupHeader | null {
  try {
    return readHeader(file);
  } catch (error) {
    if (error instanceof AppError) return null;
    throw error;
  }
}
