// How far phones have come: what is not known counts as nothing, and the numbers add up.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { convergenceOf, hasFetched, PLACES, placeOf } from '../../src/domain/convergence.ts';
import type { Fetch } from '../../src/domain/fetch.ts';

const at = (...servers: string[]) => servers.map((server) => ({ server }));

test('a phone is where all of its lines are', () => {
  const cases: [lines: { server: string }[][], isKnown: boolean, place: string][] = [
    [[at('voip1')], true, 'onPrimary'],
    [[at('voip1'), at('voip1')], false, 'onPrimary'],
    [[at('voip2')], true, 'elsewhere'],
    [[at('voip1'), at('voip2')], true, 'elsewhere'],
    [[at('voip1', 'voip2')], true, 'elsewhere'],
    [[at('voip1'), []], true, 'silent'],
    [[[]], true, 'silent'],
    [[[]], false, 'unknown'],
    [[at('voip1'), []], false, 'unknown'],
    [[], true, 'silent'],
  ];
  for (const [lines, isKnown, place] of cases) assert.equal(placeOf(lines, 'voip1', isKnown), place);
});

const aFetch = (changes: Partial<Fetch> = {}): Fetch =>
  ({ method: 'GET', file: 'a.cfg', status: 200, digest: 'new', ...changes }) as Fetch;
const FILES = [
  { name: 'a.cfg', digest: 'new' },
  { name: 'b.cfg', digest: 'new-b' },
];

test('a phone has fetched when the newest of each file that it fetches is the present one', () => {
  const cases: [fetches: Partial<Fetch>[], isFetched: boolean][] = [
    [[{}], true],
    [[{ status: 304 }], true],
    [[{ file: 'A.CFG' }], true],
    [[{}, { digest: 'old' }], true],
    [[{ digest: 'old' }, {}], false],
    [[{}, { file: 'b.cfg', digest: 'new-b' }], true],
    [[{}, { file: 'b.cfg', digest: 'old' }], false],
    [[], false],
    [[{ method: 'HEAD' }], false],
    [[{ status: 404, digest: null }], false],
    [[{ status: 404, digest: null }, {}], true],
    [[{ file: 'firmware.rom', digest: 'new' }], false],
  ];
  for (const [fetches, isFetched] of cases) assert.equal(hasFetched(FILES, fetches.map(aFetch)), isFetched);
});

test('the numbers of a tenant add up, and it has converged only when every phone has', () => {
  const phone = fc.record({ place: fc.constantFrom(...PLACES), fetched: fc.boolean() });
  fc.assert(
    fc.property(fc.array(phone, { maxLength: 30 }), (phones) => {
      const found = convergenceOf({ tenant: 'acme', pool: 'pbxA', primary: 'voip1' }, phones);
      assert.equal(found.onPrimary + found.elsewhere + found.silent + found.unknown, phones.length);
      assert.equal(found.registered, found.onPrimary + found.elsewhere);
      assert.equal(
        found.converged,
        phones.every(({ place, fetched }) => place === 'onPrimary' && fetched),
      );
    }),
  );
});
