// Keys, expansion modules and the phonebook on Yealink phones. The numbers of key types are copied from the vendor's templates.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SaxesParser } from 'saxes';
import { type PhonebookContext, phonebook } from '../../src/domain/contact.ts';
import { KEY_TYPES, type KeyType } from '../../src/domain/keys.ts';
import { type Parameters, readLinesFormat } from '../support/readers.ts';
import { aLine, everyModel, PROVISIONING_URL, renderAll, vendors } from '../support/world.ts';

const LINES = [aLine({ label: 'Desk' }), aLine({ user: '102-ACME', label: 'Sales' })];

type Raw = Record<string, string>;

function read(model: string, keys: object[], settings: object = {}, raw: Raw = {}): Parameters {
  const lines = LINES.slice(0, vendors.findModel('yealink', model)?.lines);
  const phone = { model, lines, keys, parameters: { yealink: raw } };
  const files = renderAll({ phone, tenantSettings: settings });
  return readLinesFormat([...files].find(([name]) => name.endsWith('.cfg'))?.[1] ?? '');
}

const KEY = /^(?:linekey|expansion_module)\./;

/** The keys that a file gives: place → type, line, value, label. */
function keysOf(all: Parameters): Map<string, [type: string, line: string, value: string, label: string]> {
  const places = new Set([...all.keys()].filter((name) => KEY.test(name)).map((name) => name.replace(/\.\w+$/, '')));
  const fields = ['type', 'line', 'value', 'label'] as const;
  const count = [...all.keys()].filter((name) => KEY.test(name)).length;
  assert.equal(count, places.size * fields.length, 'every key says all of it');
  const get = (place: string, field: string) => (all.get(`${place}.${field}`) ?? '').replace('%NULL%', '-');
  return new Map([...places].map((place) => [place, fields.map((field) => get(place, field)) as never]));
}

const NOTHING = ['0', '1', '-', '-'];

const CASES: [key: { type: KeyType; line?: number; value?: string; label?: string }, expected: string[]][] = [
  [{ type: 'none' }, NOTHING],
  [{ type: 'line', line: 2 }, ['15', '2', '-', 'Sales']],
  [{ type: 'line', line: 1, label: 'Mine' }, ['15', '1', '-', 'Mine']],
  [{ type: 'blf', value: '103', label: 'Bob' }, ['16', '1', '103', 'Bob']],
  [{ type: 'blf', value: '104', line: 2 }, ['16', '2', '104', '104']],
  [{ type: 'speedDial', value: '+4930123' }, ['13', '1', '+4930123', '+4930123']],
  // An orbit is watched, not dialled through the vendor's key "call park".
  [{ type: 'park', value: '701', label: 'Orbit' }, ['16', '1', '701', 'Orbit']],
  [{ type: 'pickup', value: '*8103', label: 'Bob' }, ['9', '1', '*8103', 'Bob']],
  [{ type: 'intercom', value: '105' }, ['14', '1', '105', '105']],
  [{ type: 'dtmf', value: '12#' }, ['11', '1', '12#', '12#']],
  [
    { type: 'url', value: 'http://door.example.com/open', label: 'Door' },
    ['17', '1', 'http://door.example.com/open', 'Door'],
  ],
  [{ type: 'voicemail' }, ['12', '1', '-', 'voicemail']],
  [{ type: 'voicemail', value: '*97', line: 2 }, ['12', '2', '*97', '*97']],
  [{ type: 'forward' }, ['2', '1', '-', 'forward']],
  [{ type: 'forward', value: '0170123' }, ['2', '1', '0170123', '0170123']],
  [{ type: 'doNotDisturb' }, ['5', '1', '-', 'doNotDisturb']],
];

for (const [family, model, keys] of [
  ['desk', 'T46U', 27],
  ['legacy', 'T28P', 6],
] as const) {
  describe(`${family}: keys`, () => {
    for (const [key, expected] of CASES) {
      test(JSON.stringify(key), () => {
        const given = keysOf(read(model, [{ position: 5, ...key }]));
        assert.deepEqual(given.get('linekey.5'), expected);
        assert.equal(given.size, keys, 'every key of the phone is said');
        for (const [place, rest] of given) if (place !== 'linekey.5') assert.deepEqual(rest, NOTHING, place);
      });
    }

    test('there is a key of every type, on the phone and on modules', () => {
      const { keyTypes = [], moduleKeyTypes = [] } = vendors.findModel('yealink', model) ?? {};
      assert.deepEqual([...new Set(CASES.map(([{ type }]) => type))].sort(), [...KEY_TYPES].sort());
      assert.deepEqual([...keyTypes].sort(), [...KEY_TYPES].sort());
      assert.deepEqual(moduleKeyTypes, keyTypes);
    });

    test('what a key of somebody else’s line needs: calls are picked up and parked without a code', () => {
      const all = read(model, [{ position: 1, type: 'blf', value: '103' }]);
      assert.equal(all.get('transfer.dsskey_deal_type'), '2', 'blind transfer');
      for (const line of [1, 2]) assert.equal(all.get(`account.${line}.dialoginfo_callpickup`), '1');
      assert.equal(all.get('account.3.dialoginfo_callpickup'), undefined);
    });

    test('a raw parameter goes before a key', () => {
      const raw = { 'linekey.1.value': '199' };
      const all = read(model, [{ position: 1, type: 'blf', value: '103' }], {}, raw);
      assert.deepEqual(keysOf(all).get('linekey.1'), ['16', '1', '199', '103']);
    });
  });
}

describe('phones without keys of their own', () => {
  test('a desk phone is told nothing and so has what it was made with', () => {
    const all = read('T46U', []);
    assert.deepEqual(
      [...all.keys()].filter((name) => KEY.test(name) || name.includes('dsskey')),
      [],
    );
    assert.equal(all.get('account.1.dialoginfo_callpickup'), undefined);
  });

  test('an old phone, where nothing else clears a key, has its lines and nothing else', () => {
    const all = read('T28P', []);
    // Without a label a line's key shows the account's.
    assert.deepEqual(
      [...keysOf(all)],
      [
        ['linekey.1', ['15', '1', '-', '-']],
        ['linekey.2', ['15', '2', '-', '-']],
        ...[3, 4, 5, 6].map((number) => [`linekey.${number}`, NOTHING]),
      ],
    );
    assert.equal(all.get('account.1.dialoginfo_callpickup'), '0');
  });

  test('a phone that has none is told of none', () => {
    for (const model of ['T19P', 'T19P_E2', 'CP920', 'W60B', 'W75DM', 'AX83H']) {
      assert.equal(keysOf(read(model, [])).size, 0, model);
    }
  });
});

describe('expansion modules', () => {
  test('keys of the phone, of both modules, and the gap between', () => {
    const given = keysOf(
      read('T54W', [
        { position: 1, type: 'line' },
        { module: 2, position: 60, type: 'speedDial', value: '0', label: 'Out' },
        { module: 1, position: 3, type: 'blf', value: '103' },
      ]),
    );
    assert.equal(given.size, 27 + 2 * 60, 'up to the last module that is used');
    assert.deepEqual(given.get('linekey.1'), ['15', '1', '-', 'Desk']);
    assert.deepEqual(given.get('expansion_module.1.key.3'), ['16', '1', '103', '103']);
    assert.deepEqual(given.get('expansion_module.2.key.60'), ['13', '1', '0', 'Out']);
    assert.deepEqual(given.get('expansion_module.2.key.59'), NOTHING);
    assert.equal(given.get('expansion_module.3.key.1'), undefined);
  });

  test('no phone has more keys than the longest list of a guide', () => {
    for (const { vendor, model } of everyModel()) {
      if (vendor !== 'yealink') continue;
      const facts = vendors.findModel(vendor, model);
      assert.ok((facts?.keys ?? 0) <= 95, model);
      assert.ok(
        facts?.expansion === null || (facts?.expansion.modules ?? 0) * (facts?.expansion.keys ?? 0) <= 240,
        model,
      );
      if ((facts?.keys ?? 0) > 0) assert.ok((facts?.keyTypes.length ?? 0) > 0, model);
    }
  });
});

describe('phonebook', () => {
  const SHOWS = ['remote_phonebook.', 'features.remote_phonebook.', 'directory_setting.', 'search_in_dialing.'];
  const shown = (model: string, on: boolean) =>
    Object.fromEntries(
      [...read(model, [], { phonebook: on })].filter(([name]) => SHOWS.some((start) => name.startsWith(start))),
    );
  const on = {
    'remote_phonebook.data.1.url': `${PROVISIONING_URL}yealink-phonebook.xml`,
    'remote_phonebook.data.1.name': 'Phonebook',
    'features.remote_phonebook.enable': '1',
  };
  const off = {
    'remote_phonebook.data.1.url': '%NULL%',
    'remote_phonebook.data.1.name': '%NULL%',
    'features.remote_phonebook.enable': '0',
  };
  const searched = { 'search_in_dialing.remote_phone_book.enable': '1' };
  const listed = { 'directory_setting.remote_phone_book.enable': '1' };

  for (const [model, more] of [
    ['T46U', { ...searched, ...listed }],
    ['T28P', {}],
    ['W75DM', searched],
  ] as const) {
    test(`${model} is pointed at it, or away from it`, () => {
      assert.deepEqual(shown(model, true), { ...on, ...more });
      assert.deepEqual(shown(model, false), off);
    });
  }

  type Entry = { name: string; numbers: [label: string, number: string][] };

  function entriesOf(text: string): Entry[] {
    const entries: Entry[] = [];
    const path: string[] = [];
    const parser = new SaxesParser();
    parser.on('error', (error) => {
      throw error;
    });
    parser.on('opentag', ({ name, attributes }) => {
      path.push(name);
      if (name === 'DirectoryEntry') entries.push({ name: '', numbers: [] });
      if (name === 'Telephone') entries.at(-1)?.numbers.push([String(attributes.label), '']);
    });
    parser.on('text', (piece) => {
      const entry = entries.at(-1);
      const number = entry?.numbers.at(-1);
      const where = path.join('/');
      if (entry && where === 'YealinkIPPhoneDirectory/DirectoryEntry/Name') entry.name += piece;
      else if (number && where === 'YealinkIPPhoneDirectory/DirectoryEntry/Telephone') number[1] += piece;
      else assert.equal(piece.trim(), '', where);
    });
    parser.on('closetag', () => void path.pop());
    parser.write(text).close();
    return entries;
  }

  const claim = vendors.identify('yealink-phonebook.xml').find(({ vendor }) => vendor === 'yealink');
  const render = (book: PhonebookContext): string => {
    assert.ok(claim?.spec.kind === 'rendered');
    return vendors.renderPhonebook('yealink', claim.spec, book).body.toString('utf8');
  };

  test('is a secret file of no phone, and nobody else’s', () => {
    assert.ok(claim?.spec.kind === 'rendered');
    assert.deepEqual([claim.spec.of, claim.spec.secret, claim.mac], ['phonebook', true, null]);
    assert.equal(vendors.identify('yealink-phonebook.xml').length, 1);
  });

  test('reads back as it is, whatever the names', () => {
    const contacts = [
      { name: 'Müller & Söhne <"GmbH">', work: '0', mobile: null, home: '+49301' },
      { name: "O'Neil ]]>", work: null, mobile: '0170123', home: null },
      { name: 'Three', work: '1', mobile: '2', home: '3' },
    ];
    const book = phonebook([{ name: 'Desk', extension: '101' }], contacts);
    assert.deepEqual(entriesOf(render(book)), [
      { name: 'Desk', numbers: [['Work', '101']] },
      {
        name: 'Müller & Söhne <"GmbH">',
        numbers: [
          ['Work', '0'],
          ['Home', '+49301'],
        ],
      },
      { name: "O'Neil ]]>", numbers: [['Mobile', '0170123']] },
      {
        name: 'Three',
        numbers: [
          ['Work', '1'],
          ['Mobile', '2'],
          ['Home', '3'],
        ],
      },
    ]);
  });

  test('may be empty, and may be as long as it gets', () => {
    assert.deepEqual(entriesOf(render({ contacts: [] })), []);
    const many = Array.from({ length: 10_000 }, (_, index) => ({
      number: index + 1,
      name: `Contact ${index}`,
      work: '1',
      mobile: '2',
      home: '3',
    }));
    assert.equal(entriesOf(render({ contacts: many })).length, 10_000);
  });
});
