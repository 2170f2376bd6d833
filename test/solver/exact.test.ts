import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type Fleet, planOrderSchema } from '../../src/domain/plan/goals.ts';
import { planFast } from '../../src/domain/plan/plan.ts';
import { planExact, plannerWith } from '../../src/solver/exact.ts';
import { ringFleet, type Shape } from '../instances/fleets.ts';
import { faultsOfPlan, worstRatio } from '../support/plan-checker.ts';

const NOW = new Date('2026-03-04T12:00:00Z');
type Optimum = Required<Pick<Shape, 'tenants' | 'pools' | 'seed'>> & {
  evenness: number;
  phones: number;
  moved: number;
};
const OPTIMA: Optimum[] = JSON.parse(readFileSync(join(import.meta.dirname, '../instances/optima.json'), 'utf8'));
const nameOf = ({ tenants, pools, seed }: Optimum) => `${tenants} tenants on ${pools} pools, seed ${seed}`;
/** Those that are proven within seconds; the benchmark proves the others. */
const QUICK = OPTIMA.filter(({ tenants, pools, seed }) => tenants * pools <= 400 || (pools === 16 && seed === 3));

describe('published instances', () => {
  for (const optimum of QUICK)
    test(`the exact plan is the known optimum, and proven: ${nameOf(optimum)}`, async () => {
      const fleet = ringFleet(optimum);
      const order = planOrderSchema.parse({ goals: { evenness: optimum.evenness } });
      const plan = await planExact(fleet, order, NOW, { seconds: 200 });
      assert.deepEqual(
        faultsOfPlan(fleet, order, plan, () => true),
        [],
      );
      assert.deepEqual(
        [plan.proven, plan.achieved.phones, plan.achieved.tenants],
        [true, optimum.phones, optimum.moved],
      );
      assert.equal(plan.gap.phones, 0);
      assert.ok(Math.abs(worstRatio(fleet, order, plan) - (plan.achieved.worst ?? 0)) < 1e-9);
    });
  for (const optimum of OPTIMA.filter(({ evenness }) => evenness === 0.01))
    test(`the fast plan is as even and moves at most 6 % more: ${nameOf(optimum)}`, () => {
      const fleet = ringFleet(optimum);
      const order = planOrderSchema.parse({});
      const plan = planFast(fleet, order, NOW);
      assert.deepEqual(
        faultsOfPlan(fleet, order, plan, () => true),
        [],
      );
      assert.ok(plan.achieved.phones <= optimum.phones * 1.06, `${plan.achieved.phones} of ${optimum.phones}`);
      assert.ok(plan.bound.phones <= optimum.phones);
    });
  for (const [tenants, pools] of [
    [1000, 4],
    [1000, 16],
    [5000, 4],
    [5000, 16],
    [5000, 64],
  ] as const)
    test(`a large fleet is within 0.1 % of the worst load and 1 % of the phones: ${tenants} on ${pools}`, () => {
      for (const seed of [1, 2]) {
        const fleet = ringFleet({ tenants, pools, seed });
        const order = planOrderSchema.parse({});
        const plan = planFast(fleet, order, NOW);
        assert.deepEqual(
          faultsOfPlan(fleet, order, plan, () => true),
          [],
        );
        assert.ok((plan.gap.worst ?? 1) <= 0.001 + 1e-9, `worst load ${plan.gap.worst}`);
        assert.ok(plan.gap.phones <= 0.01, `phones ${plan.gap.phones}`);
      }
    });
});

test('where there are few tenants to a pool the gap is wider, and still told', () => {
  const fleet = ringFleet({ tenants: 1000, pools: 64, seed: 2 });
  const order = planOrderSchema.parse({});
  const plan = planFast(fleet, order, NOW);
  assert.deepEqual(
    faultsOfPlan(fleet, order, plan, () => true),
    [],
  );
  assert.ok((plan.gap.worst ?? 1) <= 0.001 + 1e-9 && plan.gap.phones <= 0.04, `${plan.gap.worst} ${plan.gap.phones}`);
});

test('the exact plan is never worse than the fast one, and both keep every hard goal', async () => {
  const shapes = fc.record({
    tenants: fc.integer({ min: 3, max: 14 }),
    pools: fc.integer({ min: 2, max: 4 }),
    seed: fc.integer({ min: 1, max: 99 }),
    used: fc.constantFrom(0.3, 0.42),
    first: fc.constantFrom('even' as const, 'few' as const),
    wishes: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(shapes, async ({ first, wishes, ...shape }) => {
      const fleet: Fleet = ringFleet(shape);
      const goals = wishes
        ? { pins: [{ tenant: 't0000' }], apart: [['t0000', 't0001']], together: [['t0001', 't0002']] }
        : {};
      const order = planOrderSchema.parse({ goals: { ...goals, first, evenness: 0.001 } });
      const [fast, exact] = [planFast(fleet, order, NOW), await planExact(fleet, order, NOW, { seconds: 20 })];
      for (const plan of [fast, exact].filter(({ infeasible }) => infeasible.length === 0))
        assert.deepEqual(
          faultsOfPlan(fleet, order, plan, () => true),
          [],
        );
      if (fast.infeasible.length === 0) assert.equal(exact.infeasible.length, 0);
      if (fast.infeasible.some(({ proven }) => proven)) assert.ok(exact.infeasible.length > 0);
      if (fast.infeasible.length > 0 || exact.infeasible.length > 0) return;
      const [one, other] =
        first === 'even' ? [exact.achieved.worst, fast.achieved.worst] : [exact.achieved.phones, fast.achieved.phones];
      assert.ok((one ?? 0) <= (other ?? 0) * 1.0011 + 1e-9, `${one} is worse than ${other}`);
      assert.ok(fast.bound.phones <= exact.achieved.phones || first === 'even');
    }),
    { numRuns: 12 },
  );
});

test('what is not proven in time is said, with the best that was found', async () => {
  const fleet = ringFleet({ tenants: 200, pools: 16, seed: 1 });
  const order = planOrderSchema.parse({ mode: 'exact', goals: { evenness: 0.001 } });
  const plan = await planExact(fleet, order, NOW, { seconds: 0.5 });
  assert.deepEqual([plan.mode, plan.proven], ['exact', false]);
  assert.deepEqual(
    faultsOfPlan(fleet, order, plan, () => true),
    [],
  );
  assert.ok(plan.bound.phones <= plan.achieved.phones && plan.gap.phones > 0);
});

test('without a wish small fleets are planned exactly and large ones fast', async () => {
  const plan = plannerWith({ seconds: 5 });
  const modeOf = async (tenants: number, pools: number, mode: string) =>
    (await plan(ringFleet({ tenants, pools, seed: 1 }), planOrderSchema.parse({ mode }), NOW)).mode;
  assert.deepEqual(
    [await modeOf(10, 3, 'auto'), await modeOf(1000, 16, 'auto'), await modeOf(10, 3, 'fast')],
    ['exact', 'fast', 'fast'],
  );
});
