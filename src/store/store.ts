// The store: the only room that speaks SQL. Reading needs a Store, writing a Tx, and only a transaction hands out a Tx.
import { existsSync } from 'node:fs';
import { type Kysely, sql } from 'kysely';
import { Migrator } from 'kysely/migration';
import { migrations } from '../../db/migrations/index.ts';
import { schemaRefusal } from '../domain/backup.ts';
import { AppError } from '../domain/errors.ts';
import { log } from '../log.ts';
import { apiKeyReads, apiKeyWrites } from './api-keys.ts';
import { auditReads, auditWrites } from './audit.ts';
import { backupReads, backupWrites } from './backups.ts';
import { connectionReads, connectionWrites } from './connections.ts';
import { contactReads, contactWrites } from './contacts.ts';
import { type Counts, countReads } from './counts.ts';
import { dnsReads, dnsWrites } from './dns.ts';
import { credentialReads, credentialWrites, enrolmentReads, enrolmentWrites } from './enrolments.ts';
import { fetchReads, fetchWrites } from './fetches.ts';
import { installationReads, installationWrites } from './installation.ts';
import { levelReads, levelWrites } from './levels.ts';
import { loadReads, loadWrites } from './loads.ts';
import { moveReads, moveWrites } from './moves.ts';
import { phoneReads, phoneWrites } from './phones.ts';
import { planReads, planWrites } from './plans.ts';
import { poolReads, poolWrites } from './pools.ts';
import { redirectionReads, redirectionWrites } from './redirections.ts';
import { canaryOf, findCanary, finishRotation, type Rotation, type RotationProgress, rotate } from './reseal.ts';
import type { Tables } from './schema.ts';
import {
  findKey,
  type KeyFacts,
  type Keyring,
  keyFacts,
  keyringOf,
  makeKey,
  readKey,
  type Secrets,
  sealCanary,
  secretsWith,
} from './secrets.ts';
import { serverReads, serverWrites } from './servers.ts';
import { sessionReads, sessionWrites } from './sessions.ts';
import { exclusively, openSqlite } from './sqlite.ts';
import { type Storage, storageOf } from './storage.ts';
import { tenantReads, tenantWrites } from './tenants.ts';
import { tokenReads, tokenWrites } from './tokens.ts';
import { unclaimedReads, unclaimedWrites } from './unclaimed.ts';
import { uploadReads, uploadWrites } from './uploads.ts';
import { userReads, userWrites } from './users.ts';

const readsOf = (db: Kysely<Tables>, secrets: Secrets) => ({
  servers: serverReads(db),
  pools: poolReads(db),
  installation: installationReads(db),
  levels: levelReads(db, secrets),
  tenants: tenantReads(db, secrets),
  tokens: tokenReads(db),
  phones: phoneReads(db, secrets),
  credentials: credentialReads(db, secrets),
  enrolments: enrolmentReads(db),
  contacts: contactReads(db),
  audit: auditReads(db, secrets),
  users: userReads(db),
  apiKeys: apiKeyReads(db),
  sessions: sessionReads(db),
  redirections: redirectionReads(db, secrets),
  dns: dnsReads(db, secrets),
  connections: connectionReads(db, secrets),
  backups: backupReads(db),
  moves: moveReads(db),
  loads: loadReads(db),
  plans: planReads(db),
  fetches: fetchReads(db),
  uploads: uploadReads(db),
  unclaimed: unclaimedReads(db),
});

const writesOf = (db: Kysely<Tables>, secrets: Secrets) => {
  const reads = readsOf(db, secrets);
  return {
    servers: { ...reads.servers, ...serverWrites(db) },
    pools: { ...reads.pools, ...poolWrites(db) },
    installation: { ...reads.installation, ...installationWrites(db) },
    levels: { ...reads.levels, ...levelWrites(db, secrets) },
    tenants: { ...reads.tenants, ...tenantWrites(db, secrets) },
    tokens: { ...reads.tokens, ...tokenWrites(db, secrets) },
    phones: { ...reads.phones, ...phoneWrites(db, secrets) },
    credentials: { ...reads.credentials, ...credentialWrites(db, secrets) },
    enrolments: { ...reads.enrolments, ...enrolmentWrites(db) },
    contacts: { ...reads.contacts, ...contactWrites(db) },
    audit: { ...reads.audit, ...auditWrites(db, secrets) },
    users: { ...reads.users, ...userWrites(db) },
    apiKeys: { ...reads.apiKeys, ...apiKeyWrites(db) },
    sessions: { ...reads.sessions, ...sessionWrites(db) },
    redirections: { ...reads.redirections, ...redirectionWrites(db, secrets) },
    dns: { ...reads.dns, ...dnsWrites(db, secrets) },
    connections: { ...reads.connections, ...connectionWrites(db, secrets) },
    backups: { ...reads.backups, ...backupWrites(db) },
    moves: { ...reads.moves, ...moveWrites(db) },
    loads: { ...reads.loads, ...loadWrites(db) },
    plans: { ...reads.plans, ...planWrites(db) },
    fetches: { ...reads.fetches, ...fetchWrites(db) },
    uploads: { ...reads.uploads, ...uploadWrites(db) },
    unclaimed: { ...reads.unclaimed, ...unclaimedWrites(db) },
    /** A part of the transaction that is taken back alone when it throws. */
    async attempt<Result>(work: () => Promise<Result>): Promise<Result> {
      await sql`savepoint attempt`.execute(db);
      try {
        return await work();
      } catch (error) {
        await sql`rollback to savepoint attempt`.execute(db);
        throw error;
      } finally {
        await sql`release savepoint attempt`.execute(db);
      }
    },
  };
};

/** What may be read. */
export type Reads = ReturnType<typeof readsOf>;
/** What may be read and written, inside one transaction. */
export type Tx = ReturnType<typeof writesOf>;

export type Store = Reads &
  Storage & {
    /** Runs `work` in one transaction: all of it is kept, or, when it throws, nothing. Never wait for the outside in it. */
    transaction<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
    /** Several reads of one moment. */
    snapshot<Result>(work: (reads: Reads) => Promise<Result>): Promise<Result>;
    /** A snapshot for reading at length: on a connection of its own, so that nobody waits for it to end. */
    study<Result>(work: (reads: Reads) => Promise<Result>): Promise<Result>;
    /** Counts that take a while, outside of any transaction. */
    readonly counts: Counts;
    /** Answers whether the database can be asked at all, and its secrets opened. */
    ping(): Promise<void>;
    /** What an operator should know of the key file. */
    keyFacts(): Promise<KeyFacts>;
    /**
     * Seals every secret anew with a new key, while others go on with theirs; `also` is part of the same transaction.
     * @throws AppError `conflict` when another rotation comes in between, `unavailable` for a damaged value or key file
     */
    rotateKey(order: {
      readonly now: Date;
      readonly also: (tx: Tx, values: number) => Promise<void>;
      readonly progress?: ((progress: RotationProgress) => void) | undefined;
    }): Promise<Rotation>;
    close(): Promise<void>;
  };

export type StoreConfig = {
  /** `file:PATH`, a SQLite database that is made when it is not there. */
  readonly url: string;
  readonly keyFile: string;
  /** How long a write waits while another process is writing, in milliseconds; a minute unless it is said. */
  readonly patienceMs?: number;
};

/**
 * Opens the database, brings its schema up to date and unlocks its secrets.
 * @throws AppError `unavailable` when the key file does not fit the database
 */
export async function openStore({ url, keyFile, patienceMs }: StoreConfig): Promise<Store> {
  const file = url.slice('file:'.length);
  const db = openSqlite(file);
  try {
    // What is deleted or written over is wiped: otherwise values under an old key would stay in free pages.
    await sql`pragma secure_delete = on`.execute(db);
    await migrate(db);
    const keyring = await unlock(db, keyFile);
    return {
      ...readsOf(db, keyring.secrets),
      ...storageOf(db, file, keyFile),
      // Under the write lock no rotation can come in between, so what is sealed here is sealed with the key that fits.
      transaction: (work) =>
        exclusively(db, async (trx) => work(writesOf(trx, keyring.fit(await canaryOf(trx)).secrets)), patienceMs),
      snapshot: (work) => db.transaction().execute((trx) => work(readsOf(trx, keyring.secrets))),
      study: (work) => apart(file, (trx) => work(readsOf(trx, keyring.secrets))),
      counts: countReads(db),
      ping: async () => void keyring.fit(await canaryOf(db)),
      keyFacts: async () => keyFacts(findKey(keyFile, await canaryOf(db)), keyFile, file),
      rotateKey: ({ now, also, progress = () => undefined }) =>
        rotate(db, keyFile, { now, progress, also: (trx, secrets, values) => also(writesOf(trx, secrets), values) }),
      close: () => db.destroy(),
    };
  } catch (error) {
    await db.destroy();
    throw error;
  }
}

/** One transaction that reads, on a connection that is opened for it. */
async function apart<Result>(file: string, work: (trx: Kysely<Tables>) => Promise<Result>): Promise<Result> {
  const db = openSqlite(file);
  try {
    return await db.transaction().execute(work);
  } finally {
    await db.destroy();
  }
}

/**
 * Brings the schema up to date, all of it or nothing, while others wait. Where it is already, nothing is written, so that a
 * full disk or somebody who writes does not keep the program from starting.
 * @throws AppError `unavailable` for a database that a newer program has written
 */
async function migrate(db: Kysely<Tables>): Promise<void> {
  const known = Object.keys(migrations);
  const done = await migrationsOf(db);
  const refusal = schemaRefusal(done, known);
  if (refusal !== null) {
    throw new AppError(
      'unavailable',
      `the database is newer than this program: ${refusal}; or restore an older backup`,
    );
  }
  if (done.length === known.length) return;
  await exclusively(db, async (trx) => {
    const migrator = new Migrator({ db: trx, provider: { getMigrations: async () => migrations } });
    const { error } = await migrator.migrateToLatest();
    if (error) throw error;
  });
}

/** The names of the migrations that a database has had, in their order. */
async function migrationsOf(db: Kysely<Tables>): Promise<string[]> {
  const tables = await sql`select 1 from sqlite_master where type = 'table' and name = 'kysely_migration'`.execute(db);
  if (tables.rows.length === 0) return [];
  const { rows } = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(db);
  return rows.map(({ name }) => name);
}

/**
 * Opens the secrets with the key file, after proving on a known value that it is the right one. A rotation that was cut off
 * is brought to its end.
 */
async function unlock(db: Kysely<Tables>, keyFile: string): Promise<Keyring> {
  if ((await findCanary(db)) === null) {
    if (!existsSync(keyFile)) makeKey(keyFile);
    const value = sealCanary(secretsWith(readKey(keyFile)), new Date());
    await exclusively(db, (trx) =>
      trx
        .insertInto('installation')
        .values({ name: 'canary', value })
        .onConflict((conflict) => conflict.doNothing())
        .execute(),
    );
  }
  if (findKey(keyFile, await canaryOf(db)).file !== keyFile) {
    await finishRotation(db, keyFile, new Date()).then(
      (old) => log.warn({ old }, 'a rotation of the key had been cut off; its new key file is in place now'),
      (error: unknown) => log.warn({ error }, 'a rotation of the key had been cut off and cannot be ended'),
    );
  }
  return keyringOf(keyFile, await canaryOf(db));
}
