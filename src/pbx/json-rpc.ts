// JSON-RPC 2.0 over HTTP or HTTPS, one connection for each question, every limit set.
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { z } from 'zod';
import { conflict } from '../domain/errors.ts';
import { UnknownOutcome, unavailable } from './wire.ts';

export type RpcAddress = {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  /** TLS with these certificates to trust (PEM), null for the system's own; without it, no TLS. */
  readonly tls: { readonly ca: string | null } | null;
  /** For HTTP Basic. */
  readonly user: string | null;
  readonly secret: string | null;
};

export type RpcParameter = string | number;

const ANSWER_BYTES_MAX = 256 * 1024 * 1024;
const SAID_MAX = 200;

const answerSchema = z.object({
  result: z.unknown().optional(),
  error: z.object({ code: z.number().optional(), message: z.string().optional() }).optional(),
});

type Posted = { readonly status: number; readonly body: string };

function post(address: RpcAddress, body: string, timeoutMs: number): Promise<Posted> {
  const { host, port, path, tls, user, secret } = address;
  return new Promise((resolve, reject) => {
    let isSent = false;
    const fail = (why: string) => reject(isSent ? new UnknownOutcome(why) : unavailable(`nothing was sent: ${why}`));
    const basic = user === null ? {} : { auth: `${user}:${secret ?? ''}` };
    const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) };
    const options = { host, port, path, method: 'POST', headers, agent: false, ...basic };
    const call =
      tls === null ? requestHttp(options) : requestHttps(tls.ca === null ? options : { ...options, ca: tls.ca });
    const timer = setTimeout(() => call.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    call.once('close', () => clearTimeout(timer));
    call.once('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
    call.once('socket', (socket) =>
      socket.once(tls === null ? 'connect' : 'secureConnect', () => {
        isSent = true;
        call.end(body);
      }),
    );
    call.once('response', (response) => {
      const pieces: Buffer[] = [];
      let length = 0;
      response.on('data', (piece: Buffer) => {
        length += piece.length;
        if (length <= ANSWER_BYTES_MAX) pieces.push(piece);
        else call.destroy(new Error(`answers with more than ${ANSWER_BYTES_MAX} bytes`));
      });
      response.once('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
      response.once('aborted', () => fail('the server closed the connection'));
      response.once('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(pieces).toString() }));
    });
  });
}

const short = (text: string) => text.replaceAll(/[\p{C}\s]+/gu, ' ').slice(0, SAID_MAX);

/**
 * Asks for a result.
 * @throws AppError `unavailable` when nothing was sent, `conflict` when the server refuses; `UnknownOutcome` when it was
 *   sent and no answer came that could be understood
 */
export async function rpc(
  address: RpcAddress,
  { method, params = [] }: { readonly method: string; readonly params?: readonly RpcParameter[] },
  timeoutMs: number,
): Promise<unknown> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, ...(params.length === 0 ? {} : { params }) });
  const { status, body: text } = await post(address, body, timeoutMs);
  if (status === 401 || status === 403) throw conflict(`the server refuses us by HTTP status ${status}`);
  let json: unknown = null;
  try {
    json = JSON.parse(text);
  } catch {
    throw new UnknownOutcome(`an answer with HTTP status ${status} that is no JSON; check port and path`);
  }
  const answer = answerSchema.safeParse(json);
  if (!answer.success) throw new UnknownOutcome('an answer that is no JSON-RPC; check port and path');
  const { error, result } = answer.data;
  if (error !== undefined)
    throw conflict(`the server refuses ${method}: ${short(error.message ?? 'without a reason')}`);
  return result ?? null;
}
