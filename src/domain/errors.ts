// The one error vocabulary of the house: what a caller may expect to go wrong, and what each door makes of it.

export const ERROR_CODES = [
  'invalid',
  'not_found',
  'conflict',
  'unauthorized',
  'forbidden',
  'too_many',
  'unsafe',
  'unavailable',
  'internal',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** One wrong field: where it stands in the input (`lines.0.password`) and what to do about it. */
export type Fault = { readonly path: string; readonly message: string };

/** An expected failure. The message is for people and says what to do next; it never holds a secret. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly faults: readonly Fault[];

  constructor(code: ErrorCode, message: string, faults: readonly Fault[] = []) {
    super(message);
    this.code = code;
    this.faults = faults;
  }
}

export const invalid = (message: string, faults: readonly Fault[] = []) => new AppError('invalid', message, faults);
export const notFound = (what: string) => new AppError('not_found', `${what} does not exist`);
export const conflict = (message: string) => new AppError('conflict', message);
