// Limits and records go by the client's address: through a proxy of ours by what it says, from everybody else by where the
// connection comes from.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import request from 'supertest';
import { type App, startApp } from '../support/app.ts';

const TRIES_MAX = 200;

const withKey = async (app: App, key: string, forwardedFor: string) =>
  (
    await request(app.adminUrl)
      .get('/api/v1/tenants')
      .set('Authorization', `Bearer ${key}`)
      .set('X-Forwarded-For', forwardedFor)
  ).status;

/** Tries wrong keys until there is no answer but to wait. @returns how many were tried */
async function tryWrongKeys(app: App, addressOf: (attempt: number) => string): Promise<number> {
  for (let attempt = 1; attempt <= TRIES_MAX; attempt += 1) {
    const status = await withKey(app, `wrong-key-number-${attempt}`, addressOf(attempt));
    if (status === 429) return attempt;
    assert.equal(status, 401);
  }
  return Number.POSITIVE_INFINITY;
}

test('through a proxy, who tries keys waits alone: the next client is not concerned', async (context) => {
  const app = await startApp(context, { HOMEPORT_TRUSTED_PROXIES: '127.0.0.1' });
  const tried = await tryWrongKeys(app, () => '203.0.113.1, 198.51.100.1');
  assert.ok(tried < TRIES_MAX);
  assert.equal(await withKey(app, 'another-wrong-key-it-is', '198.51.100.2'), 401);
  assert.equal(await withKey(app, 'another-wrong-key-it-is', '198.51.100.1'), 429);
  assert.equal(
    await withKey(app, 'another-wrong-key-it-is', '203.0.113.1, 198.51.100.1'),
    429,
    'whatever it adds in front',
  );
});

test('without a proxy, another address in every request is no help', async (context) => {
  const app = await startApp(context);
  assert.ok((await tryWrongKeys(app, (attempt) => `198.51.100.${attempt}`)) < TRIES_MAX);
});

test('the history names the client behind the proxy, and the peer where there is none', async (context) => {
  for (const [proxies, expected] of [
    ['127.0.0.1', '198.51.100.1'],
    ['192.0.2.1', '127.0.0.1'],
  ]) {
    const app = await startApp(context, { HOMEPORT_TRUSTED_PROXIES: proxies ?? '' });
    const server = { name: 'voip9', host: 'voip9.example.com', capacity: 10 };
    await app.api('post', 'servers').set('X-Forwarded-For', '198.51.100.1').send(server).expect(201);
    const { body } = await app.api('get', 'audit').expect(200);
    assert.equal(body.items[0].address, expected);
  }
});

test('behind a proxy that says https, the answers promise TLS; a client that says so promises nothing', async (context) => {
  for (const [proxies, promised] of [
    ['127.0.0.1', true],
    ['192.0.2.1', false],
  ] as const) {
    const app = await startApp(context, { HOMEPORT_TRUSTED_PROXIES: proxies });
    const { headers } = await request(app.adminUrl)
      .get('/healthz')
      .set('X-Forwarded-Proto', 'https')
      .set('X-Forwarded-For', '198.51.100.1');
    assert.equal(headers['strict-transport-security'] !== undefined, promised);
  }
});
