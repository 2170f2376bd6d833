// Secrets go in and come out in one place alone. Unmistakable ones are planted wherever one can be, and then looked for in
// every answer, in the audit, in the log, in what commands print and in the database.
import assert from 'node:assert/strict';
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { checkHouse } from '../../src/app/check.ts';
import { rotateSecrets } from '../../src/app/rotate-secrets.ts';
import { ALL_TENANTS } from '../../src/domain/access.ts';
import type { Finding } from '../../src/domain/finding.ts';
import { hashToken, tokenId } from '../../src/domain/token.ts';
import { OPERATIONS } from '../../src/http/api/operations.ts';
import { startYmcs, YMCS_CREDENTIALS } from '../redirection/services.ts';
import { startApp, temporaryFolder } from '../support/app.ts';
import { cleanEnvironment, type Ended, ROOT, type Running, run, start } from '../support/commands.ts';

/** Stands in every planted secret but raw parameters, and in nothing else. */
const PLANTED = 'Pl4nted';
/** Stands in every planted raw parameter. */
const RAW = 'R4wPlanted';
const KEY = `${PLANTED}-first-key-of-all`;

type Asked = { readonly method: string; readonly path: string; readonly body?: unknown; readonly type?: string };
type Seen = { readonly asked: Asked; readonly status: number; readonly text: string };

/** A server in a process of its own, with everything that it says. */
type Server = {
  readonly folder: string;
  readonly phones: string;
  readonly running: Running;
  readonly seen: Seen[];
  ask(asked: Asked, headers?: Record<string, string>): Promise<Response & { readonly said: string }>;
  homeport(...args: string[]): Promise<Ended>;
};

async function startServer(context: { after(work: () => void): void }): Promise<Server> {
  const folder = temporaryFolder(context as never);
  const env = cleanEnvironment({
    HOMEPORT_DATABASE_URL: `file:${join(folder, 'homeport.db')}`,
    HOMEPORT_PHONE_LISTEN: '127.0.0.1:0',
    HOMEPORT_ADMIN_LISTEN: '127.0.0.1:0',
    HOMEPORT_API_KEY: KEY,
    HOMEPORT_DEMO: '1',
    HOMEPORT_LOG_LEVEL: 'debug',
  });
  const running = start('node', ['src/homeport.js', 'serve'], { cwd: ROOT, env });
  context.after(() => running.kill());
  const [, phones = '', admin = ''] = await running.line(/^ready phones=(\S+) admin=(\S+)$/m, 20_000);
  const seen: Seen[] = [];
  return {
    folder,
    phones,
    running,
    seen,
    async ask(asked, headers = { Authorization: `Bearer ${KEY}` }) {
      const { method, path, body, type = 'application/json' } = asked;
      const sent =
        body === undefined
          ? {}
          : { body: typeof body === 'string' ? body : JSON.stringify(body), headers: { 'Content-Type': type } };
      const answer = await fetch(`${admin}${path.startsWith('/') ? path : `/api/v1/${path}`}`, {
        method: method.toUpperCase(),
        ...sent,
        headers: { ...sent.headers, ...headers },
      });
      const said = await answer.text();
      seen.push({ asked, status: answer.status, text: `${JSON.stringify([...answer.headers])}\n${said}` });
      return Object.assign(answer, { said });
    },
    homeport: (...args) => run('node', ['src/homeport.js', ...args], { cwd: ROOT, env }),
  };
}

const PHONES: Record<string, [string, string]> = {
  yealink: ['805ec0a00001', 'T46U'],
  polycom: ['64167fa00001', 'VVX 450'],
  grandstream: ['c074ada00001', 'GRP2614'],
  snom: ['000413a00001', 'D785'],
};
const VENDORS = Object.keys(PHONES);
const MACS = Object.values(PHONES).map(([mac]) => mac);

/** Every secret that a level can hold; `of` makes them its own. */
const choices = (of: string) => ({
  settings: {
    adminPassword: `${PLANTED}-admin-${of}`,
    userPassword: `${PLANTED}-user-${of}`,
    fileKey: `${PLANTED}${of}`.padEnd(16, '0'),
  },
  parameters: Object.fromEntries(
    VENDORS.map((vendor) => [vendor, { [`x.${of}_password`]: `${RAW}-${vendor}-${of}`, P99999: `${RAW}-${of}` }]),
  ),
});

type Told = { readonly cookie: string; readonly key: string; readonly plan: string };

async function plant({ ask }: Server, ymcsUrl: string): Promise<Told> {
  const put = async (method: string, path: string, body: unknown) => {
    const answer = await ask({ method, path, body });
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${answer.said}`);
    return answer;
  };
  const [snomMac, snomModel] = PHONES.snom ?? ['', ''];
  const line = { user: '101-ACME', password: `${PLANTED}-line` };
  await put('post', 'phones', { mac: snomMac, tenant: 'acme', vendor: 'snom', model: snomModel, lines: [line] });
  await put('patch', 'settings/installation', choices('inst'));
  for (const [vendor, [mac, model]] of Object.entries(PHONES)) {
    const { parameters } = choices('one');
    await put('patch', `settings/vendors/${vendor}`, { ...choices('vend'), parameters });
    await put('patch', `settings/models/${vendor}/${encodeURIComponent(model)}`, choices('model'));
    await put('patch', `phones/${mac}`, { ...choices('phone'), lines: [{ ...line, label: 'Desk' }] });
  }
  await put('patch', 'tenants/acme', choices('tenant'));
  await put('put', 'redirections/ymcs', { baseUrl: ymcsUrl, credentials: YMCS_CREDENTIALS });
  await put('put', 'redirections/ztp', { credentials: { apiKey: `${PLANTED}-ztp` } });
  await put('put', 'dns/targets/example.com', { kind: 'powerdns', baseUrl: 'http://127.0.0.1:9', apiKey: PLANTED });
  const ami = { kind: 'asterisk', host: '127.0.0.1', port: 9, user: 'homeport', secret: `${PLANTED}-ami` };
  await put('put', 'servers/voip1/connection', ami);
  await put('post', 'servers', { name: 'spare', host: 'spare.example.com' });
  const order = { drain: ['spare'], mode: 'fast', limits: { tenants: 0 } };
  const plan = JSON.parse((await put('post', 'plans', order)).said) as { id: string; digest: string };
  await put('post', `plans/${plan.id}/application`, { digest: plan.digest });
  const user = { name: 'anna', password: `${PLANTED} of anna` };
  await put('post', 'users', { ...user, role: 'owner' });
  const signedIn = await put('post', 'session', user);
  const cookie = signedIn.headers.get('set-cookie')?.split(';')[0] ?? '';
  const { key } = JSON.parse((await put('post', 'keys', { name: 'planner', role: 'viewer' })).said) as { key: string };
  return { cookie, key, plan: plan.id };
}

const NAMES: Record<string, readonly string[]> = { servers: ['voip1'], pools: ['pbxA'], users: ['anna'] };

/** The paths that an operation has in this world. */
function pathsOf(path: string, files: ReadonlyMap<string, readonly string[]>, token = '', plan = 'x'): string[] {
  const own = { '{code}': ['acme'], '{service}': ['ymcs', 'ztp', 'lens', 'gdms'], '{vendor}': VENDORS, '{mac}': MACS };
  if (path.includes('{model}'))
    return VENDORS.map((vendor) => `settings/models/${vendor}/${encodeURIComponent(PHONES[vendor]?.[1] ?? '')}`);
  if (path.includes('/files/{name}'))
    return MACS.flatMap((mac) => (files.get(mac) ?? []).map((name) => `phones/${mac}/files/${name}`));
  if (path.includes('/tokens/{id}'))
    return [
      path
        .slice(1)
        .replace('{code}', 'acme')
        .replace('{id}', tokenId(hashToken(token))),
    ];
  const [, collection = ''] = path.split('/');
  if (collection === 'plans') return [path.slice(1).replace('{id}', plan)];
  const values = {
    ...own,
    '{zone}': ['example.com'],
    '{name}': NAMES[collection] ?? ['x'],
    '{id}': ['x'],
    '{file}': ['x', 'desk.cfg.hbs'],
  };
  return Object.entries(values).reduce(
    (paths, [name, given]) =>
      paths.flatMap((one) => (one.includes(name) ? given.map((value) => one.replace(name, value)) : [one])),
    [path.slice(1)],
  );
}

/** Bodies that are wrong nearly everywhere, with secrets where secrets stand and where they do not. */
function wrongBodies(secret: string): unknown[] {
  const long = `${secret}${'x'.repeat(300)}`;
  const settings = { adminPassword: `${secret} :`, userPassword: [secret], fileKey: secret };
  const parameters = { yealink: { 'x.password': `${secret}\n`, 'account.1.password': secret } };
  const lines = [{ user: '1', password: long }, { password: { inner: secret } }, secret];
  const credentials = { apiKey: `${secret} `, accessKeySecret: secret, other: secret };
  return [
    `{"password": "${secret}", `,
    `{"password": ${secret}}`,
    JSON.stringify(secret),
    [secret, { password: secret }],
    { password: secret, token: secret, secret, credentials: secret, key: secret, [`x${'y'.repeat(40)}`]: secret },
    { name: 'x', role: 'viewer', password: secret.slice(0, 9), tenants: secret },
    { name: 'anna', password: secret },
    { lines, settings, parameters, credentials, password: long, items: [{ lines, password: secret }] },
    { lines: secret, settings: secret, parameters: secret, credentials: [secret], items: secret },
    { settings },
    { parameters },
    { lines: [{ user: '1', password: long }] },
    { baseUrl: `https://x:${secret}@example.com`, credentials },
  ];
}

const CSV = [
  `mac,vendor,model,user,password\n805ec0a000f1,yealink,T46U,1,${PLANTED}${'x'.repeat(200)}`,
  `mac,vendor,model,user,password\n805ec0a000f1,yealink,T46U,1,"${PLANTED}`,
  `mac,vendor,model,user,password\n805ec0a000f1,yealink,T46U,1,"${PLANTED}"x,y`,
  `mac,vendor,model,user,password\n805ec0a000f1,yealink,T46U,1,${PLANTED},${PLANTED}`,
  `code,name,pool,settings\nacme,Acme,pbxA,"{""adminPassword"": ""${PLANTED} :""}"`,
  `code,name,pool,settings\nacme,Acme,pbxA,"{""adminPassword"": ${PLANTED}"`,
];

async function askWrongly({ ask }: Server): Promise<number> {
  const before = { ok: 0, refused: 0 };
  for (const { method, path, body } of OPERATIONS) {
    if (body === undefined) continue;
    const [one = ''] = pathsOf(path, new Map());
    for (const wrong of [...wrongBodies(`${PLANTED}-wrong`), ...wrongBodies(`${RAW}-wrong`)]) {
      const { ok } = await ask({ method, path: one, body: wrong });
      before[ok ? 'ok' : 'refused']++;
    }
  }
  for (const table of CSV) await ask({ method: 'post', path: 'imports', body: table, type: 'text/csv' });
  await ask({ method: 'get', path: 'tenants' }, { Authorization: `Bearer ${PLANTED}-unknown-key` });
  await ask({ method: 'get', path: 'tenants' }, { Authorization: `Basic ${PLANTED}` });
  await ask({ method: 'get', path: 'tenants' }, { Cookie: `homeport_session=${PLANTED}` });
  await ask({ method: 'post', path: 'phones', body: PLANTED, type: 'application/xml' });
  return before.refused;
}

/** The answers that hold this, without the secret itself. */
const holding = (seen: readonly Seen[], secret: string) => [
  ...new Set(
    seen
      .filter(({ text }) => text.includes(secret))
      .map(({ asked, status }) => `${asked.method} ${asked.path}: ${status}`),
  ),
];

describe('planted secrets', () => {
  let server: Server;
  let told: Told;
  let token = '';
  let refused = 0;
  const good = new Set<string>();
  const ends: (() => void)[] = [];
  const printed: string[] = [];
  let log = '';

  before(async () => {
    const context = { after: (work: () => void) => void ends.unshift(work) };
    server = await startServer(context);
    const service = await startYmcs(context);
    told = await plant(server, service.url);
    const files = new Map<string, readonly string[]>();
    for (const mac of MACS) {
      const { said } = await server.ask({ method: 'get', path: `phones/${mac}/files` });
      files.set(
        mac,
        (JSON.parse(said) as { items: { name: string }[] }).items.map(({ name }) => name),
      );
    }
    const { said } = await server.ask({ method: 'get', path: 'tenants/acme' });
    token = new URL((JSON.parse(said) as { provisioningUrl: string }).provisioningUrl).pathname.split('/')[2] ?? '';
    for (const name of [...files.values()].flat()) await fetch(`${server.phones}/p/${token}/${name}`);
    refused = await askWrongly(server);
    for (const { id, method, path } of OPERATIONS.filter((one) => one.method === 'get')) {
      for (const one of pathsOf(path, files, token, told.plan)) {
        const { ok } = await server.ask({ method, path: one });
        if (ok) good.add(id);
      }
    }
    const body = { settings: { adminPassword: `${PLANTED}-preview` }, lines: [{ user: '1', password: PLANTED }] };
    for (const mac of MACS) await server.ask({ method: 'patch', path: `phones/${mac}?preview=1`, body });
    for (const path of ['audit?limit=1000', '/metrics', '/healthz', '/readyz', 'openapi.json', 'nowhere'])
      await server.ask({ method: 'get', path });
    for (const args of [['phones'], ['tenants'], ['audit'], ['user'], ['key'], ['check'], ['explain', MACS[0] ?? '']])
      printed.push((await server.homeport(...args, '--json')).out);
    for (const mac of MACS) printed.push((await server.homeport('render', mac)).out);
    server.running.child.kill('SIGTERM');
    log = (await server.running.ended).err;
  });
  after(() => {
    for (const end of ends) end();
  });

  test('were asked for in every way', () => {
    const gets = OPERATIONS.filter(({ method }) => method === 'get').map(({ id }) => id);
    assert.deepEqual(
      gets.filter((id) => !good.has(id)),
      [],
      'every operation that reads has answered something',
    );
    assert.ok(refused > 100, `${refused} wrong requests were refused`);
    assert.ok(printed.every((text) => text.length > 20));
    assert.ok(log.split('\n').length > 100, 'the log says much');
  });
  test('stand in no answer, whether it is good or an error', () => {
    const { key, secret } = { key: told.key.split('_')[2] ?? '?', secret: YMCS_CREDENTIALS.accessKeySecret };
    const session = told.cookie.split('=')[1] ?? '?';
    for (const one of [PLANTED, secret, YMCS_CREDENTIALS.accessKeyId]) assert.deepEqual(holding(server.seen, one), []);
    // A key and a session are each in the one answer that makes them.
    assert.deepEqual(holding(server.seen, key), ['post keys: 201']);
    assert.deepEqual(holding(server.seen, session), ['post session: 201']);
  });
  test('stand in no answer as raw parameters', () => {
    assert.deepEqual(holding(server.seen, RAW), []);
    for (const text of printed) assert.ok(!text.includes(RAW));
  });
  test('are not printed by commands', () => {
    for (const text of printed) assert.ok(!text.includes(PLANTED));
  });
  test('stand in no line of the log, at its most talkative', () => {
    const secrets = [PLANTED, RAW, token, told.key.split('_')[2], told.cookie.split('=')[1]];
    for (const secret of [...secrets, ...Object.values(YMCS_CREDENTIALS)])
      assert.ok(secret && !log.includes(secret), 'the log holds a secret');
  });
  test('stand in no file of the database', () => {
    const secrets = [PLANTED, RAW, token, told.key.split('_')[2], told.cookie.split('=')[1]];
    const files = readdirSync(server.folder).map((name) => readFileSync(join(server.folder, name), 'latin1'));
    assert.ok(
      files.some((text) => text.includes('101-ACME')),
      'the database was read',
    );
    for (const secret of [...secrets, ...Object.values(YMCS_CREDENTIALS)])
      for (const text of files) assert.ok(secret && !text.includes(secret), 'the database holds a secret');
  });
});

test('a raw parameter that comes back masked stays as it was, at every level', async (context) => {
  const app = await startApp(context);
  const { parameters } = choices('kept');
  for (const path of ['settings/installation', 'tenants/acme', 'phones/805ec0a00001']) {
    await app.api('patch', path).send({ parameters }).expect(200);
    const { body } = await app.api('get', path).expect(200);
    assert.equal(body.parameters.yealink['x.kept_password'], '********');
    const yealink = { ...body.parameters.yealink, 'x.colour': 'blue', 'x.new_password': '********' };
    await app.api('patch', path).send({ parameters: { yealink } }).expect(200);
    const { parameters: held } = (await app.api('post', 'phones/805ec0a00001/reveal').expect(200)).body;
    assert.deepEqual(held, [
      { name: 'P99999', value: `${RAW}-kept` },
      { name: 'x.kept_password', value: `${RAW}-yealink-kept` },
    ]);
    await app.api('patch', path).send({ parameters: {} }).expect(200);
  }
});

describe('reveal', () => {
  const mac = '805ec0a00001';
  const settings = { adminPassword: 'of-the-tenant', fileKey: '0123456789abcdef' };
  const parameters = { yealink: { 'x.password': 'raw-secret', 'x.colour': 'blue' } };

  test('answers what is secret of a phone, whatever level it comes from, and writes that down', async (context) => {
    const app = await startApp(context);
    await app.api('patch', 'tenants/acme').send({ settings, parameters }).expect(200);
    const line = { user: '101-ACME', authUser: 'auth', password: 'of-the-line', label: 'Desk' };
    await app.api('patch', `phones/${mac}`).send({ lines: [line], settings: { adminPassword: 'of-phone' } });
    const before = (await app.house.store.audit.end()).id;
    const { body, headers } = await app.api('post', `phones/${mac}/reveal`).expect(200);
    assert.deepEqual(body, {
      mac,
      tenant: 'acme',
      lines: [{ user: '101-ACME', authUser: 'auth', password: 'of-the-line' }],
      provisioning: null,
      settings: { fileKey: '0123456789abcdef', adminPassword: 'of-phone' },
      parameters: [{ name: 'x.password', value: 'raw-secret' }],
    });
    assert.equal(headers['cache-control'], 'no-store');
    const { items } = (await app.api('get', 'audit?limit=9').expect(200)).body;
    const [{ actor, action, subject, tenant, changes, id }] = items;
    assert.deepEqual(
      [actor, action, subject, tenant, changes, id],
      ['key:first', 'phone.reveal', mac, 'acme', [], before + 1],
    );
  });
  test('of a phone that is not there is not written down', async (context) => {
    const app = await startApp(context);
    const before = (await app.house.store.audit.end()).id;
    await app.api('post', 'phones/805ec0a0ffff/reveal').expect(404);
    await app.api('post', 'phones/nonsense/reveal').expect(422);
    assert.equal((await app.house.store.audit.end()).id, before);
  });
  test('on the command line prints a table, and is written down; so is a file in clear', async (context) => {
    const app = await startApp(context);
    await app.api('patch', 'tenants/acme').send({ settings, parameters }).expect(200);
    await app.api('patch', `phones/${mac}`).send({ lines: [{ user: '101-ACME', password: 'of-the-line' }] });
    const env = cleanEnvironment({ HOMEPORT_DATABASE_URL: `file:${join(app.folder, 'homeport.db')}` });
    const homeport = (...args: string[]) => run('node', ['src/homeport.js', ...args], { cwd: ROOT, env });
    const { out } = await homeport('reveal', mac);
    assert.deepEqual(out.trim().split(/\s*\n\s*/), [
      'secret         of                in clear',
      'password       line 1, 101-ACME  of-the-line',
      'fileKey        setting           0123456789abcdef',
      'adminPassword  setting           of-the-tenant',
      'x.password     raw parameter     raw-secret',
    ]);
    assert.equal(JSON.parse((await homeport('reveal', mac, '--json')).out).lines[0].password, 'of-the-line');
    // Files are not sealed with the key when somebody looks for a setting; without it they are in clear.
    await app.api('patch', 'tenants/acme').send({ settings: {} }).expect(200);
    assert.match((await homeport('render', mac, `${mac}.cfg`, '--reveal')).out, /password = of-the-line/);
    assert.doesNotMatch((await homeport('render', mac)).out, /of-the-line/);
    assert.equal((await homeport('reveal', '805ec0a0ffff')).code, 1);
    const entries = (await app.api('get', `audit?action=phone.reveal`).expect(200)).body.items;
    assert.deepEqual(
      entries.map((one: { subject: string; tenant: string }) => [one.subject, one.tenant]),
      [mac, mac, mac].map((subject) => [subject, 'acme']),
    );
    assert.ok(entries.every(({ actor }: { actor: string }) => actor.startsWith('cli:')));
  });
});

test('check tells what is doubtful about the key files, and nothing when all is well', async (context) => {
  const folder = temporaryFolder(context);
  const keyFile = join(folder, 'keys', 'homeport.key');
  const app = await startApp(context, { HOMEPORT_KEY_FILE: keyFile });
  const told = async (days = 0) => {
    const now = () => new Date(Date.now() + days * 86_400_000);
    const findings = await checkHouse({ ...app.house, now });
    return findings.filter(({ message }) => /key/.test(message) && !/API_KEY/.test(message));
  };
  const [old365, ...others] = await told(400);
  assert.deepEqual([old365?.code, old365?.severity, others], ['key.old', 'warning', []]);
  const [well, ...more] = await told(300);
  assert.deepEqual([well?.severity, more], ['ok', []]);
  assert.match(well?.message ?? '', /in use since 20\d\d-\d\d-\d\d, 300 days$/);
  const warnings = async () =>
    (await told()).filter(({ severity }) => severity === 'warning').map(({ message }) => message);
  chmodSync(join(folder, 'keys'), 0o777);
  assert.match((await warnings()).join(), /^others may write in the folder of the key file/);
  chmodSync(join(folder, 'keys'), 0o700);
  writeFileSync(`${keyFile}.new`, 'left behind', { mode: 0o600 });
  assert.match((await warnings()).join(), /homeport\.key\.new holds a key that is not in use/);
  await rotateSecrets(app.house, { name: 'cli:test', role: 'owner', scope: ALL_TENANTS, address: null });
  assert.deepEqual(await warnings(), []);
  const [old = ''] = readdirSync(join(folder, 'keys')).filter((name) => name.includes('.old-'));
  chmodSync(join(folder, 'keys', old), 0o640);
  assert.match((await warnings()).join(), /^the old key \S+ can be read by others/);
  const beside = await startApp(context);
  const findings = await checkHouse(beside.house);
  assert.ok(findings.some(({ code }) => code === 'key.beside'));
});

test('a server goes on while the key is rotated under it', async (context) => {
  const server = await startServer(context);
  const change = async (password: string) => {
    const body = { lines: [{ user: '101-ACME', password }] };
    const { status } = await server.ask({ method: 'patch', path: 'phones/805ec0a00001', body });
    assert.equal(status, 200);
  };
  const revealed = async () => {
    const { said } = await server.ask({ method: 'post', path: 'phones/805ec0a00001/reveal' });
    return (JSON.parse(said) as { lines: { password: string }[] }).lines[0]?.password;
  };
  await change('before the rotation');
  const { said } = await server.ask({ method: 'get', path: 'tenants/acme' });
  const { provisioningUrl } = JSON.parse(said) as { provisioningUrl: string };
  for (const round of ['first', 'second']) {
    const { code, out, err } = await server.homeport('secrets', 'rotate');
    assert.equal(code, 0, err);
    assert.match(out, /^\d+ values are sealed with a new key in \S+homeport\.key\nthe old key is kept in /);
    assert.doesNotMatch(out, /[A-Za-z0-9+/]{43}=/, 'no key is printed');
    const served = await fetch(`${provisioningUrl}805ec0a00001.cfg`);
    assert.match(await served.text(), /password = (before|after)/);
    await change(`after the ${round} rotation`);
    assert.equal(await revealed(), `after the ${round} rotation`);
    assert.equal((await server.ask({ method: 'get', path: '/readyz' })).status, 200);
  }
  server.running.child.kill('SIGTERM');
  const { code, err } = await server.running.ended;
  assert.equal(code, 0);
  assert.deepEqual(
    err.split('\n').filter((line) => /"level":(?:50|60)/.test(line)),
    [],
  );
  // What the server wrote last opens with the new key alone.
  const { out } = await server.homeport('reveal', '805ec0a00001', '--json');
  assert.equal(JSON.parse(out).lines[0].password, 'after the second rotation');
  const findings = JSON.parse((await server.homeport('check', '--json')).out) as Finding[];
  assert.deepEqual(
    findings.filter(({ severity }) => severity === 'error'),
    [],
  );
  assert.ok(findings.some(({ message }) => /^the key file \S+ fits .* 0 days$/.test(message)));
});
