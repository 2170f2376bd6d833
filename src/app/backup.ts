// Journeys: a backup is taken, by somebody or by the clock, and one is restored. Only what was read back and found whole is
// called a backup; only then older ones go.
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { Actor } from '../domain/access.ts';
import {
  type BackupPlan,
  backupName,
  backupsAmong,
  backupTime,
  isBackupDue,
  outdatedBackups,
} from '../domain/backup.ts';
import { AppError, conflict, invalid } from '../domain/errors.ts';
import { log } from '../log.ts';
import type { Restored, RestoreOrder } from '../store/restore.ts';
import type { Packed, Progress } from '../store/storage-work.ts';
import type { Store } from '../store/store.ts';
import { note } from './audit.ts';
import { verifyAudit } from './check.ts';

type Backing = { readonly store: Store; readonly now: () => Date };

export type BackupWish = {
  /** Where it goes: a file that is not there yet. */
  readonly file: string;
  /** What it is sealed with; null for the key file of the installation. */
  readonly passphrase: string | null;
  /** Put the key file into it, so that backup and passphrase together restore everything. */
  readonly includeKey: boolean;
  readonly product: string;
  readonly progress?: ((progress: Progress) => void) | undefined;
  readonly stop?: AbortSignal | undefined;
};

export type BackupMade = Packed & { readonly file: string };

/**
 * Takes a backup while everybody goes on, and writes down that it was taken.
 * @throws AppError `invalid` for a key that would be locked in with itself, `conflict` when another backup is going on,
 *   `unavailable` without room
 */
export async function takeBackup(house: Backing, wish: BackupWish, actor: Actor): Promise<BackupMade> {
  const { passphrase, includeKey, product, progress, stop } = wish;
  const file = resolve(wish.file);
  if (includeKey && passphrase === null) {
    throw invalid('a backup can hold the key file only under a passphrase: name the file that holds it');
  }
  const at = house.now().toISOString();
  const packed = await house.store.backup({ target: file, passphrase, includeKey, product, at, progress, stop });
  const sealedWith = packed.header.sealedWith.kind;
  await house.store.transaction(async (tx) => {
    await tx.backups.made({ at, file, bytes: packed.bytes, includesKey: includeKey, sealedWith });
    const after = { bytes: packed.bytes, sealedWith, includesKey: includeKey };
    await note(tx, house, actor, { action: 'backup.take', subject: basename(file), before: null, after });
  });
  return { ...packed, file };
}

export type BackupState = {
  /** When the last verified one was made; null when nobody knows of any. */
  readonly lastAt: Date | null;
  /** Tries that failed since the start of this process. */
  readonly failures: number;
};

export type BackupKeeper = {
  state(): BackupState;
  /** Takes a backup when one is due. Never throws. */
  tick(): Promise<void>;
  close(): Promise<void>;
};

type Keeping = Backing & {
  /** Null when the server takes none by itself; it still knows of those that others take. */
  readonly plan: BackupPlan | null;
  readonly wish: Omit<BackupWish, 'file' | 'passphrase' | 'progress' | 'stop'>;
  /** Read anew each time; null for the key file of the installation. @throws AppError when it cannot be read */
  readonly passphrase: () => string | null;
  /** Milliseconds on a clock that nobody sets. */
  readonly steady: () => number;
  readonly actor: Actor;
};

const LOOK_EVERY_MS = 60_000;
/** After a failure: soon enough for a day's backup, and no flood of lines in the log. */
const TRY_AGAIN_MS = 15 * 60_000;

/** Takes backups by the clock, one at a time, and lets the oldest go once a newer one is verified. */
export function keepBackups(keeping: Keeping): BackupKeeper {
  const { plan, store, steady } = keeping;
  const stop = new AbortController();
  let ownAt: number | null = null;
  let failedAt: number | null = null;
  let failures = 0;
  let lastAt: Date | null = null;
  let going: Promise<void> = Promise.resolve();

  async function look(): Promise<void> {
    const last = await store.backups.last();
    lastAt = last === null ? null : new Date(last.at);
    if (plan === null || (failedAt !== null && steady() - failedAt < TRY_AGAIN_MS)) return;
    try {
      const newest = newestIn(plan, keeping.now());
      const sinceOwnMs = ownAt === null ? null : steady() - ownAt;
      if (!isBackupDue({ now: keeping.now(), newest, sinceOwnMs }, plan.everyMs)) return;
      await takeNext(keeping, plan, stop.signal);
      ownAt = steady();
      failedAt = null;
      lastAt = keeping.now();
    } catch (error) {
      if (stop.signal.aborted) return;
      failures++;
      failedAt = steady();
      await tellFailure(keeping, error);
    }
  }

  const tick = () => {
    going = going.then(look).catch((error: unknown) => log.error({ error }, 'backups cannot be looked after'));
    return going;
  };
  const timer = setInterval(() => void tick(), LOOK_EVERY_MS);
  timer.unref();
  void tick();
  return {
    state: () => ({ lastAt, failures }),
    tick,
    async close() {
      clearInterval(timer);
      stop.abort();
      await going;
    },
  };
}

/** When the newest backup in the directory was made. */
function newestIn({ directory }: BackupPlan, now: Date): Date | null {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const name = backupsAmong(readdirSync(directory), now).at(-1);
  return name === undefined ? null : backupTime(name);
}

async function takeNext(keeping: Keeping, { directory, keep }: BackupPlan, stop: AbortSignal): Promise<void> {
  const { wish, passphrase, actor, now } = keeping;
  const name = backupName(now());
  const order = { ...wish, file: join(directory, name), passphrase: passphrase(), stop };
  const { bytes, header } = await takeBackup(keeping, order, actor);
  const gone = outdatedBackups(readdirSync(directory), name, keep, now());
  for (const old of gone) rmSync(join(directory, old), { force: true });
  log.info({ file: name, bytes, counts: header.counts, removed: gone }, 'a backup was taken and verified');
}

/** Writes a failure down for whoever asks later. When even that fails, the age of the last backup will tell. */
async function tellFailure({ store, now }: Keeping, error: unknown): Promise<void> {
  const reason = error instanceof AppError ? error.message : 'the log has the details';
  log.error({ error }, 'a backup failed');
  await store
    .transaction((tx) => tx.backups.failed({ at: now().toISOString(), reason }))
    .catch((fault: unknown) => log.warn({ error: fault }, 'that a backup failed could not be written down'));
}

/** Where a backup goes that somebody asks for: into a directory under a name of its own, or into the file that is named. */
export const backupFile = (place: string, isDirectory: boolean, now: Date): string =>
  isDirectory ? join(place, backupName(now)) : place;

export type RestoreWish = Omit<RestoreOrder, 'prove' | 'now'>;
export type RestoreReport = Restored & { readonly auditEntries: number; readonly auditFault: string | null };

/** Later than any session was ever seen. */
const END_OF_TIME = '9999-12-31T23:59:59.999Z';

/**
 * Restores a backup in the place of the database, after proving it on its own: the key opens it, the audit is whole. Sessions
 * in it end, because nobody remembers who was shown out since.
 * @throws AppError with the reason, in which case everything is as it was
 */
export async function restoreBackup(
  house: { readonly restore: (order: RestoreOrder) => Promise<Restored>; readonly now: () => Date },
  wish: RestoreWish,
  actor: Actor,
): Promise<RestoreReport> {
  const audit = { auditEntries: 0, auditFault: null as string | null };
  const restored = await house.restore({
    ...wish,
    now: house.now(),
    async prove(store) {
      const { entries, fault } = await verifyAudit({ store });
      Object.assign(audit, { auditEntries: entries, auditFault: fault });
      if (fault !== null && !wish.force && !wish.checkOnly) {
        throw conflict(`the audit in ${wish.file} is not whole: ${fault}; with --force it is restored as it is`);
      }
      await store.transaction(async (tx) => {
        await tx.sessions.removeUnseenSince(END_OF_TIME);
        if (fault !== null) return;
        const after = { from: basename(wish.file), folder: dirname(wish.file) };
        await note(tx, house, actor, { action: 'backup.restore', subject: 'database', before: null, after });
      });
    },
  });
  return { ...restored, ...audit };
}
