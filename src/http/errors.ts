// Errors at the admin door: problem details (RFC 9457), one table from codes to statuses.
import type { ErrorRequestHandler, Response } from 'express';
import { AppError, type ErrorCode, type Fault } from '../domain/errors.ts';
import { log } from '../log.ts';

const STATUS: Record<ErrorCode, number> = {
  invalid: 422,
  not_found: 404,
  conflict: 409,
  unauthorized: 401,
  forbidden: 403,
  too_many: 429,
  unsafe: 409,
  unavailable: 503,
  internal: 500,
};

const TITLE: Record<ErrorCode, string> = {
  invalid: 'The input is not valid',
  not_found: 'Not found',
  conflict: 'Conflict with the present state',
  unauthorized: 'Not signed in',
  forbidden: 'Not allowed',
  too_many: 'Too many tries',
  unsafe: 'Not safe without force',
  unavailable: 'Unavailable at the moment',
  internal: 'Internal error',
};

/** A request that is refused before anybody looks at what it wants, with the status that HTTP has for it. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  /** Named as in the errors of express, which passes it on. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** When whoever was told that something is unavailable may try again. */
const RETRY_AFTER_S = 5;

type Problem = { code: ErrorCode; status?: number; detail: string; faults?: readonly Fault[] };

export function sendProblem(response: Response, { code, status = STATUS[code], detail, faults = [] }: Problem): void {
  const errors = faults.length > 0 ? { errors: faults } : {};
  response.status(status).type('application/problem+json');
  response.json({ type: 'about:blank', title: TITLE[code], status, code, detail, ...errors });
}

/** The last handler of the admin door. The text of an unexpected error stays in the log. */
export const problems: ErrorRequestHandler = (error: unknown, request, response, next) => {
  if (response.headersSent) return next(error);
  if (error instanceof AppError) {
    if (error.code === 'unauthorized') response.set('WWW-Authenticate', 'Bearer');
    if (error.code === 'unavailable') response.set('Retry-After', String(RETRY_AFTER_S));
    return sendProblem(response, { code: error.code, detail: error.message, faults: error.faults });
  }
  const refused = refusalOf(error);
  if (refused !== null)
    return sendProblem(response, { code: 'invalid', status: refused.status, detail: refused.message });
  const { requestId, operation = 'none' } = response.locals;
  log.error({ error, request: requestId, method: request.method, operation }, 'an admin request failed');
  return sendProblem(response, { code: 'internal', detail: 'Something went wrong here; the log has the details.' });
};

/** What express refuses itself, by the type of its error. Its own texts may quote the body and are not shown. */
const REFUSED: Readonly<Record<string, string>> = {
  'entity.parse.failed': 'The body is not JSON that can be read.',
  'charset.unsupported': 'The body is in an encoding that is not known here; send UTF-8.',
  'encoding.unsupported': 'The body is compressed in a way that is not known here.',
  'request.size.invalid': 'The body is not as long as Content-Length says.',
  'request.aborted': 'The body ended too early.',
};

type ExpressFault = { readonly status?: unknown; readonly type?: unknown; readonly limit?: unknown };

function refusalOf(error: unknown): Refusal | null {
  if (error instanceof Refusal) return error;
  const { status, type, limit } = (error ?? {}) as ExpressFault;
  if (typeof status !== 'number' || status < 400 || status >= 500) return null;
  if (status === 413) return new Refusal(status, `The body is longer than ${limit} bytes; send it in parts.`);
  return new Refusal(status, REFUSED[String(type)] ?? 'The request cannot be read.');
}
