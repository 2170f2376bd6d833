// What the settings of calls and of the network become in a Polycom phone's files, and that no setting is forgotten. The
// values are copied from the vendor's guides, not from the templates.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { pollMoment } from '../../src/domain/poll.ts';
import { CODECS, SETTING_NAMES, type SettingName } from '../../src/domain/settings.ts';
import { findName, loadParameterNames } from '../../src/vendors/parameters.ts';
import { readAttributes } from '../support/readers.ts';
import { aLine, EVERY_SETTING, everyModel, renderAll, TEMPLATES } from '../support/world.ts';

const MAC = '64167fa00001';
const MASTER = `${MAC}.cfg`;
const LINES = `${MAC}-lines.cfg`;
const SETTINGS = `${MAC}-settings.cfg`;

type Said = Record<string, string>;

const filesOf = (tenantSettings: object, phone: object = {}): Map<string, string> =>
  renderAll({
    phone: {
      vendor: 'polycom',
      model: 'VVX 301',
      mac: MAC,
      lines: [aLine(), aLine({ user: '102-ACME' })],
      ...phone,
    },
    tenantSettings,
  });

const fileOf = (files: Map<string, string>, name: string): Said =>
  Object.fromEntries(readAttributes(files.get(name) ?? ''));

/** What holds on the phone: the lines stand further left than the settings. */
const held = (tenantSettings: object): Said => {
  const files = filesOf(tenantSettings);
  return { ...fileOf(files, SETTINGS), ...fileOf(files, LINES) };
};

const startingWith = (said: Said, ...starts: string[]): Said =>
  Object.fromEntries(Object.entries(said).filter(([name]) => starts.some((start) => name.startsWith(start))));

describe('looking for changes', () => {
  const polling = (poll: string) => startingWith(held({ poll }), 'prov.');
  for (const window of ['02:00-05:00', '23:00-04:00']) {
    test(`once a day in ${window}, each phone at its own minute`, () => {
      assert.deepEqual(polling(window), {
        'prov.polling.enabled': '1',
        'prov.polling.mode': 'abs',
        'prov.polling.period': '86400',
        'prov.polling.time': pollMoment(window, MAC).at.text,
      });
    });
  }
  test('another phone has another minute', () => {
    const time = (mac: string) => fileOf(filesOf({}, { mac }), `${mac}-settings.cfg`)['prov.polling.time'];
    assert.notEqual(time('64167fa00001'), time('64167fa00002'));
    assert.match(time('64167fa00001') ?? '', /^0[2-4]:[0-5]\d$/);
  });
  test('never', () => assert.deepEqual(polling('off'), { 'prov.polling.enabled': '0' }));
});

describe('codecs', () => {
  const PREFERENCES: Record<(typeof CODECS)[number], string | null> = {
    opus: 'Opus',
    g722: 'G722',
    pcma: 'G711_A',
    pcmu: 'G711_Mu',
    g729: 'G729_AB',
    ilbc: 'iLBC.13_33kbps',
    // These phones have none.
    g726: null,
  };
  /** What they offer by themselves, and nobody can choose. */
  const ALWAYS_OFF = ['G7221.32kbps', 'G7221_C.48kbps', 'Siren14.48kbps', 'Siren22.64kbps', 'iLBC.15_2kbps'];
  const preferences = (codecs: readonly string[] | null) => startingWith(held({ codecs }), 'voice.codecPref.');
  const expected = (codecs: readonly string[]): Said =>
    Object.fromEntries([
      ...CODECS.flatMap((codec) => {
        const name = PREFERENCES[codec];
        return name === null ? [] : [[`voice.codecPref.${name}`, `${codecs.indexOf(codec) + 1}`]];
      }),
      ...ALWAYS_OFF.map((name) => [`voice.codecPref.${name}`, '0']),
    ]);

  for (const codecs of [['pcma'], ['opus', 'g722', 'pcma'], ['g726', 'g729'], CODECS, [...CODECS].reverse()]) {
    test(codecs.join(', '), () => assert.deepEqual(preferences(codecs), expected(codecs)));
  }
  test('none chosen leaves the phone its own', () => assert.deepEqual(preferences(null), {}));
});

describe('the dial plan', () => {
  const plan = (settings: object) => startingWith(held(settings), 'dialplan.');

  test('patterns, and whatever fits none of them after a pause', () => {
    const said = plan({ dialPlan: ['11x', '[2-9]xx', '+49.', '0.'] });
    assert.equal(said['dialplan.digitmap'], '11x|[2-9]xx|+49xx.T|0xx.T|xx.T|*x.T');
    assert.equal(said['dialplan.impossibleMatchHandling'], '2');
  });

  test('a pause for every pattern, of as many seconds as chosen', () => {
    for (const dialTimeoutS of [2, 4, 14]) {
      for (const dialPlan of [null, ['11x']]) {
        const pauses = plan({ dialPlan, dialTimeoutS })['dialplan.digitmap.timeOut']?.split('|') ?? [];
        // 50 patterns at most, and the two that stand behind them.
        assert.ok(pauses.length >= 52, `${pauses.length} pauses`);
        assert.deepEqual([...new Set(pauses)], [`${dialTimeoutS}`]);
      }
    }
  });

  test('without one the phone keeps its own patterns', () => {
    assert.deepEqual(Object.keys(plan({})), ['dialplan.digitmap.timeOut']);
  });
});

describe('ringing', () => {
  const tones = (ringTone: number | null) =>
    startingWith(held({ ringTone }), 'reg.1.ringType', 'reg.2.ringType', 'se.');
  // ringer1 is silent.
  const cases: [ringTone: number, ringer: string][] = [
    [1, 'ringer2'],
    [2, 'ringer3'],
    [3, 'ringer4'],
    [4, 'ringer5'],
    [5, 'ringer6'],
  ];
  for (const [ringTone, ringer] of cases) {
    test(`tone ${ringTone}, on every line`, () => {
      assert.deepEqual(tones(ringTone), { 'reg.1.ringType': ringer, 'reg.2.ringType': ringer });
    });
  }
  test('without one nothing is said', () => assert.deepEqual(tones(null), {}));

  const answering: [autoAnswer: string, always: string, ringClass: string][] = [
    ['off', '0', 'default'],
    ['asked', '0', 'autoAnswer'],
    ['always', '1', 'autoAnswer'],
  ];
  const ASKS = ['Auto Answer', 'Ring Answer', 'info=alert-autoanswer', 'alert-autoanswer'];
  for (const [autoAnswer, always, ringClass] of answering) {
    test(`answers by itself: ${autoAnswer}`, () => {
      const asked = ASKS.flatMap((text, at) => [
        [`voIpProt.SIP.alertInfo.${at + 1}.value`, text],
        [`voIpProt.SIP.alertInfo.${at + 1}.class`, ringClass],
      ]);
      assert.deepEqual(startingWith(held({ autoAnswer }), 'call.autoAnswer.', 'voIpProt.SIP.alertInfo.'), {
        'call.autoAnswer.SIP': always,
        ...Object.fromEntries(asked),
      });
    });
  }
});

describe('the network', () => {
  const network = (settings: object) => startingWith(held(settings), 'device.net.', 'qos.');
  const PLAIN = {
    'qos.ip.callControl.dscp': '26',
    'qos.ip.rtp.dscp': '46',
    'device.net.lldpEnabled': '1',
    'device.net.lldpEnabled.set': '1',
  };

  test('by itself: LLDP, the usual marks, and no word of a VLAN', () => assert.deepEqual(network({}), PLAIN));
  test('no LLDP', () => assert.deepEqual(network({ lldp: false }), { ...PLAIN, 'device.net.lldpEnabled': '0' }));
  test('marks', () => {
    const said = network({ signalDscp: 0, voiceDscp: 63 });
    assert.deepEqual(said, { ...PLAIN, 'qos.ip.callControl.dscp': '0', 'qos.ip.rtp.dscp': '63' });
  });
  test('a VLAN with a priority', () => {
    for (const vlanPriority of [0, 7]) {
      assert.deepEqual(network({ vlanId: 4094, vlanPriority }), {
        ...PLAIN,
        'device.net.vlanId': '4094',
        'device.net.vlanId.set': '1',
        'qos.ethernet.callControl.user_priority': `${vlanPriority}`,
        'qos.ethernet.rtp.user_priority': `${vlanPriority}`,
      });
    }
  });
});

describe('fetching again', () => {
  const cases: [checkSync: string, alwaysReboot: string][] = [
    ['soft', '0'],
    ['restart', '1'],
    // A phone cannot be told to ignore it.
    ['ignore', '0'],
  ];
  for (const [checkSync, alwaysReboot] of cases) {
    test(`on check-sync: ${checkSync}`, () => {
      assert.equal(held({ checkSync })['voIpProt.SIP.specialEvent.checkSync.alwaysReboot'], alwaysReboot);
    });
  }
  test('the image', () => {
    const image = (settings: object) => fileOf(filesOf(settings), MASTER).APP_FILE_PATH;
    assert.equal(image({ firmware: 'sip_641.ld' }), 'sip_641.ld');
    // Nothing has this name, so the phone keeps what it has.
    assert.equal(image({}), 'sip.ld');
  });
});

test('the user’s password, in the file of the secrets', () => {
  const userPassword = `Us&<>"'12`;
  assert.deepEqual(startingWith(held({ userPassword }), 'device.auth.'), {
    'device.auth.localUserPassword': userPassword,
    'device.auth.localUserPassword.set': '1',
  });
  for (const name of [MASTER, SETTINGS]) {
    assert.ok(![...readAttributes(filesOf({ userPassword }).get(name) ?? '').values()].includes(userPassword), name);
  }
  const both = startingWith(held({ userPassword, adminPassword: 'Tr0ub4dor' }), 'device.auth.');
  assert.equal(both['device.auth.localAdminPassword'], 'Tr0ub4dor');
  assert.equal(both['device.auth.localUserPassword'], userPassword);
});

test('entries on the phone itself would not last while it shows the phonebook, so they are not taken', () => {
  assert.equal(held({ phonebook: true })['dir.local.readonly'], '1');
  assert.equal(held({ phonebook: false })['dir.local.readonly'], '0');
});

describe('of all settings together', () => {
  /** What these phones cannot be told, or what changes no file of theirs by itself. */
  const UNTOLD: readonly SettingName[] = [
    // Their paging is a protocol of its own.
    'pagingGroups',
    // The PC port has no VLAN of its own.
    'pcVlanId',
    // Changes always last, and are uploaded.
    'keepLocalChanges',
    // The vendor's encryption is not known.
    'fileKey',
    // Counts with a VLAN alone.
    'vlanPriority',
  ];

  test('each changes some file', () => {
    const plain = filesOf({});
    const untold = SETTING_NAMES.filter((name) => {
      // NAPTR is what these phones ask for by themselves.
      const value = name === 'srvLookup' ? 'srv' : EVERY_SETTING[name];
      const files = filesOf({ [name]: value });
      return [...files].every(([file, text]) => text === plain.get(file));
    });
    assert.deepEqual(untold.sort(), [...UNTOLD].sort());
  });

  test('every name is one that the phones know, on every model', () => {
    const names = loadParameterNames(readFileSync(join(TEMPLATES, 'polycom', 'parameters.txt'), 'utf8'));
    for (const { model } of everyModel().filter(({ vendor }) => vendor === 'polycom')) {
      const files = filesOf(EVERY_SETTING, { model, lines: [aLine()] });
      for (const file of [LINES, SETTINGS]) {
        for (const name of Object.keys(fileOf(files, file))) {
          const found = findName(names, name);
          assert.ok(found.known && found.tag !== 'legacy', `${model}: ${name}`);
        }
      }
    }
  });
});
