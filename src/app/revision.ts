// Who changes a thing says which one was read: a change that was decided on something else is refused.
import { contentRevision } from '../domain/digest.ts';
import { conflict } from '../domain/errors.ts';

/** Fields in the order of their names, so that equal things are equal texts. */
const sorted = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  const entries = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(entries.map(([name, inner]) => [name, sorted(inner)]));
};

/** The revision of a thing that counts none: its content gives it. */
export const revisionOf = (thing: object): number => contentRevision(JSON.stringify(sorted(thing)));

/** @throws AppError `conflict` when somebody else has changed the thing since `read`; undefined is whatever there is */
export function checkRevision(what: string, read: number | undefined, present: number): void {
  if (read === undefined || read === present) return;
  throw conflict(`${what} has changed since revision ${read}; read it again`);
}
