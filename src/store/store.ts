// The store: the only room that speaks SQL. Reading needs a Store, writing a Tx, and only a transaction hands out a Tx.
import { existsSync } from 'node:fs';
import type { Kysely } from 'kysely';
import { Migrator } from 'kysely/migration';
import { migrations } from '../../db/migrations/index.ts';
import { AppError } from '../domain/errors.ts';
import { apiKeyReads, apiKeyWrites } from './api-keys.ts';
import { auditReads, auditWrites } from './audit.ts';
import { contactReads, contactWrites } from './contacts.ts';
import { fetchReads, fetchWrites } from './fetches.ts';
import { levelReads, levelWrites } from './levels.ts';
import { moveReads, moveWrites } from './moves.ts';
import { phoneReads, phoneWrites } from './phones.ts';
import { poolReads, poolWrites } from './pools.ts';
import { redirectionReads, redirectionWrites } from './redirections.ts';
import type { Tables } from './schema.ts';
import { makeKey, readKey, type Secrets, secretsWith } from './secrets.ts';
import { serverReads, serverWrites } from './servers.ts';
import { sessionReads, sessionWrites } from './sessions.ts';
import { openSqlite } from './sqlite.ts';
import { tenantReads, tenantWrites } from './tenants.ts';
import { unclaimedReads, unclaimedWrites } from './unclaimed.ts';
import { uploadReads, uploadWrites } from './uploads.ts';
import { userReads, userWrites } from './users.ts';

const readsOf = (db: Kysely<Tables>, secrets: Secrets) => ({
  servers: serverReads(db),
  pools: poolReads(db),
  levels: levelReads(db, secrets),
  tenants: tenantReads(db, secrets),
  phones: phoneReads(db, secrets),
  contacts: contactReads(db),
  audit: auditReads(db, secrets),
  users: userReads(db),
  apiKeys: apiKeyReads(db),
  sessions: sessionReads(db),
  redirections: redirectionReads(db, secrets),
  moves: moveReads(db),
  fetches: fetchReads(db),
  uploads: uploadReads(db),
  unclaimed: unclaimedReads(db),
});

const writesOf = (db: Kysely<Tables>, secrets: Secrets) => {
  const reads = readsOf(db, secrets);
  return {
    servers: { ...reads.servers, ...serverWrites(db) },
    pools: { ...reads.pools, ...poolWrites(db) },
    levels: { ...reads.levels, ...levelWrites(db, secrets) },
    tenants: { ...reads.tenants, ...tenantWrites(db, secrets) },
    phones: { ...reads.phones, ...phoneWrites(db, secrets) },
    contacts: { ...reads.contacts, ...contactWrites(db) },
    audit: { ...reads.audit, ...auditWrites(db, secrets) },
    users: { ...reads.users, ...userWrites(db) },
    apiKeys: { ...reads.apiKeys, ...apiKeyWrites(db) },
    sessions: { ...reads.sessions, ...sessionWrites(db) },
    redirections: { ...reads.redirections, ...redirectionWrites(db, secrets) },
    moves: { ...reads.moves, ...moveWrites(db) },
    fetches: { ...reads.fetches, ...fetchWrites(db) },
    uploads: { ...reads.uploads, ...uploadWrites(db) },
    unclaimed: { ...reads.unclaimed, ...unclaimedWrites(db) },
  };
};

/** What may be read. */
export type Reads = ReturnType<typeof readsOf>;
/** What may be read and written, inside one transaction. */
export type Tx = ReturnType<typeof writesOf>;

export type Store = Reads & {
  /** Runs `work` in one transaction: all of it is kept, or, when it throws, nothing. Never wait for the outside in it. */
  transaction<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  /** Several reads of one moment. */
  snapshot<Result>(work: (reads: Reads) => Promise<Result>): Promise<Result>;
  /** Answers whether the database can be asked at all. */
  ping(): Promise<void>;
  close(): Promise<void>;
};

export type StoreConfig = {
  /** `file:PATH`, a SQLite database that is made when it is not there. */
  readonly url: string;
  readonly keyFile: string;
};

/**
 * Opens the database, brings its schema up to date and unlocks its secrets.
 * @throws AppError `unavailable` when the key file does not fit the database
 */
export async function openStore({ url, keyFile }: StoreConfig): Promise<Store> {
  const db = openSqlite(url.slice('file:'.length));
  try {
    await migrate(db);
    const secrets = await unlock(db, keyFile);
    return {
      ...readsOf(db, secrets),
      transaction: (work) =>
        db
          .transaction()
          .setIsolationLevel('serializable')
          .execute((trx) => work(writesOf(trx, secrets))),
      snapshot: (work) => db.transaction().execute((trx) => work(readsOf(trx, secrets))),
      ping: async () => void (await db.selectFrom('installation').select('name').limit(1).execute()),
      close: () => db.destroy(),
    };
  } catch (error) {
    await db.destroy();
    throw error;
  }
}

async function migrate(db: Kysely<Tables>): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } });
  const { error } = await migrator.migrateToLatest();
  if (error) throw error;
}

const CANARY = 'the key fits';

/** Opens the secrets with the key file, after proving on a known value that it is the right one. */
async function unlock(db: Kysely<Tables>, keyFile: string): Promise<Secrets> {
  const find = () => db.selectFrom('installation').select('value').where('name', '=', 'canary').executeTakeFirst();
  let canary = await find();
  if (canary === undefined) {
    if (!existsSync(keyFile)) makeKey(keyFile);
    const value = secretsWith(readKey(keyFile)).seal(CANARY, 'installation|canary');
    await db
      .insertInto('installation')
      .values({ name: 'canary', value })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    canary = await find();
  }
  const secrets = secretsWith(readKey(keyFile));
  try {
    if (secrets.open(canary?.value ?? '', 'installation|canary') === CANARY) return secrets;
  } catch {
    // Fall through: a key that does not open the canary is told below.
  }
  throw new AppError(
    'unavailable',
    `the key file ${keyFile} is not the one this database was sealed with; point HOMEPORT_KEY_FILE at the right one`,
  );
}
