// Plans in a thread: nobody waits for them, too many at once are refused, and what is wrong comes back as what it is.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AppError } from '../../src/domain/errors.ts';
import { planOrderSchema } from '../../src/domain/plan/goals.ts';
import { planFast } from '../../src/domain/plan/plan.ts';
import { openPlanMaker } from '../../src/solver/plan-maker.ts';
import { ringFleet } from '../instances/fleets.ts';

const NOON = new Date('2026-03-04T12:00:00Z');
const order = planOrderSchema.parse({ mode: 'fast' });
const fleet = ringFleet({ tenants: 300, pools: 8, seed: 7 });
const isRefusal = (code: string, what: RegExp) => (error: unknown) =>
  error instanceof AppError && error.code === code && what.test(error.message);

describe('plans in a thread', () => {
  test('are those that are made here, and others run meanwhile', async () => {
    let turns = 0;
    const turn = setInterval(() => turns++, 5);
    const { plan, choices } = await openPlanMaker().make({ fleet, order, now: NOON, choices: true });
    clearInterval(turn);
    assert.deepEqual(plan, planFast(fleet, order, NOON));
    assert.ok(choices.length > 1 && turns > 3, `${choices.length} choices, ${turns} turns`);
  });
  test('are refused while too many are being made', async () => {
    const maker = openPlanMaker();
    const make = () => maker.make({ fleet, order, now: NOON, choices: false });
    const going = [make(), make()];
    await assert.rejects(make(), isRefusal('unavailable', /2 plans are being made already/));
    await Promise.all(going);
    await make();
  });
  test('of an order that cannot be come back as its fault', async () => {
    const wrong = planOrderSchema.parse({ drain: ['nobody'] });
    const made = openPlanMaker().make({ fleet, order: wrong, now: NOON, choices: false });
    await assert.rejects(made, isRefusal('invalid', /server nobody does not exist/));
  });
  test('check moves of large fleets there and of small ones here, with the same result', async () => {
    const large = ringFleet({ tenants: 2_600, pools: 8, seed: 7 });
    for (const one of [fleet, large]) {
      const moves = planFast(one, order, NOON).moves;
      assert.deepEqual(await openPlanMaker().check({ fleet: one, order, moves, now: NOON }), []);
      const [first] = one.tenants;
      const wrong = [{ tenant: first?.tenant ?? '', to: 'nowhere' }];
      const faults = await openPlanMaker().check({ fleet: one, order, moves: wrong, now: NOON });
      assert.match(faults.join(), /may not go to pool nowhere/);
    }
  });
});
