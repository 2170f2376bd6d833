// The commands: what they print, where they take credentials from, and how they end.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parse } from 'csv-parse/sync';
import { temporaryFolder } from '../support/app.ts';
import { cleanEnvironment, ROOT, run } from '../support/commands.ts';
import { startYmcs, YMCS_CREDENTIALS } from './services.ts';

const CREDENTIALS = { HOMEPORT_REDIRECT_CREDENTIALS: JSON.stringify(YMCS_CREDENTIALS) };

async function demoShell(context: TestContext) {
  const folder = temporaryFolder(context);
  const environment = {
    HOMEPORT_DATABASE_URL: `file:${join(folder, 'homeport.db')}`,
    HOMEPORT_PUBLIC_URL: 'https://prov.example.com',
  };
  const homeport = (args: string[], more: Record<string, string> = {}) =>
    run('node', ['src/homeport.js', ...args], { cwd: ROOT, env: cleanEnvironment({ ...environment, ...more }) });
  const { code, err } = await homeport(['demo']);
  assert.equal(code, 0, err);
  return homeport;
}

test('dhcp prints a row for each option, and JSON for programs', async (context) => {
  const homeport = await demoShell(context);
  const { out, code } = await homeport(['dhcp', 'acme']);
  assert.equal(code, 0);
  assert.match(out, /^polycom +160 +https:\/\/prov\.example\.com\/p\/[a-z2-7]{26}\/ /m);
  assert.match(out, /^grandstream +43, sub-option 1 +\S+ +hex 01/m);
  const found = JSON.parse((await homeport(['dhcp', 'acme', '--json'])).out);
  assert.ok(found.some(({ vendor }: { vendor: string }) => vendor === 'yealink'));
  assert.equal((await homeport(['dhcp', 'nobody'])).code, 1);
  assert.equal((await homeport(['dhcp'])).code, 2);
});

test('export prints the file as it is uploaded', async (context) => {
  const homeport = await demoShell(context);
  const { out } = await homeport(['redirect', 'export', 'acme', 'lens']);
  assert.equal((parse(out, { columns: true }) as { mac_address: string }[])[0]?.mac_address, '64167fa00001');
  const { fileName, body } = JSON.parse((await homeport(['redirect', 'export', 'acme', 'lens', '--json'])).out);
  assert.deepEqual([fileName, body], ['lens-phones.csv', out]);
  const wrong = await homeport(['redirect', 'export', 'acme', 'nothing']);
  assert.deepEqual([wrong.code, wrong.out], [1, '']);
});

test('an account is set, shown and used; claim and release tell what became of each phone', async (context) => {
  const homeport = await demoShell(context);
  const service = await startYmcs(context);
  const none = await homeport(['redirect', 'claim', 'acme', 'ymcs']);
  assert.match(none.err, /no account at ymcs yet; set it with "homeport redirect account ymcs --set"/);
  const set = await homeport(['redirect', 'account', 'ymcs', '--set', '--url', service.url], CREDENTIALS);
  assert.equal(set.code, 0, set.err);
  const shown = await homeport(['redirect', 'account', 'ymcs', '--json']);
  assert.equal(JSON.parse(shown.out)[0].account.credentials.accessKeySecret, 'set');
  for (const { out, err } of [set, shown]) assert.ok(!`${out}${err}`.includes(YMCS_CREDENTIALS.accessKeySecret));

  const claimed = await homeport(['redirect', 'claim', 'acme', 'ymcs']);
  assert.equal(claimed.code, 0, claimed.err);
  assert.match(claimed.out, /^805ec0a00001 +claimed\n1 phones done, 0 failed; the URL is https:\/\/prov/m);
  assert.match((await homeport(['redirect', 'claims', 'acme', 'ymcs'])).out, /^805ec0a00001 +https:\/\/prov/m);
  service.stuck.add('805ec0a00001');
  const stuck = await homeport(['redirect', 'release', 'acme', 'ymcs', '80-5E-C0-A0-00-01']);
  assert.deepEqual([stuck.code, /failed +Device is busy/.test(stuck.out)], [1, true]);
  service.stuck.clear();
  const released = await homeport(['redirect', 'release', 'acme', 'ymcs', '805ec0a00001', '--json']);
  assert.deepEqual([released.code, JSON.parse(released.out).phones[0].outcome], [0, 'released']);
  assert.deepEqual(service.violations, []);
  assert.equal(
    (await homeport(['redirect', 'release', 'acme', 'ymcs'])).code,
    2,
    'all at once is not asked by accident',
  );
  assert.equal((await homeport(['redirect', 'account', 'ymcs', '--remove'])).code, 0);
});

test('credentials come from standard input too, and never from arguments', async (context) => {
  const folder = temporaryFolder(context);
  const env = cleanEnvironment({ HOMEPORT_DATABASE_URL: `file:${join(folder, 'homeport.db')}` });
  const account = (args: string[], input: string) =>
    spawnSync('node', ['src/homeport.js', 'redirect', 'account', 'ymcs', ...args], {
      cwd: ROOT,
      env,
      input,
      encoding: 'utf8',
    });
  const set = account(['--set', '--json'], JSON.stringify(YMCS_CREDENTIALS));
  assert.equal(set.status, 0, set.stderr);
  assert.equal(JSON.parse(set.stdout)[0].account.baseUrl, 'https://us-api.ymcs.yealink.com');
  const broken = account(['--set'], 'key-secret-4567');
  assert.deepEqual([broken.status, broken.stdout], [1, '']);
  assert.match(broken.stderr, /not JSON/);
  assert.ok(!broken.stderr.includes('key-secret-4567'));
  assert.match(account(['--set'], '').stderr, /in HOMEPORT_REDIRECT_CREDENTIALS or on standard input/);
  assert.match(account(['--url', 'https://api.example.com'], '').stderr, /--url belongs to --set/);
  assert.equal(account(['--credentials', 'x'], '').status, 2);
});
