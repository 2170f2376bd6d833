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
    return sendProblem(response, { code: error.code, detail: error.message, faults: error.faults });
  }
  const status = clientFault(error);
  if (status !== null)
    return sendProblem(response, { code: 'invalid', status, detail: 'The request body cannot be read.' });
  log.error({ error, method: request.method, path: request.path }, 'an admin request failed');
  return sendProblem(response, { code: 'internal', detail: 'Something went wrong here; the log has the details.' });
};

/** What express refuses itself (broken JSON, a body that is too large) carries a 4xx status. */
function clientFault(error: unknown): number | null {
  const status = (error as { status?: unknown } | null)?.status;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : null;
}
