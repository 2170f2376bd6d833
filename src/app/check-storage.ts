// What `homeport check` asks about the machine: the key file, the database's files, their room and modes, backups, versions.
import { existsSync, readdirSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ageText, backupsAmong } from '../domain/backup.ts';
import { durationText } from '../domain/duration.ts';
import { error, type Finding, ok, warning } from '../domain/finding.ts';
import { isAtLeast } from '../domain/version.ts';
import type { Checked, Question } from './check.ts';

const DAY_MS = 86_400_000;
const KEY_DAYS_MAX = 365;
const MIB = 1_048_576;
/** Below this nothing can be written soon. */
const ROOM_LEAST_BYTES = 64 * MIB;
/** Beside a copy of the database for the next backup. */
const ROOM_SPARE_BYTES = 512 * MIB;
/** A journal that has grown so far is held by a reader that does not end. */
const JOURNAL_MAX_BYTES = 256 * MIB;
const BACKUP_DAYS_MAX = 7;

/** Older ones can lose what was committed (sqlite.org/wal.html, the WAL-reset bug). */
const ENGINE_LEAST = '3.51.3';
/** Older ones leak memory with client certificates and can be ended from outside (CVE-2025-59464, CVE-2026-21637). */
const NODE_LEAST = '24.21.0';

/** The mode of the key file in use is not among these: the database is not opened with a key that others can read. */
async function keyFindings({ store, now }: Checked): Promise<Finding[]> {
  const { file, since, besideDatabase, replaceable, unfinished, old } = await store.keyFacts();
  const days = Math.max(0, Math.floor((now().getTime() - Date.parse(since)) / DAY_MS));
  const fits = `the key file ${file} fits and is for its owner alone; in use since ${since.slice(0, 10)}, ${days} days`;
  const findings =
    days > KEY_DAYS_MAX
      ? [warning('key.old', fits, 'homeport secrets rotate: whoever got hold of the key once has it for less long')]
      : [ok('key.fits', fits)];
  const warn = (code: string, fault: string, remedy: string) => void findings.push(warning(code, fault, remedy));
  if (besideDatabase) {
    warn(
      'key.beside',
      'the key file is in the folder of the database: whoever takes a copy of that folder has every password',
      'move it to a folder that is not copied along, and set HOMEPORT_KEY_FILE',
    );
  }
  if (replaceable) {
    warn(
      'key.replaceable',
      'others may write in the folder of the key file, and so remove or replace it',
      'chmod go-w the folder',
    );
  }
  if (unfinished !== null) {
    warn(
      'key.unfinished',
      `${unfinished} holds a key that is not in use: a rotation is going on, or one was cut off`,
      'when no rotation is going on, delete it',
    );
  }
  for (const key of old.filter(({ openToOthers }) => openToOthers)) {
    warn(
      'key.open',
      `the old key ${key.file} can be read by others, and it opens old backups`,
      `chmod 600 ${key.file}`,
    );
  }
  return findings;
}

async function databaseFindings({ store }: Checked): Promise<Finding[]> {
  const faults = await store.quickCheck();
  if (faults.length === 0) return [ok('database.whole', 'the database is whole')];
  const remedy = 'stop the program and bring back the last good backup: homeport restore';
  return [error('database.damaged', `the database is damaged: ${faults.join('; ')}`, remedy)];
}

async function modeFindings({ store, surroundings }: Checked): Promise<Finding[]> {
  const { file, folder, mode, folderMode } = await store.storageFacts();
  const findings: Finding[] = [];
  if ((mode & 0o022) !== 0) {
    findings.push(error('mode.database', `others may write to the database ${file}`, `chmod 600 ${file}*`));
  } else if ((mode & 0o004) !== 0) {
    const message = `every user of this machine may read the database ${file}`;
    findings.push(warning('mode.database', message, `chmod 600 ${file}*`));
  }
  if ((folderMode & 0o022) !== 0 && (folderMode & 0o1000) === 0) {
    const message = `others may write in the folder of the database, ${folder}, and so replace it`;
    findings.push(error('mode.folder', message, `chmod go-w ${folder}`));
  }
  for (const [name, directory] of Object.entries(surroundings.directories)) {
    const facts = statSync(directory, { throwIfNoEntry: false });
    if (process.platform === 'win32' || facts === undefined || (facts.mode & 0o002) === 0) continue;
    const message = `everybody on this machine may write in ${directory} (${name})`;
    findings.push(error('mode.directory', message, `chmod o-w ${directory}`));
  }
  return findings;
}

const room = (bytes: number) => `${Math.floor(bytes / MIB)} MiB`;

async function roomFindings({ store, surroundings: { backups } }: Checked): Promise<Finding[]> {
  const { folder, bytes, journalBytes, freeBytes } = await store.storageFacts();
  const places = [{ folder, freeBytes }];
  if (backups !== null && existsSync(backups.directory)) {
    const { bavail, bsize } = statfsSync(backups.directory);
    places.push({ folder: backups.directory, freeBytes: bavail * bsize });
  }
  const wanted = bytes + ROOM_SPARE_BYTES;
  const findings = places.flatMap((place) => {
    const message = `${room(place.freeBytes)} are free in ${place.folder}`;
    if (place.freeBytes < ROOM_LEAST_BYTES) return [error('room.none', message, 'make room at once: writes will fail')];
    if (place.freeBytes >= wanted) return [];
    return [warning('room.low', message, `make room: a backup needs ${room(wanted)}`)];
  });
  if (journalBytes > JOURNAL_MAX_BYTES) {
    const message = `the journal of the database has grown to ${room(journalBytes)}: somebody reads and does not end`;
    findings.push(warning('room.journal', message, 'end programs that have the database open, or restart the server'));
  }
  return findings;
}

/** How old a backup may be before somebody should be told. */
const ageMax = ({ surroundings: { backups } }: Checked) =>
  backups === null ? BACKUP_DAYS_MAX * DAY_MS : 2 * backups.everyMs;

async function backupFindings(house: Checked): Promise<Finding[]> {
  const { store, now, surroundings } = house;
  const { backups: plan } = surroundings;
  const [last, failure] = [await store.backups.last(), await store.backups.failure()];
  const findings: Finding[] = [];
  if (failure !== null) {
    const message = `the backup of ${failure.at.slice(0, 16)}Z failed: ${failure.reason}`;
    findings.push(
      error('backup.failed', message, 'mend what it says; it is tried again by itself, or: homeport backup'),
    );
  }
  const remedy =
    plan === null ? 'set HOMEPORT_BACKUP_DIR, or run homeport backup' : 'homeport backup, and look at the log';
  const tell = plan === null ? warning : error;
  if (last === null) {
    return [...findings, tell('backup.missing', 'no backup was ever taken and verified', remedy)];
  }
  const taken = new Date(last.at);
  const age = `the last verified backup is ${ageText(taken, now())} old: ${last.file}`;
  const isOld = now().getTime() - taken.getTime() > ageMax(house);
  findings.push(
    isOld ? tell('backup.old', `${age}; more than ${durationText(ageMax(house))}`, remedy) : ok('backup.fresh', age),
  );
  return [...findings, ...(plan === null ? [] : await directoryFindings(house, plan.directory))];
}

/** Where the backups lie: on another disk, closed to others, and with at least one of them still there. */
async function directoryFindings({ store, now }: Checked, directory: string): Promise<Finding[]> {
  const facts = statSync(directory, { throwIfNoEntry: false });
  if (facts === undefined || backupsAmong(readdirSync(directory), now()).length === 0) {
    const message = `there is no backup left in ${directory}`;
    return [error('backup.gone', message, 'homeport backup, and find out who takes them away')];
  }
  const findings: Finding[] = [];
  const { folder } = await store.storageFacts();
  if (facts.dev === statSync(folder).dev) {
    const message = 'backups lie on the disk of the database, and are lost together with it';
    findings.push(
      warning('backup.beside', message, 'point HOMEPORT_BACKUP_DIR at another disk, or copy them elsewhere'),
    );
  }
  if (process.platform !== 'win32' && (facts.mode & 0o022) !== 0) {
    const message = `others may write in ${directory}, and so take backups away`;
    findings.push(error('mode.backups', message, `chmod 700 ${directory}`));
  }
  const open = backupsAmong(readdirSync(directory), now()).filter((name) => isReadable(join(directory, name)));
  if (open.length > 0) {
    const message = `${open.length} backups can be read by every user of this machine`;
    findings.push(warning('mode.backup', message, `chmod 600 ${directory}/*.backup`));
  }
  return findings;
}

const isReadable = (file: string) =>
  process.platform !== 'win32' && ((statSync(file, { throwIfNoEntry: false })?.mode ?? 0) & 0o004) !== 0;

async function versionFindings({ store }: Checked): Promise<Finding[]> {
  const { engine } = await store.storageFacts();
  const findings: Finding[] = [];
  if (!isAtLeast(engine, ENGINE_LEAST)) {
    const message = `SQLite ${engine} can lose what was committed; ${ENGINE_LEAST} is the first that does not`;
    findings.push(error('version.engine', message, 'npm ci brings the right one'));
  }
  if (!isAtLeast(process.versions.node, NODE_LEAST)) {
    const message = `Node ${process.versions.node} has known holes; ${NODE_LEAST} is the first without them`;
    findings.push(
      error('version.node', message, 'npm ci --include=optional brings one along, or install a newer Node'),
    );
  }
  return findings;
}

export const storageQuestions: readonly Question[] = [
  { code: 'key', about: 'the key file', ask: keyFindings },
  { code: 'database', about: 'the database', ask: databaseFindings },
  { code: 'backup', about: 'backups', ask: backupFindings },
  { code: 'mode', about: 'the modes of files', ask: modeFindings },
  { code: 'room', about: 'the room on the disks', ask: roomFindings },
  { code: 'version', about: 'versions', ask: versionFindings },
];
