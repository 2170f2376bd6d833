// File formats: how a value is written so that the phone reads back exactly that value. Every value of every file passes
// here, once, so no template can forget it.
import { textFault } from '../domain/text.ts';

const XML_ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

const encoders = {
  /** `name = value` to the end of the line, nothing escaped: safe because no value can hold a line break. */
  lines: (value: string) => value,
  /** XML 1.0, for text and for attributes in double quotes. */
  xml: (value: string) => value.replaceAll(/[&<>"']/g, (character) => XML_ENTITIES[character] ?? character),
  /** One cell of comma separated values (RFC 4180), and never one that a spreadsheet takes for a formula. */
  csv: (value: string) => {
    const harmless = /^[=+\-@]/.test(value) ? `'${value}` : value;
    return /[",;\s']/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
  },
};

export type Format = keyof typeof encoders;
export const FORMATS = Object.keys(encoders) as [Format, ...Format[]];

/**
 * The encoder of a format.
 * @returns a function that throws an Error for a text that no file can carry; such a text is refused long before, so
 *   meeting one here is a fault of ours and must not reach a phone. The error never holds the text.
 */
export function encoderOf(format: Format): (value: string) => string {
  const encode = encoders[format];
  return (value) => {
    const fault = textFault(value);
    if (fault !== null) throw new Error(`assertion failed: a value for a ${format} file ${fault}`);
    return encode(value);
  };
}

// How a line of a file begins when it gives a parameter: `name = value`, `<item name="…">`, `<P47>`, `<ntp perm="">`,
// `name="…"`.
const PARAMETER_LINE =
  /^\s*(?:<item name="(?<item>[^"]+)">|<(?<element>[A-Za-z_][\w.-]*)(?:\s[^<>]*)?>|(?<name>[A-Za-z][\w.-]*)(?: = |="))/;

/**
 * The text with only the last of the lines that give the same one of `names`: raw parameters stand behind what the
 * template says itself, and a file should not say two things. Templates give one parameter a line.
 */
export function keepLastOf(names: ReadonlySet<string>, text: string): string {
  if (names.size === 0) return text;
  const seen = new Set<string>();
  const kept = text
    .split('\n')
    .reverse()
    .filter((line) => {
      const groups = PARAMETER_LINE.exec(line)?.groups;
      const name = groups?.element ?? groups?.item ?? groups?.name;
      if (name === undefined || !names.has(name)) return true;
      if (seen.has(name)) return false;
      seen.add(name);
      return true;
    });
  return kept.reverse().join('\n');
}

const NAMES: Record<Format, RegExp> = {
  // A table holds no parameters.
  csv: /(?!)/g,
  lines: /^[^\S\n]*(?<name>[^\s=#]+)[^\S\n]*=/gm,
  xml: /\s(?<name>[A-Za-z][\w.-]*)\s*=\s*["']/g,
};

/** The names of all parameters in a file that a phone wrote, each once: lines, or the attributes of any element. */
export const parameterNamesIn = (format: Format, text: string): string[] => [
  ...new Set([...text.matchAll(NAMES[format])].map((match) => match.groups?.name ?? '')),
];
