// Line keys and the phonebook of Polycom phones, read back as the phone reads them. The words are copied from the vendor's
// guides, not from the templates.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { SaxesParser } from 'saxes';
import { phonebook } from '../../src/domain/contact.ts';
import { findName, loadParameterNames } from '../../src/vendors/parameters.ts';
import type { RenderedSpec, UploadedSpec } from '../../src/vendors/vendors.ts';
import { readAttributes } from '../support/readers.ts';
import { aLine, everyModel, renderAll, TEMPLATES, vendors } from '../support/world.ts';

const MAC = '64167fa00001';

type Said = Record<string, string>;

const said = (keys: readonly object[], model = 'VVX 301'): Said => {
  const lines = [aLine(), aLine({ user: '102-ACME' })];
  const files = renderAll({ phone: { vendor: 'polycom', model, mac: MAC, lines, keys } });
  return Object.fromEntries(readAttributes(files.get(`${MAC}-settings.cfg`) ?? ''));
};

const startingWith = (all: Said, ...starts: string[]): Said =>
  Object.fromEntries(Object.entries(all).filter(([name]) => starts.some((start) => name.startsWith(start))));

/** What a key does on the phone: `BLF` keys take the watched numbers in their order, macros are found by their index. */
function keysIn(all: Said): string[] {
  const keys: string[] = [];
  let watched = 0;
  for (let number = 1; all[`lineKey.${number}.category`] !== undefined; number++) {
    const category = all[`lineKey.${number}.category`];
    const index = all[`lineKey.${number}.index`];
    if (category === 'BLF') {
      assert.equal(index, '0', `lineKey.${number}: the phone finds the watched number by itself`);
      watched += 1;
      const entry = (name: string) => all[`attendant.resourceList.${watched}.${name}`];
      keys.push(`BLF ${entry('type')} ${entry('address')} "${entry('label')}"`);
    } else if (category === 'EFK') {
      const entry = (name: string) => all[`efk.efklist.${index}.${name}`];
      assert.equal(entry('status'), '1');
      keys.push(`EFK ${entry('action.string')} "${entry('label')}"`);
    } else {
      if (category === 'Unassigned') assert.equal(index, undefined);
      keys.push(category === 'Line' ? `Line ${index}` : `${category}`);
    }
  }
  assert.equal(all[`attendant.resourceList.${watched + 1}.address`], undefined, 'a number that no key shows');
  return keys;
}

/** The names of the macros. The phone takes one that begins with a letter, and of two with the same name the first. */
function macrosIn(all: Said): string[] {
  const names: string[] = [];
  for (let index = 1; all[`efk.efklist.${index}.mname`] !== undefined; index++) {
    names.push(all[`efk.efklist.${index}.mname`] ?? '');
  }
  for (const name of names) assert.match(name, /^[A-Za-z][^!'$^]*$/);
  assert.equal(new Set(names).size, names.length, 'each has its name');
  return names;
}

const unassigned = (count: number): string[] => Array.from({ length: count }, () => 'Unassigned');

const URL_WITH_AND = 'http://example.com/a?b=1&c=2';

describe('line keys', () => {
  test('without any the phone orders them by itself', () => {
    assert.deepEqual(startingWith(said([]), 'lineKey.', 'attendant.', 'efk.', 'feature.'), {
      'lineKey.reassignment.enabled': '0',
    });
  });

  test('with some they are ours, every one of them', () => {
    assert.deepEqual(
      startingWith(said([{ position: 2, type: 'line', line: 2 }]), 'lineKey.', 'attendant.', 'feature.'),
      {
        'lineKey.reassignment.enabled': '1',
        'feature.enhancedFeatureKeys.enabled': '1',
        'feature.EFKLineKey.enabled': '1',
        'attendant.reg': '1',
        'lineKey.1.category': 'Unassigned',
        'lineKey.2.category': 'Line',
        'lineKey.2.index': '2',
        ...Object.fromEntries([3, 4, 5, 6].map((number) => [`lineKey.${number}.category`, 'Unassigned'])),
      },
    );
  });

  const KEYS: Record<string, [key: object, expected: string]> = {
    none: [{ type: 'none' }, 'Unassigned'],
    line: [{ type: 'line', line: 2 }, 'Line 2'],
    blf: [{ type: 'blf', value: '103', label: 'A & "B"' }, 'BLF normal 103 "A & "B""'],
    speedDial: [{ type: 'speedDial', value: '+4930123', label: 'Taxi' }, 'EFK +4930123$Tinvite$ "Taxi"'],
    park: [{ type: 'park', value: '701', label: 'Park 1' }, 'BLF automata 701 "Park 1"'],
    pickup: [{ type: 'pickup', value: '*8103', label: 'Anna' }, 'EFK *8103$Tinvite$ "Anna"'],
    dtmf: [{ type: 'dtmf', value: '*2#', label: 'Record' }, 'EFK *2#$Tdtmf$ "Record"'],
    url: [{ type: 'url', value: URL_WITH_AND }, `EFK ${URL_WITH_AND} "${URL_WITH_AND}"`],
    voicemail: [{ type: 'voicemail', label: 'Messages' }, 'EFK $FMessages$ "Messages"'],
  };
  for (const [type, [key, expected]] of Object.entries(KEYS)) {
    test(type, () =>
      assert.deepEqual(keysIn(said([{ position: 3, ...key }])).slice(0, 3), ['Unassigned', 'Unassigned', expected]),
    );
  }

  test('a voicemail key with a number dials it', () => {
    const [key] = keysIn(said([{ position: 1, type: 'voicemail', value: '*97' }]));
    assert.equal(key, 'EFK *97$Tinvite$ "*97"');
  });

  test('there are no other types, and addresses only where there is a browser', () => {
    const typesOf = (model: string) => vendors.findModel('polycom', model)?.keyTypes;
    const withoutBrowser = Object.keys(KEYS).filter((type) => type !== 'url');
    for (const model of ['VVX 301', 'VVX 410', 'VVX 600']) assert.deepEqual(typesOf(model), Object.keys(KEYS), model);
    for (const model of ['VVX 101', 'VVX 450', 'CCX 500', 'Edge E350']) {
      assert.deepEqual(typesOf(model), withoutBrowser, model);
    }
  });

  test('a key that is taken for another line is watched and dials by the first all the same', () => {
    const keys = (line: number) =>
      said([
        { position: 1, type: 'blf', value: '301', line },
        { position: 2, type: 'park', value: '701', line },
        { position: 3, type: 'speedDial', value: '201', line },
        { position: 4, type: 'dtmf', value: '1', line },
      ]);
    assert.deepEqual(keys(2), keys(1));
    assert.equal(keys(2)['attendant.reg'], '1');
  });

  const MIX = [
    { position: 1, type: 'line' },
    { position: 2, type: 'speedDial', value: '201' },
    { position: 3, type: 'park', value: '701' },
    { position: 4, type: 'blf', value: '301' },
    { position: 6, type: 'dtmf', value: '1' },
    { module: 2, position: 40, type: 'blf', value: '303', label: 'Last' },
    { module: 1, position: 1, type: 'speedDial', value: '202' },
    { module: 1, position: 2, type: 'blf', value: '302' },
    { module: 1, position: 3, type: 'url', value: 'http://example.com/' },
    { module: 1, position: 4, type: 'park', value: '702' },
    { module: 1, position: 5, type: 'line', line: 2 },
  ];

  test('the keys of modules go on where the phone’s end, and all kinds share its lists', () => {
    assert.deepEqual(keysIn(said(MIX)), [
      ...['Line 1', 'EFK 201$Tinvite$ "201"', 'BLF automata 701 "701"', 'BLF normal 301 "301"'],
      ...['Unassigned', 'EFK 1$Tdtmf$ "1"'],
      ...['EFK 202$Tinvite$ "202"', 'BLF normal 302 "302"', 'EFK http://example.com/ "http://example.com/"'],
      ...['BLF automata 702 "702"', 'Line 2', ...unassigned(35)],
      ...[...unassigned(39), 'BLF normal 303 "Last"'],
    ]);
  });

  test('the lists have no gaps', () => {
    const all = said(MIX);
    const entries = (start: string) =>
      [...new Set(Object.keys(startingWith(all, start)).map((name) => Number(name.split('.')[2])))].sort(
        (a, b) => a - b,
      );
    assert.deepEqual(entries('attendant.resourceList.'), [1, 2, 3, 4, 5]);
    assert.deepEqual(entries('efk.efklist.'), [1, 2, 3, 4]);
    assert.equal(macrosIn(all).length, 4);
  });

  test('the module of a VVX 450 begins at key 13 and has three pages', () => {
    const keys = keysIn(said([{ module: 1, position: 90, type: 'blf', value: '301' }], 'VVX 450'));
    assert.deepEqual(keys, [...unassigned(12 + 89), 'BLF normal 301 "301"']);
  });

  test('keys alike but for one thing are macros of their own', () => {
    const alike = [
      { type: 'speedDial', value: '1', label: 'Boss' },
      { type: 'speedDial', value: '1', label: 'Boss' },
      { type: 'dtmf', value: '1', label: 'Boss' },
      { type: 'dtmf', value: '1', label: 'Boss' },
      { type: 'url', value: 'http://a.example/', label: 'Boss' },
      { type: 'url', value: 'http://a.example/', label: 'Boss' },
      { type: 'pickup', value: '1', label: 'Boss' },
      { type: 'pickup', value: '1', label: 'Boss' },
      { type: 'voicemail', label: 'Boss' },
      { type: 'voicemail', label: 'Boss' },
    ];
    const all = said(
      alike.map((key, at) => ({ ...key, position: at + 1 })),
      'VVX 401',
    );
    assert.equal(macrosIn(all).length, alike.length);
  });

  test('every key of every model has a place, and names that the phones know', () => {
    const names = loadParameterNames(readFileSync(join(TEMPLATES, 'polycom', 'parameters.txt'), 'utf8'));
    for (const { model } of everyModel().filter(({ vendor }) => vendor === 'polycom')) {
      const facts = vendors.findModel('polycom', model);
      const { keys = 0, keyTypes = [] } = facts ?? {};
      if (keys === 0 || keyTypes.length === 0) continue;
      const types = ['blf', 'park', 'speedDial', 'dtmf', 'pickup', 'voicemail'];
      const full = Array.from({ length: keys }, (_, at) => ({
        position: at + 1,
        type: types[at % types.length],
        value: `${300 + at}`,
      }));
      const all = said(full, model);
      assert.equal(keysIn(all).length, keys, model);
      for (const name of Object.keys(all)) {
        const found = findName(names, name);
        assert.ok(found.known && found.tag !== 'legacy', `${model}: ${name}`);
      }
    }
  });

  test('phones whose keys cannot be chosen take none', () => {
    for (const model of ['SPIP 650', 'VVX 1500']) assert.deepEqual(vendors.findModel('polycom', model)?.keyTypes, []);
  });
});

type Item = { ln: string; fn?: string; ct: string };

function itemsOf(xml: string): { path: string; items: Item[] } {
  const open: string[] = [];
  const items: Item[] = [];
  let path = '';
  const parser = new SaxesParser();
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', ({ name }) => {
    open.push(name);
    if (name === 'item') items.push({} as Item);
    if (open.join('/').length > path.length && name === 'item') path = open.join('/');
  });
  parser.on('text', (text) => {
    const [last, item] = [open.at(-1), items.at(-1)];
    if (item !== undefined && (last === 'ln' || last === 'fn' || last === 'ct')) item[last] = text;
    else assert.equal(text.trim(), '');
  });
  parser.on('closetag', () => void open.pop());
  parser.write(xml).close();
  return { path, items };
}

describe('the phonebook', () => {
  const specOf = (name: string) => vendors.identify(name).find(({ vendor }) => vendor === 'polycom')?.spec;
  const book = () => vendors.phonebookFor('polycom', specOf(`${MAC}-directory.xml`) as UploadedSpec) as RenderedSpec;
  const read = (...args: Parameters<typeof phonebook>) =>
    itemsOf(vendors.renderPhonebook('polycom', book(), phonebook(...args)).body.toString('utf8'));
  const contact = (name: string, numbers: object) => ({ name, work: null, mobile: null, home: null, ...numbers });

  test('stands in for the directory that the phone has uploaded, and is a secret', () => {
    assert.equal(specOf(`${MAC}-directory.xml`)?.kind, 'uploaded');
    assert.equal(book().of, 'phonebook');
    assert.equal(book().secret, true);
  });

  test('is not the file that phones ask for as well, or they would show it twice, and when they must not', () => {
    assert.equal(specOf('000000000000-directory.xml')?.kind, 'absent');
  });

  test('has an entry for each number', () => {
    const contacts = [contact('Zoë <& "Söhne">', { work: '0301', mobile: '+491701', home: '0302' })];
    assert.deepEqual(read([{ name: 'Anna', extension: '101' }], contacts), {
      path: 'directory/item_list/item',
      items: [
        { ln: 'Anna', ct: '101' },
        { ln: 'Zoë <& "Söhne">', ct: '0301' },
        { ln: 'Zoë <& "Söhne">', fn: 'Mobile', ct: '+491701' },
        { ln: 'Zoë <& "Söhne">', fn: 'Home', ct: '0302' },
      ],
    });
  });

  test('may be empty', () => assert.deepEqual(read([], []).items, []));

  test('of a thousand people is whole', () => {
    const people = Array.from({ length: 1000 }, (_, at) => contact(`Person ${1000 + at}`, { home: `${4000 + at}` }));
    const { items } = read([], people);
    assert.equal(items.length, 1000);
    assert.deepEqual(items.at(-1), { ln: 'Person 1999', fn: 'Home', ct: '4999' });
  });
});
