// What should be published against what is: the changes that lead from one to the other, and whether they are too many to
// be meant. Compares record sets in one spelling, because DNS knows many.
import type { RecordSet } from './record-sets.ts';
import { compareText } from './text.ts';

export type SetType = RecordSet['type'];
export type SetKey = { readonly name: string; readonly type: SetType };

/** All records of one name and type, names without the dot at the end, values in `canonical` spelling and sorted. */
export type Rrset = SetKey & { readonly ttl: number; readonly values: readonly string[] };

/** A change of one record set: null before is a set that comes, null after one that goes. */
export type RecordChange = SetKey & {
  readonly action: 'create' | 'update' | 'delete';
  readonly before: Rrset | null;
  readonly after: Rrset | null;
};

export const keyText = ({ name, type }: SetKey): string => `${name} ${type}`;

const NAPTR = /^(\d+)\s+(\d+)\s+"?([^"\s]*)"?\s+"?([^"\s]*)"?\s+("(?:[^"\\]|\\.)*"|\S+)\s+(\S+)$/s;

/** A value in the one spelling that values are compared in: names in lower case and absolute, numbers without zeros. */
export function canonical(type: string, value: string): string {
  const text = value.trim();
  const name = (of: string) => of.toLowerCase().replace(/\.?$/, '.');
  if (type === 'SRV') {
    const [priority, weight, port, target = ''] = text.split(/\s+/);
    return [...[priority, weight, port].map(Number), name(target)].join(' ');
  }
  if (type === 'NAPTR') {
    // Flags and services do not know upper from lower case (RFC 3403 section 4.1).
    const [, order, preference, flags = '', service = '', expression = '""', replacement = ''] = NAPTR.exec(text) ?? [];
    if (order === undefined) return text;
    const strings = `"${flags.toLowerCase()}" "${service.toUpperCase()}" ${expression}`;
    return `${Number(order)} ${Number(preference)} ${strings} ${name(replacement)}`;
  }
  if (type === 'AAAA' && URL.canParse(`http://[${text}]`)) return new URL(`http://[${text}]`).hostname.slice(1, -1);
  return text.toLowerCase();
}

/** Values as they are compared. */
export const canonicalValues = (type: string, values: readonly string[]): string[] =>
  [...new Set(values.map((value) => canonical(type, value)))].sort(compareText);

/** A record set as it should be published. */
export const rrsetOf = ({ fqdn, type, ttl, values }: RecordSet): Rrset => ({
  ...{ name: fqdn.toLowerCase(), type, ttl },
  values: canonicalValues(type, values),
});

const sameSet = (one: Rrset, other: Rrset): boolean =>
  one.ttl === other.ttl && one.values.join('\n') === other.values.join('\n');

/** All changes that make what is published what is wanted, in the order of names and types. */
export function changesOf(published: readonly Rrset[], wanted: readonly Rrset[]): RecordChange[] {
  const [is, should] = [published, wanted].map((sets) => new Map(sets.map((set) => [keyText(set), set])));
  const keys = [...new Set([...(is?.keys() ?? []), ...(should?.keys() ?? [])])].sort(compareText);
  return keys.flatMap((key): RecordChange[] => {
    const [before = null, after = null] = [is?.get(key), should?.get(key)];
    const either = after ?? before;
    if (either === null || (before !== null && after !== null && sameSet(before, after))) return [];
    const action = before === null ? 'create' : after === null ? 'delete' : 'update';
    return [{ action, name: either.name, type: either.type, before, after }];
  });
}

/** The share of what is published that may change or go at once without being forced. */
const CHANGED_SHARE_MAX = 0.3;
/** Fewer sets than this are too few for a share to say anything. */
const EXISTING_MIN = 10;

/** Why so many changes are not made without force, with the numbers; null when they may be. */
export function tooMuch(zone: string, existing: number, changes: readonly RecordChange[]): string | null {
  const count = (action: RecordChange['action']) => changes.filter((change) => change.action === action).length;
  const [updates, deletes] = [count('update'), count('delete')];
  const share = (updates + deletes) / existing;
  if (existing < EXISTING_MIN || share <= CHANGED_SHARE_MAX) return null;
  return (
    `in zone ${zone}, ${updates} of ${existing} published record sets would change and ${deletes} would go: ` +
    `${Math.round(share * 100)} %, more than the ${CHANGED_SHARE_MAX * 100} % that are taken for meant`
  );
}
