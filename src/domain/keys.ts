// Line keys: what the programmable keys of a phone and of its expansion modules do, in words that every vendor's phones
// have. A vendor's descriptor says which of them the phones of a family can hold; a key that they cannot hold is refused.
import { z } from 'zod';
import type { Fault } from './errors.ts';
import { lineText } from './text.ts';

/**
 * `line`: calls on a line. `blf`: the state of an extension, dialled when pressed, picked up when it rings. `speedDial`:
 * dials a number. `park`: parks a call at an orbit and fetches it back. `pickup`: picks up what rings elsewhere, by
 * dialling what the server expects for it, its code with the extension (`*8103`). `intercom`: calls an extension that answers by itself. `dtmf`: sends tones in a call. `url`: fetches an address.
 * `voicemail`, `forward` (to the number given, if any) and `doNotDisturb` speak for themselves. `none`: nothing.
 */
export const KEY_TYPES = [
  'none',
  'line',
  'blf',
  'speedDial',
  'park',
  'pickup',
  'intercom',
  'dtmf',
  'url',
  'voicemail',
  'forward',
  'doNotDisturb',
] as const;
export type KeyType = (typeof KEY_TYPES)[number];

const KEYS_MAX = 500;
const NEEDS_VALUE: readonly KeyType[] = ['blf', 'speedDial', 'park', 'pickup', 'intercom', 'dtmf', 'url'];
const MAY_HAVE_VALUE: readonly KeyType[] = [...NEEDS_VALUE, 'forward', 'voicemail'];
const DIALABLE = /^[A-Za-z0-9*#+._-]{1,64}$/;
const TONES = /^[0-9A-D*#,]{1,32}$/;
const HTTP_URL = /^https?:\/\/[\x21-\x7e]{1,230}$/;

/** Why a key's value does not fit its type, or null. */
function valueFault(type: KeyType, value: string | null): string | null {
  if (value === null) return NEEDS_VALUE.includes(type) ? `is needed for a key of type ${type}` : null;
  if (!MAY_HAVE_VALUE.includes(type)) return `says nothing for a key of type ${type}; leave it out`;
  if (type === 'url') return HTTP_URL.test(value) ? null : 'must be an http or https URL';
  if (type === 'dtmf') return TONES.test(value) ? null : 'must be tones: 0-9, A-D, *, # and , for a pause';
  return DIALABLE.test(value) ? null : 'must be a number or a name that can be dialled';
}

export const keySchema = z
  .strictObject({
    /** 0 is the phone itself, 1 the first expansion module. */
    module: z.number().int().min(0).max(10).default(0),
    /** 1 is the first key of the phone or of the module. */
    position: z.number().int().min(1).max(200),
    type: z.enum(KEY_TYPES),
    /** The line that the key works on, 1 for the first. */
    line: z.number().int().min(1).max(250).default(1),
    value: lineText(256).nullable().default(null),
    label: lineText(32).nullable().default(null),
  })
  .superRefine(({ type, value }, context) => {
    const fault = valueFault(type, value);
    if (fault !== null) context.addIssue({ code: 'custom', path: ['value'], message: fault });
  })
  .readonly();

export type Key = z.output<typeof keySchema>;

const place = ({ module, position }: Key) => `${module}/${position}`;

export const keysSchema = z
  .array(keySchema)
  .max(KEYS_MAX)
  .refine((keys) => new Set(keys.map(place)).size === keys.length, 'gives the same key twice')
  .readonly();

/** What is known of the keys of a model. */
export type KeyFacts = {
  /** Programmable keys on the phone itself. */
  readonly keys: number;
  readonly expansion: { readonly modules: number; readonly keys: number } | null;
  /** What the keys of the phone itself can be. */
  readonly keyTypes: readonly KeyType[];
  /** What the keys of its expansion modules can be. */
  readonly moduleKeyTypes: readonly KeyType[];
};

/** Why a key there cannot be of this type, and what it can be instead; null when it can. */
function typeFault(module: number, type: KeyType, model: string, facts: KeyFacts): string | null {
  const types = module === 0 ? facts.keyTypes : facts.moduleKeyTypes;
  if (type === 'none' || types.includes(type)) return null;
  const list = types.filter((one) => one !== 'none').join(', ');
  const instead = list === '' ? '' : `; choose ${list}`;
  if (module === 0) return `${model} has no keys of type ${type}${instead}`;
  const onPhone = facts.keyTypes.includes(type) ? `; put it on the phone itself, or choose ${list}` : instead;
  return `the expansion modules of ${model} have no keys of type ${type}${onPhone}`;
}

/** What is wrong with keys on a phone of this model with so many lines. */
export function keyFaults(keys: readonly Key[], model: string, facts: KeyFacts, lines: number): Fault[] {
  const modules = facts.expansion?.modules ?? 0;
  return keys.flatMap(({ module, position, type, line }, index) => {
    const faults: Fault[] = [];
    const add = (field: string, message: string) => faults.push({ path: `keys.${index}.${field}`, message });
    const most = module === 0 ? facts.keys : (facts.expansion?.keys ?? 0);
    if (module > modules) add('module', `${model} has ${modules || 'no known'} expansion modules`);
    else if (position > most) add('position', `${module === 0 ? model : 'the module'} has ${most || 'no known'} keys`);
    const wrongType = module > modules ? null : typeFault(module, type, model, facts);
    if (wrongType !== null) add('type', wrongType);
    if (line > lines) add('line', `the phone has ${lines} lines`);
    return faults;
  });
}

const EMPTY = { type: 'none', line: 1, value: null, label: null } as const;

/**
 * Every key of the phone, then every key of its modules up to the last that is used: what is not given is `none`, because a
 * phone keeps what no file mentions. Where no key is given at all, the first keys are the phone's lines.
 */
export function everyKey(keys: readonly Key[], { keys: own, expansion }: KeyFacts, lines: number): Key[] {
  const given = new Map(keys.map((key) => [place(key), key]));
  const modules = Math.max(0, ...keys.map(({ module }) => module));
  const places = Array.from({ length: modules + 1 }, (_, module) =>
    Array.from({ length: module === 0 ? own : (expansion?.keys ?? 0) }, (_key, index) => ({
      module,
      position: index + 1,
    })),
  ).flat();
  return places.map(({ module, position }) => {
    if (keys.length === 0 && position <= lines) return { ...EMPTY, module, position, type: 'line', line: position };
    return given.get(`${module}/${position}`) ?? { ...EMPTY, module, position };
  });
}

export const keyViewSchema = z.strictObject({
  /** Counts the keys of the phone and then those of its modules, 1 for the first. */
  number: z.number(),
  module: z.number(),
  position: z.number(),
  type: z.enum(KEY_TYPES),
  /** Counts the keys of the modules alone; 0 on the phone itself. */
  moduleNumber: z.number(),
  /** Counts the keys of the same type, 1 for the first. */
  ofType: z.number(),
  /** Counts the keys that show the state of something, `blf` and `park`. */
  watched: z.number(),
  /** Counts the keys that do something when pressed, for phones that have a list of such actions. */
  action: z.number(),
  /** Is it of this type? */
  is: z.strictObject(Object.fromEntries(KEY_TYPES.map((type) => [type, z.boolean()])) as Record<KeyType, z.ZodBoolean>),
  line: z.number(),
  /** The SIP user of the line. */
  user: z.string(),
  value: z.string().nullable(),
  /** Never empty but for `none`. */
  label: z.string(),
});

export type KeyView = z.output<typeof keyViewSchema>;

const WATCHED: readonly KeyType[] = ['blf', 'park'];
const ACTIONS: readonly KeyType[] = ['speedDial', 'pickup', 'intercom', 'dtmf', 'url', 'voicemail', 'forward'];

/** The keys as templates see them. */
export function keyViews(
  keys: readonly Key[],
  lines: readonly { readonly user: string; readonly label: string }[],
): KeyView[] {
  const seen = new Map<string, number>();
  const count = (what: string, isOne: boolean) => {
    const counted = (seen.get(what) ?? 0) + (isOne ? 1 : 0);
    seen.set(what, counted);
    return counted;
  };
  return keys.map((key, index) => {
    const { module, position, type, line, value } = key;
    const counts = {
      moduleNumber: count('module', module > 0),
      ofType: count(`type ${type}`, true),
      watched: count('watched', WATCHED.includes(type)),
      action: count('action', ACTIONS.includes(type)),
      is: Object.fromEntries(KEY_TYPES.map((one) => [one, one === type])) as KeyView['is'],
    };
    const { user = '', label: lineLabel = '' } = lines[line - 1] ?? {};
    const label = key.label ?? (type === 'none' ? '' : type === 'line' ? lineLabel : (value ?? type));
    return { number: index + 1, module, position, type, ...counts, line, user, value, label };
  });
}
