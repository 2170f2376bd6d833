// What the settings of the second wave become in Grandstream's files of items, family by family. Names and words are copied
// from the vendor's templates (GRP261x 1.0.5.15, GRP26xx 1.0.9.103, GHP6xx 1.0.1.49, GXV3370 1.0.1.33, GXV3480 1.0.1.09,
// WP8x6 1.0.1.44), not from vendor.json.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { CODECS, SETTING_NAMES, type SettingName } from '../../src/domain/settings.ts';
import { findName, loadParameterNames } from '../../src/vendors/parameters.ts';
import { readElements } from '../support/readers.ts';
import { aLine, EVERY_SETTING, everyModel, PROVISIONING_URL, renderAll, TEMPLATES } from '../support/world.ts';

const MODELS = { grp: 'GRP2612', ghp: 'GHP621', gxv33: 'GXV3480', wp8x6: 'WP836' } as const;
type Family = keyof typeof MODELS;
const FAMILIES = Object.keys(MODELS) as Family[];
const MAC = 'c074ada00001';
const LINES = [aLine(), aLine({ user: '102-ACME' })];

type Said = Record<string, string>;

const textOf = (model: string, tenantSettings: object, phone: object = {}): string => {
  const situation = { phone: { vendor: 'grandstream', model, mac: MAC, lines: LINES, ...phone }, tenantSettings };
  return renderAll(situation).get(`cfg${MAC}.xml`) ?? assert.fail('no file');
};

/** A family's file, its names in the writing of the others: those of the GHP are all in lower case. */
const read = (family: Family, tenantSettings: object = {}): Said =>
  Object.fromEntries(readElements(textOf(MODELS[family], tenantSettings)));

const spelt = (family: Family, said: Said): Said =>
  family !== 'ghp'
    ? said
    : Object.fromEntries(Object.entries(said).map(([name, value]) => [name.toLowerCase(), value]));

/** What a setting adds to or changes in the file, and nothing else: null for a family that cannot hold it. */
function changes(family: Family, tenantSettings: object, expected: Said | null, without: readonly string[] = []) {
  const rest = Object.fromEntries(Object.entries(read(family)).filter(([name]) => !without.includes(name)));
  assert.deepEqual(read(family, tenantSettings), { ...rest, ...spelt(family, expected ?? {}) }, family);
}

const perLine = (said: Said): Said =>
  Object.fromEntries(
    [1, 2].flatMap((line) => Object.entries(said).map(([name, value]) => [`account.${line}.${name}`, value])),
  );

describe('codecs', () => {
  const WORDS = {
    opus: ['OPUS', 'OPUS'],
    g722: ['G.722', 'G_722'],
    pcma: ['PCMA', 'PCMA'],
    pcmu: ['PCMU', 'PCMU'],
    g729: ['G.729A/B', 'G_729AOrB'],
    ilbc: ['iLBC', 'iLBC'],
    g726: ['G.726-32', 'G_726_32'],
  } as const;

  for (const family of FAMILIES) {
    const places = family === 'gxv33' ? 7 : 8;
    const inOrder = (codecs: readonly (keyof typeof WORDS)[]): Said =>
      perLine(
        Object.fromEntries(
          Array.from({ length: places }, (_, at) => {
            const [word, android] = WORDS[codecs[Math.min(at, codecs.length - 1)] ?? 'pcma'];
            return [`codec.choice.${at + 1}`, family === 'gxv33' ? android : word];
          }),
        ),
      );

    test(`${family}: the last one fills the places that are left`, () => {
      assert.ok(Object.keys(read(family)).every((name) => !name.includes('codec')));
      for (const codec of CODECS) changes(family, { codecs: [codec] }, inOrder([codec]));
      changes(family, { codecs: ['g722', 'pcma', 'pcmu'] }, inOrder(['g722', 'pcma', 'pcmu']));
      changes(family, { codecs: [...CODECS] }, inOrder([...CODECS]));
    });
  }
});

describe('dialling', () => {
  for (const family of FAMILIES) {
    test(`${family}: a plan is followed by the factory's, because a phone refuses what fits nothing`, () => {
      assert.ok(Object.keys(read(family)).every((name) => !name.endsWith('.dialplan')));
      const plan = String.raw`{ 11x | [2-9]xx | 00x+ | x+ | \+x+ | *x+ | *xx*x+ }`;
      changes(family, { dialPlan: ['11x', '[2-9]xx', '00.'] }, perLine({ 'call.dialplan': plan }));
    });

    test(`${family}: waits for the next digit`, () => {
      for (const seconds of [2, 3, 4, 5, 14]) {
        const waits = family === 'gxv33' ? Math.max(4, seconds) : seconds;
        changes(family, { dialTimeoutS: seconds }, perLine({ 'call.noKeyEntryTimeout': `${waits}` }));
      }
    });
  }
});

test('answering by itself', () => {
  for (const family of FAMILIES) {
    const expected = {
      off: { 'call.autoAnswer': 'No', 'intercom.allowAutoAnswer': 'No' },
      asked: { 'call.autoAnswer': 'No', 'intercom.allowAutoAnswer': 'Yes' },
      always: { 'call.autoAnswer': 'Yes', 'intercom.allowAutoAnswer': 'Yes' },
    };
    const android = { off: 'No', asked: 'EnableIntercom/Paging', always: 'Yes' };
    for (const autoAnswer of ['off', 'asked', 'always'] as const) {
      const said: Said = family === 'gxv33' ? { 'call.autoAnswer': android[autoAnswer] } : expected[autoAnswer];
      changes(family, { autoAnswer }, perLine(said));
    }
  }
});

test('ring tones', () => {
  const files = ['Ring1_Ding', 'Ring2_OrganDub', 'Ring3_Paradise_Island', 'Ring4_EtherShake', 'Ring5_FreeFlight'];
  for (const ringTone of [1, 2, 3, 4, 5]) {
    const tone = (word: string) => perLine({ 'ring.ringtone': word });
    changes('grp', { ringTone }, tone(ringTone === 4 ? '0' : `${ringTone}`));
    changes('ghp', { ringTone }, tone(`Ring${ringTone}`));
    changes('wp8x6', { ringTone }, tone(`${ringTone}`));
    changes('gxv33', { ringTone }, tone(`/system/media/audio/ringtones/${files[ringTone - 1]}.ogg`));
  }
});

test('paging groups', () => {
  const groups = [
    { address: '224.0.1.75:10000', label: 'Everybody' },
    { address: '239.255.0.9:5004', label: 'Yard & <Gate>' },
  ];
  for (const family of FAMILIES) {
    const plain = read(family);
    const names = (number: number) => [`multicast.listening.${number}.address`, `multicast.listening.${number}.label`];
    const all = Array.from({ length: 10 }, (_, at) => names(at + 1)).flat();
    const said = Object.keys(plain).filter((name) => /^multicast\.listening\./i.test(name));
    assert.deepEqual(said, all, `${family}: ten places, in order`);
    for (const name of all) assert.equal(plain[name], '', `${family} ${name}`);
    const expected = {
      'multicast.listening.1.address': '224.0.1.75:10000',
      'multicast.listening.1.label': 'Everybody',
      'multicast.listening.2.address': '239.255.0.9:5004',
      'multicast.listening.2.label': 'Yard & <Gate>',
    };
    changes(family, { pagingGroups: groups }, expected);
    const full = Array.from({ length: 10 }, (_, at) => ({ address: `224.0.1.75:${10000 + at}`, label: `Group ${at}` }));
    const each = full.flatMap(({ address, label }, at) => {
      const [where = '', what = ''] = names(at + 1);
      return [
        [where, address],
        [what, label],
      ];
    });
    changes(family, { pagingGroups: full }, Object.fromEntries(each));
  }
});

describe('the network', () => {
  test('a VLAN is said where there is one; without one a tag given by hand stays', () => {
    for (const family of FAMILIES)
      assert.ok(
        Object.keys(read(family)).every((name) => !name.includes('vlan')),
        family,
      );
    const lan = (last: string): Said => ({
      'network.port.eth.1.vlan.tag': '20',
      [`network.port.eth.1.vlan.${last}`]: '6',
    });
    const vlan = { vlanId: 20, vlanPriority: 6 };
    changes('grp', vlan, { ...lan('priority'), 'network.port.eth.1.vlan.enable': 'Yes' });
    changes('ghp', vlan, { ...lan('priority'), 'network.port.eth.1.vlan.enable': 'Yes' });
    changes('gxv33', vlan, lan('priorit'));
    changes('wp8x6', vlan, null);
    changes(
      'grp',
      { vlanId: 20, vlanPriority: 0 },
      { ...lan('priority'), 'network.port.eth.1.vlan.priority': '0', 'network.port.eth.1.vlan.enable': 'Yes' },
    );
    for (const family of FAMILIES) {
      const holds = family === 'grp' || family === 'gxv33';
      changes(family, { pcVlanId: 30 }, holds ? { 'network.port.pc.vlan.tag': '30' } : null);
    }
  });

  test('LLDP', () => {
    for (const family of FAMILIES) {
      const holds = family !== 'wp8x6';
      assert.equal(read(family)['network.lldp.enable'], holds ? 'Yes' : undefined, family);
      changes(family, { lldp: false }, holds ? { 'network.lldp.enable': 'No' } : null);
    }
  });

  test('DSCP', () => {
    for (const family of FAMILIES) {
      const marks = (sip: string, rtp: string) => ({ 'network.qos.forSip': sip, 'network.qos.forRtp': rtp });
      changes(family, {}, marks('26', '46'));
      changes(family, { signalDscp: 0, voiceDscp: 63 }, marks('0', '63'));
    }
  });
});

describe('provisioning', () => {
  const folder = PROVISIONING_URL.replace('https://', '').replace(/\/$/, '');

  test('looks for changes in the window', () => {
    for (const family of ['grp', 'ghp', 'wp8x6'] as const) {
      const window = (from: string, to: string): Said => ({
        'provisioning.auto.mode': 'YesUpgradeHourOfDay',
        'provisioning.auto.randomTime.enable': 'Yes',
        'provisioning.auto.hour': from,
        'provisioning.auto.endHour': to,
      });
      changes(family, {}, window('2', '5'));
      changes(family, { poll: '23:00-04:00' }, window('23', '4'));
      changes(family, { poll: '00:00-01:00' }, window('0', '1'));
      const gone = Object.keys(spelt(family, window('', '')));
      changes(family, { poll: 'off' }, { 'provisioning.auto.mode': 'No' }, gone);
    }
  });

  test('a GXV begins at the hour that falls to it', () => {
    const hours = new Set(
      Array.from({ length: 40 }, (_, at) => {
        const mac = `c074ada000${(16 + at).toString(16)}`;
        const phone = { vendor: 'grandstream', model: 'GXV3370', mac };
        const said = readElements(
          renderAll({ phone, tenantSettings: { poll: '23:00-02:00' } }).get(`cfg${mac}.xml`) ?? '',
        );
        assert.equal(said.get('provisioning.auto.mode'), 'YesUpgradeHourOfDay');
        assert.equal(said.get('provisioning.auto.endHour'), '2');
        return said.get('provisioning.auto.hour');
      }),
    );
    assert.deepEqual([...hours].sort(), ['0', '1', '23']);
    const off = read('gxv33', { poll: 'off' });
    assert.deepEqual([off['provisioning.auto.mode'], off['provisioning.auto.hour']], ['No', undefined]);
  });

  test('firmware', () => {
    const asks = { ghp: {}, gxv33: { 'provisioning.prompt.enable': 'Yes' } } as Record<string, Said>;
    for (const family of FAMILIES) {
      const from = (prefix: string): Said => ({
        'provisioning.firmware.protocol': 'HTTPS',
        'provisioning.firmware.serverPath': folder,
        'provisioning.firmware.filePrefix': prefix,
      });
      changes(family, {}, from(''));
      const unasked = asks[family] ?? { 'provisioning.firmware.confirm.enable': 'No' };
      changes(family, { firmware: '1.0.13.56-' }, { ...from('1.0.13.56-'), ...unasked });
    }
  });

  test('phonebook', () => {
    const book: Said = {
      'phonebook.download.mode': 'EnabledUseHTTPS',
      'phonebook.download.server': folder,
      'phonebook.download.interval': '720',
    };
    const more: Partial<Record<Family, Said>> = {
      grp: { 'phonebook.download.removeEditedEntries': 'No' },
      wp8x6: { 'phonebook.download.removeEditedEntries': 'No' },
      gxv33: { 'phonebook.download.encode': 'UTF-8' },
    };
    for (const family of FAMILIES) {
      const on = more[family] === undefined ? {} : { ...book, ...more[family] };
      changes(family, {}, on);
      const disabled = { 'phonebook.download.mode': 'Disabled', 'phonebook.download.server': '' };
      const off = more[family] === undefined ? null : disabled;
      changes(family, { phonebook: false }, off, Object.keys(on));
    }
  });

  test('a check-sync is taken without a password, or asked for one that nobody has', () => {
    for (const family of FAMILIES) {
      const challenge = (word: string) => (family === 'gxv33' ? null : { 'sip.notify.challenge': word });
      changes(family, {}, challenge('No'));
      changes(family, { checkSync: 'restart' }, challenge('No'));
      changes(family, { checkSync: 'ignore' }, challenge('Yes'));
    }
  });

  test('changes made on the phone', () => {
    for (const family of FAMILIES) {
      const name = family === 'gxv33' ? null : 'provisioning.userProtect.enable';
      changes(family, {}, name === null ? null : { [name]: 'No' });
      changes(family, { keepLocalChanges: true }, name === null ? null : { [name]: 'Yes' });
    }
  });
});

test('the password of the user', () => {
  for (const family of FAMILIES) {
    assert.equal(read(family)['users.user.password'], undefined);
    changes(family, { userPassword: `Ab&<>"'12` }, { 'users.user.password': `Ab&<>"'12` });
  }
});

describe('all settings together', () => {
  // What a family cannot hold; "restart" is the NOTIFY's own matter, and a file key seals the file as a whole.
  const UNHEARD: Record<Family, readonly SettingName[]> = {
    grp: ['checkSync', 'fileKey'],
    ghp: ['language', 'pcVlanId', 'checkSync', 'phonebook', 'fileKey'],
    gxv33: ['failbackS', 'timeZone', 'checkSync', 'keepLocalChanges', 'fileKey'],
    wp8x6: ['vlanId', 'vlanPriority', 'pcVlanId', 'lldp', 'checkSync', 'fileKey'],
  };

  for (const family of FAMILIES) {
    test(`${family}: every setting changes the file, but for those that it cannot hold`, () => {
      const unheard = SETTING_NAMES.filter((name) => {
        // A priority means something beside a VLAN only.
        const beside = name === 'vlanPriority' ? { vlanId: 20 } : {};
        const changed = { ...beside, [name]: EVERY_SETTING[name] };
        return textOf(MODELS[family], beside) === textOf(MODELS[family], changed);
      });
      assert.deepEqual(
        unheard,
        SETTING_NAMES.filter((name) => UNHEARD[family].includes(name)),
      );
    });
  }

  const names = loadParameterNames(readFileSync(join(TEMPLATES, 'grandstream/parameters.txt'), 'utf8'));
  const TAGS: Record<Family, string> = { grp: 'grp', ghp: 'ghp', gxv33: 'gxv3480', wp8x6: 'wp8x6' };
  const unknown = (family: Family, name: string): boolean => {
    const found = findName(names, name);
    return !found.known || !(found.tag ?? '').split(' ').includes(TAGS[family]);
  };

  test('every name is known to the phone, of every model', () => {
    for (const { model, family } of everyModel().filter(({ vendor }) => vendor === 'grandstream')) {
      if (!Object.hasOwn(MODELS, family)) continue;
      for (const settings of [EVERY_SETTING, { ...EVERY_SETTING, phonebook: true, pagingGroups: [] }, {}]) {
        const keys = model.startsWith('GHP61') ? [{ position: 3, type: 'speedDial', value: '1' }] : [];
        const said = readElements(textOf(model, settings, { keys }));
        assert.deepEqual(
          [...said.keys()].filter((name) => unknown(family as Family, name)),
          [],
          model,
        );
      }
    }
    assert.ok(
      unknown('grp', 'account.1.call.autoanswer') && unknown('gxv33', 'account.1.codec.choice.8'),
      'and it can see',
    );
  });

  test('no setting writes a port beside a server', () => {
    for (const family of FAMILIES) {
      for (const [name, value] of Object.entries(read(family, EVERY_SETTING))) {
        if (/sip\.server|outboundproxy/i.test(name)) assert.ok(['', 'pbxa.example.com'].includes(value), name);
        assert.doesNotMatch(name, /localport|sip\.port/i);
      }
    }
  });
});
