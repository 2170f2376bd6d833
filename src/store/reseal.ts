// Rotation of the key: every sealed value is sealed anew. The slow part is done beforehand, beside the running server: new
// seals go into a temporary table. Then one transaction puts them in place, together with whatever has changed meanwhile.
import { type Kysely, sql, type Transaction } from 'kysely';
import { AppError, conflict } from '../domain/errors.ts';
import { installationPlace, SEALED_COLUMNS, SEALED_VALUES } from './codec.ts';
import type { Tables } from './schema.ts';
import {
  findKey,
  isNextKey,
  makeNextKey,
  removeNextKey,
  type Secrets,
  sealCanary,
  secretsWith,
  swapKeys,
} from './secrets.ts';
import { exclusively } from './sqlite.ts';

const ROWS_AT_ONCE = 500;

/** The canary as it stands in the database now; null before the first key. */
export async function findCanary(db: Kysely<Tables>): Promise<string | null> {
  const query = db.selectFrom('installation').select('value').where('name', '=', 'canary');
  return (await query.executeTakeFirst())?.value ?? null;
}

/** @throws Error when there is none, which no open database can be */
export async function canaryOf(db: Kysely<Tables>): Promise<string> {
  const canary = await findCanary(db);
  if (canary === null) throw new Error('assertion failed: the database has a canary');
  return canary;
}

/**
 * Puts the next key into its place when the database is sealed with it: the end of a rotation, or of one that was cut off.
 * @returns where the old key is kept; null when nothing was to be done
 * @throws AppError `unavailable` when the key files cannot be renamed; the next key is found where it is all the same
 */
export const finishRotation = (db: Kysely<Tables>, keyFile: string, at: Date): Promise<string | null> =>
  exclusively(db, async (trx) => {
    const { file } = findKey(keyFile, await canaryOf(trx));
    if (file === keyFile) return null;
    try {
      return swapKeys(keyFile, at);
    } catch (error) {
      throw new AppError(
        'unavailable',
        `the database is sealed with the key in ${file}, but that file cannot take the place of ${keyFile} ` +
          `(${(error as Error).message}); keep the old key elsewhere, then run: mv ${file} ${keyFile}`,
      );
    }
  });

export type RotationProgress = {
  /** New seals are prepared, put in place, and the key files are swapped; only the first step takes long. */
  readonly step: 'prepare' | 'seal' | 'swap';
  readonly done: number;
  readonly total: number;
};

export type Rotation = {
  /** How many values were sealed anew. */
  readonly values: number;
  readonly keyFile: string;
  /** Where the old key is kept: backups from before the rotation need it. */
  readonly oldKeyFile: string | null;
};

type RotationOrder = {
  readonly now: Date;
  /** What belongs into the same transaction, after everything is sealed with the new secrets. */
  readonly also: (trx: Transaction<Tables>, secrets: Secrets, values: number) => Promise<void>;
  readonly progress: (progress: RotationProgress) => void;
};

/** One sealed column, without the types of its table. */
type Column = {
  readonly table: string;
  readonly key: readonly string[];
  readonly column: string;
  readonly place: (row: Row) => string;
};
type Row = { readonly [column: string]: string | number };

const COLUMNS: readonly Column[] = Object.entries(SEALED_COLUMNS).flatMap(([table, { key, places }]) =>
  Object.entries(places).map(([column, place]) => ({ table, key, column, place }) as unknown as Column),
);

/** Rows of a table in the order of their key, in pages; only those whose seal is not prepared, when that is asked for. */
async function* pagesOf(
  db: Kysely<Tables>,
  { table, key, column }: Column,
  unprepared: boolean,
): AsyncGenerator<Row[]> {
  const keys = sql.join(key.map((name) => sql.ref(name)));
  const open = unprepared
    ? sql`not exists (select 1 from resealed where stale = ${sql.ref(`${table}.${column}`)})`
    : sql`1 = 1`;
  let after = sql`1 = 1`;
  for (;;) {
    const query = sql<Row>`select * from ${sql.table(table)} where ${open} and ${after} order by ${keys} limit ${ROWS_AT_ONCE}`;
    const { rows } = await query.execute(db);
    if (rows.length > 0) yield rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < ROWS_AT_ONCE) return;
    after = sql`(${keys}) > (${sql.join(key.map((name) => last[name]))})`;
  }
}

type Keys = { readonly from: Secrets; readonly to: Secrets };

/** @throws AppError `unavailable` naming a value that does not open: it was changed behind the program */
function sealedAnew({ from, to }: Keys, sealed: string, place: string): string {
  let text: string;
  try {
    text = from.open(sealed, place);
  } catch {
    throw new AppError(
      'unavailable',
      `the sealed value ${place} does not open: it is damaged or was changed behind the program; nothing was sealed anew`,
    );
  }
  return to.seal(text, place);
}

/** Makes new seals for all values into the temporary table; nothing else is written and no lock is held. */
async function prepare(db: Kysely<Tables>, keys: Keys, progress: RotationOrder['progress']): Promise<void> {
  await sql`create temporary table resealed (stale text primary key, fresh text not null)`.execute(db);
  let total = 0;
  for (const { table } of COLUMNS) {
    const { rows } = await sql<{ count: number }>`select count(*) as count from ${sql.table(table)}`.execute(db);
    total += Number(rows[0]?.count);
  }
  let done = 0;
  progress({ step: 'prepare', done, total });
  for (const column of COLUMNS) {
    for await (const rows of pagesOf(db, column, false)) {
      const pairs = rows.map((row) => {
        const stale = String(row[column.column]);
        return [stale, sealedAnew(keys, stale, column.place(row))];
      });
      // One parameter for all of them: compiling a statement for a thousand takes longer than the sealing.
      await sql`insert into resealed select value ->> 0, value ->> 1 from json_each(${JSON.stringify(pairs)}) where true
        on conflict do nothing`.execute(db);
      done += rows.length;
      progress({ step: 'prepare', done, total: Math.max(done, total) });
    }
  }
}

/** Seals a column anew: what changed since it was prepared value by value, all the rest at once. */
async function sealColumn(trx: Transaction<Tables>, keys: Keys, one: Column): Promise<number> {
  const { table, key, column, place } = one;
  let values = 0;
  for await (const rows of pagesOf(trx, one, true)) {
    for (const row of rows) {
      const fresh = sealedAnew(keys, String(row[column]), place(row));
      const same = sql.join(
        key.map((name) => sql`${sql.ref(name)} = ${row[name]}`),
        sql` and `,
      );
      await sql`update ${sql.table(table)} set ${sql.ref(column)} = ${fresh} where ${same}`.execute(trx);
      values++;
    }
  }
  const bulk = sql`update ${sql.table(table)} set ${sql.ref(column)} = resealed.fresh from resealed
    where resealed.stale = ${sql.ref(`${table}.${column}`)}`;
  const { numAffectedRows = 0n } = await bulk.execute(trx);
  return values + Number(numAffectedRows);
}

async function sealInstallation(trx: Transaction<Tables>, keys: Keys, now: Date): Promise<number> {
  let values = 0;
  for (const name of SEALED_VALUES) {
    const of = (query = trx.selectFrom('installation').select('value').where('name', '=', name)) =>
      query.executeTakeFirst();
    const stale = (await of())?.value;
    if (stale === undefined) continue;
    const value = sealedAnew(keys, stale, installationPlace(name));
    await trx.updateTable('installation').set({ value }).where('name', '=', name).execute();
    values++;
  }
  const value = sealCanary(keys.to, now);
  await trx.updateTable('installation').set({ value }).where('name', '=', 'canary').execute();
  return values + 1;
}

type Begun = { readonly canary: string; readonly next: Buffer; readonly keys: Keys };

/** Makes the next key, while the lock keeps every other rotation from doing the same. */
const begin = (db: Kysely<Tables>, keyFile: string): Promise<Begun> =>
  exclusively(db, async (trx) => {
    const canary = await canaryOf(trx);
    const { file, secrets: from } = findKey(keyFile, canary);
    if (file !== keyFile) throw new Error('assertion failed: the rotation before this one has ended');
    const next = makeNextKey(keyFile);
    return { canary, next, keys: { from, to: secretsWith(next) } };
  });

/** Puts the new seals in place: from here on the next key fits and the old one does not. */
const commit = (db: Kysely<Tables>, { canary, next, keys }: Begun, keyFile: string, order: RotationOrder) =>
  exclusively(db, async (trx) => {
    if ((await canaryOf(trx)) !== canary || !isNextKey(keyFile, next)) {
      throw conflict('another rotation of the key has come in between; nothing was sealed anew by this one');
    }
    let values = 0;
    for (const [at, column] of COLUMNS.entries()) {
      order.progress({ step: 'seal', done: at, total: COLUMNS.length });
      values += await sealColumn(trx, keys, column);
    }
    values += await sealInstallation(trx, keys, order.now);
    await order.also(trx, keys.to, values);
    return values;
  });

/** Takes the next key away again, unless the database is sealed with it or another rotation has made its own. */
const abandon = (db: Kysely<Tables>, { canary, next }: Begun, keyFile: string): Promise<void> =>
  exclusively(db, async (trx) => {
    if ((await canaryOf(trx)) === canary && isNextKey(keyFile, next)) removeNextKey(keyFile);
  });

/**
 * Seals everything with a new key. At every moment exactly one of two files holds the key that fits: the key file, or the
 * same name with `.new`; whoever opens the database finds it there.
 * @throws AppError `conflict` when another rotation comes in between, `unavailable` for a value that does not open
 */
export async function rotate(db: Kysely<Tables>, keyFile: string, order: RotationOrder): Promise<Rotation> {
  await finishRotation(db, keyFile, order.now);
  const begun = await begin(db, keyFile);
  let values: number;
  try {
    await prepare(db, begun.keys, order.progress);
    values = await commit(db, begun, keyFile, order);
  } catch (error) {
    await abandon(db, begun, keyFile);
    throw error;
  } finally {
    await sql`drop table if exists temp.resealed`.execute(db);
  }
  order.progress({ step: 'swap', done: 0, total: 1 });
  const oldKeyFile = await finishRotation(db, keyFile, order.now);
  // What the old key opens leaves the journal too, as far as nobody is reading there.
  await sql`pragma wal_checkpoint(truncate)`.execute(db);
  return { values, keyFile, oldKeyFile };
}
