// Backups as nouns: what stands in front of one, what its file is called, when the next is due, and which may go.
import { z } from 'zod';
import { durationText } from './duration.ts';

/** The version of the container. A reader refuses what it does not know. */
export const BACKUP_FORMAT = 1;

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const base64 = z.string().regex(/^[\w+/]+=*$/);

/** The most that a header may ask of whoever opens it: 1 GiB of memory. */
const SCRYPT_COST_MAX = 2 ** 20;

/** How many of each a database holds. */
const countsSchema = z.strictObject({
  tenants: z.number().int(),
  phones: z.number().int(),
  lines: z.number().int(),
  users: z.number().int(),
  auditEntries: z.number().int(),
});
export type BackupCounts = z.output<typeof countsSchema>;

/** What stands in clear before the encrypted part. It is sealed: whoever changes it is found out. */
export const backupHeaderSchema = z.strictObject({
  format: z.literal(BACKUP_FORMAT),
  product: z.string().max(64),
  /** The migrations that the database has had, by their names, the newest last. */
  schema: z.array(z.string().max(64)).min(1).max(1_000).readonly(),
  at: z.iso.datetime(),
  /** Of the database in it. */
  bytes: z.number().int().positive(),
  sha256: digest,
  counts: countsSchema,
  /** Does it hold the key file too? */
  includesKey: z.boolean(),
  /** What opens it: the key file of the installation, or a passphrase. */
  sealedWith: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('keyFile') }),
    z.strictObject({
      kind: z.literal('passphrase'),
      scrypt: z.strictObject({
        cost: z
          .number()
          .int()
          .min(2)
          .max(SCRYPT_COST_MAX)
          .refine((cost) => (cost & (cost - 1)) === 0, 'must be a power of two'),
        blockSize: z.literal(8),
        parallelization: z.literal(1),
      }),
    }),
  ]),
  salt: base64,
  /** Tells a wrong key from a broken file. */
  keyCheck: base64,
});

export type BackupHeader = z.output<typeof backupHeaderSchema>;

/** Backups that are made without anybody asking for them. */
export type BackupPlan = {
  readonly directory: string;
  readonly everyMs: number;
  /** So many are kept, at least one. */
  readonly keep: number;
};

const NAME = /^homeport-(?<date>\d{8})T(?<time>\d{6})\.(?<ms>\d{3})Z\.backup$/;

/** The name of a backup made now: names sort as the times do. */
export const backupName = (at: Date): string => `homeport-${at.toISOString().replaceAll(/[-:]/g, '')}.backup`;

/** When a file of this name was made; null for a file that is none of ours. */
export function backupTime(name: string): Date | null {
  const groups = NAME.exec(name)?.groups;
  if (groups === undefined) return null;
  const { date = '', time = '', ms = '' } = groups;
  const day = date.replace(/(\d{4})(\d\d)(\d\d)/, '$1-$2-$3');
  const text = `${day}T${time.replace(/(\d\d)(\d\d)(\d\d)/, '$1:$2:$3')}.${ms}Z`;
  const at = new Date(text);
  return Number.isNaN(at.getTime()) || at.toISOString() !== text ? null : at;
}

/** The names of backups among file names, the oldest first. One from the future was made under a wrong clock: it is old. */
export function backupsAmong(names: readonly string[], now: Date): string[] {
  const isAhead = (name: string) => (backupTime(name)?.getTime() ?? 0) > now.getTime();
  const ours = names.filter((name) => backupTime(name) !== null).sort();
  return [...ours.filter(isAhead), ...ours.filter((name) => !isAhead(name))];
}

/** The names of backups that may go, so that `keep` are left. The one that was just made stays, whatever the clock says. */
export function outdatedBackups(names: readonly string[], made: string, keep: number, now: Date): string[] {
  const others = backupsAmong(names, now).filter((name) => name !== made);
  return others.slice(0, Math.max(0, others.length - Math.max(0, keep - 1)));
}

export type BackupsSoFar = {
  readonly now: Date;
  /** When the newest one was made; null when there is none. */
  readonly newest: Date | null;
  /** Since this process made its last one, on a clock that does not jump; null when it has made none. */
  readonly sinceOwnMs: number | null;
};

/**
 * Is a backup due? A process goes by its own steady clock, so a clock that is set neither skips one nor makes many; only
 * after a start the time in the file's name decides, and one from the future counts as none.
 */
export function isBackupDue({ now, newest, sinceOwnMs }: BackupsSoFar, everyMs: number): boolean {
  if (sinceOwnMs !== null) return sinceOwnMs >= everyMs;
  if (newest === null || newest > now) return true;
  return now.getTime() - newest.getTime() >= everyMs;
}

/** The last backup that was verified, as it is written down in the database. */
export const backupRecordSchema = z.strictObject({
  at: z.iso.datetime(),
  file: z.string(),
  bytes: z.number().int(),
  includesKey: z.boolean(),
  sealedWith: z.enum(['keyFile', 'passphrase']),
});
export type BackupRecord = z.output<typeof backupRecordSchema>;

/** The last try that failed since then. */
export const backupFailureSchema = z.strictObject({ at: z.iso.datetime(), reason: z.string() });
export type BackupFailure = z.output<typeof backupFailureSchema>;

/** What a restore refuses of the schema in a backup, or null: this program must know every migration of it. */
export function schemaRefusal(schema: readonly string[], known: readonly string[]): string | null {
  const foreign = schema.find((name) => !known.includes(name));
  if (foreign === undefined) return null;
  return (
    `its schema has ${foreign}, which this program does not know (the newest that it knows is ${known.at(-1)}); ` +
    'use the version of Homeport that wrote it, or a newer one'
  );
}

/** The age of something as people say it. */
export const ageText = (at: Date, now: Date): string => durationText(Math.max(0, now.getTime() - at.getTime()));
