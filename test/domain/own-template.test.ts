// Where an own template may stand: nothing that is accepted leads out of the directory.
import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { concerns, placeText, readPlace } from '../../src/domain/own-template.ts';

test('places are read and written back as they were', () => {
  for (const [text, place] of [
    ['one/a.cfg.hbs', { tenant: null, vendor: 'one', file: 'a.cfg.hbs' }],
    ['tenants/Acme_1/one/a.hbs', { tenant: 'Acme_1', vendor: 'one', file: 'a.hbs' }],
  ] as const) {
    assert.deepEqual(readPlace(text), place);
    assert.equal(placeText(place), text);
  }
});

test('what is no plain name is no place', () => {
  for (const text of [
    ...['', 'a.hbs', '/one/a.hbs', 'one/../a.hbs', '../one/a.hbs', 'one//a.hbs', 'one/.hbs', 'one/..hbs', 'one/a.cfg'],
    ...[
      'tenants/../one/a.hbs',
      'tenants/./one/a.hbs',
      'tenants/a/b/one/a.hbs',
      'tenants/a b/one/a.hbs',
      'tenants/one/',
    ],
    ...['one\\a.hbs', 'one/a.hbs\n', 'one/a\0.hbs', 'One/a.hbs', 'one/a.hbs/..', `one/${'a'.repeat(90)}.hbs`],
  ])
    assert.equal(readPlace(text), null, JSON.stringify(text));
});

test('no text that is a place leads out of the directory', () => {
  const part = fc.oneof(
    fc.constantFrom('..', '.', 'tenants', 'one', 'a.hbs', '..hbs', 'a b', '', '%2e%2e'),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
      const text = parts.join('/');
      const place = readPlace(text);
      if (place === null) return;
      assert.equal(placeText(place), text);
      assert.equal(resolve('/own', text), `/own/${text}`);
    }),
  );
});

test('a template concerns the phones of its vendor, and of its tenant where it has one', () => {
  const phone = { tenant: 'acme', vendor: 'one' };
  const at = (text: string) => readPlace(text) ?? assert.fail(text);
  assert.deepEqual(
    ['one/a.hbs', 'two/a.hbs', 'tenants/acme/one/a.hbs', 'tenants/globex/one/a.hbs'].map((text) =>
      concerns(at(text), phone),
    ),
    [true, false, true, false],
  );
});
