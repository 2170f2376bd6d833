// What plans are made from: loads that were said, counted or measured, and the rules that an operator states once.
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { getLoad } from '../../src/app/loads.ts';
import { type Actor, ALL_TENANTS } from '../../src/domain/access.ts';
import { type App, startApp } from '../support/app.ts';

type Move = { tenant: string; from: string; to: string; weight: number };

const OWNER: Actor = { name: 'key:first', role: 'owner', scope: ALL_TENANTS, address: null };
const audits = async (app: App) => (await app.house.store.audit.end()).id;
const rules = (app: App, changes: object) => app.api('patch', 'planning').send(changes);
const propose = async (app: App, order: object = {}) =>
  (
    await app
      .api('post', 'plans')
      .send({ mode: 'fast', choices: false, ...order })
      .expect(201)
  ).body as { moves: Move[]; refused: { tenant: string; reason: string }[]; notes: string[]; infeasible: unknown[] };
const ends = ({ moves }: { moves: Move[] }) => moves.map(({ tenant, to }) => `${tenant}>${to}`).sort();

describe('the load of a tenant', () => {
  const loadOf = async (app: App, code: string) => (await app.api('get', `tenants/${code}`).expect(200)).body.load;
  test('is its phones, until somebody says another weight or chooses another source', async (context) => {
    const app = await startApp(context);
    assert.deepEqual(
      [(await loadOf(app, 'acme')).source, (await app.api('get', 'tenants/acme')).body.weight],
      ['phones', 3],
    );
    await app
      .api('patch', 'phones/805ec0a00001')
      .send({
        lines: [
          { user: '1', password: 'x1' },
          { user: '2', password: 'x2' },
        ],
      })
      .expect(200);
    await rules(app, { load: 'lines' }).expect(200);
    assert.deepEqual([(await loadOf(app, 'acme')).weight, (await loadOf(app, 'acme')).source], [4, 'lines']);
    await app.api('patch', 'tenants/acme').send({ weight: 40 }).expect(200);
    assert.deepEqual([(await loadOf(app, 'acme')).weight, (await loadOf(app, 'acme')).source], [40, 'said']);
    const { servers } = (await app.api('get', 'failover').expect(200)).body;
    assert.deepEqual(
      servers.map(({ load }: { load: number }) => load),
      [40, 3],
      'the view of the servers counts the same',
    );
  });
  test('that nobody has measured is said to be unknown, and its phones stand in', async (context) => {
    const app = await startApp(context);
    await rules(app, { load: 'calls' }).expect(200);
    const load = await loadOf(app, 'acme');
    assert.deepEqual([load.source, load.weight, load.measuredAt, load.old], ['unknown', 3, null, null]);
    assert.match((await propose(app)).notes.join(), /load of 2 of 2 tenants is unknown; planned by their phones/);
  });
  test('is measured: with its source and its time, and after a while it is old', async (context) => {
    const app = await startApp(context);
    await rules(app, { load: 'calls', loadOldAfterH: 24 }).expect(200);
    const before = await audits(app);
    const measuredAt = new Date(Date.now() - 3_600_000).toISOString();
    const { body } = await app
      .api('put', 'tenants/acme/load')
      .send({ calls: 12, source: 'voip1', measuredAt })
      .expect(200);
    assert.deepEqual(
      [body.weight, body.source, body.calls, body.registrations, body.measuredBy, body.measuredAt, body.old],
      [12, 'calls', 12, null, 'voip1', measuredAt, false],
    );
    assert.equal((await audits(app)) - before, 1);
    const later = { ...app.house, now: () => new Date(Date.now() + 24 * 3_600_000) };
    assert.equal((await getLoad(later, 'acme', OWNER)).old, true);
    await app.api('put', 'tenants/globex/load').send({ calls: 1, measuredAt: '2020-01-01T00:00:00Z' }).expect(200);
    assert.match((await propose(app)).notes.join(), /load of 1 of 2 tenants was measured more than 24 h ago/);
    await app.api('delete', 'tenants/acme/load').expect(204);
    await app.api('delete', 'tenants/acme/load').expect(404);
    assert.equal((await loadOf(app, 'acme')).source, 'unknown');
  });
  test('is refused when nothing was measured, or in the future, or of nobody', async (context) => {
    const app = await startApp(context);
    const before = await audits(app);
    for (const body of [{}, { calls: -1 }, { calls: 1, measuredAt: '2999-01-01T00:00:00Z' }, { calls: 1, more: 2 }]) {
      await app.api('put', 'tenants/acme/load').send(body).expect(422);
    }
    await app.api('put', 'tenants/nobody/load').send({ calls: 1 }).expect(404);
    assert.equal(await audits(app), before);
  });
  test('comes for many at once, as JSON or as a table, all or nothing', async (context) => {
    const app = await startApp(context);
    const items = [
      { tenant: 'acme', calls: 5, registrations: 3 },
      { tenant: 'nobody', calls: 1 },
    ];
    const put = (body: object | string) =>
      app
        .api('put', 'loads')
        .set('Content-Type', typeof body === 'string' ? 'text/csv' : 'application/json')
        .send(body);
    const before = await audits(app);
    const faulty = await put({ items }).expect(422);
    assert.deepEqual(faulty.body.errors, [{ path: 'items.1', message: 'tenant nobody does not exist' }]);
    const table = await put('Tenant;Peak calls;Registered;PBX\nacme;7;3;voip1\nglobex;x;2;voip1').expect(422);
    assert.match(table.body.detail, /line 3, column 2/);
    const twice = await put('tenant,calls\nacme,7\nacme,8').expect(422);
    assert.match(twice.body.detail, /line 3: names tenant acme a second time/);
    assert.equal(await audits(app), before, 'nothing was taken');
    assert.deepEqual((await put({ items: items.slice(0, 1) }).expect(200)).body, { measured: 1, unknown: 1 });
    assert.deepEqual((await put('Tenant;Peak calls;Registered;PBX\nglobex;9;2;voip2').expect(200)).body, {
      measured: 1,
      unknown: 0,
    });
    assert.equal((await audits(app)) - before, 2, 'one entry each');
    const { items: all } = (await app.api('get', 'loads').expect(200)).body;
    assert.deepEqual(
      all.map((one: Record<string, unknown>) => [one.tenant, one.calls, one.registrations, one.measuredBy]),
      [
        ['acme', 5, 3, 'by hand'],
        ['globex', 9, 2, 'voip2'],
      ],
    );
  });
  test('that was measured is what plans count with', async (context) => {
    const app = await startApp(context);
    await app.api('post', 'tenants').send({ code: 'initech', name: 'I', pool: 'pbxA' }).expect(201);
    const items = ['acme', 'globex', 'initech'].map((tenant, index) => ({ tenant, calls: [30, 2, 20][index] }));
    await app.api('put', 'loads').send({ items }).expect(200);
    assert.deepEqual(ends(await propose(app)), [], 'by phones it is even');
    const [move] = (await propose(app, { goals: { load: 'calls' } })).moves;
    assert.deepEqual([move?.to, [20, 30].includes(move?.weight ?? 0)], ['pbxB', true]);
  });
});

describe('the rules for plans', () => {
  /** Two servers with four tenants of different weights, all on the first. */
  const uneven = async (context: TestContext) => {
    const app = await startApp(context);
    for (const [code, weight] of Object.entries({ big: 40, mid: 30, low: 20 })) {
      await app.api('post', 'tenants').send({ code, name: code, pool: 'pbxA', weight }).expect(201);
    }
    for (const name of ['voip1', 'voip2'])
      await app.api('patch', `servers/${name}`).send({ capacity: 200 }).expect(200);
    return app;
  };
  test('are stated once and hold for every plan: pins, exclusions, apart, together', async (context) => {
    const app = await uneven(context);
    const poolsAfter = async (order: object = {}) => {
      const { moves } = await propose(app, order);
      return (code: string) => moves.find(({ tenant }) => tenant === code)?.to ?? 'pbxA';
    };
    await rules(app, { pins: [{ tenant: 'big', pool: 'pbxB' }] }).expect(200);
    assert.equal((await poolsAfter())('big'), 'pbxB');
    await rules(app, { pins: [{ tenant: 'big' }], exclusions: [{ tenant: 'low', servers: ['voip1'] }] }).expect(200);
    const both = await poolsAfter();
    assert.deepEqual([both('big'), both('low')], ['pbxA', 'pbxB']);
    await rules(app, { pins: [], exclusions: [], apart: [['big', 'mid']] }).expect(200);
    const apart = await poolsAfter();
    assert.notEqual(apart('big'), apart('mid'));
    await rules(app, { apart: [], together: [['mid', 'low']] }).expect(200);
    const together = await poolsAfter();
    assert.equal(together('mid'), together('low'));
    const { revision } = (await app.api('get', 'planning')).body;
    assert.equal(revision, 4);
    await rules(app, { apart: [], revision: 1 }).expect(409);
  });
  test('an order adds wishes, and says other numbers for itself alone', async (context) => {
    const app = await uneven(context);
    await rules(app, { pins: [{ tenant: 'big' }], strays: 0.1 }).expect(200);
    const plan = await propose(app, { goals: { pins: [{ tenant: 'mid' }] } });
    assert.ok(ends(plan).every((one) => !/big|mid/.test(one)));
    assert.equal((await app.api('get', 'planning')).body.strays, 0.1);
    await app
      .api('post', 'plans')
      .send({ goals: { pins: [{ tenant: 'big', pool: 'pbxB' }] } })
      .expect(422);
  });
  test('windows of one tenant, and of all others', async (context) => {
    const app = await uneven(context);
    // An hour that is not now, in UTC.
    const hour = (new Date().getUTCHours() + 12) % 24;
    const closed = { from: `${String(hour).padStart(2, '0')}:00`, to: `${String(hour).padStart(2, '0')}:30` };
    const open = { from: '00:00', to: '00:00' };
    await rules(app, { windows: [closed, { tenant: 'low', ...open }] }).expect(200);
    const plan = await propose(app, { drain: ['voip1'], limits: {} });
    assert.ok(ends(plan).length > 0 && ends(plan).every((one) => one.startsWith('low')), ends(plan).join());
    const stays = plan.refused.map(({ tenant }) => tenant);
    assert.deepEqual(stays.toSorted(), ['acme', 'big', 'mid']);
    assert.match(plan.refused[0]?.reason ?? '', /only in its maintenance window, every day from/);
  });
  test('name only what exists; what goes later is told by every plan and left out', async (context) => {
    const app = await uneven(context);
    for (const wrong of [
      { pins: [{ tenant: 'nobody' }] },
      { exclusions: [{ tenant: 'big', pools: ['p9'] }] },
      { apart: [['big', 'nobody']] },
      { apart: [['big']] },
      { windows: [{ from: '25:00', to: '01:00' }] },
      { approval: 'third' },
    ]) {
      await rules(app, wrong).expect(422);
    }
    assert.equal((await app.api('get', 'planning')).body.revision, 0);
    await rules(app, { pins: [{ tenant: 'low' }] }).expect(200);
    await app.api('delete', 'tenants/low').expect(204);
    assert.match((await propose(app)).notes.join(), /the rules name what is not there any more: tenant low/);
  });
  test('are part of the document of everything, and come back with it', async (context) => {
    const app = await uneven(context);
    const wanted = {
      load: 'calls',
      pins: [{ tenant: 'big', pool: 'pbxA' }],
      windows: [{ from: '22:00', to: '04:00' }],
    };
    await rules(app, wanted).expect(200);
    const { body: state } = await app.api('get', 'exports/state?reveal=1').expect(200);
    assert.deepEqual([state.planning.load, state.planning.pins], ['calls', wanted.pins]);
    assert.deepEqual((await app.api('post', 'imports/state?apply=1').send(state).expect(200)).body.items, []);
    const other = await startApp(context, { demo: '0', HOMEPORT_PUBLIC_URL: app.publicUrl });
    await other.api('post', 'imports/state?apply=1').send(state).expect(200);
    const [here, there] = [await app.api('get', 'planning'), await other.api('get', 'planning')];
    assert.deepEqual({ ...there.body, revision: 0 }, { ...here.body, revision: 0 });
    state.planning.strays = 0.2;
    const steps = (await app.api('post', 'imports/state').send(state).expect(200)).body.items;
    assert.deepEqual(
      steps.map(({ action, changes }: { action: string; changes: object[] }) => [action, changes]),
      [['planning.change', [{ path: 'strays', before: 0, after: 0.2 }]]],
    );
  });
});
