// Looking before acting: what a move or another change would do, and that looking changes nothing.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type App, startApp } from '../support/app.ts';

const MACS = ['805ec0a00001', '64167fa00001', 'c074ada00001'];

/** Everything that the phones of both tenants would get now, and where the chain of the audit ends. */
async function stateOf(app: App): Promise<unknown> {
  const files = [];
  for (const mac of [...MACS, ...MACS.map((one) => one.replace(/1$/, '2'))])
    files.push((await app.api('get', `phones/${mac}/files`).expect(200)).body);
  return { files, tenants: (await app.api('get', 'tenants')).body, audit: await app.house.store.audit.end() };
}

/** Looks twice at the same, and makes sure that nothing has changed. */
async function look(app: App, method: 'post' | 'patch', path: string, body: object) {
  const before = await stateOf(app);
  const { body: shown } = await app.api(method, `${path}?preview=1`).send(body).expect(200);
  assert.deepEqual(await stateOf(app), before, 'looking changes nothing');
  return shown;
}

describe('a move that is looked at', () => {
  test('shows servers, loads, failures and the difference of every phone', async (context) => {
    const app = await startApp(context);
    const shown = await look(app, 'post', 'tenants/acme/moves', { pool: 'pbxB' });
    assert.deepEqual([shown.fromServer, shown.toServer, shown.phones, shown.lines], ['voip1', 'voip2', 3, 3]);
    assert.deepEqual(shown.before, [
      { server: 'voip1', capacity: null, load: 3, whenLost: { voip2: 6 } },
      { server: 'voip2', capacity: null, load: 3, whenLost: { voip1: 6 } },
    ]);
    assert.deepEqual(shown.after, [
      { server: 'voip1', capacity: null, load: 0, whenLost: { voip2: 6 } },
      { server: 'voip2', capacity: null, load: 6, whenLost: { voip1: 6 } },
    ]);
    assert.deepEqual([shown.impact.phones, shown.impact.changed, shown.impact.groups.length], [3, 3, 3]);
    for (const { removed, added } of shown.impact.groups) {
      assert.ok(removed.length > 0 && removed.length === added.length);
      assert.deepEqual(removed.map((line: string) => line.replaceAll('pbxa', 'pbxb')).sort(), [...added].sort());
    }
    assert.match(shown.warnings.join(), /3 of 3 phones have not fetched/);
  });
  test('says what it then does', async (context) => {
    const app = await startApp(context);
    const { impact, revision } = await look(app, 'post', 'tenants/acme/moves', { pool: 'pbxB' });
    const text = async (mac: string) => {
      const { items } = (await app.api('get', `phones/${mac}/files`)).body;
      const files = items.map(({ name }: { name: string }) => app.api('get', `phones/${mac}/files/${name}`));
      return (await Promise.all(files)).map((file) => file.text ?? file.body.toString()).join('\n');
    };
    await app.api('post', 'tenants/acme/moves').send({ pool: 'pbxB', revision }).expect(201);
    for (const { examples, added, removed } of impact.groups) {
      const lines = (await text(examples[0])).split('\n').map((line) => line.trim());
      for (const line of added) assert.ok(lines.includes(line), line);
      for (const line of removed) assert.ok(!lines.includes(line), line);
    }
  });
  test('warns of a server that is draining, and of too much load', async (context) => {
    const app = await startApp(context);
    await app.api('patch', 'servers/voip2').send({ state: 'draining', capacity: 5 }).expect(200);
    const { warnings } = await look(app, 'post', 'tenants/acme/moves', { pool: 'pbxB' });
    assert.match(warnings.join('; '), /voip2 is draining/);
    assert.match(warnings.join('; '), /server voip2 bears 6 of 5/);
  });
  test('is refused where the move would be', async (context) => {
    const app = await startApp(context);
    await app.api('post', 'tenants/acme/moves?preview=1').send({ pool: 'pbxA' }).expect(409);
    await app.api('post', 'tenants/acme/moves?preview=1').send({ pool: 'pbxB', revision: 9 }).expect(409);
    await app.api('post', 'tenants/nobody/moves?preview=1').send({ pool: 'pbxB' }).expect(404);
  });
});

describe('any other change that is looked at', () => {
  test('of a setting for everybody: phones in the groups of their vendors', async (context) => {
    const app = await startApp(context);
    const shown = await look(app, 'patch', 'settings/installation', { settings: { ntpServer: 'time.example.com' } });
    assert.deepEqual([shown.phones, shown.changed, shown.groups.length], [6, 6, 3]);
    for (const { phones, added } of shown.groups) {
      assert.equal(phones, 2);
      assert.ok(added.some((line: string) => line.includes('time.example.com')));
    }
  });
  test('of a vendor’s or a model’s setting: only its phones', async (context) => {
    const app = await startApp(context);
    const settings = { ntpServer: 'time.example.com' };
    assert.equal((await look(app, 'patch', 'settings/vendors/yealink', { settings })).phones, 2);
    assert.equal((await look(app, 'patch', 'settings/models/polycom/VVX 450', { settings })).changed, 2);
    assert.equal((await look(app, 'patch', 'settings/models/polycom/VVX 350', { settings })).phones, 0);
  });
  test('of a setting that the tenant says otherwise: nothing for its phones', async (context) => {
    const app = await startApp(context);
    await app
      .api('patch', 'tenants/acme')
      .send({ settings: { ntpServer: 'acme.example.com' } })
      .expect(200);
    const shown = await look(app, 'patch', 'settings/installation', { settings: { ntpServer: 'time.example.com' } });
    assert.deepEqual([shown.phones, shown.changed], [6, 3]);
  });
  test('of a tenant, a phone and a pool', async (context) => {
    const app = await startApp(context);
    const tenant = await look(app, 'patch', 'tenants/acme', { settings: { registerExpiresS: 600 } });
    assert.deepEqual([tenant.phones, tenant.changed], [3, 3]);
    const phone = await look(app, 'patch', `phones/${MACS[0]}`, { settings: { registerExpiresS: 600 } });
    assert.deepEqual([phone.phones, phone.changed, phone.groups[0].examples], [1, 1, [MACS[0]]]);
    const pool = await look(app, 'patch', 'pools/pbxA', { transports: ['tls'] });
    // The Polycom phone asks NAPTR, which tells it the transport: its files stay as they are.
    assert.deepEqual([pool.phones, pool.changed], [3, 2]);
    assert.equal((await look(app, 'patch', 'pools/pbxA', { ttl: 60 })).changed, 0, 'phones know nothing of a TTL');
  });
  test('says which phones restart, as far as their makers say', async (context) => {
    const app = await startApp(context);
    const restarting = async (settings: object) => {
      const { groups } = await look(app, 'patch', 'tenants/acme', { settings });
      return Object.fromEntries(
        groups.map((group: { vendor: string; restarts: boolean }) => [group.vendor, group.restarts]),
      );
    };
    assert.deepEqual(await restarting({ vlanId: 20 }), { yealink: true, polycom: true, grandstream: true });
    // A Polycom phone restarts whenever a file of its list has changed.
    assert.deepEqual(await restarting({ registerExpiresS: 600 }), {
      yealink: false,
      polycom: true,
      grandstream: false,
    });
  });
  test('of a secret alone is counted, and said without the secret', async (context) => {
    const app = await startApp(context);
    await app
      .api('patch', 'tenants/acme')
      .send({ settings: { adminPassword: 'Tr0ub4dor' } })
      .expect(200);
    const shown = await look(app, 'patch', 'tenants/acme', { settings: { adminPassword: 'Tr0ub4dor2' } });
    assert.deepEqual([shown.phones, shown.changed, shown.restarting], [3, 3, 1]);
    for (const { hidden, removed, added } of shown.groups) assert.deepEqual([hidden, removed, added], [true, [], []]);
    assert.ok(!JSON.stringify(shown).includes('Tr0ub4dor'));
    const same = await look(app, 'patch', 'tenants/acme', { settings: { adminPassword: 'Tr0ub4dor' } });
    assert.equal(same.changed, 0);
  });
  test('never shows a secret', async (context) => {
    const app = await startApp(context);
    const lines = [{ user: '101-ACME', password: 'brand new secret', label: 'Desk' }];
    const shown = await look(app, 'patch', `phones/${MACS[0]}`, { lines, settings: { adminPassword: 'Tr0ub4dor' } });
    const text = JSON.stringify(shown);
    assert.ok(!text.includes('brand new secret') && !text.includes('Tr0ub4dor'));
    assert.match(text, /Desk/);
  });
  test('is refused where the change would be', async (context) => {
    const app = await startApp(context);
    await app.api('patch', 'tenants/acme?preview=1').send({ pool: 'pbxB' }).expect(422);
    await app
      .api('patch', 'settings/installation?preview=1')
      .send({ settings: { mwi: 'maybe' } })
      .expect(422);
  });
});

test('the failover of everything', async (context) => {
  const app = await startApp(context);
  await app.api('patch', 'servers/voip1').send({ capacity: 4 }).expect(200);
  assert.deepEqual((await app.api('get', 'failover').expect(200)).body, {
    servers: [
      { server: 'voip1', capacity: 4, load: 3, whenLost: { voip2: 6 } },
      { server: 'voip2', capacity: null, load: 3, whenLost: { voip1: 6 } },
    ],
  });
});
