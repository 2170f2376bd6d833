// The wire to a service: JSON over HTTPS with every limit set, and errors that hold no secret.
import type { z } from 'zod';
import { AppError, conflict } from '../domain/errors.ts';
import { baseUrlFault, type RedirectionAccount } from '../domain/redirection.ts';

/** What lies outside of us: the clock, randomness, patience. */
export type Outside = {
  readonly now: () => Date;
  readonly random: (bytes: number) => Buffer;
  readonly wait: (milliseconds: number) => Promise<void>;
  /** How long one answer may take, with its body. */
  readonly timeoutMs: number;
};

export type Call = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Begins with a slash, behind the base URL. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
};

/** An answer with its JSON; null when it has no body, or none that is JSON beside an error's status. */
export type Answer = { readonly status: number; readonly body: unknown };

export type Wire = {
  /**
   * Asks the service. Waits and asks again when it says that it has too much to do.
   * @throws AppError `unavailable` when there is no answer that could be understood
   */
  call(call: Call): Promise<Answer>;
  /** Never shows this text in an error. */
  hide(secret: string): void;
  /** What the service says, as one short line without secrets; `instead` when it says nothing. */
  said(text: unknown, instead: string): string;
  /** The service refuses: the status, and what it says. */
  refused(answer: Answer): AppError;
  /** Reads an answer. @throws AppError `unavailable` when it is not what the protocol has */
  read<Schema extends z.ZodType>(schema: Schema, answer: Answer): z.output<Schema>;
};

const ANSWER_BYTES_MAX = 4 * 1024 * 1024;
const SAID_MAX = 200;
const TRIES_MAX = 4;
const WAIT_MS = 1_000;
const WAIT_MS_MAX = 60_000;
const BUSY = [429, 503];

const unavailable = (message: string) => new AppError('unavailable', message);

/** Opens the wire to the service of an account. Nothing is sent yet. */
export function wireTo({ service, baseUrl, credentials }: RedirectionAccount, outside: Outside): Wire {
  const fault = baseUrlFault(baseUrl);
  if (fault !== null) throw conflict(`the base URL of the account at ${service} ${fault}; set the account anew`);
  const hidden = new Set(Object.values(credentials));
  const said: Wire['said'] = (text, instead) => {
    let short = typeof text === 'string' ? text : '';
    for (const secret of hidden) short = short.replaceAll(secret, '[secret]');
    return (
      short
        .replaceAll(/[\p{C}\s]+/gu, ' ')
        .trim()
        .slice(0, SAID_MAX) || instead
    );
  };
  return {
    hide: (secret) => void hidden.add(secret),
    said,
    refused: ({ status, body }) => refusal(service, status, said(messageIn(body), 'without a reason')),
    read: (schema, { body }) => {
      const result = schema.safeParse(body);
      if (result.success) return result.data;
      throw unavailable(`${service} answers something else than its API has; check the base URL of the account`);
    },
    async call(call) {
      for (let tries = 1; ; tries++) {
        const response = await send(service, baseUrl, call, outside);
        if (!BUSY.includes(response.status)) return answerOf(service, response);
        await rest(service, response, tries, outside);
      }
    },
  };
}

function refusal(service: string, status: number, said: string): AppError {
  return status === 401 || status === 403
    ? conflict(`${service} refuses the account (${status}: ${said}); check its credentials and what they may do there`)
    : conflict(`${service} refuses (${status}: ${said})`);
}

const TEXTS = ['message', 'error', 'msg', 'error_description'];

/** The text in the error of a service, wherever it stands. */
function messageIn(body: unknown): unknown {
  if (typeof body !== 'object' || body === null) return body;
  return TEXTS.map((name) => (body as Record<string, unknown>)[name]).find((text) => typeof text === 'string');
}

async function send(service: string, baseUrl: string, call: Call, { timeoutMs }: Outside): Promise<Received> {
  const content = call.body === undefined ? {} : { body: JSON.stringify(call.body) };
  const headers = {
    ...call.headers,
    accept: 'application/json',
    ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
  };
  try {
    const response = await fetch(baseUrl + call.path, {
      method: call.method,
      headers,
      ...content,
      // Credentials must not follow to another host.
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
    return { status: response.status, retryAfter: response.headers.get('retry-after'), text: await textOf(response) };
  } catch (error) {
    throw unavailable(`${service} ${whyNot(error, timeoutMs)}`);
  }
}

type Received = {
  readonly status: number;
  readonly retryAfter: string | null;
  /** null when the body is longer than anything that a service has to say. */
  readonly text: string | null;
};

async function textOf({ body }: Response): Promise<string | null> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of body ?? []) {
    bytes += piece.length;
    if (bytes > ANSWER_BYTES_MAX) return null;
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

function whyNot(error: unknown, timeoutMs: number): string {
  if (error instanceof Error && error.name === 'TimeoutError') {
    return `did not answer within ${timeoutMs / 1_000} s; it may have done what it was asked: try again, nothing is done twice`;
  }
  const cause = error instanceof Error ? (error.cause as { code?: unknown } | undefined) : undefined;
  const code = typeof cause?.code === 'string' ? ` (${cause.code})` : '';
  return `cannot be reached${code}; check the base URL of the account and the way out, and try again`;
}

function answerOf(service: string, { status, text }: Received): Answer {
  if (status >= 300 && status < 400) {
    throw unavailable(`${service} answers with a redirect, which is not followed; correct the base URL of the account`);
  }
  if (text === null)
    throw unavailable(`${service} answers with more than ${ANSWER_BYTES_MAX} bytes; that is not its API`);
  if (status >= 500) throw unavailable(`${service} has failed (${status}); try again later`);
  if (text === '') return { status, body: null };
  try {
    return { status, body: JSON.parse(text) as unknown };
  } catch {
    if (status >= 400) return { status, body: null };
    throw unavailable(`${service} does not answer with JSON; check the base URL of the account`);
  }
}

/** Waits as long as a service wants, or longer each time. @throws AppError `unavailable` when that is too long */
async function rest(service: string, { status, retryAfter }: Received, tries: number, outside: Outside): Promise<void> {
  const waitMs = waitOf(retryAfter, outside.now()) ?? WAIT_MS * 2 ** (tries - 1);
  if (tries >= TRIES_MAX || waitMs > WAIT_MS_MAX) {
    const seconds = Math.ceil(Math.max(waitMs, WAIT_MS) / 1_000);
    throw unavailable(`${service} has too much to do (${status}); try again in ${seconds} s or later`);
  }
  await outside.wait(waitMs);
}

/** Retry-After in milliseconds: seconds, or a date (RFC 9110, section 10.2.3); null when there is none to follow. */
function waitOf(retryAfter: string | null, now: Date): number | null {
  if (retryAfter === null) return null;
  if (/^\d{1,6}$/.test(retryAfter)) return Number(retryAfter) * 1_000;
  const date = Date.parse(retryAfter);
  return Number.isNaN(date) ? null : Math.max(0, date - now.getTime());
}
