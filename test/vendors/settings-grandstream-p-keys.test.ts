// Keys of Grandstream phones with files of P-values, and the vendor's phonebook. Numbers are copied from the vendor's
// templates, not from vendor.json.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SaxesParser } from 'saxes';
import { phonebook } from '../../src/domain/contact.ts';
import { KEY_TYPES, type KeyType } from '../../src/domain/keys.ts';
import type { RenderedSpec } from '../../src/vendors/vendors.ts';
import { readElements } from '../support/readers.ts';
import { aLine, aPhone, contextOf, renderAll, vendors } from '../support/world.ts';

const MAC = 'c074ada00001';

type Key = readonly [mode: string, account: string, label: string, value: string];
type Place = readonly [mode: number, account: number, label: number, value: number];

const FIXED: Place[] = [
  [1363, 1364, 1465, 1466],
  [1365, 1366, 1467, 1468],
  [1367, 1368, 1469, 1470],
  [1369, 1370, 1471, 1472],
  [1371, 1372, 1473, 1474],
  [1373, 1374, 1475, 1476],
  [23800, 23801, 23802, 23803],
  [23804, 23805, 23806, 23807],
  [23808, 23809, 23810, 23811],
  [23812, 23813, 23814, 23815],
  [23816, 23817, 23818, 23819],
  [23820, 23821, 23822, 23823],
];
const following = (first: number): Place => [first, first + 1, first + 2, first + 3];
const MULTI: Place[] = [
  [323, 301, 302, 303],
  [324, 304, 305, 306],
  [325, 307, 308, 309],
  [326, 310, 311, 312],
  [327, 313, 314, 315],
  [328, 316, 317, 318],
  [329, 319, 320, 321],
  ...[353, 357, 361, 365, 369, 373, 377, 381, 385, 389, 393].map(following),
  ...[1440, 1444, 1448, 1452, 1456, 1460].map(following),
];
/** Boards follow one another, 200 numbers apart. */
const boardAt = (first: number): Place[] => Array.from({ length: 40 }, (_, index) => following(first + 5 * index));
const BOARD = boardAt(23000);
const BOARDS = [BOARD, boardAt(23200), boardAt(23400), boardAt(23600)];

type Modes = Partial<Record<KeyType, string>>;
// There is no mode that picks up: the code is dialled as a number is.
const MULTI_MODES: Modes = {
  blf: '1',
  speedDial: '0',
  park: '9',
  pickup: '0',
  intercom: '10',
  dtmf: '5',
  voicemail: '6',
};
const FIXED_MODES: Modes = {
  line: '0',
  blf: '11',
  speedDial: '10',
  park: '19',
  pickup: '10',
  intercom: '20',
  dtmf: '15',
  voicemail: '16',
};

/** How the keys of a model are numbered, and which mode makes an unused one. */
type Phone = { readonly places: Place[]; readonly count: number; readonly modes: Modes; readonly none: string };
const PHONES: Record<string, Phone> = {
  GXP2100: { places: MULTI, count: 7, modes: MULTI_MODES, none: '0' },
  GXP2110: { places: MULTI, count: 18, modes: MULTI_MODES, none: '0' },
  GXP2120: { places: MULTI, count: 7, modes: MULTI_MODES, none: '0' },
  GXP1628: { places: MULTI, count: 8, modes: MULTI_MODES, none: '0' },
  GXP1630: { places: MULTI, count: 8, modes: MULTI_MODES, none: '0' },
  GXP2130: { places: MULTI, count: 8, modes: MULTI_MODES, none: '-1' },
  GXP2160: { places: MULTI, count: 24, modes: MULTI_MODES, none: '-1' },
  GXP1760: { places: FIXED, count: 6, modes: FIXED_MODES, none: '-1' },
  GXP1780: { places: FIXED, count: 8, modes: FIXED_MODES, none: '-1' },
  GXP1782: { places: FIXED, count: 8, modes: FIXED_MODES, none: '-1' },
  GXP2135: { places: FIXED, count: 8, modes: FIXED_MODES, none: '-1' },
  GXP2140: { places: FIXED, count: 4, modes: FIXED_MODES, none: '-1' },
  GXP2170: { places: FIXED, count: 12, modes: FIXED_MODES, none: '-1' },
};

const LINES = [aLine({ label: 'Desk' }), aLine({ user: '102-ACME', label: 'Sales' })];

function read(model: string, keys: readonly object[], lines = LINES): Map<string, string> {
  const files = renderAll({ phone: { vendor: 'grandstream', model, mac: MAC, lines, keys } });
  return readElements(files.get(`cfg${MAC}.xml`) ?? assert.fail('no file'));
}

const at = (said: Map<string, string>, place: Place | undefined): (string | undefined)[] =>
  (place ?? assert.fail('no such place')).map((number) => said.get(`P${number}`));

const CASES: [key: { type: KeyType; value?: string; line?: number; label?: string }, rest: string[]][] = [
  [{ type: 'line' }, ['0', 'Desk', '']],
  [{ type: 'line', line: 2 }, ['1', 'Sales', '']],
  [{ type: 'blf', value: '103', label: 'Door & <Gate>' }, ['0', 'Door & <Gate>', '103']],
  [{ type: 'speedDial', value: '*21#', line: 2 }, ['1', '*21#', '*21#']],
  [{ type: 'park', value: '701', label: 'Orbit' }, ['0', 'Orbit', '701']],
  [{ type: 'pickup', value: '*8103' }, ['0', '*8103', '*8103']],
  [{ type: 'intercom', value: '104' }, ['0', '104', '104']],
  [{ type: 'dtmf', value: '12#' }, ['0', '12#', '12#']],
  [{ type: 'voicemail', value: '*97' }, ['0', '*97', '*97']],
  [{ type: 'voicemail' }, ['0', 'voicemail', '']],
];

for (const [model, { places, count, modes, none }] of Object.entries(PHONES)) {
  describe(`keys of ${model}`, () => {
    const unused: Key = [none, '0', '', ''];

    for (const [key, rest] of CASES.filter(([{ type }]) => modes[type] !== undefined)) {
      test(JSON.stringify(key), () => {
        for (const position of [1, count]) {
          const said = read(model, [{ position, ...key }]);
          assert.deepEqual(at(said, places[position - 1]), [modes[key.type], ...rest]);
          const others = places.slice(0, count).filter((_, index) => index !== position - 1);
          for (const place of others) assert.deepEqual(at(said, place), unused);
        }
      });
    }

    test('there are as many as the phone has', () => {
      assert.equal(vendors.findModel('grandstream', model)?.keys, count);
      const said = read(model, [{ position: 1, type: 'blf', value: '103' }]);
      for (const place of places.slice(count))
        assert.deepEqual(
          at(said, place),
          place.map(() => undefined),
        );
    });

    test('only what the phone knows can be chosen', () => {
      const { keyTypes = [] } = vendors.findModel('grandstream', model) ?? {};
      assert.deepEqual([...keyTypes].sort(), ['none', ...Object.keys(modes)].sort());
      assert.ok(keyTypes.every((type) => KEY_TYPES.includes(type)));
    });

    test('without chosen keys they are the user’s', () => {
      const said = read(model, []);
      const numbers = [...FIXED, ...MULTI, ...BOARD].flat().filter((number) => number > 300);
      assert.deepEqual(
        numbers.filter((number) => said.has(`P${number}`)),
        [],
      );
    });
  });
}

describe('an extension board', () => {
  const board = (key: object) => ({ module: 1, ...key });

  for (const model of ['GXP2140', 'GXP2170']) {
    test(`of ${model} has forty keys, numbered by themselves`, () => {
      for (const [key, rest] of CASES.filter(([{ type }]) => type !== 'line')) {
        for (const position of [1, 2, 40]) {
          const said = read(model, [board({ position, ...key })]);
          assert.deepEqual(at(said, BOARD[position - 1]), [MULTI_MODES[key.type], ...rest]);
          for (const [index, place] of BOARD.entries()) {
            if (index !== position - 1) assert.deepEqual(at(said, place), ['-1', '0', '', '']);
          }
          assert.deepEqual(at(said, FIXED[0]), ['-1', '0', '', '']);
        }
      }
    });

    test(`of ${model} may be followed by three more`, () => {
      assert.deepEqual(vendors.findModel('grandstream', model)?.expansion, { modules: 4, keys: 40 });
      for (const [index, board] of BOARDS.entries()) {
        for (const position of [1, 20, 21, 40]) {
          const said = read(model, [{ module: index + 1, position, type: 'blf', value: '103', line: 2 }]);
          assert.deepEqual(at(said, board[position - 1]), ['1', '1', '103', '103'], `${index + 1}.${position}`);
          const unused = BOARDS.flat().filter((place) => at(said, place)[0] === '-1');
          assert.equal(unused.length, 40 * (index + 1) - 1, 'a board that is not there is not told');
        }
      }
    });

    test(`of ${model} has no lines: such a key stays empty`, () => {
      const said = read(model, [board({ position: 3, type: 'line' })]);
      assert.equal(at(said, BOARD[2])[0], '-1');
    });
  }

  test('is for those phones alone', () => {
    const expands = (model: string) => (vendors.findModel('grandstream', model)?.expansion ?? null) !== null;
    assert.deepEqual(Object.keys(PHONES).filter(expands), ['GXP2140', 'GXP2170']);
    for (const model of ['GXP2135', 'GXP2160', 'GXP1782']) {
      assert.ok(!read(model, [{ position: 1, type: 'blf', value: '103' }]).has('P23000'), model);
    }
  });
});

type PhoneEntry = { type: string; number: string; account: string };
type Entry = { id: string; first: string; last: string; phones: PhoneEntry[] };

/** Reads a phonebook as a phone would. */
function entriesOf(text: string): Entry[] {
  const entries: Entry[] = [];
  const path: string[] = [];
  const parser = new SaxesParser();
  let written = '';
  parser.on('opentag', ({ name, attributes }) => {
    path.push(name);
    written = '';
    if (name === 'Contact') entries.push({ id: '', first: '', last: '', phones: [] });
    if (name === 'Phone') entries.at(-1)?.phones.push({ type: String(attributes.type), number: '', account: '' });
  });
  parser.on('text', (characters) => {
    written += characters;
  });
  parser.on('closetag', ({ name }) => {
    const where = path.join('/');
    path.pop();
    const entry = entries.at(-1);
    const phone = entry?.phones.at(-1);
    if (entry === undefined) return;
    if (where === 'AddressBook/Contact/id') entry.id = written;
    if (where === 'AddressBook/Contact/FirstName') entry.first = written;
    if (where === 'AddressBook/Contact/LastName') entry.last = written;
    if (phone !== undefined && name === 'phonenumber') phone.number = written;
    if (phone !== undefined && name === 'accountindex') phone.account = written;
  });
  parser.on('error', (error) => {
    throw error;
  });
  parser.write(text).close();
  return entries;
}

describe('the phonebook', () => {
  const NAMES = ['phonebook.xml', 'gs_phonebook.xml'];
  const specOf = (name: string) => {
    const claim = vendors.identify(name).find(({ vendor }) => vendor === 'grandstream');
    return claim?.spec.kind === 'rendered' && claim.mac === null ? claim.spec : assert.fail(name);
  };
  const textOf = (name: string, ...args: Parameters<typeof phonebook>) =>
    vendors.renderPhonebook('grandstream', specOf(name), phonebook(...args)).body.toString('utf8');
  const contact = (name: string, numbers: object) => ({ name, work: null, mobile: null, home: null, ...numbers });

  test('has both names that phones ask for, and is a secret', () => {
    for (const name of NAMES) assert.deepEqual([specOf(name).of, specOf(name).secret], ['phonebook', true]);
  });

  test('has an entry for each contact and a number for each kind', () => {
    const contacts = [contact('Zoë <& "Söhne">', { work: '0301', mobile: '+491701', home: '0302' })];
    const more = contact('Mo', { mobile: '0170' });
    for (const name of NAMES) {
      assert.deepEqual(entriesOf(textOf(name, [{ name: 'Anna', extension: '101' }], [...contacts, more])), [
        { id: '1', first: 'Anna', last: '', phones: [{ type: 'Work', number: '101', account: '0' }] },
        { id: '2', first: 'Mo', last: '', phones: [{ type: 'Mobile', number: '0170', account: '0' }] },
        {
          id: '3',
          first: 'Zoë <& "Söhne">',
          last: '',
          phones: [
            { type: 'Work', number: '0301', account: '0' },
            { type: 'Mobile', number: '+491701', account: '0' },
            { type: 'Home', number: '0302', account: '0' },
          ],
        },
      ]);
    }
  });

  test('comes over the tenant’s protocol, as firmware does, in the numbers of each family', () => {
    const spec = vendors.identify(`cfg${MAC}.xml`).find(({ vendor }) => vendor === 'grandstream')?.spec;
    const said = (model: string) => {
      const phone = { vendor: 'grandstream', model, mac: MAC };
      const plain = contextOf({ phone });
      const provisioning = { ...plain.provisioning, scheme: 'http' as const };
      const rendering = {
        ...aPhone(phone),
        spec: spec as RenderedSpec,
        context: { ...plain, provisioning },
        fileKey: null,
      };
      const all = readElements(vendors.render(rendering).body.toString('utf8'));
      return [all.get('P330'), all.get('P6767')];
    };
    for (const model of ['GXP1625', 'GXP1782', 'GXP2135', 'GXP2160', 'WP820', 'DP750']) {
      assert.deepEqual(said(model), ['1', '1'], model);
    }
    assert.deepEqual(said('GXP1400'), ['1', undefined]);
    // 1 is TFTP on these.
    assert.deepEqual(said('GXV3275'), ['2', '1']);
    assert.deepEqual(said('HT802V2'), [undefined, '1']);
  });

  test('may be empty', () => {
    assert.deepEqual(entriesOf(textOf('phonebook.xml', [], [])), []);
    assert.match(textOf('phonebook.xml', [], []), /<AddressBook>/);
  });
});
