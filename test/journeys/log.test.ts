// The log: which lines there are, and that no secret stands in any of them, whatever goes wrong.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import request from 'supertest';
import { openLog } from '../../src/log.ts';
import { API_KEY, temporaryFolder } from '../support/app.ts';
import { cleanEnvironment, ROOT, start } from '../support/commands.ts';

type Line = { readonly [field: string]: unknown };

/** What a logger writes, line by line. */
function written(tell: (log: ReturnType<typeof openLog>) => void): { text: string; lines: Line[] } {
  const pieces: string[] = [];
  const log = openLog({ write: (line) => void pieces.push(line) });
  log.level = 'debug';
  tell(log);
  return { text: pieces.join(''), lines: pieces.map((piece) => JSON.parse(piece) as Line) };
}

const TOKEN = 'abcdefghijklmnopqrstuvwxyz';
const KEY = `hp_abcdefgh_${'k'.repeat(32)}`;

describe('the second lock', () => {
  test('hides fields that hold secrets, at any depth', () => {
    const names =
      'password adminPassword userPassword password_hash passwordHash passphrase token tokenHash token_sealed authorization Authorization ' +
      'cookie set-cookie secret secretHash clientSecret accessKeySecret key apiKey api_key fileKey privateKey credentials ' +
      'session sessionId sealed choices_sealed HOMEPORT_API_KEY';
    for (const name of names.split(/\s+/)) {
      const { text } = written((log) => {
        log.info({ [name]: 'geheim' }, 'x');
        log.warn({ a: { b: [{ c: { [name]: 'geheim' } }] } }, 'x');
        log.error({ [name]: { inner: ['geheim'] }, error: Object.assign(new Error('e'), { [name]: 'geheim' }) }, 'x');
      });
      assert.ok(!text.includes('geheim'), `${name}: ${text}`);
      assert.ok(text.includes('[secret]'), name);
    }
  });
  test('hides secrets by their shape, also in messages, errors and causes', () => {
    const { text, lines } = written((log) => {
      const error = new Error(`GET /p/${TOKEN}/x.cfg`, { cause: new Error(`Bearer ${KEY}`) });
      log.error({ error, url: `https://prov.example.com/p/${TOKEN}/` }, `key ${KEY}, session ${TOKEN}${TOKEN}`);
      log.error(error);
      log.info({ header: 'Basic dXNlcjpwYXNz', other: `Bearer x.y-z=` });
      log.info(`alone: ${TOKEN}`);
    });
    for (const secret of [TOKEN, 'k'.repeat(32), 'dXNlcjpwYXNz', 'x.y-z']) assert.ok(!text.includes(secret), secret);
    assert.equal(lines.length, 4, 'every line is still JSON');
    assert.equal(lines[0]?.msg, 'key hp_abcdefgh_[secret], session [secret]');
  });
  test('tells of an error what it is and where, and nothing that hangs on it', () => {
    const fault = (text: string) => {
      try {
        return JSON.parse(text);
      } catch (error) {
        return error;
      }
    };
    const { text, lines } = written((log) => {
      const error = Object.assign(new TypeError('broken'), { code: 'E_BROKEN', body: 'geheim', request: ['geheim'] });
      log.error({ error }, 'one');
      log.error({ error: fault('{"password": geheim "quoted" }') }, 'two');
      log.error({ error: fault('geheim') }, 'three');
      log.error({ body: Buffer.from('geheim'), at: new Date(0) }, 'four');
    });
    assert.ok(!text.includes('geheim') && !text.includes('103,101'), text);
    const [one] = lines as [{ error: { type: string; message: string; code: string; stack: string } }];
    assert.deepEqual([one.error.type, one.error.message, one.error.code], ['TypeError', 'broken', 'E_BROKEN']);
    assert.match(one.error.stack, /log\.test\.ts/);
    assert.equal(lines[3]?.at, '1970-01-01T00:00:00.000Z');
  });
  test('does not hang on what has no end', () => {
    const circle: { [name: string]: unknown } = {};
    circle.self = circle;
    const { lines } = written((log) => log.info({ circle, many: Array(1_000).fill(1) }, 'x'));
    assert.deepEqual(lines[0]?.many, Array(100).fill(1));
  });
  test('leaves everything else as it is', () => {
    const { lines } = written((log) => log.info({ request: 'abc', ms: 1.5, actor: 'key:first', keyFile: '/k' }, 'm'));
    const { time, ...line } = lines[0] ?? {};
    assert.match(String(time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    assert.deepEqual(line, { level: 30, request: 'abc', ms: 1.5, actor: 'key:first', keyFile: '/k', msg: 'm' });
  });
});

/** A process that serves and logs everything, with a broken own template. */
async function serving(context: TestContext) {
  const folder = temporaryFolder(context);
  mkdirSync(join(folder, 'templates', 'yealink'), { recursive: true });
  writeFileSync(join(folder, 'templates', 'yealink', 'desk.cfg.hbs'), 'x = tpl-secret {{#if }}');
  const env = cleanEnvironment({
    HOMEPORT_DATABASE_URL: `file:${join(folder, 'homeport.db')}`,
    HOMEPORT_PHONE_LISTEN: '127.0.0.1:0',
    HOMEPORT_ADMIN_LISTEN: '127.0.0.1:0',
    HOMEPORT_TEMPLATES: join(folder, 'templates'),
    HOMEPORT_DEMO: '1',
    HOMEPORT_API_KEY: API_KEY,
    HOMEPORT_LOG_LEVEL: 'debug',
  });
  const running = start(process.execPath, ['src/homeport.js', 'serve'], { cwd: ROOT, env });
  context.after(() => running.kill());
  const [, phones = '', admin = ''] = await running.line(/^ready phones=(\S+) admin=(\S+)$/m, 60_000);
  return { running, phones, admin, database: join(folder, 'homeport.db') };
}

const secretLine = (password: string) => ({ user: '199', password });

/** Sends secrets through both doors by every way that there is, good and bad. @returns the secrets */
async function sendSecrets({ phones, admin }: { phones: string; admin: string }): Promise<string[]> {
  const api = (method: 'get' | 'post' | 'patch' | 'put' | 'delete', path: string, key = API_KEY) =>
    request(admin)[method](`/api/v1/${path}`).set('Authorization', `Bearer ${key}`);
  const { body: tenant } = await api('get', 'tenants/acme').expect(200);
  const folder = new URL(tenant.provisioningUrl).pathname;
  const token = folder.split('/')[2] ?? assert.fail();
  const { body: made } = await api('post', 'keys').send({ name: 'x', role: 'viewer' }).expect(201);
  const user = { name: 'anna', role: 'operator', password: 'user-password-1' };
  await api('post', 'users').send(user).expect(201);
  const session = request(admin).post('/api/v1/session');
  const { headers } = await session.send({ name: 'anna', password: user.password }).expect(201);
  const cookie = headers['set-cookie']?.[0]?.split(';')[0] ?? assert.fail();
  await request(admin).post('/api/v1/session').send({ name: 'anna', password: 'wrong-password-1' }).expect(401);
  await request(admin).get('/api/v1/tenants').set('Cookie', cookie).expect(200);
  await request(admin).patch('/api/v1/tenants/acme').set('Cookie', cookie).send({ name: 'X' }).expect(403);
  await api('get', 'tenants', made.key).expect(200);
  await api('get', 'tenants', 'wrong-key-1').expect(401);
  await request(admin).get('/api/v1/tenants').set('Authorization', 'Basic d3JvbmctYmFzaWM=').expect(401);
  await api('get', 'tenants?token=query-secret-1&limit=1').expect(200);
  await api('get', 'tenants/path-secret-1').expect(404);
  await request(admin).get(`${folder}805ec0a00001.cfg`).set('X-Request-Id', `${token}`).expect(404);
  await request(admin).get('/metrics?key=query-secret-2').expect(200);
  await request(admin).get('/healthz').set('X-Request-Id', made.key).expect(200);
  const phone = { mac: '805ec0a000aa', tenant: 'acme', vendor: 'yealink', model: 'T46U' };
  await api('post', 'phones')
    .send({ ...phone, lines: [secretLine('sip-password-1')], settings: { adminPassword: 'admin-password-1' } })
    .expect(201);
  await api('post', 'phones')
    .send({ ...phone, lines: [secretLine('sip-password-2\n')] })
    .expect(422);
  const json = { 'Content-Type': 'application/json' };
  await api('patch', `phones/${phone.mac}`).set(json).send('{"lines": [{"password": "sip-password-3"').expect(400);
  const account = { credentials: { accessKeyId: 'account-id-1', accessKeySecret: 'account-secret-1' } };
  await api('put', 'redirections/ymcs')
    .send({ ...account, baseUrl: 'http://x' })
    .expect(422);
  const get = (path: string) => request(phones).get(path);
  await get(`${folder}${phone.mac}.cfg`).set('User-Agent', 'agent-secret-1').expect(200);
  await get(`${folder}64167fa00001-x.cfg?password=query-secret-3`).expect(404);
  await get(`/${token}`).expect(404);
  await get(`/p/${token}`).expect(404);
  await get('/p/wrongtoken1/805ec0a00001.cfg').set('Authorization', 'Basic cGhvbmU6c2VjcmV0').expect(404);
  await request(phones).put(`${folder}64167fa00001-app.log`).send('upload-secret-1').expect(200);
  const loose = connect(Number(new URL(phones).port), '127.0.0.1');
  loose.write(`PUT ${folder}64167fa00001-app.log HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\nupload-secret-2`);
  await new Promise<void>((resolve) => loose.write('', () => resolve()));
  loose.destroy();
  const numbered = 'wrong-key wrong-password user-password query-secret path-secret sip-password admin-password';
  return [
    ...[API_KEY, token, made.key.split('_')[2], cookie.split('=')[1] ?? '', 'tpl-secret', 'wrongtoken1'],
    ...['d3JvbmctYmFzaWM', 'cGhvbmU6c2VjcmV0', 'account-id', 'account-secret', 'agent-secret', 'upload-secret'],
    ...numbered.split(' '),
  ];
}

test('no secret that goes through the program stands in its log, also when the program is ill', async (context) => {
  const house = await serving(context);
  const secrets = await sendSecrets(house);
  // Now faults of ours: tables that are gone, and sealed values that do not open.
  const database = new Database(house.database);
  context.after(() => database.close());
  const { headers } = await request(house.admin).get('/api/v1/tenants/acme').set('Authorization', `Bearer ${API_KEY}`);
  assert.ok(headers);
  const folder = `/p/${secrets[1]}/`;
  const deeds = [
    "update tenant set choices_sealed = token_sealed where code = 'acme'",
    'alter table fetch rename to fetch_away',
    'alter table line rename to line_away',
    'alter table upload rename to upload_away',
  ];
  for (const deed of deeds) {
    database.exec(deed);
    for (const path of ['805ec0a000aa.cfg', '64167fa00001-app.log'])
      await request(house.phones)
        .get(folder + path)
        .set('User-Agent', 'agent-secret-2');
    await request(house.phones).put(`${folder}64167fa00001-app.log`).send('upload-secret-3');
    for (const path of ['tenants', 'phones/805ec0a000aa?x=query-secret-4', 'fetches'])
      await request(house.admin).get(`/api/v1/${path}`).set('Authorization', `Bearer ${API_KEY}`);
  }
  await request(house.phones).get(`${folder}805ec0a000aa.cfg`).expect(503);
  const fault = await request(house.admin)
    .patch('/api/v1/phones/805ec0a000aa')
    .set({ Authorization: `Bearer ${API_KEY}`, 'X-Request-Id': 'fault-number-1' })
    .send({ lines: [secretLine('sip-password-4')] })
    .expect(500);
  assert.ok(!fault.text.includes('line'));
  house.running.child.kill('SIGTERM');
  const { err } = await house.running.ended;
  for (const secret of secrets) assert.ok(!err.includes(secret), `${secret}: ${lineWith(err, secret)}`);
  const lines = err
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
  const said = new Set(lines.map(({ msg }) => msg));
  for (const msg of [
    'admin request',
    'phone request',
    'an admin request failed',
    'a phone could not be answered',
    'fetch records could not be written; trying again',
    'an own template is not used',
    'stopping: letting requests in flight end',
  ])
    assert.ok(said.has(msg), msg);
  const failed = lines.filter(({ request: id }) => id === 'fault-number-1');
  assert.deepEqual(
    failed.map(({ level, msg, operation, status }) => [level, msg, operation, status]),
    [
      [50, 'an admin request failed', 'changePhone', undefined],
      [30, 'admin request', 'changePhone', 500],
    ],
  );
});

const lineWith = (text: string, word: string) => text.split('\n').find((line) => line.includes(word));

test('each admin request has one line that says who did what; probes and phones are whispered', async (context) => {
  const { running, admin, phones } = await serving(context);
  const id = (name: string) => ({ 'X-Request-Id': `request-${name}` });
  const key = { Authorization: `Bearer ${API_KEY}` };
  await request(admin).get('/api/v1/tenants/acme?x=1').set(key).set(id('good')).expect(200);
  await request(admin).get('/api/v1/tenants').set(id('stranger')).expect(401);
  await request(admin).post('/api/v1/phones').set(key).set(id('broken')).type('json').send('{').expect(400);
  await request(admin).get('/somewhere').set(id('nowhere')).expect(404);
  await request(admin).get('/healthz').set(id('probe')).expect(200);
  const made = await request(admin)
    .post('/api/v1/keys')
    .set(key)
    .set(id('made'))
    .send({ name: 'x', role: 'viewer' })
    .expect(201);
  await request(admin)
    .delete('/api/v1/pools/pbxA')
    .set('Authorization', `Bearer ${made.body.key}`)
    .set(id('viewer'))
    .expect(403);
  await request(phones).get('/y000000000108.cfg').set('X-Request-Id', 'request-phone').expect(404);
  running.child.kill('SIGTERM');
  const { err } = await running.ended;
  const lines = err
    .split('\n')
    .filter((line) => line.includes('"request"'))
    .map((line) => JSON.parse(line) as Line);
  const [phone] = lines.filter(({ msg }) => msg === 'phone request');
  assert.deepEqual(
    [phone?.level, phone?.file, phone?.status, phone?.vendor],
    [20, 'y000000000108.cfg', 404, 'yealink'],
  );
  assert.match(String(phone?.request), /^[0-9a-f-]{36}$/, 'phones give no ids');
  const rows = lines
    .filter(({ msg }) => msg === 'admin request')
    .map(({ level, request: name, method, operation, status, actor, address }) =>
      [level, name, method, operation, status, actor, address].join(' '),
    );
  assert.deepEqual(rows, [
    '30 request-good GET getTenant 200 key:first 127.0.0.1',
    '30 request-stranger GET listTenants 401  127.0.0.1',
    '30 request-broken POST addPhone 400 key:first 127.0.0.1',
    '30 request-nowhere GET none 404  127.0.0.1',
    '20 request-probe GET healthz 200  127.0.0.1',
    '30 request-made POST addKey 201 key:first 127.0.0.1',
    `30 request-viewer DELETE removePool 403 key:${made.body.id} 127.0.0.1`,
  ]);
  for (const line of lines) assert.ok(typeof line.ms === 'number' && line.ms >= 0);
});
