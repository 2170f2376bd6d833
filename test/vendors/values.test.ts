// Values survive: what an operator enters is what the phone reads, in every format, and nothing can add a setting.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { textFault } from '../../src/domain/text.ts';
import { readAttributes, readElements, readLinesFormat, readPhone, readSettings } from '../support/readers.ts';
import { aLine, everyFamily, renderAll } from '../support/world.ts';

const NASTY = [
  '&',
  '<',
  '>',
  '"',
  "'",
  '=',
  '$',
  '$$',
  '$&',
  '%',
  '#',
  ';',
  '\\',
  '{{',
  '}}',
  '{{{',
  '[',
  ']]>',
  '<!--',
  '&amp;',
  '%20',
  ' ',
];

const nastyText = (maxLength: number) =>
  fc
    .array(fc.oneof(fc.constantFrom(...NASTY), fc.string({ unit: 'grapheme', minLength: 1, maxLength: 6 })), {
      minLength: 1,
      maxLength: 8,
    })
    .map((parts) => parts.join('').slice(0, maxLength).trim())
    .filter((text) => text !== '' && text !== '%NULL%' && textFault(text) === null);

const anyLine = fc.record({
  user: nastyText(64),
  authUser: nastyText(64),
  password: nastyText(128),
  displayName: nastyText(64),
  label: nastyText(64),
});

const READ = { yealink: readLinesFormat, polycom: readAttributes, grandstream: readElements, snom: readSettings };

const names = (vendor: keyof typeof READ, files: Map<string, string>) =>
  [...files].filter(([name]) => !name.endsWith('.boot')).map(([name, text]) => [name, [...READ[vendor](text).keys()]]);

describe('every field arrives unchanged and adds nothing', () => {
  for (const { vendor, model, family } of everyFamily()) {
    test(`${vendor} ${family}`, () => {
      const plain = names(vendor as keyof typeof READ, renderAll({ phone: { vendor, model } }));
      fc.assert(
        fc.property(anyLine, (line) => {
          const files = renderAll({ phone: { vendor, model, lines: [line] } });
          const [read] = readPhone(vendor, family, files);
          const { label, ...expected } = line;
          assert.deepEqual({ ...read, ...expected }, read, 'the values');
          assert.ok(read?.label === null || read?.label === label);
          assert.deepEqual(names(vendor as keyof typeof READ, files), plain, 'the keys');
        }),
        { numRuns: 300 },
      );
    });
  }
});

test('the passwords that break other systems arrive in every vendor’s file', () => {
  const passwords = [
    `& < > " ' = $ % # ; \\ {{x}}`,
    'a$$b$&c',
    'p&ss=w<or>d',
    '#comment',
    'a;b',
    'Grüße 密码 🔑',
    '=',
    '%s%n',
  ];
  for (const { vendor, model, family } of everyFamily()) {
    for (const password of passwords) {
      const [line] = readPhone(vendor, family, renderAll({ phone: { vendor, model, lines: [aLine({ password })] } }));
      assert.equal(line?.password, password, `${vendor} ${family}`);
    }
  }
});

test('line breaks, control characters and other texts that no file can carry are refused at the door', () => {
  const refused = [
    'a\nb',
    'a\rb',
    'a\u0000b',
    'a\tb',
    'a\u007fb',
    'a\u0085b',
    'a\u2028b',
    'a\ud800b',
    'a\uffffb',
    'a\u202eb',
    ' a',
    'a ',
  ];
  for (const text of refused) {
    for (const field of ['user', 'authUser', 'password', 'displayName', 'label']) {
      assert.throws(
        () => renderAll({ phone: { lines: [aLine({ [field]: text })] } }),
        (error: Error) => error.message.includes(`lines.0.${field}`) && !error.message.includes(text),
        JSON.stringify(text),
      );
    }
  }
});

test('the same phone, tenant and pool give the same bytes', () => {
  for (const { vendor, model } of everyFamily()) {
    assert.deepEqual(renderAll({ phone: { vendor, model } }), renderAll({ phone: { vendor, model } }));
  }
});
