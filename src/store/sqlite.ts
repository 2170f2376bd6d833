// SQLite as the store uses it: how it is opened, and how its transactions begin.
import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import SqliteDatabase from 'better-sqlite3';
import {
  CompiledQuery,
  type DatabaseConnection,
  Kysely,
  SqliteAdapter,
  SqliteDialect,
  SqliteDriver,
  type Transaction,
  type TransactionSettings,
} from 'kysely';
import { AppError } from '../domain/errors.ts';
import { isBusy, translated } from './faults.ts';
import type { Tables } from './schema.ts';

// SQLite waits with the whole process standing still, so it waits for the shortest collisions only; whoever begins to write
// does not even do that, because it is tried again and again for as long as another process has the lock.
const BUSY_TIMEOUT_MS = 50;
const OPENING_TIMEOUT_MS = 5_000;
const TRY_AGAIN_MS = 20;
const GIVE_UP_MS = 60_000;

/**
 * A transaction that will write takes the write lock at once and waits for it. SQLite's own way, to take it at the first
 * write, fails without waiting when another process has written since the first read.
 */
class Driver extends SqliteDriver {
  readonly #database: SqliteDatabase.Database;
  #connection: DatabaseConnection | null = null;

  constructor(database: SqliteDatabase.Database) {
    super({ database });
    this.#database = database;
  }

  /** There is one connection; what the engine refuses on it is told in our words. */
  override async acquireConnection(): Promise<DatabaseConnection> {
    this.#connection ??= inOurWords(await super.acquireConnection());
    return this.#connection;
  }

  override async beginTransaction(connection: DatabaseConnection, settings?: TransactionSettings): Promise<void> {
    if (settings?.isolationLevel !== 'serializable') return super.beginTransaction(connection);
    this.#database.pragma('busy_timeout = 0');
    try {
      await connection.executeQuery(CompiledQuery.raw('begin immediate'));
    } finally {
      this.#database.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
    }
  }

  /** A full disk makes SQLite take the transaction back by itself; there is nothing left to do then. */
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (this.#database.inTransaction) await super.rollbackTransaction(connection);
  }
}

const inOurWords = (connection: DatabaseConnection): DatabaseConnection => ({
  async executeQuery(query) {
    try {
      return await connection.executeQuery(query);
    } catch (error) {
      throw translated(error);
    }
  },
  streamQuery: (query, chunkSize) => connection.streamQuery(query, chunkSize),
});

/** SQLite's changes of the schema can be taken back like all others, so a migration that is cut off leaves nothing. */
class Adapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

class Dialect extends SqliteDialect {
  readonly #database: SqliteDatabase.Database;

  constructor(database: SqliteDatabase.Database) {
    super({ database });
    this.#database = database;
  }

  override createAdapter(): Adapter {
    return new Adapter();
  }

  override createDriver(): Driver {
    return new Driver(this.#database);
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
  const opened = { prepare, close: () => database.close(), pragma: (text: string) => database.pragma(text) };
  return Object.defineProperty(opened, 'inTransaction', {
    get: () => database.inTransaction,
  }) as unknown as SqliteDatabase.Database;
}

/** Opens the database, or makes it. A transaction that writes asks for the isolation level `serializable`. */
export function openSqlite(path: string): Kysely<Tables> {
  mkdirSync(dirname(path), { recursive: true });
  // For its owner alone; SQLite gives the files beside it the same mode.
  if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600));
  const database = new SqliteDatabase(path, { timeout: OPENING_TIMEOUT_MS });
  try {
    database.pragma('journal_mode = WAL');
    // A committed change must survive a power cut: it is what phones were told.
    database.pragma('synchronous = FULL');
    database.pragma('foreign_keys = ON');
    database.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
  } catch (error) {
    database.close();
    throw translated(error);
  }
  return new Kysely<Tables>({ dialect: new Dialect(withStatements(database)) });
}

/** Who waits for the write lock in this process: one after the other, so that only the first asks for it. */
const turns = new WeakMap<Kysely<Tables>, Promise<unknown>>();

/**
 * A transaction that writes. It takes the write lock when it begins; while another process has it (a large import can hold
 * it for many seconds), this one goes on with everything else and tries again.
 * @throws AppError `unavailable` when another process has the lock for longer than `patienceMs`
 */
export function exclusively<Result>(
  db: Kysely<Tables>,
  work: (trx: Transaction<Tables>) => Promise<Result>,
  patienceMs = GIVE_UP_MS,
): Promise<Result> {
  const giveUp = performance.now() + patienceMs;
  const turn = (turns.get(db) ?? Promise.resolve()).then(() => whenFree(db, work, giveUp, patienceMs));
  turns.set(
    db,
    turn.catch(() => undefined),
  );
  return turn;
}

async function whenFree<Result>(
  db: Kysely<Tables>,
  work: (trx: Transaction<Tables>) => Promise<Result>,
  giveUp: number,
  patienceMs: number,
): Promise<Result> {
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
        const seconds = Math.round(patienceMs / 1_000);
        throw new AppError(
          'unavailable',
          `another program has been writing to the database for ${seconds} seconds, and nothing was changed; try again`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_MS));
    }
  }
}
