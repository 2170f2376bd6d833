// May an operator give this raw parameter? The names that a vendor's phones know and the names that are reserved are data
// in the vendor's folder; here are the rules over them, and they are pure.
import { z } from 'zod';

type KnownName = {
  /** The name as the list writes it, with placeholders. */
  readonly pattern: string;
  readonly tag: string | null;
};

export type ParameterNames = {
  /** Shape, see `shapeOf`, → the known names of that shape. */
  readonly byShape: ReadonlyMap<string, readonly KnownName[]>;
  /** The same names for proposing them, by shape in lower case. */
  readonly proposals: readonly { readonly shape: string; readonly patterns: readonly string[] }[];
};

export type FoundName =
  | { readonly known: true; readonly tag: string | null }
  | { readonly known: false; readonly nearest: readonly string[] };

export type ReservedParameter = {
  /** A regular expression for the whole name. */
  readonly pattern: string;
  /** The end of a sentence that begins with the name, and what to do instead. */
  readonly reason: string;
};

export type ParameterRules = { readonly names: ParameterNames; readonly reserved: readonly ReservedParameter[] };

export type ParameterVerdict =
  | { readonly state: 'ok' }
  | { readonly state: 'warning'; readonly message: string }
  | { readonly state: 'refused'; readonly message: string };

/**
 * Reserved means the whole name in any case: vendors differ in whether case counts, and a name that slips through would
 * point a phone elsewhere, while a name refused in vain costs a look into the manual.
 */
const wholeName = (pattern: string) => new RegExp(`^(?:${pattern})$`, 'i');

/** The list of reserved names of a vendor, as its folder holds it. */
export const reservedParametersSchema = z.array(
  z.strictObject({
    pattern: z.string().refine((source) => {
      try {
        wholeName(source);
        return true;
      } catch {
        return false;
      }
    }, 'is not a regular expression'),
    reason: z.string().min(1),
  }),
);

/** Nothing that any format gives a meaning to, so that a name is only ever a name. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
const PLACEHOLDER = /^(?:[XYZ]|\{i\})$/;
const INDEX = /^[1-9][0-9]{0,3}$/;
const NUMBER = /^[0-9]+$/;
/** A letter and a number is all there is to such a name, and the next number means something else altogether. */
const NUMBERED = /^[A-Za-z][0-9]+$/;

const NEAREST_MAX = 3;
/** A name counts as near when at most this share of it has to change, and two letters always. */
const NEAR_SHARE = 0.25;
const NEAR_LETTERS_MIN = 2;

const LEGACY = 'legacy';
const UNVERIFIED = 'unverified';

/**
 * Reads a vendor's list of known names: one a line, a tag after a tab, lines with `#` are for people.
 * @throws Error naming the line, when the list is not in order
 */
export function loadParameterNames(text: string): ParameterNames {
  const byShape = new Map<string, KnownName[]>();
  text.split(/\r?\n/).forEach((line, index) => {
    if (line === '' || line.startsWith('#')) return;
    const [pattern = '', tag = null, ...rest] = line.split('\t');
    const shape = shapeOf(pattern);
    const same = byShape.get(shape) ?? [];
    const wellFormed = NAME.test(pattern.replaceAll('{i}', 'X')) && rest.length === 0 && tag !== '';
    if (!wellFormed || same.some((known) => known.pattern === pattern)) {
      throw new Error(`line ${index + 1}: must be a name that stands once, and after a tab its tag if it has one`);
    }
    byShape.set(shape, [...same, { pattern, tag }]);
  });
  return { byShape, proposals: proposalsOf(byShape) };
}

/** Old spellings are known, but nobody should be led to them; nor from one number to the next. */
function proposalsOf(byShape: ParameterNames['byShape']): ParameterNames['proposals'] {
  return [...byShape].flatMap(([shape, same]) => {
    const patterns = same.flatMap(({ pattern, tag }) => (tag === LEGACY ? [] : [pattern]));
    return patterns.length === 0 || NUMBERED.test(shape) ? [] : [{ shape: shape.toLowerCase(), patterns }];
  });
}

/** A name with every index replaced: what is left to compare when the numbers do not matter. */
const shapeOf = (name: string): string =>
  name
    .split('.')
    .map((part) => (NUMBER.test(part) || PLACEHOLDER.test(part) ? '#' : part))
    .join('.');

const numbersOf = (name: string): string[] => name.split('.').filter((part) => NUMBER.test(part));

/** Looks a name up; a name that is not known comes with the known names nearest to it, the nearest first. */
export function findName(names: ParameterNames, name: string): FoundName {
  const known = knownAs(names, name);
  return known === null ? { known: false, nearest: nearestTo(names, name) } : { known: true, tag: known.tag };
}

function knownAs(names: ParameterNames, name: string): KnownName | null {
  const parts = name.split('.');
  const same = names.byShape.get(shapeOf(name)) ?? [];
  const fits = (part: string, given = ''): boolean => (PLACEHOLDER.test(part) ? INDEX.test(given) : part === given);
  const matching = same.filter(({ pattern }) => pattern.split('.').every((part, at) => fits(part, parts[at])));
  // The name itself is more certain than a pattern that happens to cover it.
  return matching.find(({ pattern }) => pattern === name) ?? matching[0] ?? null;
}

type Near = { readonly name: string; readonly distance: number; readonly shared: number };

function nearestTo(names: ParameterNames, name: string): string[] {
  if (!NAME.test(name) || NUMBERED.test(name)) return [];
  const wanted = shapeOf(name).toLowerCase();
  const limit = Math.max(NEAR_LETTERS_MIN, Math.floor(wanted.length * NEAR_SHARE));
  const numbers = numbersOf(name);
  let best: Near[] = [];
  for (const { shape, patterns } of names.proposals) {
    const farthest = best.length < NEAREST_MAX ? limit : (best.at(-1)?.distance ?? limit);
    // What two names begin with costs nothing, and most of a name is what it shares with others.
    const shared = sharedStart(wanted, shape);
    const distance = distanceBetween(wanted.slice(shared), shape.slice(shared), farthest);
    if (distance > farthest) continue;
    const concrete = new Set(patterns.map((pattern) => withNumbers(pattern, numbers)));
    const found = [...concrete].map((each) => ({ name: each, distance, shared }));
    best = [...best, ...found].sort(nearerFirst).slice(0, NEAREST_MAX);
  }
  return best.map((each) => each.name);
}

const nearerFirst = (a: Near, b: Near): number =>
  a.distance - b.distance || b.shared - a.shared || (a.name < b.name ? -1 : 1);

function sharedStart(a: string, b: string): number {
  let at = 0;
  while (at < a.length && a.charCodeAt(at) === b.charCodeAt(at)) at++;
  return at;
}

/** The pattern with the numbers of a concrete name in the places of its placeholders; 1 where there are too few. */
function withNumbers(pattern: string, numbers: readonly string[]): string {
  let at = 0;
  const fill = (part: string): string => {
    if (NUMBER.test(part)) at++;
    if (!PLACEHOLDER.test(part)) return part;
    const number = numbers[at++] ?? '';
    return INDEX.test(number) ? number : '1';
  };
  return pattern.split('.').map(fill).join('.');
}

/** How many letters to put in, take out or change (Levenshtein); anything above `limit` once it is above it. */
function distanceBetween(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let above = Uint16Array.from({ length: b.length + 1 }, (_, column) => column);
  let row = new Uint16Array(b.length + 1);
  for (let i = 1; i <= a.length; i++) {
    row[0] = i;
    let least = i;
    for (let j = 1; j <= b.length; j++) {
      const changed = (above[j - 1] ?? 0) + (a.charCodeAt(i - 1) === b.charCodeAt(j - 1) ? 0 : 1);
      const cost = Math.min(changed, (above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1);
      row[j] = cost;
      if (cost < least) least = cost;
    }
    if (least > limit) return limit + 1;
    [above, row] = [row, above];
  }
  return above[b.length] ?? limit + 1;
}

/** Judges the name of a raw parameter; that a name is reserved outweighs whether and how well it is known. */
export function checkParameter({ names, reserved }: ParameterRules, name: string): ParameterVerdict {
  if (!NAME.test(name)) {
    return { state: 'refused', message: 'a parameter name has 1 to 128 letters, digits, ".", "_" and "-"' };
  }
  const reason = reasonOf(reserved, name);
  if (reason !== null) return { state: 'refused', message: `${name} ${reason}` };
  const found = findName(names, name);
  if (!found.known) return { state: 'warning', message: unknownMessage(reserved, name, found.nearest) };
  switch (found.tag) {
    case LEGACY:
      return {
        state: 'warning',
        message: `${name} is an old spelling that current phones may ignore; use the new one`,
      };
    case UNVERIFIED:
      return { state: 'warning', message: `${name} is not well documented; try it on one phone first` };
    default:
      return { state: 'ok' };
  }
}

type Reasons = {
  readonly patterns: readonly { readonly whole: RegExp; readonly reason: string }[];
  readonly known: Map<string, string | null>;
};

/** Every line of every file with an own template is asked about, so patterns are compiled once and answers are kept. */
const reasons = new WeakMap<readonly ReservedParameter[], Reasons>();
const KNOWN_MAX = 20_000;

function reasonsOf(reserved: readonly ReservedParameter[]): Reasons {
  const found = reasons.get(reserved);
  if (found !== undefined) return found;
  const patterns = reserved.map(({ pattern, reason }) => ({ whole: wholeName(pattern), reason }));
  const made: Reasons = { patterns, known: new Map() };
  reasons.set(reserved, made);
  return made;
}

/** Why a name is reserved, or null when it is not. */
export function reasonOf(reserved: readonly ReservedParameter[], name: string): string | null {
  const { patterns, known } = reasonsOf(reserved);
  const before = known.get(name);
  if (before !== undefined) return before;
  const reason = patterns.find(({ whole }) => whole.test(name))?.reason ?? null;
  if (known.size >= KNOWN_MAX) known.clear();
  known.set(name, reason);
  return reason;
}

function unknownMessage(reserved: readonly ReservedParameter[], name: string, nearest: readonly string[]): string {
  if (nearest.length === 0) return `${name} is not a known name; phones ignore what they do not know`;
  // Whoever meant a reserved name is told now rather than after the next attempt.
  const near = nearest.map((each) => {
    const reason = reasonOf(reserved, each);
    return reason === null ? each : `${each} (which ${reason})`;
  });
  return `${name} is not a known name; near it are ${near.join(', ')}`;
}
