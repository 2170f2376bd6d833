// What a phone of a maker makes of its files, as data of the maker tells: which files it asks for, which lines it has, and in
// which order it tries the servers behind an SRV name.
import { z } from 'zod';
import type { Parameter } from './parameters.ts';
import type { SrvBehaviour } from './simulation.ts';

const pattern = z.string().refine((source) => {
  try {
    return new RegExp(`${source}|`).exec('')?.length === 2;
  } catch {
    return false;
  }
}, 'must be a regular expression with one group');

const measured = z.strictObject({ name: z.string(), unitS: z.number().positive() }).nullable();

export const simulatedKindSchema = z
  .strictObject({
    models: z.array(z.string()).min(1).readonly(),
    /** With `{model}`, `{model_}` (blanks as `_`), `{mac}`, `{MAC}` and `{mac:}` (with colons). */
    userAgent: z.string(),
    sipUserAgent: z.string(),
    /** Files that it asks for first, in order. */
    boot: z.array(z.string()).min(1).readonly(),
    /** What it asks for when it got none of them. */
    otherwise: z.array(z.string()).readonly(),
    /** What in a file names others, separated by commas; null when none does. */
    follow: pattern.nullable(),
    format: z.enum(['lines', 'xml']),
    /** The attribute that numbers elements of the same name; null when names have their numbers. */
    index: z.string().nullable(),
    /** The value that stands for none. */
    empty: z.string(),
    /** The names of parameters; `{n}` is the number of the line. */
    line: z.strictObject({
      ...{ user: z.string(), authUser: z.string(), password: z.string(), server: z.string(), proxy: z.string() },
      ...{ expires: measured, failback: measured },
      /** The values with which it asks for SRV records; null when it does so for every name without a port. */
      asksSrv: z.strictObject({ name: z.string(), values: z.array(z.string()).readonly() }).nullable(),
    }),
    /** Values of the Event header for which it fetches, or restarts, which begins with fetching. */
    events: z.strictObject({ fetch: z.array(z.string()).readonly(), restart: z.array(z.string()).readonly() }),
  })
  .readonly();

export type SimulatedKind = z.output<typeof simulatedKindSchema>;

/** What a text of the data says for one phone. */
export const textFor = (text: string, { mac, model }: { readonly mac: string; readonly model: string }): string =>
  text
    .replaceAll('{mac:}', mac.replaceAll(/..(?!$)/g, '$&:'))
    .replaceAll('{mac}', mac)
    .replaceAll('{MAC}', mac.toUpperCase())
    .replaceAll('{model_}', model.replaceAll(' ', '_'))
    .replaceAll('{model}', model);

/** The files that a file names. */
export function followed({ follow }: SimulatedKind, text: string): string[] {
  if (follow === null) return [];
  return [...text.matchAll(new RegExp(follow, 'g'))].flatMap(([, names = '']) =>
    names
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
  );
}

/** A line as the phone has understood it. */
export type SimulatedLine = {
  readonly user: string;
  readonly authUser: string;
  readonly password: string;
  /** What stands behind the @. */
  readonly domain: string;
  /** The name, or address, that its requests go to. */
  readonly target: string;
  readonly asksSrv: boolean;
  readonly expiresS: number;
  /** How long it stays on another server before it tries the first one again; null when it is not told. */
  readonly failbackS: number | null;
};

const LINES_MAX = 64;
const EXPIRES_S = 3_600;

/** Numbers the parameters that stand behind an index attribute. */
function numbered(parameters: readonly Parameter[], index: string | null): Map<string, string> {
  const values = new Map<string, string>();
  let number: string | null = null;
  for (const { name, value } of parameters) {
    if (name === index) number = value;
    // Attributes of the same element come first, its own text behind them.
    values.set(number === null ? name : `${name}.${number}`, value);
  }
  return values;
}

/** The lines that parameters tell of. */
export function linesIn(kind: SimulatedKind, parameters: readonly Parameter[]): SimulatedLine[] {
  const values = numbered(parameters, kind.index);
  const lines: SimulatedLine[] = [];
  for (let n = 1; n <= LINES_MAX; n++) {
    const value = (name: string) => {
      const found = values.get(name.replace('{n}', String(n))) ?? '';
      return found === kind.empty ? '' : found;
    };
    const seconds = (measure: SimulatedKind['line']['expires']) =>
      measure === null || value(measure.name) === '' ? null : Number(value(measure.name)) * measure.unitS;
    const [user, server] = [value(kind.line.user), value(kind.line.server)];
    if (user === '' || server === '') continue;
    // Parameters behind the name say how to speak to it, which is UDP here.
    const target = (value(kind.line.proxy) || server).split(';', 1)[0] ?? server;
    const { asksSrv } = kind.line;
    lines.push({
      ...{ user, authUser: value(kind.line.authUser) || user, password: value(kind.line.password) },
      ...{ domain: server, target, expiresS: seconds(kind.line.expires) ?? EXPIRES_S },
      asksSrv: !/:\d+$/.test(target) && (asksSrv === null || asksSrv.values.includes(value(asksSrv.name))),
      failbackS: seconds(kind.line.failback),
    });
  }
  return lines;
}

export type SrvTarget = {
  readonly priority: number;
  readonly weight: number;
  readonly host: string;
  readonly port: number;
};

/**
 * The order in which a phone tries SRV records: by priority, and inside of one as its maker does.
 * @param draw numbers from 0 up to 1
 */
export function srvOrder(
  records: readonly SrvTarget[],
  choice: SrvBehaviour['choice'],
  draw: () => number,
): SrvTarget[] {
  const groups = [...Map.groupBy(records, ({ priority }) => priority)].sort(([one], [other]) => one - other);
  return groups.flatMap(([, group]) => {
    const left = [...group].sort((one, other) =>
      choice === 'heaviest' ? other.weight - one.weight : one.weight - other.weight,
    );
    if (choice === 'heaviest') return left;
    const ordered: SrvTarget[] = [];
    while (left.length > 0) {
      const total = left.reduce((sum, { weight }) => sum + weight, 0);
      let drawn = draw() * total;
      const at = left.findIndex(({ weight }) => {
        drawn -= weight;
        return drawn <= 0;
      });
      ordered.push(...left.splice(Math.max(0, at), 1));
    }
    return ordered;
  });
}
