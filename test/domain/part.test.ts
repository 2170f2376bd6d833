// Some of a plan's moves alone: refused where they break what the whole would keep, and only for what they break themselves.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { faultsOfPart } from '../../src/domain/part.ts';
import { type Fleet, planOrderSchema } from '../../src/domain/plan/goals.ts';
import { planFast } from '../../src/domain/plan/plan.ts';
import { ringFleet } from '../instances/fleets.ts';
import { loadsByState } from '../support/plan-checker.ts';
import { aPool, aServer } from '../support/world.ts';

const NOON = new Date('2026-03-04T12:00:00Z');
const orderOf = (order: object = {}) => planOrderSchema.parse(order);
const pool = (name: string, ...servers: string[]) =>
  aPool({
    ...{ name, domain: `${name}.example.com` },
    targets: servers.map((server, index) => ({ server, priority: 10 * (index + 1) })),
  });
const tenant = (name: string, on: string, phones: number) => ({
  ...{ tenant: name, pool: on, phones },
  load: { kind: 'known', weight: phones, source: 'phones' } as const,
});
const fleet = (capacity: number): Fleet => ({
  servers: [aServer('a', { capacity }), aServer('b', { capacity })],
  pools: [pool('pa', 'a'), pool('pb', 'b')],
  tenants: [tenant('x', 'pa', 40), tenant('y', 'pb', 50), tenant('z', 'pa', 30)],
});
const NONE = { goals: { survive: 'none' } };
const faults = (moves: [string, string][], order: object = NONE, capacity = 100) =>
  faultsOfPart(
    fleet(capacity),
    orderOf(order),
    moves.map(([name, to]) => ({ tenant: name, to })),
    NOON,
  );

describe('a part of a plan', () => {
  test('is refused when a server would bear too much without the moves that are left out', () => {
    const swap: [string, string][] = [
      ['x', 'pb'],
      ['y', 'pa'],
    ];
    assert.deepEqual(faults(swap, NONE, 80), []);
    assert.deepEqual(faults(swap.slice(0, 1), NONE, 80), ['server b would bear 90 of 80']);
  });
  test('is not refused for what is too much already, unless it grows', () => {
    assert.deepEqual(faults([['z', 'pb']], NONE, 60), ['server b would bear 80 of 60']);
    assert.deepEqual(faults([['x', 'pb']], NONE, 65), ['server b would bear 90 of 65']);
    assert.deepEqual(faults([], NONE, 20), []);
  });
  test('is refused where a group would meet or be parted, and for a tenant that may not go there or not now', () => {
    const apart = { goals: { survive: 'none', apart: [['x', 'y']] } };
    assert.match(faults([['x', 'pb']], apart).join(), /tenants x and y must stay apart and would share a server/);
    const together = { goals: { survive: 'none', together: [['x', 'z']] } };
    assert.match(faults([['x', 'pb']], together).join(), /tenants x, z must stand together and would be parted/);
    const barred = { goals: { survive: 'none', exclusions: [{ tenant: 'x', pools: ['pb'] }] } };
    assert.match(faults([['x', 'pb']], barred).join(), /tenant x may not go to pool pb now/);
    const closed = { goals: { survive: 'none', windows: [{ tenant: 'x', from: '01:00', to: '02:00' }] } };
    assert.match(faults([['x', 'pb']], closed).join(), /may not go to pool pb now|maintenance window/);
    assert.match(faults([['x', 'pb']], { ...NONE, drain: ['b'] }).join(), /tenant x may not go to pool pb now/);
  });
  test('that is a whole plan is never refused; another one only when a load is above a capacity', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 500 }),
        fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }),
        (seed, kept) => {
          const random = ringFleet({ tenants: 40, pools: 4, seed, used: 0.4 });
          const order = orderOf();
          const { moves, infeasible } = planFast(random, order, NOON);
          if (infeasible.length > 0) return;
          assert.deepEqual(faultsOfPart(random, order, moves, NOON), []);
          const part = moves.filter((_, index) => kept[index]);
          const found = faultsOfPart(random, order, part, NOON);
          const before = loadsByState(random, order, new Map());
          const after = loadsByState(random, order, new Map(part.map(({ tenant: name, to }) => [name, to])));
          const capacityOf = new Map(
            random.servers.map(({ name, capacity }) => [name, capacity ?? Number.POSITIVE_INFINITY]),
          );
          const broken = [...after].filter(([key, load]) => {
            const capacity = capacityOf.get(key.split('/')[1] ?? '') ?? 0;
            return load > capacity * (1 + 1e-9) && load > (before.get(key) ?? 0) + 1e-6;
          });
          assert.equal(found.length, broken.length, found.join());
        },
      ),
      { numRuns: 25 },
    );
  });
});
