// Settings of calls on Yealink phones, exactly: codecs, dial plan, ring tone, answering, announcements. The words are copied
// from the vendor's guides and from templates of others.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CODECS } from '../../src/domain/settings.ts';
import { type Parameters, readLinesFormat } from '../support/readers.ts';
import { aLine, renderAll } from '../support/world.ts';

const MODELS = { desk: 'T46U', legacy: 'T28P', multicell: 'W75DM' } as const;
type Family = keyof typeof MODELS;
const FAMILIES = Object.keys(MODELS) as Family[];
const LINES = [aLine(), aLine({ user: '102-ACME' })];

type Raw = Record<string, string>;

function read(family: Family, settings: object): Parameters {
  const files = renderAll({ phone: { model: MODELS[family], lines: LINES }, tenantSettings: settings });
  return readLinesFormat([...files].find(([name]) => name.endsWith('.cfg'))?.[1] ?? '');
}

const below = (all: Parameters, ...starts: string[]): Raw =>
  Object.fromEntries([...all].filter(([name]) => starts.some((start) => name.startsWith(start))));

/** What a line of the phone offers, the most wanted first; `off` is what is said to be off. */
function codecsOf(all: Parameters, line: number): { offered: string[]; off: string[] } {
  const given = below(all, `account.${line}.codec.`);
  const names = Object.keys(given)
    .filter((name) => name.endsWith('.enable'))
    .map((name) => name.slice(`account.${line}.codec.`.length, -'.enable'.length));
  const isOn = (name: string) => given[`account.${line}.codec.${name}.enable`] === '1';
  const place = (name: string) => Number(given[`account.${line}.codec.${name}.priority`]);
  return {
    offered: names.filter(isOn).sort((a, b) => place(a) - place(b)),
    off: names.filter((name) => !isOn(name)).sort(),
  };
}

// In the vendor's numbers for T20P to T28P: PCMU 1, PCMA 2, G.729 5, G.722 6, G.726-32 10, iLBC 12; no Opus.
const WORDS: Record<Family, Record<(typeof CODECS)[number], string>> = {
  desk: { opus: 'opus', g722: 'g722', pcma: 'pcma', pcmu: 'pcmu', g729: 'g729', ilbc: 'ilbc', g726: 'g726_32' },
  legacy: { opus: 'opus', g722: '6', pcma: '2', pcmu: '1', g729: '5', ilbc: '12', g726: '10' },
  multicell: {
    opus: 'opus',
    g722: 'g722',
    pcma: 'pcma',
    pcmu: 'pcmu',
    g729: 'g729',
    ilbc: 'ilbc_13_33kbps',
    g726: 'g726_32',
  },
};
const NEVER: Record<Family, string[]> = {
  desk: [
    'g723_53',
    'g723_63',
    'g726_16',
    'g726_24',
    'g726_40',
    'g722_1_24kpbs',
    'g722_1c_24kpbs',
    'g722_1c_32kpbs',
    'g722_1c_48kpbs',
  ],
  legacy: ['3', '4', '7', '8', '9', '11', '13'],
  multicell: [
    'ilbc_15_2kbps',
    'g723_53',
    'g723_63',
    'g726_16',
    'g726_24',
    'g726_40',
    'G722_1_24kpbs',
    'G722_1c_24kpbs',
    'G722_1c_32kpbs',
    'G722_1c_48kpbs',
  ],
};

for (const family of FAMILIES) {
  describe(`${family}: codecs`, () => {
    const chosen: (typeof CODECS)[number][][] = [
      ['opus', 'g722', 'pcma'],
      ['pcmu'],
      ['g729', 'ilbc', 'g726', 'pcma', 'pcmu', 'g722', 'opus'],
    ];
    for (const codecs of chosen) {
      test(`${codecs.join(', ')} in this order, and everything else is off`, () => {
        const all = read(family, { codecs });
        const words = WORDS[family];
        const others = CODECS.filter((codec) => !codecs.includes(codec)).map((codec) => words[codec]);
        for (const line of [1, 2]) {
          assert.deepEqual(codecsOf(all, line), {
            offered: codecs.map((codec) => words[codec]),
            off: [...others, ...NEVER[family]].sort(),
          });
        }
        assert.deepEqual(below(all, 'account.3.codec.'), {}, 'a line that is not used has none');
      });
    }

    test('none: the phone keeps its own', () => {
      assert.deepEqual(below(read(family, { codecs: null }), 'account.1.codec.'), {});
    });
  });
}

const PLAN = ['11x', '[2-9]xx', '00.', '*9x'];
const RULES = {
  'dialplan.dialnow.rule.1': '11x',
  'dialplan.dialnow.rule.2': '[2-9]xx',
  'dialplan.dialnow.rule.3': '*9x',
};
const dialling = (all: Parameters) => below(all, 'dialplan.', 'phone_setting.inter_digit_time');

describe('dial plan', () => {
  for (const [dialTimeoutS, long] of [
    [2, '3'],
    [4, '5'],
    [9, '10'],
    [14, '15'],
  ] as const) {
    test(`desk: a digit map that waits ${dialTimeoutS} seconds, and longer for what fits only in part`, () => {
      assert.deepEqual(dialling(read('desk', { dialPlan: PLAN, dialTimeoutS })), {
        'phone_setting.inter_digit_time': String(dialTimeoutS),
        'dialplan.digitmap.enable': '1',
        'dialplan.digitmap.string': '11x|[2-9]xx|00xx.T|*9x',
        'dialplan.digitmap.interdigit_short_timer': String(dialTimeoutS),
        'dialplan.digitmap.interdigit_long_timer': long,
        'dialplan.digitmap.no_match_action': '2',
        ...RULES,
      });
    });
  }

  test('every time to wait has a longer one', () => {
    for (let dialTimeoutS = 2; dialTimeoutS <= 14; dialTimeoutS++) {
      const all = read('desk', { dialPlan: ['1'], dialTimeoutS });
      const [short, long] = ['short', 'long'].map((which) => all.get(`dialplan.digitmap.interdigit_${which}_timer`));
      assert.equal(Number(long), Number(short) + 1);
    }
  });

  test('desk: none, and the phone keeps its own', () => {
    assert.deepEqual(dialling(read('desk', {})), { 'phone_setting.inter_digit_time': '4' });
  });

  test('legacy: dial-now rules, which have no open end', () => {
    const all = read('legacy', { dialPlan: PLAN, dialTimeoutS: 6 });
    const unused = Array.from({ length: 17 }, (_, index) => [`dialplan.dialnow.rule.${index + 4}`, '%NULL%']);
    const rules = { ...RULES, ...Object.fromEntries(unused) };
    assert.deepEqual(dialling(all), { 'phone_setting.inter_digit_time': '6', ...rules });
  });

  test('legacy: twenty rules leave none to clear', () => {
    const dialPlan = Array.from({ length: 20 }, (_, index) => `${index + 10}`);
    const said = dialPlan.map((pattern, index) => [`dialplan.dialnow.rule.${index + 1}`, pattern]);
    const wait = { 'phone_setting.inter_digit_time': '4' };
    assert.deepEqual(dialling(read('legacy', { dialPlan })), { ...wait, ...Object.fromEntries(said) });
  });

  test('legacy: none, and all twenty rules are cleared', () => {
    const { 'phone_setting.inter_digit_time': wait, ...rules } = dialling(read('legacy', {}));
    assert.equal(wait, '4');
    const numbers = Array.from({ length: 20 }, (_, index) => `dialplan.dialnow.rule.${index + 1}`);
    assert.deepEqual(rules, Object.fromEntries(numbers.map((name) => [name, '%NULL%'])));
  });

  test('multicell: dial-now rules alone', () => {
    assert.deepEqual(dialling(read('multicell', { dialPlan: PLAN, dialTimeoutS: 6 })), RULES);
    assert.deepEqual(dialling(read('multicell', {})), {});
  });
});

describe('ring tone', () => {
  const ringing = (family: Family, ringTone: number | null) =>
    below(read(family, { ringTone }), 'phone_setting.ring_type', 'account.1.ringtone.', 'account.2.ringtone.');

  for (const ringTone of [1, 2, 3, 4, 5]) {
    test(`${ringTone}`, () => {
      const file = `Ring${ringTone}.wav`;
      assert.deepEqual(ringing('desk', ringTone), { 'phone_setting.ring_type': file });
      assert.deepEqual(ringing('legacy', ringTone), {
        'phone_setting.ring_type': file,
        'account.1.ringtone.ring_type': file,
        'account.2.ringtone.ring_type': file,
      });
      assert.deepEqual(ringing('multicell', ringTone), {});
    });
  }

  test('none: nothing is said', () => {
    for (const family of FAMILIES) assert.deepEqual(ringing(family, null), {});
  });
});

describe('answering by itself', () => {
  const words = [
    ['off', '0', '0'],
    ['asked', '0', '1'],
    ['always', '1', '1'],
    [null, '0', '1'],
  ] as const;
  const names = ['account.1.auto_answer', 'account.2.auto_answer', 'features.intercom.'];

  for (const [autoAnswer, always, asked] of words) {
    test(`${autoAnswer}`, () => {
      for (const family of ['desk', 'legacy'] as const) {
        assert.deepEqual(below(read(family, { autoAnswer }), ...names), {
          'account.1.auto_answer': always,
          'account.2.auto_answer': always,
          'features.intercom.allow': asked,
        });
      }
      assert.deepEqual(below(read('multicell', { autoAnswer }), ...names), {});
    });
  }
});

describe('announcements', () => {
  const pagingGroups = [
    { address: '224.0.1.75:10000', label: 'Everybody' },
    { address: '239.255.0.9:65535', label: 'Yard' },
  ];
  const given = {
    'multicast.listen_address.1.ip_address': '224.0.1.75:10000',
    'multicast.listen_address.1.label': 'Everybody',
    'multicast.listen_address.2.ip_address': '239.255.0.9:65535',
    'multicast.listen_address.2.label': 'Yard',
  };
  /** The places of a phone from this one to the tenth, cleared. */
  const cleared = (from: number): Raw =>
    Object.fromEntries(
      Array.from({ length: 11 - from }, (_, index) => `multicast.listen_address.${from + index}`).flatMap((name) => [
        [`${name}.ip_address`, '%NULL%'],
        [`${name}.label`, '%NULL%'],
      ]),
    );

  test('are listened to', () => {
    assert.deepEqual(below(read('desk', { pagingGroups }), 'multicast.'), given);
    assert.deepEqual(below(read('legacy', { pagingGroups }), 'multicast.'), { ...given, ...cleared(3) });
    assert.deepEqual(below(read('multicell', { pagingGroups }), 'multicast.'), {}, 'a base does not');
  });

  test('none: the old phones, which nothing else clears, are told', () => {
    assert.deepEqual(below(read('desk', {}), 'multicast.'), {});
    assert.deepEqual(below(read('legacy', {}), 'multicast.'), cleared(1));
  });

  test('ten: every place of an old phone is used and none is cleared', () => {
    const full = Array.from({ length: 10 }, (_, index) => ({
      address: `224.0.1.75:${10000 + index}`,
      label: `${index}`,
    }));
    const said = full.flatMap(({ address, label }, index) => [
      [`multicast.listen_address.${index + 1}.ip_address`, address],
      [`multicast.listen_address.${index + 1}.label`, label],
    ]);
    assert.deepEqual(below(read('legacy', { pagingGroups: full }), 'multicast.'), Object.fromEntries(said));
  });
});
