// Journeys of admins over the API: DHCP values, upload files, accounts and claims.
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { parse } from 'csv-parse/sync';
import request from 'supertest';
import { API_KEY, type App, startApp } from '../support/app.ts';
import { answering, startYmcs, startZtp, YMCS_CREDENTIALS, ZTP_CREDENTIALS } from './services.ts';

const PUBLIC_URL = 'https://prov.example.com';
const PHONE = '805ec0a00001';
const CLAIMS = 'tenants/acme/redirections/ymcs';

const openApp = (context: TestContext) => startApp(context, { HOMEPORT_PUBLIC_URL: PUBLIC_URL });

const send = (app: App, method: 'get' | 'post' | 'put' | 'delete', path: string) =>
  request(app.adminUrl)[method](`/api/v1/${path}`).set('Authorization', `Bearer ${API_KEY}`);

const urlOf = async (app: App) => (await send(app, 'get', 'tenants/acme').expect(200)).body.provisioningUrl as string;

async function withYmcs(context: TestContext) {
  const app = await openApp(context);
  const service = await startYmcs(context);
  const account = { baseUrl: service.url, credentials: YMCS_CREDENTIALS };
  await send(app, 'put', 'redirections/ymcs').send(account).expect(200);
  return { app, service, url: await urlOf(app) };
}

test('DHCP values stand by vendor, for the tenant’s own URL', async (context) => {
  const app = await openApp(context);
  const { items } = (await send(app, 'get', 'tenants/acme/dhcp').expect(200)).body;
  const url = await urlOf(app);
  const of = (vendor: string) => items.find((one: { vendor: string }) => one.vendor === vendor).options;
  assert.deepEqual(
    of('polycom').map(({ option, value }: { option: number; value: string }) => [option, value]),
    [
      [160, url],
      [66, url],
    ],
  );
  const [, encapsulated] = of('grandstream');
  const text = url.slice(0, -1);
  assert.equal(encapsulated.hex, Buffer.from(`\u0001${String.fromCharCode(text.length)}${text}`).toString('hex'));
  await send(app, 'get', 'tenants/nobody/dhcp').expect(404);
});

describe('an upload file', () => {
  test('holds the tenant’s phones of that vendor and nobody else’s', async (context) => {
    const app = await openApp(context);
    const answer = await send(app, 'get', CLAIMS)
      .expect(200)
      .expect('content-type', /^text\/csv/);
    assert.match(answer.headers['content-disposition'] ?? '', /attachment; filename="?ymcs-phones\.csv"?$/);
    assert.deepEqual(parse(answer.text, { columns: true }), [
      { MAC: PHONE, SN: '', 'Unique Server URL': await urlOf(app), Remark: '101' },
    ]);
    const other = await send(app, 'get', 'tenants/globex/redirections/gdms').expect(200);
    assert.match(other.text, /C0:74:AD:A0:00:02/);
    assert.doesNotMatch(other.text, /C0:74:AD:A0:00:01/);
  });
  test('of a service or a tenant that is not there is a 404 that says which there are', async (context) => {
    const app = await openApp(context);
    const { body } = await send(app, 'get', 'tenants/acme/redirections/nothing').expect(404);
    assert.match(body.detail, /gdms, lens, ymcs, ztp/);
    await send(app, 'get', 'tenants/nobody/redirections/ymcs').expect(404);
  });
});

describe('an account', () => {
  test('goes in and comes out as set, never in clear', async (context) => {
    const { app, service } = await withYmcs(context);
    const shown = { baseUrl: service.url, credentials: { accessKeyId: 'set', accessKeySecret: 'set' } };
    const one = await send(app, 'get', 'redirections/ymcs').expect(200);
    assert.deepEqual(one.body.account, shown);
    const all = await send(app, 'get', 'redirections').expect(200);
    assert.deepEqual(
      all.body.items.map(({ service: name, api }: { service: string; api: boolean }) => [name, api]),
      [
        ['gdms', false],
        ['lens', false],
        ['ymcs', true],
        ['ztp', true],
      ],
    );
    for (const { text } of [one, all]) assert.ok(!text.includes(YMCS_CREDENTIALS.accessKeySecret));
    await send(app, 'delete', 'redirections/ymcs').expect(204);
    await send(app, 'delete', 'redirections/ymcs').expect(404);
    assert.equal((await send(app, 'get', 'redirections/ymcs')).body.account, null);
    await send(app, 'post', CLAIMS).send({}).expect(409);
    assert.deepEqual(service.seen, [], 'nothing is asked for an account alone');
  });
  test('without a base URL takes the service’s first', async (context) => {
    const app = await openApp(context);
    const { body } = await send(app, 'put', 'redirections/ztp').send({ credentials: ZTP_CREDENTIALS }).expect(200);
    assert.equal(body.account.baseUrl, 'https://api.ztp.poly.com/v1');
  });
  test('is refused with every fault, and without the secrets', async (context) => {
    const app = await openApp(context);
    const put = (body: object) => send(app, 'put', 'redirections/ymcs').send(body).expect(422);
    const wrong = {
      baseUrl: 'http://api.example.com',
      credentials: { accessKeySecret: 'clear-text', extra: 'other-text' },
    };
    const { body, text } = await put(wrong);
    assert.deepEqual(
      body.errors.map(({ path }: { path: string }) => path),
      ['baseUrl', 'credentials.accessKeyId', 'credentials.extra'],
    );
    assert.doesNotMatch(text, /clear-text|other-text/);
    for (const baseUrl of [
      'https://user:secret@api.example.com',
      'https://10.1.2.3',
      'https://[::ffff:10.1.2.3]/',
      'https://api.example.com/?x=1',
      'file:///etc/passwd',
      'nonsense',
    ]) {
      assert.equal((await put({ baseUrl, credentials: YMCS_CREDENTIALS })).body.errors[0].path, 'baseUrl', baseUrl);
    }
    await put({ credentials: { accessKeyId: 'a\r\nb', accessKeySecret: 'x' } });
    await put({});
    await send(app, 'put', 'redirections/gdms').send({ credentials: {} }).expect(422);
    await send(app, 'put', 'redirections/nothing').send({ credentials: {} }).expect(404);
  });
  test('is sealed in the database, and bound to its base URL', async (context) => {
    const { app } = await withYmcs(context);
    const account = await app.house.store.redirections.find('ymcs');
    assert.deepEqual(account?.credentials, YMCS_CREDENTIALS);
    const { default: Database } = await import('better-sqlite3');
    const database = new Database(`${app.folder}/homeport.db`);
    context.after(() => database.close());
    const rows = JSON.stringify(database.prepare('select * from redirection_account').all());
    for (const secret of Object.values(YMCS_CREDENTIALS)) assert.ok(!rows.includes(secret));
    database.prepare(`update redirection_account set base_url = 'https://elsewhere.example.com'`).run();
    await assert.rejects(app.house.store.redirections.find('ymcs'));
  });
});

describe('claiming', () => {
  test('all phones of the vendor, and again, answers a report per phone', async (context) => {
    const { app, service, url } = await withYmcs(context);
    const { body } = await send(app, 'post', CLAIMS).expect(200);
    assert.deepEqual(body, {
      tenant: 'acme',
      service: 'ymcs',
      url,
      done: 1,
      failed: 0,
      phones: [{ mac: PHONE, outcome: 'claimed', reason: null }],
    });
    assert.deepEqual([...service.devices], [[PHONE, url]]);
    const again = await send(app, 'post', CLAIMS)
      .send({ macs: ['80:5E:C0:A0:00:01', PHONE] })
      .expect(200);
    assert.deepEqual(again.body.phones, [{ mac: PHONE, outcome: 'unchanged', reason: null }]);
    assert.deepEqual(service.violations, []);
  });
  test('a phone that failed is in the report, and the answer is still a report', async (context) => {
    const { app, service } = await withYmcs(context);
    service.foreign.add(PHONE);
    const { body } = await send(app, 'post', CLAIMS).expect(200);
    assert.deepEqual([body.done, body.failed, body.phones[0].outcome], [0, 1, 'failed']);
  });
  test('phones of other tenants, of other vendors and of nobody is refused, and nothing is asked', async (context) => {
    const { app, service } = await withYmcs(context);
    for (const mac of ['805ec0a00002', '64167fa00001', '805ec0a0ffff']) {
      const { body } = await send(app, 'post', CLAIMS)
        .send({ macs: [PHONE, mac] })
        .expect(422);
      assert.match(body.detail, new RegExp(`no such .* phones: ${mac}`));
    }
    await send(app, 'post', CLAIMS).send({ macs: [] }).expect(422);
    await send(app, 'post', CLAIMS)
      .send({ macs: ['x'] })
      .expect(422);
    await send(app, 'post', 'tenants/nobody/redirections/ymcs').expect(404);
    await send(app, 'post', 'tenants/acme/redirections/gdms').expect(422);
    assert.deepEqual(service.seen, []);
  });
  test('at a service that fails is unavailable, and with wrong credentials a conflict', async (context) => {
    const { app, service } = await withYmcs(context);
    service.faults.push(answering(500));
    const failed = await send(app, 'post', CLAIMS).expect(503);
    assert.equal(failed.body.code, 'unavailable');
    service.faults.push(answering(401));
    const refused = await send(app, 'post', CLAIMS).expect(409);
    assert.match(refused.body.detail, /check its credentials/);
  });
  test('leaves others to write while the service is slow', async (context) => {
    const { app, service } = await withYmcs(context);
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const asked = new Promise<void>((resolve) => {
      service.faults.push((_seen, response) => {
        resolve();
        held.then(() => response.writeHead(500).end());
        return true;
      });
    });
    const claim = send(app, 'post', CLAIMS).then(({ status }) => status);
    await asked;
    await send(app, 'post', 'tenants/acme/moves').send({ pool: 'pbxB' }).expect(201);
    release();
    assert.equal(await claim, 503);
  });
  test('at the other protocol makes a profile of the tenant', async (context) => {
    const app = await openApp(context);
    const service = await startZtp(context);
    await send(app, 'put', 'redirections/ztp').send({ baseUrl: service.url, credentials: ZTP_CREDENTIALS }).expect(200);
    const { body } = await send(app, 'post', 'tenants/acme/redirections/ztp').expect(200);
    assert.deepEqual(body.phones, [{ mac: '64167fa00001', outcome: 'claimed', reason: null }]);
    assert.equal([...service.profiles.values()][0]?.name, 'homeport-acme');
    assert.deepEqual(service.violations, []);
  });
});

describe('releasing', () => {
  test('named phones of the tenant, and those it has no more but the service still sends to it', async (context) => {
    const { app, service, url } = await withYmcs(context);
    await send(app, 'post', CLAIMS).expect(200);
    service.devices.set('805ec0a0abcd', url);
    const { body } = await send(app, 'get', `${CLAIMS}/claims`).expect(200);
    assert.deepEqual(body.items, [
      { mac: PHONE, url, here: true, right: true },
      { mac: '805ec0a0abcd', url, here: false, right: false },
    ]);
    const released = await send(app, 'delete', CLAIMS)
      .send({ macs: [PHONE, '805ec0a0abcd'] })
      .expect(200);
    assert.deepEqual([released.body.done, service.devices.size], [2, 0]);
    assert.deepEqual(service.violations, []);
  });
  test('phones of other tenants, or that the service sends elsewhere, is refused and changes nothing', async (context) => {
    const { app, service, url } = await withYmcs(context);
    service.devices.set('805ec0a00002', url).set('805ec0a0abcd', 'https://other.example.com/');
    for (const mac of ['805ec0a00002', '805ec0a0abcd', '805ec0a0ffff']) {
      await send(app, 'delete', CLAIMS)
        .send({ macs: [mac] })
        .expect(422);
    }
    await send(app, 'delete', CLAIMS).send({}).expect(422);
    assert.equal(service.devices.size, 2);
  });
});

test('what was done stands in the audit, without secrets', async (context) => {
  const { app } = await withYmcs(context);
  await send(app, 'post', CLAIMS).expect(200);
  const { text, body } = await send(app, 'get', 'audit').expect(200);
  const actions = body.items.map(({ action }: { action: string }) => action).slice(0, 2);
  assert.deepEqual(actions, ['redirection.claim', 'redirection.account']);
  for (const secret of Object.values(YMCS_CREDENTIALS)) assert.ok(!text.includes(secret));
});

test('who may not, may not: accounts are the owner’s, claims the operators’, and a tenant sees itself only', async (context) => {
  const { app, service } = await withYmcs(context);
  const keyOf = async (role: string, tenants: string[] = []) =>
    (await send(app, 'post', 'keys').send({ name: role, role, tenants }).expect(201)).body.key as string;
  const operator = await keyOf('operator');
  const tenantAdmin = await keyOf('tenantAdmin', ['acme']);
  const as = (key: string, method: 'get' | 'post' | 'put' | 'delete', path: string) =>
    request(app.adminUrl)[method](`/api/v1/${path}`).set('Authorization', `Bearer ${key}`);
  const account = { baseUrl: service.url, credentials: YMCS_CREDENTIALS };
  await as(operator, 'put', 'redirections/ymcs').send(account).expect(403);
  await as(operator, 'delete', 'redirections/ymcs').expect(403);
  await as(operator, 'post', CLAIMS).expect(200);
  await as(tenantAdmin, 'get', 'redirections').expect(403);
  await as(tenantAdmin, 'post', CLAIMS).expect(403);
  await as(tenantAdmin, 'delete', CLAIMS)
    .send({ macs: [PHONE] })
    .expect(403);
  await as(tenantAdmin, 'get', CLAIMS).expect(200);
  await as(tenantAdmin, 'get', 'tenants/acme/dhcp').expect(200);
  await as(tenantAdmin, 'get', 'tenants/globex/dhcp').expect(404);
  await as(tenantAdmin, 'get', 'tenants/globex/redirections/ymcs').expect(404);
});
