// Enrolment windows: whom they let in, whose turn it is, and what becomes of a credential.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { liesIn, networkSchema } from '../../src/domain/cidr.ts';
import {
  type Credential,
  type EnrolmentWindow,
  HAND_OUT_SECONDS,
  handedOut,
  letsIn,
  renewed,
  turnOf,
  WINDOW_MINUTES_MAX,
  windowSchema,
} from '../../src/domain/enrolment.ts';
import { aPhone } from '../support/world.ts';

const { mac } = aPhone();
const other = aPhone({ mac: '805ec0a0ffff' }).mac;
const AT = Date.parse('2026-01-01T12:00:00.000Z');
const at = (seconds: number) => new Date(AT + seconds * 1_000);

const aWindow = (changes: Partial<EnrolmentWindow> = {}): EnrolmentWindow => ({
  ...{ id: 1, tenant: 'acme', phones: null, networks: [], madeAt: at(0).toISOString(), madeBy: 'x' },
  ...{ opensAt: at(0).toISOString(), closesAt: at(3_600).toISOString() },
  ...changes,
});

const asking = (changes: object = {}) => ({
  ...{ mac, address: '192.0.2.7', file: 'x.cfg', secret: true, now: at(10) },
  ...changes,
});

const given = (changes: Partial<Credential> = {}): Credential => ({
  ...handedOut(null, 'first', { window: 1, at: at(5).toISOString(), address: '192.0.2.7', files: ['y.boot'] }),
  ...changes,
});

describe('networks', () => {
  const cases: [address: string, network: string, inside: boolean][] = [
    ['192.0.2.7', '192.0.2.0/24', true],
    ['192.0.3.7', '192.0.2.0/24', false],
    ['192.0.2.7', '192.0.2.7', true],
    ['192.0.2.8', '192.0.2.7', false],
    ['10.255.255.255', '10.0.0.0/8', true],
    ['11.0.0.0', '10.0.0.0/8', false],
    ['203.0.113.1', '0.0.0.0/0', true],
    ['::ffff:192.0.2.7', '192.0.2.0/24', true],
    ['2001:db8::1', '2001:db8::/32', true],
    ['2001:db9::1', '2001:db8::/32', false],
    ['2001:DB8:0:1:0:0:0:9', '2001:db8:0:1::/64', true],
    ['2001:db8::1', '0.0.0.0/0', false],
    ['192.0.2.7', '::/0', false],
    ['', '0.0.0.0/0', false],
    ['nowhere', '::/0', false],
  ];
  for (const [address, network, inside] of cases) {
    test(`${address || 'no address'} ${inside ? 'lies' : 'does not lie'} in ${network}`, () => {
      assert.equal(liesIn(address, network), inside);
    });
  }
  test('what is no network is refused', () => {
    const wrong = [
      '',
      '192.0.2.0/33',
      '192.0.2/24',
      '192.0.2.256',
      '01.2.3.4',
      '::/129',
      ':::',
      '1::2::3',
      '1:2:3',
      'x/8',
    ];
    for (const text of [...wrong, '10.0.0.0/8/8', '10.0.0.0/', '2001:db8::/+3']) {
      assert.equal(networkSchema.safeParse(text).success, false, text);
    }
  });
  test('an address lies in a network of its first bits and in no other of that length', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.ipV4(), fc.integer({ min: 0, max: 32 }), (one, two, bits) => {
        const value = (text: string) => text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
        const cut = (text: string) => Math.floor(value(text) / 2 ** (32 - bits));
        assert.equal(liesIn(one, `${two}/${bits}`), cut(one) === cut(two));
      }),
    );
  });
});

describe('a window lets in', () => {
  const cases: [
    what: string,
    window: Partial<EnrolmentWindow>,
    asked: { mac?: typeof mac; address?: string; now?: Date },
    yes: boolean,
  ][] = [
    ['anybody while it is open', {}, {}, true],
    ['nobody before it opens', {}, { now: at(-1) }, false],
    ['nobody from the moment it closes', {}, { now: at(3_600) }, false],
    ['the phones that it names', { phones: [mac] }, {}, true],
    ['no other phone', { phones: [mac] }, { mac: other }, false],
    ['its networks', { networks: ['198.51.100.0/24', '192.0.2.0/24'] }, {}, true],
    ['no other network', { networks: ['198.51.100.0/24'] }, {}, false],
  ];
  for (const [what, window, asked, yes] of cases) {
    test(what, () => {
      const { mac: of, address, now } = asking(asked);
      assert.equal(letsIn(aWindow(window), of, address, now), yes);
    });
  }
});

describe('whose turn it is', () => {
  const turn = (windows: EnrolmentWindow[], credential: Credential | null, changes: object = {}) =>
    turnOf(windows, credential, asking(changes));

  test('a phone that has nothing begins, with the newest window', () => {
    assert.deepEqual(turn([aWindow(), aWindow({ id: 2 })], null), { kind: 'begin', window: 2 });
    assert.deepEqual(turn([], null), { kind: 'none' });
  });
  test('the same address goes on with other files for a while', () => {
    assert.deepEqual(turn([aWindow()], given()), { kind: 'goOn', window: 1 });
    const late = { now: at(5 + HAND_OUT_SECONDS + 1) };
    assert.deepEqual(turn([aWindow()], given(), late), { kind: 'none' });
    assert.deepEqual(turn([aWindow()], given(), { now: at(4) }), { kind: 'none' }, 'a clock that was put back');
  });
  test('a file with a secret is given once, another as often as the phone asks', () => {
    assert.deepEqual(turn([aWindow()], given(), { file: 'y.boot', secret: true }), { kind: 'none' });
    assert.deepEqual(turn([aWindow()], given(), { file: 'y.boot', secret: false }), { kind: 'goOn', window: 1 });
  });
  test('another address is refused and told of', () => {
    assert.deepEqual(turn([aWindow()], given(), { address: '192.0.2.8' }), { kind: 'contested' });
    const outside = { address: '203.0.113.1' };
    assert.deepEqual(turn([aWindow({ networks: ['192.0.2.0/24'] })], given(), outside), { kind: 'none' });
  });
  test('a closed window gives nothing more, not even what has begun', () => {
    assert.deepEqual(turn([aWindow({ closesAt: at(8).toISOString() })], given()), { kind: 'none' });
  });
  test('an older window never gives after a newer one', () => {
    const newer = given({ handOut: { window: 2, at: at(5).toISOString(), address: '192.0.2.7', files: ['x.cfg'] } });
    assert.deepEqual(turn([aWindow(), aWindow({ id: 2 })], newer), { kind: 'none' });
  });
  test('a phone that has proven itself comes again only by a window that names it', () => {
    const enrolled = given({ state: 'enrolled', usedAt: at(7).toISOString() });
    assert.deepEqual(turn([aWindow({ id: 2 })], enrolled), { kind: 'none' });
    assert.deepEqual(turn([aWindow({ id: 2, phones: [mac] })], enrolled), { kind: 'begin', window: 2 });
    assert.deepEqual(turn([aWindow({ id: 2, phones: [other] })], enrolled), { kind: 'none' });
  });
});

describe('a credential', () => {
  const handOut = { window: 2, at: at(20).toISOString(), address: '192.0.2.9', files: [] };

  test('that was handed out and never used is good no more once another is handed out', () => {
    const next = handedOut(given(), 'second', handOut);
    assert.deepEqual([next.password, next.old, next.state], ['second', null, 'handedOut']);
  });
  test('that was used stays good until the new one has been used', () => {
    const used = given({ state: 'enrolled', usedAt: at(7).toISOString() });
    assert.deepEqual(
      [handedOut(used, 'second', handOut).old, renewed(used, 'second', at(9).toISOString()).old],
      ['first', 'first'],
    );
    const twice = renewed(renewed(used, 'second', at(9).toISOString()), 'third', at(10).toISOString());
    assert.deepEqual(
      [twice.password, twice.old, twice.usedAt],
      ['third', 'first', null],
      'the phone still has the first',
    );
  });
  test('that an operator has made beforehand is the one that is handed out', () => {
    const made = renewed(null, 'known', at(1).toISOString());
    assert.equal(handedOut(made, 'second', handOut).password, 'known');
  });
});

test('an order for a window: an hour from now for all, at most seven days', () => {
  assert.deepEqual(windowSchema.parse({}), { phones: null, opensAt: null, minutes: 60, networks: [] });
  assert.equal(windowSchema.safeParse({ minutes: WINDOW_MINUTES_MAX + 1 }).success, false);
  assert.equal(windowSchema.safeParse({ minutes: 0 }).success, false);
  assert.equal(windowSchema.safeParse({ phones: [] }).success, false);
});
