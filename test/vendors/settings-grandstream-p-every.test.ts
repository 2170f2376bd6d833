// Every setting on every Grandstream family with files of P-values: what is said is known to the phone, and a setting that
// moves nothing is one that the family is known not to have.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { findName, loadParameterNames } from '../../src/vendors/parameters.ts';
import { readElements } from '../support/readers.ts';
import { aLine, EVERY_SETTING, everyModel, renderAll, TEMPLATES, vendors } from '../support/world.ts';

const MAC = 'c074ada00001';
const OF_ITEMS = ['ghp', 'grp', 'gxv33', 'wp8x6'];

const models = everyModel().filter(({ vendor, family }) => vendor === 'grandstream' && !OF_ITEMS.includes(family));
const families = [...new Set(models.map(({ family }) => family))];

const keysOf = (model: string): object[] => {
  const { keys = 0, keyTypes = [], expansion = null } = vendors.findModel('grandstream', model) ?? {};
  const types = keyTypes.filter((type) => type !== 'none');
  const key = (position: number) => {
    const type = types[position % types.length];
    return { position, type, ...(type === 'line' ? {} : { value: '103' }) };
  };
  const ofPhone = Array.from({ length: keys }, (_, index) => key(index + 1));
  const ofBoard = Array.from({ length: 40 * (expansion?.modules ?? 0) }, (_, index) => ({
    ...key((index % 40) + 1),
    module: Math.floor(index / 40) + 1,
  }));
  return [...ofPhone, ...ofBoard];
};

function filesOf(model: string, tenantSettings: object, keys: object[] = []): Map<string, string> {
  const lines = Array.from({ length: models.find((entry) => entry.model === model)?.lines ?? 0 }, () => aLine());
  return renderAll({ phone: { vendor: 'grandstream', model, mac: MAC, lines, keys }, tenantSettings });
}
const fileOf = (model: string, settings: object, keys: object[] = []): string =>
  filesOf(model, settings, keys).get(`cfg${MAC}.xml`) ?? assert.fail('no file');

// The list's tags for a family; GXP2100 to GXP2124 share the tag of their later sisters.
const TAGS: Record<string, string[]> = {
  gxp14: ['gxp14'],
  gxp16: ['gxp16'],
  gxp17: ['gxp17'],
  gxp21: ['gxp21'],
  gxp2160: ['gxp21'],
  gxv32: ['gxv32'],
  wp8: ['wp8'],
  ht70: ['ht7'],
  ht704: ['ht7'],
  ht80: ['ht8'],
  ht80v2: ['ht802v2', 'ht8'],
  ht81: ['ht8'],
  ht813: ['ht8'],
  dp75: ['dp'],
};
const tagsOf = (model: string, family: string): string[] =>
  family === 'gxp14' && /^GXP21/.test(model)
    ? ['gxp21']
    : /^GXP178/.test(model)
      ? ['gxp17', 'gxp21']
      : (TAGS[family] ?? []);

describe('with every setting and every key, each P-value is one that the phone has', () => {
  const names = loadParameterNames(readFileSync(join(TEMPLATES, 'grandstream/parameters.txt'), 'utf8'));
  // Smaller sisters share the file of GXP2100, which has codecs for its accounts 3 and 4.
  const shared = (model: string, name: string) => /^GXP1[14]/.test(model) && /^P[56]5[1-7]$/.test(name);

  for (const { model, family } of models.filter((entry) => !/^GXP20/.test(entry.model))) {
    test(model, () => {
      const tags = tagsOf(model, family);
      for (const settings of [
        EVERY_SETTING,
        { ...EVERY_SETTING, phonebook: true, pagingGroups: [], poll: 'off' },
        {},
      ]) {
        const unknown = [...readElements(fileOf(model, settings, keysOf(model))).keys()].filter((name) => {
          const found = findName(names, name);
          const known = found.known ? (found.tag?.split(' ') ?? []) : [];
          return !tags.some((tag) => known.includes(tag)) && !shared(model, name);
        });
        assert.deepEqual(unknown, [], tags.join());
      }
    });
  }

  test('and the test sees what it looks for', () => {
    assert.ok(keysOf('GXP2170').length === 172 && keysOf('GXP2160').length === 24);
    const found = findName(names, 'P709');
    assert.ok(found.known && !found.tag?.includes('gxp'));
  });
});

// What files of P-values cannot say: a timer for the way back (the failover modes have numbers, the timer has none), and the
// key of sealed files, which stands in no file.
const NOWHERE = ['failbackS', 'fileKey'];
const PHONE_ONLY = ['language', 'voicemailNumber', 'ringTone', 'autoAnswer', 'pagingGroups', 'phonebook'];
const SMALL = ['pcVlanId', 'signalDscp', 'checkSync', 'keepLocalChanges'];
const SILENT: Record<string, string[]> = {
  // An interval has no window: any window is once a day.
  gxp14: [...SMALL, 'pagingGroups', 'poll'],
  gxp16: ['keepLocalChanges'],
  gxp17: ['keepLocalChanges'],
  gxp21: [],
  gxp2160: [],
  gxv32: ['keepLocalChanges', 'timeZone'],
  wp8: ['keepLocalChanges', 'ringTone', 'vlanId', 'vlanPriority', 'pcVlanId', 'lldp'],
  ht70: [...PHONE_ONLY, ...SMALL, 'lldp'],
  ht704: [...PHONE_ONLY, ...SMALL, 'lldp'],
  ht80: [...PHONE_ONLY, 'pcVlanId', 'keepLocalChanges', 'lldp'],
  ht80v2: [...PHONE_ONLY, 'pcVlanId', 'keepLocalChanges', 'checkSync', 'userPassword'],
  ht81: [...PHONE_ONLY, 'pcVlanId', 'keepLocalChanges', 'lldp'],
  ht813: [...PHONE_ONLY, 'pcVlanId', 'keepLocalChanges', 'lldp'],
  dp75: [
    'language',
    'callWaiting',
    'ringTone',
    'autoAnswer',
    'pagingGroups',
    'pcVlanId',
    'keepLocalChanges',
    'checkSync',
  ],
};
const PACKED = [
  ...['srvLookup', 'timeZone', 'language', 'dialPlan', 'pagingGroups', 'lldp', 'userPassword'],
  ...['pcVlanId', 'signalDscp', 'checkSync', 'keepLocalChanges', 'poll'],
];

/** The settings that change nothing in this file of the model. */
function silentIn(model: string, file: string): string[] {
  // Priority needs a VLAN, and a check-sync that restarts is for the server to ask for.
  const before = { vlanId: 1 };
  const plain = filesOf(model, before).get(file) ?? assert.fail(file);
  const chosen: Record<string, unknown> = { ...EVERY_SETTING, checkSync: 'ignore' };
  return Object.keys(chosen).filter((name) => {
    const now = filesOf(model, { ...before, [name]: chosen[name] }).get(file);
    return now === plain;
  });
}

describe('every setting changes the file', () => {
  test('of every family', () => assert.deepEqual(families.sort(), Object.keys(SILENT).sort()));

  for (const [family, expected] of Object.entries(SILENT)) {
    test(`of ${family}, but for what it does not have`, () => {
      const { model } = models.find((entry) => entry.family === family) ?? assert.fail(family);
      assert.deepEqual(silentIn(model, `cfg${MAC}.xml`).sort(), [...NOWHERE, ...expected].sort());
    });
  }

  test('of the oldest phones, but for what they do not have', () => {
    assert.deepEqual(silentIn('GXP2020', `cfg${MAC}`).sort(), [...NOWHERE, ...PACKED].sort());
  });

  test('and a setting moves nothing but its own: the password of the user is nobody else’s', () => {
    const { userPassword } = EVERY_SETTING;
    for (const family of families.filter((name) => name !== 'ht80v2')) {
      const { model } = models.find((entry) => entry.family === family) ?? assert.fail(family);
      const said = readElements(fileOf(model, { userPassword }));
      assert.deepEqual(
        [...said].filter(([, value]) => value === userPassword).map(([name]) => name),
        ['P196'],
        family,
      );
    }
  });
});
