// What the settings for calls, network and upkeep become in Grandstream files of P-values. Numbers are copied from the
// vendor's templates, not from vendor.json. Each case names all that it changes: nothing else may move.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readElements } from '../support/readers.ts';
import { aLine, everyModel, PROVISIONING_URL, renderAll } from '../support/world.ts';

const MAC = 'c074ada00001';
const FOLDER = PROVISIONING_URL.replace(/^https:\/\/|\/$/g, '');

type Said = Record<string, string>;
type Changes = Record<string, string | null>;
type Numbers = readonly number[];

/** The words of a list of codecs: Opus, G.722, A-law, µ-law, G.729, iLBC, G.726. */
type Codecs = readonly [string, string, string, string, string, string, string];
const MODERN: Codecs = ['123', '9', '8', '0', '18', '98', '2'];
const WITHOUT_OPUS: Codecs = ['9', '9', '8', '0', '18', '98', '2'];
const ADAPTER: Codecs = ['123', '9', '8', '0', '18', '97', '2'];
const NARROW: Codecs = ['8', '8', '8', '0', '18', '98', '2'];

const from = (first: number, count: number): Numbers => Array.from({ length: count }, (_, index) => first + index);
const FIRST = [...from(57, 6), 46, 98];
const ACCOUNTS = [FIRST, from(451, 8), from(551, 8), from(651, 8), from(1751, 8), from(1851, 8)];
const places = (accounts: number, count: number) => ACCOUNTS.slice(0, accounts).map((all) => all.slice(0, count));

const PLAN = [290, 459, 559, 659, 1759, 1859];
const TIMEOUT = [85, 491, 591, 691, 791, 891];
const RING = [104, 423, 523, 623, 1723, 1823];
const ANSWER = [90, 425, 525, 625, 1725, 1825];
const ASKED = [298, 438, 538, 638, 738, 838];

/** How a family says things; null is what it cannot say. */
type Family = {
  readonly model: string;
  readonly codecs: { readonly words: Codecs; readonly places: readonly Numbers[] };
  readonly plan: Numbers;
  readonly timeout: Numbers;
  readonly ring: {
    readonly numbers: Numbers;
    readonly words: readonly [string, string, string, string, string];
  } | null;
  readonly answer: { readonly always: Numbers; readonly asked: Numbers | null } | null;
  readonly vlan: { readonly id: Said; readonly pc: Said } | null;
  readonly hasLldp: boolean;
  readonly dscp: { readonly sip: Numbers; readonly rtp: Numbers };
  readonly poll: { readonly on: Said; readonly off: Said; readonly start: 'from' | 'at' | null };
  readonly firmware: Said;
  readonly checkSync: boolean;
  readonly phonebook: Said | null;
  readonly paging: Said | null;
  readonly protects: boolean;
  readonly hasUser: boolean;
};

const FOUR_RINGS = { numbers: RING, words: ['1', '2', '3', '0', '0'] } as const;
const SIX_RINGS = { numbers: RING, words: ['1', '2', '3', '0', '5'] } as const;
const RING_FILES = [
  '/system/media/audio/ringtones/Ring1_Ding.ogg',
  '/system/media/audio/ringtones/Ring2_OrganDub.ogg',
  '/system/media/audio/ringtones/Ring3_Paradise_Island.ogg',
  '/system/media/audio/ringtones/Ring4_EtherShake.ogg',
  '/system/media/audio/ringtones/Ring5_FreeFlight.ogg',
] as const;
const PLAIN_VLAN = { id: { P51: '20', P87: '6' }, pc: {} };
const PC_VLAN = { id: { P51: '20', P87: '6' }, pc: { P229: '30' } };
const MANUAL_VLAN = { id: { P22174: '1', P51: '20', P87: '6' }, pc: { P229: '30' } };
const ADAPTER_VLAN = { id: { P51: '20', P5038: '6', P5042: '6' }, pc: {} };
const BY_PROTOCOL = { P232: 'image-', P238: '0' };
const ASKS_NOBODY = { ...BY_PROTOCOL, P8375: '0' };
const PAGES = { P1569: '224.0.1.75:10000', P1570: 'Everybody' };

/** Once a day at an hour; a phone with a range of hours chooses the moment itself. */
const daily = (on: string): Family['poll'] => ({ on: { P194: on, P285: '3' }, off: { P194: '0' }, start: 'at' });
const inRange = (on: string, start: 'from' | 'at', name = 'P194'): Family['poll'] => ({
  on: { [name]: on, P285: '3', P8459: '4', P8458: '1' },
  off: { [name]: '0' },
  start,
});
const EVERY_1440_MINUTES: Family['poll'] = { on: { P194: '1', P193: '1440' }, off: { P194: '0' }, start: null };
const fetched = (by: string, more: Said = { P333: '0' }): Said => ({ P330: by, P331: FOLDER, P332: '720', ...more });

const GXP14: Family = {
  model: 'GXP2100',
  codecs: { words: WITHOUT_OPUS, places: places(4, 7) },
  plan: PLAN,
  timeout: TIMEOUT,
  ring: FOUR_RINGS,
  answer: { always: ANSWER, asked: ASKED },
  vlan: PLAIN_VLAN,
  hasLldp: true,
  dscp: { sip: [], rtp: [38] },
  poll: EVERY_1440_MINUTES,
  firmware: BY_PROTOCOL,
  checkSync: false,
  phonebook: fetched('3'),
  paging: null,
  protects: false,
  hasUser: true,
};
const GXP16: Family = {
  ...GXP14,
  model: 'GXP1630',
  codecs: { words: WITHOUT_OPUS, places: places(3, 7) },
  vlan: PC_VLAN,
  dscp: { sip: [1558], rtp: [1559] },
  poll: daily('2'),
  firmware: ASKS_NOBODY,
  checkSync: true,
  paging: PAGES,
};
const GXP21: Family = {
  ...GXP16,
  model: 'GXP2170',
  codecs: { words: MODERN, places: places(6, 8) },
  ring: SIX_RINGS,
  vlan: MANUAL_VLAN,
  poll: inRange('2', 'at'),
  protects: true,
};
const HT80: Family = {
  model: 'HT802',
  codecs: { words: ADAPTER, places: [FIRST.slice(0, 7), [...from(757, 6), 814]] },
  plan: [4200, 4201],
  timeout: [85, 292],
  ring: null,
  answer: null,
  vlan: ADAPTER_VLAN,
  hasLldp: false,
  dscp: { sip: [5046, 5047], rtp: [5050, 5051] },
  poll: inRange('1', 'from'),
  firmware: BY_PROTOCOL,
  checkSync: true,
  phonebook: null,
  paging: null,
  protects: false,
  hasUser: true,
};
/** Every port uses the first profile. */
const ONE_PROFILE = { plan: [4200], timeout: [85], dscp: { sip: [5046], rtp: [5050] } };
const HT70: Family = {
  ...HT80,
  model: 'HT702',
  codecs: { words: NARROW, places: [from(57, 6), from(757, 6)] },
  vlan: PLAIN_VLAN,
  dscp: { sip: [], rtp: [38] },
  poll: daily('1'),
  checkSync: false,
};

const FAMILIES: Record<string, Family> = {
  gxp14: GXP14,
  gxp16: GXP16,
  gxp17: {
    ...GXP16,
    model: 'GXP1782',
    codecs: { words: WITHOUT_OPUS, places: places(4, 8) },
    firmware: BY_PROTOCOL,
  },
  gxp21: GXP21,
  gxp2160: { ...GXP21, model: 'GXP2160' },
  gxv32: {
    ...GXP16,
    model: 'GXV3275',
    codecs: { words: MODERN, places: places(6, 8) },
    timeout: [85, 491, 591, 691, 1791, 1891],
    ring: { numbers: RING, words: RING_FILES },
    answer: { always: ANSWER, asked: null },
    poll: daily('1'),
    firmware: BY_PROTOCOL,
    // By HTTPS no number is known.
    phonebook: fetched('0', { P1436: '1' }),
  },
  wp8: {
    ...GXP16,
    model: 'WP820',
    codecs: { words: MODERN, places: places(2, 8) },
    ring: null,
    vlan: null,
    hasLldp: false,
    poll: inRange('2', 'from'),
    firmware: BY_PROTOCOL,
    paging: { ...PAGES, P22208: '1' },
  },
  ht70: HT70,
  ht704: {
    ...HT70,
    ...ONE_PROFILE,
    model: 'HT704',
    codecs: { words: NARROW, places: [from(57, 6)] },
    dscp: HT70.dscp,
  },
  ht80: HT80,
  ht80v2: {
    ...HT80,
    model: 'HT802V2',
    hasLldp: true,
    poll: inRange('2', 'from', 'P22296'),
    checkSync: false,
    hasUser: false,
  },
  ht81: { ...HT80, ...ONE_PROFILE, model: 'HT818', codecs: { words: ADAPTER, places: [FIRST.slice(0, 7)] } },
  ht813: { ...HT80, ...ONE_PROFILE, model: 'HT813', codecs: { words: ADAPTER, places: [FIRST.slice(0, 7)] } },
  dp75: {
    ...HT80,
    ...ONE_PROFILE,
    model: 'DP752',
    codecs: { words: WITHOUT_OPUS, places: [FIRST] },
    vlan: { ...ADAPTER_VLAN, id: { P27004: '1', ...ADAPTER_VLAN.id } },
    hasLldp: true,
    poll: daily('2'),
    checkSync: false,
    phonebook: fetched('3'),
  },
};

const named = (numbers: Numbers, value: string): Said =>
  Object.fromEntries(numbers.map((number) => [`P${number}`, value]));
const linesOf = (model: string): number =>
  everyModel().find((entry) => entry.vendor === 'grandstream' && entry.model === model)?.lines ?? assert.fail(model);

function read(model: string, tenantSettings: object): Said {
  const lines = Array.from({ length: linesOf(model) }, () => aLine());
  const files = renderAll({ phone: { vendor: 'grandstream', model, mac: MAC, lines }, tenantSettings });
  return Object.fromEntries(readElements(files.get(`cfg${MAC}.xml`) ?? assert.fail('no file')));
}

/** What the settings change, null for what is not said any more. */
function changesOf(model: string, tenantSettings: object, before: object = {}): Changes {
  const [old, now] = [read(model, before), read(model, tenantSettings)];
  const names = [...new Set([...Object.keys(old), ...Object.keys(now)])].filter((name) => old[name] !== now[name]);
  return Object.fromEntries(names.map((name) => [name, now[name] ?? null]));
}

const filled = (family: Family, chosen: readonly number[]): Said =>
  Object.assign(
    {},
    ...family.codecs.places.map((account) =>
      Object.fromEntries(
        account.map((number, place) => [
          `P${number}`,
          family.codecs.words[chosen[Math.min(place, chosen.length - 1)] ?? assert.fail()] ?? assert.fail(),
        ]),
      ),
    ),
  );

test('every family of P-values is tested', () => {
  const all = everyModel().flatMap(({ vendor, family }) => (vendor === 'grandstream' ? [family] : []));
  const ofItems = ['ghp', 'grp', 'gxv33', 'wp8x6'];
  assert.deepEqual([...new Set(all)].filter((name) => !ofItems.includes(name)).sort(), Object.keys(FAMILIES).sort());
});

for (const [name, family] of Object.entries(FAMILIES)) {
  const { model } = family;
  const lines = linesOf(model);
  const changed = (tenantSettings: object, before: object = {}) => changesOf(model, tenantSettings, before);

  describe(`${name}, calls`, () => {
    test('codecs', () => {
      assert.deepEqual(changed({ codecs: ['pcma'] }), filled(family, [2]));
      assert.deepEqual(changed({ codecs: ['opus', 'g722', 'pcmu'] }), filled(family, [0, 1, 3]));
      const all = ['g729', 'g726', 'ilbc', 'pcmu', 'pcma', 'g722', 'opus'];
      assert.deepEqual(changed({ codecs: all }), filled(family, [4, 6, 5, 3, 2, 1, 0]));
    });

    test('dial plan', () => {
      const plan = '{ 11x | [2-9]xx | \\+49x+ | 00x+ | x+ | \\+x+ | *x+ | *xx*x+ }';
      const dialPlan = ['11x', '[2-9]xx', '+49.', '00.'];
      assert.deepEqual(changed({ dialPlan }), named(family.plan.slice(0, lines), plan));
    });

    test('pause after the last digit', () => {
      assert.deepEqual(changed({ dialTimeoutS: 14 }), named(family.timeout.slice(0, lines), '14'));
      for (const number of family.timeout.slice(0, lines)) assert.equal(read(model, {})[`P${number}`], '4');
    });

    test('ring tone', () => {
      for (const [index, word] of (family.ring?.words ?? ['', '', '', '', '']).entries()) {
        const expected = named(family.ring?.numbers.slice(0, lines) ?? [], word);
        assert.deepEqual(changed({ ringTone: index + 1 }), expected);
      }
    });

    test('answering by itself', () => {
      const { always = [], asked = [] } = family.answer ?? {};
      const [yes, whenAsked] = [always.slice(0, lines), asked?.slice(0, lines) ?? []];
      const plain = read(model, {});
      const word = family.answer?.asked === null ? '2' : '0';
      for (const number of yes) assert.equal(plain[`P${number}`], word);
      for (const number of whenAsked) assert.equal(plain[`P${number}`], '1');
      assert.deepEqual(changed({ autoAnswer: 'always' }), named(yes, '1'));
      const never = { ...named(whenAsked, '0'), ...(word === '2' ? named(yes, '0') : {}) };
      assert.deepEqual(changed({ autoAnswer: 'off' }), never);
    });

    test('paging by multicast', () => {
      const pagingGroups = Array.from({ length: 10 }, (_, index) => ({
        address: `224.0.1.${index + 1}:10000`,
        label: `G${index + 1}`,
      }));
      const one = changed({ pagingGroups: [{ address: '224.0.1.75:10000', label: 'Everybody' }] }, { pagingGroups });
      const ten = changed({ pagingGroups });
      assert.deepEqual(Object.keys(ten).length, family.paging === null ? 0 : 18 + Object.keys(family.paging).length);
      for (const [index, { address, label }] of family.paging === null ? [] : pagingGroups.entries()) {
        assert.deepEqual([ten[`P${1569 + 2 * index}`], ten[`P${1570 + 2 * index}`]], [address, label]);
      }
      const { P22208: _, ...kept } = family.paging ?? {};
      const gone = family.paging === null ? {} : named(from(1571, 18), '');
      assert.deepEqual(one, { ...gone, ...kept });
      const none = read(model, {});
      if (family.paging !== null) assert.deepEqual([none.P1569, none.P1570, none.P1587, none.P1588], ['', '', '', '']);
    });
  });

  describe(`${name}, network`, () => {
    test('VLAN', () => {
      const { id = {}, pc = {} } = family.vlan ?? {};
      assert.deepEqual(changed({ vlanId: 20, vlanPriority: 6 }), id);
      assert.deepEqual(changed({ vlanId: 20, vlanPriority: 6, pcVlanId: 30 }), { ...id, ...pc });
      const unprioritised = changed({ vlanId: 20, vlanPriority: 0 });
      const zeroed = Object.entries(id).map(([key, value]) => [key, value === '6' ? '0' : value]);
      assert.deepEqual(unprioritised, Object.fromEntries(zeroed));
      for (const key of ['P51', 'P87', 'P229', 'P5038', 'P22174', 'P27004'])
        assert.equal(read(model, {})[key], undefined);
    });

    test('LLDP', () => {
      assert.equal(read(model, {}).P1684, family.hasLldp ? '1' : undefined);
      assert.deepEqual(changed({ lldp: false }), family.hasLldp ? { P1684: '0' } : {});
    });

    test('classes of traffic', () => {
      assert.deepEqual(changed({ signalDscp: 40 }), named(family.dscp.sip, '40'));
      assert.deepEqual(changed({ voiceDscp: 34 }), named(family.dscp.rtp, '34'));
      assert.deepEqual(changed({ voiceDscp: 0 }), named(family.dscp.rtp, '0'));
    });
  });

  describe(`${name}, upkeep`, () => {
    test('looking for changes', () => {
      const said = read(model, { poll: '03:00-04:00' });
      assert.deepEqual(Object.fromEntries(Object.keys(family.poll.on).map((key) => [key, said[key]])), family.poll.on);
      const never = changed({ poll: 'off' }, { poll: '03:00-04:00' });
      const silent = Object.fromEntries(Object.keys(family.poll.on).map((key) => [key, null]));
      assert.deepEqual(never, { ...silent, ...family.poll.off });
      const { P285, P8459 } = read(model, { poll: '22:00-00:00' });
      const starts: Record<string, (string | undefined)[]> = { from: ['22'], at: ['22', '23'], null: [undefined] };
      assert.ok(starts[`${family.poll.start}`]?.includes(P285), P285);
      assert.equal(P8459, 'P8459' in family.poll.on ? '0' : undefined);
    });

    test('firmware', () => {
      assert.deepEqual(changed({ firmware: 'image-' }), family.firmware);
      const { P192, P232, P238, P6767 } = read(model, {});
      const protocol = ['gxp16', 'gxp17', 'gxp21', 'gxp2160', 'gxv32', 'wp8', 'dp75', 'ht80v2'].includes(name);
      assert.deepEqual([P192, P232, P238, P6767], [FOLDER, '', '2', protocol ? '2' : undefined]);
    });

    test('check-sync', () => {
      assert.equal(read(model, {}).P4428, family.checkSync ? '1' : undefined);
      assert.deepEqual(changed({ checkSync: 'ignore' }), family.checkSync ? { P4428: '0' } : {});
      assert.deepEqual(changed({ checkSync: 'restart' }, { checkSync: 'soft' }), {});
    });

    test('phonebook', () => {
      const said = read(model, {});
      const book = family.phonebook ?? {};
      assert.deepEqual(Object.fromEntries(Object.keys(book).map((key) => [key, said[key]])), book);
      const { P330, P331, ...gone } = book;
      const silent = Object.fromEntries(Object.keys(gone).map((key) => [key, null]));
      const off = { ...silent, ...(P330 === '0' ? {} : { P330: '0' }), P331: '' };
      assert.deepEqual(changed({ phonebook: false }), family.phonebook === null ? {} : off);
    });

    test('local changes and the password of an ordinary user', () => {
      assert.equal(read(model, {}).P9996, family.protects ? '0' : undefined);
      assert.deepEqual(changed({ keepLocalChanges: true }), family.protects ? { P9996: '1' } : {});
      const userPassword = `Horse&<battery>"'1`;
      assert.deepEqual(changed({ userPassword }), family.hasUser ? { P196: userPassword } : {});
    });
  });
}
