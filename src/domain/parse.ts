// Outside → inside: how unknown input becomes a noun, and what is said when it does not.
import type { z } from 'zod';
import { type Fault, invalid } from './errors.ts';

/** The path of a field as people write it: `lines.0.password`. */
export const pathText = (path: readonly PropertyKey[]): string => path.map(String).join('.');

/**
 * Parses unknown input with a schema.
 * @throws AppError `invalid`, with every wrong field and never its value (it may be a secret)
 */
export function parseWith<Schema extends z.ZodType>(schema: Schema, input: unknown, what: string): z.output<Schema> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const faults: Fault[] = result.error.issues.map((issue) => ({ path: pathText(issue.path), message: issue.message }));
  const list = faults.map((fault) => (fault.path === '' ? fault.message : `${fault.path}: ${fault.message}`));
  throw invalid(`${what} is not valid: ${list.join('; ')}`, faults);
}
