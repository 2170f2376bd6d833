// What Prometheus reads: the numbers of both doors and of the database, who may read them, and that nobody can make more.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import request from 'supertest';
import type { HouseCount } from '../../src/app/count-phones.ts';
import { recordFetches } from '../../src/app/record-fetches.ts';
import { isLoopback } from '../../src/domain/network.ts';
import { log } from '../../src/log.ts';
import { openMetrics } from '../../src/metrics.ts';
import { type App, startApp, temporaryFolder } from '../support/app.ts';
import { aLine, aPhone, vendors } from '../support/world.ts';

const HOUR_MS = 3_600_000;
const YEALINK = 'Yealink SIP-T46U 108.86.0.20 80:5e:c0:a0:00:01';

type Numbers = ReadonlyMap<string, number>;

/** Reads the text format, strictly: every line is a comment of ours or a number. */
function numbersIn(text: string): Numbers {
  const numbers = new Map<string, number>();
  for (const line of text.split('\n').filter((one) => one !== '')) {
    if (/^# (?:HELP|TYPE) \w+ .+$/.test(line)) continue;
    const [, series = '', value = ''] = /^(\w+(?:\{(?:\w+="[^"\\]*",?)+\})?) (\S+)$/.exec(line) ?? assert.fail(line);
    assert.ok(!numbers.has(series), `${series} stands once`);
    numbers.set(series, Number(value));
  }
  return numbers;
}

const scrape = async (app: App): Promise<{ text: string; numbers: Numbers }> => {
  const { text } = await request(app.adminUrl)
    .get('/metrics')
    .expect(200)
    .expect('Content-Type', 'text/plain; version=0.0.4; charset=utf-8');
  return { text, numbers: numbersIn(text) };
};

/** Reads until the numbers are these: an answer may reach its reader a moment before it is counted. */
async function expectNumbers(app: App, expected: readonly (readonly [string, number])[]): Promise<Numbers> {
  for (let tries = 0; tries < 100; tries++) {
    const { numbers } = await scrape(app);
    if (expected.every(([series, value]) => numbers.get(series) === value)) return numbers;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { numbers } = await scrape(app);
  for (const [series, value] of expected) assert.equal(numbers.get(series), value, series);
  return numbers;
}

async function withFirmware(context: TestContext): Promise<App> {
  const directory = join(temporaryFolder(context), 'images');
  mkdirSync(directory);
  writeFileSync(join(directory, 'image.rom'), 'bytes');
  return startApp(context, { HOMEPORT_FIRMWARE: directory });
}

describe('the numbers of the phone door', () => {
  test('answers are counted by vendor and result, uploads and unclaimed phones too', async (context) => {
    const app = await withFirmware(context);
    const folder = await app.folderOf('acme');
    const path = `${folder}805ec0a00001.cfg`;
    const got = await app.phone('get', path).set('User-Agent', YEALINK).expect(200);
    await app
      .phone('get', path)
      .set('User-Agent', YEALINK)
      .set('If-None-Match', got.headers.etag ?? '')
      .expect(304);
    await app.phone('get', `${folder}805ec0a0ffff.cfg`).set('User-Agent', YEALINK).expect(404);
    await app.phone('get', `${folder}cfgc074ada00001.xml`).expect(200);
    await app.phone('get', '/wp-login.php').expect(404);
    await app.phone('put', `${folder}64167fa00001-app.log`).send('a line').expect(200);
    await app.phone('get', `${folder}64167fa00001-app.log`).expect(200);
    await app.phone('put', `${folder}64167fa0ffff-app.log`).send('a line').expect(404);
    await app.phone('put', `${folder}64167fa00001-app.log`).send(Buffer.alloc(1_100_000)).expect(413);
    await app.phone('get', `${folder}image.rom`).set('User-Agent', YEALINK).expect(200);
    const expected: [string, number][] = [
      ['homeport_fetches_total{vendor="yealink",result="2xx"}', 2],
      ['homeport_fetches_total{vendor="yealink",result="3xx"}', 1],
      ['homeport_fetches_total{vendor="yealink",result="not_found"}', 1],
      ['homeport_fetches_total{vendor="grandstream",result="2xx"}', 1],
      ['homeport_fetches_total{vendor="unknown",result="not_found"}', 1],
      ['homeport_fetches_total{vendor="polycom",result="2xx"}', 1],
      ['homeport_uploads_total{vendor="polycom",result="kept"}', 1],
      ['homeport_uploads_total{vendor="polycom",result="refused"}', 1],
      ['homeport_uploads_total{vendor="polycom",result="too_large"}', 1],
      ['homeport_unclaimed_requests_total{vendor="yealink"}', 1],
      ['homeport_phone_answer_seconds_count{kind="rendered"}', 3],
      ['homeport_phone_answer_seconds_count{kind="uploaded"}', 2],
      ['homeport_phone_answer_seconds_count{kind="firmware"}', 1],
      ['homeport_phone_answer_seconds_count{kind="other"}', 4],
      ['homeport_phone_answer_seconds_bucket{le="+Inf",kind="rendered"}', 3],
    ];
    const numbers = await expectNumbers(app, expected);
    assert.ok((numbers.get('homeport_phone_answer_seconds_sum{kind="rendered"}') ?? 0) > 0);
  });
  test('a phone that hangs up while it sends is no fault of ours', async (context) => {
    const app = await startApp(context);
    const folder = await app.folderOf('acme');
    const socket = connect(Number(new URL(app.phonesUrl).port), '127.0.0.1');
    socket.write(`PUT ${folder}64167fa00001-app.log HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf`, () =>
      socket.destroy(),
    );
    const cut = 'homeport_uploads_total{vendor="polycom",result="cut"}';
    while ((await scrape(app)).numbers.get(cut) !== 1) await new Promise((resolve) => setTimeout(resolve, 20));
    await app.phone('get', `${folder}64167fa00001-app.log`).expect(404);
  });
  test('a fault of ours is seen', async (context) => {
    const app = await startApp(context);
    const folder = await app.folderOf('acme');
    await app.house.store.close();
    await app.phone('get', `${folder}cfgc074ada00001.xml`).expect(503);
    await app.phone('put', `${folder}64167fa00001-app.log`).send('x').expect(503);
    const numbers = await expectNumbers(app, [
      ['homeport_fetches_total{vendor="grandstream",result="5xx"}', 1],
      ['homeport_uploads_total{vendor="polycom",result="failed"}', 1],
      ['homeport_database_up', 0],
    ]);
    const old = [...numbers.keys()].filter((name) => /^homeport_(?:phones|unclaimed_phones)/.test(name));
    assert.deepEqual(old, [], 'no numbers rather than old ones');
  });
});

test('nobody outside makes a new series, and no phone, tenant or token stands in one', async (context) => {
  const app = await startApp(context);
  const [acme, globex] = [await app.folderOf('acme'), await app.folderOf('globex')];
  const odd = ['nobody"} 1\n', 'Yealink SIP-T46U 1', 'x'.repeat(300), 'PolycomVVX-VVX_450-UA/6.4.7', ''];
  const files = ['805ec0a00001.cfg', '805ec0bbbbbb.cfg', 'cfgc074ada00001.xml', 'x.cfg', '..%2f', '64167fa00001-a.log'];
  const knock = async (salt: number) => {
    for (const agent of odd) {
      for (const file of files) {
        for (const folder of [acme, globex, '/', `/p/${'a'.repeat(20)}${salt}/`]) {
          const userAgent = agent.replaceAll(/[^\x20-\x7e]/g, '');
          await app.phone('get', folder + file).set('User-Agent', userAgent);
        }
      }
    }
    for (const path of [`/p${salt}`, `/api/v1/${salt}`, `/api/v1/tenants/${salt}`, '/api/v1/phones/805ec0a00001'])
      await request(app.adminUrl).get(path).set('X-Request-Id', `salted-${salt}`).set('User-Agent', `agent ${salt}`);
    await app.api('get', `tenants/none${salt}`).expect(404);
    await request(app.adminUrl).options(`/api/v1/${salt}`);
  };
  await knock(1);
  await scrape(app);
  const before = await scrape(app);
  await knock(2);
  const after = await scrape(app);
  assert.deepEqual([...after.numbers.keys()].sort(), [...before.numbers.keys()].sort());
  assert.ok(before.numbers.size < 400, String(before.numbers.size));
  const known = [...vendors.ids, 'unknown'];
  for (const [, vendor = ''] of after.text.matchAll(/vendor="([^"]*)"/g)) assert.ok(known.includes(vendor), vendor);
  const tokens = [acme, globex].map((folder) => folder.split('/')[2] ?? assert.fail());
  for (const word of ['805ec0', '64167f', 'c074ad', 'acme', 'globex', '127.0.0.1', 'salted', 'key:', ...tokens])
    assert.ok(!after.text.toLowerCase().includes(word), word);
});

test('the admin door is counted by operation, and so is who does not come in', async (context) => {
  const app = await startApp(context);
  await app.api('get', 'tenants').expect(200);
  await app.api('get', 'tenants/nobody').expect(404);
  await app.api('get', 'tenants', 'wrong').expect(401);
  await app.api('post', 'phones').set('Content-Type', 'application/json').send('{').expect(400);
  await app.api('get', 'nothing').expect(404);
  const signIn = () => request(app.adminUrl).post('/api/v1/session').send({ name: 'anna', password: 'wrong' });
  for (let tries = 0; tries < 10; tries++) await signIn().expect(401);
  await signIn().expect(429);
  const expected: [string, number][] = [
    ['homeport_admin_requests_total{operation="listTenants",status="2xx"}', 1],
    ['homeport_admin_requests_total{operation="listTenants",status="4xx"}', 1],
    ['homeport_admin_requests_total{operation="getTenant",status="4xx"}', 1],
    ['homeport_admin_requests_total{operation="addPhone",status="4xx"}', 1],
    ['homeport_admin_requests_total{operation="none",status="4xx"}', 1],
    ['homeport_admin_request_seconds_count{operation="listTenants"}', 2],
    ['homeport_sign_in_failures_total{by="password",reason="wrong"}', 10],
    ['homeport_sign_in_failures_total{by="password",reason="waiting"}', 1],
    ['homeport_sign_in_failures_total{by="key",reason="wrong"}', 1],
    ['homeport_sign_in_failures_total{by="key",reason="waiting"}', 0],
  ];
  await expectNumbers(app, expected);
});

test('the process tells of its memory and its event loop', async (context) => {
  const { numbers } = await scrape(await startApp(context));
  for (const name of ['process_resident_memory_bytes', 'nodejs_heap_size_used_bytes', 'process_start_time_seconds'])
    assert.ok((numbers.get(name) ?? 0) > 0, name);
  assert.ok(numbers.has('nodejs_eventloop_lag_p99_seconds'));
});

describe('phones, as the database has them', () => {
  const seen = (mac: string, hoursAgo: number) => ({
    at: new Date(Date.now() - hoursAgo * HOUR_MS).toISOString(),
    ...{ mac: aPhone({ mac }).mac, tenant: 'acme', method: 'GET', file: 'x.cfg', status: 200, digest: null },
    ...{ address: '192.0.2.1', userAgent: '', model: null, firmware: null, tokenId: null },
  });

  test('enabled, heard of within a day, silent for two; the latest record counts', async (context) => {
    const app = await startApp(context);
    const add = (mac: string) => app.house.store.transaction((tx) => tx.phones.add(aPhone({ mac })));
    for (const mac of ['805ec0b00001', '805ec0b00002', '805ec0b00003', '805ec0b00004']) await add(mac);
    await app.api('patch', 'phones/805ec0b00004').send({ enabled: false }).expect(200);
    await app.house.store.transaction((tx) =>
      tx.fetches.add([
        ...[seen('805ec0b00001', 72), seen('805ec0b00001', 1)],
        ...[seen('805ec0b00002', 30), seen('805ec0b00003', 50), seen('805ec0b00004', 1)],
      ]),
    );
    const { numbers } = await scrape(app);
    const of = (name: string, vendor: string) => numbers.get(`homeport_phones${name}{vendor="${vendor}"}`);
    // Two of the demo world, which nobody has heard of, and these four.
    assert.deepEqual(
      ['', '_enabled', '_fetched_24h', '_silent'].map((name) => of(name, 'yealink')),
      [6, 5, 1, 3],
    );
    assert.deepEqual(
      ['', '_enabled', '_fetched_24h', '_silent'].map((name) => of(name, 'polycom')),
      [2, 2, 0, 2],
    );
    assert.equal(numbers.get('homeport_unclaimed_phones'), 0);
    assert.equal(numbers.get('homeport_database_up'), 1);
  });
  test('more than fit into one page are all counted, and others have their turn meanwhile', async (context) => {
    const app = await startApp(context, { demo: '0' });
    await app.api('post', 'servers').send({ name: 'voip1', host: 'voip1.example.com' }).expect(201);
    const targets = [{ server: 'voip1', priority: 1 }];
    await app.api('post', 'pools').send({ name: 'p', domain: 'p.example.com', targets }).expect(201);
    await app.api('post', 'tenants').send({ code: 'acme', name: 'A', pool: 'p' }).expect(201);
    const { store } = app.house;
    const macs = Array.from({ length: 1_203 }, (_, index) => `805ec0${index.toString(16).padStart(6, '0')}`);
    await store.transaction(async (tx) => {
      for (const mac of macs) await tx.phones.add(aPhone({ mac, lines: [aLine()] }));
    });
    let turns = 0;
    setImmediate(() => turns++);
    const long = new Date(0).toISOString();
    const [count] = await store.counts.phones({ fetchedSince: long, silentSince: long });
    assert.deepEqual(count, { vendor: 'yealink', total: 1_203, enabled: 1_203, fetched: 0, silent: 1_203 });
    assert.equal(turns, 1);
  });
});

describe('fetch records', () => {
  test('that wait are shown, and go when they are written', async (context) => {
    const app = await startApp(context);
    const { store } = app.house;
    const transaction = store.transaction.bind(store);
    Object.assign(store, { transaction: () => Promise.reject(new Error('disk full')) });
    await app.phone('get', `${await app.folderOf('acme')}805ec0a00001.cfg`).expect(200);
    assert.equal((await scrape(app)).numbers.get('homeport_fetch_records_waiting'), 1);
    Object.assign(store, { transaction });
    while ((await scrape(app)).numbers.get('homeport_fetch_records_waiting') !== 0)
      await new Promise((resolve) => setTimeout(resolve, 20));
  });
  test('that are given up are counted', async () => {
    log.level = 'silent';
    const store = { transaction: () => Promise.reject(new Error('disk full')) };
    const recorder = recordFetches({ store: store as never, vendors, now: () => new Date() });
    const facts = { mac: aPhone().mac, tenant: 'acme', method: 'GET', file: 'x', status: 200, digest: null };
    for (let count = 0; count < 50_003; count++) recorder.add({ ...facts, address: '', userAgent: '', tokenId: null });
    await recorder.flush();
    assert.deepEqual(recorder.backlog(), { waiting: 50_000, dropped: 3 });
    await recorder.close();
    const metrics = openMetrics({
      ...{ vendors: [], records: recorder.backlog, now: () => new Date() },
      count: async () => ({ phones: [], unclaimed: 0 }),
    });
    for (const _again of [1, 2]) {
      const numbers = numbersIn((await metrics.read()).text);
      assert.equal(numbers.get('homeport_fetch_records_dropped_total'), 3);
    }
  });
});

describe('reading often', () => {
  const counting = (count: () => Promise<HouseCount>) => {
    const clock = { now: Date.now() };
    const records = () => ({ waiting: 0, dropped: 0 });
    const metrics = openMetrics({ vendors: ['yealink'], records, count, now: () => new Date(clock.now) });
    return { clock, read: async () => numbersIn((await metrics.read()).text) };
  };

  test('asks the database once in a while, however many read', async () => {
    let asked = 0;
    let letGo = () => {};
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const { clock, read } = counting(async () => {
      asked++;
      await held;
      return { phones: [], unclaimed: asked };
    });
    const waiting = [read(), read()];
    clock.now += 60_000;
    waiting.push(read());
    letGo();
    for (const numbers of await Promise.all(waiting)) assert.equal(numbers.get('homeport_unclaimed_phones'), 1);
    clock.now += 10_000;
    assert.equal((await read()).get('homeport_unclaimed_phones'), 1, 'after ten seconds still remembered');
    clock.now += 10_000;
    assert.equal((await read()).get('homeport_unclaimed_phones'), 2);
    assert.equal(asked, 2);
  });
  test('a failure is not remembered, and hides nothing else', async () => {
    log.level = 'silent';
    let well = false;
    const { read } = counting(() => {
      if (!well) return Promise.reject(new Error('away'));
      const phone = { vendor: 'yealink', total: 1, enabled: 1, fetched: 1, silent: 0 };
      return Promise.resolve({ phones: [phone], unclaimed: 0 });
    });
    const ill = await read();
    assert.deepEqual([ill.get('homeport_database_up'), ill.has('homeport_unclaimed_phones')], [0, false]);
    assert.ok(ill.has('process_resident_memory_bytes'));
    well = true;
    const better = await read();
    assert.deepEqual([better.get('homeport_database_up'), better.get('homeport_phones{vendor="yealink"}')], [1, 1]);
  });
});

describe('who may read them', () => {
  const keyFor = async (app: App, role: string, tenants: string[] = []) =>
    (await app.api('post', 'keys').send({ name: role, role, tenants }).expect(201)).body.key as string;
  const read = (app: App, headers: Record<string, string> = {}) => request(app.adminUrl).get('/metrics').set(headers);

  test('a program on this machine; by a proxy or another name only with the right', async (context) => {
    const app = await startApp(context);
    await read(app).expect(200);
    await read(app, { Host: 'localhost:8081' }).expect(200);
    const others: Record<string, string>[] = [
      { 'X-Forwarded-For': '192.0.2.1' },
      { Forwarded: 'for=192.0.2.1' },
      { Via: '1.1 proxy' },
      { Host: 'homeport.example.com' },
      { Host: 'rebound.example.net:8081' },
    ];
    const [viewer, tenant] = [await keyFor(app, 'viewer'), await keyFor(app, 'tenantAdmin', ['acme'])];
    for (const headers of others) {
      const { text } = await read(app, headers)
        .expect(401)
        .expect('Content-Type', /problem\+json/);
      assert.ok(!text.includes('homeport_phones'));
      await read(app, { ...headers, Authorization: `Bearer ${tenant}` }).expect(403);
      await read(app, { ...headers, Authorization: 'Bearer wrong' }).expect(401);
      const { text: shown } = await read(app, { ...headers, Authorization: `Bearer ${viewer}` }).expect(200);
      assert.ok(shown.includes('homeport_phones'));
    }
  });
  test('where the configuration names a way from outside, only with the right', async (context) => {
    const app = await startApp(context, { HOMEPORT_ADMIN_URL: 'https://homeport.example.com' });
    await read(app).expect(401);
    await read(app, { Authorization: `Bearer ${await keyFor(app, 'viewer')}` }).expect(200);
    const local = await startApp(context, { HOMEPORT_ADMIN_URL: 'http://localhost:8081' });
    await read(local).expect(200);
  });
  test('a session with the right will do', async (context) => {
    const app = await startApp(context);
    const user = { name: 'anna', role: 'viewer', password: 'correct horse battery' };
    await app.api('post', 'users').send(user).expect(201);
    const { headers } = await request(app.adminUrl)
      .post('/api/v1/session')
      .send({ name: user.name, password: user.password })
      .expect(201);
    const cookie = headers['set-cookie']?.[0]?.split(';')[0] ?? '';
    await read(app, { Via: '1.1 proxy', Cookie: cookie }).expect(200);
  });
  test('what this machine calls itself', () => {
    for (const host of ['127.0.0.1', '127.1.2.3', '::1', '[::1]', 'localhost', 'LOCALHOST'])
      assert.ok(isLoopback(host), host);
    for (const host of ['10.0.0.1', '127.evil.example', '127.0.0.1.nip.io', '1270.0.0.1', '::2', '', 'localhost.evil'])
      assert.ok(!isLoopback(host), host);
  });
});

test('a known phone is counted for its maker, whatever it says of itself', async (context) => {
  const app = await startApp(context);
  await app
    .phone('get', `${await app.folderOf('acme')}805ec0a00001.cfg`)
    .set('User-Agent', 'curl/8')
    .expect(200);
  const metrics = await (await fetch(`${app.adminUrl}/metrics`)).text();
  assert.match(metrics, /^homeport_fetches_total\{vendor="yealink",result="2xx"\} 1$/m);
});
