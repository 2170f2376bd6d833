// Settings on Snom phones: what every value of every setting becomes in the phone's files.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { LANGUAGES, SETTING_NAMES } from '../../src/domain/settings.ts';
import { type Change, timeZoneNames, timeZoneRule } from '../../src/domain/time-zone.ts';
import { findName, loadParameterNames } from '../../src/vendors/parameters.ts';
import { type Parameters, readPhone, readSettings } from '../support/readers.ts';
import { aLine, EVERY_SETTING, PROVISIONING_URL, renderAll, TEMPLATES } from '../support/world.ts';

const MAC = '000413a00001';
const LINES = [aLine(), aLine({ user: '102-ACME' })];
const phoneOf = (changes: object = {}) => ({ vendor: 'snom', mac: MAC, model: 'D717', lines: LINES, ...changes });
const filesOf = (settings: object, changes: object = {}) =>
  renderAll({ phone: phoneOf(changes), tenantSettings: settings });
const textOf = (end: string, settings: object, changes: object = {}) => filesOf(settings, changes).get(MAC + end) ?? '';
const read = (settings: object, changes: object = {}): Parameters =>
  readSettings(textOf('-settings.xml', settings, changes));
const allText = (settings: object) => [...filesOf(settings).values()].join('');

/** What the file says of some names, undefined where it says nothing. */
const said = (settings: object, ...names: string[]) => {
  const all = read(settings);
  return names.map((name) => all.get(name));
};

/** The permission beside a setting. */
const permOf = (text: string, name: string) => new RegExp(`<${name}(?: idx="1")? perm="([^"]*)"`).exec(text)?.[1];

describe('what a setting becomes', () => {
  const single: [setting: string, parameter: string, words: [unknown, string | undefined][]][] = [
    [
      'registerExpiresS',
      'user_expiry.2',
      [
        [600, '600'],
        [null, '300'],
      ],
    ],
    [
      'failbackS',
      'dirty_host_ttl',
      [
        [300, '300'],
        [null, '600'],
      ],
    ],
    [
      'keepAliveS',
      'keepalive_interval.1',
      [
        [20, '20'],
        [null, '30'],
      ],
    ],
    [
      'ntpServer',
      'ntp_server',
      [
        ['ntp.example.com', 'ntp.example.com'],
        [null, 'pool.ntp.org'],
      ],
    ],
    [
      'voicemailNumber',
      'user_mailbox.2',
      [
        ['*97', '*97'],
        [null, ''],
      ],
    ],
    [
      'dtmf',
      'user_dtmf_info.1',
      [
        ['rfc2833', 'off'],
        ['inband', 'off'],
        ['info', 'sip_info_only'],
      ],
    ],
    [
      'srtp',
      'user_srtp.1',
      [
        ['off', 'off'],
        ['optional', 'on'],
        ['required', 'on'],
      ],
    ],
    [
      'srtp',
      'user_savp.2',
      [
        ['off', 'off'],
        ['optional', 'optional'],
        ['required', 'mandatory'],
      ],
    ],
    [
      'dialTimeoutS',
      'auto_dial',
      [
        [2, '2'],
        [14, '14'],
        [null, '4'],
      ],
    ],
    [
      'ringTone',
      'user_ringer.2',
      [
        [1, 'Ringer1'],
        [5, 'Ringer5'],
        [null, undefined],
      ],
    ],
    [
      'autoAnswer',
      'answer_after_policy',
      [
        ['off', 'off'],
        ['asked', 'idle'],
        ['always', 'idle'],
      ],
    ],
    [
      'autoAnswer',
      'user_auto_connect.1',
      [
        ['off', 'off'],
        ['asked', 'off'],
        ['always', 'on'],
      ],
    ],
    [
      'lldp',
      'lldp_enable',
      [
        [true, 'on'],
        [false, 'off'],
      ],
    ],
    [
      'callWaiting',
      'call_waiting',
      [
        [true, 'on'],
        [false, 'off'],
      ],
    ],
    [
      'syslogServer',
      'syslog_server',
      [
        ['log.example.com', 'log.example.com'],
        [null, ''],
      ],
    ],
    [
      'signalDscp',
      'signaling_tos',
      [
        [0, '0'],
        [40, '160'],
        [63, '252'],
        [null, '104'],
      ],
    ],
    [
      'voiceDscp',
      'codec_tos',
      [
        [0, '0'],
        [34, '136'],
        [null, '184'],
      ],
    ],
  ];
  for (const [setting, parameter, words] of single) {
    test(`${setting}: ${parameter}`, () => {
      for (const [value, word] of words) assert.deepEqual(said({ [setting]: value }, parameter), [word], `${value}`);
    });
  }

  test('language, of the screen and of the web page', () => {
    const words = ['English', 'Deutsch', 'Français', 'Italiano', 'Español', 'Português', 'Nederlands', 'Polski'];
    const all = [...words, 'Русский', 'Türkçe'];
    for (const [at, language] of LANGUAGES.entries()) {
      assert.deepEqual(said({ language }, 'language', 'web_language'), [all[at], all[at]], language);
    }
    assert.deepEqual(said({ language: null }, 'language', 'web_language'), [undefined, undefined]);
  });

  test('codecs, with RTP events unless key tones go in the sound', () => {
    const list = (settings: object) => said(settings, 'codec_priority_list.1', 'codec_priority_list.2');
    const both = (text: string | undefined) => [text, text];
    assert.deepEqual(list({ codecs: ['g722', 'pcma', 'g726'] }), both('g722,pcma,g726-32,telephone-event'));
    assert.deepEqual(list({ codecs: ['pcmu'] }), both('pcmu,telephone-event'));
    assert.deepEqual(list({ codecs: ['pcmu', 'g729'], dtmf: 'inband' }), both('pcmu,g729'));
    assert.deepEqual(list({ codecs: null }), both(undefined));
  });

  test('VLANs; what is not set is cleared only where nobody has set it on the phone', () => {
    const names = ['vlan_id', 'vlan_qos', 'vlan_port_tagging', 'vlan_pc_id'];
    assert.deepEqual(said({ vlanId: 20, vlanPriority: 6, pcVlanId: 30 }, ...names), ['20', '6', 'on', '30']);
    assert.deepEqual(said({}, ...names), ['', '', 'off', '']);
    const [on, off] = [textOf('-settings.xml', { vlanId: 20, pcVlanId: 30 }), textOf('-settings.xml', {})];
    assert.deepEqual(
      names.map((name) => permOf(on, name)),
      ['R', 'R', 'R', 'R'],
    );
    assert.deepEqual(
      names.map((name) => permOf(off, name)),
      ['!', '!', '!', '!'],
    );
  });

  test('paging groups', () => {
    const names = ['multicast_listen', 'mc_address.1', 'mc_address.2', 'mc_address.3'];
    const { pagingGroups } = EVERY_SETTING;
    assert.deepEqual(said({ pagingGroups }, ...names), ['on', '224.0.1.75:10000', '224.0.1.76:10002', undefined]);
    for (const none of [null, []])
      assert.deepEqual(said({ pagingGroups: none }, ...names.slice(0, 2)), ['off', undefined]);
  });

  test('poll: once a day at a moment in the window, or never', () => {
    const names = ['settings_refresh_timer', 'prov_polling_enabled', 'prov_polling_mode', 'prov_polling_time'];
    const [timer, enabled, mode, time = ''] = said({ poll: '23:00-04:00' }, ...names);
    assert.deepEqual([timer, enabled, mode], ['0', 'on', 'abs']);
    assert.match(time, /^(?:23|0[0-3]):[0-5]\d$/);
    assert.deepEqual(said({ poll: 'off' }, ...names), ['0', 'off', undefined, undefined]);
  });

  test('firmware: a file of its own names the image, and nothing is updated without one', () => {
    const image = 'snomD717-10.1.175.16-SIP-r.bin';
    const status = `${PROVISIONING_URL}${MAC}-firmware.xml`;
    assert.deepEqual(said({ firmware: image }, 'update_policy', 'firmware_status'), ['auto_update', status]);
    assert.equal(readSettings(textOf('-firmware.xml', { firmware: image })).get('firmware'), PROVISIONING_URL + image);
    assert.deepEqual(said({}, 'update_policy', 'firmware_status'), ['settings_only', '']);
    assert.equal(readSettings(textOf('-firmware.xml', {})).get('firmware'), '');
  });

  test('passwords, and nothing at all without them', () => {
    const admin = ['http_pass', 'webserver_admin_password', 'admin_mode_password', 'admin_mode_password_confirm'];
    const names = ['http_user', 'webserver_admin_name', 'webserver_user_name', 'webserver_user_password', ...admin];
    assert.deepEqual(
      said({}, ...names),
      names.map(() => undefined),
    );
    for (const password of ['Tr0ub4dor', '#=;%"&<>{{x}}']) {
      assert.deepEqual(
        said({ adminPassword: password }, ...admin),
        admin.map(() => password),
      );
      assert.deepEqual(said({ adminPassword: password }, 'http_user', 'webserver_admin_name'), ['admin', 'admin']);
      assert.deepEqual(said({ userPassword: password }, 'webserver_user_name', 'webserver_user_password'), [
        'user',
        password,
      ]);
    }
  });

  test('phonebook: the list of files names it, or does not', () => {
    const list = (settings: object) => [...readSettings(textOf('.xml', settings)).values()];
    const own = [`${PROVISIONING_URL}${MAC}-settings.xml`, `${PROVISIONING_URL}${MAC}-keys.xml`];
    assert.deepEqual(list({}), [...own, `${PROVISIONING_URL}snom-phonebook.xml`]);
    assert.deepEqual(list({ phonebook: false }), own);
  });

  test('changes made on the phone are kept by a permission, never those of a server', () => {
    const settings = { language: 'de', ringTone: 2 };
    const kept = textOf('-settings.xml', { ...settings, keepLocalChanges: true });
    const plain = textOf('-settings.xml', settings);
    for (const name of ['language', 'web_language', 'user_ringer']) {
      assert.deepEqual([permOf(kept, name), permOf(plain, name)], ['!', 'RW'], name);
    }
    for (const name of ['user_host', 'user_outbound', 'user_name', 'user_pass', 'dirty_host_ttl', 'pnp_config']) {
      assert.deepEqual([permOf(kept, name), permOf(plain, name)], ['R', 'R'], name);
    }
  });

  test('nobody on the local network can configure the phone', () => {
    assert.deepEqual(said({}, 'pnp_config'), ['off']);
  });
});

describe('servers', () => {
  test('the transport is an option of the proxy, and NAPTR names none', () => {
    const cases = [
      ['srv', 'registrar', 'udp', 'pbxa.example.com', 'pbxa.example.com;transport=udp'],
      ['srv', 'outboundProxy', 'tls', 'sip.acme.example', 'pbxa.example.com;transport=tls'],
      ['naptr', 'registrar', 'tcp', 'pbxa.example.com', 'pbxa.example.com'],
      ['naptr', 'outboundProxy', 'tls', 'sip.acme.example', 'pbxa.example.com'],
    ] as const;
    for (const [srvLookup, binding, transport, host, outbound] of cases) {
      const files = renderAll({ phone: phoneOf(), binding, transport, tenantSettings: { srvLookup } });
      const all = readSettings(files.get(`${MAC}-settings.xml`) ?? '');
      assert.deepEqual([all.get('user_host.2'), all.get('user_outbound.2')], [host, outbound]);
    }
  });

  test('the reader sees a port, an address, a second server and a wrong transport', () => {
    const files = renderAll({ phone: phoneOf({ lines: [aLine()] }) });
    const changed = (from: string, to: string) => {
      const texts = [...files].map(([name, text]) => [name, text.replaceAll(from, to)] as const);
      const [line] = readPhone('snom', 'sip', new Map(texts));
      assert.ok(line);
      return line;
    };
    const whole = 'pbxa.example.com;transport=udp';
    assert.equal(changed('', '').asksSrv, true);
    assert.equal(changed(whole, 'pbxa.example.com:5060;transport=udp').asksSrv, false);
    assert.equal(changed('pbxa.example.com<', 'pbxa.example.com:5060<').asksSrv, false);
    assert.equal(changed('pbxa.example.com', '192.0.2.1').asksSrv, false);
    assert.equal(changed(whole, `${whole},other.example.com`).secondProxy, 'other.example.com');
    assert.equal(changed('>none<', '>2<').secondServer, '2');
    assert.equal(changed('transport=udp', 'transport=sctp').transport, 'wrong');
  });

  test('lines that are not used are off and empty', () => {
    const all = read({});
    const names = ['name', 'pname', 'pass', 'host', 'outbound', 'realname', 'idle_text'];
    for (const line of [3, 4, 5, 6]) {
      assert.equal(all.get(`user_active.${line}`), 'off');
      for (const name of names) assert.equal(all.get(`user_${name}.${line}`), '', `${name} ${line}`);
    }
    assert.equal(all.get('user_active.7'), undefined);
  });
});

describe('the dial plan', () => {
  const planOf = (dialPlan: readonly string[] | null) => textOf('-settings.xml', { dialPlan });
  /** The entries as the phone takes them apart: blanks between them, the first character between the parts of each. */
  const entriesIn = (text: string) =>
    (readSettings(text).get('user_dp_str.2') ?? assert.fail('no plan'))
      .split(' ')
      .filter((entry) => entry !== '')
      .map((entry) => {
        const [, pattern = '', result = '', flags = ''] = entry.split(entry[0] ?? '');
        return { pattern: new RegExp(pattern), result, flags };
      });
  /** What is dialled at once when somebody has pressed this; null when the phone waits. */
  const dialled = (text: string, pressed: string): string | null => {
    for (const { pattern, result, flags } of entriesIn(text)) {
      const match = pattern.exec(pressed);
      if (match === null) continue;
      return flags.includes('d') ? result.replace('\\1', match[1] ?? '').replace('\\d', 'pbxa.example.com') : null;
    }
    return null;
  };

  test('a number that is complete is dialled at once at the registrar, each other one waits', () => {
    const text = planOf(['11x', '[2-9]xx', '*7x', '00.', '+49x']);
    for (const number of ['112', '299', '*71', '+495']) {
      assert.equal(dialled(text, number), `sip:${number}@pbxa.example.com`);
    }
    for (const number of ['11', '1122', '199', '29', '00', '0049', '*7', '*711', '0495', '']) {
      assert.equal(dialled(text, number), null, number);
    }
    assert.equal(permOf(text, 'user_dp_str'), 'R');
  });

  test('every line has it', () => {
    const all = read({ dialPlan: ['11x'] });
    assert.equal(all.get('user_dp_str.1'), '|^(11[0-9])$|sip:\\1@\\d|d');
    assert.equal(all.get('user_dp_str.1'), all.get('user_dp_str.2'));
    assert.equal(all.get('user_dp_str.3'), undefined);
  });

  test('a plan of open patterns alone has no entries', () => assert.deepEqual(entriesIn(planOf(['00.', 'x.'])), []));

  test('without a plan one of the phone’s own stays', () => {
    assert.deepEqual(entriesIn(planOf(null)), []);
    assert.equal(permOf(planOf(null), 'user_dp_str'), '!');
  });
});

describe('time zones', () => {
  const time = (timeZone: string | null) => said({ timeZone }, 'timezone', 'utc_offset', 'dst');
  const right: [string, string, string][] = [
    ['Europe/Berlin', '3600', '3600 03.05.07 02:00:00 10.05.07 03:00:00'],
    ['America/New_York', '-18000', '3600 03.02.07 02:00:00 11.01.07 02:00:00'],
    ['America/St_Johns', '-12600', '3600 03.02.07 02:00:00 11.01.07 02:00:00'],
    ['Australia/Lord_Howe', '37800', '1800 10.01.07 02:00:00 04.01.07 02:00:00'],
    ['Asia/Kathmandu', '20700', ''],
    ['Atlantic/Reykjavik', '0', ''],
  ];
  for (const [zone, offset, rule] of right) test(zone, () => assert.deepEqual(time(zone), ['', offset, rule]));

  test('none: nothing is said', () => assert.deepEqual(time(null), [undefined, undefined, undefined]));

  test('every zone there is', () => {
    // Month, week (5 is the last) and weekday (7 is Sunday); the hour is the rule's own or the nearest of its day.
    const day = ({ month, week, weekday }: Change) =>
      [month, week === 'last' ? 5 : week, weekday === 0 ? 7 : weekday]
        .map((part) => String(part).padStart(2, '0'))
        .join('.');
    const shape = /^(\d+) (\d\d\.\d\d\.\d\d) ([01]\d|2[0-3]):00:00 (\d\d\.\d\d\.\d\d) ([01]\d|2[0-3]):00:00$/;
    for (const name of timeZoneNames) {
      const { standardOffsetMinutes, daylight } = timeZoneRule(name);
      const [, offset, rule = ''] = time(name);
      assert.equal(offset, String(60 * standardOffsetMinutes), name);
      if (daylight === null) {
        assert.equal(rule, '', name);
        continue;
      }
      const [, shift, start, , end] = shape.exec(rule) ?? [];
      assert.deepEqual(
        [shift, start, end],
        [String(60 * daylight.offsetMinutes), day(daylight.start), day(daylight.end)],
        name,
      );
    }
  });
});

describe('with every setting set', () => {
  const KNOWN = loadParameterNames(readFileSync(join(TEMPLATES, 'snom', 'parameters.txt'), 'utf8'));

  test('every name is one that the phone knows', () => {
    assert.deepEqual(Object.keys(EVERY_SETTING).sort(), [...SETTING_NAMES].sort(), 'no setting is forgotten here');
    for (const [name, text] of filesOf(EVERY_SETTING)) {
      if (name === `${MAC}.xml` || name.endsWith('.htm')) continue;
      for (const parameter of readSettings(text).keys()) assert.ok(findName(KNOWN, parameter).known, parameter);
    }
  });

  test('every one of them changes the files, but what these phones cannot be told', () => {
    const without = allText({});
    const unchanging = SETTING_NAMES.filter((name) => allText({ [name]: EVERY_SETTING[name] }) === without);
    // A priority needs a VLAN, and kept changes need a language or a ring tone or keys. Files are not encrypted.
    const combined = ['vlanPriority', 'keepLocalChanges'];
    const untold = unchanging.filter((name) => !combined.includes(name));
    assert.deepEqual(untold, ['mwi', 'checkSync', 'fileKey']);
  });

  test('a setting that is unset again leaves the files as the default has them', () => {
    assert.equal(allText(Object.fromEntries(SETTING_NAMES.map((name) => [name, null]))), allText({}));
  });
});
