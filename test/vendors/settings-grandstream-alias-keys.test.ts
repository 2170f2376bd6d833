// Line keys on Grandstream phones with files of items: words and numbers as in the vendor's template for GRP26xx (virtual
// multi-purpose keys, extension boards) and GHP6xx (hot keys).
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { KEY_TYPES, type KeyType, keyFaults } from '../../src/domain/keys.ts';
import { readElements } from '../support/readers.ts';
import { aLine, everyModel, renderAll, vendors } from '../support/world.ts';

const MAC = 'c074ada00001';
const LINES = [aLine(), aLine({ user: '102-ACME', label: 'Office' })];

const read = (model: string, keys: readonly object[], lines: readonly object[] = LINES): Map<string, string> =>
  readElements(
    renderAll({ phone: { vendor: 'grandstream', model, mac: MAC, lines, keys } }).get(`cfg${MAC}.xml`) ??
      assert.fail('no file'),
  );

const PARTS = ['keyMode', 'account', 'description', 'value'];

/** The key with this number below `pks.<kind>`: mode, account, label, value. */
const keyOf = (said: Map<string, string>, kind: string, number: number, parts = PARTS) =>
  parts.map((part) => said.get(`pks.${kind}.${number}.${part}`));

const numbersOf = (said: Map<string, string>, kind: string): number[] =>
  [...said.keys()]
    .flatMap((name) => new RegExp(`^pks\\.${kind}\\.(\\d+)\\.account$`).exec(name)?.[1] ?? [])
    .map(Number);

const upTo = (count: number) => Array.from({ length: count }, (_, at) => at + 1);

describe('GRP: the keys of the phone', () => {
  const WORDS: Partial<Record<KeyType, { word: string; value?: string }>> = {
    none: { word: 'None' },
    line: { word: 'Line' },
    blf: { word: 'BLF', value: '103' },
    speedDial: { word: 'SpeedDial', value: '*21' },
    park: { word: 'MonitoredCallPark', value: '701' },
    // There is no key of its own that picks up: the code is dialled.
    pickup: { word: 'SpeedDial', value: '*8103' },
    intercom: { word: 'Intercom', value: '104' },
    dtmf: { word: 'DialDTMF', value: '12#' },
    voicemail: { word: 'VoiceMail', value: '*97' },
    forward: { word: 'Forward', value: '0123' },
    doNotDisturb: { word: 'DND' },
  };

  for (const [type, { word, value = null }] of Object.entries(WORDS)) {
    test(`${type} is ${word}`, () => {
      const label = type === 'none' ? '' : 'Say & <so>';
      const said = read('GRP2612', [{ position: 3, type, line: 2, value, label: label === '' ? null : label }]);
      assert.deepEqual(keyOf(said, 'vpk', 3), [word, '1', label, value ?? '']);
    });
  }

  test('these are the types that the family can hold, and a key of another is refused', () => {
    for (const model of ['GRP2602', 'GRP2612', 'GRP2624', 'GRP2670']) {
      const facts = vendors.findModel('grandstream', model) ?? assert.fail(model);
      assert.deepEqual([...facts.keyTypes].sort(), Object.keys(WORDS).sort());
      const onBoards = Object.keys(WORDS).filter((type) => type !== 'line');
      assert.deepEqual([...facts.moduleKeyTypes].sort(), onBoards.sort());
      for (const type of KEY_TYPES) {
        const key = { module: 0, position: 1, type, line: 1, value: null, label: null };
        assert.equal(keyFaults([key], model, facts, 1).length, type in WORDS ? 0 : 1, type);
      }
    }
  });

  test('without chosen keys each line has one, and the rest are taken back', () => {
    const said = read('GRP2612', []);
    assert.deepEqual(numbersOf(said, 'vpk'), upTo(16));
    assert.deepEqual(keyOf(said, 'vpk', 1), ['Line', '0', '101-ACME', '']);
    assert.deepEqual(keyOf(said, 'vpk', 2), ['Line', '1', 'Office', '']);
    for (const number of upTo(16).slice(2)) assert.deepEqual(keyOf(said, 'vpk', number), ['None', '0', '', '']);
  });

  test('with chosen keys every other one is none, in order and without a gap', () => {
    const said = read('GRP2613', [{ position: 24, type: 'blf', value: '103' }]);
    assert.deepEqual(numbersOf(said, 'vpk'), upTo(24));
    for (const number of upTo(23)) assert.deepEqual(keyOf(said, 'vpk', number), ['None', '0', '', '']);
    assert.deepEqual(keyOf(said, 'vpk', 24), ['BLF', '0', '103', '103']);
  });

  test('a forward and a voicemail key may leave the number to the phone', () => {
    const said = read('GRP2612', [
      { position: 1, type: 'forward' },
      { position: 2, type: 'voicemail' },
    ]);
    assert.deepEqual(keyOf(said, 'vpk', 1), ['Forward', '0', 'forward', '']);
    assert.deepEqual(keyOf(said, 'vpk', 2), ['VoiceMail', '0', 'voicemail', '']);
  });

  // Data sheets at second hand, guides and price lists; 0 where none of them says.
  const KEYS = {
    GRP2601: 2,
    GRP2602: 2,
    GRP2603: 3,
    GRP2604: 3,
    GRP2610: 0,
    GRP2611G: 0,
    GRP2612: 16,
    GRP2613: 24,
    GRP2613W: 0,
    GRP2614: 16,
    GRP2615: 40,
    GRP2616: 16,
    GRP2624: 8,
    GRP2634: 8,
    GRP2636: 12,
    GRP2650: 14,
    GRP2670: 12,
  };

  test('as many as the model has, and no other', () => {
    const models = everyModel().filter(({ vendor, family }) => vendor === 'grandstream' && family === 'grp');
    assert.deepEqual(models.map(({ model }) => model).sort(), Object.keys(KEYS).sort());
    for (const [model, count] of Object.entries(KEYS)) {
      const facts = vendors.findModel('grandstream', model) ?? assert.fail(model);
      assert.equal(facts.keys, count, model);
      assert.deepEqual(numbersOf(read(model, []), 'vpk'), upTo(count), model);
      const behind = { module: 0, position: count + 1, type: 'blf', line: 1, value: '103', label: null } as const;
      assert.equal(keyFaults([behind], model, facts, 2).length, 1, model);
      if (count === 0) continue;
      const last = read(model, [{ position: count, type: 'blf', value: '103' }]);
      assert.deepEqual(keyOf(last, 'vpk', count), ['BLF', '0', '103', '103'], model);
    }
  });

  test('with more lines than keys the first lines have them', () => {
    const lines = [1, 2, 3, 4].map((number) => aLine({ user: `10${number}-ACME` }));
    const said = read('GRP2602', [], lines);
    assert.deepEqual(keyOf(said, 'vpk', 1), ['Line', '0', '101-ACME', '']);
    assert.deepEqual(keyOf(said, 'vpk', 2), ['Line', '1', '102-ACME', '']);
    assert.deepEqual(numbersOf(said, 'vpk'), [1, 2]);
  });

  test('a key can be on the last of sixteen lines', () => {
    const lines = Array.from({ length: 16 }, (_, at) => aLine({ user: `${101 + at}-ACME` }));
    const said = read('GRP2670', [{ position: 12, type: 'line', line: 16 }], lines);
    assert.deepEqual(keyOf(said, 'vpk', 12), ['Line', '15', '116-ACME', '']);
  });
});

describe('GRP: extension boards', () => {
  test('count their keys through, 40 a board, up to the last board in use', () => {
    const said = read('GRP2615', [
      { module: 1, position: 1, type: 'blf', value: '201' },
      { module: 2, position: 1, type: 'speedDial', value: '301', line: 2, label: 'Gate' },
      { module: 2, position: 40, type: 'intercom', value: '340' },
    ]);
    assert.deepEqual(numbersOf(said, 'vpk'), upTo(40));
    assert.deepEqual(numbersOf(said, 'ext'), upTo(80));
    assert.deepEqual(keyOf(said, 'ext', 1), ['BLF', 'Account1', '201', '201']);
    assert.deepEqual(keyOf(said, 'ext', 41), ['SpeedDial', 'Account2', 'Gate', '301']);
    assert.deepEqual(keyOf(said, 'ext', 80), ['Intercom', 'Account1', '340', '340']);
    assert.deepEqual(keyOf(said, 'ext', 2), ['None', 'Account1', '', '']);
  });

  test('end with the last key of the fourth', () => {
    const said = read('GRP2615', [{ module: 4, position: 40, type: 'blf', value: '299' }]);
    assert.deepEqual(numbersOf(said, 'ext'), upTo(160));
    assert.deepEqual(keyOf(said, 'ext', 160), ['BLF', 'Account1', '299', '299']);
  });

  test('hold no lines, and a line there is refused', () => {
    const facts = vendors.findModel('grandstream', 'GRP2615') ?? assert.fail();
    const line = { module: 1, position: 1, type: 'line', line: 1, value: null, label: null } as const;
    assert.deepEqual(keyFaults([{ ...line, module: 0 }], 'GRP2615', facts, 1), []);
    const [fault, ...others] = keyFaults([line], 'GRP2615', facts, 1);
    assert.deepEqual(others, []);
    assert.match(
      fault?.message ?? '',
      /^the expansion modules of GRP2615 have no keys of type line; put it on the phone/,
    );
  });

  test('pick up like the phone itself', () => {
    const said = read('GRP2615', [{ module: 1, position: 2, type: 'pickup', value: '*8103', label: 'Boss' }]);
    assert.deepEqual(keyOf(said, 'ext', 2), ['SpeedDial', 'Account1', 'Boss', '*8103']);
  });

  test('count from 1 whatever the phone itself has', () => {
    const said = read('GRP2624', [
      { position: 8, type: 'blf', value: '108' },
      { module: 1, position: 1, type: 'blf', value: '201' },
      { module: 1, position: 40, type: 'park', value: '701', line: 2, label: 'Orbit' },
    ]);
    assert.deepEqual(numbersOf(said, 'vpk'), upTo(8));
    assert.deepEqual(keyOf(said, 'vpk', 8), ['BLF', '0', '108', '108']);
    assert.deepEqual(numbersOf(said, 'ext'), upTo(40));
    assert.deepEqual(keyOf(said, 'ext', 1), ['BLF', 'Account1', '201', '201']);
    assert.deepEqual(keyOf(said, 'ext', 40), ['MonitoredCallPark', 'Account2', 'Orbit', '701']);
    for (const number of upTo(39).slice(1)) {
      assert.deepEqual(keyOf(said, 'ext', number), ['None', 'Account1', '', ''], `${number}`);
    }
  });

  test('are said of none where no key of a board is chosen', () => {
    for (const model of ['GRP2615', 'GRP2624']) {
      assert.deepEqual(numbersOf(read(model, []), 'ext'), []);
      assert.deepEqual(numbersOf(read(model, [{ position: 8, type: 'blf', value: '108' }]), 'ext'), []);
    }
  });

  test('are given to the models alone that are said to take them', () => {
    const boards = everyModel().flatMap(({ vendor, model, family }) => {
      const facts = vendors.findModel(vendor, model);
      return vendor === 'grandstream' && family === 'grp' && facts?.expansion ? [[model, facts.expansion]] : [];
    });
    assert.deepEqual(boards, [
      ['GRP2615', { modules: 4, keys: 40 }],
      ['GRP2624', { modules: 1, keys: 40 }],
    ]);
  });
});

describe('GHP: the hot keys', () => {
  const HOT = ['keymode', 'account', 'description', 'value'];

  test('dial or send tones', () => {
    const said = read('GHP621', [
      { position: 1, type: 'speedDial', value: '9', label: 'Reception' },
      { position: 3, type: 'pickup', value: '*8103' },
      { position: 6, type: 'dtmf', value: '5#', line: 2 },
    ]);
    assert.deepEqual(keyOf(said, 'mpk', 3, HOT), ['SpeedDial', 'Account1', '*8103', '*8103']);
    assert.deepEqual(numbersOf(said, 'mpk'), upTo(6));
    assert.deepEqual(keyOf(said, 'mpk', 1, HOT), ['SpeedDial', 'Account1', 'Reception', '9']);
    assert.deepEqual(keyOf(said, 'mpk', 2, HOT), ['None', 'Account1', '', '']);
    assert.deepEqual(keyOf(said, 'mpk', 6, HOT), ['DialDTMF', 'Account2', '5#', '5#']);
    assert.deepEqual(vendors.findModel('grandstream', 'GHP621')?.keyTypes, ['none', 'speedDial', 'pickup', 'dtmf']);
  });

  test('stay as they are where none was chosen', () => {
    assert.ok([...read('GHP610', []).keys()].every((name) => !name.startsWith('pks.')));
  });
});

test('Wi-Fi and video phones have no keys', () => {
  for (const model of ['WP816', 'WP826', 'WP836', 'GXV3350', 'GXV3480']) {
    const facts = vendors.findModel('grandstream', model);
    assert.deepEqual([facts?.keys, facts?.keyTypes, facts?.expansion], [0, [], null], model);
    assert.ok(
      [...read(model, []).keys()].every((name) => !name.startsWith('pks.')),
      model,
    );
  }
});
