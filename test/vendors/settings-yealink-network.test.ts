// Settings of network and upkeep on Yealink phones, exactly: VLAN, LLDP, marks, polling, check-sync, firmware, kept changes.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parameterNamesIn } from '../../src/vendors/encode.ts';
import { checkParameter } from '../../src/vendors/parameters.ts';
import { RULES } from '../support/parameter-rules.ts';
import { type Parameters, readLinesFormat } from '../support/readers.ts';
import { PROVISIONING_URL, renderAll, vendors } from '../support/world.ts';

const MODELS = { desk: 'T46U', legacy: 'T28P', multicell: 'W75DM' } as const;
type Family = keyof typeof MODELS;
const FAMILIES = Object.keys(MODELS) as Family[];

type Raw = Record<string, string>;

function read(family: Family, settings: object, mac = '805ec0a00001'): Parameters {
  const files = renderAll({ phone: { model: MODELS[family], mac }, tenantSettings: settings });
  return readLinesFormat(files.get(`${mac}.cfg`) ?? '');
}

/** The parameters below some names, given without "static.", which the old phones do not know. */
function below(family: Family, all: Parameters, ...starts: string[]): Raw {
  const prefix = family === 'legacy' ? '' : 'static.';
  const found = [...all].filter(([name]) => starts.some((start) => name.startsWith(prefix + start)));
  return Object.fromEntries(found.map(([name, value]) => [name.slice(prefix.length), value]));
}

for (const family of FAMILIES) {
  const hasPcPort = family !== 'multicell';

  describe(`${family}: VLAN`, () => {
    const vlan = (settings: object) => below(family, read(family, settings), 'network.vlan.');

    test('of the phone, with its priority', () => {
      for (const [settings, priority] of [
        [{ vlanId: 20 }, '5'],
        [{ vlanId: 20, vlanPriority: 0 }, '0'],
        [{ vlanId: 20, vlanPriority: 7 }, '7'],
      ] as const) {
        assert.deepEqual(vlan(settings), {
          'network.vlan.internet_port_enable': '1',
          'network.vlan.internet_port_vid': '20',
          'network.vlan.internet_port_priority': priority,
        });
      }
    });

    test('of the PC port, where there is one', () => {
      const pcOn = { 'network.vlan.pc_port_enable': '1', 'network.vlan.pc_port_vid': '4094' };
      assert.deepEqual(vlan({ pcVlanId: 4094 }), hasPcPort ? pcOn : {});
    });

    test('none: nothing is said, so a VLAN that was set by hand stays', () => {
      assert.deepEqual(vlan({ vlanPriority: 3 }), {});
    });
  });

  test(`${family}: LLDP`, () => {
    for (const [lldp, word] of [
      [true, '1'],
      [false, '0'],
      [null, '1'],
    ] as const) {
      assert.deepEqual(below(family, read(family, { lldp }), 'network.lldp.'), { 'network.lldp.enable': word });
    }
  });

  test(`${family}: DSCP as it is, not as a TOS byte`, () => {
    for (const [signalDscp, voiceDscp] of [
      [26, 46],
      [0, 63],
    ] as const) {
      const voice: Raw = { 'network.qos.audiotos': String(voiceDscp) };
      // The name before V73.
      if (family === 'legacy') voice['network.qos.rtptos'] = String(voiceDscp);
      assert.deepEqual(below(family, read(family, { signalDscp, voiceDscp }), 'network.qos.'), {
        'network.qos.signaltos': String(signalDscp),
        ...voice,
      });
    }
  });

  describe(`${family}: looks for changes`, () => {
    const names = ['auto_provision.weekly', 'auto_provision.repeat', 'auto_provision.flexible', 'auto_provision.inact'];
    const poll = (window: string | null, mac?: string) => below(family, read(family, { poll: window }, mac), ...names);
    const off = {
      'auto_provision.repeat.enable': '0',
      ...(family === 'legacy' ? {} : { 'auto_provision.flexible.enable': '0' }),
    };

    test('every day, in a minute of its own', () => {
      const minuteOf = (window: string | null, mac?: string) => {
        const given = poll(window, mac);
        const {
          'auto_provision.weekly.begin_time': begin = '',
          'auto_provision.weekly.end_time': end,
          ...rest
        } = given;
        assert.equal(begin, end);
        assert.match(begin, /^[0-2]\d:[0-5]\d$/);
        const ofFamily: Raw =
          family === 'legacy'
            ? { 'auto_provision.weekly.mask': '0123456' }
            : { 'auto_provision.weekly_upgrade_interval': '0', 'auto_provision.inactivity_time_expire': '0' };
        assert.deepEqual(rest, {
          'auto_provision.weekly.enable': '1',
          'auto_provision.weekly.dayofweek': '0123456',
          ...ofFamily,
          ...off,
        });
        return begin;
      };
      const macs = Array.from({ length: 20 }, (_, index) => `805ec0a0${String(index).padStart(4, '0')}`);
      const nights = macs.map((mac) => minuteOf(null, mac));
      assert.ok(nights.every((time) => time >= '02:00' && time < '05:00'));
      assert.ok(new Set(nights).size > 10, 'not all at once');
      const late = macs.map((mac) => minuteOf('23:00-01:00', mac));
      assert.ok(late.every((time) => time >= '23:00' || time < '01:00'));
    });

    test('never', () => assert.deepEqual(poll('off'), { 'auto_provision.weekly.enable': '0', ...off }));
  });

  test(`${family}: check-sync`, () => {
    // The old phones know 0 and 1 alone.
    const ignore = family === 'legacy' ? '0' : '2';
    for (const [checkSync, word] of [
      ['soft', '0'],
      ['restart', '1'],
      ['ignore', ignore],
      [null, '0'],
    ] as const) {
      assert.equal(read(family, { checkSync }).get('sip.notify_reboot_enable'), word, `${checkSync}`);
    }
  });

  test(`${family}: firmware by its address, and none without one`, () => {
    const firmware = (name: string | null) => below(family, read(family, { firmware: name }), 'firmware.');
    assert.deepEqual(firmware('T46U-108.86.0.20.rom'), {
      'firmware.url': `${PROVISIONING_URL}T46U-108.86.0.20.rom`,
    });
    assert.deepEqual(firmware(null), { 'firmware.url': '%NULL%' });
  });

  test(`${family}: changes made on the phone are kept and uploaded, or neither`, () => {
    const custom = (keepLocalChanges: boolean) =>
      below(family, read(family, { keepLocalChanges }), 'auto_provision.custom.');
    const since81 = family !== 'legacy';
    assert.deepEqual(custom(true), {
      'auto_provision.custom.protect': '1',
      'auto_provision.custom.sync': '1',
      ...(since81 && {
        'auto_provision.custom.sync.path': PROVISIONING_URL,
        'auto_provision.custom.upload_method': '0',
      }),
    });
    assert.deepEqual(custom(false), {
      'auto_provision.custom.protect': '0',
      'auto_provision.custom.sync': '0',
      ...(since81 && { 'auto_provision.custom.sync.path': '%NULL%' }),
    });
  });
}

describe('what a phone uploads of its changes', () => {
  const claim = vendors.identify('805ec0a00001-local.cfg').find(({ vendor }) => vendor === 'yealink');
  assert.ok(claim?.spec.kind === 'uploaded' && claim.spec.override !== null);
  const { spec } = claim;
  const { override } = claim.spec;

  test('is the phone’s, replaces what was there, and is looked through', () => {
    assert.deepEqual([claim.mac, spec.append, spec.phonebook], ['805ec0a00001', false, null]);
    const content =
      '#!version:1.0.0.1\n\nphone_setting.ring_type = Ring2.wav\naccount.1.sip_server.1.address=evil.example\n';
    const names = vendors.overriddenIn(spec, Buffer.from(content));
    assert.deepEqual(names, ['phone_setting.ring_type', 'account.1.sip_server.1.address']);
    const states = names.map((name) => checkParameter(RULES.yealink, name).state);
    assert.deepEqual(states, ['ok', 'refused']);
  });

  test('is cleared by a file that a phone can read and that says nothing', () => {
    assert.equal(override.cleared, '#!version:1.0.0.1\n');
    assert.equal(readLinesFormat(override.cleared).size, 0);
    assert.deepEqual(parameterNamesIn(override.format, override.cleared), []);
  });

  test('is not among the files that the .boot file includes', () => {
    const boot = renderAll({ tenantSettings: { keepLocalChanges: true } }).get('805ec0a00001.boot') ?? '';
    assert.deepEqual(boot.match(/include:config ".*"/g), ['include:config "805ec0a00001.cfg"']);
  });
});
