// SQLite as the store uses it: how it is opened, and how its transactions begin.
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import SqliteDatabase from 'better-sqlite3';
import {
  CompiledQuery,
  type DatabaseConnection,
  Kysely,
  SqliteDialect,
  SqliteDriver,
  type TransactionSettings,
} from 'kysely';
import type { Tables } from './schema.ts';

const BUSY_TIMEOUT_MS = 5_000;

/**
 * A transaction that will write takes the write lock at once and waits for it. SQLite's own way, to take it at the first
 * write, fails without waiting when another process has written since the first read.
 */
class Driver extends SqliteDriver {
  override async beginTransaction(connection: DatabaseConnection, settings?: TransactionSettings): Promise<void> {
    const begin = settings?.isolationLevel === 'serializable' ? 'begin immediate' : 'begin';
    await connection.executeQuery(CompiledQuery.raw(begin));
  }
}

class Dialect extends SqliteDialect {
  readonly #database: SqliteDatabase.Database;

  constructor(database: SqliteDatabase.Database) {
    super({ database });
    this.#database = database;
  }

  override createDriver(): Driver {
    return new Driver({ database: this.#database });
  }
}

/** Opens the database, or makes it. A transaction that writes asks for the isolation level `serializable`. */
export function openSqlite(path: string): Kysely<Tables> {
  mkdirSync(dirname(path), { recursive: true });
  const database = new SqliteDatabase(path);
  database.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
  database.pragma('journal_mode = WAL');
  // A committed change must survive a power cut: it is what phones were told.
  database.pragma('synchronous = FULL');
  database.pragma('foreign_keys = ON');
  return new Kysely<Tables>({ dialect: new Dialect(database) });
}
