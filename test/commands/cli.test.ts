// The command line: what it prints, what it changes, and how it ends (0 done, 1 refused or failed, 2 wrong use).
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { ALL_TENANTS } from '../../src/domain/access.ts';
import { startApp, temporaryFolder } from '../support/app.ts';
import { cleanEnvironment, ROOT, run, start } from '../support/commands.ts';

const PUBLIC_URL = 'http://192.0.2.9:8080';

const inFolder = (folder: string, more: Record<string, string> = {}) => ({
  cwd: ROOT,
  env: cleanEnvironment({
    HOMEPORT_DATABASE_URL: `file:${join(folder, 'homeport.db')}`,
    HOMEPORT_PUBLIC_URL: PUBLIC_URL,
    ...more,
  }),
});

const homeport = (folder: string, ...args: string[]) => run('node', ['src/homeport.js', ...args], inFolder(folder));

async function demoFolder(context: TestContext): Promise<string> {
  const folder = temporaryFolder(context);
  const { code, err } = await homeport(folder, 'demo');
  assert.equal(code, 0, err);
  return folder;
}

test('the demo world goes into an empty database, once', async (context) => {
  const folder = await demoFolder(context);
  const again = await homeport(folder, 'demo');
  assert.equal(again.code, 1);
  assert.match(again.err, /^homeport: the database is not empty/);
  const tenants = JSON.parse((await homeport(folder, 'tenants', '--json')).out);
  assert.deepEqual(
    tenants.map(({ code, pool, phones }: Record<string, unknown>) => [code, pool, phones]),
    [
      ['acme', 'pbxA', 3],
      ['globex', 'pbxB', 3],
    ],
  );
  const phones = JSON.parse((await homeport(folder, 'phones', '--tenant', 'acme', '--json')).out);
  assert.deepEqual(
    phones.map(({ mac }: { mac: string }) => mac),
    ['64167fa00001', '805ec0a00001', 'c074ada00001'],
  );
  assert.ok(!JSON.stringify(phones).includes('password'));
});

describe('move', () => {
  test('moves a tenant and says what it did, to people and to programs', async (context) => {
    const folder = await demoFolder(context);
    const moved = await homeport(folder, 'move', 'acme', 'pbxB');
    assert.equal(moved.code, 0);
    assert.match(moved.out, /tenant acme moved from pool pbxA to pbxB\n.*3 phones go from server voip1 to voip2/);
    const back = await homeport(folder, 'move', 'acme', 'pbxA', '--json');
    assert.equal(JSON.parse(back.out).toServer, 'voip1');
  });
  test('refuses with a reason and code 1; wrong use is code 2', async (context) => {
    const folder = await demoFolder(context);
    for (const [args, why] of [
      [['acme', 'pbxA'], /on pool pbxA already/],
      [['nobody', 'pbxA'], /tenant nobody does not exist/],
      [['acme', 'nowhere'], /pool nowhere does not exist/],
    ] as const) {
      const { code, err, out } = await homeport(folder, 'move', ...args);
      assert.deepEqual([code, out], [1, '']);
      assert.match(err, why);
    }
    assert.equal((await homeport(folder, 'move', 'acme')).code, 2);
    assert.equal((await homeport(folder, 'nonsense')).code, 2);
    assert.equal((await homeport(folder, '--help')).code, 0);
  });
  test('waits for a change that another process is in the middle of', async (context) => {
    const app = await startApp(context);
    let moving: ReturnType<typeof homeport> | undefined;
    await app.house.store.transaction(async (tx) => {
      const acme = await tx.tenants.get(ALL_TENANTS, 'acme');
      moving = homeport(app.folder, 'move', 'globex', 'pbxA');
      await Promise.race([moving, new Promise((resolve) => setTimeout(resolve, 2_500))]);
      await tx.tenants.replace({ ...acme, name: 'Renamed' });
    });
    assert.equal((await moving)?.code, 0);
    assert.equal((await app.house.store.tenants.get(ALL_TENANTS, 'acme')).name, 'Renamed');
    assert.equal((await app.house.store.tenants.get(ALL_TENANTS, 'globex')).pool, 'pbxA');
  });
  test('reaches phones of a server that is running on the same database', async (context) => {
    const app = await startApp(context);
    const path = `${await app.folderOf('acme')}805ec0a00001.cfg`;
    assert.match(((await app.phone('get', path)).body as Buffer).toString(), /pbxa\.example\.com/);
    assert.equal((await homeport(app.folder, 'move', 'acme', 'pbxB')).code, 0);
    const after = ((await app.phone('get', path)).body as Buffer).toString();
    assert.match(after, /pbxb\.example\.com/);
    assert.doesNotMatch(after, /pbxa/);
  });
});

test('render prints what the phone gets, with secrets masked unless they are asked for', async (context) => {
  // The URL stands in the file, so both have to know it.
  const app = await startApp(context, { HOMEPORT_PUBLIC_URL: PUBLIC_URL });
  const served = ((await app.phone('get', `${await app.folderOf('acme')}805ec0a00001.cfg`)).body as Buffer).toString();
  const revealed = await homeport(app.folder, 'render', '80:5E:C0:A0:00:01', '805ec0a00001.cfg', '--reveal');
  assert.equal(revealed.out, served);
  const masked = await homeport(app.folder, 'render', '805ec0a00001', '805ec0a00001.cfg');
  const hidden = served.replace(/password = .*/, 'password = ********').replaceAll(/\/p\/[a-z2-7]+\//g, '/p/********/');
  assert.equal(masked.out, hidden);
  const all = JSON.parse((await homeport(app.folder, 'render', '64167fa00001', '--json')).out);
  assert.equal(all.length, 3);
  assert.equal((await homeport(app.folder, 'render', '805ec0a0ffff')).code, 1);
  assert.equal((await homeport(app.folder, 'render', 'nonsense')).code, 1);
});

test('dns prints the records to publish', async (context) => {
  const folder = await demoFolder(context);
  const { out } = await homeport(folder, 'dns', 'pbxB');
  assert.equal(
    out,
    [
      'pbxb.example.com. 300 IN NAPTR 10 10 "s" "SIP+D2U" "" _sip._udp.pbxb.example.com.',
      '_sip._udp.pbxb.example.com. 300 IN SRV 10 10 5060 voip2.example.com.',
      '_sip._udp.pbxb.example.com. 300 IN SRV 20 10 5060 voip1.example.com.',
      '',
    ].join('\n'),
  );
});

describe('serve', () => {
  const ports = { HOMEPORT_PHONE_LISTEN: '127.0.0.1:0', HOMEPORT_ADMIN_LISTEN: '127.0.0.1:0' };
  test('prints one ready line, serves, and ends with 0 on SIGTERM', async (context) => {
    const folder = temporaryFolder(context);
    const serving = start(
      'node',
      ['src/homeport.js', 'serve'],
      inFolder(folder, { ...ports, HOMEPORT_DEMO: '1', HOMEPORT_PUBLIC_URL: '' }),
    );
    context.after(() => serving.kill());
    const [, phones, admin] = await serving.line(/^ready phones=(\S+) admin=(\S+)$/m, 20_000);
    const [, url] = await serving.line(/^acme +pbxA +(\S+)$/m, 5_000);
    assert.ok(url?.startsWith(`${phones}/p/`), 'the printed URL is the one that phones reach');
    assert.equal((await fetch(`${url}805ec0a00001.cfg`)).status, 200);
    assert.equal((await fetch(`${admin}/healthz`)).status, 200);
    serving.child.kill('SIGTERM');
    const { code, out, err } = await serving.ended;
    assert.equal(code, 0);
    assert.ok(out.startsWith('ready phones='), 'the ready line is the first');
    const token = new URL(url ?? '').pathname.split('/')[2] ?? '?';
    assert.ok(!err.includes(token), 'the log holds no token');
  });
  test('a port that is taken, and an environment that is wrong, end with 1 and a reason', async (context) => {
    const app = await startApp(context);
    const { host } = new URL(app.phonesUrl);
    const folder = temporaryFolder(context);
    const taken = await run(
      'node',
      ['src/homeport.js', 'serve'],
      inFolder(folder, { ...ports, HOMEPORT_PHONE_LISTEN: host }),
    );
    assert.equal(taken.code, 1);
    assert.match(taken.err, /HOMEPORT_PHONE_LISTEN: \S+ port \d+ is taken by another program/);
    const wrong = await run(
      'node',
      ['src/homeport.js', 'serve'],
      inFolder(folder, { HOMEPORT_PHONE_LISTEN: 'x', HOMEPORT_DEMO: 'x' }),
    );
    assert.equal(wrong.code, 1);
    assert.match(wrong.err, /HOMEPORT_PHONE_LISTEN.*HOMEPORT_DEMO/);
  });
});
