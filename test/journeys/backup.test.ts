// A backup is taken while everybody goes on, and on a clean host it gives every phone the very same bytes.
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { verifyAudit } from '../../src/app/check.ts';
import { rotateSecrets } from '../../src/app/rotate-secrets.ts';
import { ALL_TENANTS } from '../../src/domain/access.ts';
import type { Mac } from '../../src/domain/mac.ts';
import { type App, startApp, temporaryFolder } from '../support/app.ts';
import { backUp, everyFile, houseIn, OPERATOR, PASSPHRASE, PUBLIC_URL, restoreIn } from '../support/backups.ts';

const CHANGING = '805ec0a00001';

const start = (context: TestContext, more: Record<string, string> = {}) =>
  startApp(context, { HOMEPORT_PUBLIC_URL: PUBLIC_URL, ...more });

/** Fills the history, so that a copy takes a while. */
async function grow(app: App, records: number): Promise<void> {
  const record = {
    ...{ at: '2026-03-04T05:06:07.089Z', mac: CHANGING as Mac, tenant: 'acme', method: 'GET', file: `${CHANGING}.cfg` },
    ...{
      status: 200,
      digest: 'a'.repeat(64),
      address: '192.0.2.7',
      tokenId: null,
      userAgent: 'u'.repeat(150),
      model: null,
      firmware: null,
    },
  };
  for (let left = records; left > 0; left -= 2_000) {
    await app.house.store.transaction((tx) =>
      tx.fetches.add(Array.from({ length: Math.min(left, 2_000) }, () => record)),
    );
  }
}

/** Changes a phone and fetches its file again and again, until it is told to stop. */
function keepBusy(app: App, folder: string) {
  const labels: string[] = [];
  let going = true;
  const change = async () => {
    while (going) {
      const label = `label ${labels.length}`;
      const lines = [{ user: '101-ACME', password: 'a fixed password', label }];
      await app.api('patch', `phones/${CHANGING}`).send({ lines }).expect(200);
      labels.push(label);
    }
  };
  const fetch = async () => {
    while (going) {
      await app.phone('get', `${folder}${CHANGING}.cfg`).expect(200);
    }
  };
  const all = Promise.all([change(), fetch(), fetch()]);
  return {
    labels,
    async stop() {
      going = false;
      await all;
    },
  };
}

describe('the drill: a backup under load, restored on a clean host', () => {
  test('every file of every phone is the same, byte for byte', async (context) => {
    const app = await start(context);
    await grow(app, 20_000);
    const before = await everyFile(app.house);
    const busy = keepBusy(app, await app.folderOf('acme'));
    const file = join(app.folder, 'all.backup');
    const steps = new Set<string>();
    const progress = ({ step, share }: { step: string; share: number }) => {
      assert.ok(share >= 0 && share <= 1);
      steps.add(step);
    };
    const atLeast = busy.labels.length;
    const { header } = await backUp(app.house, file, { passphrase: PASSPHRASE, includeKey: true, progress });
    const changes = busy.labels.length;
    await busy.stop();
    assert.ok(changes > atLeast, 'others wrote meanwhile');
    assert.deepEqual([...steps], ['copy', 'seal', 'open', 'verify']);
    assert.equal(header.counts.phones, 6);
    assert.equal(statSync(file).mode & 0o777, 0o600);

    const host = temporaryFolder(context);
    const report = await restoreIn(host, file, { passphrase: PASSPHRASE });
    assert.deepEqual([report.keyFrom, report.oldDatabase, report.auditFault], [null, null, null]);
    const house = await houseIn(context, host);
    const after = await everyFile(house);
    assert.deepEqual([...after.keys()], [...before.keys()]);
    assert.ok(before.size >= 12, `${before.size} files`);
    for (const [name, bytes] of before) {
      if (!name.startsWith(CHANGING)) assert.equal(after.get(name), bytes, name);
    }
    // The phone that changed meanwhile is as it was at one moment.
    const { lines } = await house.store.phones.get(ALL_TENANTS, CHANGING as Mac);
    assert.ok(lines.length === 1 && [...busy.labels, '101'].includes(lines[0]?.label ?? ''), lines[0]?.label ?? '');
    assert.equal((await verifyAudit(house)).fault, null);
    for (const name of ['homeport.db', 'homeport.key']) assert.equal(statSync(join(host, name)).mode & 0o777, 0o600);
    assert.deepEqual(
      readdirSync(host).filter((name) => !/^homeport\.(?:db(?:-wal|-shm)?|key)$/.test(name)),
      [],
    );
  });
  test('nothing but the backup stays behind, and none of it is in clear', async (context) => {
    const app = await start(context);
    const lines = [{ user: '101-ACME', password: 'a password for searching', displayName: 'A name for searching' }];
    await app.api('patch', `phones/${CHANGING}`).send({ lines }).expect(200);
    const before = readdirSync(app.folder).sort();
    const file = join(app.folder, 'backups', 'x.backup');
    await backUp(app.house, file);
    assert.deepEqual(
      readdirSync(app.folder)
        .filter((name) => !before.includes(name))
        .sort(),
      ['backups', 'homeport.db.backup-lock'],
    );
    assert.deepEqual(readdirSync(join(app.folder, 'backups')), ['x.backup']);
    const bytes = readFileSync(file);
    for (const word of ['for searching', '101-ACME', CHANGING, 'acme', 'SQLite'])
      assert.ok(!bytes.includes(word), word);
  });
  test('it is written down who took and who restored it; sessions in it have ended', async (context) => {
    const app = await start(context);
    await app.api('post', 'users').send({ name: 'ada', role: 'owner', password: 'long enough for this' }).expect(201);
    await app.api('post', 'session').send({ name: 'ada', password: 'long enough for this' }).expect(201);
    const file = join(app.folder, 'x.backup');
    await backUp(app.house, file, { passphrase: PASSPHRASE, includeKey: true });
    const taken = await app.house.store.audit.latest({ action: 'backup.take', subject: 'x.backup' });
    assert.equal(taken?.actor, 'cli:test');
    const last = await app.house.store.backups.last();
    assert.deepEqual([last?.file, last?.bytes, last?.includesKey], [file, statSync(file).size, true]);
    const host = temporaryFolder(context);
    await restoreIn(host, file, { passphrase: PASSPHRASE });
    const { store } = await houseIn(context, host);
    const restored = await store.audit.latest({ action: 'backup.restore', subject: 'database' });
    assert.equal(restored?.actor, 'cli:test');
    assert.equal((await store.users.list()).length, 1);
    const raw = new Database(join(host, 'homeport.db'), { readonly: true });
    assert.equal(raw.prepare('select count(*) from session').pluck().get(), 0);
    raw.close();
  });
});

describe('a restore refuses', () => {
  async function backedUp(context: TestContext) {
    const app = await start(context);
    const file = join(app.folder, 'x.backup');
    await backUp(app.house, file);
    return { app, file, host: temporaryFolder(context) };
  }
  /** Nothing was put in place, and nothing lies around. */
  const untouched = (host: string) => assert.deepEqual(readdirSync(host), []);

  test('a file that is missing, broken, cut off or something else, and leaves the host as it was', async (context) => {
    const { app, file, host } = await backedUp(context);
    const environment = { HOMEPORT_KEY_FILE: join(app.folder, 'homeport.key') };
    const bytes = readFileSync(file);
    const bad = join(app.folder, 'bad.backup');
    await assert.rejects(restoreIn(host, bad, { environment }), /there is no file/);
    const flipped = Buffer.from(bytes);
    flipped.writeUInt8(flipped.readUInt8(bytes.length - 300) ^ 1, bytes.length - 300);
    for (const [content, said] of [
      [flipped, /is damaged or was changed/],
      [bytes.subarray(0, bytes.length - 100), /is cut off after/],
      [bytes.subarray(0, 200), /damaged or cut off at its beginning/],
      [readFileSync(join(app.folder, 'homeport.db')), /is no backup of Homeport/],
    ] as const) {
      writeFileSync(bad, content);
      await assert.rejects(restoreIn(host, bad, { environment }), said);
      untouched(host);
    }
  });
  test('a backup that another key has sealed, and says which one is wanted', async (context) => {
    const { app, file, host } = await backedUp(context);
    await assert.rejects(
      restoreIn(host, file),
      /sealed with another key file than .*point HOMEPORT_KEY_FILE at the key/,
    );
    untouched(host);
    const other = temporaryFolder(context);
    await (await houseIn(context, other)).close();
    const environment = { HOMEPORT_KEY_FILE: join(other, 'homeport.key') };
    await assert.rejects(restoreIn(host, file, { environment }), /sealed with another key file/);
    untouched(host);
    await assert.rejects(backUp(app.house, join(app.folder, 'y'), { includeKey: true }), /only under a passphrase/);
  });
  test('a wrong passphrase, none, and a passphrase without the key that is needed too', async (context) => {
    const app = await start(context);
    const file = join(app.folder, 'x.backup');
    await backUp(app.house, file, { passphrase: PASSPHRASE });
    const host = temporaryFolder(context);
    await assert.rejects(restoreIn(host, file), /was sealed with a passphrase; name the file/);
    await assert.rejects(restoreIn(host, file, { passphrase: 'another passphrase' }), /the passphrase is not the one/);
    await assert.rejects(
      restoreIn(host, file, { passphrase: PASSPHRASE }),
      /made without --include-key, so bring the key/,
    );
    untouched(host);
    const environment = { HOMEPORT_KEY_FILE: join(app.folder, 'homeport.key') };
    const { keyFrom } = await restoreIn(host, file, { passphrase: PASSPHRASE, environment });
    assert.equal(keyFrom, join(app.folder, 'homeport.key'));
  });
  test('a backup from a newer program', async (context) => {
    const app = await start(context);
    const raw = new Database(join(app.folder, 'homeport.db'));
    raw.prepare("insert into kysely_migration values ('9999_tomorrow', '2030-01-01T00:00:00.000Z')").run();
    raw.close();
    const file = join(app.folder, 'x.backup');
    await backUp(app.house, file, { passphrase: PASSPHRASE, includeKey: true });
    const host = temporaryFolder(context);
    await assert.rejects(
      restoreIn(host, file, { passphrase: PASSPHRASE }),
      /is newer than this program: its schema has 9999_tomorrow, which this program does not know/,
    );
    untouched(host);
  });
  test('while somebody has the database open, also somebody who only reads', async (context) => {
    const { app, file } = await backedUp(context);
    await assert.rejects(restoreIn(app.folder, file, { force: true }), /is open in another process; stop Homeport/);
    await app.close();
    const reader = new Database(join(app.folder, 'homeport.db'), { readonly: true });
    reader.prepare('select count(*) from phone').get();
    await assert.rejects(restoreIn(app.folder, file, { force: true }), /is open in another process; stop Homeport/);
    reader.close();
    await restoreIn(app.folder, file, { force: true });
  });
  test('to take the place of an installation, unless it is told to; that one is kept aside', async (context) => {
    const { app, file } = await backedUp(context);
    await app.api('delete', `phones/${CHANGING}`).expect(204);
    await app.close();
    const before = readdirSync(app.folder).sort();
    await assert.rejects(restoreIn(app.folder, file), /holds an installation already; with --force it is kept aside/);
    const check = await restoreIn(app.folder, file, { checkOnly: true });
    assert.deepEqual([check.oldDatabase, check.auditFault], [null, null]);
    assert.deepEqual(readdirSync(app.folder).sort(), before);
    const { oldDatabase, oldKey } = await restoreIn(app.folder, file, { force: true });
    assert.ok(oldDatabase !== null && oldKey === null);
    const here = await houseIn(context, app.folder);
    assert.notEqual(await here.store.phones.find(ALL_TENANTS, CHANGING as Mac), null);
    const aside = new Database(oldDatabase);
    assert.equal(aside.prepare('select count(*) from phone').pluck().get(), 5);
    aside.close();
  });
});

describe('keys', () => {
  test('a backup with the key on a host with another installation brings its key into use, and keeps the old', async (context) => {
    const app = await start(context);
    const file = join(app.folder, 'x.backup');
    const before = await everyFile(app.house);
    await backUp(app.house, file, { passphrase: PASSPHRASE, includeKey: true });
    const other = await start(context);
    const theirs = readFileSync(join(other.folder, 'homeport.key'), 'utf8');
    const theirFiles = await everyFile(other.house);
    await other.close();
    const { oldDatabase, oldKey } = await restoreIn(other.folder, file, { passphrase: PASSPHRASE, force: true });
    assert.deepEqual(await everyFile(await houseIn(context, other.folder)), before);
    assert.equal(readFileSync(oldKey ?? '', 'utf8'), theirs);
    assert.ok(!existsSync(join(other.folder, 'homeport.key.new')));
    // What was there before can be brought back with its key.
    const back = temporaryFolder(context);
    copyFileSync(oldDatabase ?? '', join(back, 'homeport.db'));
    copyFileSync(oldKey ?? '', join(back, 'homeport.key'));
    assert.deepEqual(await everyFile(await houseIn(context, back)), theirFiles);
  });
  test('a backup from before a rotation is restored with the key of that time, which stands beside the new one', async (context) => {
    const app = await start(context);
    const before = await everyFile(app.house);
    const file = join(app.folder, 'x.backup');
    await backUp(app.house, file);
    const { oldKeyFile } = await rotateSecrets(app.house, OPERATOR);
    await app.close();
    const { keyFrom, oldKey } = await restoreIn(app.folder, file, { force: true });
    assert.equal(keyFrom, oldKeyFile);
    assert.ok(oldKey !== null && oldKey !== oldKeyFile);
    assert.deepEqual(await everyFile(await houseIn(context, app.folder)), before);
  });
  test('a backup during a rotation is sealed with the key that fits it', async (context) => {
    const app = await start(context);
    const before = await everyFile(app.house);
    const files = [1, 2].map((number) => join(app.folder, `${number}.backup`));
    const rotating = rotateSecrets(app.house, OPERATOR);
    for (const file of files) await backUp(app.house, file, { passphrase: PASSPHRASE, includeKey: true });
    await rotating;
    for (const file of files) {
      const host = temporaryFolder(context);
      await restoreIn(host, file, { passphrase: PASSPHRASE });
      assert.deepEqual(await everyFile(await houseIn(context, host)), before);
    }
  });
});

test('a database that is damaged is not called a backup, and the next question tells of it', async (context) => {
  const app = await start(context);
  await grow(app, 3_000);
  await app.close();
  const file = join(app.folder, 'homeport.db');
  const raw = new Database(file);
  const page = raw.prepare("select rootpage from sqlite_master where name = 'fetch_mac'").pluck().get() as number;
  raw.close();
  const bytes = readFileSync(file);
  bytes.fill(0xff, page * 4_096 - 3_000, page * 4_096 - 100);
  writeFileSync(file, bytes);
  const house = await houseIn(context, app.folder);
  await assert.rejects(backUp(house, join(app.folder, 'x.backup')), /the database is damaged/);
  assert.ok(!existsSync(join(app.folder, 'x.backup')));
  assert.equal(await house.store.backups.last(), null);
  const faults = await house.store.quickCheck();
  assert.ok(faults.length > 0);
});

test('one at a time: a second backup is refused while the first goes on, and works after it', async (context) => {
  const app = await start(context);
  await grow(app, 10_000);
  const [one, other] = await Promise.allSettled(
    ['1', '2'].map((name) => backUp(app.house, join(app.folder, `${name}.backup`))),
  );
  const refused = [one, other].filter((result) => result?.status === 'rejected');
  assert.equal(refused.length, 1);
  assert.match(
    String(refused[0]?.status === 'rejected' && refused[0].reason),
    /another backup of this database is going on/,
  );
  await backUp(app.house, join(app.folder, '3.backup'));
  await assert.rejects(backUp(app.house, join(app.folder, '3.backup')), /exists already; name another file/);
});

test('what a backup that was cut off has left behind is taken away by the next one', async (context) => {
  const app = await start(context);
  await grow(app, 20_000);
  const stop = new AbortController();
  const cut = backUp(app.house, join(app.folder, '1.backup'), {
    stop: stop.signal,
    progress: ({ step }) => {
      if (step === 'seal') stop.abort();
    },
  });
  await assert.rejects(cut, /the program was stopped meanwhile/);
  assert.ok(!existsSync(join(app.folder, '1.backup')));
  assert.equal(await app.house.store.backups.last(), null);
  await backUp(app.house, join(app.folder, '2.backup'));
  const left = readdirSync(app.folder).filter((name) => /backup-|\.part$/.test(name));
  assert.deepEqual(left, ['homeport.db.backup-lock']);
});
