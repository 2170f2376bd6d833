// A server that speaks the event socket's protocol as FreeSWITCH documents it, and breaks it where a test wants so.
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

export const ESL_SECRET = 'esl-secret-of-the-test';

export type FakeEslRules = {
  /** The first thing that a client hears. */
  readonly greeting?: string;
  /** The body of an answer to `api …`; undefined for nothing at all. */
  readonly api?: (command: string) => string | undefined;
  /** Called before each order is looked at; true when it has dealt with it. */
  readonly instead?: (lines: readonly string[], socket: Socket) => boolean;
  /** The answer to `sendevent`. */
  readonly sendevent?: string;
};

export type FakeEsl = {
  readonly port: number;
  /** Every order that came after signing in, as lines. */
  readonly orders: string[][];
  event(headers: Readonly<Record<string, string>>): void;
  cut(): void;
};

export async function fakeEsl(context: TestContext, rules: FakeEslRules = {}): Promise<FakeEsl> {
  const sockets = new Set<Socket>();
  const orders: string[][] = [];
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined);
    socket.write(rules.greeting ?? 'Content-Type: auth/request\n\n');
    let rest = '';
    socket.setEncoding('utf8').on('data', (piece: string) => {
      rest += piece;
      for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
        const lines = rest.slice(0, end).split('\n');
        rest = rest.slice(end + 2);
        if (rules.instead?.(lines, socket) !== true) answer(lines, socket);
      }
    });
  });
  const reply = (text: string) => `Content-Type: command/reply\nReply-Text: ${text}\n\n`;
  const answer = (lines: readonly string[], socket: Socket) => {
    const [first = ''] = lines;
    if (first.startsWith('auth ')) {
      const isRight = first === `auth ${ESL_SECRET}`;
      return void socket.write(reply(isRight ? '+OK accepted' : '-ERR invalid'));
    }
    if (first.startsWith('event ')) return void socket.write(reply('+OK event listener enabled plain'));
    orders.push([...lines]);
    if (first.startsWith('sendevent ')) return void socket.write(reply(rules.sendevent ?? '+OK 7f4de4bc'));
    const body = rules.api?.(first.slice('api '.length));
    if (body === undefined) return;
    socket.write(`Content-Type: api/response\nContent-Length: ${Buffer.byteLength(body)}\n\n${body}`);
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    port: (server.address() as AddressInfo).port,
    orders,
    event(headers) {
      const body = `${Object.entries(headers)
        .map(([name, value]) => `${name}: ${encodeURIComponent(value)}\n`)
        .join('')}\n`;
      const head = `Content-Length: ${Buffer.byteLength(body)}\nContent-Type: text/event-plain\n\n`;
      for (const socket of sockets) socket.write(head + body);
    },
    cut: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}
