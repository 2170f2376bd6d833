// Snom phones: function keys, the phonebook, and raw parameters, each as the phone's files give them.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { RenderedSpec } from '../../src/vendors/vendors.ts';
import { readSettings } from '../support/readers.ts';
import { aLine, renderAll, vendors } from '../support/world.ts';

const MAC = '000413a00001';
const LINES = [aLine(), aLine({ user: '102-ACME' })];
const textOf = (end: string, settings: object, changes: object = {}) => {
  const phone = { vendor: 'snom', mac: MAC, model: 'D717', lines: LINES, ...changes };
  return renderAll({ phone, tenantSettings: settings }).get(MAC + end) ?? '';
};

describe('keys', () => {
  const keysOf = (model: string, keys: object[], settings: object = {}) =>
    textOf('-keys.xml', settings, { model, keys });

  test('every type in the words of the phone', () => {
    const words: [object, string][] = [
      [{ type: 'line', line: 2 }, 'line'],
      [{ type: 'blf', value: '102' }, 'blf 102'],
      [{ type: 'speedDial', value: '+49301' }, 'speed +49301'],
      [{ type: 'park', value: '701' }, 'orbit 701'],
      [{ type: 'pickup', value: '*8103' }, 'speed *8103'],
      [{ type: 'intercom', value: '103' }, 'icom 103'],
      [{ type: 'dtmf', value: '1#' }, 'dtmf 1#'],
      [{ type: 'url', value: 'http://example.com/?a=1&b=2' }, 'url http://example.com/?a=1&b=2'],
      [{ type: 'voicemail' }, 'keyevent F_RETRIEVE'],
      [{ type: 'voicemail', value: '*97' }, 'speed *97'],
      [{ type: 'forward' }, 'keyevent F_REDIRECT'],
      [{ type: 'forward', value: '104' }, 'redirect 104'],
      [{ type: 'doNotDisturb' }, 'keyevent F_DND'],
      [{ type: 'none' }, 'none'],
    ];
    const keys = words.map(([key], index) => ({ position: index + 1, label: `Key & ${index}`, ...key }));
    const all = readSettings(keysOf('D785', keys));
    words.forEach(([, word], index) => {
      assert.equal(all.get(`fkey.${index}`), word);
      assert.equal(all.get(`fkey.${index}.label`), `Key & ${index}`);
    });
    assert.deepEqual([all.get('fkey.0.context'), all.get('fkey.1.context')], ['2', '1']);
    assert.deepEqual([all.get('fkey.14'), all.get('fkey.23'), all.get('fkey.24')], ['none', 'none', undefined]);
  });

  test('modules begin behind the phone’s own keys', () => {
    const last = { module: 3, position: 18, type: 'blf', value: '102' };
    const first = { module: 1, position: 1, type: 'blf', value: '101' };
    for (const [model, start] of Object.entries({ D715: 5, D717: 3, D725: 18, D735: 32, D765: 16, D785: 24 })) {
      const all = readSettings(keysOf(model, [first, last]));
      assert.deepEqual([all.get(`fkey.${start}`), all.get(`fkey.${start + 53}`)], ['blf 101', 'blf 102'], model);
      assert.equal(all.get(`fkey.${start + 54}`), undefined, model);
    }
  });

  test('where none are chosen every key is as from the factory, and people’s own stay', () => {
    const text = keysOf('D717', []);
    const all = readSettings(text);
    assert.deepEqual(
      [0, 1, 2, 3].map((index) => all.get(`fkey.${index}`)),
      ['line', 'line', 'line', undefined],
    );
    assert.deepEqual(
      [...text.matchAll(/perm="([^"]*)"/g)].map(([, perm]) => perm),
      ['!', '!', '!'],
    );
  });

  test('chosen keys overwrite what was changed on the phone, unless that is kept', () => {
    const key = { position: 1, type: 'blf', value: '102' };
    const perms = (settings: object) =>
      new Set([...keysOf('D717', [key], settings).matchAll(/perm="([^"]*)"/g)].map(([, perm]) => perm));
    assert.deepEqual([...perms({})], ['RW']);
    assert.deepEqual([...perms({ keepLocalChanges: true })], ['!']);
  });
});

describe('the list of files', () => {
  test('is the same under the name that a phone makes from its model and its MAC address', () => {
    const names = { D785: 'snomD785', 370: 'snom370', 'd-815w': 'snomD815' };
    for (const [spelling, start] of Object.entries(names)) {
      const { model } = vendors.findModel('snom', spelling) ?? assert.fail(spelling);
      const files = renderAll({ phone: { vendor: 'snom', mac: MAC, model, lines: LINES } });
      const own = files.get(`${start}-${MAC}.htm`) ?? assert.fail([...files.keys()].join());
      assert.equal(own, files.get(`${MAC}.xml`));
      assert.match(own, /<file url="[^"]+-settings\.xml"\/>/);
      const [claim, ...others] = vendors.identify(`${start}-${MAC.toUpperCase()}.htm`);
      assert.deepEqual([claim?.vendor, claim?.spec.kind, claim?.mac, others.length], ['snom', 'rendered', MAC, 0]);
    }
  });
});

describe('the phonebook', () => {
  const spec = vendors.identify('snom-phonebook.xml').find(({ vendor }) => vendor === 'snom')?.spec as RenderedSpec;
  const print = (contacts: object[]) =>
    vendors.renderPhonebook('snom', spec, { contacts: contacts as never }).body.toString('utf8');

  test('an item for each number, complete', () => {
    const nobody = { work: null, mobile: null, home: null };
    const text = print([
      { ...nobody, number: 1, name: 'Anna & <Bob>', work: '102', mobile: '+49170', home: '030' },
      { ...nobody, number: 2, name: 'Zoë', home: '031' },
    ]);
    assert.match(text, /<tbook e="2" complete="true">/);
    const items = [
      ...text.matchAll(/<name>(.*?)<\/name><number>(.*?)<\/number>(?:<number_type>(.*?)<\/number_type>)?<\/item>/g),
    ];
    assert.deepEqual(
      items.map(([, name, number, type]) => [name, number, type]),
      [
        ['Anna &amp; &lt;Bob&gt;', '102', undefined],
        ['Anna &amp; &lt;Bob&gt;', '+49170', 'mobile'],
        ['Anna &amp; &lt;Bob&gt;', '030', undefined],
        ['Zoë', '031', undefined],
      ],
    );
  });

  test('the largest one there may be', () => {
    const all = Array.from({ length: 10_000 }, (_, at) => ({
      number: at + 1,
      name: `${at}`,
      work: '1',
      mobile: '2',
      home: '3',
    }));
    assert.equal(print(all).match(/<item /g)?.length, 30_000);
  });
});

describe('raw parameters', () => {
  const raw = (parameters: object, end = '-settings.xml') =>
    textOf(end, { language: 'de' }, { parameters: { snom: parameters } });

  test('come last and replace what the file says itself', () => {
    const text = raw({ call_waiting: 'visual', phone_name: 'Door & <Gate>', language: 'Suomi' });
    const all = readSettings(text);
    assert.deepEqual(
      ['call_waiting', 'phone_name', 'language', 'web_language'].map((name) => all.get(name)),
      ['visual', 'Door & <Gate>', 'Suomi', 'Deutsch'],
    );
    assert.ok(text.includes('<phone_name perm="RW">Door &amp; &lt;Gate&gt;</phone_name>\n  </phone-settings>'));
  });

  test('a name that could be no element, or the element of a list, is left out', () => {
    const odd = { '1abc': 'x', file: 'x', 'a.b': 'x', 'phone-settings': 'x' };
    assert.equal(raw(odd), raw({}));
    assert.equal(raw(odd, '.xml'), raw({}, '.xml'));
  });
});
