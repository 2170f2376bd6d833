import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type Fleet, inverseOf, type PlanOrder, planDigest, planOrderSchema } from '../../src/domain/plan/goals.ts';
import { choicesOf, planFast } from '../../src/domain/plan/plan.ts';
import type { Server } from '../../src/domain/server.ts';
import { ringFleet } from '../instances/fleets.ts';
import { faultsOfPlan, unsafeSteps, worstRatio } from '../support/plan-checker.ts';
import { aPool } from '../support/world.ts';

const NOON = new Date('2026-03-04T12:00:00Z');
const orderOf = (order: object = {}): PlanOrder => planOrderSchema.parse(order);
const server = (name: string, capacity: number | null = 100, state: Server['state'] = 'active'): Server => ({
  ...{ name, host: `${name}.example.com`, addresses: [] },
  ...{ capacity, state },
});
const pool = (name: string, ...servers: string[]) =>
  aPool({
    ...{ name, domain: `${name}.example.com` },
    targets: servers.map((one, index) => ({ server: one, priority: 10 * (index + 1) })),
  });
const tenant = (name: string, on: string, phones: number) => ({
  ...{ tenant: name, pool: on, phones },
  load: { kind: 'known', weight: phones, source: 'phones' } as const,
});
const MIRRORED = [pool('pa', 'a', 'b'), pool('pb', 'b', 'a')];
const pair = (tenants: Fleet['tenants'], capacities: [number | null, number | null] = [100, 100]): Fleet => ({
  ...{ servers: [server('a', capacities[0]), server('b', capacities[1])], pools: MIRRORED },
  tenants,
});
const plan = (fleet: Fleet, order: object = {}, now = NOON) => {
  const made = planFast(fleet, orderOf(order), now);
  if (made.infeasible.length === 0)
    assert.deepEqual(
      faultsOfPlan(fleet, orderOf(order), made, () => true),
      [],
    );
  return made;
};
const ends = (made: { moves: readonly { tenant: string; to: string }[] }) =>
  made.moves.map(({ tenant: name, to }) => `${name}>${to}`).sort();

describe('a plan', () => {
  const skewed = pair([tenant('x', 'pa', 20), tenant('y', 'pa', 20), tenant('z', 'pb', 4), tenant('w', 'pa', 4)]);
  test('evens out the load with the fewest phones, says why, and says that it is best', () => {
    const made = plan(skewed);
    assert.deepEqual(
      made.moves.map(({ tenant: name, from, to, phones }) => [name, from, to, phones]),
      [['x', 'pa', 'pb', 20]],
    );
    assert.match(made.moves[0]?.reason ?? '', /takes load off server a: 44 % before, 24 % after all moves/);
    assert.deepEqual(made.achieved, { worst: 0.24, phones: 20, tenants: 1 });
    assert.ok((made.gap.worst ?? 1) < 0.001);
    assert.deepEqual(
      made.before.map(({ load }) => load),
      [44, 4],
    );
    assert.deepEqual(
      made.after.map(({ load, whenLost }) => [load, whenLost]),
      [
        [24, { b: 48 }],
        [24, { a: 48 }],
      ],
    );
  });
  test('of an even fleet moves nobody', () => {
    const made = plan(pair([tenant('x', 'pa', 20), tenant('y', 'pb', 20)]));
    assert.deepEqual([made.moves, made.gap], [[], { worst: 0, phones: 0 }]);
  });
  test('of a fleet without tenants moves nobody', () => assert.deepEqual(plan(pair([])).moves, []));
  test('does not depend on the order of the lists, and has the same digest', () => {
    const turned: Fleet = {
      ...{ servers: skewed.servers.toReversed(), pools: skewed.pools.toReversed() },
      tenants: skewed.tenants.toReversed(),
    };
    assert.deepEqual(plan(turned), plan(skewed));
    assert.equal(planDigest(plan(turned)), planDigest(plan(skewed)));
    assert.notEqual(planDigest(plan(turned)), planDigest(plan(turned, { limits: { phones: 4 } })));
  });
  test('is taken back by its inverse', () => {
    assert.deepEqual(
      inverseOf(plan(skewed).moves).map(({ from, to }) => [from, to]),
      [['pb', 'pa']],
    );
  });
  test('says that unknown loads are planned by phones, and that capacities are not said', () => {
    const unknown = { ...tenant('x', 'pa', 20), load: { kind: 'unknown', unit: 'calls', fallback: 20 } as const };
    const made = plan(pair([unknown, tenant('y', 'pa', 20)], [null, null]), { goals: { load: 'calls' } });
    assert.equal(made.moves.length, 1);
    assert.equal(made.achieved.worst, null);
    assert.match(made.notes.join(), /load of 1 of 2 tenants is unknown; planned by their phones.*capacity of a, b/);
  });
});

describe('hard goals', () => {
  const many = ['t1', 't2', 't3', 't4', 't5', 't6'].map((name, index) => tenant(name, 'pa', 10 + index));
  test('a pinned tenant stays, an excluded pool is not used, groups stand apart or together', () => {
    const heavy = pair([tenant('big', 'pa', 30), ...many.slice(0, 2)]);
    assert.deepEqual(ends(plan(heavy)), ['t1>pb', 't2>pb']);
    assert.deepEqual(ends(plan(heavy, { goals: { pins: [{ tenant: 't1' }] } })), ['big>pb']);
    assert.deepEqual(
      ends(
        plan(heavy, {
          goals: {
            pins: [
              { tenant: 't1', pool: 'pb' },
              { tenant: 't2', pool: 'pa' },
            ],
          },
        }),
      ),
      ['big>pb', 't1>pb'],
    );
    const barred = { goals: { exclusions: [{ tenant: 'big', servers: ['a'] }] } };
    assert.deepEqual(ends(plan(heavy, barred)), ['big>pb']);
    assert.deepEqual(ends(plan(heavy, { goals: { together: [['big', 't1']] } })), ['t2>pb']);
    assert.equal(ends(plan(heavy, { goals: { apart: [['t1', 't2']] } })).length, 1);
  });
  test('what cannot be apart or together is said, with by how much', () => {
    const apart = plan(pair(many), { goals: { apart: [['t1', 't2', 't3']] } });
    assert.deepEqual(
      apart.infeasible.map(({ constraint, by, proven }) => [constraint, by, proven]),
      [['apart', 1, true]],
    );
    const goals = {
      pins: [
        { tenant: 't1', pool: 'pa' },
        { tenant: 't2', pool: 'pb' },
      ],
      together: [['t1', 't2']],
    };
    const together = plan(pair(many), { goals });
    assert.deepEqual(
      together.infeasible.map(({ constraint }) => constraint),
      ['together'],
    );
    assert.deepEqual([...apart.moves, ...together.moves], []);
  });
  test('a fleet that one server cannot bear alone is told what is missing', () => {
    const made = plan(pair(many, [60, 80]));
    assert.deepEqual(
      made.infeasible.map(({ constraint, by, proven }) => [constraint, by, proven]),
      [['lost', 15, true]],
    );
    assert.match(made.infeasible[0]?.message ?? '', /server a would bear 75 of 60 with b lost, 15 too much/);
    assert.deepEqual(made.moves, []);
    assert.equal(plan(pair(many, [60, 80]), { goals: { survive: 'none' } }).infeasible.length, 0);
  });
  test('no more phones or tenants move than the limits allow', () => {
    assert.ok(plan(pair(many), { limits: { phones: 12 } }).achieved.phones <= 12);
    assert.ok(plan(pair(many), { limits: { share: 0.2 } }).achieved.phones <= 15);
    assert.equal(plan(pair(many), { limits: { tenants: 1 } }).moves.length, 1);
    assert.deepEqual(plan(pair(many), { limits: { phones: 0 } }).moves, []);
  });
  test('a limit that leaves a goal out of reach is told by how much', () => {
    const made = plan(pair(many), { drain: ['a'], limits: { phones: 70 } });
    assert.deepEqual(
      made.infeasible.map(({ constraint, by, proven }) => [constraint, by, proven]),
      [['limits', 5, true]],
    );
    assert.match(made.infeasible[0]?.message ?? '', /moves 75 phones of 6 tenants/);
  });
  test('outside of its window a tenant stays, and is refused when it had to leave', () => {
    const windows = [{ tenant: 't1', days: ['wed'], from: '22:00', to: '04:00', zone: 'Europe/Berlin' }];
    const order = { drain: ['a'], goals: { windows } };
    const at = (moment: string) => plan(pair(many), order, new Date(moment));
    const closed = at('2026-03-04T12:00:00Z');
    assert.deepEqual([closed.moves.length, closed.refused.map(({ tenant: name }) => name)], [5, ['t1']]);
    assert.match(closed.refused[0]?.reason ?? '', /must leave pool pa.*maintenance window, wed from 22:00 to 04:00/);
    assert.deepEqual(at('2026-03-04T21:00:00Z').refused, []);
    assert.deepEqual(at('2026-03-05T02:59:00Z').refused, []);
    assert.equal(at('2026-03-05T03:00:00Z').refused.length, 1);
    assert.equal(at('2026-03-05T22:00:00Z').refused.length, 1);
  });
  test('names that do not exist are refused', () => {
    assert.throws(() => plan(pair(many), { drain: ['nowhere'] }), /server nowhere does not exist/);
    assert.throws(() => plan(pair(many), { goals: { pins: [{ tenant: 'nobody' }] } }), /tenant nobody does not exist/);
    assert.throws(() => plan(pair(many), { drain: ['a'], bringBack: ['a'] }), /cannot be emptied and brought back/);
  });
});

describe('servers', () => {
  const three: Fleet = {
    servers: [server('a'), server('b'), server('c')],
    pools: [pool('pa', 'a', 'b'), pool('pb', 'b', 'c'), pool('pc', 'c', 'a'), pool('pd', 'a', 'c')],
    tenants: [tenant('t1', 'pa', 10), tenant('t2', 'pb', 20), tenant('t3', 'pb', 5), tenant('t4', 'pc', 15)],
  };
  test('draining empties a server, moves nobody else, and goes where a backup is', () => {
    const made = plan(three, { drain: ['b'] });
    assert.deepEqual(ends(made), ['t2>pd', 't3>pc']);
    assert.ok(made.moves.every(({ reason }) => reason === 'must leave pool pb, whose server b is not in use'));
    assert.equal(made.after.find(({ server: name }) => name === 'b')?.load, 0);
  });
  test('bringing back uses the server again', () => {
    const drained: Fleet = {
      ...{ ...three, servers: [server('a'), server('b', 100, 'draining'), server('c')] },
      tenants: three.tenants.map((one) => (one.pool === 'pb' ? { ...one, pool: 'pc' } : one)),
    };
    assert.ok(ends(plan(drained, { bringBack: ['b'] })).some((end) => end.endsWith('>pb')));
  });
  test('a removed server is left, an added one is used', () => {
    assert.ok(ends(plan(three, { remove: ['c'] })).every((end) => end.startsWith('t4>')));
    const add = { servers: [server('d')], pools: [pool('pz', 'd', 'a')] };
    assert.ok(ends(plan(three, { add })).some((end) => end.endsWith('>pz')));
  });
  test('the last server of a pair can be drained; that nobody stands behind the other is said', () => {
    const made = plan(pair([tenant('x', 'pa', 20), tenant('y', 'pb', 20)]), { drain: ['b'] });
    assert.deepEqual(ends(made), ['y>pa']);
    assert.match(made.notes.join(), /pool pa has no backup server in use/);
  });
});

test('choices trade evenness against phones', () => {
  const fleet = ringFleet({ tenants: 60, pools: 4, seed: 3 });
  const choices = choicesOf(fleet, orderOf(), NOON);
  assert.ok(choices.length >= 3);
  choices.forEach((one, index) => {
    assert.deepEqual(
      faultsOfPlan(fleet, orderOf(), one, () => true),
      [],
    );
    const before = choices[index - 1];
    if (before !== undefined) assert.ok(one.achieved.phones < before.achieved.phones);
  });
});

describe('random fleets', () => {
  const names = ['a', 'b', 'c', 'd'];
  const fleets = fc
    .record({
      capacities: fc.array(fc.oneof(fc.constant(null), fc.integer({ min: 20, max: 400 })), {
        minLength: 4,
        maxLength: 4,
      }),
      states: fc.array(fc.constantFrom('active', 'active', 'active', 'draining', 'down'), {
        minLength: 4,
        maxLength: 4,
      }),
      orders: fc.array(fc.shuffledSubarray(names, { minLength: 1 }), { minLength: 2, maxLength: 6 }),
      tenants: fc.array(fc.tuple(fc.nat(5), fc.nat(60), fc.option(fc.nat(90))), { maxLength: 25 }),
    })
    .map(({ capacities, states, orders, tenants }): Fleet => {
      const pools = orders.map((servers, index) => pool(`p${index}`, ...servers));
      return {
        servers: names.map((name, index) => server(name, capacities[index], states[index] as Server['state'])),
        pools,
        tenants: tenants.map(([at, phones, weight], index) => ({
          ...tenant(`t${index}`, pools[at % pools.length]?.name ?? '', phones),
          load: { kind: 'known' as const, weight: weight ?? phones, source: 'said' as const },
        })),
      };
    });
  const wishes = fc.record({
    pins: fc.array(fc.tuple(fc.nat(24), fc.option(fc.nat(5))), { maxLength: 3 }),
    barred: fc.array(fc.tuple(fc.nat(24), fc.nat(5)), { maxLength: 3 }),
    apart: fc.array(fc.uniqueArray(fc.nat(24), { minLength: 2, maxLength: 3 }), { maxLength: 2 }),
    together: fc.array(fc.uniqueArray(fc.nat(24), { minLength: 2, maxLength: 3 }), { maxLength: 2 }),
    closed: fc.array(fc.nat(24), { maxLength: 2 }),
    survive: fc.constantFrom('none', 'one'),
    balance: fc.constantFrom('normal', 'lost'),
    first: fc.constantFrom('even', 'few'),
    strays: fc.constantFrom(0, 0.1),
    phones: fc.option(fc.nat(300)),
    tenants: fc.option(fc.nat(10)),
  });
  const orderFor = (fleet: Fleet, wish: typeof wishes extends fc.Arbitrary<infer One> ? One : never): PlanOrder => {
    const nameOf = (index: number) => fleet.tenants[index]?.tenant;
    const poolAt = (index: number) => fleet.pools[index % fleet.pools.length]?.name ?? '';
    const known = (index: number) => nameOf(index) !== undefined;
    const groups = (list: number[][]) => list.filter((group) => group.every(known)).map((group) => group.map(nameOf));
    const pins = new Map(wish.pins.filter(([one]) => known(one)));
    return orderOf({
      goals: {
        ...{ survive: wish.survive, balance: wish.balance, first: wish.first, strays: wish.strays },
        pins: [...pins].map(([one, at]) => ({ tenant: nameOf(one), pool: at === null ? null : poolAt(at) })),
        exclusions: wish.barred
          .filter(([one]) => known(one))
          .map(([one, at]) => ({ tenant: nameOf(one), pools: [poolAt(at)] })),
        ...{ apart: groups(wish.apart), together: groups(wish.together) },
        windows: wish.closed.filter(known).map((one) => ({ tenant: nameOf(one), from: '01:00', to: '02:00' })),
      },
      limits: { phones: wish.phones, tenants: wish.tenants },
    });
  };

  test('every plan satisfies every hard goal, in every step where the plan says so, and lies above its bounds', () => {
    let planned = 0;
    fc.assert(
      fc.property(fleets, wishes, (fleet, wish) => {
        const order = orderFor(fleet, wish);
        const closed = new Set(order.goals.windows.map(({ tenant: name }) => name));
        const made = planFast(fleet, order, NOON);
        if (made.infeasible.length > 0) return assert.deepEqual(made.moves, []);
        planned += 1;
        assert.deepEqual(
          faultsOfPlan(fleet, order, made, (name) => !closed.has(name)),
          [],
        );
        if (!made.notes.some((note) => note.startsWith('no order')))
          assert.deepEqual(unsafeSteps(fleet, order, made), []);
        assert.ok(made.achieved.phones >= made.bound.phones);
        if (made.achieved.worst !== null) assert.ok(made.achieved.worst >= (made.bound.worst ?? 0) - 1e-12);
        if (wish.balance === 'normal' && fleet.servers.every(({ capacity }) => capacity !== null))
          assert.ok(Math.abs(worstRatio(fleet, order, made) - (made.achieved.worst ?? 0)) < 1e-9);
      }),
      { numRuns: 300 },
    );
    assert.ok(planned > 60, `only ${planned} of 300 fleets could be planned`);
  });

  test('no bound is above the best plan that trying everything finds', () => {
    const small = fleets.filter(({ tenants }) => tenants.length <= 5 && tenants.length > 0);
    fc.assert(
      fc.property(small, fc.constantFrom('none', 'one'), (fleet, survive) => {
        const order = orderOf({ goals: { survive, evenness: 0, uncovered: true } });
        const made = planFast(fleet, order, NOON);
        const best = everyPlan(fleet)
          .map((moves) => ({
            ...made,
            moves,
            achieved: { ...made.achieved, phones: sum(moves), tenants: moves.length },
          }))
          .filter((one) => faultsOfPlan(fleet, order, one, () => true).length === 0)
          .map((one) => ({ worst: worstRatio(fleet, order, one), phones: one.achieved.phones }));
        if (made.infeasible.some(({ proven }) => proven)) return assert.deepEqual(best, []);
        if (made.infeasible.length > 0 || fleet.servers.some(({ capacity }) => capacity === null)) return;
        const worst = Math.min(...best.map((one) => one.worst));
        assert.ok((made.bound.worst ?? 0) <= worst + 1e-9, `${made.bound.worst} is above ${worst}`);
        const even = best.filter((one) => one.worst <= (made.achieved.worst ?? 0) + 1e-9).map(({ phones }) => phones);
        assert.ok(made.bound.phones <= Math.min(...even));
      }),
      { numRuns: 60 },
    );
  });
  const sum = (moves: { phones: number }[]) => moves.reduce((total, { phones }) => total + phones, 0);
  const everyPlan = ({ tenants, pools }: Fleet) => {
    type Moves = { tenant: string; from: string; to: string; weight: number; phones: number; reason: string }[];
    return tenants.reduce<Moves[]>(
      (plans, { tenant: name, pool: from, phones, load }) =>
        plans.flatMap((moves) =>
          pools.map(({ name: to }) => {
            const weight = load.kind === 'known' ? load.weight : load.fallback;
            return to === from ? moves : [...moves, { tenant: name, from, to, weight, phones, reason: 'tried' }];
          }),
        ),
      [[]],
    );
  };
});
