// DHCP: which options a vendor's phones read, and what a network's DHCP server has to give for a provisioning URL.
import { z } from 'zod';
import { invalid } from './errors.ts';

/**
 * An option as a vendor's phones read it. `value` may hold `{url}` (the provisioning URL, with its slash at the end),
 * `{scheme}` and `{address}` (the URL without scheme and without the slash at the end), and `{mac}`, which stays as it is:
 * the phone puts its own MAC address there.
 */
export const dhcpOptionSchema = z
  .strictObject({
    option: z.number().int().min(1).max(254),
    /** The sub-option of option 43 that holds the value; null where the option holds the value alone. */
    suboption: z.number().int().min(1).max(254).nullable().default(null),
    value: z
      .string()
      .regex(
        /^(?:[\x21-\x7a|~]|\{(?:url|scheme|address|mac)\})+$/,
        'may hold {url}, {scheme}, {address} and {mac}, and no blanks',
      ),
    /** Do phones read it as they come, or only once somebody has told them to? */
    read: z.enum(['always', 'whenTold']).default('always'),
    note: z.string().max(200).nullable().default(null),
  })
  .refine(({ option, suboption }) => suboption === null || option === 43, 'only option 43 has sub-options')
  .readonly();

export type DhcpOption = z.output<typeof dhcpOptionSchema>;

/** What a DHCP server has to give. */
export type DhcpValue = {
  readonly option: number;
  readonly suboption: number | null;
  /** The value as text. */
  readonly value: string;
  /** The bytes of option 43 in hexadecimal, as DHCP servers take them; null for options that are entered as text. */
  readonly hex: string | null;
  readonly read: DhcpOption['read'];
  readonly note: string | null;
};

const OPTION_BYTES_MAX = 255;

/**
 * The values for a provisioning URL, in the order in which the phones look for them: the first that is there wins.
 * @throws AppError `invalid` for a URL that is too long for a DHCP option
 */
export function dhcpValues(options: readonly DhcpOption[], provisioningUrl: string): DhcpValue[] {
  const [scheme = '', rest = ''] = provisioningUrl.split('://');
  const words: Record<string, string> = {
    url: provisioningUrl,
    scheme,
    address: rest.replace(/\/+$/, ''),
    mac: '{mac}',
  };
  return options.map(({ option, suboption, value: form, read, note }) => {
    const value = form.replaceAll(/\{(\w+)\}/g, (_placeholder, word: string) => words[word] ?? '');
    const content = Buffer.from(value, 'utf8');
    const bytes = suboption === null ? content : Buffer.concat([Buffer.from([suboption, content.length]), content]);
    if (bytes.length > OPTION_BYTES_MAX) {
      throw invalid(
        `the provisioning URL is too long for DHCP: option ${option} would have ${bytes.length} bytes and may have ` +
          `${OPTION_BYTES_MAX}; choose a shorter HOMEPORT_PUBLIC_URL`,
      );
    }
    return { option, suboption, value, hex: option === 43 ? bytes.toString('hex') : null, read, note };
  });
}
