// The wire to an Asterisk server: its Manager Interface (AMI), a line protocol over TCP or TLS. What may not stand in a line
// is refused here, at the lowest place, because a line break in a value would be a second command on the PBX.
import { createHash } from 'node:crypto';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { AppError, invalid } from '../domain/errors.ts';
import type { PbxState } from './pbx.ts';
import { keepOpen, type PbxOutside, UnknownOutcome, unavailable } from './wire.ts';

export type AmiAddress = {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly secret: string;
  /** TLS with these certificates to trust (PEM), null for the system's own; left out, no TLS. */
  readonly tls?: { readonly ca: string | null };
  /** Which events the server shall send: `off`, or classes such as `system,call`. */
  readonly events: string;
};

/** A message of the server: an answer, or an event. A header may stand in it several times. */
export type AmiMessage = { readonly headers: readonly (readonly [name: string, value: string])[] };

/** What an action is given. A name may stand in it several times. */
export type AmiFields = readonly (readonly [name: string, value: string])[];

export type AmiListener = {
  /** An event that belongs to no list. */
  readonly event: (message: AmiMessage) => void;
  /** After every change; what was read before an `up` may be old. */
  readonly state: (state: PbxState) => void;
};

export type Ami = {
  state(): PbxState;
  /**
   * Sends an action and waits for its answer.
   * @throws AppError `unavailable` when nothing was sent; `UnknownOutcome` when it was sent and no answer came;
   *   `conflict` when the server refuses; `invalid` for a field that no line can hold
   */
  act(action: string, fields?: AmiFields): Promise<AmiMessage>;
  /** The same for an action that answers with a list of events, which it collects. */
  list(action: string, fields?: AmiFields): Promise<readonly AmiMessage[]>;
  close(): Promise<void>;
};

const LINE_BYTES_MAX = 16_384;
const MESSAGE_LINES_MAX = 2_000;
const LIST_ITEMS_MAX = 500_000;
const IN_FLIGHT_MAX = 1_000;
const CONNECT_TIMEOUT_MS = 10_000;
/** A server that says nothing to this is gone, though nobody has closed the connection. */
const PING_EVERY_MS = 15_000;

/** The first value of a header, whatever its case; null when there is none. */
export function header({ headers }: AmiMessage, name: string): string | null {
  const wanted = name.toLowerCase();
  return headers.find(([given]) => given.toLowerCase() === wanted)?.[1] ?? null;
}

/**
 * The text of an action as it goes over the wire.
 * @throws AppError `invalid` for a name or value with a line break or a zero byte
 */
export function actionText(action: string, id: string, fields: AmiFields): string {
  const lines = [['Action', action] as const, ['ActionID', id] as const, ...fields].map(([name, value]) => {
    if (!/^[A-Za-z][A-Za-z0-9_-]{0,63}$/.test(name))
      throw invalid('the name of an AMI header has letters and digits only');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
    if (/[\r\n\u0000]/.test(value)) throw invalid(`the AMI header ${name} holds a line break or a zero byte`);
    if (Buffer.byteLength(value) > LINE_BYTES_MAX / 2) throw invalid(`the AMI header ${name} is too long`);
    return `${name}: ${value}\r\n`;
  });
  return `${lines.join('')}\r\n`;
}

/** Bytes → messages. @throws Error for a line or a message beyond its limit */
export function readMessages(message: (message: AmiMessage) => void, banner: (line: string) => void) {
  let rest = Buffer.alloc(0);
  let headers: (readonly [string, string])[] = [];
  let greeted = false;
  const line = (text: string) => {
    if (!greeted) {
      greeted = true;
      return banner(text);
    }
    if (text === '') {
      if (headers.length > 0) message({ headers });
      headers = [];
      return;
    }
    if (headers.length >= MESSAGE_LINES_MAX) throw new Error(`sends a message of more than ${MESSAGE_LINES_MAX} lines`);
    const colon = text.indexOf(':');
    headers.push(colon < 0 ? ['', text] : [text.slice(0, colon), text.slice(colon + 1).trimStart()]);
  };
  return (piece: Buffer) => {
    let from = 0;
    for (let end = piece.indexOf(10); end >= 0; from = end + 1, end = piece.indexOf(10, from)) {
      const bytes = rest.length > 0 ? Buffer.concat([rest, piece.subarray(from, end)]) : piece.subarray(from, end);
      rest = Buffer.alloc(0);
      if (bytes.length > LINE_BYTES_MAX) throw new Error(`sends a line of more than ${LINE_BYTES_MAX} bytes`);
      line(bytes.toString('utf8').replace(/\r$/, ''));
    }
    rest = Buffer.concat([rest, piece.subarray(from)]);
    if (rest.length > LINE_BYTES_MAX) throw new Error(`sends a line of more than ${LINE_BYTES_MAX} bytes`);
  };
}

type Waiting = {
  readonly isList: boolean;
  readonly items: AmiMessage[];
  answer: AmiMessage | null;
  timer: NodeJS.Timeout;
  readonly done: (messages: { answer: AmiMessage; items: readonly AmiMessage[] }) => void;
  readonly failed: (error: Error) => void;
};

/** One connection from its greeting to its end. */
class Session {
  readonly waiting = new Map<string, Waiting>();
  readonly #socket: Socket;
  readonly #timeoutMs: number;
  #next = 1;
  #ended: Error | null = null;

  constructor(socket: Socket, timeoutMs: number) {
    this.#socket = socket;
    this.#timeoutMs = timeoutMs;
  }

  send(
    action: string,
    fields: AmiFields,
    isList: boolean,
  ): Promise<{ answer: AmiMessage; items: readonly AmiMessage[] }> {
    const id = `h${this.#next++}`;
    const text = actionText(action, id, fields);
    if (this.#ended !== null) return Promise.reject(unavailable(`nothing was sent: ${this.#ended.message}`));
    if (this.waiting.size >= IN_FLIGHT_MAX)
      return Promise.reject(unavailable(`${IN_FLIGHT_MAX} actions wait for an answer already`));
    return new Promise((done, failed) => {
      const timer = setTimeout(
        () => this.#give(id, new UnknownOutcome(`no answer within ${this.#timeoutMs} ms`)),
        this.#timeoutMs,
      );
      this.waiting.set(id, { isList, items: [], answer: null, timer, done, failed });
      this.#socket.write(text);
    });
  }

  #give(id: string, error: Error): void {
    const one = this.waiting.get(id);
    if (one === undefined) return;
    clearTimeout(one.timer);
    this.waiting.delete(id);
    one.failed(error);
  }

  /** Takes a message that belongs to an action; false for one that belongs to none. */
  take(message: AmiMessage): boolean {
    const id = header(message, 'ActionID') ?? '';
    const one = this.waiting.get(id);
    if (one === undefined) return false;
    one.timer.refresh();
    const end = () => {
      clearTimeout(one.timer);
      this.waiting.delete(id);
      one.done({ answer: one.answer ?? message, items: one.items });
    };
    if (header(message, 'Response') !== null && one.answer === null) {
      one.answer = message;
      const listComes = one.isList && header(message, 'Response') === 'Success';
      if (!listComes) end();
    } else if (/^complete/i.test(header(message, 'EventList') ?? '')) {
      end();
    } else if (one.items.length >= LIST_ITEMS_MAX) {
      this.#give(id, unavailable(`the list has more than ${LIST_ITEMS_MAX} items`));
    } else one.items.push(message);
    return true;
  }

  end(reason: string): void {
    this.#ended ??= new Error(reason);
    for (const id of [...this.waiting.keys()]) this.#give(id, new UnknownOutcome(`the connection ended: ${reason}`));
  }
}

const refusal = (action: string, answer: AmiMessage) =>
  new AppError(
    'conflict',
    `the server refuses ${action}: ${(header(answer, 'Message') ?? 'without a reason').slice(0, 200)}`,
  );

/** Opens a connection that keeps itself open: it greets, signs in, and begins again with growing pauses when it is lost. */
export function openAmi(address: AmiAddress, listener: AmiListener, outside: PbxOutside): Ami {
  const kept = keepOpen<Session>(
    (up, stop) => converse(address, outside, stop, { event: listener.event, up }),
    listener.state,
    outside,
  );
  const send = async (action: string, fields: AmiFields, isList: boolean) => {
    const given = await kept.session().send(action, fields, isList);
    if (header(given.answer, 'Response') !== 'Success') throw refusal(action, given.answer);
    return given;
  };
  return {
    state: kept.state,
    act: async (action, fields = []) => (await send(action, fields, false)).answer,
    list: async (action, fields = []) => (await send(action, fields, true)).items,
    close: kept.close,
  };
}

type Ears = {
  readonly event: (message: AmiMessage) => void;
  readonly up: (session: Session) => void;
};

/** Opens one connection, signs in and listens until it ends. @returns why it ended, without secrets */
function converse(address: AmiAddress, { timeoutMs }: PbxOutside, stop: AbortSignal, ears: Ears): Promise<string> {
  const { host, port, tls } = address;
  return new Promise((resolve) => {
    const trust = tls?.ca == null ? {} : { ca: tls.ca };
    const socket =
      tls === undefined ? connectTcp({ host, port }) : connectTls({ host, port, servername: host, ...trust });
    const session = new Session(socket, timeoutMs);
    let ping: NodeJS.Timeout | undefined;
    const end = (reason: string) => {
      clearInterval(ping);
      socket.destroy();
      session.end(reason);
      stop.removeEventListener('abort', onStop);
      resolve(reason);
    };
    const onStop = () => end('closed');
    stop.addEventListener('abort', onStop);
    if (stop.aborted) return onStop();
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => end(`no greeting within ${CONNECT_TIMEOUT_MS} ms`));
    const read = readMessages(
      (message) => {
        if (!session.take(message) && header(message, 'Event') !== null) ears.event(message);
      },
      (greeting) => {
        socket.setTimeout(0);
        if (!greeting.startsWith('Asterisk Call Manager/'))
          return end('it does not greet as an Asterisk Manager Interface does');
        signIn(session, address).then(
          () => {
            ping = setInterval(() => {
              session.send('Ping', [], false).catch((error: Error) => end(error.message));
            }, PING_EVERY_MS).unref();
            ears.up(session);
          },
          (error: Error) => end(error instanceof AppError ? error.message : `signing in failed: ${error.message}`),
        );
      },
    );
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

/** Signs in by a challenge, so that the secret itself is never sent. */
async function signIn(session: Session, { user, secret, events }: AmiAddress): Promise<void> {
  const { answer } = await session.send('Challenge', [['AuthType', 'MD5']], false);
  const challenge = header(answer, 'Challenge');
  if (challenge === null) throw refusal('the challenge', answer);
  const key = createHash('md5')
    .update(challenge + secret)
    .digest('hex');
  const fields: AmiFields = [
    ['AuthType', 'MD5'],
    ['Username', user],
    ['Key', key],
    ['Events', events],
  ];
  const login = await session.send('Login', fields, false);
  if (header(login.answer, 'Response') !== 'Success') throw refusal('to sign in', login.answer);
}
