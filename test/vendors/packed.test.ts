// The packed file says what the XML says: read back by a decoder that shares nothing with the encoder.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { macSchema } from '../../src/domain/mac.ts';
import { textFault } from '../../src/domain/text.ts';
import { type PackedParameter, packParameters, parametersOfXml } from '../../src/vendors/packed.ts';
import { readElements } from '../support/readers.ts';
import { aLine, renderAll } from '../support/world.ts';

const MAC = macSchema.parse('000b82123456');

type Unpacked = { mac: string; parameters: [string, string][] };

/** Reads a packed file as a phone would: whole, addressed to somebody, every word counted. */
function unpack(file: Buffer): Unpacked {
  assert.equal(file.length % 2, 0, 'whole words');
  const words = Array.from({ length: file.length / 2 }, (_, index) => file.readUInt16BE(2 * index));
  assert.equal(words.reduce((sum, word) => sum + word, 0) % 65_536, 0, 'the sum of all words');
  assert.equal(file.readUInt32BE(0), words.length, 'the length in words');
  assert.equal(file.toString('latin1', 12, 16), '\r\n\r\n');
  const [, text = ''] = /^((?:[!-~]+&)?)gnkey=0b82\0?$/.exec(file.toString('latin1', 16)) ?? assert.fail('the trailer');
  const pairs = text.split('&').slice(0, -1);
  const parameters = pairs.map((pair): [string, string] => {
    const [, name = '', value = ''] = /^(P\d+)=((?:[A-Za-z0-9._~-]|%[0-9A-F]{2})*)$/.exec(pair) ?? assert.fail(pair);
    const bytes = value.replaceAll(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
    const read = Buffer.from(bytes, 'latin1').toString('utf8');
    assert.equal(new URLSearchParams(pair).get(name), read, 'a reader of HTML forms reads the same');
    return [name, read];
  });
  return { mac: file.toString('hex', 6, 12), parameters };
}

const NASTY = [
  '&',
  '<',
  '>',
  '"',
  "'",
  '=',
  '$&',
  '%',
  '%20',
  '+',
  '#',
  ';',
  '&amp;',
  '&lt;',
  ']]>',
  '<!--',
  '</P1>',
  ' ',
];

const nastyText = fc
  .array(fc.oneof(fc.constantFrom(...NASTY), fc.string({ unit: 'grapheme', minLength: 1, maxLength: 6 })), {
    maxLength: 8,
  })
  .map((parts) => parts.join('').slice(0, 64).trim())
  .filter((text) => textFault(text) === null);

const anyParameters = fc
  .uniqueArray(fc.tuple(fc.integer({ min: 1, max: 99_999 }), nastyText), {
    selector: ([number]) => number,
    maxLength: 20,
  })
  .map((list) => list.map(([number, value]): PackedParameter => [`P${number}`, value]));

const anyMac = fc
  .uint8Array({ minLength: 6, maxLength: 6 })
  .filter((bytes) => bytes.some((byte) => byte !== 0))
  .map((bytes) => macSchema.parse(Buffer.from(bytes).toString('hex')));

describe('packed files', () => {
  test('are, byte by byte, what the layout says', () => {
    const even = packParameters({
      mac: MAC,
      parameters: [
        ['P47', 'pbxa.example.com'],
        ['P103', '1'],
      ],
    });
    assert.equal(even.toString('hex', 0, 16), '0000001b3038000b821234560d0a0d0a');
    assert.equal(even.toString('latin1', 16), 'P47=pbxa.example.com&P103=1&gnkey=0b82');
    const odd = packParameters({ mac: MAC, parameters: [['P2', 'x']] });
    assert.equal(odd.toString('hex', 0, 16), '00000010d60c000b821234560d0a0d0a');
    assert.equal(odd.toString('latin1', 16), 'P2=x&gnkey=0b82\0');
    assert.equal(packParameters({ mac: MAC, parameters: [] }).toString('latin1', 16), 'gnkey=0b82');
  });

  test('give back every value, its order and the MAC', () => {
    fc.assert(
      fc.property(anyMac, anyParameters, (mac, parameters) => {
        assert.deepEqual(unpack(packParameters({ mac, parameters })), { mac, parameters });
      }),
      { numRuns: 500 },
    );
  });

  test('have the same bytes for the same parameters', () => {
    fc.assert(
      fc.property(anyMac, anyParameters, (mac, parameters) => {
        assert.deepEqual(packParameters({ mac, parameters }), packParameters({ mac, parameters: [...parameters] }));
      }),
    );
  });

  test('a changed byte is seen in the sum', () => {
    const file = packParameters({ mac: MAC, parameters: [['P34', 'secret']] });
    for (let at = 0; at < file.length; at++) {
      const changed = Buffer.from(file);
      changed.writeUInt8(file.readUInt8(at) ^ 1, at);
      assert.throws(() => unpack(changed));
    }
  });

  test('refuse what no file of ours holds, without quoting it', () => {
    const refused: [string, PackedParameter[]][] = [
      ['a foreign name', [['gnkey', 'hunter2']]],
      ['a name with a separator', [['P1=1&P2', 'hunter2']]],
      [
        'a name twice',
        [
          ['P34', 'hunter2'],
          ['P34', 'hunter2'],
        ],
      ],
      ['a line break', [['P34', 'hunter2\nP2=x']]],
      ['NUL', [['P34', 'hunter2\0']]],
      ['half a character', [['P34', 'hunter2\ud800']]],
      ['a blank at the end', [['P34', 'hunter2 ']]],
      ['more than the length can say', [['P34', 'hunter2'.repeat(20_000)]]],
    ];
    for (const [why, parameters] of refused) {
      assert.throws(
        () => packParameters({ mac: MAC, parameters }),
        (error: Error) => error.message.startsWith('assertion failed') && !error.message.includes('hunter2'),
        why,
      );
    }
  });
});

const MODELS = ['GXP1625', 'GXP2135', 'HT802'];
const xmlOf = (situation: Parameters<typeof renderAll>[0]): string => [...renderAll(situation).values()].join('');
const phoneOf = (model: string, changes: object = {}) => ({
  vendor: 'grandstream',
  model,
  mac: MAC,
  lines: [aLine({ label: 'Front desk' }), aLine({ user: '102-ACME', password: `& < > " ' + %20 &amp; Grüße 密码 🔑` })],
  ...changes,
});

describe('a rendered phone, packed', () => {
  for (const model of MODELS) {
    for (const binding of ['registrar', 'outboundProxy']) {
      test(`${model} (${binding}) says what its XML says`, () => {
        const xml = xmlOf({ phone: phoneOf(model), binding });
        const expected = [...readElements(xml)];
        assert.ok(expected.length > 30);
        assert.deepEqual(parametersOfXml(xml), expected);
        assert.deepEqual(unpack(packParameters({ mac: MAC, parameters: parametersOfXml(xml) })), {
          mac: MAC,
          parameters: expected,
        });
      });
    }

    test(`${model} keeps every password`, () => {
      fc.assert(
        fc.property(
          nastyText.filter((text) => text !== '' && text !== '%NULL%'),
          (password) => {
            const xml = xmlOf({ phone: phoneOf(model, { lines: [aLine({ password })] }) });
            const { parameters } = unpack(packParameters({ mac: MAC, parameters: parametersOfXml(xml) }));
            assert.equal(new Map(parameters).get('P34'), password);
            assert.deepEqual(parameters, [...readElements(xml)]);
          },
        ),
        { numRuns: 200 },
      );
    });
  }
});

describe('the reader of our own XML', () => {
  const xml = (body: string) =>
    `<?xml version="1.0" encoding="UTF-8"?>\n<gs_provision version="1">\n  <mac>${MAC}</mac>\n` +
    `  <config version="1">\n${body}  </config>\n</gs_provision>\n`;

  test('reads no, one and several parameters, empty ones too', () => {
    assert.deepEqual(parametersOfXml(xml('')), []);
    assert.deepEqual(parametersOfXml(xml('<P2>a</P2>')), [['P2', 'a']]);
    assert.deepEqual(parametersOfXml(xml('    <P48></P48>\n    <P3>&amp;lt;&apos;</P3>\n')), [
      ['P48', ''],
      ['P3', `&lt;'`],
    ]);
  });

  test('refuses everything else, without quoting it', () => {
    const secret = '<P34>hunter2</P34>';
    const refused = [
      '',
      secret,
      xml(secret).slice(xml(secret).indexOf(secret)),
      `\ufeff${xml(secret)}`,
      xml(secret).replace('<config version="1">', '<config version="2">'),
      xml(secret).replace('"UTF-8"', '"ISO-8859-1"'),
      xml(secret).replace('<gs_provision', '<!DOCTYPE x><gs_provision'),
      xml(secret).replace('</config>', ''),
      `${xml(secret)}${secret}`,
      xml(`<item name="account.1.sip.subscriber.password">hunter2</item>`),
      xml('<P34 x="1">hunter2</P34>'),
      xml('<P34>hunter2</P35>'),
      xml('<P34>hunter2'),
      xml('<P34/>'),
      xml('<p34>hunter2</p34>'),
      xml('<P34><![CDATA[hunter2]]></P34>'),
      xml('<P34>hunter2<!-- --></P34>'),
      xml(`<!-- hunter2 -->${secret}`),
      xml(`hunter2${secret}`),
      xml('<P34>hunter2 & co</P34>'),
      xml('<P34>hunter2&#38;</P34>'),
      xml('<P34>hunter2&nbsp;</P34>'),
      xml('<P34>hunter2&constructor;</P34>'),
      xml('<P34>hunter2&amp</P34>'),
    ];
    for (const text of refused) {
      assert.throws(
        () => parametersOfXml(text),
        (error: Error) => error.message.startsWith('assertion failed') && !error.message.includes('hunter2'),
        text,
      );
    }
  });

  test('refuses a phone whose file has names in place of numbers', () => {
    assert.throws(() => parametersOfXml(xmlOf({ phone: phoneOf('GRP2614') })), /assertion failed/);
  });
});
