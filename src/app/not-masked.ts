// Something new cannot keep a secret that it never had: a mask in it is a mistake, not a value.
import { type Fault, invalid } from '../domain/errors.ts';
import { MASK } from '../domain/settings.ts';

function maskedIn(value: unknown, path: readonly string[]): Fault[] {
  if (value === MASK) return [{ path: path.join('.'), message: 'is masked; give the value itself' }];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => maskedIn(inner, [...path, name]));
}

/** @throws AppError `invalid` for every value that is only the mask of one */
export function checkNotMasked(what: string, input: object): void {
  const faults = maskedIn(input, []);
  if (faults.length === 0) return;
  throw invalid(`${what} has masked secrets: ${faults.map(({ path }) => path).join(', ')}`, faults);
}
