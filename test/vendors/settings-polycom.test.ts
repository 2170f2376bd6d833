// What every setting becomes in a Polycom phone's files, read back as the phone reads them: of a parameter that two files
// give, the one further left in the manifest holds.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { maskSecrets } from '../../src/domain/render-context.ts';
import { LANGUAGES, MASK } from '../../src/domain/settings.ts';
import { timeZoneNames } from '../../src/domain/time-zone.ts';
import { findName, loadParameterNames } from '../../src/vendors/parameters.ts';
import type { RenderedSpec } from '../../src/vendors/vendors.ts';
import { readAttributes, readPhone } from '../support/readers.ts';
import {
  aLine,
  aPhone,
  contextOf,
  everyModel,
  renderAll,
  type Situation,
  TEMPLATES,
  vendors,
} from '../support/world.ts';

const MAC = '64167fa00001';
const LINES = `${MAC}-lines.cfg`;
const SETTINGS = `${MAC}-settings.cfg`;

const twoLines = [aLine({ user: '101-ACME' }), aLine({ user: '102-ACME' })];
const phone = (changes: object = {}) => ({
  vendor: 'polycom',
  model: 'VVX 450',
  mac: MAC,
  lines: twoLines,
  ...changes,
});

type Said = Record<string, string>;

const fileOf = (files: Map<string, string>, name: string): Said =>
  Object.fromEntries(readAttributes(files.get(name) ?? ''));

/** What holds on the phone: the lines stand further left than the settings. */
const heldIn = (files: Map<string, string>): Said => ({ ...fileOf(files, SETTINGS), ...fileOf(files, LINES) });
const heldBy = (situation: Situation): Said => heldIn(renderAll({ phone: phone(), ...situation }));
const held = (tenantSettings: object): Said => heldBy({ tenantSettings });

const startingWith = (said: Said, ...starts: string[]): Said =>
  Object.fromEntries(Object.entries(said).filter(([name]) => starts.some((start) => name.startsWith(start))));

describe('the time zone', () => {
  const CLOCK = ['tcpIpApp.sntp.gmtOffset', 'tcpIpApp.sntp.daylightSavings.'];
  const clock = (timeZone: string | null) => startingWith(held({ timeZone }), ...CLOCK);

  type Change = [month: number, date: number, time: number, dayOfWeek: number, lastInMonth: number];
  const changeAt = (end: string, [month, date, time, dayOfWeek, lastInMonth]: Change): Said => ({
    [`tcpIpApp.sntp.daylightSavings.${end}.month`]: `${month}`,
    [`tcpIpApp.sntp.daylightSavings.${end}.date`]: `${date}`,
    [`tcpIpApp.sntp.daylightSavings.${end}.time`]: `${time}`,
    [`tcpIpApp.sntp.daylightSavings.${end}.dayOfWeek`]: `${dayOfWeek}`,
    [`tcpIpApp.sntp.daylightSavings.${end}.dayOfWeek.lastInMonth`]: `${lastInMonth}`,
  });
  const zone = (offset: number, daylight: [start: Change, stop: Change] | null): Said => ({
    'tcpIpApp.sntp.gmtOffset': `${offset}`,
    'tcpIpApp.sntp.gmtOffset.overrideDHCP': '1',
    'tcpIpApp.sntp.daylightSavings.enable': daylight === null ? '0' : '1',
    ...(daylight === null
      ? {}
      : {
          'tcpIpApp.sntp.daylightSavings.fixedDayEnable': '0',
          ...changeAt('start', daylight[0]),
          ...changeAt('stop', daylight[1]),
        }),
  });

  const known: [name: string, expected: Said][] = [
    // Last Sunday of March 02:00 to last Sunday of October 03:00.
    [
      'Europe/Berlin',
      zone(3600, [
        [3, 22, 2, 1, 1],
        [10, 22, 3, 1, 1],
      ]),
    ],
    // Second Sunday of March to first Sunday of November, both 02:00.
    [
      'America/New_York',
      zone(-18_000, [
        [3, 8, 2, 1, 0],
        [11, 1, 2, 1, 0],
      ]),
    ],
    [
      'America/St_Johns',
      zone(-12_600, [
        [3, 8, 2, 1, 0],
        [11, 1, 2, 1, 0],
      ]),
    ],
    // South of the equator: first Sunday of October 02:00 to first Sunday of April 03:00.
    [
      'Australia/Sydney',
      zone(36_000, [
        [10, 1, 2, 1, 0],
        [4, 1, 3, 1, 0],
      ]),
    ],
    ['Asia/Kolkata', zone(19_800, null)],
    ['Etc/UTC', zone(0, null)],
  ];
  for (const [name, expected] of known) test(name, () => assert.deepEqual(clock(name), expected));

  test('without one nothing is said', () => assert.deepEqual(clock(null), {}));

  test('every zone gives fields that a phone can read', () => {
    for (const name of timeZoneNames) {
      const said = clock(name);
      const offset = Number(said['tcpIpApp.sntp.gmtOffset']);
      assert.ok(Number.isInteger(offset) && offset >= -12 * 3600 && offset <= 14 * 3600, `${name}: ${offset}`);
      if (said['tcpIpApp.sntp.daylightSavings.enable'] === '0') {
        assert.deepEqual(said, zone(offset, null), name);
        continue;
      }
      const change = (end: string): Change => {
        const field = (part: string) => Number(said[`tcpIpApp.sntp.daylightSavings.${end}.${part}`]);
        const read: Change = [
          field('month'),
          field('date'),
          field('time'),
          field('dayOfWeek'),
          field('dayOfWeek.lastInMonth'),
        ];
        const [month, date, time, dayOfWeek, lastInMonth] = read;
        const between = (value: number, least: number, most: number) =>
          Number.isInteger(value) && value >= least && value <= most;
        assert.ok(between(month, 1, 12) && between(time, 0, 23) && between(dayOfWeek, 1, 7), `${name}: ${read}`);
        assert.ok([1, 8, 15, 22].includes(date) && between(lastInMonth, 0, 1), `${name}: ${read}`);
        return read;
      };
      assert.deepEqual(said, zone(offset, [change('start'), change('stop')]), name);
    }
  });
});

describe('the language', () => {
  const FOLDERS: Record<(typeof LANGUAGES)[number], string> = {
    en: 'English_United_States',
    de: 'German_Germany',
    fr: 'French_France',
    it: 'Italian_Italy',
    es: 'Spanish_Spain',
    pt: 'Portuguese_Portugal',
    nl: 'Dutch_Netherlands',
    pl: 'Polish_Poland',
    ru: 'Russian_Russia',
    // No Turkish dictionary is known.
    tr: 'English_United_States',
  };
  for (const language of LANGUAGES) {
    test(language, () => assert.equal(held({ language })['lcl.ml.lang'], FOLDERS[language]));
  }
  test('without one nothing is said', () => assert.deepEqual(startingWith(held({}), 'lcl.'), {}));
});

describe('voicemail and message waiting', () => {
  const messages = (settings: object) => startingWith(held(settings), 'msg.', 'up.');
  const NUMBER = {
    'msg.mwi.1.callBackMode': 'contact',
    'msg.mwi.1.callBack': '*97#',
    'msg.mwi.2.callBackMode': 'contact',
    'msg.mwi.2.callBack': '*97#',
    'msg.bypassInstantMessage': '1',
    'up.oneTouchVoiceMail': '1',
  };
  const OFF = { 'msg.mwi.1.subscribe': '', 'msg.mwi.2.subscribe': '' };
  const ON = { 'msg.mwi.1.subscribe': '101-ACME', 'msg.mwi.2.subscribe': '102-ACME' };

  test('neither', () => assert.deepEqual(messages({ mwi: false }), OFF));
  test('a number alone', () => assert.deepEqual(messages({ voicemailNumber: '*97#' }), { ...OFF, ...NUMBER }));
  test('message waiting alone', () => assert.deepEqual(messages({ mwi: true }), ON));
  test('both', () => assert.deepEqual(messages({ mwi: true, voicemailNumber: '*97#' }), { ...ON, ...NUMBER }));
});

describe('key tones', () => {
  const cases: [dtmf: string, viaRtp: string, offersEvents: string, viaInfo: string][] = [
    ['rfc2833', '1', '1', '0'],
    ['inband', '1', '0', '0'],
    ['info', '0', '0', '1'],
  ];
  for (const [dtmf, viaRtp, offersEvents, viaInfo] of cases) {
    test(dtmf, () => {
      assert.deepEqual(startingWith(held({ dtmf }), 'tone.', 'voIpProt.SIP.dtmfViaSignaling'), {
        'tone.dtmf.viaRtp': viaRtp,
        'tone.dtmf.rfc2833Control': offersEvents,
        'tone.dtmf.chassis.masking': viaInfo,
        'voIpProt.SIP.dtmfViaSignaling.rfc2976': viaInfo,
      });
    });
  }
});

describe('encrypted sound', () => {
  const cases: [srtp: string, enable: string, offer: string, require: string][] = [
    ['off', '0', '0', '0'],
    ['optional', '1', '1', '0'],
    ['required', '1', '1', '1'],
  ];
  for (const [srtp, enable, offer, require] of cases) {
    test(srtp, () => {
      assert.deepEqual(startingWith(held({ srtp }), 'sec.'), {
        'sec.srtp.enable': enable,
        'sec.srtp.offer': offer,
        'sec.srtp.require': require,
      });
    });
  }
});

test('call waiting', () => {
  const waiting = (callWaiting: boolean) => startingWith(held({ callWaiting }), 'call.callWaiting.');
  assert.deepEqual(waiting(true), { 'call.callWaiting.enable': '1' });
  assert.deepEqual(waiting(false), { 'call.callWaiting.enable': '0' });
});

describe('what lives in the flash of the phone', () => {
  const DEVICE = {
    'device.set': '1',
    'device.prov.tagSerialNo': '1',
    'device.prov.tagSerialNo.set': '1',
    'device.net.lldpEnabled': '1',
    'device.net.lldpEnabled.set': '1',
  };
  const NO_SYSLOG = { 'device.syslog.serverName': '', 'device.syslog.serverName.set': '1' };
  const device = (settings: object) => startingWith(held(settings), 'device.');

  test('no syslog server clears the one that was there, and no password leaves the phone its own', () => {
    assert.deepEqual(device({}), { ...DEVICE, ...NO_SYSLOG });
  });

  test('a syslog server', () => {
    assert.deepEqual(device({ syslogServer: 'log.example.com' }), {
      ...DEVICE,
      'device.syslog.serverName': 'log.example.com',
      'device.syslog.serverName.set': '1',
      'device.syslog.transport': 'UDP',
      'device.syslog.transport.set': '1',
    });
  });

  test('an administrator password, in the file of the secrets', () => {
    const adminPassword = `Ab&<>"'12`;
    assert.deepEqual(device({ adminPassword }), {
      ...DEVICE,
      ...NO_SYSLOG,
      'device.auth.localAdminPassword': adminPassword,
      'device.auth.localAdminPassword.set': '1',
    });
    const files = renderAll({ phone: phone(), tenantSettings: { adminPassword } });
    assert.deepEqual(startingWith(fileOf(files, SETTINGS), 'device.auth.'), {});
  });

  test('masked files do not hold the password', () => {
    const adminPassword = 'Hidden-Secret-1';
    const context = maskSecrets(contextOf({ phone: phone(), tenantSettings: { adminPassword } }));
    for (const name of [LINES, SETTINGS]) {
      const spec = vendors.identify(name).find(({ vendor }) => vendor === 'polycom')?.spec as RenderedSpec;
      const text = vendors.render({ ...aPhone(phone()), spec, context, fileKey: null }).body.toString('utf8');
      assert.ok(!text.includes(adminPassword), name);
      const shown = readAttributes(text).get('device.auth.localAdminPassword');
      assert.equal(shown, name === LINES ? MASK : undefined);
    }
  });
});

describe('a raw parameter', () => {
  const filesWith = (polycom: object, tenantSettings: object = {}) =>
    renderAll({ phone: phone({ parameters: { polycom } }), tenantSettings });

  test('without any nothing changes', () => assert.deepEqual(filesWith({}), renderAll({ phone: phone() })));

  test('replaces what the template says of a line', () => {
    const plain = fileOf(filesWith({}), LINES);
    const changed = fileOf(filesWith({ 'reg.1.label': 'Door & <Gate>' }), LINES);
    assert.deepEqual(changed, { ...plain, 'reg.1.label': 'Door & <Gate>' });
  });

  test('wins over the settings, every one of them', () => {
    const everything = {
      timeZone: 'Europe/Berlin',
      language: 'de',
      voicemailNumber: '*97',
      syslogServer: 'log.example.com',
      adminPassword: 'Ab-12345',
    };
    const plain = heldIn(filesWith({}, everything));
    const open = Object.keys(plain).filter((name) => vendors.checkParameter('polycom', name).state !== 'refused');
    assert.ok(open.length > 40, `${open.length} names`);
    for (const name of open) {
      const files = filesWith({ [name]: 'by hand' }, everything);
      assert.equal(fileOf(files, LINES)[name], 'by hand', name);
      assert.deepEqual(heldIn(files), { ...plain, [name]: 'by hand' }, name);
    }
  });

  test('may be empty, and one that no template gives is added', () => {
    const said = heldIn(filesWith({ 'nat.ip': '', 'up.welcomeSoundEnabled': '0' }));
    assert.equal(said['nat.ip'], '');
    assert.equal(said['up.welcomeSoundEnabled'], '0');
  });
});

describe('lines that are not in use', () => {
  test('are cleared, up to the last that the model has', () => {
    for (const { model, lines: linesMax } of everyModel().filter(({ vendor }) => vendor === 'polycom')) {
      const files = renderAll({ phone: phone({ model, lines: [aLine()] }) });
      const said = fileOf(files, LINES);
      const cleared = Object.keys(said).filter((name) => /^reg\.\d+\./.test(name) && !name.startsWith('reg.1.'));
      const expected = Array.from({ length: linesMax - 1 }, (_, index) =>
        ['address', 'auth.userId', 'auth.password', 'server.1.address', 'outboundProxy.address'].map(
          (name) => `reg.${index + 2}.${name}`,
        ),
      ).flat();
      assert.deepEqual(cleared, expected, model);
      assert.ok(
        cleared.every((name) => said[name] === ''),
        model,
      );
    }
  });

  test('are no lines', () => {
    assert.equal(readPhone('polycom', 'ucs', renderAll({ phone: phone() })).length, twoLines.length);
  });
});

test('whatever is set, every name is one that the phone knows', () => {
  const names = loadParameterNames(readFileSync(join(TEMPLATES, 'polycom', 'parameters.txt'), 'utf8'));
  const rest = {
    timeZone: 'Europe/Berlin',
    language: 'de',
    voicemailNumber: '*97',
    mwi: true,
    srtp: 'required',
    callWaiting: false,
    syslogServer: 'log.example.com',
    adminPassword: 'Ab-12345',
  };
  for (const dtmf of ['rfc2833', 'inband', 'info']) {
    for (const binding of ['registrar', 'outboundProxy']) {
      for (const name of Object.keys(heldBy({ binding, tenantSettings: { ...rest, dtmf } }))) {
        const found = findName(names, name);
        assert.ok(found.known && found.tag !== 'legacy', name);
      }
    }
  }
});
