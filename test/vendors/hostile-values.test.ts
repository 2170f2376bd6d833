// F6: a hostile text in any field that people can set is refused at the door, or arrives in the phone's file as it was, and
// the file has the same parameters as with a plain text: no value can add a setting, take one away or end one early.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { contactSchema, phonebook } from '../../src/domain/contact.ts';
import { AppError } from '../../src/domain/errors.ts';
import { parseWith } from '../../src/domain/parse.ts';
import { textFault } from '../../src/domain/text.ts';
import type { RenderedSpec } from '../../src/vendors/vendors.ts';
import { readAttributes, readElements, readLinesFormat, readSettings } from '../support/readers.ts';
import { aLine, everyFamily, renderAll, type Situation, vendors } from '../support/world.ts';

const RUNS = Number(process.env.SOAK_VALUES ?? 40);
const READ = { yealink: readLinesFormat, polycom: readAttributes, grandstream: readElements, snom: readSettings };
type Vendor = keyof typeof READ;

const HOSTILE = [
  ...['\n', '\r\n', '\r', '\t', '\u0000', '\u0008', '\u001b', '\u007f', '\u0085', '\u2028', '\u2029', '\ufeff'],
  ...[
    '\u202e',
    '\u2066',
    '\ud800',
    '\uffff',
    '"',
    "'",
    '<',
    '>',
    '&',
    '&amp;',
    '&#10;',
    '&quot;',
    ']]>',
    '<!--',
    '-->',
  ],
  ...[
    '<?x?>',
    '/>',
    '"/><x y="',
    '</P1>',
    '<P1>',
    '=',
    ' = ',
    '#',
    ';',
    '!',
    '|',
    '$',
    '$&',
    '$' + '{7*7}',
    '{{',
    '}}',
  ],
  ...['{{phone.mac}}', '{{{x}}}', '%', '%0a', '%NULL%', '%EMPTY%', '\\', '\\n', '\\"', ',', '[', ']', '__proto__'],
  ...['\naccount.1.sip_server.1.port = 5060', '\r\n[x]\r\n', '*', 'x', '7', ' ', 'é', '🔑', 'a.example.com'],
];

const hostileText = fc
  .array(fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...HOSTILE) }, fc.string({ unit: 'binary', maxLength: 8 })), {
    minLength: 1,
    maxLength: 4,
  })
  .map((parts) => parts.join(''))
  // A text that people enter by itself and one with something before and behind it.
  .chain((text) => fc.constantFrom(text, `x${text}x`, `7${text}7`));

/** A name of a raw parameter that nobody has reserved. */
const RAW: Readonly<Record<Vendor, string>> = {
  yealink: 'features.hostile.x',
  polycom: 'feature.hostile.x',
  grandstream: 'P29999',
  snom: 'hostile_x',
};

type Field = {
  readonly name: string;
  readonly plain: string;
  readonly with: (text: string, vendor: Vendor) => Situation;
};

const line = (field: string, plain = 'plain'): Field => ({
  ...{ name: `lines.${field}`, plain },
  with: (text) => ({ phone: { lines: [aLine({ [field]: text })] } }),
});
const setting = (name: string, plain: string, value: (text: string) => unknown = (text) => text): Field => ({
  ...{ name: `settings.${name}`, plain },
  with: (text) => ({ tenantSettings: { [name.split('.', 1)[0] ?? '']: value(text) } }),
});
const key = (type: string, plain: string, field: 'value' | 'label'): Field => ({
  ...{ name: `keys.${type}.${field}`, plain },
  with: (text) => ({ phone: { keys: [{ position: 1, type, value: '102', label: 'Plain', [field]: text }] } }),
});

const FIELDS: readonly Field[] = [
  ...['user', 'authUser', 'password', 'displayName', 'label'].map((field) => line(field)),
  line('extension', '4711'),
  setting('ntpServer', 'plain.example.com'),
  setting('syslogServer', 'plain.example.com'),
  setting('timeZone', 'Europe/Berlin'),
  setting('language', 'de'),
  setting('voicemailNumber', '4711'),
  setting('adminPassword', 'Plain-secret1'),
  setting('userPassword', 'Plain-secret1'),
  setting('fileKey', 'abcdefghijklmnop'),
  setting('firmware', 'plain.rom'),
  setting('poll', '23:00-04:00'),
  setting('dialPlan', '11x', (text) => [text]),
  setting('codecs', 'pcma', (text) => [text]),
  setting('pagingGroups.label', 'Plain', (label) => [{ address: '224.0.1.75:10000', label }]),
  setting('pagingGroups.address', '224.0.1.75:10000', (address) => [{ address, label: 'Plain' }]),
  key('blf', '102', 'value'),
  key('url', 'http://plain.example.com/', 'value'),
  key('speedDial', 'Plain', 'label'),
  {
    ...{ name: 'parameters', plain: 'plain' },
    with: (text, vendor) => ({ phone: { parameters: { [vendor]: { [RAW[vendor]]: text } } } }),
  },
];

const read = (vendor: Vendor, files: Map<string, string>) =>
  [...files]
    .filter(([name]) => !name.endsWith('.boot'))
    .flatMap(([name, text]) =>
      [...READ[vendor](text)].map(([parameter, value]) => [`${name} ${parameter}`, value] as const),
    );

/** The file with a text in a field; null where the text is refused. */
function rendered({ with: put }: Field, text: string, { vendor, model }: { vendor: string; model: string }) {
  const { phone = {}, ...situation } = put(text, vendor as Vendor);
  try {
    return read(vendor as Vendor, renderAll({ ...situation, phone: { vendor, model, ...phone } }));
  } catch (error) {
    if (error instanceof AppError) return null;
    throw error;
  }
}

describe('F6: every text field', () => {
  const taken = new Set<string>();
  for (const family of everyFamily()) {
    test(`${family.vendor} ${family.family}`, () => {
      let arrived = 0;
      for (const field of FIELDS) {
        const plain = rendered(field, field.plain, family);
        // What these phones have no place for is refused, also when it is plain.
        if (plain === null) continue;
        taken.add(field.name);
        const holding = plain.filter(([, value]) => value === field.plain).map(([name]) => name);
        fc.assert(
          fc.property(hostileText, (text) => {
            const hostile = rendered(field, text, family);
            if (hostile === null) return;
            assert.equal(textFault(text), null, `${field.name} takes ${JSON.stringify(text)}`);
            const [names, expected] = [hostile, plain].map((all) => all.map(([name]) => name));
            // Some names depend on a choice of words: only a text that is one of them may change them.
            assert.deepEqual(
              names,
              expected,
              `${field.name}: ${JSON.stringify(text)} changes which parameters there are`,
            );
            if (field.name !== 'parameters' && !/^(lines|keys)\./.test(field.name)) return;
            const values = new Map(hostile);
            for (const name of holding) {
              const value = values.get(name);
              assert.ok(
                value === text || value === field.plain,
                `${field.name} in ${name}: ${JSON.stringify([text, value])}`,
              );
              if (value === text) arrived++;
            }
          }),
          { numRuns: RUNS },
        );
      }
      assert.ok(arrived > 0, 'some texts arrive');
    });
  }
  test('is one that some phones take', () => {
    assert.deepEqual([...taken].sort(), FIELDS.map(({ name }) => name).sort());
  });
});

test('F6: every text field of a contact, in every vendor’s phonebook', () => {
  const books = [...vendors.ids].flatMap((vendor) =>
    ['phonebook.xml', 'gs_phonebook.xml', 'tenant-directory.xml', `${vendor}-phonebook.xml`]
      .flatMap((name) => vendors.identify(name))
      .filter((claim) => claim.vendor === vendor && claim.spec.kind === 'rendered' && claim.spec.of === 'phonebook'),
  );
  assert.ok(books.length >= vendors.ids.length, `${books.length} phonebooks`);
  const tags = (text: string) => [...text.matchAll(/<\/?[A-Za-z][\w:.-]*(?=[\s>/])/g)].map(([tag]) => tag);
  const render = ({ vendor, spec }: (typeof books)[number], contact: unknown) => {
    const context = phonebook([], [parseWith(contactSchema, contact, 'the contact')]);
    return vendors.renderPhonebook(vendor, spec as RenderedSpec, context).body.toString('utf8');
  };
  for (const book of books) {
    const plain = tags(render(book, { name: 'Plain', work: '1' }));
    for (const field of ['name', 'work', 'mobile', 'home']) {
      const shape =
        field === 'name' || field === 'work' ? plain : tags(render(book, { name: 'Plain', work: '1', [field]: '2' }));
      fc.assert(
        fc.property(hostileText, (text) => {
          try {
            assert.deepEqual(
              tags(render(book, { name: 'Plain', work: '1', [field]: text })),
              shape,
              JSON.stringify(text),
            );
          } catch (error) {
            if (!(error instanceof AppError)) throw error;
          }
        }),
        { numRuns: RUNS },
      );
    }
  }
});
