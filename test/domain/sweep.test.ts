// A walk through MAC addresses is told from a storm of known phones by the phones asked for in vain, never by the rate.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type Mac, macSchema } from '../../src/domain/mac.ts';
import { type Outcome, SWEEP_LIMITS, type Sweep, watchForSweeps } from '../../src/domain/sweep.ts';

const mac = (number: number): Mac => macSchema.parse((0x805ec0a00000 + number).toString(16));
const NAT = '198.51.100.7';
const SECOND = 1_000;

describe('a scanner', () => {
  test('at 200 requests a second is noticed within 30 seconds, whether it is refused or challenged', () => {
    for (const outcome of ['refused', 'challenged'] as const) {
      const watch = watchForSweeps();
      const noticed: { at: number; sweep: Sweep }[] = [];
      for (let number = 0; number < 6_000; number++) {
        const at = number * 5;
        for (const sweep of watch.saw({ place: NAT, tenant: null, mac: mac(number) }, outcome, at))
          noticed.push({ at, sweep });
      }
      assert.equal(noticed.length, 1, 'told once, not again and again');
      assert.ok((noticed[0]?.at ?? Infinity) <= 30 * SECOND, `${outcome} at ${noticed[0]?.at}`);
      assert.deepEqual(noticed[0]?.sweep, { kind: 'place', of: NAT, macs: 50, until: (noticed[0]?.at ?? 0) + 600_000 });
      assert.equal(watch.isSwept({ place: NAT, tenant: null }, 30 * SECOND), true);
      assert.equal(watch.isSwept({ place: '203.0.113.9', tenant: null }, 30 * SECOND), false);
    }
  });

  test('that is slow is noticed too, while it stays within the window', () => {
    const watch = watchForSweeps();
    const sweeps = Array.from({ length: 60 }, (_, number) =>
      watch.saw({ place: NAT, tenant: null, mac: mac(number) }, 'refused', number * 10 * SECOND),
    ).flat();
    assert.equal(sweeps.length, 1);
  });

  test('from five thousand addresses is noticed by the tenant whose token it has', () => {
    const watch = watchForSweeps();
    const sweeps = Array.from({ length: 1_000 }, (_, number) => {
      const asking = { place: `203.0.${number >> 8}.${number & 255}`, tenant: 'acme', mac: mac(number) };
      return watch.saw(asking, 'refused', number * 12);
    }).flat();
    assert.deepEqual(
      sweeps.map(({ kind, of, macs }) => ({ kind, of, macs })),
      [{ kind: 'tenant', of: 'acme', macs: 500 }],
    );
    assert.equal(watch.isSwept({ place: '192.0.2.1', tenant: 'acme' }, 12_000), true);
    assert.equal(watch.isSwept({ place: '192.0.2.1', tenant: 'globex' }, 12_000), false);
  });

  test('at one place does not trip the tenant, whose phones are elsewhere too', () => {
    const watch = watchForSweeps();
    const sweeps = Array.from({ length: 6_000 }, (_, number) =>
      watch.saw({ place: NAT, tenant: 'acme', mac: mac(number) }, 'refused', number * 5),
    ).flat();
    assert.deepEqual(
      sweeps.map(({ kind }) => kind),
      ['place'],
    );
    assert.equal(watch.isSwept({ place: '192.0.2.1', tenant: 'acme' }, 30 * SECOND), false);
  });

  test('is forgotten when it has been quiet, and told again when it comes back', () => {
    const watch = watchForSweeps();
    const walk = (from: number) =>
      Array.from({ length: 50 }, (_, number) =>
        watch.saw({ place: NAT, tenant: null, mac: mac(number) }, 'refused', from + number),
      ).flat();
    assert.equal(walk(0).length, 1);
    assert.equal(walk(1_000).length, 0, 'the same sweep goes on');
    assert.equal(watch.isSwept({ place: NAT, tenant: null }, 1_049 + 600_000), false);
    assert.deepEqual(watch.sweeps(1_049 + 600_000), []);
    assert.equal(walk(3_600_000).length, 1);
  });
});

describe('a storm of known phones', () => {
  test('of a thousand phones behind one address is no sweep, though each is challenged first and asks for three files', () => {
    const watch = watchForSweeps();
    const asks = Array.from({ length: 1_000 }, (_, number) => number).flatMap((number) =>
      ['challenged', 'served', 'challenged', 'served', 'served'].map((outcome, step) => ({
        at: number * 4 + step * 3 * SECOND,
        outcome: outcome as Outcome,
        number,
      })),
    );
    asks.sort((a, b) => a.at - b.at);
    for (const { at, outcome, number } of asks)
      assert.deepEqual(watch.saw({ place: NAT, tenant: 'acme', mac: mac(number) }, outcome, at), []);
    assert.equal(watch.isSwept({ place: NAT, tenant: 'acme' }, 20 * SECOND), false);
  });

  test('leaves one phone that is refused again and again alone', () => {
    const watch = watchForSweeps();
    for (let at = 0; at < 500; at++)
      assert.deepEqual(watch.saw({ place: NAT, tenant: 'acme', mac: mac(1) }, 'refused', at * 100), []);
  });

  test('does not hide a scanner behind the same address', () => {
    const watch = watchForSweeps();
    const sweeps = Array.from({ length: 2_000 }, (_, number) => {
      const good = watch.saw({ place: NAT, tenant: 'acme', mac: mac(number % 1_000) }, 'served', number * 5);
      const bad = watch.saw({ place: NAT, tenant: null, mac: mac(100_000 + number) }, 'refused', number * 5);
      return [...good, ...bad];
    }).flat();
    assert.equal(sweeps.length, 1);
  });
});

test('memory stays bounded, and the loudest are remembered', () => {
  const watch = watchForSweeps({ ...SWEEP_LIMITS, entriesMax: 1_000 });
  for (let number = 0; number < 60; number++)
    watch.saw({ place: NAT, tenant: null, mac: mac(number) }, 'refused', number);
  for (let number = 0; number < 900; number++)
    watch.saw(
      { place: `2001:db8:${number.toString(16)}::/64`, tenant: null, mac: mac(number) },
      'refused',
      100 + number,
    );
  assert.equal(watch.isSwept({ place: NAT, tenant: null }, 2_000), true);
  for (let number = 0; number < 1_000; number++)
    watch.saw(
      { place: `2001:db9:${number.toString(16)}::/64`, tenant: null, mac: mac(number) },
      'refused',
      1_100 + number,
    );
  assert.equal(watch.isSwept({ place: NAT, tenant: null }, 2_200), false, 'the place that was quiet longest gives way');
});

test('no order of requests makes a place swept that has fewer phones asked for in vain than the limit', () => {
  const limits = { ...SWEEP_LIMITS, macs: { place: 5, tenant: 8 } };
  const ask = fc.record({
    number: fc.nat(11),
    outcome: fc.constantFrom<Outcome>('served', 'challenged', 'refused'),
    wait: fc.nat(60_000),
  });
  fc.assert(
    fc.property(fc.array(ask, { maxLength: 60 }), (asks) => {
      const watch = watchForSweeps(limits);
      const vain = new Set<number>();
      let at = 0;
      for (const { number, outcome, wait } of asks) {
        at += wait;
        if (outcome !== 'served') vain.add(number);
        const sweeps = watch.saw({ place: NAT, tenant: null, mac: mac(number) }, outcome, at);
        if (vain.size < limits.macs.place) assert.deepEqual(sweeps, []);
      }
    }),
  );
});
