// Settings on Yealink phones: what every value of every setting becomes in the phone's file, in every family.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { maskSecrets } from '../../src/domain/render-context.ts';
import { LANGUAGES, MASK, SETTING_NAMES, SETTINGS } from '../../src/domain/settings.ts';
import { type Change, timeZoneNames, timeZoneRule } from '../../src/domain/time-zone.ts';
import { findName, loadParameterNames } from '../../src/vendors/parameters.ts';
import { type Parameters, readLinesFormat } from '../support/readers.ts';
import {
  aLine,
  aPhone,
  contextOf,
  EVERY_SETTING,
  PROVISIONING_URL,
  renderAll,
  TEMPLATES,
  vendors,
} from '../support/world.ts';

const MODELS = { desk: 'T46U', legacy: 'T28P', multicell: 'W75DM' } as const;
type Family = keyof typeof MODELS;
const FAMILIES = Object.keys(MODELS) as Family[];

const KNOWN = loadParameterNames(readFileSync(join(TEMPLATES, 'yealink', 'parameters.txt'), 'utf8'));
const LINES = [aLine(), aLine({ user: '102-ACME' })];

type Raw = Record<string, string>;

const phoneOf = (family: Family, raw: Raw = {}) => ({
  // Its minutes differ in the two windows that are polled here.
  mac: '805ec0a00002',
  model: MODELS[family],
  lines: LINES,
  parameters: { yealink: raw },
});

const textOf = (family: Family, settings: object, raw: Raw = {}): string => {
  const files = renderAll({ phone: phoneOf(family, raw), tenantSettings: settings });
  return [...files].find(([name]) => name.endsWith('.cfg'))?.[1] ?? '';
};

/** The one parameter that stands twice, once for each user; the line of the ordinary user is read apart. */
const OF_USER = /^(?:static\.)?security\.user_password = user:(?<password>.*)\n/m;

const read = (family: Family, settings: object, raw: Raw = {}): Parameters =>
  readLinesFormat(textOf(family, settings, raw).replace(OF_USER, ''));

/** The parameters below some names, as the file gives them. */
const below = (all: Parameters, ...starts: string[]): Raw =>
  Object.fromEntries([...all].filter(([name]) => starts.some((start) => name.startsWith(start))));

const TIME = [
  'local_time.time_zone',
  'local_time.summer_time',
  'local_time.dst_time_type',
  'local_time.start_time',
  'local_time.end_time',
  'local_time.offset_time',
];

const perLine = (name: (line: number) => string, value: string): Raw => ({ [name(1)]: value, [name(2)]: value });

for (const family of FAMILIES) {
  // Before V81 no name begins with "static.".
  const prefix = family === 'legacy' ? '' : 'static.';

  describe(`${family}: what a setting becomes`, () => {
    test('language', () => {
      const words = {
        en: 'English',
        de: 'German',
        fr: 'French',
        it: 'Italian',
        es: 'Spanish',
        pt: 'Portuguese',
        // In no software of the vendor.
        nl: 'English',
        pl: 'Polish',
        ru: 'Russian',
        tr: 'Turkish',
      };
      assert.deepEqual(Object.keys(words), [...LANGUAGES]);
      // Screen and web page of the old phones have lists of their own.
      const expected = (language: (typeof LANGUAGES)[number]): Raw => {
        const word = words[language];
        if (family === 'multicell') return { 'lang.wui': word };
        if (family === 'desk')
          return { 'lang.gui': word, 'lang.wui': word, 'static.lang.gui': word, 'static.lang.wui': word };
        return {
          'lang.gui': language === 'ru' ? 'English' : word,
          'lang.wui': language === 'pl' ? 'English' : word,
        };
      };
      for (const language of LANGUAGES) {
        assert.deepEqual(below(read(family, { language }), 'lang.', 'static.lang.'), expected(language), language);
      }
      assert.deepEqual(below(read(family, { language: null }), 'lang.', 'static.lang.'), {});
    });

    test('voicemailNumber, cleared where there is none', () => {
      const name = (line: number) => `voice_mail.number.${line}`;
      for (const voicemailNumber of ['*97', '+4930123', '#1']) {
        assert.deepEqual(below(read(family, { voicemailNumber }), 'voice_mail.'), perLine(name, voicemailNumber));
      }
      assert.deepEqual(below(read(family, { voicemailNumber: null }), 'voice_mail.'), perLine(name, '%NULL%'));
    });

    const accountSettings = [
      {
        setting: 'mwi',
        parameter: 'subscribe_mwi',
        words: [
          [true, '1'],
          [false, '0'],
          [null, '0'],
        ],
      },
      {
        setting: 'dtmf',
        parameter: 'dtmf.type',
        words: [
          ['inband', '0'],
          ['rfc2833', '1'],
          ['info', '2'],
          [null, '1'],
        ],
      },
      {
        setting: 'srtp',
        parameter: 'srtp_encryption',
        words: [
          ['off', '0'],
          ['optional', '1'],
          ['required', '2'],
          [null, '0'],
        ],
      },
    ] as const;
    for (const { setting, parameter, words } of accountSettings) {
      test(setting, () => {
        const names = [`account.1.${parameter}`, `account.2.${parameter}`];
        for (const [value, word] of words) {
          const all = read(family, { [setting]: value });
          assert.deepEqual(
            below(all, ...names),
            { [names[0] as string]: word, [names[1] as string]: word },
            `${value}`,
          );
          assert.equal(all.get(`account.3.${parameter}`), undefined, 'a line that is not used has none');
        }
      });
    }

    test('dtmf info is sent as dtmf-relay', () => {
      const all = read(family, { dtmf: 'info' });
      assert.deepEqual(
        [1, 2].map((line) => all.get(`account.${line}.dtmf.info_type`)),
        ['1', '1'],
      );
    });

    test('callWaiting', () => {
      const words = [
        [true, '1'],
        [false, '0'],
        [null, '1'],
      ] as const;
      for (const [callWaiting, word] of words) {
        assert.deepEqual(below(read(family, { callWaiting }), 'call_waiting.'), { 'call_waiting.enable': word });
      }
    });

    test('syslogServer, switched off and cleared where there is none', () => {
      const syslog = (settings: object) => below(read(family, settings), 'syslog.', 'static.syslog.');
      const on = {
        'static.syslog.enable': '1',
        'static.syslog.mode': '1',
        'static.syslog.server': 'log.example.com',
        'static.syslog.server_port': '514',
        'static.syslog.transport_type': '0',
      };
      const off = { 'static.syslog.enable': '0', 'static.syslog.mode': '0', 'static.syslog.server': '%NULL%' };
      const legacyOn = { 'syslog.mode': '1', 'syslog.server': 'log.example.com' };
      const legacyOff = { 'syslog.mode': '0', 'syslog.server': '%NULL%' };
      const isLegacy = family === 'legacy';
      assert.deepEqual(syslog({ syslogServer: 'log.example.com' }), isLegacy ? legacyOn : on);
      assert.deepEqual(syslog({ syslogServer: null }), isLegacy ? legacyOff : off);
    });

    test('adminPassword, and nothing at all without one', () => {
      const security = (settings: object) => below(read(family, settings), 'security.', 'static.security.');
      for (const adminPassword of ['Tr0ub4dor', '#=;%"&<>{{x}}', '%NULL%']) {
        assert.deepEqual(security({ adminPassword }), {
          [`${prefix}security.user_name.admin`]: 'admin',
          [`${prefix}security.user_password`]: `admin:${adminPassword}`,
        });
      }
      assert.deepEqual(security({ adminPassword: null }), {});
    });

    test('userPassword beside the administrator’s, and nothing at all without one', () => {
      for (const userPassword of ['Horse-battery1', '#=;%"&<>{{x}}']) {
        const text = textOf(family, { userPassword, adminPassword: 'Tr0ub4dor' });
        assert.equal(OF_USER.exec(text)?.groups?.password, userPassword);
        assert.deepEqual(below(readLinesFormat(text.replace(OF_USER, '')), 'security.', 'static.security.'), {
          [`${prefix}security.user_name.admin`]: 'admin',
          [`${prefix}security.user_password`]: 'admin:Tr0ub4dor',
          [`${prefix}security.user_name.user`]: 'user',
        });
      }
      assert.doesNotMatch(textOf(family, { userPassword: null }), /security\.user_/);
    });

    test('a masked file shows neither passwords nor the token', () => {
      const raw = { 'ldap.password': 'directory-secret', 'ldap.host': 'ldap.example.com' };
      const phone = aPhone(phoneOf(family, raw));
      const passwords = { adminPassword: 'Tr0ub4dor', userPassword: 'Horse-battery1' };
      const context = contextOf({
        phone: phoneOf(family, raw),
        tenantSettings: { ...passwords, firmware: 'image.rom', keepLocalChanges: true },
      });
      const spec = vendors.identify(`${phone.mac}.cfg`).find(({ vendor }) => vendor === 'yealink')?.spec;
      assert.ok(spec?.kind === 'rendered');
      const rendering = { ...phone, spec, context: maskSecrets(context), fileKey: null };
      const text = vendors.render(rendering).body.toString('utf8');
      const token = PROVISIONING_URL.split('/').at(-2) ?? '';
      assert.ok(textOf(family, {}).includes(token), 'there is something to hide');
      for (const secret of [
        token,
        ...Object.values(passwords),
        'directory-secret',
        ...LINES.map((line) => line.password),
      ]) {
        assert.ok(!text.includes(secret), secret);
      }
      const all = readLinesFormat(text.replace(OF_USER, ''));
      assert.equal(all.get(`${prefix}security.user_password`), `admin:${MASK}`);
      assert.deepEqual(below(all, 'ldap.'), { 'ldap.password': MASK, 'ldap.host': 'ldap.example.com' });
    });

    test('nobody on the local network can point the phone elsewhere', () => {
      const names = ['sip.dhcp.', 'auto_provision.pnp', 'static.auto_provision.pnp'];
      const expected = { [`${prefix}auto_provision.pnp_enable`]: '0' };
      // The name came with V83.
      if (family !== 'legacy') expected['sip.dhcp.option120.mode'] = '0';
      assert.deepEqual(below(read(family, {}), ...names), expected);
    });
  });

  describe(`${family}: time zones`, () => {
    const time = (timeZone: string | null) => below(read(family, { timeZone }), ...TIME);
    const daylight = (zone: string, start: string, end: string, minutes = '60') => ({
      'local_time.time_zone': zone,
      'local_time.summer_time': '1',
      'local_time.dst_time_type': '1',
      'local_time.start_time': start,
      'local_time.end_time': end,
      'local_time.offset_time': minutes,
    });
    const plain = (zone: string) => ({ 'local_time.time_zone': zone, 'local_time.summer_time': '0' });
    const right: [string, Raw][] = [
      ['Europe/Berlin', daylight('+1', '3/5/7/2', '10/5/7/3')],
      ['America/New_York', daylight('-5', '3/2/7/2', '11/1/7/2')],
      ['America/St_Johns', daylight('-3:30', '3/2/7/2', '11/1/7/2')],
      ['Australia/Sydney', daylight('+10', '10/1/7/2', '4/1/7/3')],
      ['Australia/Lord_Howe', daylight('+10:30', '10/1/7/2', '4/1/7/2', '30')],
      ['Asia/Kolkata', plain('+5:30')],
      ['Asia/Kathmandu', plain('+5:45')],
      ['America/Phoenix', plain('-7')],
      ['Atlantic/Reykjavik', plain('0')],
    ];
    for (const [timeZone, expected] of right) test(timeZone, () => assert.deepEqual(time(timeZone), expected));

    test('none: nothing is said', () => assert.deepEqual(time(null), {}));

    test('every zone there is: well-formed, and the clock changes when the rule says', () => {
      for (const name of timeZoneNames) {
        const printed = time(name);
        const rule = timeZoneRule(name);
        assert.equal(minutesOf(printed['local_time.time_zone'] ?? ''), rule.standardOffsetMinutes, name);
        if (rule.daylight === null) {
          assert.deepEqual(printed, plain(printed['local_time.time_zone'] ?? ''), name);
          continue;
        }
        assert.deepEqual(Object.keys(printed).sort(), [...TIME].sort(), name);
        assert.equal(printed['local_time.offset_time'], String(rule.daylight.offsetMinutes), name);
        assert.ok(Math.abs(rule.daylight.offsetMinutes) <= 300, `${name}: the phone takes -300 to 300`);
        for (const year of [2026, 2027, 2028, 2031]) {
          assertNear(printed['local_time.start_time'] ?? '', rule.daylight.start, year, name);
          assertNear(printed['local_time.end_time'] ?? '', rule.daylight.end, year, name);
        }
      }
    });
  });

  describe(`${family}: raw parameters`, () => {
    test('come last, in the order of their names, and replace what the file says itself', () => {
      const settings = { voicemailNumber: '*97', timeZone: 'Europe/Berlin', syslogServer: 'log.example.com' };
      const raw = {
        'account.1.label': 'Reception',
        'local_time.time_zone': '+2',
        'phone_setting.backlight_time': '',
        'voice_mail.number.2': '*98',
      };
      const plain = read(family, settings);
      const text = textOf(family, settings, raw);
      const all = readLinesFormat(text);
      for (const [name, value] of Object.entries(raw)) assert.equal(all.get(name), value, name);
      assert.deepEqual(Object.fromEntries(all), { ...Object.fromEntries(plain), ...raw }, 'and nothing else changes');
      const last = text.trimEnd().split('\n').slice(-4);
      assert.deepEqual(
        last.map((line) => line.split(' = ')[0]?.replace(/ =$/, '')),
        Object.keys(raw),
      );
    });

    test('a file without any ends as it did', () => {
      assert.ok(textOf(family, {}).endsWith('\n') && !textOf(family, {}).endsWith('\n\n'));
    });
  });

  describe(`${family}: with every setting set`, () => {
    const every = EVERY_SETTING;

    test('every name is one that the phone knows', () => {
      assert.deepEqual(Object.keys(every).sort(), [...SETTING_NAMES].sort(), 'no setting is forgotten here');
      for (const name of read(family, every).keys()) {
        const found = findName(KNOWN, name);
        assert.ok(found.known, name);
        assert.ok(found.tag !== 'legacy' || family === 'legacy', `${name} is an old name`);
      }
    });

    test('every one of them changes the file, but what these phones cannot be told', () => {
      const without = textOf(family, {});
      const unchanging = SETTING_NAMES.filter((name) => textOf(family, { [name]: every[name] }) === without);
      // NAPTR is asked first anyway; a priority counts with a VLAN; a file is encrypted after it is made. The rest is the
      // handsets' matter, and a base has no PC port.
      const ofHandsets = ['dialTimeoutS', 'ringTone', 'autoAnswer', 'pagingGroups', 'pcVlanId'];
      const expected = ['srvLookup', 'vlanPriority', 'fileKey', ...(family === 'multicell' ? ofHandsets : [])];
      assert.deepEqual(unchanging.sort(), expected.sort());
    });

    test('a setting that is unset again leaves the file as the default has it', () => {
      const unset = Object.fromEntries(SETTING_NAMES.map((name) => [name, null]));
      assert.equal(textOf(family, unset), textOf(family, {}));
    });
  });
}

test('a DECT base of a single cell is told of its syslog server in its own word', () => {
  const files = renderAll({ phone: { model: 'W60B' }, tenantSettings: { syslogServer: 'log.example.com' } });
  const all = readLinesFormat([...files].find(([name]) => name.endsWith('.cfg'))?.[1] ?? '');
  assert.equal(all.get('static.syslog.mode'), '1');
  assert.equal(all.get('static.syslog.server'), 'log.example.com');
});

test('no password that is accepted could be read as two', () => {
  assert.equal(SETTINGS.adminPassword.schema.safeParse('user:secret').success, false);
});

// A reading of the vendor's notation of its own: `+5:45`, and month/week/weekday/hour, where week 5 is the last and
// weekday 7 is Sunday.
function minutesOf(offset: string): number {
  const match = /^(?<sign>[+-]?)(?<hours>\d{1,2})(?::(?<minutes>[0-5]\d))?$/.exec(offset);
  assert.ok(match?.groups, offset);
  const { sign, hours, minutes = '0' } = match.groups;
  assert.equal(sign === '', Number(hours) === 0 && Number(minutes) === 0, `${offset}: a sign, unless it is 0`);
  assert.ok(Number(hours) <= 14, 'the phone takes up to 14 hours');
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
}

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

/** The moment, as if the clock on the wall were UTC. Walks the calendar day by day. */
function momentOf(text: string, year: number): number {
  const match = /^(\d+)\/(\d+)\/(\d+)\/(\d+)$/.exec(text);
  assert.ok(match, text);
  const [month = 0, week = 0, weekday = 0, hour = 0] = match.slice(1).map(Number);
  assert.ok(month >= 1 && month <= 12 && week >= 1 && week <= 5 && weekday >= 1 && weekday <= 7 && hour <= 23, text);
  const days = weekdaysOf(year, month, weekday % 7);
  return (week === 5 ? (days.at(-1) ?? 0) : (days[week - 1] ?? 0)) + hour * 60 * MINUTE_MS;
}

/** All days of a month that are this weekday (0 is Sunday). */
function weekdaysOf(year: number, month: number, weekday: number): number[] {
  const first = Date.UTC(year, month - 1, 1);
  const all = Array.from({ length: 31 }, (_, day) => first + day * DAY_MS);
  return all.filter((day) => new Date(day).getUTCMonth() === month - 1 && new Date(day).getUTCDay() === weekday);
}

/** The printed change is the rule's, or the nearest whole hour of its day where the rule has none. */
function assertNear(text: string, { month, week, weekday, minuteOfDay }: Change, year: number, name: string) {
  const days = weekdaysOf(year, month, weekday);
  const exact = (week === 'last' ? (days.at(-1) ?? 0) : (days[week - 1] ?? 0)) + minuteOfDay * MINUTE_MS;
  const lateMinutes = Math.abs(momentOf(text, year) - exact) / MINUTE_MS;
  const isSayable = minuteOfDay % 60 === 0 && minuteOfDay >= 0 && minuteOfDay < 1440;
  const allowed = isSayable ? 0 : Math.max(30, -minuteOfDay, minuteOfDay - 23 * 60);
  assert.ok(lateMinutes <= allowed, `${name} ${year}: ${text} is ${lateMinutes} minutes off`);
}
