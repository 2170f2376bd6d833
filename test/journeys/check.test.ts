// What `homeport check` says, question by question; what it says of backups stands in backup-schedule.test.ts.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkHouse } from '../../src/app/check.ts';
import { startApp } from '../support/app.ts';

const cases: [url: string, said: RegExp | null][] = [
  ['http://192.0.2.9:8080', /an address, 192\.0\.2\.9, that may change/],
  ['https://[2001:db8::1]', /an address, \[2001:db8::1\], that may change/],
  ['http://prov.example.com', /without encryption/],
  ['https://prov.example.com', null],
];
for (const [url, said] of cases) {
  test(`${url}: ${said === null ? 'nothing to say' : 'a warning'}`, async (context) => {
    const app = await startApp(context, { HOMEPORT_PUBLIC_URL: url });
    const findings = (await checkHouse(app.house)).filter(({ remedy }) => remedy?.includes('HOMEPORT_PUBLIC_URL'));
    assert.equal(findings.length, said === null ? 0 : 1);
    if (said !== null) assert.match(findings[0]?.message ?? '', said);
  });
}

test('a pool without a backup and one that cannot carry tenants are told', async (context) => {
  const app = await startApp(context);
  const targets = [{ server: 'voip1', priority: 1 }];
  await app.api('post', 'pools').send({ name: 'lone', domain: 'lone.example.com', targets }).expect(201);
  const findings = await checkHouse(app.house);
  assert.ok(
    findings.some(({ severity, message }) => severity === 'warning' && /pool lone has no backup/.test(message)),
  );
  assert.ok(findings.every(({ severity }) => severity !== 'error'));
});

const DAY_MS = 86_400_000;

type House = Parameters<typeof checkHouse>[0];

/** The findings of a house that is like this one, but for some things. */
const findingsOf = (house: House, changes: Partial<House['surroundings']> = {}, days = 0) =>
  checkHouse({
    ...house,
    surroundings: { ...house.surroundings, ...changes },
    now: () => new Date(Date.now() + days * DAY_MS),
  });
const codesOf = async (...asked: Parameters<typeof findingsOf>) =>
  (await findingsOf(...asked)).map(({ code, severity }) => `${severity} ${code}`);

test('the admin door without TLS is an error where others reach it', async (context) => {
  const { house } = await startApp(context);
  const codes = async (changes: Partial<House['surroundings']>) =>
    (await codesOf(house, changes)).filter((code) => code.includes('door'));
  assert.deepEqual(await codes({ adminHost: '127.0.0.1' }), []);
  assert.deepEqual(await codes({ adminHost: '::1' }), []);
  assert.deepEqual(await codes({ adminHost: '0.0.0.0' }), ['error door.clear']);
  assert.deepEqual(await codes({ adminHost: '192.0.2.9', adminUrl: 'http://admin.example.com' }), ['error door.clear']);
  assert.deepEqual(await codes({ adminHost: '192.0.2.9', adminUrl: 'https://admin.example.com' }), []);
  assert.deepEqual(await codes({ adminHost: '192.0.2.9', adminSpeaksTls: true }), []);
});

test('keys that never end, keys and people that nobody has seen for long, and the first key beside owners', async (context) => {
  const app = await startApp(context);
  const about = async (days = 0) =>
    (await codesOf(app.house, {}, days)).filter((code) => /key\.(?:endless|unused|first)|user|owner/.test(code));
  assert.deepEqual(await about(), ['warning owner.missing']);
  const password = 'long enough for this';
  await app.api('post', 'users').send({ name: 'ada', role: 'owner', password }).expect(201);
  await app.api('post', 'users').send({ name: 'bob', role: 'viewer', password }).expect(201);
  assert.deepEqual(await about(), ['warning key.first']);
  await app.api('post', 'keys').send({ name: 'billing', role: 'viewer' }).expect(201);
  assert.deepEqual(await about(), ['warning key.first', 'warning key.endless']);
  assert.deepEqual(await about(91), [
    'warning key.first',
    'warning key.endless',
    'warning key.unused',
    'warning user.away',
  ]);
  await app.api('post', 'session').send({ name: 'ada', password }).expect(201);
  const away = (await findingsOf(app.house, {}, 91)).find(({ code }) => code === 'user.away');
  assert.match(away?.message ?? '', /90 days: ada, bob$/);
  const soon = (await findingsOf(app.house, {}, 89)).find(({ code }) => code === 'user.away');
  assert.equal(soon, undefined);
});

test('the demo world in an installation that somebody runs in earnest', async (context) => {
  const { house } = await startApp(context);
  const told = async (isConfigured: boolean) =>
    (await codesOf(house, { isConfigured })).filter((code) => code.includes('demo'));
  assert.deepEqual([await told(true), await told(false)], [['warning demo.present'], []]);
  const empty = await startApp(context, { demo: '0' });
  assert.deepEqual(
    (await codesOf(empty.house, { isConfigured: true })).filter((code) => code.includes('demo')),
    [],
  );
});

test('files and directories that others may read or write', async (context) => {
  const app = await startApp(context);
  const file = join(app.folder, 'homeport.db');
  const templates = join(app.folder, 'templates');
  mkdirSync(templates);
  const about = async () =>
    (await codesOf(app.house, { directories: { HOMEPORT_TEMPLATES: templates } })).filter((code) =>
      / mode\./.test(code),
    );
  assert.deepEqual(await about(), [], 'a new database is for its owner alone');
  assert.equal(statSync(file).mode & 0o777, 0o600);
  chmodSync(file, 0o644);
  assert.deepEqual(await about(), ['warning mode.database']);
  chmodSync(file, 0o660);
  assert.deepEqual(await about(), ['error mode.database']);
  chmodSync(file, 0o600);
  chmodSync(templates, 0o777);
  chmodSync(app.folder, 0o777);
  assert.deepEqual(await about(), ['error mode.folder', 'error mode.directory']);
  chmodSync(app.folder, 0o700);
});

test('a question that cannot be asked is unknown and never well, and keeps no other from being asked', async (context) => {
  const { house } = await startApp(context);
  const broken = {
    ...house,
    store: { ...house.store, quickCheck: () => Promise.reject(new Error('a disk that does not answer\nmore')) },
  };
  const findings = await checkHouse(broken);
  const { code, severity, message, remedy } = findings[0] ?? assert.fail('a finding');
  assert.deepEqual([code, severity], ['database', 'unknown']);
  assert.equal(message, 'the database could not be looked at: a disk that does not answer');
  assert.ok((remedy ?? '').length > 5);
  const whole = await checkHouse(house);
  assert.deepEqual(
    findings.slice(1).map((finding) => finding.code),
    whole.filter((finding) => finding.code !== 'database.whole').map((finding) => finding.code),
  );
  assert.ok(whole.some((finding) => finding.code === 'database.whole' && finding.severity === 'ok'));
});

test('every finding that is not well has a remedy, and its own code', async (context) => {
  const { house } = await startApp(context);
  const findings = await findingsOf(house, { adminHost: '0.0.0.0', isConfigured: true }, 500);
  assert.ok(findings.length > 6);
  for (const { code, severity, message, remedy } of findings) {
    assert.match(code, /^[a-z]+(?:[.-][a-z]+)*$/);
    assert.ok(message.length > 10);
    assert.equal(remedy === null, severity === 'ok', code);
  }
  const order = ['error', 'unknown', 'warning', 'ok'];
  const ranks = findings.map(({ severity }) => order.indexOf(severity));
  assert.deepEqual(ranks, [...ranks].sort());
});

test('the API tells the same to owners, once for all who ask at the same time', async (context) => {
  const app = await startApp(context);
  const answers = await Promise.all([1, 2, 3].map(() => app.api('get', 'checks').expect(200)));
  const said = await checkHouse(app.house);
  for (const { body } of answers) {
    assert.deepEqual(
      body.items.map(({ code }: { code: string }) => code),
      said.map(({ code }) => code),
    );
  }
  const { body } = await app.api('post', 'keys').send({ name: 'reader', role: 'operator' }).expect(201);
  await app.api('get', 'checks', body.key).expect(403);
});
