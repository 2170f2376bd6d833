import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { dialPlanSchema, dialPlanView } from '../../src/domain/dial-plan.ts';
import { pollMoment } from '../../src/domain/poll.ts';
import { settingsLevelSchema } from '../../src/domain/settings.ts';

describe('the dial plan', () => {
  test('in the notations that phones use', () => {
    const { unusedFixed, ...view } = dialPlanView(['11x', '[2-9]xx', '00.', '*x.', '+49.']);
    assert.deepEqual([unusedFixed.length, unusedFixed[0], unusedFixed.at(-1)], [48, { number: 3 }, { number: 50 }]);
    assert.deepEqual(view, {
      digitMap: '11x|[2-9]xx|00xx.T|*xxx.T|+49xx.T',
      alternatives: '11x | [2-9]xx | 00x+ | *xx+ | \\+49x+',
      fixed: [
        { number: 1, pattern: '11x', regex: '^(11[0-9])$', further: false },
        { number: 2, pattern: '[2-9]xx', regex: '^([2-9][0-9][0-9])$', further: true },
      ],
    });
  });

  /** Does a number complete a pattern, read by the rules of each notation alone? */
  const byDigitMap = (map: string, number: string) =>
    map.split('|').some((rule) => {
      const body = rule.replace(/T$/, '').replaceAll(/[*+]/g, '\\$&');
      return new RegExp(`^${body.replaceAll('x.', '\\d*').replaceAll('x', '\\d')}$`).test(number);
    });
  const byAlternatives = (text: string, number: string) =>
    text.split(' | ').some((rule) => {
      const body = rule.replace(/x\+$/, 'x@').replaceAll('*', '\\*').replace('@', '+');
      return new RegExp(`^${body.replaceAll('x', '\\d')}$`).test(number);
    });
  const byPattern = (pattern: string, number: string) => {
    const body = pattern.replace(/\.$/, '').replaceAll(/[*+]/g, '\\$&').replaceAll('x', '\\d');
    return new RegExp(`^${body}${pattern.endsWith('.') ? '\\d+' : ''}$`).test(number);
  };

  test('all notations take the same numbers', () => {
    const element = fc.constantFrom('0', '1', '7', 'x', '[2-4]', '*', '[09]');
    const pattern = fc
      .tuple(fc.boolean(), fc.array(element, { minLength: 1, maxLength: 4 }), fc.boolean())
      .map(([sign, elements, open]) => `${sign ? '+' : ''}${elements.join('')}${open ? '.' : ''}`);
    const patterns = fc.uniqueArray(pattern, { minLength: 1, maxLength: 4 });
    const number = fc
      .array(fc.constantFrom(...'01279*+'), { minLength: 1, maxLength: 6 })
      .map((digits) => digits.join(''));
    let taken = 0;
    fc.assert(
      fc.property(patterns, number, (plan, dialled) => {
        assert.ok(dialPlanSchema.safeParse(plan).success);
        const expected = plan.some((one) => byPattern(one, dialled));
        const { digitMap, alternatives } = dialPlanView(plan);
        assert.equal(byDigitMap(digitMap, dialled), expected, digitMap);
        assert.equal(byAlternatives(alternatives, dialled), expected, alternatives);
        if (expected) taken++;
      }),
      { numRuns: 2_000, seed: 7 },
    );
    assert.ok(taken > 20, `${taken} numbers fitted`);
  });

  test('the regular expressions take the numbers that are complete at once, and have one group around all of it', () => {
    const { fixed } = dialPlanView(['11x', '*7[05-7]#', '+49x', '00.']);
    const takenBy = (number: string) => fixed.filter(({ regex }) => new RegExp(regex).exec(number)?.[1] === number);
    for (const [number, pattern] of [
      ['112', '11x'],
      ['*76#', '*7[05-7]#'],
      ['+497', '+49x'],
    ] as const) {
      assert.deepEqual(
        takenBy(number).map((one) => one.pattern),
        [pattern],
        number,
      );
    }
    for (const number of ['11', '1123', '0112', '*74#', '776#', '0497', '*497', '001', '']) {
      assert.deepEqual(takenBy(number), [], number);
    }
    for (const { regex } of fixed) assert.match(regex, /^[^ |+\\]+$/);
  });

  for (const wrong of ['', '11y', 'x..', '.', '[2-9', '[9-]', '1 2', '<1:2>', 'x.x', '0|1', '1+']) {
    test(`"${wrong}" is no pattern`, () => assert.equal(dialPlanSchema.safeParse([wrong]).success, false));
  }
  test('a pattern stands once', () => assert.equal(dialPlanSchema.safeParse(['1x', '1x']).success, false));
});

describe('when a phone looks for changes', () => {
  const macs = Array.from({ length: 2_000 }, (_, index) => `805ec0${index.toString(16).padStart(6, '0')}`);

  test('in the window, spread over all of it, and always at the same moment', () => {
    const moments = macs.map((mac) => pollMoment('02:00-05:00', mac));
    assert.deepEqual(
      moments,
      macs.map((mac) => pollMoment('02:00-05:00', mac)),
    );
    const perMinute = new Map<string, number>();
    for (const { at } of moments) {
      assert.ok(at.hour >= 2 && at.hour < 5, at.text);
      perMinute.set(at.text, (perMinute.get(at.text) ?? 0) + 1);
    }
    assert.equal(perMinute.size, 180, 'every minute is used');
    // 2,000 phones in 180 minutes: 11 a minute; thirty would be a heap.
    assert.ok(Math.max(...perMinute.values()) < 30);
  });

  test('a window may pass midnight', () => {
    const hours = new Set(macs.map((mac) => pollMoment('23:00-01:00', mac).at.hour));
    assert.deepEqual([...hours].sort(), [0, 23]);
    const { from, to, minutes } = pollMoment('23:00-01:00', '805ec0a00001');
    assert.deepEqual([from.text, to.text, minutes], ['23:00', '01:00', 120]);
  });

  for (const [poll, good] of [
    ['off', true],
    ['00:00-23:00', true],
    ['02:00-02:00', false],
    ['02:30-05:00', false],
    ['24:00-01:00', false],
    ['2-5', false],
  ] as const) {
    test(`${poll} is ${good ? '' : 'not '}taken`, () =>
      assert.equal(settingsLevelSchema.safeParse({ poll }).success, good));
  }
});

describe('values that a setting does not take', () => {
  const wrong: [string, unknown][] = [
    ['codecs', []],
    ['codecs', ['pcma', 'pcma']],
    ['codecs', ['mp3']],
    ['vlanId', 0],
    ['vlanId', 4095],
    ['signalDscp', 64],
    ['pagingGroups', [{ address: '10.0.0.1:10000', label: 'x' }]],
    ['pagingGroups', [{ address: '224.0.1.75', label: 'x' }]],
    ['pagingGroups', [{ address: '224.0.1.75:70000', label: 'x' }]],
    ['firmware', '../etc/passwd'],
    ['firmware', '.hidden'],
    ['ringTone', 6],
    ['dialTimeoutS', 1],
    ['userPassword', 'short'],
  ];
  for (const [name, value] of wrong) {
    test(`${name} ${JSON.stringify(value)}`, () => {
      const { error } = settingsLevelSchema.safeParse({ [name]: value });
      assert.equal(error?.issues[0]?.path[0], name);
    });
  }
});
