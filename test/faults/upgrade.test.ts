// A database of each older schema, with rows in every table, is brought up to date while others read it; one of a newer
// schema is refused; an upgrade that is cut off has done nothing.
import assert from 'node:assert/strict';
import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { Kysely, SqliteDialect } from 'kysely';
import { Migrator } from 'kysely/migration';
import { migrations } from '../../db/migrations/index.ts';
import { verifyAudit } from '../../src/app/check.ts';
import { ALL_TENANTS } from '../../src/domain/access.ts';
import { AppError } from '../../src/domain/errors.ts';
import { FIRST_PAGE } from '../../src/domain/page.ts';
import { log } from '../../src/log.ts';
import { work } from '../../src/store/storage-work.ts';
import { openStore } from '../../src/store/store.ts';
import { type App, startApp, temporaryFolder } from '../support/app.ts';
import { restoreIn } from '../support/backups.ts';
import { noSmallDisk, smallDisk } from '../support/disk.ts';

log.level = 'silent';

const NAMES = Object.keys(migrations).sort();
const OLDER = NAMES.slice(0, -1);

/** A house with something in every table that journeys fill. */
async function fullHouse(context: TestContext): Promise<App> {
  const app = await startApp(context);
  await app
    .api('put', 'tenants/acme/contacts')
    .send({ items: [{ name: 'Ada', work: '200' }] })
    .expect(200);
  await app
    .api('patch', 'settings/installation')
    .send({ settings: { mwi: true } })
    .expect(200);
  await app.api('post', 'users').send({ name: 'ada', role: 'owner', password: 'long enough for this' }).expect(201);
  await app.api('post', 'keys').send({ name: 'reader', role: 'viewer' }).expect(201);
  const folder = await app.folderOf('acme');
  await app.phone('get', `${folder}805ec0a00001.cfg`).expect(200);
  await app.phone('put', `${folder}64167fa00001-phone.cfg`).send('<PHONE_CONFIG/>').expect(200);
  await app.api('post', 'tenants/acme/moves').send({ pool: 'pbxB' }).expect(201);
  await app.close();
  return app;
}

type Column = { readonly name: string; readonly type: string; readonly notnull: number; readonly dflt_value: unknown };

const columnsOf = (database: Database.Database, table: string): Column[] =>
  database.prepare(`select * from pragma_table_info(?)`).all(table) as Column[];
const tablesOf = (database: Database.Database): string[] =>
  database
    .prepare(
      "select name from sqlite_master where type = 'table' and name not like 'kysely%' and name not like 'sqlite%'",
    )
    .pluck()
    .all() as string[];

/** What an older program had in a column that is not there any more. */
const filler = ({ type }: Column) => (/int/i.test(type) ? 0 : '');

/** Brings a new file to an older schema, as the program of that time did. */
async function migrateTo(file: string, level: string): Promise<void> {
  const db = new Kysely<unknown>({ dialect: new SqliteDialect({ database: new Database(file) }) });
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } });
  const { error } = await migrator.migrateTo(level);
  await db.destroy();
  assert.equal(error, undefined);
}

/** A database of an older schema with the rows of a full one, as far as it knows their tables and columns. */
async function older(context: TestContext, app: App, level: string) {
  const folder = temporaryFolder(context);
  const file = join(folder, 'homeport.db');
  await migrateTo(file, level);
  const database = new Database(file);
  database.pragma('foreign_keys = off');
  database.prepare('attach ? as full').run(join(app.folder, 'homeport.db'));
  const counts = new Map<string, number>();
  for (const table of tablesOf(database)) {
    const there = database
      .prepare(`select name from full.pragma_table_info('${table}', 'full')`)
      .pluck()
      .all() as string[];
    if (there.length === 0) continue;
    const columns = columnsOf(database, table).filter(
      (one) => there.includes(one.name) || (one.notnull === 1 && one.dflt_value === null),
    );
    const values = columns.map((one) => (there.includes(one.name) ? `"${one.name}"` : `'${filler(one)}'`));
    const into = columns.map(({ name }) => `"${name}"`).join(', ');
    const { changes } = database
      .prepare(`insert into "${table}" (${into}) select ${values.join(', ')} from full."${table}"`)
      .run();
    counts.set(table, changes);
  }
  // What stands at the end of a history is not there before the history is.
  if (!counts.has('audit')) {
    const { changes } = database.prepare("delete from installation where name = 'audit_head'").run();
    counts.set('installation', (counts.get('installation') ?? 0) - changes);
  }
  database.exec('detach full');
  database.pragma('foreign_keys = on');
  database.pragma('journal_mode = wal');
  database.close();
  copyFileSync(join(app.folder, 'homeport.key'), join(folder, 'homeport.key'));
  return { folder, file, counts };
}

const open = (folder: string) =>
  openStore({ url: `file:${join(folder, 'homeport.db')}`, keyFile: join(folder, 'homeport.key'), patienceMs: 5_000 });

describe('an upgrade', () => {
  test('from each older schema keeps every row, and everything can be read', async (context) => {
    const app = await fullHouse(context);
    assert.ok(OLDER.length >= 3);
    for (const level of OLDER) {
      const { folder, file, counts } = await older(context, app, level);
      assert.ok((counts.get('phone') ?? 0) === 6 && (counts.get('installation') ?? 0) > 0, level);
      const store = await open(folder);
      const phones = await store.phones.list(ALL_TENANTS, FIRST_PAGE);
      assert.ok(phones.every(({ lines }) => lines.length === 1 && (lines[0]?.password.length ?? 0) > 10));
      assert.equal((await store.tenants.list(ALL_TENANTS, FIRST_PAGE)).length, 2);
      assert.equal((await store.pools.list()).length, 2);
      assert.deepEqual((await store.levels.get('installation', '')).settings, { mwi: true });
      if (counts.has('audit')) assert.equal((await verifyAudit({ store })).fault, null, level);
      await store.transaction((tx) => tx.backups.failed({ at: '2026-03-04T05:06:07.089Z', reason: 'none' }));
      await store.close();
      const left = countsIn(file);
      for (const [table, rows] of counts) {
        const expected = table === 'installation' ? rows + 1 : rows;
        if (left.has(table)) assert.equal(left.get(table), expected, `${level}: ${table}`);
      }
      assert.deepEqual(migrationsIn(file), NAMES, level);
      assert.deepEqual(await faultsOf(folder), [], level);
    }
  });

  test('goes on while an older program reads the same database, and two newer ones start at once', async (context) => {
    const app = await fullHouse(context);
    const [level = ''] = OLDER;
    const { folder, file } = await older(context, app, level);
    const old = new Database(file, { readonly: true });
    context.after(() => old.close());
    const read = old.prepare('select count(*) from phone join tenant on tenant.code = phone.tenant').pluck();
    old.exec('begin');
    assert.equal(read.get(), 6);
    const stores = await Promise.all([open(folder), open(folder)]);
    assert.equal(read.get(), 6, 'the older program sees the moment at which it began');
    old.exec('commit');
    assert.equal(read.get(), 6, 'and finds what it knows afterwards');
    for (const store of stores) {
      assert.equal((await store.phones.list(ALL_TENANTS, FIRST_PAGE)).length, 6);
      await store.close();
    }
    assert.deepEqual(migrationsIn(file), NAMES);
  });

  test('that is cut off at any page by a full disk has done nothing, and is done when there is room', {
    skip: noSmallDisk,
  }, async (context) => {
    const app = await fullHouse(context);
    const [level = ''] = OLDER;
    const { folder, file } = await older(context, app, level);
    const disk = smallDisk(context, 4 * 1_048_576);
    const there = join(disk.folder, 'homeport.db');
    const keyFile = join(folder, 'homeport.key');
    const seen = { refused: 0, done: 0 };
    for (let pages = 9; pages < 200 && seen.done === 0; pages += 7) {
      disk.free();
      for (const ending of ['', '-wal', '-shm']) rmSync(`${there}${ending}`, { force: true });
      copyFileSync(file, there);
      disk.leave(pages);
      const opened = await openStore({ url: `file:${there}`, keyFile }).catch((error: unknown) => error);
      if (opened instanceof Error) {
        assert.ok(opened instanceof AppError && /disk|room/.test(opened.message), `${pages} pages: ${opened.message}`);
        disk.free();
        assert.deepEqual(migrationsIn(there), [level], `${pages} pages`);
        seen.refused++;
        if (seen.refused % 5 === 0) await (await openStore({ url: `file:${there}`, keyFile })).close();
      } else {
        await (opened as Awaited<ReturnType<typeof openStore>>).close();
        assert.deepEqual(migrationsIn(there), NAMES);
        seen.done++;
      }
    }
    assert.ok(seen.refused >= 3 && seen.done === 1, JSON.stringify(seen));
  });
});

describe('a newer schema', () => {
  test('is refused with a sentence, and left as it is', async (context) => {
    const app = await fullHouse(context);
    const file = join(app.folder, 'homeport.db');
    const raw = new Database(file);
    raw.prepare("insert into kysely_migration values ('9999_tomorrow', '2030-01-01T00:00:00.000Z')").run();
    raw.close();
    await assert.rejects(open(app.folder), (error: unknown) => {
      assert.ok(error instanceof AppError && error.code === 'unavailable', String(error));
      assert.match(error.message, /database is newer than this program: .*9999_tomorrow.*use the version of Homeport/);
      return true;
    });
    assert.deepEqual(migrationsIn(file), [...NAMES, '9999_tomorrow']);
  });
});

test('a backup from each older schema is restored into the present one', async (context) => {
  const app = await fullHouse(context);
  for (const level of OLDER) {
    const { folder, file: database } = await older(context, app, level);
    const [target, keyFile] = [join(folder, 'old.backup'), join(folder, 'homeport.key')];
    const at = '2026-03-04T05:06:07.089Z';
    const order = { database, target, keyFile, passphrase: null, includeKey: false, product: '0.0.1', at };
    const packed = await work({ kind: 'pack', ...order });
    assert.equal(packed.header.schema.at(-1), level);
    const host = temporaryFolder(context);
    await restoreIn(host, target, { environment: { HOMEPORT_KEY_FILE: keyFile } });
    assert.deepEqual(migrationsIn(join(host, 'homeport.db')), NAMES);
    assert.equal(countsIn(join(host, 'homeport.db')).get('phone'), 6);
  }
});

function countsIn(file: string): Map<string, number> {
  const database = new Database(file, { readonly: true });
  const counts = tablesOf(database).map((table): [string, number] => [
    table,
    database.prepare(`select count(*) from "${table}"`).pluck().get() as number,
  ]);
  database.close();
  return new Map(counts);
}

function migrationsIn(file: string): string[] {
  const database = new Database(file, { readonly: true });
  const names = database.prepare('select name from kysely_migration order by name').pluck().all() as string[];
  database.close();
  return names;
}

const faultsOf = async (folder: string) =>
  (await work({ kind: 'check', database: join(folder, 'homeport.db') })).faults;
