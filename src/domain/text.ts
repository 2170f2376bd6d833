// Which text may enter the house. Every value here ends up in a phone's configuration file, where a line break would
// start a new setting and a control character would make the file unreadable, so both are refused at the door.
import { z } from 'zod';

// Control characters, lone surrogates and non-characters (the last two cannot be written in UTF-8 or in XML 1.0, section
// 2.2), the Unicode line and paragraph separators, the byte order mark, and direction overrides, which make a label read
// as another one.
const FORBIDDEN = /[\p{Cc}\p{Cs}\p{NChar}\u2028\u2029\ufeff\u202a-\u202e\u2066-\u2069]/u;

/** Why a text cannot be written into a phone's file, or null when it can. The reason never quotes the text. */
export function textFault(text: string): string | null {
  if (FORBIDDEN.test(text)) {
    return 'contains a line break, a control character or another character that a configuration file cannot carry; remove it';
  }
  // Phones trim values; a password with a blank at its end would arrive as another password.
  if (text !== text.trim()) return 'begins or ends with white space, which phones cut off; remove it';
  return null;
}

/** A text of one line that reaches phones unchanged. `max` counts UTF-16 units. */
export const lineText = (max: number) =>
  z
    .string()
    .min(1, 'must not be empty; leave it out instead')
    .max(max, `must have at most ${max} characters`)
    .superRefine((text, context) => {
      const fault = textFault(text);
      if (fault !== null) context.addIssue({ code: 'custom', message: fault });
    });

/** The name of a server, pool or tenant: what people type and what stands in paths. */
export const nameSchema = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/,
    'must have 1 to 63 letters, digits, "-" or "_" and begin with a letter or digit',
  );

/** A DNS host name of two labels or more (RFC 1123), kept in lower case, without the trailing dot of zone files. */
export const hostNameSchema = z
  .string()
  .max(254, 'must have at most 253 characters')
  .transform((text) => text.toLowerCase().replace(/\.$/, ''))
  .superRefine((host, context) => {
    const labels = host.split('.');
    const wellFormed = labels.every((label) => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(label));
    if (!wellFormed || labels.length < 2 || host.length > 253) {
      context.addIssue({ code: 'custom', message: 'must be a full DNS name such as pbxa.example.com, without a port' });
    } else if (/^\d+$/.test(labels.at(-1) ?? '')) {
      context.addIssue({
        code: 'custom',
        message: 'must be a DNS name, not an IP address: phones find servers by SRV',
      });
    }
  });

/** The order of code units, the same on every machine and in every language. */
export const compareText = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);
