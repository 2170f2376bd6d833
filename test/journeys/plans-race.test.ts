// Plans against each other: two people apply the same one from two processes; and whatever is planned, applied, moved and
// taken back in whatever order, every tenant stands on one pool and the history adds up to it.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { applyPlan } from '../../src/app/apply-plan.ts';
import { addServer, changeServer } from '../../src/app/inventory.ts';
import { moveTenant } from '../../src/app/move-tenant.ts';
import { type PlanHouse, proposePlan } from '../../src/app/plans.ts';
import { type Actor, ALL_TENANTS } from '../../src/domain/access.ts';
import { AppError } from '../../src/domain/errors.ts';
import { planFast } from '../../src/domain/plan/plan.ts';
import { type App, startApp } from '../support/app.ts';
import { cleanEnvironment, ROOT, run } from '../support/commands.ts';
import { bringFleet } from '../support/fleet.ts';

const OWNER: Actor = { name: 'key:first', role: 'owner', scope: ALL_TENANTS, address: null };
const PAGE = 1_000;

const environmentOf = ({ folder }: App) =>
  cleanEnvironment({ HOMEPORT_DATABASE_URL: `file:${join(folder, 'homeport.db')}`, HOMEPORT_LOG_LEVEL: 'error' });

describe('two people at once', () => {
  test('apply the same plan from two processes: exactly one succeeds, and it is done once', async (context) => {
    const app = await startApp(context, { demo: '0' });
    await bringFleet(app, { servers: 4, tenants: 40 });
    await app.api('patch', 'planning').send({ shareMax: 1 }).expect(200);
    const order = { drain: ['s0'], mode: 'fast' };
    const plan = (await app.api('post', 'plans').send(order).expect(201)).body;
    const before = (await app.house.store.audit.end()).id;
    const apply = () =>
      run(process.execPath, ['src/homeport.js', 'apply', String(plan.id), '--yes', '--json'], {
        ...{ cwd: ROOT, env: environmentOf(app) },
      });
    const ended = await Promise.all([apply(), apply()]);
    const codes = ended.map(({ code }) => code);
    assert.deepEqual(codes.toSorted(), [0, 1], ended.map(({ err }) => err).join());
    const done = ended.find(({ code }) => code === 0);
    assert.equal(JSON.parse(done?.out ?? '').moves.length, plan.moves.length);
    assert.match(ended.find(({ code }) => code === 1)?.err ?? '', /was applied at .* nothing was changed/);
    const moves = await app.house.store.moves.ofPlan(plan.id);
    assert.equal(moves.length, plan.moves.length);
    assert.equal((await app.house.store.audit.end()).id - before, 1);
  });
  test('apply two plans of the same fleet: the second is stale', async (context) => {
    const app = await startApp(context, { demo: '0' });
    await bringFleet(app, { servers: 4, tenants: 40 });
    await app.api('patch', 'planning').send({ shareMax: 1 }).expect(200);
    const propose = async (order: object) =>
      (
        await app
          .api('post', 'plans')
          .send({ ...order, mode: 'fast' })
          .expect(201)
      ).body;
    const plans = [await propose({ drain: ['s0'] }), await propose({ drain: ['s1'] })];
    const answers = await Promise.all(
      plans.map(({ id, digest }) => app.api('post', `plans/${id}/application`).send({ digest })),
    );
    assert.deepEqual(answers.map(({ status }) => status).toSorted(), [201, 409]);
    const applied = plans[answers.findIndex(({ status }) => status === 201)];
    for (const { id } of plans) {
      const moves = await app.house.store.moves.ofPlan(id);
      assert.equal(moves.length, id === applied?.id ? applied.moves.length : 0);
    }
  });
});

/** Steps of people who do not know of each other. */
const servers = fc.integer({ min: 0, max: 3 });
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('propose' as const), drain: fc.option(servers), few: fc.boolean() }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('bringBack' as const), server: servers }) },
  {
    weight: 9,
    arbitrary: fc.record({ kind: fc.constant('apply' as const), plan: fc.nat(1), part: fc.option(fc.nat(4)) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('back' as const), plan: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('move' as const), tenant: fc.nat(19), pool: servers }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('capacity' as const), server: servers, by: fc.nat(50) }) },
);
type Step = typeof step extends fc.Arbitrary<infer One> ? One : never;

const EXPECTED = ['conflict', 'unsafe', 'invalid', 'not_found'];

describe('whatever happens in whatever order', () => {
  test('each tenant stands on one pool, its moves lead there one from the other, and every write is one entry', async (context) => {
    const app = await startApp(context, { demo: '0' });
    await bringFleet(app, { servers: 4, tenants: 20, capacity: 200 });
    const { store } = app.house;
    await app.api('patch', 'planning').send({ shareMax: 1 }).expect(200);
    await addServer(app.house, { name: 'spare', host: 'spare.example.com' }, OWNER);
    // Threads cost more than these plans; the planner is the same.
    const house: PlanHouse & App['house'] = {
      ...app.house,
      planMaker: {
        ...app.house.planMaker,
        make: async ({ fleet, order, now }) => ({ plan: planFast(fleet, order, now), choices: [] }),
      },
    };
    const started = new Map((await store.tenants.placements()).map(({ tenant, pool }) => [tenant, pool]));
    const take = async (one: Step): Promise<unknown> => {
      const plans = await store.plans.list({ before: null, limit: PAGE });
      switch (one.kind) {
        case 'propose': {
          const drain = one.drain === null ? {} : { drain: [`s${one.drain}`] };
          return proposePlan(house, { ...drain, ...(one.few ? { limits: { tenants: 3 } } : {}) }, OWNER);
        }
        case 'bringBack':
          return proposePlan(house, { bringBack: [`s${one.server}`] }, OWNER);
        case 'apply': {
          const plan = await store.plans.get(plans[one.plan]?.id ?? 0);
          const moves = plan.contents.plan.moves
            .map(({ tenant }) => tenant)
            .filter((_, index) => index % 5 === one.part);
          return applyPlan(house, plan.id, { digest: plan.digest, ...(one.part === null ? {} : { moves }) }, OWNER);
        }
        case 'back': {
          const plan = await store.plans.get(plans[one.plan]?.outcome?.rollback ?? 0);
          return applyPlan(house, plan.id, { digest: plan.digest }, OWNER);
        }
        case 'move':
          return moveTenant(house, { tenant: `t${String(one.tenant).padStart(3, '0')}`, pool: `p${one.pool}` }, OWNER);
        case 'capacity':
          return changeServer(house, `s${one.server}`, { capacity: 150 + one.by }, OWNER);
      }
    };
    let done = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 15 }), async (steps) => {
        for (const one of steps) {
          const before = (await store.audit.end()).id;
          const places = await store.tenants.placements();
          try {
            await take(one);
            assert.equal((await store.audit.end()).id - before, 1, `${one.kind} is one entry`);
            if (one.kind === 'apply' || one.kind === 'back') done++;
          } catch (error) {
            if (!(error instanceof AppError) || !EXPECTED.includes(error.code)) throw error;
            assert.equal((await store.audit.end()).id, before, `${one.kind} that is refused leaves nothing`);
            assert.deepEqual(await store.tenants.placements(), places);
          }
        }
        const placements = await store.tenants.placements();
        assert.equal(placements.length, started.size);
        for (const { tenant, pool } of placements) {
          const moves = (await store.moves.list(tenant, { before: null, limit: PAGE })).reverse();
          let at = started.get(tenant);
          for (const { fromPool, toPool } of moves) {
            assert.equal(fromPool, at, `${tenant} moves on from where it stood`);
            at = toPool;
          }
          assert.equal(pool, at, `${tenant} stands where its moves lead`);
        }
        for (const { id, outcome } of await store.plans.list({ before: null, limit: PAGE })) {
          const moved = (await store.moves.ofPlan(id)).map(({ tenant }) => tenant);
          assert.deepEqual(moved, outcome?.moves ?? [], `plan ${id} has the moves that it says`);
        }
      }),
      { numRuns: 25 },
    );
    assert.ok(done > 5, `${done} plans were applied or taken back`);
  });
});
