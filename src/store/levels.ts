// What is chosen for the whole installation, for a vendor or for a model, in the database.
import type { Kysely } from 'kysely';
import { conflict } from '../domain/errors.ts';
import type { LevelName } from '../domain/settings.ts';
import { fromLevel, type StoredLevel, toLevel } from './codec.ts';
import type { Tables } from './schema.ts';
import type { Secrets } from './secrets.ts';

export const levelReads = (db: Kysely<Tables>, secrets: Secrets) => ({
  /** The level as it is; one that nobody has written is empty and at revision 0. */
  async get(level: LevelName, of: string): Promise<StoredLevel> {
    const query = db.selectFrom('level').selectAll().where('level', '=', level).where('of', '=', of);
    const row = await query.executeTakeFirst();
    return row === undefined ? { level, of, settings: {}, parameters: {}, revision: 0 } : toLevel(row, secrets);
  },
  /** Every level that somebody has written, in one order. */
  async list(): Promise<StoredLevel[]> {
    const rows = await db.selectFrom('level').selectAll().orderBy('level').orderBy('of').execute();
    return rows.map((row) => toLevel(row, secrets));
  },
});

export const levelWrites = (db: Kysely<Tables>, secrets: Secrets) => ({
  /**
   * Writes a level; its revision is the one that was read.
   * @throws AppError `conflict` when somebody else changed it since
   */
  async put(before: StoredLevel): Promise<StoredLevel> {
    const level = { ...before, revision: before.revision + 1 };
    const { numInsertedOrUpdatedRows } = await db
      .insertInto('level')
      .values(fromLevel(level, secrets))
      .onConflict((conflicting) =>
        conflicting
          .columns(['level', 'of'])
          .doUpdateSet(fromLevel(level, secrets))
          .where('level.revision', '=', before.revision),
      )
      .executeTakeFirst();
    if (numInsertedOrUpdatedRows !== 1n) throw conflict(`the ${level.level} level has changed; read it again`);
    return level;
  },
});
