// Another process has the write lock of the database and does not give it back: who reads notices nothing, who writes is told
// to try again, and nothing is done by halves.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { API_KEY, type App, startApp } from '../support/app.ts';
import { PUBLIC_URL } from '../support/backups.ts';
import { ROOT } from '../support/commands.ts';

const MAC = '805ec0a00001';

/** A process that takes the write lock and keeps it until it is told to end. */
async function holdLock(context: TestContext, file: string): Promise<{ release: () => Promise<void> }> {
  const script = `
    const Database = require('better-sqlite3');
    const database = new Database(process.argv[1]);
    database.exec('begin immediate');
    database.prepare("update tenant set name = 'never seen'").run();
    console.log('locked');
    process.stdin.resume();`;
  const child: ChildProcess = spawn(process.execPath, ['-e', script, file], {
    cwd: ROOT,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  context.after(() => child.kill('SIGKILL'));
  await once(child.stdout ?? assert.fail('it has an output'), 'data');
  return {
    async release() {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

const start = (context: TestContext) => startApp(context, { HOMEPORT_PUBLIC_URL: PUBLIC_URL });
const database = (app: App) => join(app.folder, 'homeport.db');

test('phones and people who look are answered while a change waits; the change is refused with a hint', async (context) => {
  const app = await start(context);
  const folder = await app.folderOf('acme');
  const { body: key } = await app.api('post', 'keys').send({ name: 'reader', role: 'viewer' }).expect(201);
  await app.api('post', 'users').send({ name: 'ada', role: 'viewer', password: 'long enough for this' }).expect(201);
  const signedIn = await app.api('post', 'session').send({ name: 'ada', password: 'long enough for this' }).expect(201);
  const [cookie = ''] = String(signedIn.headers['set-cookie']).split(';');
  const entries = (await app.house.store.audit.end()).id;
  const { release } = await holdLock(context, database(app));
  let answered = false;
  const changes = Array.from({ length: 5 }, (_, number) =>
    app
      .api('patch', 'tenants/acme')
      .send({ name: `Changed ${number}` })
      .then((answer) => {
        answered = true;
        return answer;
      }),
  );
  for (let round = 0; round < 25; round++) {
    const { text } = await app.phone('get', `${folder}${MAC}.cfg`).expect(200);
    assert.ok(text === undefined || !text.includes('never seen'));
    // A key and a session whose last use would be written down too.
    await app.api('get', 'tenants/acme', key.key).expect(200);
    const session = await fetch(`${app.adminUrl}/api/v1/tenants`, { headers: { Cookie: cookie } });
    assert.equal(session.status, 200);
    await session.text();
  }
  assert.equal(answered, false, 'everybody who reads was answered before the first change was refused');
  for (const { status, body, headers } of await Promise.all(changes)) {
    assert.equal(status, 503);
    assert.match(
      body.detail,
      /another program has been writing to the database for 5 seconds, and nothing was changed/,
    );
    assert.match(headers['retry-after'] ?? '', /^\d+$/);
  }
  assert.equal((await app.api('get', 'tenants/acme').expect(200)).body.name, 'Acme');
  assert.equal((await app.house.store.audit.end()).id, entries);
  await release();
  assert.equal((await app.api('patch', 'tenants/acme').send({ name: 'Changed' }).expect(200)).status, 200);
  assert.equal((await app.api('get', 'tenants/acme').expect(200)).body.name, 'Changed');
});

test('a change that waits is done when the lock is given back in time, in its turn', async (context) => {
  const app = await start(context);
  const { release } = await holdLock(context, database(app));
  const names = ['one', 'two', 'three'];
  const changes = names.map((name) =>
    app
      .api('patch', 'tenants/acme')
      .send({ name })
      .then(({ status }) => status),
  );
  await app.api('get', 'tenants/acme').expect(200);
  await release();
  assert.deepEqual(await Promise.all(changes), [200, 200, 200]);
  const actions = (await app.house.store.audit.list({ kind: 'all' }, { limit: 3, before: null })).map(
    ({ action }) => action,
  );
  assert.deepEqual(actions, ['tenant.change', 'tenant.change', 'tenant.change']);
});

test('fetches of phones are written down once the lock is given back', async (context) => {
  const app = await start(context);
  const folder = await app.folderOf('acme');
  const { release } = await holdLock(context, database(app));
  for (let fetch = 0; fetch < 5; fetch++) await app.phone('get', `${folder}${MAC}.cfg`).expect(200);
  const count = async () =>
    (await app.api('get', `fetches?mac=${MAC}`, API_KEY).expect(200)).body.items.length as number;
  assert.equal(await count(), 0);
  await release();
  for (let tries = 0; tries < 400 && (await count()) < 5; tries++)
    await new Promise((resolve) => setTimeout(resolve, 25));
  assert.equal(await count(), 5);
});
