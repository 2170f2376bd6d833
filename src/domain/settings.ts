// Settings: what an operator may choose for phones, level by level. No setting names a server, a port, a transport or an
// outbound proxy of SIP: those come from the tenant's pool alone, and there is no place where they could be written.
import { z } from 'zod';
import { dialPlanSchema } from './dial-plan.ts';
import type { Parameters } from './parameters.ts';
import { lineText } from './text.ts';
import { timeZoneSchema } from './time-zone.ts';

type Definition<Schema extends z.ZodType, Fallback> = {
  readonly schema: Schema;
  /** What holds where nobody has said anything; null leaves the matter to the phone. */
  readonly fallback: Fallback;
  readonly title: string;
  readonly description: string;
  /** A secret is write-only: it is shown as set or not set. */
  readonly secret: boolean;
};

const setting = <Schema extends z.ZodType, const Fallback extends z.output<Schema> | null>(
  schema: Schema,
  fallback: Fallback,
  title: string,
  description: string,
): Definition<Schema, Fallback> => ({ schema, fallback, title, description, secret: false });

const secret = <Schema extends z.ZodType>(
  schema: Schema,
  title: string,
  description: string,
): Definition<Schema, null> => ({
  ...setting(schema, null, title, description),
  secret: true,
});

const seconds = (min: number, max: number) => z.number().int().min(min).max(max);
const wholeMinutes = (min: number, max: number) =>
  seconds(min, max).multipleOf(60, 'must be whole minutes, because some vendors count it in minutes');

const plainHost = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/, 'must be a host name or an IPv4 address, in lower case');

export const LANGUAGES = ['en', 'de', 'fr', 'it', 'es', 'pt', 'nl', 'pl', 'ru', 'tr'] as const;

/** What phones can speak, by the names of RFC 3551 and its successors. */
export const CODECS = ['opus', 'g722', 'pcma', 'pcmu', 'g729', 'ilbc', 'g726'] as const;

const distinct = (items: readonly unknown[]) => new Set(items).size === items.length;

const wholeHours = z
  .string()
  .regex(/^(?:off|(?:[01]\d|2[0-3]):00-(?:[01]\d|2[0-3]):00)$/, 'must be whole hours such as 02:00-05:00, or off')
  .refine((window) => window === 'off' || window.slice(0, 5) !== window.slice(6), 'must last an hour or more');

/** So many groups every phone that has them can listen to. */
export const PAGING_GROUPS_MAX = 10;

const pagingGroup = z
  .strictObject({
    address: z
      .string()
      .regex(
        /^(?:22[4-9]|23\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}:[1-9]\d{3,4}$/,
        'must be a multicast address with a port, such as 224.0.1.75:10000',
      )
      .refine((address) => Number(address.split(':')[1]) <= 65_535, 'has a port above 65535'),
    label: lineText(20),
  })
  .readonly();

const phonePassword = lineText(32).regex(
  /^[\x21-\x39\x3b-\x7e]{6,32}$/,
  'must have 6 to 32 printable ASCII characters without blanks and colons: phones take no others',
);

/** Every setting there is. */
export const SETTINGS = {
  srvLookup: setting(
    z.enum(['naptr', 'srv']),
    'srv',
    'Server lookup',
    'How the phone finds the servers of its pool: `naptr` asks for NAPTR first and takes the transport from there (RFC 3263), `srv` asks for the SRV records of the pool’s transport at once.',
  ),
  registerExpiresS: setting(
    wholeMinutes(60, 86_400),
    300,
    'Registration lasts',
    'How long a registration lasts, in seconds; short means that a lost phone is noticed soon.',
  ),
  failbackS: setting(
    wholeMinutes(60, 65_520),
    600,
    'Return to the primary after',
    'After how many seconds on a backup server the phone tries its primary again.',
  ),
  keepAliveS: setting(
    seconds(15, 160),
    30,
    'NAT keep-alive every',
    'How often the phone keeps its NAT binding open, in seconds.',
  ),
  ntpServer: setting(
    plainHost,
    'pool.ntp.org',
    'Time server',
    'Where the phone gets the time; without the right time it cannot check a TLS certificate.',
  ),
  timeZone: setting(
    timeZoneSchema,
    null,
    'Time zone',
    'The phone’s time zone by its IANA name, such as Europe/Berlin; daylight saving follows from it.',
  ),
  poll: setting(
    wholeHours,
    '02:00-05:00',
    'Looks for changes between',
    'The hours of the night, in the phone’s own time, in which a phone asks for its files once; each at another moment.',
  ),
  language: setting(z.enum(LANGUAGES), null, 'Language', 'The language of the screen, where the phone has it.'),
  voicemailNumber: setting(
    lineText(32).regex(/^[0-9*#+]+$/, 'must be a number: digits, *, # and +'),
    null,
    'Voicemail number',
    'What the message key dials.',
  ),
  mwi: setting(
    z.boolean(),
    false,
    'Message waiting',
    'Should each line subscribe to the message waiting indication? Off where the server sends it unasked.',
  ),
  dtmf: setting(
    z.enum(['rfc2833', 'inband', 'info']),
    'rfc2833',
    'Key tones',
    'How key tones travel: as RTP events (RFC 4733, formerly 2833), in the sound, or as SIP INFO.',
  ),
  srtp: setting(
    z.enum(['off', 'optional', 'required']),
    'off',
    'Encrypted sound',
    'Whether sound is encrypted (SRTP); only with transport TLS is the key protected too.',
  ),
  codecs: setting(
    z.array(z.enum(CODECS)).min(1).max(CODECS.length).refine(distinct, 'has a codec twice').readonly(),
    null,
    'Codecs',
    'What the phone offers for sound, the most wanted first; all others are off.',
  ),
  dialPlan: setting(
    dialPlanSchema,
    null,
    'Dial plan',
    'Which numbers are complete as they are dialled: digits, * and # stand for themselves, x for any digit, [2-9] for one of a set, and a dot at the end for one or more digits more, dialled after a pause.',
  ),
  dialTimeoutS: setting(
    seconds(2, 14),
    4,
    'Dials after',
    'How many seconds after the last digit a number is dialled that no pattern completes.',
  ),
  ringTone: setting(z.number().int().min(1).max(5), null, 'Ring tone', 'Which of the phone’s own ring tones it plays.'),
  autoAnswer: setting(
    z.enum(['off', 'asked', 'always']),
    'asked',
    'Answers by itself',
    'Whether a call is answered without a hand: never, when the server asks for it (intercom and paging), or always.',
  ),
  pagingGroups: setting(
    z.array(pagingGroup).max(PAGING_GROUPS_MAX).readonly(),
    null,
    'Paging groups',
    'Multicast addresses whose announcements the phone plays.',
  ),
  vlanId: setting(
    z.number().int().min(1).max(4094),
    null,
    'Voice VLAN',
    'The VLAN of the phone itself. A wrong one takes the phone off the network until somebody stands beside it.',
  ),
  vlanPriority: setting(z.number().int().min(0).max(7), 5, 'VLAN priority', 'Priority of the phone’s packets, 802.1p.'),
  pcVlanId: setting(z.number().int().min(1).max(4094), null, 'PC VLAN', 'The VLAN of the phone’s PC port.'),
  lldp: setting(z.boolean(), true, 'LLDP', 'May a switch tell the phone its VLAN (LLDP-MED)?'),
  signalDscp: setting(z.number().int().min(0).max(63), 26, 'DSCP of SIP', 'Marks SIP packets; 26 is AF31 (RFC 2597).'),
  voiceDscp: setting(z.number().int().min(0).max(63), 46, 'DSCP of sound', 'Marks RTP packets; 46 is EF (RFC 3246).'),
  checkSync: setting(
    z.enum(['soft', 'restart', 'ignore']),
    'soft',
    'On check-sync',
    'What a phone does when it is told to fetch again: fetch, and restart only if it must; always restart; or nothing.',
  ),
  firmware: setting(
    z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$/, 'must be the name of an image, without a folder'),
    null,
    'Firmware',
    'The image in the firmware directory that phones take, best chosen for a model; what exactly is named depends on the vendor (docs/operators-guide.md). Without one a phone keeps what it has.',
  ),
  phonebook: setting(
    z.boolean(),
    true,
    'Phonebook',
    'Does the phone show its tenant’s phonebook: the lines of the tenant’s phones, and its contacts?',
  ),
  keepLocalChanges: setting(
    z.boolean(),
    false,
    'Keep changes made on the phone',
    'Do changes that people make on the phone outlive the next fetch, where the phone can be told? They are uploaded, and reported when they touch a server.',
  ),
  callWaiting: setting(z.boolean(), true, 'Call waiting', 'May a second call arrive during a call?'),
  syslogServer: setting(plainHost, null, 'Syslog server', 'Where the phone sends its log by UDP, port 514.'),
  fileKey: secret(
    z
      .string()
      .regex(
        /^(?:[\w#$%*+,.:=?@[\]^{}~-]{16}|[\w#$%*+,.:=?@[\]^{}~-]{32})$/,
        'must have 16 or 32 letters, digits or #$%*+,-.:=?@[]^_{}~',
      ),
    'File key',
    'Encrypts files for phones that can read that. Give the phone this key by hand first, or it cannot read its files any more. It hides files from a glance, it is no defence: use HTTPS.',
  ),
  adminPassword: secret(phonePassword, 'Administrator password', 'The administrator’s password of the phone itself.'),
  userPassword: secret(
    phonePassword,
    'User password',
    'The password of the phone’s own pages for the person who uses it.',
  ),
} as const;

export type SettingName = keyof typeof SETTINGS;
type FallbackOf<Name extends SettingName> = (typeof SETTINGS)[Name]['fallback'];

/** The settings that hold for a phone, complete. */
export type Settings = {
  readonly [Name in SettingName]:
    | z.output<(typeof SETTINGS)[Name]['schema']>
    | (null extends FallbackOf<Name> ? null : never);
};

export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];

type LevelShape = { [Name in SettingName]: z.ZodOptional<z.ZodNullable<(typeof SETTINGS)[Name]['schema']>> };

/** What one level says: a value, null to unset what it would inherit, or nothing. */
export const settingsLevelSchema = z
  .strictObject(
    Object.fromEntries(SETTING_NAMES.map((name) => [name, SETTINGS[name].schema.nullable().optional()])) as LevelShape,
  )
  .readonly();

export type SettingsLevel = z.output<typeof settingsLevelSchema>;

/** Where a level stands, from the most general to the most special; `of` names the vendor, model, tenant or phone. */
export const LEVELS = ['product', 'installation', 'vendor', 'model', 'tenant', 'phone'] as const;
export type LevelName = (typeof LEVELS)[number];

/** What somebody has chosen at one level. */
export type Choices = { readonly settings: SettingsLevel; readonly parameters: Parameters };
export type NamedLevel = Choices & { readonly level: LevelName; readonly of: string };

const FALLBACKS = Object.fromEntries(SETTING_NAMES.map((name) => [name, SETTINGS[name].fallback])) as Settings;

/** The product's own level: its defaults, with those that a vendor needs otherwise. */
export const productLevel = (vendorDefaults: SettingsLevel): NamedLevel => ({
  level: 'product',
  of: '',
  settings: { ...(FALLBACKS as SettingsLevel), ...vendorDefaults },
  parameters: {},
});

/**
 * The settings that hold for a phone. Of the levels, given from the most general (the product's) to the most special, the
 * last one that says something wins; a null goes back to the product's default.
 */
export function resolveSettings(levels: readonly NamedLevel[]): Settings {
  const resolved: Record<string, unknown> = {};
  for (const name of SETTING_NAMES) resolved[name] = originOf(name, levels).value;
  return resolved as Settings;
}

export type Origin = { readonly value: unknown; readonly level: LevelName; readonly of: string };

/** Where the value of one setting comes from. */
export function originOf(name: SettingName, levels: readonly NamedLevel[]): Origin {
  const [product] = levels;
  if (product?.level !== 'product') throw new Error('assertion failed: the first level is the product’s');
  const { level, of, settings } = levels.findLast((entry) => entry.settings[name] !== undefined) ?? product;
  return { value: settings[name] ?? product.settings[name] ?? null, level, of };
}

/** What stands in the place of a secret. */
export const MASK = '********';

/** A level as people may see it: a secret is only said to be set. */
export const maskSettings = (settings: SettingsLevel): SettingsLevel =>
  Object.fromEntries(
    Object.entries(settings).map(([name, value]) => {
      const isSecret = SETTINGS[name as SettingName].secret && typeof value === 'string';
      return [name, isSecret ? MASK : value];
    }),
  );

/** The level that somebody sent, with every secret that came back masked as it was before. */
export const keepMasked = (before: SettingsLevel, sent: SettingsLevel): SettingsLevel =>
  Object.fromEntries(
    Object.entries(sent)
      .map(([name, value]) => [name, value === MASK ? before[name as SettingName] : value])
      .filter(([, value]) => value !== undefined),
  );
