// The simulator: the figures of the manual page exactly, what holds for any records, and draws that come to the same.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { AppError } from '../../src/domain/errors.ts';
import type { Share } from '../../src/domain/failover.ts';
import type { Target } from '../../src/domain/pool.ts';
import { checkDown, drawMany, drawsFrom, outcomeOf, type Situation } from '../../src/domain/simulation.ts';

const target = (server: string, priority: number, weight: number, port = 5060): Target => ({
  ...{ server, priority, weight, port },
});

const MANUAL = [
  target('bigbox', 10, 60),
  target('smallbox1', 10, 20),
  target('smallbox2', 10, 10),
  target('smallbox2', 10, 10, 5066),
  target('backupbox', 20, 0),
];

const VENDORS = [
  { vendor: 'weighing', choice: 'weights' as const },
  { vendor: 'greedy', choice: 'heaviest' as const },
];

const situation = (targets: readonly Target[], down: readonly string[] = [], more: Partial<Situation> = {}) => ({
  ...{ targets, down: new Set(down), vendors: VENDORS, phones: [] },
  ...more,
});

const byPort = (shares: readonly Share[] | null | undefined) =>
  Object.fromEntries((shares ?? []).map(({ server, port, share }) => [`${server}:${port}`, share]));

describe('the figures of the manual', () => {
  const manual = (...down: string[]) => byPort(outcomeOf(situation(MANUAL, down)).shares);

  test('60, 20 and 20 % of the hosts; 60, 20, 10 and 10 % of the ports', () => {
    assert.deepEqual(manual(), {
      'bigbox:5060': 0.6,
      'smallbox1:5060': 0.2,
      'smallbox2:5060': 0.1,
      'smallbox2:5066': 0.1,
    });
  });
  test('without bigbox the two small ones have half each', () => {
    assert.deepEqual(manual('bigbox'), { 'smallbox1:5060': 0.5, 'smallbox2:5060': 0.25, 'smallbox2:5066': 0.25 });
  });
  test('the backup has nothing until all of the others are down, and then all of it, with its weight of 0', () => {
    for (const down of [['bigbox'], ['bigbox', 'smallbox1'], ['smallbox1', 'smallbox2']]) {
      assert.equal(manual(...down)['backupbox:5060'], undefined, down.join());
    }
    assert.deepEqual(manual('bigbox', 'smallbox1', 'smallbox2'), { 'backupbox:5060': 1 });
  });
  test('nobody is left: no shares at all', () => {
    assert.deepEqual(
      outcomeOf(
        situation(
          MANUAL,
          MANUAL.map(({ server }) => server),
        ),
      ),
      {
        shares: [],
        byVendor: { greedy: [], weighing: [] },
        mixed: null,
      },
    );
  });
  test('a pool of two: the primary has all, then its backup', () => {
    const pool = [target('voip1', 10, 10), target('voip2', 20, 10)];
    assert.deepEqual(byPort(outcomeOf(situation(pool)).shares), { 'voip1:5060': 1 });
    assert.deepEqual(byPort(outcomeOf(situation(pool, ['voip1'])).shares), { 'voip2:5060': 1 });
  });
  test('ten in a hundred on the secondary, where that is asked for and there is one', () => {
    const pool = [target('voip1', 10, 10), target('voip2', 20, 10)];
    assert.deepEqual(byPort(outcomeOf(situation(pool), 0.1).shares), { 'voip1:5060': 0.9, 'voip2:5060': 0.1 });
    assert.deepEqual(byPort(outcomeOf(situation(pool, ['voip1']), 0.1).shares), { 'voip2:5060': 1 });
    const onePort = [target('voip1', 10, 10), target('voip1', 20, 10, 5066)];
    assert.deepEqual(
      byPort(outcomeOf(situation(onePort), 0.1).shares),
      { 'voip1:5060': 1 },
      'the packet is lost to both',
    );
  });
});

describe('vendors', () => {
  test('phones that take the highest weight are all at one server', () => {
    const { byVendor } = outcomeOf(situation(MANUAL));
    assert.deepEqual(byPort(byVendor.greedy), {
      'bigbox:5060': 1,
      'smallbox1:5060': 0,
      'smallbox2:5060': 0,
      'smallbox2:5066': 0,
    });
    assert.deepEqual(byVendor.weighing, outcomeOf(situation(MANUAL)).shares);
  });
  test('where the highest weight is there twice, they share', () => {
    const { byVendor } = outcomeOf(situation([target('a', 1, 30), target('b', 1, 30), target('c', 1, 5)]));
    assert.deepEqual(byPort(byVendor.greedy), { 'a:5060': 0.5, 'b:5060': 0.5, 'c:5060': 0 });
  });
  test('a mixed fleet is the mean of its phones', () => {
    const phones = [
      { vendor: 'greedy', phones: 30 },
      { vendor: 'weighing', phones: 10 },
    ];
    const { mixed } = outcomeOf(situation([target('a', 1, 60), target('b', 1, 40)], [], { phones }));
    assert.deepEqual(byPort(mixed), { 'a:5060': 0.75 + 0.25 * 0.6, 'b:5060': 0.25 * 0.4 });
  });
  test('stand in the order of their names, however they come', () => {
    const names = (vendors: Situation['vendors']) =>
      Object.keys(outcomeOf(situation(MANUAL, [], { vendors })).byVendor);
    assert.deepEqual(names(VENDORS), ['greedy', 'weighing']);
    assert.deepEqual(names([...VENDORS].reverse()), ['greedy', 'weighing']);
  });
});

describe('what holds for any records', () => {
  const SERVERS = ['a', 'b', 'c', 'd'];
  const anyTarget = fc.record({
    server: fc.constantFrom(...SERVERS),
    priority: fc.integer({ min: 0, max: 3 }),
    weight: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 65_535 })),
    port: fc.integer({ min: 1, max: 9 }),
  });
  const anyTargets = fc.uniqueArray(anyTarget, { selector: ({ server, port }) => `${server}:${port}`, minLength: 1 });
  const anyDown = fc.subarray(SERVERS);
  const sum = (shares: readonly Share[]) => shares.reduce((total, { share }) => total + share, 0);
  const phones = [
    { vendor: 'greedy', phones: 3 },
    { vendor: 'weighing', phones: 4 },
  ];

  test('shares add up to 1, with strays and for each vendor too, or there are none', () => {
    fc.assert(
      fc.property(anyTargets, anyDown, fc.double({ min: 0, max: 1, noNaN: true }), (targets, down, strays) => {
        const { shares, byVendor, mixed } = outcomeOf(situation(targets, down, { phones }), strays);
        const isLeft = targets.some(({ server }) => !down.includes(server));
        for (const list of [shares, ...Object.values(byVendor), mixed ?? []]) {
          assert.ok(Math.abs(sum(list) - (isLeft ? 1 : 0)) < 1e-9);
          assert.ok(list.every(({ server, share }) => share >= 0 && share <= 1 + 1e-9 && !down.includes(server)));
        }
      }),
    );
  });
  test('only the lowest reachable priority has a share', () => {
    fc.assert(
      fc.property(anyTargets, anyDown, (targets, down) => {
        const reachable = targets.filter(({ server }) => !down.includes(server));
        const best = Math.min(...reachable.map(({ priority }) => priority));
        const group = reachable.filter(({ priority }) => priority === best);
        const keys = group.map(({ server, port }) => `${server}:${port}`);
        const { shares, byVendor } = outcomeOf(situation(targets, down));
        for (const list of [shares, ...Object.values(byVendor)]) assert.deepEqual(Object.keys(byPort(list)), keys);
      }),
    );
  });
  test('more weight is never a smaller share', () => {
    fc.assert(
      fc.property(anyTargets, fc.nat(), fc.integer({ min: 1, max: 1_000 }), (targets, pick, more) => {
        const at = pick % targets.length;
        const heavier = targets.map((one, index) => (index === at ? { ...one, weight: one.weight + more } : one));
        const key = `${targets[at]?.server}:${targets[at]?.port}`;
        for (const vendor of ['weighing', 'greedy']) {
          const [before, after] = [targets, heavier].map(
            (list) => byPort(outcomeOf(situation(list)).byVendor[vendor])[key],
          );
          assert.ok((after ?? 0) >= (before ?? 0) - 1e-12, vendor);
        }
      }),
    );
  });
  test('draws are numbers above 0 and up to 1, and the same seed gives the same ones', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_294_967_295 }), (seed) => {
        const [one, other] = [drawsFrom(seed), drawsFrom(seed)];
        for (let at = 0; at < 20; at++) {
          const drawn = one();
          assert.equal(drawn, other());
          assert.ok(drawn > 0 && drawn <= 1);
        }
      }),
    );
  });
  test('what is drawn is among the shares, and a weight of 0 beside others is never drawn', () => {
    fc.assert(
      fc.property(anyTargets, anyDown, fc.nat(), (targets, down, seed) => {
        const exact = byPort(outcomeOf(situation(targets, down)).shares);
        const drawn = byPort(drawMany(targets, new Set(down), { count: 50, seed }).shares);
        assert.deepEqual(Object.keys(drawn).sort(), Object.keys(exact).sort());
        for (const [key, share] of Object.entries(drawn)) assert.ok(share === 0 || (exact[key] ?? 0) > 0, key);
      }),
      { numRuns: 50 },
    );
  });
});

describe('draws', () => {
  const COUNT = 20_000;
  /** Above this, chance alone is to blame once in a thousand times; degrees of freedom → bound. */
  const CHI_SQUARE_BOUNDS = [0, 10.83, 13.82, 16.27, 18.47];

  const cases: [string, Target[], string[]][] = [
    ['of the manual', MANUAL, []],
    ['of the manual without bigbox', MANUAL, ['bigbox']],
    ['of the manual without a small one', MANUAL, ['smallbox1']],
    ['without weights', [target('a', 1, 0), target('b', 1, 0), target('c', 1, 0)], []],
    ['of large weights', [target('a', 1, 65_535), target('b', 1, 32_768), target('c', 1, 1_000)], []],
    ['of weights where those left have none', [target('a', 1, 9), target('b', 1, 0), target('c', 1, 0)], ['a']],
  ];
  for (const [name, targets, down] of cases) {
    test(`${name} come to the exact shares`, () => {
      const exact = byPort(outcomeOf(situation(targets, down)).shares);
      const drawn = byPort(drawMany(targets, new Set(down), { count: COUNT, seed: 3_263 }).shares);
      const keys = Object.keys(exact);
      const chiSquare = keys.reduce((sum, key) => {
        const expected = (exact[key] ?? 0) * COUNT;
        return sum + ((drawn[key] ?? 0) * COUNT - expected) ** 2 / expected;
      }, 0);
      assert.ok(chiSquare < (CHI_SQUARE_BOUNDS[keys.length - 1] ?? 0), `${name}: ${chiSquare}`);
    });
  }
  test('that would take too long are refused with a number that would not', () => {
    const many = Array.from({ length: 200 }, (_, at) => target(`s${at}`, 1, 1));
    assert.throws(() => drawMany(many, new Set(), { count: 100_000, seed: 1 }), /ask for 5000 draws at most/);
    assert.equal(drawMany([], new Set(), { count: 100_000, seed: 1 }).shares.length, 0);
  });
});

test('a lost server that nobody knows is refused by its name', () => {
  checkDown(['a'], new Set(['a', 'b']));
  assert.throws(
    () => checkDown(['a', 'nobody'], new Set(['a'])),
    (error: Error) => error instanceof AppError && error.code === 'invalid' && /no server nobody/.test(error.message),
  );
});
