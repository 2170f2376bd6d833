// The dial plan: which numbers are complete while they are being dialled. Operators write one notation, and each vendor's
// phones get their own.
import { z } from 'zod';
import { lineText } from './text.ts';

const PATTERN = /^\+?(?:[0-9*#x]|\[(?:[0-9](?:-[0-9])?)+\])+\.?$/;
const PATTERNS_MAX = 50;

/**
 * A pattern: digits, `*`, `#` and a `+` in front stand for themselves, `x` for any digit, `[2-9]` for one digit of a set, and a `.` at
 * the end for one or more digits more. A number that fits a pattern without a dot is dialled at once, one that fits a
 * pattern with a dot when nothing more is pressed for a while.
 */
const patternSchema = lineText(64).regex(
  PATTERN,
  'must be digits, *, #, x, [2-9], perhaps a + in front and a dot at the end',
);

export const dialPlanSchema = z
  .array(patternSchema)
  .min(1, 'must have a pattern')
  .max(PATTERNS_MAX)
  .refine((patterns) => new Set(patterns).size === patterns.length, 'has a pattern twice')
  .readonly();

const isOpen = (pattern: string) => pattern.endsWith('.');
const stem = (pattern: string) => (isOpen(pattern) ? pattern.slice(0, -1) : pattern);

export const dialPlanViewSchema = z.strictObject({
  /** The digit map of RFC 3435 section 2.1.5, `11x|0xx.T`: `x.` is any number of digits, `T` the pause. */
  digitMap: z.string(),
  /** `11x | 0x+ | \+49x+`: `x+` is one or more digits, `\+` the sign itself. */
  alternatives: z.string(),
  /** The patterns without a dot, which are dialled at once. */
  fixed: z.array(
    z.strictObject({
      number: z.number(),
      pattern: z.string(),
      /** The whole number as a regular expression with one group around it; it holds no blank and no bar. */
      regex: z.string(),
      /** Does another pattern stand before it? */
      further: z.boolean(),
    }),
  ),
  /** The places behind them that are not used, up to the last that there can be. */
  unusedFixed: z.array(z.strictObject({ number: z.number() })),
});

/** The numbers behind `used` up to `most`, for places that are to be cleared. */
export const numbersBetween = (used: number, most: number): { number: number }[] =>
  Array.from({ length: Math.max(0, most - used) }, (_, index) => ({ number: used + index + 1 }));

/**
 * A pattern as an extended regular expression of POSIX. A sign in front is "anything but a digit, * or #", as some phones
 * take a plus sign in a configuration file for a blank.
 */
const regexOf = (pattern: string) =>
  `^(${pattern.replaceAll('*', '[*]').replaceAll('x', '[0-9]').replace(/^\+/, '[^0-9*#]')})$`;

/** A dial plan in the notations that phones use. */
export function dialPlanView(patterns: readonly string[]): z.output<typeof dialPlanViewSchema> {
  const fixed = patterns.filter((pattern) => !isOpen(pattern));
  return {
    digitMap: patterns.map((pattern) => (isOpen(pattern) ? `${stem(pattern)}xx.T` : pattern)).join('|'),
    alternatives: patterns
      .map((pattern) => (isOpen(pattern) ? `${stem(pattern)}x+` : pattern).replace(/^\+/, '\\+'))
      .join(' | '),
    fixed: fixed.map((pattern, index) => ({
      number: index + 1,
      pattern,
      regex: regexOf(pattern),
      further: index > 0,
    })),
    unusedFixed: numbersBetween(fixed.length, PATTERNS_MAX),
  };
}
