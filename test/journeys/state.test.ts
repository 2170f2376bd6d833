// Everything as one document: out, looked at, applied, and what is not in it removed where somebody says so.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type App, startApp } from '../support/app.ts';

type Step = { action: string; subject: string; changes: { path: string; after: unknown }[] };

const stateOf = async (app: App, query = '') => (await app.api('get', `exports/state${query}`).expect(200)).body;
const bring = (app: App, state: object, query = '') => app.api('post', `imports/state${query}`).send(state);
const steps = ({ body }: { body: { items: Step[] } }) =>
  body.items.map(({ action, subject }) => `${action} ${subject}`);

/** The demo world with something of everything. */
async function richApp(app: App): Promise<void> {
  await app
    .api('patch', 'settings/installation')
    .send({ settings: { timeZone: 'Europe/Berlin' } })
    .expect(200);
  await app
    .api('patch', 'settings/models/yealink/T46U')
    .send({ settings: { adminPassword: 'Tr0ub4dor' } })
    .expect(200);
  await app
    .api('put', 'tenants/acme/contacts')
    .send({ items: [{ name: 'Anna', work: '1' }] })
    .expect(200);
  const parameters = { yealink: { 'features.power_saving.enable': '0' } };
  await app
    .api('patch', 'phones/805ec0a00001')
    .send({ parameters, keys: [{ position: 1, type: 'line' }] })
    .expect(200);
}

describe('the document', () => {
  test('brought back where it came from changes nothing, with its secrets or without', async (context) => {
    const app = await startApp(context);
    await richApp(app);
    for (const query of ['', '?reveal=1']) {
      const state = await stateOf(app, query);
      const answer = await bring(app, state, '?apply=1&prune=1').expect(200);
      assert.deepEqual(steps(answer as never), [], query);
    }
  });
  test('holds secrets only when asked for, and that is written down', async (context) => {
    const app = await startApp(context);
    await richApp(app);
    const plain = JSON.stringify(await stateOf(app));
    assert.ok(!plain.includes('Tr0ub4dor') && !plain.includes('"password"'));
    assert.match(JSON.stringify(await stateOf(app, '?reveal=1')), /Tr0ub4dor/);
    const [entry] = (await app.api('get', 'audit?limit=1')).body.items;
    assert.deepEqual([entry.action, entry.subject], ['phones.reveal', 'state']);
  });
  test('makes an empty house the same, secrets and all', async (context) => {
    const app = await startApp(context);
    await richApp(app);
    const state = await stateOf(app, '?reveal=1');
    const other = await startApp(context, { demo: '0', HOMEPORT_PUBLIC_URL: app.publicUrl });
    assert.ok(steps((await bring(other, state).expect(200)) as never).length >= 14, 'looked at');
    assert.deepEqual((await stateOf(other)).tenants, [], 'looking changes nothing');
    await bring(other, state, '?apply=1').expect(200);
    assert.deepEqual(await stateOf(other, '?reveal=1'), state);
  });
  test('says what it would do, and does just that', async (context) => {
    const app = await startApp(context);
    const state = await stateOf(app);
    state.servers.push({ name: 'voip3', host: 'voip3.example.com' });
    state.tenants[0].pool = 'pbxB';
    state.tenants[0].name = 'Acme Ltd';
    const phone = state.phones.find(({ mac }: { mac: string }) => mac === '805ec0a00001');
    phone.enabled = false;
    const looked = (await bring(app, state).expect(200)).body;
    assert.deepEqual(steps({ body: looked }), [
      'server.add voip3',
      'tenant.change acme',
      'tenant.move acme',
      'phone.change 805ec0a00001',
    ]);
    assert.equal((await app.api('get', 'tenants/acme')).body.pool, 'pbxA');
    assert.deepEqual((await bring(app, state, '?apply=1').expect(200)).body, looked);
    assert.equal((await app.api('get', 'tenants/acme')).body.pool, 'pbxB');
    const file = (await app.phone('get', `${await app.folderOf('acme')}64167fa00001-lines.cfg`).expect(200)).body;
    assert.match(file.toString(), /pbxb\.example\.com/);
    assert.match(file.toString(), /auth\.password="[^"*]{20}"/, 'the password is still the phone’s own');
  });
  test('removes what it does not name only where somebody says so', async (context) => {
    const app = await startApp(context);
    const state = await stateOf(app);
    const less = {
      ...state,
      tenants: state.tenants.filter(({ code }: { code: string }) => code === 'acme'),
      phones: state.phones.filter(({ tenant }: { tenant: string }) => tenant === 'acme'),
      pools: state.pools.filter(({ name }: { name: string }) => name === 'pbxA'),
    };
    assert.deepEqual((await bring(app, less, '?apply=1').expect(200)).body.items, []);
    const removed = steps((await bring(app, less, '?apply=1&prune=1').expect(200)) as never);
    assert.equal(removed.filter((step) => step.startsWith('phone.remove')).length, 3);
    assert.deepEqual(removed.slice(3), ['tenant.remove globex', 'pool.remove pbxB']);
    await app.api('get', 'tenants/globex').expect(404);
  });
  test('with a fault is refused by its place, and nothing of it is done', async (context) => {
    const app = await startApp(context);
    const state = await stateOf(app);
    state.tenants[0].name = 'Other';
    state.tenants[1].pool = 'nowhere';
    state.phones[2].model = 'T99';
    const { body } = await bring(app, state, '?apply=1').expect(422);
    assert.deepEqual(
      body.errors.map(({ path }: { path: string }) => path),
      ['tenants.1', 'phones.2.model'],
    );
    assert.equal((await app.api('get', 'tenants/acme')).body.name, 'Acme');
    await bring(app, { homeport: 2 }).expect(422);
    await bring(app, { homeport: 1, nonsense: [] }).expect(422);
  });
});
