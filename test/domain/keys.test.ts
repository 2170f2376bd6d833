import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  everyKey,
  KEY_TYPES,
  type KeyFacts,
  type KeyType,
  keyFaults,
  keysSchema,
  keyViews,
} from '../../src/domain/keys.ts';

const facts: KeyFacts = {
  keys: 3,
  expansion: { modules: 2, keys: 2 },
  keyTypes: ['line', 'blf', 'url'],
  moduleKeyTypes: ['blf'],
};
const parse = (keys: object[]) => keysSchema.parse(keys);
const faultsOf = (keys: object[], lines = 2) =>
  keyFaults(parse(keys), 'X1', facts, lines).map(({ path, message }) => `${path}: ${message}`);
const shown = (keys: object[], lines = 1) =>
  everyKey(parse(keys), facts, lines).map(({ module, position, type, line }) => [module, position, type, line]);

describe('what a key says', () => {
  const needs = ['blf', 'speedDial', 'park', 'pickup', 'intercom', 'dtmf', 'url'];
  const may = [...needs, 'forward', 'voicemail'];
  for (const type of KEY_TYPES) {
    const value = type === 'url' ? 'https://example.com/x?y=1' : '101';
    test(`${type} ${needs.includes(type) ? 'needs' : may.includes(type) ? 'may have' : 'has no'} value`, () => {
      assert.equal(keysSchema.safeParse([{ position: 1, type }]).success, !needs.includes(type));
      assert.equal(keysSchema.safeParse([{ position: 1, type, value }]).success, may.includes(type));
    });
  }
  const wrong: [type: KeyType, value: string][] = [
    ['blf', '101 102'],
    ['speedDial', '<sip:x@y>'],
    ['dtmf', 'abc'],
    ['url', 'ftp://example.com'],
    ['url', 'http://exa mple.com'],
  ];
  for (const [type, value] of wrong) {
    test(`${type} is not ${value}`, () => {
      assert.match(
        JSON.stringify(keysSchema.safeParse([{ position: 1, type, value }]).error?.issues),
        /"path":\[0,"value"\]/,
      );
    });
  }
  test('a key is given once', () => {
    const key = { position: 1, type: 'line' };
    assert.equal(keysSchema.safeParse([key, key]).success, false);
    assert.equal(keysSchema.safeParse([key, { ...key, module: 1 }]).success, true);
  });
});

describe('keys fit the model', () => {
  test('those that do', () => {
    const keys = [
      { position: 3, type: 'line', line: 2 },
      { module: 2, position: 2, type: 'blf', value: '101' },
    ];
    assert.deepEqual(faultsOf(keys), []);
  });
  test('beyond the last key, module and line, and of a type that the phone has not', () => {
    assert.deepEqual(faultsOf([{ position: 4, type: 'line' }]), ['keys.0.position: X1 has 3 keys']);
    const third = { module: 1, position: 3, type: 'blf', value: '101' };
    assert.deepEqual(faultsOf([third]), ['keys.0.position: the module has 2 keys']);
    assert.deepEqual(faultsOf([{ module: 3, position: 1, type: 'line' }]), [
      'keys.0.module: X1 has 2 expansion modules',
    ]);
    assert.deepEqual(faultsOf([{ position: 1, type: 'line', line: 3 }]), ['keys.0.line: the phone has 2 lines']);
    assert.deepEqual(faultsOf([{ position: 1, type: 'park', value: '701' }]), [
      'keys.0.type: X1 has no keys of type park; choose line, blf, url',
    ]);
  });
  test('of a type that only the phone itself has, on a module', () => {
    const key = { position: 1, type: 'line' };
    assert.deepEqual(faultsOf([key]), []);
    assert.deepEqual(faultsOf([{ ...key, module: 1 }]), [
      'keys.0.type: the expansion modules of X1 have no keys of type line; put it on the phone itself, or choose blf',
    ]);
    assert.deepEqual(faultsOf([{ ...key, module: 2, type: 'park', value: '701' }]), [
      'keys.0.type: the expansion modules of X1 have no keys of type park; choose blf',
    ]);
    assert.deepEqual(faultsOf([{ ...key, module: 1, type: 'none' }]), []);
  });
  test('a phone whose keys cannot be told says so without a choice', () => {
    const none: KeyFacts = { ...facts, keyTypes: [], moduleKeyTypes: [] };
    const faults = keyFaults(parse([{ position: 1, type: 'line' }]), 'X1', none, 1);
    assert.deepEqual(
      faults.map(({ message }) => message),
      ['X1 has no keys of type line'],
    );
  });
  test('nothing is always possible where there is a key', () =>
    assert.deepEqual(faultsOf([{ position: 1, type: 'none' }]), []));
});

describe('every key', () => {
  test('without any the first are the lines', () => {
    assert.deepEqual(shown([], 2), [
      [0, 1, 'line', 1],
      [0, 2, 'line', 2],
      [0, 3, 'none', 1],
    ]);
  });
  test('more lines than keys', () =>
    assert.deepEqual(
      shown([], 9).map(([, , type]) => type),
      ['line', 'line', 'line'],
    ));
  test('with one, the others are nothing', () => {
    assert.deepEqual(shown([{ position: 2, type: 'line' }]), [
      [0, 1, 'none', 1],
      [0, 2, 'line', 1],
      [0, 3, 'none', 1],
    ]);
  });
  test('modules up to the last that is used', () => {
    assert.deepEqual(
      shown([{ module: 2, position: 1, type: 'none' }]).map(([module, position]) => `${module}/${position}`),
      [...['0/1', '0/2', '0/3', '1/1', '1/2', '2/1', '2/2']],
    );
  });
  test('of every valid choice each place stands once, in order, and what was chosen is there', () => {
    const key = fc.record({ module: fc.integer({ min: 0, max: 2 }), position: fc.integer({ min: 1, max: 2 }) });
    fc.assert(
      fc.property(fc.uniqueArray(key, { selector: ({ module, position }) => `${module}/${position}` }), (chosen) => {
        const keys = parse(chosen.map((place) => ({ ...place, type: 'blf', value: '1' })));
        const all = everyKey(keys, facts, 1);
        const places = all.map(({ module, position }) => module * 1000 + position);
        assert.deepEqual(
          places,
          [...new Set(places)].sort((a, b) => a - b),
        );
        assert.equal(all.filter(({ type }) => type === 'blf').length, chosen.length);
      }),
    );
  });
});

test('what templates see: numbers over all and over each type, the user of the line, and a label', () => {
  const keys = parse([
    { position: 1, type: 'line', line: 2 },
    { position: 2, type: 'blf', value: '104', label: 'Door' },
    { module: 1, position: 1, type: 'blf', value: '105' },
    { module: 1, position: 2, type: 'none' },
  ]);
  const lines = [
    { user: '101-A', label: 'One' },
    { user: '102-A', label: 'Two' },
  ];
  assert.deepEqual(
    keyViews(keys, lines).map(({ number, ofType, moduleNumber, user, label }) => {
      return [number, ofType, moduleNumber, user, label];
    }),
    [
      [1, 1, 0, '102-A', 'Two'],
      [2, 1, 0, '101-A', 'Door'],
      [3, 2, 1, '101-A', '105'],
      [4, 1, 2, '101-A', ''],
    ],
  );
});

test('keys are counted over kinds of use, for phones that keep a list of each', () => {
  const types = ['blf', 'speedDial', 'park', 'dtmf', 'none', 'blf', 'voicemail'] as const;
  const keys = types.map((type, index) => ({
    ...{ module: 0, position: index + 1, type, line: 1, label: null },
    value: type === 'none' || type === 'voicemail' ? null : '1',
  }));
  const views = keyViews(keys, [{ user: '1', label: '1' }]);
  assert.deepEqual(
    views.map(({ watched }) => watched),
    [1, 1, 2, 2, 2, 3, 3],
  );
  assert.deepEqual(
    views.map(({ action }) => action),
    [0, 1, 1, 2, 2, 2, 3],
  );
  for (const view of views)
    assert.deepEqual(
      Object.entries(view.is).filter(([, is]) => is),
      [[view.type, true]],
    );
});
