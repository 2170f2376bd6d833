// The other side of storage-work.ts: does one order, without pauses, and ends.
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import SqliteDatabase from 'better-sqlite3';
import { z } from 'zod';
import type { BackupCounts, BackupHeader } from '../domain/backup.ts';
import { AppError, conflict, invalid } from '../domain/errors.ts';
import {
  type HeaderFacts,
  type Opened,
  openContainer,
  PART_BYTES,
  readHeader,
  type Sealing,
  writeContainer,
} from './container.ts';
import { isDamaged, translated } from './faults.ts';
import { everyKeyFile, findKey, fittingFile, readKey, syncFolder, writeKey } from './secrets.ts';
import type {
  CheckResult,
  Locks,
  Order,
  Packed,
  PackOrder,
  Progress,
  Report,
  Unpacked,
  UnpackOrder,
} from './storage-work.ts';

/** So many pages of 4 KiB are copied between two looks at the progress. */
const PAGES_AT_ONCE = 2_048;
const FAULTS_MAX = 5;
/** What has to stay free beside a copy. */
const SPARE_BYTES = 16 * PART_BYTES;

const say = (report: Report) => parentPort?.postMessage(report);
const tell = (step: Progress['step'], share: number) => say({ kind: 'progress', progress: { step, share } });

const megabytes = (bytes: number) => `${Math.ceil(bytes / 1_048_576)} MiB`;

function checkRoom(folder: string, needed: number, what: string): void {
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize >= needed + SPARE_BYTES) return;
  throw new AppError(
    'unavailable',
    `${what} needs ${megabytes(needed + SPARE_BYTES)} in ${folder}, and ${megabytes(bavail * bsize)} are free; make room`,
  );
}

const COUNTED: Readonly<Record<keyof BackupCounts, string>> = {
  tenants: 'tenant',
  phones: 'phone',
  lines: 'line',
  users: 'user',
  auditEntries: 'audit',
};

/** How many of each there are; an older schema does not know all of them. */
function countsOf(database: SqliteDatabase.Database): BackupCounts {
  const isThere = database.prepare("select 1 from sqlite_master where type = 'table' and name = ?").pluck();
  const count = (table: string) =>
    isThere.get(table) === undefined
      ? 0
      : (database.prepare(`select count(*) from "${table}"`).pluck().get() as number);
  return Object.fromEntries(Object.entries(COUNTED).map(([name, table]) => [name, count(table)])) as BackupCounts;
}

const canaryIn = (database: SqliteDatabase.Database): string => {
  const canary = database.prepare("select value from installation where name = 'canary'").pluck().get();
  if (typeof canary !== 'string') throw invalid('the database has no key yet; start Homeport once before');
  return canary;
};

const schemaIn = (database: SqliteDatabase.Database): string[] =>
  database.prepare('select name from kysely_migration order by name').pluck().all() as string[];

/** What an integrity check finds; nothing when all is well. `quick` leaves out comparing indexes with their tables. */
function faultsIn(database: SqliteDatabase.Database, how: 'quick_check' | 'integrity_check'): string[] {
  try {
    const found = database.prepare(`pragma ${how}(${FAULTS_MAX})`).pluck().all() as string[];
    return found.length === 1 && found[0] === 'ok' ? [] : found;
  } catch (error) {
    if (isDamaged(error)) return ['a part of the file cannot be read'];
    throw error;
  }
}

/** A file in parts; each is good until the one after the next is asked for. */
function* partsOfFile(file: string, bytes: number, told: (share: number) => void): Generator<Buffer> {
  const handle = openSync(file, 'r');
  // Two in turn, because whoever writes a part waits for the next one to know whether it is the last.
  let [part, other] = [Buffer.alloc(PART_BYTES), Buffer.alloc(PART_BYTES)];
  try {
    for (let at = 0; at < bytes; ) {
      const read = readSync(handle, part, 0, Math.min(PART_BYTES, bytes - at), at);
      if (read === 0) throw new Error('assertion failed: the copy is as long as it was');
      at += read;
      told(at / bytes);
      yield part.subarray(0, read);
      [part, other] = [other, part];
    }
  } finally {
    closeSync(handle);
  }
}

function digestOf(file: string, bytes: number): string {
  const hash = createHash('sha256');
  for (const part of partsOfFile(file, bytes, () => undefined)) hash.update(part);
  return hash.digest('hex');
}

/**
 * Copies a database that others write to, as it is at one moment: the transaction that reads stays open meanwhile, so the
 * copy never begins anew. The copy is one file without a journal.
 */
async function copy(database: string, to: string): Promise<void> {
  const source = new SqliteDatabase(database, { readonly: true, fileMustExist: true });
  try {
    source.exec('begin');
    source.prepare('select count(*) from sqlite_master').get();
    await source.backup(to, {
      progress({ totalPages, remainingPages }) {
        tell('copy', 1 - remainingPages / Math.max(1, totalPages));
        return PAGES_AT_ONCE;
      },
    });
  } finally {
    source.close();
  }
  const copied = new SqliteDatabase(to);
  copied.pragma('journal_mode = delete');
  copied.close();
}

/**
 * Takes the lock that only one backup or restore of a database can have. The system gives it back when the process ends,
 * however it ends; the file stays, empty.
 */
function alone(database: string): () => void {
  const file = `${database}.backup-lock`;
  // Never opened in another way while it may be locked: closing that would give the lock back.
  if (!existsSync(file)) closeSync(openSync(file, 'a', 0o600));
  const lock = new SqliteDatabase(file, { timeout: 0 });
  try {
    lock.exec('begin exclusive');
  } catch (error) {
    lock.close();
    if (String((error as { code?: unknown }).code).startsWith('SQLITE_BUSY')) {
      throw conflict('another backup of this database is going on; wait until it has ended');
    }
    throw error;
  }
  return () => lock.close();
}

/** A folder beside the database for its owner alone; what a backup that was cut off has left there goes first. */
function workFolder(database: string): string {
  const beginning = `.${basename(database)}.backup-`;
  for (const name of readdirSync(dirname(database))) {
    if (name.startsWith(beginning)) rmSync(join(dirname(database), name), { recursive: true, force: true });
  }
  return mkdtempSync(join(dirname(database), beginning));
}

async function pack(order: PackOrder): Promise<Packed> {
  const unlock = alone(order.database);
  try {
    const folder = workFolder(order.database);
    try {
      return await packIn(folder, order);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  } finally {
    unlock();
  }
}

async function packIn(folder: string, order: PackOrder): Promise<Packed> {
  const { database, target } = order;
  const { size } = statSync(database);
  checkRoom(folder, size, 'a copy of the database');
  mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
  checkRoom(dirname(target), size, 'a backup');
  if (existsSync(target)) throw conflict(`${target} exists already; name another file`);
  const file = join(folder, 'copy.db');
  await copy(database, file);
  const { sealing, facts, inner } = described(file, order);
  const partial = join(dirname(target), `.homeport-backup-${nameOf(database)}.part`);
  // Left behind by a backup that was cut off: there is one at a time of each database.
  rmSync(partial, { force: true });
  try {
    const header = sealed(partial, sealing, facts, partsWith(inner, file, facts.bytes));
    // The copy goes first, so that there is never more than one beside the database.
    rmSync(file);
    verify(partial, sealing, header, join(folder, 'verify.db'));
    linkSync(partial, target);
    syncFolder(dirname(target));
    return { header, bytes: statSync(target).size };
  } catch (error) {
    throw (error as { code?: unknown }).code === 'EEXIST'
      ? conflict(`${target} exists already; name another file`)
      : error;
  } finally {
    rmSync(partial, { force: true });
  }
}

/** Tells databases apart that put their backups into one directory. */
const nameOf = (database: string) => createHash('sha256').update(realpathSync(database)).digest('hex').slice(0, 16);

/** What a copy holds, and with what it is sealed: the key that fits this very copy, whatever a rotation does meanwhile. */
function described(file: string, order: PackOrder): { sealing: Sealing; facts: HeaderFacts; inner: Inner } {
  const { size } = statSync(file);
  const copied = new SqliteDatabase(file, { readonly: true });
  try {
    const key = readKey(findKey(order.keyFile, canaryIn(copied)).file);
    const facts = {
      product: order.product,
      schema: schemaIn(copied),
      at: order.at,
      bytes: size,
      sha256: digestOf(file, size),
      counts: countsOf(copied),
      includesKey: order.includeKey,
    };
    const { passphrase } = order;
    const sealing: Sealing = passphrase === null ? { kind: 'keyFile', key } : { kind: 'passphrase', text: passphrase };
    return { sealing, facts, inner: { key: order.includeKey ? key.toString('base64') : null } };
  } finally {
    copied.close();
  }
}

/** What stands before the database in the encrypted part. */
type Inner = { readonly key: string | null };
const innerSchema = z.strictObject({ key: z.base64().nullable() });

function* partsWith(inner: Inner, file: string, bytes: number): Generator<Buffer> {
  yield Buffer.from(JSON.stringify(inner));
  yield* partsOfFile(file, bytes, (share) => tell('seal', share));
}

function sealed(file: string, sealing: Sealing, facts: HeaderFacts, parts: Iterable<Buffer>): BackupHeader {
  const handle = openSync(file, 'wx', 0o600);
  try {
    const header = writeContainer(handle, sealing, facts, parts);
    fsyncSync(handle);
    return header;
  } finally {
    closeSync(handle);
  }
}

/** Reads a new backup as a restore would. @throws AppError when anything of it is not as it went in */
function verify(file: string, sealing: Sealing, header: BackupHeader, to: string): void {
  const handle = openSync(file, 'r');
  try {
    const opened = openContainer(handle, file, [sealing]);
    if (opened === null || JSON.stringify(opened.header) !== JSON.stringify(header)) {
      throw invalid('the backup is not what was written; look at its disk');
    }
    takeOut(opened, to);
    prove(to, header, 'the database is damaged');
  } finally {
    closeSync(handle);
  }
}

/** Writes the database in a backup into a file. @throws AppError `invalid` when it is not the one that went in */
function takeOut({ header, parts }: Opened, to: string): Inner {
  const first = parts.next();
  const inner = innerSchema.parse(JSON.parse(first.done ? '' : first.value.toString('utf8')));
  const handle = openSync(to, 'wx', 0o600);
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for (const part of parts) {
      bytes += part.length;
      if (bytes > header.bytes) break;
      hash.update(part);
      for (let at = 0; at < part.length; ) at += writeSync(handle, part, at);
      tell('open', bytes / header.bytes);
    }
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  if (bytes !== header.bytes || hash.digest('hex') !== header.sha256) {
    throw invalid('the database in the backup is not the one that went in; take another backup');
  }
  return inner;
}

/** Is the database whole, and does it hold what the header says? @returns its canary */
function prove(file: string, header: BackupHeader, what: string): string {
  tell('verify', 0);
  const database = new SqliteDatabase(file, { readonly: true });
  try {
    const faults = faultsIn(database, 'integrity_check');
    if (faults.length > 0) throw invalid(`${what}: ${faults.join('; ')}`);
    const [found, told] = [JSON.stringify(countsOf(database)), JSON.stringify(header.counts)];
    if (found !== told) throw invalid(`the backup holds ${found}, and its header says ${told}; take another backup`);
    tell('verify', 1);
    return canaryIn(database);
  } finally {
    database.close();
  }
}

function sealingsOf({ keyFile, passphrase }: Locks, { sealedWith }: BackupHeader): Sealing[] {
  if (sealedWith.kind === 'passphrase') return passphrase === null ? [] : [{ kind: 'passphrase', text: passphrase }];
  return everyKeyFile(keyFile).map((file) => ({ kind: 'keyFile', key: readKey(file) }));
}

function refusal({ file, keyFile, passphrase }: UnpackOrder, { sealedWith, at }: BackupHeader): AppError {
  if (sealedWith.kind === 'keyFile') {
    return invalid(
      `${file} was sealed with another key file than ${keyFile} and those beside it; ` +
        `point HOMEPORT_KEY_FILE at the key that was in use at ${at}`,
    );
  }
  return invalid(
    passphrase === null
      ? `${file} was sealed with a passphrase; name the file that holds it: --passphrase-file`
      : `the passphrase is not the one that ${file} was sealed with`,
  );
}

/** Opens a backup into a folder: the database, and the key that fits it. */
function unpack(order: UnpackOrder): Unpacked {
  const { file, folder, keyFile } = order;
  const header = readHeader(file);
  checkRoom(folder, header.bytes, 'the database in the backup');
  const handle = openSync(file, 'r');
  try {
    const opened = openContainer(handle, file, sealingsOf(order, header));
    if (opened === null) throw refusal(order, header);
    const database = join(folder, 'homeport.db');
    const { key } = takeOut(opened, database);
    const canary = prove(database, header, `the database in ${file} is damaged`);
    const target = join(folder, 'homeport.key');
    if (key !== null) writeKey(target, Buffer.from(key, 'base64'));
    const keyFrom = key === null ? fittingFile(everyKeyFile(keyFile), canary) : null;
    if (key === null && keyFrom === null) {
      throw invalid(
        `no key opens the passwords in ${file}: it was made without --include-key, so bring the key file that was in use ` +
          `at ${header.at} and point HOMEPORT_KEY_FILE at it`,
      );
    }
    if (keyFrom !== null) writeKey(target, readKey(keyFrom));
    if (fittingFile([target], canary) === null) throw invalid(`the key in ${file} does not fit its database`);
    return { header, keyFrom };
  } finally {
    closeSync(handle);
  }
}

function check(file: string): CheckResult {
  const database = new SqliteDatabase(file, { readonly: true, fileMustExist: true });
  try {
    return { faults: faultsIn(database, 'quick_check') };
  } finally {
    database.close();
  }
}

async function done(order: Order): Promise<Packed | Unpacked | CheckResult> {
  switch (order.kind) {
    case 'pack':
      return pack(order);
    case 'unpack':
      return unpack(order);
    case 'check':
      return check(order.database);
  }
}

const ROOM: Readonly<Record<string, string>> = {
  ENOSPC: 'there is no room left on the disk of the backup, and no backup was made; make room, then try again',
  EDQUOT: 'no more may be written on the disk of the backup, and no backup was made; make room, then try again',
  EFBIG: 'the file of the backup may not grow further, and no backup was made; make room, then try again',
};

/** An error as it can cross to the other side: what is expected with its words, all else as it is. */
function refused(error: unknown): Report | null {
  const said = translated(error);
  if (said instanceof AppError) return { kind: 'refused', code: said.code, message: said.message };
  const { code, message, path } = (error ?? {}) as NodeJS.ErrnoException;
  if (typeof code !== 'string' || !/^E[A-Z]+$/.test(code)) return null;
  return {
    kind: 'refused',
    code: 'unavailable',
    message: ROOM[code] ?? `${path ?? 'a file'} cannot be used: ${message}`,
  };
}

try {
  say({ kind: 'done', result: await done(workerData as Order) });
} catch (error) {
  const report = refused(error);
  if (report === null) throw error;
  say(report);
}
