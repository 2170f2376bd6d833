// Raw vendor parameters: what an operator sets in a vendor's own words where there is no setting for it. Which names are
// known and which are refused is the vendor's data; here is only how levels add up.
import { z } from 'zod';
import { MASK } from './settings.ts';
import { lineText } from './text.ts';

const PARAMETERS_MAX = 500;

const namesSchema = z
  .record(
    z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, 'must be a parameter name as the vendor writes it'),
    lineText(1_000).or(z.literal('')).nullable(),
  )
  .refine((names) => Object.keys(names).length <= PARAMETERS_MAX, `must have at most ${PARAMETERS_MAX} parameters`);

/** Vendor → name → value; null unsets an inherited one. */
export const parametersSchema = z.record(z.string().regex(/^[a-z0-9-]{1,40}$/), namesSchema.readonly()).readonly();

export type Parameters = z.output<typeof parametersSchema>;

export type Parameter = { readonly name: string; readonly value: string };

/** The parameters that hold for a phone of this vendor, in the order of their names; the most special level wins. */
export function resolveParameters(levels: readonly { readonly parameters: Parameters }[], vendor: string): Parameter[] {
  const resolved = new Map<string, string | null>();
  for (const { parameters } of levels) {
    for (const [name, value] of Object.entries(parameters[vendor] ?? {})) resolved.set(name, value);
  }
  return [...resolved]
    .flatMap(([name, value]) => (value === null ? [] : [{ name, value }]))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** May the value be a secret? Then it is masked where people look at files. A numbered name says nothing, so it counts. */
export const isSecretName = (name: string): boolean => /^P\d+$|passw|secret|psk|[._]pin$/i.test(name);

type Change = (vendor: string, name: string, value: string | null) => string | null | undefined;

/** Each value by its vendor and name as `change` makes it; undefined takes it out. */
const eachValue = (parameters: Parameters, change: Change): Parameters =>
  Object.fromEntries(
    Object.entries(parameters).map(([vendor, names]) => {
      const changed = Object.entries(names).map(([name, value]) => [name, change(vendor, name, value)] as const);
      return [vendor, Object.fromEntries(changed.filter(([, value]) => value !== undefined))];
    }),
  ) as Parameters;

/** Raw parameters as people may see them: what may be a secret is only said to be set. */
export const maskParameters = (parameters: Parameters): Parameters =>
  eachValue(parameters, (_vendor, name, value) => (isSecretName(name) && value !== null ? MASK : value));

/** The raw parameters that somebody sent, with everything that came back masked as it was before. */
export const keepMaskedParameters = (before: Parameters, sent: Parameters): Parameters =>
  eachValue(sent, (vendor, name, value) => (value === MASK ? before[vendor]?.[name] : value));
