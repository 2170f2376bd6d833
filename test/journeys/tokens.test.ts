// A tenant's token is replaced while its phones go on with the old one, until that ends.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openStore } from '../../src/store/store.ts';
import { type App, startApp, temporaryFolder } from '../support/app.ts';
import { cleanEnvironment, ROOT, run } from '../support/commands.ts';

const FILE = '805ec0a00001.cfg';

const statusOf = async (app: App, folder: string, file = FILE) => (await app.phone('get', folder + file)).status;
const tokensOf = async (app: App) => (await app.api('get', 'tenants/acme/tokens').expect(200)).body.items;
const rotate = (app: App, body: object = {}) => app.api('post', 'tenants/acme/tokens').send(body);

/** Waits until the fetches so far are written down. */
const written = () => new Promise((resolve) => setTimeout(resolve, 300));

test('the old token is good until it is ended, and the URL has the new one at once', async (context) => {
  const app = await startApp(context);
  const old = await app.folderOf('acme');
  const other = await app.folderOf('globex');
  await rotate(app).expect(201);
  const next = await app.folderOf('acme');
  assert.notEqual(next, old);
  assert.deepEqual([await statusOf(app, old), await statusOf(app, next)], [200, 200]);
  const { text } = await app.phone('get', old + FILE).then(({ body }) => ({ text: String(body) }));
  assert.ok(text.includes(next) && !text.includes(old), 'files name the newest');
  const [newest, before] = await tokensOf(app);
  assert.deepEqual([newest.newest, before.newest, before.endsAt], [true, false, null]);
  await app.api('delete', `tenants/acme/tokens/${newest.id}`).expect(409);
  await app.api('delete', `tenants/globex/tokens/${before.id}`).expect(404);
  await app.api('delete', `tenants/acme/tokens/${before.id}`).expect(204);
  assert.deepEqual([await statusOf(app, old), await statusOf(app, next)], [404, 200]);
  assert.equal(await statusOf(app, other, '805ec0a00002.cfg'), 200, 'nobody else notices');
  assert.equal((await tokensOf(app)).length, 1);
});

test('an old token ends by itself when its time has come', async (context) => {
  const app = await startApp(context);
  const old = await app.folderOf('acme');
  const token = old.split('/')[2] ?? '';
  const ends = new Date(Date.now() + 3_600_000);
  await rotate(app, { oldEndsAt: '2020-01-01T00:00:00Z' }).expect(422);
  await rotate(app, { oldEndsAt: ends.toISOString() }).expect(201);
  assert.equal(await statusOf(app, old), 200);
  const { tokens } = app.house.store;
  assert.equal((await tokens.find(token, new Date(ends.getTime() - 1).toISOString()))?.tenant, 'acme');
  assert.equal(await tokens.find(token, ends.toISOString()), null);
});

test('phones that still come with the old one are listed, until they come with the new one', async (context) => {
  const app = await startApp(context);
  const old = await app.folderOf('acme');
  await rotate(app).expect(201);
  const next = await app.folderOf('acme');
  const [newest, before] = await tokensOf(app);
  const phones = async (id: string) =>
    (await app.api('get', `tenants/acme/tokens/${id}/phones`).expect(200)).body.items.map(
      ({ mac }: { mac: string }) => mac,
    );
  await statusOf(app, old, FILE);
  await statusOf(app, old, 'cfgc074ada00001.xml');
  await written();
  assert.deepEqual([await phones(before.id), await phones(newest.id)], [['805ec0a00001', 'c074ada00001'], []]);
  await statusOf(app, next, FILE);
  await written();
  assert.deepEqual([await phones(before.id), await phones(newest.id)], [['c074ada00001'], ['805ec0a00001']]);
  await app.api('get', 'tenants/acme/tokens/nothing/phones').expect(404);
});

test('no token stands in the audit, in the list or in what phones were given', async (context) => {
  const app = await startApp(context);
  const folders = [await app.folderOf('acme')];
  await rotate(app).expect(201);
  folders.push(await app.folderOf('acme'));
  await app.api('delete', `tenants/acme/tokens/${(await tokensOf(app))[1].id}`).expect(204);
  for (const path of ['audit', 'tenants/acme/tokens', 'fetches']) {
    const { text } = await app.api('get', path).expect(200);
    for (const folder of folders) assert.ok(!text.includes(folder.split('/')[2] ?? ''), path);
  }
  const actions = (await app.api('get', 'audit').expect(200)).body.items.map(
    ({ action }: { action: string }) => action,
  );
  assert.ok(actions.includes('token.rotate') && actions.includes('token.end'));
});

test('at most ten old tokens are good', async (context) => {
  const app = await startApp(context);
  for (let count = 0; count < 10; count++) await rotate(app).expect(201);
  await rotate(app).expect(409);
});

test('the commands do the same', async (context) => {
  const folder = temporaryFolder(context);
  const env = cleanEnvironment({
    HOMEPORT_DATABASE_URL: `file:${folder}/homeport.db`,
    HOMEPORT_PUBLIC_URL: 'http://192.0.2.9:8080',
  });
  const homeport = async (...args: string[]) => {
    const { code, out, err } = await run(process.execPath, ['src/homeport.js', ...args], { cwd: ROOT, env });
    return { code, out, err };
  };
  await homeport('demo');
  const rotated = JSON.parse((await homeport('token', 'rotate', 'acme', '--keep-old', '7d', '--json')).out);
  assert.deepEqual([rotated.length, rotated[0].newest], [2, true]);
  assert.ok(Date.parse(rotated[1].endsAt) > Date.now() + 6 * 86_400_000);
  assert.equal((await homeport('token', 'rotate', 'acme', '--keep-old', 'forever')).code, 1);
  assert.equal((await homeport('token', 'end', 'acme', rotated[1].id)).code, 0);
  assert.equal(JSON.parse((await homeport('token', 'list', 'acme', '--json')).out).length, 1);
  assert.match(
    (await homeport('enrol', 'open', 'acme', '--for', '2h', '--from', '192.0.2.0/24')).out,
    /^window 1 of tenant acme/,
  );
  assert.equal((await homeport('enrol', 'phone', '80:5e:c0:a0:00:01', '--for', '8d')).code, 1);
  assert.equal((await homeport('enrol', 'phone', '80:5e:c0:a0:00:01')).code, 0);
  assert.match((await homeport('enrol', 'list', 'acme')).out, /192\.0\.2\.0\/24(?:.|\n)*805ec0a00001/);
  assert.equal((await homeport('enrol', 'close', 'acme', '1')).code, 0);
  assert.equal((await homeport('enrol', 'close', 'acme', '1')).code, 1);
  assert.equal(JSON.parse((await homeport('credential', 'renew', '805ec0a00001', '--json')).out).state, 'pending');
  const revealed = JSON.parse((await homeport('reveal', '805ec0a00001', '--json')).out);
  assert.match(revealed.provisioning.password, /^[a-z2-7]{26}$/);
  const status = JSON.parse((await homeport('enrol', 'status', 'acme', '--json')).out);
  assert.deepEqual(
    status.map(({ state }: { state: string }) => state),
    ['pending', 'pending', 'pending'],
  );
});

test('tenants that are there already keep their token as their only proof; new ones demand a credential', async (context) => {
  const app = await startApp(context);
  await app.api('post', 'tenants').send({ code: 'initech', name: 'Initech', pool: 'pbxA' }).expect(201);
  assert.equal((await app.api('get', 'tenants/initech').expect(200)).body.proof, 'credential');
  assert.equal((await app.api('get', 'tenants/acme').expect(200)).body.proof, 'token');
  await app.api('patch', 'tenants/initech').send({ proof: 'nothing' }).expect(422);
  // What the migration says for a row that it finds.
  const { default: SqliteDatabase } = await import('better-sqlite3');
  const folder = temporaryFolder(context);
  const store = await openStore({ url: `file:${folder}/x.db`, keyFile: `${folder}/x.key` });
  await store.close();
  const db = new SqliteDatabase(`${folder}/x.db`);
  const column = db.prepare("select dflt_value as value from pragma_table_info('tenant') where name = 'proof'").get();
  db.close();
  assert.deepEqual(column, { value: "'token'" });
});
