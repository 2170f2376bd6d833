// The limits of the admin door: what every answer says to browsers, which bodies are read, how often a key may be wrong,
// and which cookie a session stands in.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import request from 'supertest';
import { type Attempts, countAttempts, enterByKey } from '../../src/app/sign-in.ts';
import type { AppError } from '../../src/domain/errors.ts';
import { placeOf } from '../../src/domain/network.ts';
import { jsonDepth } from '../../src/http/bodies.ts';
import { API_KEY, type App, startApp } from '../support/app.ts';

const PASSWORD = 'correct horse battery';

const keyFor = async (app: App, role: string) =>
  (await app.api('post', 'keys').send({ name: role, role }).expect(201)).body.key as string;

describe('every answer', () => {
  const HEADERS: Record<string, string> = {
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'cache-control': 'no-store',
  };
  const authorized = { Authorization: `Bearer ${API_KEY}` };
  type Asked = [status: number, method: 'get' | 'post' | 'delete' | 'options' | 'head', path: string, body?: string];
  const asked: Asked[] = [
    [200, 'get', '/healthz'],
    [200, 'get', '/readyz'],
    [200, 'get', '/metrics'],
    [200, 'get', '/api/v1/openapi.json'],
    [200, 'get', '/api/v1/tenants'],
    [200, 'head', '/api/v1/tenants'],
    [200, 'get', '/api/v1/phones/805ec0a00001/files/805ec0a00001.cfg'],
    [204, 'delete', '/api/v1/phones/805ec0a00001'],
    [400, 'post', '/api/v1/phones', '{'],
    [400, 'get', '/api/v1/tenants/%ff'],
    [404, 'get', '/api/v1/tenants/nobody'],
    [404, 'get', '/nothing'],
    [404, 'options', '/api/v1/nothing'],
    [413, 'post', '/api/v1/phones', `"${'x'.repeat(1_100_000)}"`],
    [422, 'post', '/api/v1/phones', '{}'],
  ];
  test('says how browsers shall treat it, and not who made it', async (context) => {
    const app = await startApp(context);
    for (const [status, method, path, body] of asked) {
      const call = request(app.adminUrl)[method](path).set(authorized);
      const answer = await (body === undefined ? call : call.set('Content-Type', 'application/json').send(body));
      assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`);
      for (const [name, value] of Object.entries(HEADERS)) assert.equal(answer.headers[name], value, `${path} ${name}`);
      for (const name of ['server', 'x-powered-by', 'strict-transport-security', 'access-control-allow-origin'])
        assert.equal(answer.headers[name], undefined, `${path} ${name}`);
      assert.match(answer.headers['x-request-id'] ?? '', /^[0-9a-f-]{36}$/, path);
    }
    const stranger = await request(app.adminUrl).get('/api/v1/tenants').expect(401);
    for (const [name, value] of Object.entries(HEADERS)) assert.equal(stranger.headers[name], value, name);
  });
  test('a fault of ours too', async (context) => {
    const app = await startApp(context);
    await app.house.store.close();
    for (const path of ['/readyz', '/api/v1/tenants']) {
      const { status, headers } = await request(app.adminUrl).get(path).set(authorized);
      assert.ok(status >= 500, path);
      for (const [name, value] of Object.entries(HEADERS)) assert.equal(headers[name], value, `${path} ${name}`);
    }
  });
  test('carries the id of its request; one that comes along is kept when it can only be a name', async (context) => {
    const app = await startApp(context);
    const idFor = async (given: string) =>
      (await request(app.adminUrl).get('/healthz').set('X-Request-Id', given)).headers['x-request-id'] ?? '';
    for (const good of ['4bf92f3577b34da6', 'a.b_c-12', '01ARZ3NDEKTSV4RRFFQ69G5FAV', 'x'.repeat(64)])
      assert.equal(await idFor(good), good);
    for (const bad of ['short', 'x'.repeat(65), 'with space', 'quote"quote', '<script>alert(1)</script>', 'a,b,c,d,e'])
      assert.match(await idFor(bad), /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, bad);
    assert.notEqual(await idFor(''), await idFor(''));
  });
  test('promises TLS only where the door is reached by it', async (context) => {
    const app = await startApp(context, { HOMEPORT_ADMIN_URL: 'https://homeport.example.com/' });
    const { headers } = await request(app.adminUrl).get('/healthz').expect(200);
    assert.equal(headers['strict-transport-security'], 'max-age=31536000');
    const plain = await startApp(context, { HOMEPORT_ADMIN_URL: 'http://homeport.example.com' });
    assert.equal((await request(plain.adminUrl).get('/healthz')).headers['strict-transport-security'], undefined);
  });
});

describe('bodies', () => {
  const send = (app: App, body: string | Buffer, headers: Record<string, string> = {}) =>
    app
      .api('post', 'phones')
      .set({ 'Content-Type': 'application/json', ...headers })
      .serialize((bytes) => bytes)
      .send(body);

  test('that are too long, too deep, of another type or no JSON are told so, and nothing of them comes back', async (context) => {
    const app = await startApp(context);
    const secret = 'unmistakable';
    const deep = (levels: number) => `${'['.repeat(levels)}"${secret}"${']'.repeat(levels)}`;
    const cases: [number, RegExp, string | Buffer, Record<string, string>?][] = [
      [413, /longer than 1048576 bytes/, `"${secret.repeat(100_000)}"`],
      [413, /longer than 1048576 bytes/, gzipSync(`"${secret.repeat(100_000)}"`), { 'Content-Encoding': 'gzip' }],
      [400, /more than 32 deep/, deep(33)],
      [400, /more than 32 deep/, deep(400_000)],
      [400, /not JSON/, `{"mac": "${secret}"`],
      [400, /not JSON/, secret],
      [415, /application\/json/, `mac=${secret}`, { 'Content-Type': 'application/x-www-form-urlencoded' }],
      [415, /application\/json/, secret, { 'Content-Type': 'text/plain' }],
      [415, /application\/json/, '{}', { 'Content-Type': 'nonsense' }],
      [415, /UTF-8/, Buffer.from('{}', 'utf16le'), { 'Content-Type': 'application/json; charset=utf-16le' }],
      [415, /encoding/, '{}', { 'Content-Type': 'application/json; charset=nonsense' }],
      [415, /compressed/, '{}', { 'Content-Encoding': 'nonsense' }],
    ];
    for (const [status, why, body, headers] of cases) {
      const answer = await send(app, body, headers);
      const what = `${status} ${why} ${JSON.stringify(headers)}`;
      assert.equal(answer.status, status, `${what}: ${answer.text}`);
      assert.equal(answer.type, 'application/problem+json', what);
      assert.deepEqual([answer.body.status, answer.body.code], [status, 'invalid'], what);
      assert.match(answer.body.detail, why, what);
      assert.ok(!answer.text.includes('unmistakable'), what);
    }
    await send(app, deep(32)).expect(422);
    assert.equal((await app.api('get', 'phones')).body.items.length, 6);
  });
  test('a body that is not asked for disturbs nobody, and none at all is no type', async (context) => {
    const app = await startApp(context);
    await app.api('post', 'tenants/acme/moves').expect(422);
    await app.api('delete', 'phones/805ec0a00001').set('Content-Length', '0').expect(204);
    await app.api('get', 'tenants').set('Content-Type', 'text/plain').send('x').expect(200);
  });
  test('that are a whole house may be long', async (context) => {
    const app = await startApp(context);
    const { body } = await app.api('post', 'imports/state').send({ homeport: 0, tenants: 'x'.repeat(1_200_000) });
    assert.equal(body.status, 422, body.detail);
  });
  test('of strangers are not read before they have come in, and those for everybody are short', async (context) => {
    const app = await startApp(context);
    const post = (path: string) =>
      request(app.adminUrl).post(`/api/v1/${path}`).set('Content-Type', 'application/json');
    await post('phones').send('{').expect(401);
    await post('phones').set('Content-Type', 'text/plain').send('x').expect(401);
    const viewer = await keyFor(app, 'viewer');
    await post('phones').set('Authorization', `Bearer ${viewer}`).send('{').expect(403);
    const { body } = await post('session')
      .send(`{"name": "${'x'.repeat(20_000)}"}`)
      .expect(413);
    assert.match(body.detail, /16384/);
  });
  test('the depth is what a parser would find, whatever stands in strings', () => {
    const depthOf = (value: unknown): number =>
      typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8, noUnicodeString: false }), fc.boolean(), (value, spaced) => {
        const text = JSON.stringify(value, null, spaced ? 1 : 0);
        assert.equal(jsonDepth(Buffer.from(text)), depthOf(value));
      }),
    );
    for (const [text, depth] of [
      ['"[[["', 0],
      ['["\\"[[["]', 1],
      ['["\\\\",[]]', 2],
      ['{"a]":{"b":[]}}', 3],
    ] as const)
      assert.equal(jsonDepth(Buffer.from(text)), depth, text);
  });
});

describe('wrong keys', () => {
  const madeUp = (letter: string) => `hp_aaaaaaaa_${letter.repeat(32)}`;

  test('after ten different ones the first key has to wait; a key that cannot be guessed and a session do not', async (context) => {
    const app = await startApp(context);
    const made = await keyFor(app, 'viewer');
    const user = { name: 'anna', role: 'viewer', password: PASSWORD };
    await app.api('post', 'users').send(user).expect(201);
    const signedIn = await request(app.adminUrl)
      .post('/api/v1/session')
      .send({ name: user.name, password: user.password });
    const cookie = signedIn.headers['set-cookie']?.[0]?.split(';')[0] ?? '';
    for (let tries = 0; tries < 10; tries++) await app.api('get', 'tenants', `wrong-${tries}`).expect(401);
    const { body } = await app.api('get', 'tenants').expect(429);
    assert.deepEqual([body.code, body.status], ['too_many', 429]);
    assert.match(body.detail, /quarter of an hour/);
    assert.ok(!JSON.stringify(body).includes(API_KEY));
    await app.api('get', 'tenants', 'wrong again').expect(429);
    await app.api('get', 'tenants', madeUp('b')).expect(429);
    await request(app.adminUrl).get('/api/v1/tenants').set('Authorization', 'Basic dXNlcjpwYXNz').expect(429);
    await app.api('get', 'tenants', made).expect(200);
    await request(app.adminUrl).get('/api/v1/tenants').set('Cookie', cookie).expect(200);
    await request(app.adminUrl).get('/api/v1/tenants').expect(401);
    await request(app.adminUrl)
      .get('/metrics')
      .set({ Via: '1.1 x', Authorization: `Bearer ${API_KEY}` })
      .expect(429);
  });
  test('the same one again and again is no guess: a program with an old key locks nobody out', async (context) => {
    const app = await startApp(context);
    for (let tries = 0; tries < 30; tries++) await app.api('get', 'tenants', madeUp('c')).expect(401);
    for (let tries = 0; tries < 30; tries++) await app.api('get', 'tenants', 'old key').expect(401);
    await app.api('get', 'tenants').expect(200);
  });
  test('what comes without any key is no try', async (context) => {
    const app = await startApp(context);
    for (let tries = 0; tries < 20; tries++) await request(app.adminUrl).get('/api/v1/tenants').expect(401);
    await app.api('get', 'tenants').expect(200);
  });

  const codeOf = async (work: Promise<unknown>) =>
    work.then(
      () => 'in',
      (error: AppError) => error.code,
    );
  const gateOf = (app: App, clock: { ms: number }) => ({
    ...{ store: app.house.store, random: randomBytes, apiKey: API_KEY },
    now: () => new Date(clock.ms),
  });
  const guessFrom = async (gate: ReturnType<typeof gateOf>, attempts: Attempts, address: (count: number) => string) => {
    for (let count = 0; count < 10; count++)
      assert.equal(await codeOf(enterByKey(gate, attempts, `guess ${count}`, address(count))), 'unauthorized');
  };

  test('the wait is that of one address, and ends', async (context) => {
    const clock = { ms: Date.now() };
    const [gate, attempts] = [gateOf(await startApp(context), clock), countAttempts('key')];
    await guessFrom(gate, attempts, () => '192.0.2.1');
    const comeIn = (address: string) => codeOf(enterByKey(gate, attempts, API_KEY, address));
    assert.deepEqual([await comeIn('192.0.2.1'), await comeIn('192.0.2.2')], ['too_many', 'in']);
    clock.ms += 14 * 60_000;
    assert.equal(await comeIn('192.0.2.1'), 'too_many');
    clock.ms += 2 * 60_000;
    assert.equal(await comeIn('192.0.2.1'), 'in');
  });
  test('a network of IPv6 addresses that one customer has is one place', async (context) => {
    const [gate, attempts] = [gateOf(await startApp(context), { ms: Date.now() }), countAttempts('key')];
    await guessFrom(gate, attempts, (count) => `2001:db8:1:2::${count + 1}`);
    const comeIn = (address: string) => codeOf(enterByKey(gate, attempts, API_KEY, address));
    assert.equal(await comeIn('2001:db8:1:2:ffff:1:2:3'), 'too_many');
    assert.equal(await comeIn('2001:db8:1:3::1'), 'in');
  });
  test('nobody clears the count by coming from many places', async (context) => {
    const [gate, attempts] = [gateOf(await startApp(context), { ms: Date.now() }), countAttempts('key')];
    for (let place = 0; place < 10_500; place++) attempts.failed([`address old ${place}`], gate.now(), 'x');
    await guessFrom(gate, attempts, () => '192.0.2.1');
    for (let place = 0; place < 9_000; place++) attempts.failed([`address new ${place}`], gate.now(), 'x');
    assert.equal(await codeOf(enterByKey(gate, attempts, API_KEY, '192.0.2.1')), 'too_many');
  });
  test('places', () => {
    for (const [address, place] of [
      ['192.0.2.1', '192.0.2.1'],
      ['::1', '0:0:0:0::/64'],
      ['2001:db8::1', '2001:db8:0:0::/64'],
      ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
      ['fe80::1%eth0', 'fe80:0:0:0::/64'],
      ['', ''],
    ] as const)
      assert.equal(placeOf(address), place);
  });
});

describe('the cookie of a session', () => {
  const signIn = async (app: App) => {
    const user = { name: 'anna', role: 'operator', password: PASSWORD };
    await app.api('post', 'users').send(user).expect(201);
    const { headers } = await request(app.adminUrl)
      .post('/api/v1/session')
      .send({ name: user.name, password: user.password })
      .expect(201);
    return headers['set-cookie']?.[0] ?? '';
  };

  test('is Secure and bound to this host where the door is reached over TLS', async (context) => {
    const app = await startApp(context, { HOMEPORT_ADMIN_URL: 'https://homeport.example.com' });
    const set = await signIn(app);
    assert.match(set, /^__Host-homeport_session=[a-z2-7]{52}; Path=\/; HttpOnly; Secure; SameSite=Strict$/);
    const [name = '', value = ''] = set.split(';')[0]?.split('=') ?? [];
    const get = (cookie: string) => request(app.adminUrl).get('/api/v1/session').set('Cookie', cookie);
    await get(`${name}=${value}`).expect(200);
    // One without the prefix may have been set by another host of the domain.
    await get(`homeport_session=${value}`).expect(401);
    const patch = (origin: string) =>
      request(app.adminUrl)
        .patch('/api/v1/tenants/acme')
        .set({ Cookie: `${name}=${value}`, Origin: origin })
        .send({ name: 'X' });
    await patch('https://evil.example.com').expect(403);
    await patch('http://homeport.example.com').expect(403);
    // A proxy may have put another name into Host; the configured one is right.
    await patch('https://homeport.example.com').expect(200);
    const out = await request(app.adminUrl)
      .delete('/api/v1/session')
      .set({ Cookie: `${name}=${value}`, 'Sec-Fetch-Site': 'same-origin' })
      .expect(204);
    assert.match(out.headers['set-cookie']?.[0] ?? '', /^__Host-homeport_session=; Path=\/; Expires=.*; Secure/);
    await get(`${name}=${value}`).expect(401);
  });
  test('is plain where it is not', async (context) => {
    const app = await startApp(context, { HOMEPORT_ADMIN_URL: 'http://homeport.example.com' });
    assert.match(await signIn(app), /^homeport_session=[a-z2-7]{52}; Path=\/; HttpOnly; SameSite=Strict$/);
  });
});
