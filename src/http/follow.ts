// Following a request at the admin door: its id, its line in the log, its place in the metrics. What is written names the
// operation, never the path, the query or the body: somebody may have put a secret there.
import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { RequestHandler, Response } from 'express';
import { log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { clientAddress } from './address.ts';

declare module 'express-serve-static-core' {
  interface Locals {
    /** The id by which this request is found in the log. */
    requestId?: string;
    /** What was asked for, by the name of its operation; not there for what there is not. */
    operation?: string;
  }
}

/** An id that somebody else may give: a UUID, a trace id; nothing that could be more than a name. */
const GIVEN_ID = /^[A-Za-z0-9._-]{8,64}$/;

/** Asked every few seconds by machines; a line for each would bury the others. */
const PROBES = ['healthz', 'readyz', 'metrics'];

/** A name for a request, so that its lines in the log are found. */
export const newRequestId = (): string => randomUUID();

/** Says what a request is for, in the log and in the metrics. */
export const called =
  (operation: string): RequestHandler =>
  (_request, response, next) => {
    response.locals.operation = operation;
    next();
  };

/** Gives every request its id, and one line and one count when it has been answered. */
export function follow({ metrics }: { readonly metrics: Metrics }): RequestHandler {
  return (request, response, next) => {
    const began = performance.now();
    const address = clientAddress(request);
    const given = request.get('x-request-id') ?? '';
    const id = GIVEN_ID.test(given) ? given : newRequestId();
    response.locals.requestId = id;
    response.set('X-Request-Id', id);
    response.once('close', () => {
      const ms = performance.now() - began;
      metrics.adminAnswered({ operation: operationOf(response), status: statusOf(response), seconds: ms / 1_000 });
      writeLine(response, request.method, address, ms);
    });
    next();
  };
}

/** What stands for the status where the client went away before there was one. */
const WENT_AWAY = 499;

const operationOf = ({ locals }: Response) => locals.operation ?? 'none';
const statusOf = ({ headersSent, statusCode }: Response) => (headersSent ? statusCode : WENT_AWAY);

function writeLine(response: Response, method: string, address: string, ms: number): void {
  const { requestId: request, actor } = response.locals;
  const [operation, status] = [operationOf(response), statusOf(response)];
  const line = { request, method, operation, status, ms: Math.round(ms * 10) / 10 };
  // An answer that did not get to its end.
  const cut = response.writableFinished ? {} : { cut: true };
  const isProbe = PROBES.includes(operation) && status < 400;
  log[isProbe ? 'debug' : 'info']({ ...line, actor: actor?.name ?? null, address, ...cut }, 'admin request');
}
