// Grandstream files as a whole: raw parameters, masked and sealed files, the binary form for the oldest phones, and that
// every name in them is one that the phone knows.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { SaxesParser } from 'saxes';
import { phonebook } from '../../src/domain/contact.ts';
import { TRANSPORTS } from '../../src/domain/pool.ts';
import { maskSecrets } from '../../src/domain/render-context.ts';
import { CODECS, MASK } from '../../src/domain/settings.ts';
import { findName, loadParameterNames } from '../../src/vendors/parameters.ts';
import type { RenderedSpec } from '../../src/vendors/vendors.ts';
import { readElements } from '../support/readers.ts';
import {
  aLine,
  aPhone,
  contextOf,
  EVERY_SETTING,
  everyFamily,
  everyModel,
  PROVISIONING_URL,
  renderAll,
  type Situation,
  TEMPLATES,
  vendors,
} from '../support/world.ts';

const MAC = 'c074ada00001';
const XML = `cfg${MAC}.xml`;
const BINARY = `cfg${MAC}`;

const models = everyModel().filter(({ vendor }) => vendor === 'grandstream');
const families = everyFamily().filter(({ vendor }) => vendor === 'grandstream');
const PACKED = ['GXP2000', 'GXP2010', 'GXP2020'];
const FOLDER = PROVISIONING_URL.replace(/^https:\/\/|\/$/g, '');
const OF_ITEMS = ['ghp', 'grp', 'gxv33', 'wp8x6'];

const EVERYTHING = {
  timeZone: 'Europe/Berlin',
  language: 'de',
  voicemailNumber: '*97',
  mwi: true,
  dtmf: 'info',
  srtp: 'required',
  callWaiting: false,
  syslogServer: 'log.example.com',
  adminPassword: 'Ab-12345',
};

type Said = Record<string, string>;

const phone = (model: string, changes: object = {}) => ({ vendor: 'grandstream', model, mac: MAC, ...changes });
const specOf = (name: string): RenderedSpec => {
  const spec = vendors.identify(name).find(({ vendor }) => vendor === 'grandstream')?.spec;
  return spec?.kind === 'rendered' ? spec : assert.fail(`${name} is not rendered`);
};
const bytesOf = (name: string, situation: Situation, fileKey: string | null = null): Buffer =>
  vendors.render({
    ...aPhone(situation.phone),
    spec: specOf(name),
    context: contextOf(situation),
    fileKey,
  }).body;
const read = (situation: Situation): Said =>
  Object.fromEntries(readElements(renderAll(situation).get(XML) ?? assert.fail('no file')));

describe('a raw parameter', () => {
  const readWith = (model: string, grandstream: object, tenantSettings: object = {}): Said =>
    read({ phone: phone(model, { parameters: { grandstream } }), tenantSettings });

  for (const { model, family } of families) {
    test(`wins over what the template of ${family} says, whatever that is`, () => {
      const plain = readWith(model, {}, EVERYTHING);
      const open = Object.keys(plain).filter((name) => vendors.checkParameter('grandstream', name).state !== 'refused');
      assert.ok(open.length > 10, `${open.length} names`);
      for (const name of open) {
        const changed = readWith(model, { [name]: 'by & hand' }, EVERYTHING);
        assert.deepEqual(changed, { ...plain, [name]: 'by & hand' }, name);
      }
    });

    test(`is added to ${family} where the template says nothing, in the words that its files hold, and may be empty`, () => {
      const parameters = { P3456: '', P34567: '1', 'sys.thing': '', 'sys.other': 'Yes' };
      const added = OF_ITEMS.includes(family) ? { 'sys.thing': '', 'sys.other': 'Yes' } : { P3456: '', P34567: '1' };
      assert.deepEqual(readWith(model, parameters), { ...readWith(model, {}), ...added });
    });
  }

  test('stands at the end', () => {
    const text = renderAll({ phone: phone('GXP2135', { parameters: { grandstream: { P64: 'auto' } } }) }).get(XML);
    assert.match(text ?? '', /\n {4}<P64>auto<\/P64>\n {2}<\/config>\n<\/gs_provision>\n$/);
  });
});

test('masked files hold neither the administrator’s password nor a numbered raw parameter', () => {
  const adminPassword = 'Hidden-Secret-1';
  const parameters = { grandstream: { P196: 'Hidden-Secret-2', 'users.user.password': 'Hidden-Secret-2' } };
  for (const { model, family } of families) {
    const situation = { phone: phone(model, { parameters }), tenantSettings: { adminPassword } };
    const context = maskSecrets(contextOf(situation));
    const rendered = vendors.render({ ...aPhone(situation.phone), spec: specOf(XML), context, fileKey: null });
    const text = rendered.body.toString('utf8');
    assert.doesNotMatch(text, /Hidden|correct horse/, family);
    const said = readElements(text);
    const ofItems = OF_ITEMS.includes(family);
    assert.equal(said.get(ofItems ? 'users.admin.password' : 'P2'), MASK, family);
    assert.equal(said.get(ofItems ? 'users.user.password' : 'P196'), MASK, family);
  }
});

describe('with every setting, every name is one that the phone knows', () => {
  const names = loadParameterNames(readFileSync(join(TEMPLATES, 'grandstream/parameters.txt'), 'utf8'));
  // The list's tags for a model; the first that fits.
  const TAGS: [RegExp, string[]][] = [
    [/^GXP1[14]/, ['gxp14']],
    [/^GXP16/, ['gxp16']],
    [/^GXP178/, ['gxp17', 'gxp21']],
    [/^GXP17/, ['gxp17']],
    [/^GXP2[12]/, ['gxp21']],
    [/^GRP/, ['grp']],
    [/^GHP/, ['ghp']],
    [/^GXV32/, ['gxv32']],
    [/^GXV3[34]/, ['gxv3370', 'gxv3480']],
    [/^WP8\d6/, ['wp8x6']],
    [/^WP8/, ['wp8']],
    [/^HT7/, ['ht7']],
    [/^HT80\dV2/, ['ht802v2', 'ht8']],
    [/^HT8/, ['ht8']],
    [/^DP7/, ['dp']],
  ];
  const faultOf = (model: string, name: string): string[] => {
    const found = findName(names, name);
    const tags = TAGS.find(([pattern]) => pattern.test(model))?.[1] ?? [];
    const knownTo = found.known ? (found.tag?.split(' ') ?? []) : [];
    return tags.some((tag) => knownTo.includes(tag)) ? [] : [`${model}: ${name} (${knownTo})`];
  };

  test('in every model that reads XML', () => {
    const faults = models
      .filter(({ model }) => !PACKED.includes(model))
      .flatMap(({ model, lines: count }) => {
        const lines = Array.from({ length: count }, () => aLine());
        const said = read({ phone: phone(model, { lines }), tenantSettings: EVERYTHING });
        return Object.keys(said).flatMap((name) => faultOf(model, name));
      });
    assert.deepEqual(faults, []);
  });

  test('and the test sees what it looks for', () => {
    assert.notDeepEqual(faultOf('GXP2170', 'P709'), []);
    assert.notDeepEqual(faultOf('GRP2616', 'account.1.sip.subscribe.formwi'), []);
  });
});

describe('no file that is served holds an XML comment', () => {
  /** What stands in a file and is neither an element nor its text. The parser throws for a file that is broken. */
  const hiddenIn = (text: string): string[] => {
    const found: string[] = [];
    const parser = new SaxesParser();
    parser.on('comment', (comment) => found.push(comment));
    parser.on('cdata', (data) => found.push(data));
    parser.on('doctype', (type) => found.push(type));
    parser.write(text).close();
    return found;
  };
  const keysOf = (model: string): object[] => {
    const { keys = 0, keyTypes = [], expansion } = vendors.findModel('grandstream', model) ?? {};
    const types = keyTypes.filter((type) => type !== 'none');
    const places = Array.from({ length: keys }, (_, at) => ({ module: 0, position: at + 1 }));
    const board = Array.from({ length: expansion?.keys ?? 0 }, (_, at) => ({ module: 1, position: at + 1 }));
    return [...places, ...board].map((place, at) => {
      const type = types[at % types.length];
      return { ...place, type, ...(type === 'line' || type === 'doNotDisturb' ? {} : { value: '103' }) };
    });
  };

  for (const { model, lines: count } of models.filter((entry) => !PACKED.includes(entry.model))) {
    test(model, () => {
      const lines = Array.from({ length: count }, () => aLine());
      const situations = [
        { tenantSettings: EVERY_SETTING, keys: keysOf(model) },
        { tenantSettings: { ...EVERY_SETTING, codecs: [...CODECS], phonebook: true }, keys: [] },
        { tenantSettings: {}, keys: [] },
      ];
      for (const { tenantSettings, keys } of situations) {
        const text = renderAll({ phone: phone(model, { lines, keys }), tenantSettings }).get(XML) ?? assert.fail();
        assert.deepEqual(hiddenIn(text), []);
      }
    });
  }

  test('the phonebook', () => {
    const anna = { name: 'Anna', work: '0301', mobile: '0170', home: '0302' };
    for (const name of ['phonebook.xml', 'gs_phonebook.xml']) {
      const text = vendors.renderPhonebook('grandstream', specOf(name), phonebook([], [anna])).body.toString('utf8');
      assert.match(text, /Anna/);
      assert.deepEqual(hiddenIn(text), []);
    }
  });

  test('and the test sees what it looks for', () => {
    assert.deepEqual(hiddenIn('<a><!-- 8 --><P46>8</P46><![CDATA[x]]></a>'), [' 8 ', 'x']);
    assert.equal(keysOf('GXP2170').length, 52);
    assert.throws(() => hiddenIn('<a><b></a>'));
  });
});

/** Reads a packed file as a phone would. */
function unpack(file: Buffer): Said {
  const words = Array.from({ length: file.length / 2 }, (_, index) => file.readUInt16BE(2 * index));
  assert.equal(words.reduce((sum, word) => sum + word, 0) % 65_536, 0, 'the sum of all words');
  assert.equal(file.readUInt32BE(0), words.length, 'the length in words');
  assert.equal(file.toString('hex', 6, 12), MAC);
  const pairs = file.toString('latin1', 16).replace(/\0$/, '').split('&');
  assert.equal(pairs.pop(), 'gnkey=0b82');
  return Object.fromEntries(
    pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), decodeURIComponent(pair.slice(pair.indexOf('=') + 1))]),
  );
}

describe('the binary file', () => {
  const unpacked = (situation: Situation): Said => unpack(bytesOf(BINARY, situation));
  const lines = [aLine({ user: '101-ACME', password: 'p&ss=w"o<r>d%+', label: 'Grüße' }), aLine({ user: '102-ACME' })];

  test('is made for the oldest phones and for no others', () => {
    for (const { model } of models) {
      const expected = PACKED.includes(model) ? [XML, BINARY] : [XML];
      assert.deepEqual(vendors.fileNames('grandstream', model, aPhone(phone(model)).mac), expected, model);
      assert.equal(vendors.makes('grandstream', model, specOf(BINARY)), PACKED.includes(model), model);
    }
    assert.deepEqual(
      PACKED.map((model) => vendors.findModel('grandstream', model)?.lines),
      [4, 4, 6],
    );
  });

  test('says what the GXP2000 is to do', () => {
    const cleared = ['P504', 'P505', 'P506', 'P507', 'P502', 'P503', 'P604', 'P605', 'P606', 'P607', 'P602', 'P603'];
    assert.deepEqual(unpacked({ phone: phone('GXP2000', { lines }) }), {
      ...{ P271: '1', P270: 'Grüße', P35: '101-ACME', P36: '101-ACME', P34: 'p&ss=w"o<r>d%+', P3: '101-ACME' },
      ...{ P401: '1', P417: '102-ACME', P404: '102-ACME', P405: '102-ACME', P406: 'correct horse', P407: '102-ACME' },
      // The pool by SRV, without a proxy, over UDP, which is 1 here.
      ...{ P47: 'pbxa.example.com', P48: '', P103: '1', P130: '1' },
      ...{ P402: 'pbxa.example.com', P403: '', P408: '1', P448: '1' },
      ...{ P31: '1', P32: '5', P138: '20', P81: '0', P52: '2', P410: '1', P412: '5', P471: '20', P411: '0', P414: '2' },
      ...{ P33: '', P99: '0', P73: '1', P183: '0', P426: '', P415: '0', P416: '1', P443: '0' },
      ...{ P501: '0', P601: '0' },
      ...Object.fromEntries(cleared.map((name) => [name, ''])),
      ...{ P144: '0', P30: 'pool.ntp.org', P84: '30', P91: '0', P207: '' },
      // It answers when it is asked, which has no number for accounts 5 and 6.
      ...{ P90: '0', P425: '0', P298: '1', P438: '1', P538: '1', P638: '1' },
      // It fetches its file once a day and no firmware; the phonebook could come by HTTP alone.
      ...{ P85: '4', P38: '46', P194: '1', P193: '1440', P192: FOLDER, P232: '', P238: '2', P330: '0', P331: FOLDER },
      ...{ P332: '12', P333: '0' },
    });
  });

  test('finds the pool by SRV over the transport of the pool, behind a proxy too', () => {
    for (const transport of TRANSPORTS) {
      const said = unpacked({ phone: phone('GXP2020', { lines }), transport, binding: 'outboundProxy' });
      const number = { udp: '1', tcp: '2', tls: '2' }[transport];
      assert.deepEqual(
        [said.P47, said.P48, said.P103, said.P130],
        ['sip.acme.example', 'pbxa.example.com', '1', number],
      );
    }
  });

  test('says every setting that these phones have', () => {
    const plain = unpacked({ phone: phone('GXP2000', { lines }) });
    const said = unpacked({ phone: phone('GXP2000', { lines }), tenantSettings: EVERYTHING });
    assert.deepEqual(said, {
      ...plain,
      ...{ P33: '*97', P99: '1', P73: '2', P183: '2', P426: '*97', P415: '1', P416: '2', P443: '2' },
      ...{ P91: '1', P207: 'log.example.com', P208: '2', P2: 'Ab-12345' },
    });
    const tones = (dtmf: string) => unpacked({ phone: phone('GXP2000'), tenantSettings: { dtmf } }).P73;
    assert.deepEqual(['rfc2833', 'inband', 'info'].map(tones), ['1', '8', '2']);
    const encryption = (srtp: string) => unpacked({ phone: phone('GXP2000'), tenantSettings: { srtp } }).P183;
    assert.deepEqual(['off', 'optional', 'required'].map(encryption), ['0', '3', '2']);
  });

  test('says codecs, ring tone, network, upkeep and the phonebook as far as these phones have them', () => {
    const chosen = {
      codecs: ['opus', 'pcma'],
      ringTone: 2,
      dialTimeoutS: 9,
      vlanId: 20,
      vlanPriority: 5,
      voiceDscp: 34,
    };
    const more = { poll: 'off', firmware: 'image-', autoAnswer: 'always', phonebook: false };
    const plain = unpacked({ phone: phone('GXP2000', { lines }) });
    const said = unpacked({ phone: phone('GXP2000', { lines }), tenantSettings: { ...chosen, ...more } });
    const { P193: _, P332: __, P333: ___, ...rest } = plain;
    // Eight places for each of six accounts; these phones have no Opus, and G.722 is 9, A-law 8.
    const places = [['P57', 'P58', 'P59', 'P60', 'P61', 'P62', 'P46', 'P98']].concat(
      ['P45', 'P55', 'P65', 'P175', 'P185'].map((account) => [1, 2, 3, 4, 5, 6, 7, 8].map((place) => account + place)),
    );
    const codecs = places.flatMap((names) => names.map((name, index) => [name, index === 0 ? '9' : '8']));
    assert.deepEqual(said, {
      ...{ ...rest, ...Object.fromEntries(codecs) },
      ...{ P104: '2', P423: '2', P85: '9', P51: '20', P87: '5', P38: '34', P194: '0', P232: 'image-', P238: '0' },
      ...{ P90: '1', P425: '1', P330: '0', P331: '' },
    });
    const never = unpacked({ phone: phone('GXP2000'), tenantSettings: { autoAnswer: 'off' } });
    assert.deepEqual([never.P298, never.P438, never.P538, never.P638], ['0', '0', '0', '0']);
  });

  test('takes raw parameters by number and leaves out those by name', () => {
    const parameters = { grandstream: { P84: '20', P64: '780', 'account.1.name': 'Door' } };
    const plain = unpacked({ phone: phone('GXP2020') });
    assert.deepEqual(unpacked({ phone: phone('GXP2020', { parameters }) }), { ...plain, P84: '20', P64: '780' });
  });

  test('is never sealed: these phones could not open it', () => {
    const situation = { phone: phone('GXP2010') };
    assert.deepEqual(bytesOf(BINARY, situation, 'sixteen-letters-'), bytesOf(BINARY, situation));
  });
});

const opensslIsHere = spawnSync('openssl', ['version']).status === 0;

describe('a file key', { skip: opensslIsHere ? false : 'skipped: openssl is not installed' }, () => {
  for (const { model, family } of families) {
    test(`seals the file of ${family} so that openssl opens it`, () => {
      const situation = { phone: phone(model), tenantSettings: EVERYTHING };
      const fileKey = 'sixteen#letters$';
      const sealed = bytesOf(XML, situation, fileKey);
      assert.ok(!sealed.includes('gs_provision'));
      const opened = spawnSync('openssl', ['enc', '-d', '-aes-256-cbc', '-md', 'md5', '-k', fileKey], {
        input: sealed,
      });
      assert.equal(opened.status, 0, String(opened.stderr));
      assert.deepEqual(opened.stdout, bytesOf(XML, situation));
    });
  }
});
