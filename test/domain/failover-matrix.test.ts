import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { loadsOf, straySharesOf } from '../../src/domain/failover.ts';
import { failoverMatrix } from '../../src/domain/failover-matrix.ts';
import { loadOf, weightOf } from '../../src/domain/load.ts';
import type { Server } from '../../src/domain/server.ts';
import { aPool } from '../support/world.ts';

const server = (name: string, capacity: number | null = null, state: Server['state'] = 'active'): Server => ({
  ...{ name, host: `${name}.example.com`, addresses: [] },
  ...{ capacity, state },
});
const pool = (name: string, ...servers: string[]) =>
  aPool({
    ...{ name, domain: `${name}.example.com` },
    targets: servers.map((one, index) => ({ server: one, priority: 10 * (index + 1) })),
  });
const POOLS = [pool('pa', 'a', 'b'), pool('pb', 'b', 'a'), pool('pc', 'c', 'a', 'b')];
const PLACED = [
  { tenant: 'x', pool: 'pa', weight: 30 },
  { tenant: 'y', pool: 'pb', weight: 12 },
  { tenant: 'z', pool: 'pc', weight: 8 },
];
const SERVERS = [server('a', 40), server('b', 60), server('c')];

describe('the failover matrix', () => {
  const { states, mirrors } = failoverMatrix(SERVERS, POOLS, PLACED, { lost: 2, strays: 0 });
  const state = (...lost: string[]) => states.find((one) => one.lost.join() === lost.join());
  const loads = (...lost: string[]) => state(...lost)?.cells.map(({ load }) => load);

  test('has a state for now, for each server lost and for any two', () => {
    assert.deepEqual(
      states.map(({ lost }) => lost.join('+')),
      ['', 'a', 'b', 'c', 'a+b', 'a+c', 'b+c'],
    );
    assert.deepEqual(loads(), [30, 12, 8]);
    assert.deepEqual(loads('a'), [0, 42, 8]);
    assert.deepEqual(loads('c'), [38, 12, 0]);
    assert.deepEqual(loads('a', 'c'), [0, 50, 0]);
  });
  test('says of every cell the ratio, whether it is too much, and nothing where nobody has said a capacity', () => {
    assert.deepEqual(state('b')?.cells, [
      { server: 'a', capacity: 40, load: 42, ratio: 1.05, over: true, more: 12 },
      { server: 'b', capacity: 60, load: 0, ratio: 0, over: false, more: -12 },
      { server: 'c', capacity: null, load: 8, ratio: null, over: null, more: 0 },
    ]);
  });
  test('says what nobody bears, and what comes back when the servers return', () => {
    assert.deepEqual(
      states.map(({ unborne }) => unborne),
      [0, 0, 0, 0, 42, 0, 0],
    );
    assert.deepEqual(
      states.map(({ returning }) => returning),
      [0, 30, 12, 8, 42, 38, 20],
    );
  });
  test('says in a sentence that mirrored servers must each bear both loads', () => {
    assert.deepEqual(
      mirrors.map(({ pools, over }) => [pools, over]),
      [[['pa', 'pb'], true]],
    );
    assert.equal(
      mirrors[0]?.sentence,
      'pools pa and pb mirror each other: a and b must each be able to bear both loads, 42 in all, but a bears only 40',
    );
  });
  test('counts servers that are down as lost in every state', () => {
    const down = failoverMatrix([server('a'), server('b', 60, 'down'), server('c')], POOLS, PLACED, {
      lost: 1,
      strays: 0,
    });
    assert.deepEqual(
      down.states.map(({ lost }) => lost.join()),
      ['', 'a', 'c'],
    );
    assert.deepEqual(
      down.states[0]?.cells.map(({ load }) => load),
      [42, 0, 8],
    );
  });
  test('refuses every pair of very many servers', () => {
    const many = Array.from({ length: 65 }, (_, index) => server(`s${index}`));
    assert.throws(
      () => failoverMatrix(many, [], [], { lost: 2, strays: 0 }),
      /65 servers have too many pairs.*at most 64/,
    );
    assert.equal(failoverMatrix(many, [], [], { lost: 1, strays: 0 }).states.length, 66);
  });
});

describe('strays', () => {
  const shares = (strays: number, ...down: string[]) =>
    Object.fromEntries(
      straySharesOf(pool('p', 'a', 'b', 'c').targets, new Set(down), strays).map(({ server: name, share }) => [
        name,
        share,
      ]),
    );
  test('stand on the second best server that is there', () => {
    assert.deepEqual(shares(0.1), { a: 0.9, b: 0.1 });
    assert.deepEqual(shares(0.1, 'a'), { b: 0.9, c: 0.1 });
    assert.deepEqual(shares(0.1, 'a', 'b'), { c: 1 });
    assert.deepEqual(shares(0), { a: 1 });
  });
  test('make and lose no load', () => {
    fc.assert(
      fc.property(fc.subarray(['a', 'b', 'c']), fc.double({ min: 0, max: 0.5, noNaN: true }), (down, strays) => {
        const sum = Object.values(loadsOf(SERVERS, POOLS, PLACED, new Set(down), strays)).reduce(
          (one, other) => one + other,
          0,
        );
        const unborne = down.includes('a') && down.includes('b') ? (down.includes('c') ? 50 : 42) : 0;
        assert.ok(Math.abs(sum + unborne - 50) < 1e-9);
      }),
    );
  });
});

test('a load is what somebody said, or what is counted, or unknown with the phones to fall back on', () => {
  const facts = { weight: null, phones: 7, lines: 9, measured: { calls: 2.5, registrations: null } };
  assert.deepEqual(loadOf({ ...facts, weight: 4 }, 'calls'), { kind: 'known', weight: 4, source: 'said' });
  assert.deepEqual(loadOf(facts, 'phones'), { kind: 'known', weight: 7, source: 'phones' });
  assert.deepEqual(loadOf(facts, 'lines'), { kind: 'known', weight: 9, source: 'lines' });
  assert.deepEqual(loadOf(facts, 'calls'), { kind: 'known', weight: 2.5, source: 'calls' });
  const unknown = loadOf(facts, 'registrations');
  assert.deepEqual(unknown, { kind: 'unknown', unit: 'registrations', fallback: 7 });
  assert.equal(weightOf(unknown), 7);
  assert.equal(loadOf({ ...facts, measured: null }, 'calls').kind, 'unknown');
});
