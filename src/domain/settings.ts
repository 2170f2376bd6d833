// Settings: what an operator may choose for phones, level by level. No setting names a server, a port, a transport or an
// outbound proxy: those come from the tenant's pool alone, and the schema has no place where they could be written.
import { z } from 'zod';

const seconds = (min: number, max: number) => z.number().int().min(min).max(max);

/** Every setting with its range; the description is what people are shown. */
export const settingsSchema = z.strictObject({
  srvLookup: z
    .enum(['naptr', 'srv'])
    .describe(
      'How the phone finds the servers of its pool: `naptr` asks for NAPTR first and takes the transport from there ' +
        '(RFC 3263), `srv` asks for the SRV records of the pool’s transport at once.',
    ),
  registerExpiresS: seconds(60, 86_400)
    .multipleOf(60, 'must be whole minutes, because some vendors count it in minutes')
    .describe('How long a registration lasts, in seconds; short means that a lost phone is noticed soon.'),
  failbackS: seconds(60, 65_520)
    .multipleOf(60, 'must be whole minutes, because some vendors count it in minutes')
    .describe('After how many seconds on a backup server the phone tries its primary again.'),
  keepAliveS: seconds(15, 160).describe('How often the phone keeps its NAT binding open, in seconds.'),
  ntpServer: z
    .string()
    .regex(/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/, 'must be a host name or an IPv4 address, in lower case')
    .describe('Where the phone gets the time; without the right time it cannot check a TLS certificate.'),
});

export type Settings = Readonly<z.output<typeof settingsSchema>>;
export type SettingName = keyof Settings;
export const SETTING_NAMES = Object.keys(settingsSchema.shape) as SettingName[];

/** What one level says: a value, null to unset what it would inherit, or nothing. */
export const settingsLevelSchema = z
  .strictObject(
    Object.fromEntries(SETTING_NAMES.map((name) => [name, settingsSchema.shape[name].nullable().optional()])) as {
      [Name in SettingName]: z.ZodOptional<z.ZodNullable<(typeof settingsSchema.shape)[Name]>>;
    },
  )
  .readonly();

export type SettingsLevel = z.output<typeof settingsLevelSchema>;

/** What holds where nobody has said anything. */
export const DEFAULT_SETTINGS: Settings = {
  srvLookup: 'srv',
  registerExpiresS: 300,
  failbackS: 600,
  keepAliveS: 30,
  ntpServer: 'pool.ntp.org',
};

/**
 * The settings that hold for a phone: of the levels, given from the most general to the most special, the last one that
 * says something wins, and a null goes back to the default of the product.
 */
export function resolveSettings(levels: readonly SettingsLevel[]): Settings {
  const resolved: Record<string, unknown> = { ...DEFAULT_SETTINGS };
  for (const level of levels) {
    for (const name of SETTING_NAMES) {
      const value = level[name];
      if (value !== undefined) resolved[name] = value ?? DEFAULT_SETTINGS[name];
    }
  }
  return resolved as Settings;
}
