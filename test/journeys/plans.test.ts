// Plans over the API: proposed, looked at, approved, applied in whole or in part, taken back; and everything that refuses.
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { applyPlan } from '../../src/app/apply-plan.ts';
import { approvePlan } from '../../src/app/plans.ts';
import { type Actor, ALL_TENANTS, type Role } from '../../src/domain/access.ts';
import { AppError } from '../../src/domain/errors.ts';
import { type App, startApp } from '../support/app.ts';
import { bringFleet } from '../support/fleet.ts';

type Move = { tenant: string; from: string; to: string; phones: number; weight: number; reason: string };
type Loads = { server: string; capacity: number | null; load: number; whenLost: Record<string, number> }[];
type Shown = { id: number; digest: string; moves: Move[]; before: Loads; after: Loads } & {
  summary: { phones: number; feasible: boolean };
  choices: { id: number; summary: { phones: number; worstAfter: number } }[];
  needsApproval: boolean;
  mode: string;
  proven: boolean | null;
};

const propose = async (app: App, order: object = {}, key?: string): Promise<Shown> =>
  (
    await app
      .api('post', 'plans', key)
      .send({ mode: 'fast', choices: false, ...order })
      .expect(201)
  ).body;
const apply = (app: App, { id, digest }: Shown, wish: object = {}, key?: string) =>
  app.api('post', `plans/${id}/application`, key).send({ digest, ...wish });
const keyFor = async (app: App, role: Role, tenants: string[] = []): Promise<string> =>
  (await app.api('post', 'keys').send({ name: role, role, tenants }).expect(201)).body.key;

const HISTORY = 1_000;
/** Everything that an application could change. */
async function world(app: App) {
  const { store } = app.house;
  const tenants = await store.tenants.list(ALL_TENANTS, { after: null, limit: HISTORY });
  const moves = (
    await Promise.all(tenants.map(({ code }) => store.moves.list(code, { before: null, limit: HISTORY })))
  ).flat();
  return {
    pools: Object.fromEntries(tenants.map(({ code, pool }) => [code, pool])),
    states: Object.fromEntries((await store.servers.list()).map(({ name, state }) => [name, state])),
    moves: moves.length,
    audit: (await store.audit.end()).id,
  };
}

/** A demo world whose rules let half of the phones move at once. */
async function demo(context: TestContext, rules: object = { shareMax: 0.5 }): Promise<App> {
  const app = await startApp(context);
  await app.api('patch', 'planning').send(rules).expect(200);
  return app;
}

const drained = { drain: ['voip1'] };

describe('a plan', () => {
  test('says what it would do and does nothing', async (context) => {
    const app = await demo(context);
    const before = await world(app);
    const plan = await propose(app, drained);
    assert.deepEqual(plan.moves, [
      {
        ...{ tenant: 'acme', from: 'pbxA', to: 'pbxB', weight: 3, phones: 3 },
        reason: 'must leave pool pbxA, whose server voip1 is not in use',
      },
    ]);
    assert.deepEqual(
      [plan.before, plan.after].map((loads) => loads.map(({ server, load }) => [server, load])),
      [
        [
          ['voip1', 3],
          ['voip2', 3],
        ],
        [
          ['voip1', 0],
          ['voip2', 6],
        ],
      ],
    );
    const after = await world(app);
    assert.deepEqual({ ...after, audit: 0 }, { ...before, audit: 0 }, 'nothing was moved');
    assert.equal(after.audit - before.audit, 1, 'it is written down who proposed it');
    assert.deepEqual((await app.api('get', `plans/${plan.id}`).expect(200)).body, plan);
  });
  test('is applied as one: pools, moves, the server’s state, one audit entry with every move', async (context) => {
    const app = await demo(context);
    const plan = await propose(app, drained);
    const before = await world(app);
    const { body } = await apply(app, plan).expect(201);
    const after = await world(app);
    assert.deepEqual(after.pools, { acme: 'pbxB', globex: 'pbxB' });
    assert.deepEqual(after.states, { voip1: 'draining', voip2: 'active' });
    assert.deepEqual([after.moves - before.moves, after.audit - before.audit], [1, 1]);
    assert.deepEqual([body.plan, body.moves, body.phones, body.forced], [plan.id, ['acme'], 3, false]);
    assert.deepEqual((await app.api('get', `plans/${plan.id}/application`).expect(200)).body, body);
    const [move] = (await app.api('get', 'tenants/acme/moves').expect(200)).body.items;
    assert.deepEqual([move.plan, move.fromPool, move.toPool, move.actor], [plan.id, 'pbxA', 'pbxB', 'key:first']);
    const [entry] = (await app.api('get', 'audit?limit=1')).body.items;
    assert.deepEqual([entry.action, entry.subject], ['plan.apply', String(plan.id)]);
    const changes = Object.fromEntries(entry.changes.map((one: { path: string }) => [one.path, one]));
    assert.deepEqual(changes['tenants.acme.pool'], { path: 'tenants.acme.pool', before: 'pbxA', after: 'pbxB' });
    assert.deepEqual(changes['servers.voip1.state'], {
      path: 'servers.voip1.state',
      before: 'active',
      after: 'draining',
    });
    const file = await app.phone('get', `${await app.folderOf('acme')}805ec0a00001.cfg`).expect(200);
    assert.match(file.body.toString(), /pbxb\.example\.com/, 'the phone’s next file names the new pool');
  });
  test('is applied once', async (context) => {
    const app = await demo(context);
    const plan = await propose(app, drained);
    await apply(app, plan).expect(201);
    const before = await world(app);
    assert.match((await apply(app, plan).expect(409)).body.detail, /plan 1 was applied at .* by key:first/);
    assert.deepEqual(await world(app), before);
  });
  test('that cannot be says which limit and by how much, and is not applied', async (context) => {
    const app = await demo(context);
    await app.api('patch', 'servers/voip2').send({ capacity: 5 }).expect(200);
    const plan = (
      await app
        .api('post', 'plans')
        .send({ ...drained, mode: 'fast' })
        .expect(201)
    ).body;
    assert.deepEqual([plan.moves, plan.summary.feasible], [[], false]);
    assert.match(plan.infeasible[0].message, /voip2/);
    assert.equal(plan.infeasible[0].by, 1);
    assert.match((await apply(app, plan).expect(409)).body.detail, /reaches nothing/);
  });
  test('of an even fleet is not applied, as there is nothing to do', async (context) => {
    const app = await demo(context);
    const plan = await propose(app);
    assert.match((await apply(app, plan).expect(409)).body.detail, /moves nobody/);
  });
  test('of an order that names nobody is refused, and nothing is stored', async (context) => {
    const app = await demo(context);
    for (const order of [{ drain: ['voip9'] }, { goals: { pins: [{ tenant: 'nobody' }] } }, { goal: {} }]) {
      await app.api('post', 'plans').send(order).expect(422);
    }
    assert.deepEqual((await app.api('get', 'plans').expect(200)).body.items, []);
  });
});

describe('an application is refused', () => {
  const refused = async (app: App, plan: Shown, wish: object, what: RegExp, status = 409) => {
    const before = await world(app);
    const { body } = await apply(app, plan, wish).expect(status);
    assert.match(body.detail, what);
    assert.deepEqual(await world(app), before, 'nothing was changed');
    return body;
  };
  test('with another digest than the one that was shown', async (context) => {
    const app = await demo(context);
    await refused(app, await propose(app, drained), { digest: '0'.repeat(32) }, /not the digest of plan 1/);
  });
  test('when the fleet has changed since, and it is said what', async (context) => {
    const changes: [string, (app: App) => Promise<unknown>, RegExp][] = [
      [
        'a move',
        (app) => app.api('post', 'tenants/acme/moves').send({ pool: 'pbxB' }).expect(201),
        /tenant acme stands on pool pbxB, not on pbxA/,
      ],
      [
        'a weight',
        (app) => app.api('patch', 'tenants/globex').send({ weight: 9 }).expect(200),
        /tenant globex weighs 9, not 3/,
      ],
      ['a phone', (app) => app.api('delete', 'phones/805ec0a00002').expect(204), /tenant globex has 2 phones, not 3/],
      [
        'a capacity',
        (app) => app.api('patch', 'servers/voip2').send({ capacity: 90 }).expect(200),
        /server voip2 was changed/,
      ],
      ['a pool', (app) => app.api('patch', 'pools/pbxA').send({ ttl: 60 }).expect(200), /pool pbxA was changed/],
      [
        'a rule',
        (app) => app.api('patch', 'planning').send({ strays: 0.1 }).expect(200),
        /the rules for plans were changed/,
      ],
    ];
    const app = await demo(context);
    for (const [name, change, what] of changes) {
      const plan = await propose(app, name === 'a move' ? drained : { ...drained, limits: {} });
      await change(app);
      await refused(app, plan, { force: true }, what);
    }
  });
  test('not when what has changed plays no part', async (context) => {
    const app = await demo(context);
    const plan = await propose(app, drained);
    await app
      .api('patch', 'tenants/acme')
      .send({ name: 'Acme Ltd', settings: { mwi: true } })
      .expect(200);
    await app.api('put', 'tenants/acme/load').send({ calls: 7 }).expect(200);
    await apply(app, plan).expect(201);
  });
  test('when it has expired', async (context) => {
    const app = await demo(context, { shareMax: 0.5, expiresAfterM: 15 });
    const { id, digest } = await propose(app, drained);
    const actor: Actor = { name: 'key:first', role: 'owner', scope: ALL_TENANTS, address: null };
    const later = (minutes: number) => ({ ...app.house, now: () => new Date(Date.now() + minutes * 60_000) });
    const before = await world(app);
    await assert.rejects(
      applyPlan(later(16), id, { digest }, actor),
      (error) => error instanceof AppError && error.code === 'conflict' && /expired at/.test(error.message),
    );
    await assert.rejects(approvePlan(later(16), id, { digest }, { ...actor, name: 'key:other' }), /expired/);
    assert.deepEqual(await world(app), before);
    assert.equal((await applyPlan(later(14), id, { digest }, actor)).tenants, 1);
  });
  test('when it moves more phones at once than the rules allow, unless it is forced', async (context) => {
    const app = await demo(context, {});
    const plan = await propose(app, drained);
    const { code } = await refused(app, plan, {}, /moves 3 of 6 phones at once, 50 %, and the limit is 30 %/);
    assert.equal(code, 'unsafe');
    const { body } = await apply(app, plan, { force: true }).expect(201);
    assert.equal(body.forced, true);
  });
  test('when somebody who may only look, or a tenant’s own people, send it', async (context) => {
    const app = await demo(context);
    const plan = await propose(app, drained);
    const before = await world(app);
    const viewer = await keyFor(app, 'viewer');
    await apply(app, plan, {}, viewer).expect(403);
    await app.api('post', 'plans', viewer).send({}).expect(403);
    assert.equal((await app.api('get', `plans/${plan.id}`, viewer).expect(200)).body.moves.length, 1, 'may look');
    for (const role of ['tenantAdmin', 'tenantViewer'] as const) {
      const key = await keyFor(app, role, ['acme']);
      await apply(app, plan, {}, key).expect(403);
      await app.api('get', 'plans', key).expect(403);
      await app.api('get', `plans/${plan.id}`, key).expect(403);
    }
    assert.deepEqual((await world(app)).pools, before.pools);
  });
});

describe('where a second person must approve', () => {
  const strict = { shareMax: 0.5, approval: 'second' };
  test('who proposed a plan may not approve it, and nobody applies it before somebody else has', async (context) => {
    const app = await demo(context, strict);
    const operator = await keyFor(app, 'operator');
    const plan = await propose(app, drained);
    assert.equal(plan.needsApproval, true);
    const before = await world(app);
    const { digest } = plan;
    assert.match(
      (await apply(app, plan).expect(409)).body.detail,
      /needs the approval of somebody else than key:first/,
    );
    const approval = `plans/${plan.id}/approval`;
    assert.match(
      (await app.api('post', approval).send({ digest }).expect(403)).body.detail,
      /somebody else must approve/,
    );
    await app.api('post', approval, operator).send({ digest: 'another' }).expect(409);
    assert.deepEqual(await world(app), before);
    const approved = (await app.api('post', approval, operator).send({ digest }).expect(201)).body;
    assert.match(approved.approvedBy, /^key:/);
    assert.deepEqual({ ...(await world(app)), audit: 0 }, { ...before, audit: 0 }, 'an approval moves nobody');
    assert.equal((await world(app)).audit - before.audit, 1);
    await app.api('post', approval, operator).send({ digest }).expect(409);
    await apply(app, plan).expect(201);
  });
  test('only an owner changes that', async (context) => {
    const app = await demo(context, strict);
    const operator = await keyFor(app, 'operator');
    for (const change of [{ approval: 'none' }, { shareMax: 1 }]) {
      await app.api('patch', 'planning', operator).send(change).expect(403);
    }
    await app.api('patch', 'planning', operator).send({ expiresAfterM: 30 }).expect(200);
    const { body } = await app.api('get', 'planning').expect(200);
    assert.deepEqual([body.approval, body.shareMax, body.expiresAfterM], ['second', 0.5, 30]);
  });
});

describe('a plan is taken back', () => {
  test('by one call: tenants and servers are as they were', async (context) => {
    const app = await demo(context);
    const before = await world(app);
    const plan = await propose(app, drained);
    const { rollback: id, rollbackDigest: digest } = (await apply(app, plan).expect(201)).body;
    const back = (await app.api('post', `plans/${id}/application`).send({ digest }).expect(201)).body;
    const after = await world(app);
    assert.deepEqual([after.pools, after.states], [before.pools, before.states]);
    assert.equal(after.moves, 2);
    assert.deepEqual(back.moves, ['acme']);
    const { items } = (await app.api('get', 'plans').expect(200)).body;
    assert.deepEqual(
      items.map((one: Record<string, unknown>) => [one.id, one.kind, one.state]),
      [
        [id, 'rollback', 'applied'],
        [plan.id, 'plan', 'applied'],
      ],
    );
  });
  test('not when a tenant has moved since, and it is said which', async (context) => {
    const app = await demo(context);
    const { rollback, rollbackDigest: digest } = (await apply(app, await propose(app, drained)).expect(201)).body;
    await app.api('post', 'tenants/acme/moves').send({ pool: 'pbxA' }).expect(201);
    const before = await world(app);
    const answer = await app.api('post', `plans/${rollback}/application`).send({ digest, force: true }).expect(409);
    assert.match(answer.body.detail, /tenant acme stands on pool pbxA, not on pbxB/);
    assert.deepEqual(await world(app), before);
  });
  test('not without force when that would break a limit', async (context) => {
    const app = await demo(context);
    const { rollback, rollbackDigest: digest } = (await apply(app, await propose(app, drained)).expect(201)).body;
    await app.api('patch', 'servers/voip1').send({ capacity: 2 }).expect(200);
    const answer = await app.api('post', `plans/${rollback}/application`).send({ digest }).expect(409);
    assert.equal(answer.body.code, 'unsafe');
    assert.match(answer.body.detail, /server voip1 would bear 3 of 2/);
    await app.api('post', `plans/${rollback}/application`).send({ digest, force: true }).expect(201);
    assert.equal((await world(app)).pools.acme, 'pbxA');
  });
});

describe('a server', () => {
  test('is emptied, goes down when nobody is left, and is used again by those who stood there', async (context) => {
    const app = await demo(context);
    const primary = async (name: string) => (await app.api('get', `servers/${name}`).expect(200)).body.primaryOf;
    assert.deepEqual(await primary('voip1'), { tenants: 1, phones: 3, codes: ['acme'] });
    await app.api('patch', 'servers/voip1').send({ state: 'draining' }).expect(200);
    const early = await app.api('patch', 'servers/voip1').send({ state: 'down' }).expect(409);
    assert.match(early.body.detail, /still the primary of 1 tenants \(acme\)/);
    await apply(app, await propose(app, drained)).expect(201);
    assert.deepEqual(await primary('voip1'), { tenants: 0, phones: 0, codes: [] });
    await app.api('patch', 'servers/voip1').send({ state: 'down' }).expect(200);
    await app.api('delete', 'servers/voip1').expect(409);
    const back = await propose(app, { bringBack: ['voip1'] });
    assert.deepEqual(
      back.moves.map(({ tenant, to, reason }) => [tenant, to, reason]),
      [['acme', 'pbxA', 'goes back to pool pbxA, where it stood before server voip1 was emptied']],
    );
    await apply(app, back).expect(201);
    assert.deepEqual((await world(app)).states, { voip1: 'active', voip2: 'active' });
    assert.deepEqual((await world(app)).pools, { acme: 'pbxA', globex: 'pbxB' });
  });
  test('that broke may be said to be down at any time, one that is being emptied only by force', async (context) => {
    const app = await demo(context);
    await app.api('patch', 'servers/voip1').send({ state: 'down' }).expect(200);
    await app.api('patch', 'servers/voip2').send({ state: 'draining' }).expect(200);
    await app.api('patch', 'servers/voip2').send({ state: 'down' }).expect(409);
    await app.api('patch', 'servers/voip2?force=1').send({ state: 'down' }).expect(200);
  });
  test('is added with its pool by the plan that uses it', async (context) => {
    const app = await demo(context, { shareMax: 1 });
    for (const name of ['voip1', 'voip2']) await app.api('patch', `servers/${name}`).send({ capacity: 10 }).expect(200);
    await app.api('post', 'tenants').send({ code: 'initech', name: 'I', pool: 'pbxA', weight: 4 }).expect(201);
    const add = {
      servers: [{ name: 'voip3', host: 'voip3.example.com', capacity: 10 }],
      pools: [
        {
          ...{ name: 'pbxC', domain: 'pbxc.example.com' },
          targets: [
            { server: 'voip3', priority: 10 },
            { server: 'voip1', priority: 20 },
          ],
        },
      ],
    };
    const plan = await propose(app, { add, goals: { survive: 'none' } });
    assert.deepEqual(plan.moves.map(({ tenant, to }) => [tenant, to]).length, 1);
    await app.api('get', 'pools/pbxC').expect(404);
    await apply(app, plan).expect(201);
    await app.api('get', 'pools/pbxC').expect(200);
    assert.equal((await app.api('get', 'servers/voip3')).body.primaryOf.tenants, 1);
  });
});

describe('a fleet of 200 tenants on 8 servers', () => {
  const fleet = async (context: TestContext) => {
    const app = await startApp(context, { demo: '0' });
    await bringFleet(app, { servers: 8, tenants: 200 });
    await app.api('patch', 'planning').send({ shareMax: 1 }).expect(200);
    return app;
  };
  test('is evened out; one can choose fewer moves, and a part of them', async (context) => {
    const app = await fleet(context);
    const plan = await propose(app, { choices: true });
    const worst = (loads: Loads) => Math.max(...loads.map(({ load }) => load));
    assert.ok(worst(plan.after) < 0.7 * worst(plan.before), `${worst(plan.before)} → ${worst(plan.after)}`);
    const choices = plan.choices as unknown as { id: number; summary: { phones: number; worstAfter: number } }[];
    assert.ok(choices.length > 0);
    for (const { id, summary } of choices) {
      assert.ok(summary.phones < plan.summary.phones);
      assert.equal((await app.api('get', `plans/${id}`).expect(200)).body.kind, 'choice');
    }
    assert.equal((await app.api('get', 'plans')).body.items.length, 1, 'choices stand beside their plan');
    const some = plan.moves.slice(0, 5).map(({ tenant }) => tenant);
    await apply(app, plan, { moves: ['nobody'] }).expect(422);
    const { body } = await apply(app, plan, { moves: some.toReversed() }).expect(201);
    assert.deepEqual(body.moves, some, 'in the order of the plan');
    const { pools, moves } = await world(app);
    for (const { tenant, from, to } of plan.moves) assert.equal(pools[tenant], some.includes(tenant) ? to : from);
    assert.equal(moves, 5);
    await apply(app, plan).expect(409);
    const back = await app.api('post', `plans/${body.rollback}/application`).send({ digest: body.rollbackDigest });
    assert.deepEqual(back.body.moves, some.toReversed());
  });
  test('a part that would break a limit which the whole keeps is refused', async (context) => {
    const app = await fleet(context);
    await app
      .api('patch', 'planning')
      .send({ together: [['t000', 't001']] })
      .expect(200);
    const plan = await propose(app);
    const together = plan.moves.filter(({ tenant }) => ['t000', 't001'].includes(tenant));
    assert.ok(together.length > 0);
    await apply(app, plan).expect(201);
    const next = await propose(app, { goals: { exclusions: [{ tenant: 't000', pools: [together[0]?.to] }] } });
    const both = next.moves.filter(({ tenant }) => ['t000', 't001'].includes(tenant)).map(({ tenant }) => tenant);
    assert.deepEqual(both.toSorted(), ['t000', 't001']);
    const before = await world(app);
    const { body } = await apply(app, next, { moves: ['t000'] }).expect(409);
    assert.match(body.detail, /t000, t001 must stand together and would be parted/);
    assert.deepEqual(await world(app), before);
    await apply(app, next, { moves: both }).expect(201);
  });
  test('a server is emptied to the last tenant, and its tenants come back', async (context) => {
    const app = await fleet(context);
    const before = await world(app);
    await apply(app, await propose(app, { drain: ['s0'] })).expect(201);
    assert.equal((await app.api('get', 'servers/s0')).body.primaryOf.tenants, 0);
    await apply(app, await propose(app, { bringBack: ['s0'] })).expect(201);
    assert.deepEqual((await world(app)).pools, before.pools);
  });
  test('the exact mode answers too, and its plan can be applied', async (context) => {
    const app = await fleet(context);
    const plan = await propose(app, { drain: ['s0'], mode: 'exact' });
    assert.deepEqual([plan.mode, plan.proven], ['exact', true]);
    await apply(app, plan).expect(201);
    assert.equal((await app.api('get', 'servers/s0')).body.primaryOf.tenants, 0);
  });
});

test('the history has every plan, newest first, page by page', async (context) => {
  const app = await demo(context);
  const ids: number[] = [];
  for (let count = 0; count < 5; count++) ids.push((await propose(app, drained)).id);
  const seen: number[] = [];
  for (let cursor = ''; ; ) {
    const { body } = await app.api('get', `plans?limit=2${cursor}`).expect(200);
    seen.push(...body.items.map(({ id }: { id: number }) => id));
    if (body.next === null) break;
    cursor = `&cursor=${body.next}`;
  }
  assert.deepEqual(seen, ids.toReversed());
  await app.api('get', 'plans/99').expect(404);
  await app.api('get', 'plans/1/application').expect(404);
});

test('the oldest plans that nobody applied are forgotten, applied ones are not', async (context) => {
  const app = await demo(context);
  const first = await propose(app, drained);
  await apply(app, first).expect(201);
  const second = await propose(app);
  const { store } = app.house;
  await store.transaction(async (tx) => {
    const plan = await tx.plans.get(second.id);
    for (let count = 0; count < 250; count++) await tx.plans.add(plan);
  });
  const last = await propose(app);
  const { items } = (await app.api('get', 'plans?limit=1000').expect(200)).body;
  const ids = items.map(({ id }: { id: number }) => id);
  assert.ok(ids.length <= 202 && ids.length >= 200, `${ids.length} are kept`);
  assert.deepEqual([ids.includes(first.id), ids.includes(second.id), ids.includes(last.id)], [true, false, true]);
  await app.api('get', `plans/${second.id}`).expect(404);
});
