// What every setting becomes in a Grandstream phone's file, family by family. Numbers and words are copied from the vendor's
// templates, not from vendor.json. Each case compares the whole file, so that a setting moves nothing but its own.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LANGUAGES } from '../../src/domain/settings.ts';
import { timeZoneNames } from '../../src/domain/time-zone.ts';
import { readElements } from '../support/readers.ts';
import { aLine, everyModel, renderAll } from '../support/world.ts';

const MAC = 'c074ada00001';

type Said = Record<string, string>;
type Chosen = {
  readonly posix: string | null;
  readonly language: (typeof LANGUAGES)[number] | null;
  readonly voicemailNumber: string | null;
  readonly mwi: boolean;
  readonly dtmf: 'rfc2833' | 'inband' | 'info';
  readonly srtp: 'off' | 'optional' | 'required';
  readonly callWaiting: boolean;
  readonly syslogServer: string | null;
  readonly adminPassword: string | null;
};

const NOTHING_CHOSEN: Chosen = {
  posix: null,
  language: null,
  voicemailNumber: null,
  mwi: false,
  dtmf: 'rfc2833',
  srtp: 'off',
  callWaiting: true,
  syslogServer: null,
  adminPassword: null,
};

const numbered = (values: Record<number, string>): Said =>
  Object.fromEntries(Object.entries(values).map(([number, value]) => [`P${number}`, value]));
const merged = (...parts: readonly Said[]): Said => Object.assign({}, ...parts);
const when = (condition: unknown, said: Said): Said => (condition ? said : {});
const flag = (on: boolean) => (on ? '1' : '0');
const word = (on: boolean) => (on ? 'Yes' : 'No');

// Key tones as three switches (in the sound, RFC 2833, SIP INFO), or as an order (100, 101 and 102 for the same).
const SWITCHES = { rfc2833: [0, 1, 0], inband: [1, 0, 0], info: [0, 0, 1] } as const;
const ORDER = { rfc2833: [101, 102, 100], inband: [100, 101, 102], info: [102, 101, 100] } as const;

/** The languages of a family: which word stands for which of ours. */
type Languages = Record<(typeof LANGUAGES)[number], string>;
const TWO_LETTERS = Object.fromEntries(LANGUAGES.map((language) => [language, language])) as Languages;
const ANDROID: Languages = {
  en: 'en_US',
  de: 'de_DE',
  fr: 'fr_FR',
  it: 'it_IT',
  es: 'es_ES',
  pt: 'pt_PT',
  nl: 'nl_NL',
  pl: 'pl_PL',
  ru: 'ru_RU',
  tr: 'tr_TR',
};
// The WP810 has German, English, Spanish, French, Italian, Portuguese and Russian.
const WP810: Languages = { ...TWO_LETTERS, nl: 'en', pl: 'en', tr: 'en' };

const DESK = {
  voicemail: [33, 426, 526, 626, 1726, 1826],
  mwi: [99, 415, 515, 615, 1715, 1815],
  tones: [2301, 2401, 2501, 2601, 2701, 2801],
  srtp: [183, 443, 543, 643, 1743, 1843],
};
const ADAPTER = { mwi: [99, 709], order: [850, 860], srtp: [183, 443], noCallWaiting: [91, 791] };

/** What a line adds, and what the phone as a whole does. */
type Shape = {
  readonly perLine: (chosen: Chosen, index: number) => Said;
  readonly perPhone: (chosen: Chosen) => Said;
};

const at = (numbers: readonly number[], index: number): number => numbers[index] ?? assert.fail(`no line ${index + 1}`);

/** What all files of P-values say alike. */
const phoneByNumbers = (chosen: Chosen): Said =>
  merged(
    numbered({ 1411: '0', 207: chosen.syslogServer ?? '' }),
    when(chosen.syslogServer, { P208: '2' }),
    when(chosen.adminPassword, { P2: chosen.adminPassword ?? '' }),
  );
const zone = ({ posix }: Chosen): Said => when(posix, { P64: 'customize', P246: posix ?? '', P143: '0' });

const desk = (languages: Languages, { optional = '3', hasZone = true } = {}): Shape => ({
  perLine: ({ voicemailNumber, mwi, dtmf, srtp }, index) => {
    const [audio, rtp, sip] = SWITCHES[dtmf];
    return numbered({
      [at(DESK.voicemail, index)]: voicemailNumber ?? '',
      [at(DESK.mwi, index)]: flag(mwi),
      [at(DESK.tones, index)]: `${audio}`,
      [at(DESK.tones, index) + 1]: `${rtp}`,
      [at(DESK.tones, index) + 2]: `${sip}`,
      [at(DESK.srtp, index)]: { off: '0', optional, required: '2' }[srtp],
    });
  },
  perPhone: (chosen) =>
    merged(
      phoneByNumbers(chosen),
      when(hasZone, zone(chosen)),
      // "Disable call waiting".
      { P91: flag(!chosen.callWaiting) },
      when(chosen.language, { P1362: chosen.language === null ? '' : languages[chosen.language] }),
    ),
});

/** An adapter's port or profile with this index. */
const adapterPart = ({ mwi, dtmf, srtp, callWaiting }: Chosen, index: number): Said => {
  const [first, second, third] = ORDER[dtmf];
  return numbered({
    [at(ADAPTER.mwi, index)]: flag(mwi),
    [at(ADAPTER.order, index)]: `${first}`,
    [at(ADAPTER.order, index) + 1]: `${second}`,
    [at(ADAPTER.order, index) + 2]: `${third}`,
    [at(ADAPTER.srtp, index)]: { off: '0', optional: '1', required: '2' }[srtp],
    [at(ADAPTER.noCallWaiting, index)]: flag(!callWaiting),
  });
};

const adapter: Shape = {
  perLine: adapterPart,
  perPhone: (chosen) => merged(phoneByNumbers(chosen), zone(chosen)),
};

/** Every port uses the first profile. */
const profiled: Shape = {
  perLine: () => ({}),
  perPhone: (chosen) => merged(phoneByNumbers(chosen), zone(chosen), adapterPart(chosen, 0)),
};

const base: Shape = {
  perLine: () => ({}),
  perPhone: (chosen) => {
    const [audio, rtp, sip] = SWITCHES[chosen.dtmf];
    const { P91: _, ...part } = adapterPart(chosen, 0);
    const profile = numbered({ 27680: chosen.voicemailNumber ?? '', 2301: `${audio}`, 2302: `${rtp}`, 2303: `${sip}` });
    return merged(phoneByNumbers(chosen), zone(chosen), part, profile);
  },
};

const items = ({ hasZone = true, hasLanguage = true, lowerCase = false, optional = 'Optional' } = {}): Shape => {
  const spelt = (said: Said): Said =>
    lowerCase ? Object.fromEntries(Object.entries(said).map(([name, value]) => [name.toLowerCase(), value])) : said;
  return {
    perLine: ({ voicemailNumber, mwi, dtmf, srtp }, index) => {
      const account = `account.${index + 1}`;
      return spelt({
        [`${account}.sip.voicemail.number`]: voicemailNumber ?? '',
        [`${account}.sip.subscribe.forMwi`]: word(mwi),
        [`${account}.dtmf.sendInAudio`]: word(dtmf === 'inband'),
        [`${account}.dtmf.sendInRtp`]: word(dtmf === 'rfc2833'),
        [`${account}.dtmf.sendInSip`]: word(dtmf === 'info'),
        [`${account}.audio.srtpMode`]: { off: 'Disabled', optional, required: 'EnabledAndForced' }[srtp],
      });
    },
    perPhone: ({ posix, language, callWaiting, syslogServer, adminPassword }) =>
      spelt(
        merged(
          { 'sip.override.dhcp.allowOption120': 'No', 'maintain.syslog.server': syslogServer ?? '' },
          when(syslogServer, { 'maintain.syslog.level': 'Info' }),
          when(hasZone && posix, {
            'dateTime.timezone': 'customize',
            'dateTime.timezone.custom': posix ?? '',
            'dateTime.override.dhcp.allowOption2': 'No',
          }),
          when(hasLanguage && language, { 'language.gui': language ?? '' }),
          { 'call.callWaiting.enable': word(callWaiting) },
          when(adminPassword, { 'users.admin.password': adminPassword ?? '' }),
        ),
      ),
  };
};

const PNP = { P1414: '0' };
const TR069 = { P1409: '0' };
const OTHER_OPTIONS = { P8337: '0' };
const PNP_ITEMS = { 'provisioning.3cxAutoProvision': 'No', 'provisioning.pnp.enable': 'No', 'tr069.enable': 'No' };

/** Family → how its settings are written, and what keeps other servers out. */
const FAMILIES: Record<string, { readonly model: string; readonly shape: Shape; readonly guards: Said }> = {
  gxp14: { model: 'GXP2100', shape: desk(TWO_LETTERS), guards: { ...PNP, ...TR069 } },
  gxp16: { model: 'GXP1630', shape: desk(TWO_LETTERS), guards: { ...OTHER_OPTIONS, ...PNP } },
  gxp17: { model: 'GXP1782', shape: desk(TWO_LETTERS), guards: { ...OTHER_OPTIONS, ...PNP } },
  gxp21: { model: 'GXP2170', shape: desk(TWO_LETTERS), guards: { ...OTHER_OPTIONS, ...PNP, ...TR069 } },
  gxp2160: { model: 'GXP2160', shape: desk(TWO_LETTERS), guards: { ...OTHER_OPTIONS, ...PNP, ...TR069 } },
  gxv32: {
    model: 'GXV3275',
    shape: desk(ANDROID, { hasZone: false }),
    guards: { ...PNP, ...TR069, P22032: '0', P22053: '0', P1407: '0' },
  },
  wp8: {
    model: 'WP820',
    shape: desk(WP810, { optional: '1' }),
    guards: { ...OTHER_OPTIONS, ...TR069, P22053: '0', P1407: '0' },
  },
  ht70: { model: 'HT702', shape: adapter, guards: {} },
  ht80: { model: 'HT802', shape: adapter, guards: { ...PNP, ...TR069 } },
  ht80v2: { model: 'HT802V2', shape: adapter, guards: { ...OTHER_OPTIONS, ...PNP, ...TR069 } },
  ht813: { model: 'HT813', shape: adapter, guards: { ...PNP, ...TR069 } },
  ht704: { model: 'HT704', shape: profiled, guards: {} },
  ht81: { model: 'HT818', shape: profiled, guards: { ...PNP, ...TR069 } },
  dp75: { model: 'DP752', shape: base, guards: { ...PNP, ...TR069 } },
  grp: {
    model: 'GRP2616',
    shape: items(),
    guards: {
      'provisioning.override.dhcp.allowCustomOption': 'None',
      'provisioning.override.dhcp.enableOption150': 'No',
      'provisioning.override.dhcp.enableOption160': 'No',
      'provisioning.override.dhcp.enableOption161': 'No',
      'provisioning.3cxAutoProvision': 'No',
      'tr069.enable': 'No',
    },
  },
  wp8x6: {
    model: 'WP836',
    shape: items(),
    guards: { ...PNP_ITEMS, 'provisioning.override.dhcp.allowCustomOption': 'None' },
  },
  gxv33: {
    model: 'GXV3480',
    shape: items({ hasZone: false, optional: 'EnabledButNotForced' }),
    guards: { ...PNP_ITEMS, 'provisioning.override.dhcp.allowOptions242': 'No' },
  },
  ghp: {
    model: 'GHP621',
    shape: items({ hasLanguage: false, lowerCase: true }),
    guards: {
      'provisioning.3cxautoprovision': 'No',
      'provisioning.pnp.enable': 'No',
      'provisioning.override.dhcp.allowcustomoption': 'None',
      'tr069.enable': 'No',
    },
  },
};

const linesOf = (model: string): number =>
  everyModel().find((entry) => entry.vendor === 'grandstream' && entry.model === model)?.lines ?? assert.fail(model);

function read(model: string, tenantSettings: object): Said {
  const lines = Array.from({ length: linesOf(model) }, () => aLine());
  const files = renderAll({ phone: { vendor: 'grandstream', model, mac: MAC, lines }, tenantSettings });
  return Object.fromEntries(readElements(files.get(`cfg${MAC}.xml`) ?? assert.fail('no file')));
}

/** The settings as they are chosen, and the same as the phone's file has to say it. */
type Case = [name: string, tenantSettings: object, chosen: Partial<Chosen>];

const CASES: Case[] = [
  ['nothing', {}, {}],
  ['a time zone', { timeZone: 'Europe/Berlin' }, { posix: 'STD-1DST-2,M3.5.0/02:00:00,M10.5.0/03:00:00' }],
  ['a time zone without daylight saving', { timeZone: 'Asia/Kolkata' }, { posix: 'STD-5:30' }],
  ...LANGUAGES.map((language): Case => [`the language ${language}`, { language }, { language }]),
  ['a voicemail number', { voicemailNumber: '*97#' }, { voicemailNumber: '*97#' }],
  ...[true, false].map((mwi): Case => [`message waiting ${word(mwi)}`, { mwi }, { mwi }]),
  ...(['rfc2833', 'inband', 'info'] as const).map((dtmf): Case => [`key tones ${dtmf}`, { dtmf }, { dtmf }]),
  ...(['off', 'optional', 'required'] as const).map((srtp): Case => [`encryption ${srtp}`, { srtp }, { srtp }]),
  ...[true, false].map((callWaiting): Case => [`call waiting ${word(callWaiting)}`, { callWaiting }, { callWaiting }]),
  ['a syslog server', { syslogServer: 'log.example.com' }, { syslogServer: 'log.example.com' }],
  ['an administrator password', { adminPassword: `Ab&<>"'12` }, { adminPassword: `Ab&<>"'12` }],
];

test('every family is tested', () => {
  const families = everyModel().flatMap(({ vendor, family }) => (vendor === 'grandstream' ? [family] : []));
  assert.deepEqual(Object.keys(FAMILIES).sort(), [...new Set(families)].sort());
});

for (const [family, { model, shape, guards }] of Object.entries(FAMILIES)) {
  describe(family, () => {
    const lines = Array.from({ length: linesOf(model) }, (_, index) => index);
    const says = (chosen: Chosen): Said =>
      merged(guards, shape.perPhone(chosen), ...lines.map((index) => shape.perLine(chosen, index)));

    test('what keeps other servers out is always said, and how the phone found us is left alone', () => {
      const said = read(model, {});
      for (const [name, value] of Object.entries(guards)) assert.equal(said[name], value, name);
      for (const name of Object.keys(said)) {
        assert.doesNotMatch(name, /^(?:P145|P20719|P237|P212|.*allowcommonoptions|provisioning\.config\..*)$/i);
      }
    });

    for (const [name, tenantSettings, chosen] of CASES) {
      test(name, () => {
        const plain = read(model, {});
        const ours = new Set(Object.keys(says(NOTHING_CHOSEN)));
        const rest = Object.fromEntries(Object.entries(plain).filter(([each]) => !ours.has(each)));
        assert.deepEqual(read(model, tenantSettings), { ...rest, ...says({ ...NOTHING_CHOSEN, ...chosen }) });
      });
    }
  });
}

describe('the time zone', () => {
  const custom = (timeZone: string) => read('GXP1610', { timeZone }).P246 ?? assert.fail(timeZone);
  const known: [name: string, rule: string][] = [
    ['Europe/Berlin', 'STD-1DST-2,M3.5.0/02:00:00,M10.5.0/03:00:00'],
    ['America/New_York', 'STD+5DST+4,M3.2.0/02:00:00,M11.1.0/02:00:00'],
    ['Asia/Kolkata', 'STD-5:30'],
    ['Australia/Sydney', 'STD-10DST-11,M10.1.0/02:00:00,M4.1.0/03:00:00'],
    ['America/St_Johns', 'STD+3:30DST+2:30,M3.2.0/02:00:00,M11.1.0/02:00:00'],
  ];
  for (const [name, rule] of known) test(name, () => assert.equal(custom(name), rule));

  test('every zone fits into the 64 characters of the phone and is a rule that it can read', () => {
    const offset = String.raw`[+-](?:\d|1[0-4])(?::[0-5]\d)?`;
    const change = String.raw`M(?:[1-9]|1[0-2])\.[1-5]\.[0-6]/(?:[01]\d|2[0-4]):[0-5]\d:00`;
    const rule = new RegExp(`^STD${offset}(?:DST${offset},${change},${change})?$`);
    for (const name of timeZoneNames) {
      const text = custom(name);
      assert.ok(text.length <= 64, `${name}: ${text}`);
      assert.match(text, rule, name);
    }
  });

  test('is the same in files of items', () => {
    for (const [name, rule] of known) {
      assert.equal(read('GRP2612', { timeZone: name })['dateTime.timezone.custom'], rule);
      assert.equal(read('GHP610', { timeZone: name })['datetime.timezone.custom'], rule);
    }
  });
});
