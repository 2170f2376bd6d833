// The wire to a FreeSWITCH server: its event socket, a line protocol over TCP. It answers in order and without numbers, so one
// lost answer ends the connection. What may not stand in a line is refused here, at the lowest place.
import { connect, type Socket } from 'node:net';
import { conflict, invalid } from '../domain/errors.ts';
import type { PbxState } from './pbx.ts';
import { keepOpen, type PbxOutside, UnknownOutcome, unavailable } from './wire.ts';

export type EslAddress = { readonly host: string; readonly port: number; readonly secret: string };

/** An event, or the head of an answer; names are in lower case. */
export type EslHeaders = ReadonlyMap<string, string>;

export type EslListener = {
  readonly event: (headers: EslHeaders) => void;
  readonly state: (state: PbxState) => void;
};

export type Esl = {
  state(): PbxState;
  /**
   * Sends an order of one line or more and waits for its answer.
   * @returns the text of the answer: the body of an API's answer, or the reply of the socket itself
   * @throws AppError `unavailable` when nothing was sent; `UnknownOutcome` when it was sent and no answer came; `conflict`
   *   when the server refuses; `invalid` for a line that is none
   */
  send(lines: readonly string[]): Promise<string>;
  close(): Promise<void>;
};

const HEAD_BYTES_MAX = 65_536;
const BODY_BYTES_MAX = 256 * 1024 * 1024;
const LINE_BYTES_MAX = 8_192;
const IN_FLIGHT_MAX = 1_000;
const CONNECT_TIMEOUT_MS = 10_000;
const PING_EVERY_MS = 15_000;
const SAID_MAX = 200;

/** The bytes of an order. @throws AppError `invalid` for a line that holds a line break or a zero byte, or says nothing */
export function orderText(lines: readonly string[]): string {
  for (const line of lines) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
    if (/[\r\n\u0000]/.test(line)) throw invalid('a line for the event socket holds a line break or a zero byte');
    if (line === '' || Buffer.byteLength(line) > LINE_BYTES_MAX)
      throw invalid('a line for the event socket is too long');
  }
  return `${lines.join('\n')}\n\n`;
}

export type EslMessage = { readonly headers: EslHeaders; readonly body: string };

function headersIn(text: string, decode: (value: string) => string): Map<string, string> {
  const headers = new Map<string, string>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) headers.set(line.slice(0, colon).toLowerCase(), decode(line.slice(colon + 1).trim()));
  }
  return headers;
}

/** Values in events are written as in a URL. */
function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

/** The event that a body of `text/event-plain` holds. */
export const eventIn = (body: string): EslHeaders => headersIn(body.split('\n\n', 1)[0] ?? '', decoded);

/** Bytes → messages. @throws Error for a message beyond its limit */
export function readEsl(take: (message: EslMessage) => void): (piece: Buffer) => void {
  let pieces: Buffer[] = [];
  let length = 0;
  let head: { readonly headers: EslHeaders; readonly bodyLength: number } | null = null;
  const bytes = () => {
    const all = pieces.length === 1 ? (pieces[0] ?? Buffer.alloc(0)) : Buffer.concat(pieces, length);
    pieces = [all];
    return all;
  };
  const cut = (count: number): Buffer => {
    const all = bytes();
    pieces = [all.subarray(count)];
    length -= count;
    return all.subarray(0, count);
  };
  const step = (): boolean => {
    if (head === null) {
      const end = bytes().indexOf('\n\n');
      if (end > HEAD_BYTES_MAX || (end < 0 && length > HEAD_BYTES_MAX)) throw new Error('sends a head without end');
      if (end < 0) return false;
      const headers = headersIn(cut(end + 2).toString('utf8'), (value) => value);
      const bodyLength = Number(headers.get('content-length') ?? '0');
      if (!(bodyLength >= 0 && bodyLength <= BODY_BYTES_MAX)) throw new Error('sends a message of an unknown length');
      head = { headers, bodyLength };
    }
    if (length < head.bodyLength) return false;
    const { headers, bodyLength } = head;
    head = null;
    const body = bodyLength === 0 ? '' : cut(bodyLength).toString('utf8');
    if (headers.size > 0) take({ headers, body });
    return length > 0;
  };
  return (piece) => {
    pieces.push(piece);
    length += piece.length;
    while (step());
  };
}

type Waiting = {
  readonly done: (text: string) => void;
  readonly failed: (error: Error) => void;
  timer: NodeJS.Timeout;
};

/** One connection from its greeting to its end. */
class Session {
  readonly #socket: Socket;
  readonly #timeoutMs: number;
  readonly #waiting: Waiting[] = [];
  readonly #lost: (reason: string) => void;
  #ended: string | null = null;

  constructor(socket: Socket, timeoutMs: number, lost: (reason: string) => void) {
    this.#socket = socket;
    this.#timeoutMs = timeoutMs;
    this.#lost = lost;
  }

  send(lines: readonly string[]): Promise<string> {
    const text = orderText(lines);
    if (this.#ended !== null) return Promise.reject(unavailable(`nothing was sent: ${this.#ended}`));
    if (this.#waiting.length >= IN_FLIGHT_MAX)
      return Promise.reject(unavailable(`${IN_FLIGHT_MAX} orders wait for an answer already`));
    return new Promise((done, failed) => {
      // Answers have no numbers: behind a lost one every other would be taken for its neighbour's.
      const timer = setTimeout(() => this.#lost(`no answer within ${this.#timeoutMs} ms`), this.#timeoutMs);
      this.#waiting.push({ done, failed, timer });
      this.#socket.write(text);
    });
  }

  answer(text: string): void {
    const one = this.#waiting.shift();
    if (one === undefined) return;
    clearTimeout(one.timer);
    if (text.startsWith('-ERR')) {
      const said = text.replaceAll(/[\p{C}\s]+/gu, ' ').slice('-ERR'.length, SAID_MAX);
      one.failed(conflict(`the server refuses: ${said.trim() || 'without a reason'}`));
    } else one.done(text);
    // A list may take long; each answer gives the others their time anew.
    for (const { timer } of this.#waiting) timer.refresh();
  }

  end(reason: string): void {
    this.#ended ??= reason;
    for (const { failed, timer } of this.#waiting.splice(0)) {
      clearTimeout(timer);
      failed(new UnknownOutcome(`the connection ended: ${reason}`));
    }
  }
}

type Ears = { readonly event: (headers: EslHeaders) => void; readonly up: (session: Session) => void };
type Events = { readonly subscribe: readonly string[] };

/** Opens a connection that keeps itself open: it signs in, asks for events, and begins again when it is lost. */
export function openEsl(address: EslAddress & Events, listener: EslListener, outside: PbxOutside): Esl {
  const kept = keepOpen<Session>(
    (up, stop) => converse(address, outside.timeoutMs, stop, { event: listener.event, up }),
    listener.state,
    outside,
  );
  return {
    state: kept.state,
    send: async (lines) => {
      // What no line can hold is refused for that, whether or not there is a connection.
      orderText(lines);
      return kept.session().send(lines);
    },
    close: kept.close,
  };
}

/** Opens one connection, signs in and listens until it ends. @returns why it ended, without secrets */
function converse(
  { host, port, secret, subscribe }: EslAddress & Events,
  timeoutMs: number,
  stop: AbortSignal,
  ears: Ears,
): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    let ping: NodeJS.Timeout | undefined;
    const end = (reason: string) => {
      clearInterval(ping);
      socket.destroy();
      session.end(reason);
      stop.removeEventListener('abort', onStop);
      resolve(reason);
    };
    const onStop = () => end('closed');
    const session = new Session(socket, timeoutMs, end);
    stop.addEventListener('abort', onStop);
    if (stop.aborted) return onStop();
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => end(`no greeting within ${CONNECT_TIMEOUT_MS} ms`));
    const signIn = async () => {
      socket.setTimeout(0);
      await session.send([`auth ${secret}`]);
      await session.send(subscribe);
      ping = setInterval(() => {
        session.send(['api hostname']).catch((error: Error) => end(error.message));
      }, PING_EVERY_MS).unref();
      ears.up(session);
    };
    const read = readEsl(({ headers, body }) => {
      switch (headers.get('content-type')) {
        case 'auth/request':
          return void signIn().catch((error: Error) => end(`signing in failed: ${error.message}`));
        case 'command/reply':
          return session.answer(headers.get('reply-text') ?? '');
        case 'api/response':
          return session.answer(body);
        case 'text/event-plain':
          return ears.event(eventIn(body));
        case 'text/rude-rejection':
          return end('its access list does not let us in');
        case 'text/disconnect-notice':
          return end('the server has ended the connection');
      }
    });
    socket.on('data', (piece: Buffer) => {
      try {
        read(piece);
      } catch (error) {
        end(error instanceof Error ? error.message : String(error));
      }
    });
    socket.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    socket.on('close', () => end('the server closed the connection'));
  });
}
