// Is something already as somebody wants it?

/** The same value with its fields in one order, and without those that say nothing. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, inner]) => [name, sorted(inner)]),
  );
}

/** Are two values the same, whatever the order of their fields? */
export const sameValue = (a: unknown, b: unknown): boolean => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));

/** Does a thing say already what is wanted of it? Fields that are not wanted are not looked at. */
export const sameFields = (thing: object, wanted: object): boolean =>
  Object.entries(wanted).every(([name, value]) => sameValue((thing as Record<string, unknown>)[name], value));
