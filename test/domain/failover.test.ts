import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { differenceOf, gather } from '../../src/domain/difference.ts';
import { failoverOf, loadsOf, overloads, sharesOf } from '../../src/domain/failover.ts';
import type { Mac } from '../../src/domain/mac.ts';
import type { Server } from '../../src/domain/server.ts';
import { aPool } from '../support/world.ts';

const target = (server: string, priority: number, weight = 10, port = 5060) => ({ server, priority, weight, port });
const shares = (targets: ReturnType<typeof target>[], ...down: string[]) =>
  Object.fromEntries(sharesOf(targets, new Set(down)).map(({ server, share }) => [server, share]));

describe('the share of each server', () => {
  test('weights share inside the best priority', () => {
    const targets = [target('a', 10, 60), target('b', 10, 20), target('c', 10, 20), target('d', 20)];
    assert.deepEqual(shares(targets), { a: 0.6, b: 0.2, c: 0.2 });
    assert.deepEqual(shares(targets, 'a'), { b: 0.5, c: 0.5 });
    assert.deepEqual(shares(targets, 'a', 'b', 'c'), { d: 1 });
    assert.deepEqual(shares(targets, 'a', 'b', 'c', 'd'), {});
  });
  test('without weights evenly; a weight of 0 beside others gets nothing', () => {
    assert.deepEqual(shares([target('a', 1, 0), target('b', 1, 0)]), { a: 0.5, b: 0.5 });
    assert.deepEqual(shares([target('a', 1, 0), target('b', 1, 5)]), { a: 0, b: 1 });
  });
  test('shares add up to 1 while anything is left, and none is negative', () => {
    const one = fc.record({
      server: fc.constantFrom('a', 'b', 'c', 'd'),
      priority: fc.integer({ min: 0, max: 3 }),
      weight: fc.integer({ min: 0, max: 65_535 }),
      port: fc.integer({ min: 1, max: 65_535 }),
    });
    fc.assert(
      fc.property(fc.array(one), fc.subarray(['a', 'b', 'c', 'd']), (targets, down) => {
        const all = sharesOf(targets, new Set(down));
        const left = targets.some(({ server }) => !down.includes(server));
        const sum = all.reduce((total, { share }) => total + share, 0);
        assert.ok(Math.abs(sum - (left ? 1 : 0)) < 1e-9);
        assert.ok(all.every(({ server, share }) => share >= 0 && !down.includes(server)));
      }),
    );
  });
});

describe('who bears what', () => {
  const server = (name: string, capacity: number | null = null, state: Server['state'] = 'active'): Server => ({
    ...{ name, host: `${name}.example.com`, addresses: [] },
    ...{ capacity, state },
  });
  const pools = [
    aPool({ name: 'ab', domain: 'ab.example.com', targets: [target('a', 10), target('b', 20)] }),
    aPool({ name: 'ba', domain: 'ba.example.com', targets: [target('b', 10), target('a', 20)] }),
  ];
  const placements = [
    { tenant: 'x', pool: 'ab', weight: 30 },
    { tenant: 'y', pool: 'ba', weight: 12 },
  ];

  test('mirrored pools: each server bears its own, and both when the other is lost', () => {
    assert.deepEqual(failoverOf([server('a', 40), server('b', 50)], pools, placements), [
      { server: 'a', capacity: 40, load: 30, whenLost: { b: 42 } },
      { server: 'b', capacity: 50, load: 12, whenLost: { a: 42 } },
    ]);
  });
  test('who would bear too much is named', () => {
    assert.deepEqual(overloads(failoverOf([server('a', 40), server('b', 50)], pools, placements)), [
      'with b lost server a bears 42 of 40',
    ]);
    assert.deepEqual(overloads(failoverOf([server('a', 20), server('b')], pools, placements)), [
      'server a bears 30 of 20',
      'with b lost server a bears 42 of 20',
    ]);
  });
  test('a server that is down bears nothing now', () => {
    assert.deepEqual(
      failoverOf([server('a', null, 'down'), server('b')], pools, placements).map(({ load }) => load),
      [0, 42],
    );
  });
  test('no load is lost or made while a server is left', () => {
    const loads = loadsOf([server('a'), server('b')], pools, placements, new Set(['a']));
    assert.deepEqual(loads, { a: 0, b: 42 });
    assert.deepEqual(loadsOf([server('a'), server('b')], pools, placements, new Set(['a', 'b'])), { a: 0, b: 0 });
  });
});

describe('differences', () => {
  const file = (text: string) => [{ name: 'f', text }];
  test('are the lines that go and come, wherever they stand', () => {
    assert.deepEqual(differenceOf(file('a = 1\nb = 2\nc = 3'), file('c = 3\na = 1\nb = 4')), {
      removed: ['b = 2'],
      added: ['b = 4'],
    });
    assert.deepEqual(differenceOf(file('a\na'), file('a')), { removed: ['a'], added: [] });
  });
  test('that cannot be shown are counted and said to be hidden', () => {
    const { add, impact } = gather();
    const phone = { vendor: 'one', restarts: false, changed: true, removed: [], added: [] };
    add({ ...phone, mac: '800000000001' as Mac });
    add({ ...phone, mac: '800000000002' as Mac });
    add({ ...phone, mac: '800000000003' as Mac, changed: false });
    const { phones, changed, groups } = impact();
    assert.deepEqual([phones, changed, groups.length, groups[0]?.hidden, groups[0]?.phones], [3, 2, 1, true, 2]);
  });
  test('are gathered where they are the same, the largest group first', () => {
    const { add, impact } = gather();
    const changed = (mac: number, vendor: string, line: string) =>
      add({
        ...{
          mac: `80000000000${mac}` as Mac,
          vendor,
          restarts: line === 'x' && vendor === 'two',
          changed: line !== '',
        },
        ...{ removed: [], added: line === '' || line === 'secret' ? [] : [line] },
      });
    changed(1, 'one', 'x');
    changed(2, 'two', 'x');
    changed(3, 'two', 'x');
    changed(4, 'two', '');
    const { phones, changed: count, restarting, groups } = impact();
    assert.deepEqual([phones, count, restarting], [4, 3, 2]);
    assert.deepEqual(
      groups.map(({ vendor, phones: many, examples }) => [vendor, many, examples]),
      [
        ['two', 2, ['800000000002', '800000000003']],
        ['one', 1, ['800000000001']],
      ],
    );
  });
});
