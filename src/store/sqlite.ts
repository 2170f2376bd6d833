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
  type Transaction,
  type TransactionSettings,
} from 'kysely';
import { AppError } from '../domain/errors.ts';
import type { Tables } from './schema.ts';

// SQLite waits with the whole process standing still, so it waits for the shortest collisions only.
const BUSY_TIMEOUT_MS = 50;
const TRY_AGAIN_MS = 20;
const GIVE_UP_MS = 60_000;

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

const STATEMENTS_MAX = 200;

/**
 * The same database with its prepared statements kept: preparing costs more than most queries, and what a statement holds
 * outside of JavaScript's memory is otherwise freed only when its wrapper is collected, long after it was needed.
 */
function withStatements(database: SqliteDatabase.Database): SqliteDatabase.Database {
  const kept = new Map<string, SqliteDatabase.Statement>();
  const prepare = (text: string): SqliteDatabase.Statement => {
    const statement = kept.get(text) ?? database.prepare(text);
    kept.delete(text);
    kept.set(text, statement);
    const [oldest] = kept.keys();
    if (kept.size > STATEMENTS_MAX && oldest !== undefined) kept.delete(oldest);
    return statement;
  };
  return { prepare, close: () => database.close() } as unknown as SqliteDatabase.Database;
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
  return new Kysely<Tables>({ dialect: new Dialect(withStatements(database)) });
}

const isBusy = (error: unknown) => (error as { code?: unknown } | null)?.code === 'SQLITE_BUSY';

/**
 * A transaction that writes. It takes the write lock when it begins; while another process has it (a large import can hold
 * it for many seconds), this one goes on with everything else and tries again.
 * @throws AppError `unavailable` when the lock is not to be had within a minute
 */
export async function exclusively<Result>(
  db: Kysely<Tables>,
  work: (trx: Transaction<Tables>) => Promise<Result>,
): Promise<Result> {
  const giveUp = performance.now() + GIVE_UP_MS;
  for (;;) {
    let begun = false;
    try {
      return await db
        .transaction()
        .setIsolationLevel('serializable')
        .execute((trx) => {
          begun = true;
          return work(trx);
        });
    } catch (error) {
      if (begun || !isBusy(error)) throw error;
      if (performance.now() > giveUp) {
        throw new AppError('unavailable', 'another program has been writing to the database for a minute; try again');
      }
      await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_MS));
    }
  }
}
