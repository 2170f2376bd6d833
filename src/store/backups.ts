// What the database knows of its own backups: the last one that was verified, and the last try that failed since.
import type { Kysely } from 'kysely';
import { type BackupFailure, type BackupRecord, backupFailureSchema, backupRecordSchema } from '../domain/backup.ts';
import type { Tables } from './schema.ts';

const LAST = 'backup_last';
const FAILED = 'backup_failed';

const stored = async (db: Kysely<Tables>, name: string): Promise<unknown> => {
  const row = await db.selectFrom('installation').select('value').where('name', '=', name).executeTakeFirst();
  return row === undefined ? null : JSON.parse(row.value);
};

const put = (db: Kysely<Tables>, name: string, value: object) =>
  db
    .insertInto('installation')
    .values({ name, value: JSON.stringify(value) })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value: JSON.stringify(value) }))
    .execute();

export const backupReads = (db: Kysely<Tables>) => ({
  /** The last backup that was verified; null before the first. */
  async last(): Promise<BackupRecord | null> {
    return backupRecordSchema.nullable().parse(await stored(db, LAST));
  },
  /** The last try since then that failed. */
  async failure(): Promise<BackupFailure | null> {
    return backupFailureSchema.nullable().parse(await stored(db, FAILED));
  },
});

export const backupWrites = (db: Kysely<Tables>) => ({
  /** Writes down a backup that was verified; failures before it are history. */
  async made(record: BackupRecord): Promise<void> {
    await put(db, LAST, record);
    await db.deleteFrom('installation').where('name', '=', FAILED).execute();
  },
  async failed(failure: BackupFailure): Promise<void> {
    await put(db, FAILED, failure);
  },
});
