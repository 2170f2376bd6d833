// The template language: what it allows, what it refuses when a template is loaded, and that it says what Handlebars says.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import Handlebars from 'handlebars';
import { z } from 'zod';
import { encoderOf } from '../../src/vendors/encode.ts';
import { compileTemplate, TemplateError } from '../../src/vendors/template.ts';

const context = z.strictObject({
  name: z.string(),
  maybe: z.string().nullable(),
  mode: z.enum(['one', 'two']),
  flag: z.boolean(),
  items: z.array(
    z.strictObject({ number: z.number(), text: z.string(), parts: z.array(z.strictObject({ text: z.string() })) }),
  ),
});

const codes = { mode: { one: '1', two: '2' }, half: { one: '1' }, number: { '1': 'P47' } };
const compile = (source: string) =>
  compileTemplate(source, { file: 'x.hbs', encode: encoderOf('xml'), codes, context });

const sample = {
  name: 'a & b',
  maybe: null,
  mode: 'two',
  flag: true,
  items: [{ number: 1, text: '<x>', parts: [{ text: 'p' }, { text: 'q' }] }],
};

describe('what a template can say', () => {
  const cases: [source: string, expected: string][] = [
    ['{{name}}', 'a &amp; b'],
    ['{{#if maybe}}yes{{else}}no{{/if}}', 'no'],
    ['{{#unless flag}}yes{{else}}no{{/unless}}', 'no'],
    ['{{#each items}}{{number}}:{{text}}:{{../name}};{{/each}}', '1:&lt;x&gt;:a &amp; b;'],
    ['{{#each items}}{{#each parts}}{{text}}{{../number}}{{../../mode}} {{/each}}{{/each}}', 'p1two q1two '],
    ['{{code "mode" mode}}', '2'],
    ['{{#each items}}<{{code "number" number}}/>{{/each}}', '<P47/>'],
    ['a\n{{!-- gone --}}\n{{#if flag}}\nb\n{{/if}}\nc\n', 'a\nb\nc\n'],
  ];
  for (const [source, expected] of cases) {
    test(JSON.stringify(source), () => assert.equal(compile(source)(sample), expected));
  }
});

describe('what is refused when a template is loaded', () => {
  const cases: [source: string, why: RegExp][] = [
    ['{{nothing}}', /x\.hbs:1: the context has no nothing/],
    ['\n\n{{#if nothing}}{{/if}}', /x\.hbs:3/],
    ['{{#each items}}{{name}}{{/each}}', /has no name/],
    ['{{../name}}', /goes up further/],
    ['{{{name}}}', /without encoding/],
    ['{{&name}}', /without encoding/],
    ['{{items}}', /cannot be printed/],
    ['{{flag}}', /cannot be printed/],
    ['{{helper name}}', /only helper/],
    ['{{lookup items "length"}}', /only helper/],
    ['{{name x=1}}', /named arguments/],
    ['{{> partial}}', /PartialStatement is not allowed/],
    ['{{#> partial}}{{/partial}}', /not allowed/],
    ['{{#*inline "x"}}{{/inline}}', /not allowed/],
    ['{{* decorator}}', /not allowed/],
    ['{{#with name}}{{/with}}', /is not allowed; if, unless and each are/],
    ['{{#each items as |item|}}{{/each}}', /block parameters/],
    ['{{#each name}}{{/each}}', /not a list/],
    ['{{@root.name}}', /not allowed/],
    ['{{#each items}}{{@index}}{{/each}}', /not allowed/],
    ['{{name.constructor}}', /has no name.constructor/],
    ['{{__proto__}}', /has no __proto__/],
    ['{{constructor}}', /has no constructor/],
    ['{{code "nothing" mode}}', /no codes "nothing"/],
    ['{{code "half" mode}}', /lacks two/],
    ['{{code mode}}', /write \{\{code/],
    ['{{#if name', /Parse error/],
  ];
  for (const [source, why] of cases) {
    test(JSON.stringify(source), () =>
      assert.throws(
        () => compile(source),
        (error: Error) => error instanceof TemplateError && why.test(error.message),
      ),
    );
  }
});

test('an empty value is never printed as nothing: the template must ask first', () => {
  assert.throws(() => compile('{{maybe}}')(sample), /maybe is empty/);
});

test('a value that no file can carry stops the file, and the error does not hold it', () => {
  assert.throws(
    () => compile('{{name}}')({ ...sample, name: 'geheim\nx' }),
    (error: Error) => !error.message.includes('geheim') && /line break/.test(error.message),
  );
});

test('it prints what Handlebars prints', () => {
  const piece = fc.constantFrom(
    'text\n',
    '{{name}}',
    '{{mode}}',
    '{{#if maybe}}M{{maybe}}\n{{else}}\n-\n{{/if}}\n',
    '{{#unless flag}}\nU\n{{/unless}}\n',
    '{{#each items}}\n{{number}} {{text}} {{../name}}\n{{#each parts}}\n  {{text}}{{../text}}\n{{/each}}\n{{else}}\nnone\n{{/each}}\n',
    '{{#if items}}I{{/if}}',
    '{{!-- c --}}\n',
  );
  const text = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 8 }).map((value) => value.trim() || 'x');
  const data = fc.record({
    name: text,
    maybe: fc.option(text),
    mode: fc.constantFrom('one', 'two'),
    flag: fc.boolean(),
    items: fc.array(fc.record({ number: fc.nat(9), text, parts: fc.array(fc.record({ text }), { maxLength: 3 }) }), {
      maxLength: 3,
    }),
  });
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), data, (pieces, values) => {
      const source = pieces.join('');
      const encode = (value: string) => value;
      const ours = compileTemplate(source, { file: 'x.hbs', encode, codes, context })(values);
      assert.equal(ours, Handlebars.compile(source, { noEscape: true })(values));
    }),
    { numRuns: 1_000 },
  );
});

describe('a hostile template ends by itself', () => {
  const items = Array.from({ length: 300 }, (_, number) => ({ number, text: 'x'.repeat(60), parts: [] }));
  const big = { ...sample, items };

  test('lists within lists that print nothing stop at a number of steps', () => {
    const source =
      '{{#each items}}{{#each ../items}}{{#each ../../items}}{{#if ../../../maybe}}x{{/if}}{{/each}}{{/each}}{{/each}}';
    assert.throws(() => compile(source)(big), /x\.hbs takes more than 200000 steps/);
  });

  test('what is printed stops at a number of characters', () => {
    const source = `{{#each items}}${'{{text}}'.repeat(100)}{{/each}}`;
    assert.throws(() => compile(source)(big), /x\.hbs prints more than 1048576 characters/);
  });

  test('blocks within blocks are refused when it is loaded, however many there are', () => {
    for (const deep of [33, 60_000]) {
      const source = `${'{{#if flag}}'.repeat(deep)}x${'{{/if}}'.repeat(deep)}`;
      assert.throws(() => compile(source), TemplateError, `${deep} deep`);
    }
    const chain = (long: number) => `{{#if maybe}}${'{{else if maybe}}'.repeat(long)}{{else}}x{{/if}}`;
    assert.throws(() => compile(chain(10_000)), /x\.hbs:1: blocks are nested deeper than 32/);
    assert.equal(compile(chain(31))(sample), 'x');
    assert.equal(compile(`${'{{#if flag}}'.repeat(32)}x${'{{/if}}'.repeat(32)}`)(sample), 'x');
    assert.equal(compile('{{#if maybe}}y{{^}}x{{/if}}'.repeat(40))(sample), 'x'.repeat(40));
  });

  test('whatever somebody writes is compiled or refused, and never runs as code', () => {
    const word = fc.constantFrom(
      ...[
        '{{',
        '}}',
        '{{{',
        '}}}',
        '{{#each ',
        '{{#if ',
        '{{/if}}',
        '{{/each}}',
        '{{else}}',
        '{{>',
        '{{#>',
        '{{*',
        '@root',
        '../',
      ],
      ...[
        'items',
        'name',
        'flag',
        '.constructor',
        '__proto__',
        'lookup ',
        '(lookup items "length")',
        ' as |x|',
        '{{!--',
        '--}}',
      ],
      ...[
        'code "mode" mode',
        '[constructor]',
        '"\\u0000"',
        '.',
        '/',
        ' ',
        '\n',
        '~',
        '\\{{',
        '={{',
        'undefined',
        'this',
      ],
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 14 }), (words) => {
        let template: (values: unknown) => string;
        try {
          template = compile(words.join(''));
        } catch (error) {
          assert.ok(error instanceof TemplateError, String(error));
          return;
        }
        try {
          assert.doesNotMatch(template(sample), /function|\[object|native code/);
        } catch (error) {
          assert.match(String(error), /is empty here|is not printable here|lacks/);
        }
      }),
      { numRuns: 20_000 },
    );
  });
});
