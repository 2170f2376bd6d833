// F18: whoever walks through MAC addresses is cut within seconds, and good phones behind the same address go on.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import request from 'supertest';
import { readConfig } from '../../src/config.ts';
import { type Serving, serve } from '../../src/main.ts';
import { API_KEY, type App, startApp, temporaryFolder } from '../support/app.ts';
import { addInitech, ask, askAs, enrol, KINDS, openWindow } from '../support/proofs.ts';

const PHONES = 1_000;
/** The long form is `npm run soak`. */
const SCAN = Number(process.env.SOAK_SCAN ?? 3_000);
/** At 200 requests a second. */
const STEP = 20;
const STEP_MS = 100;
const QUIET_MS = 601_000;

const macAt = (first: number, at: number) => (first + at).toString(16);
const GOOD = 0x805ec0c00000;
const WALK = 0x805ec0d00000;
/** The phones of the tenant that lie in the scanner's way: every tenth address. */
const isElsewhere = (at: number) => at % 10 === 5;

type Clocked = { readonly app: App; readonly clock: { now: number }; readonly folder: string };

/** A house with a clock of its own and a tenant whose token is enough. */
async function house(context: TestContext, more: Record<string, string> = {}): Promise<Clocked> {
  const clock = { now: Date.parse('2026-06-01T08:00:00Z') };
  const app = await startApp(context, more, () => new Date(clock.now));
  await app
    .api('post', 'tenants')
    .send({ code: 'umbrella', name: 'Umbrella', pool: 'pbxA', proof: 'token' })
    .expect(201);
  const rows = [
    ...Array.from({ length: PHONES }, (_, at) => macAt(GOOD, at)),
    ...Array.from({ length: SCAN }, (_, at) => at)
      .filter(isElsewhere)
      .map((at) => macAt(WALK, at)),
  ].map((mac, at) => `${mac},umbrella,yealink,T46U,1,${at},not shown`);
  const table = ['mac,tenant,vendor,model,line,user,password', ...rows].join('\n');
  await app.api('post', 'imports').set('Content-Type', 'text/csv').send(table).expect(200);
  return { app, clock, folder: await app.folderOf('umbrella') };
}

/** Asks for files one behind the other on one connection. @returns the status of each */
async function askAll({ phonesUrl }: Serving, paths: readonly string[], from: (at: number) => string[] = () => []) {
  const socket = connect(Number(new URL(phonesUrl).port), '127.0.0.1');
  let received = '';
  socket.on('data', (piece: Buffer) => {
    received += piece.toString('latin1');
  });
  const last = paths.length - 1;
  const heads = paths.map((path, at) => {
    const close = at === last ? ['Connection: close'] : [];
    return `${[`GET ${path} HTTP/1.1`, 'Host: x', ...from(at), ...close].join('\r\n')}\r\n\r\n`;
  });
  socket.write(heads.join(''));
  await once(socket, 'close');
  const statuses = [...received.matchAll(/HTTP\/1\.1 (\d{3}) [A-Z]/g)].map(([, status]) => Number(status));
  assert.equal(statuses.length, paths.length, 'every request is answered');
  return statuses;
}

const sweepsIn = async (app: App) => (await app.api('get', 'sweeps').expect(200)).body.items;

async function recorded(app: App, mac: string) {
  for (let tries = 0; tries < 250; tries++) {
    if ((await app.api('get', `fetches?mac=${mac}&limit=1`)).body.items.length > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`no fetch of ${mac} is recorded`);
}

test(`F18: a scanner is cut, ${PHONES} good phones behind its address are served, and afterwards all is as before`, {
  timeout: 3_600_000,
}, async (context) => {
  const { app, clock, folder } = await house(context);
  const initech = await addInitech(app);
  const [proving, waiting] = KINDS;
  assert.ok(proving && waiting);
  const own = await enrol(app, initech, proving);
  await openWindow(app, { phones: [waiting.mac] });
  const good = Array.from({ length: PHONES }, (_, at) => `${folder}${macAt(GOOD, at)}.cfg`);
  const served: number[] = [];
  const poll = async (from: number, count: number) => {
    served.push(
      ...(await askAll(
        app,
        Array.from({ length: count }, (_, at) => good[(from + at) % PHONES] ?? ''),
      )),
    );
  };
  for (let from = 0; from < PHONES; from += 100) await poll(from, 100);
  await app.house.store.ping();
  await recorded(app, macAt(GOOD, PHONES - 1));
  assert.deepEqual(await sweepsIn(app), [], 'a storm of good phones is no sweep');

  let cutAt = Number.POSITIVE_INFINITY;
  const had: number[] = [];
  for (let from = 0; from < SCAN; from += STEP) {
    clock.now += STEP_MS;
    const paths = Array.from({ length: STEP }, (_, at) => `${folder}${macAt(WALK, from + at)}.cfg`);
    const statuses = await askAll(app, paths);
    statuses.forEach((status, at) => {
      if (status === 200) had.push(from + at);
      else assert.equal(status, 404);
    });
    await poll(from, 5);
    if (cutAt === Number.POSITIVE_INFINITY && (await sweepsIn(app)).length > 0) cutAt = (from / STEP + 1) * STEP_MS;
  }
  const seconds = cutAt / 1_000;
  context.diagnostic(`noticed after ${seconds} s; ${had.length} files had before; ${served.length} good answers`);
  assert.ok(seconds <= 30, `${seconds} s`);
  assert.ok(
    had.every((at) => at * (STEP_MS / STEP) <= cutAt),
    'nothing is had after the cut',
  );
  assert.ok(had.length < 10 && served.length >= PHONES + SCAN / 4);
  assert.deepEqual(new Set(served), new Set([200]), 'good phones are served without exception');
  const [sweep] = await sweepsIn(app);
  assert.deepEqual([sweep.kind, sweep.of, sweep.macs], ['place', '127.0.0.1', 50]);

  // What is a phone's own still counts there; a window does not, and elsewhere both do.
  assert.equal((await askAs(app.phonesUrl, initech + proving.secretFile, own)).status, 200);
  assert.equal((await ask(app.phonesUrl, initech + waiting.secretFile)).status, 401);
  assert.equal((await ask(app.phonesUrl, initech + waiting.secretFile, { from: '127.0.0.2' })).status, 200);
  const unmet = `${folder}${macAt(WALK, SCAN - 5)}.cfg`;
  assert.equal((await ask(app.phonesUrl, unmet)).status, 404);
  assert.equal((await ask(app.phonesUrl, unmet, { from: '127.0.0.2' })).status, 200);

  clock.now += QUIET_MS;
  assert.deepEqual(await sweepsIn(app), []);
  assert.equal((await ask(app.phonesUrl, unmet)).status, 200);
});

test('F18: a botnet of many addresses trips the tenant; its phones at home are served, and nobody else’s are touched', {
  timeout: 120_000,
}, async (context) => {
  const { app, clock, folder } = await house(context, { HOMEPORT_TRUSTED_PROXIES: '127.0.0.1' });
  const from = (address: string) => [`X-Forwarded-For: ${address}`];
  const home = `${folder}${macAt(GOOD, 0)}.cfg`;
  const away = `${folder}${macAt(GOOD, 1)}.cfg`;
  const others = `${await app.folderOf('acme')}805ec0a00001.cfg`;
  const one = async (path: string, address: string) => (await askAll(app, [path], () => from(address)))[0];
  assert.equal(await one(home, '198.51.100.7'), 200);
  await recorded(app, macAt(GOOD, 0));

  for (let at = 0; at < 600; at += 20) {
    clock.now += 240;
    const paths = Array.from({ length: 20 }, (_, part) => `${folder}${macAt(0x805ec0e00000, at + part)}.cfg`);
    await askAll(app, paths, (part) => from(`203.0.${(at + part) >> 8}.${(at + part) & 255}`));
  }
  const sweeps = await sweepsIn(app);
  assert.deepEqual(
    sweeps.map(({ kind, of, macs }: { kind: string; of: string; macs: number }) => [kind, of, macs]),
    [['tenant', 'umbrella', 500]],
  );
  const { text } = await request(app.adminUrl).get('/metrics').set('Authorization', `Bearer ${API_KEY}`);
  assert.match(text, /^homeport_sweeps_total\{kind="tenant"\} 1$/m);
  assert.match(text, /^homeport_sweeps\{kind="tenant"\} 1$/m);
  assert.match(text, /^homeport_sweeps_total\{kind="place"\} 0$/m);
  assert.equal(await one(home, '198.51.100.7'), 200, 'at home');
  assert.equal(await one(away, '203.0.113.99'), 404, 'a bot that guesses right');
  assert.equal(await one(others, '203.0.113.99'), 200, 'another tenant');
  clock.now += QUIET_MS;
  assert.equal(await one(away, '203.0.113.99'), 200);
  assert.deepEqual(await sweepsIn(app), []);
});

test('F18: phones of ours that wait for their window are no sweep, however many they are', async (context) => {
  const folder = temporaryFolder(context);
  const clock = { now: Date.parse('2026-06-01T08:00:00Z') };
  const config = readConfig({
    HOMEPORT_DATABASE_URL: `file:${join(folder, 'homeport.db')}`,
    ...{ HOMEPORT_PHONE_LISTEN: '127.0.0.1:0', HOMEPORT_ADMIN_LISTEN: '127.0.0.1:0', HOMEPORT_API_KEY: API_KEY },
    ...{ HOMEPORT_DEMO: '1', HOMEPORT_LOG_LEVEL: 'silent', HOMEPORT_SWEEP_MACS: '3' },
  });
  const serving = await serve(config, () => new Date(clock.now));
  context.after(() => serving.close());
  const admin = (method: 'get' | 'post' | 'patch', path: string) =>
    request(serving.adminUrl)[method](`/api/v1/${path}`).set('Authorization', `Bearer ${API_KEY}`);
  const macs = Array.from({ length: 10 }, (_, at) => macAt(GOOD, at));
  const table = ['mac,tenant,vendor,model,line,user,password', ...macs.map((mac) => `${mac},acme,yealink,T46U,1,1,p`)];
  await admin('post', 'imports').set('Content-Type', 'text/csv').send(table.join('\n')).expect(200);
  await admin('patch', 'tenants/acme').send({ proof: 'credential' }).expect(200);
  const { body } = await admin('get', 'tenants/acme').expect(200);
  const path = new URL(body.provisioningUrl).pathname;
  for (let round = 0; round < 3; round++) {
    const statuses = await askAll(
      serving,
      macs.map((mac) => `${path}${mac}.cfg`),
    );
    assert.deepEqual(new Set(statuses), new Set([401]));
    clock.now += 60_000;
  }
  assert.deepEqual((await admin('get', 'sweeps').expect(200)).body.items, []);
  // Strangers are one: three of them, and the fourth finds the place noticed.
  await askAll(
    serving,
    [0, 1, 2].map((at) => `${path}${macAt(WALK, at)}.cfg`),
  );
  clock.now += 21_000;
  await askAll(serving, [`${path}${macAt(WALK, 3)}.cfg`]);
  assert.equal((await admin('get', 'sweeps').expect(200)).body.items.length, 1);
});
