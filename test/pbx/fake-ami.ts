// A server that speaks the Manager Interface as far as a test needs it, and breaks where a test wants it to.
import { createHash } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

export type FakeAction = ReadonlyMap<string, string>;

export type FakeAmi = {
  readonly port: number;
  /** Every action that came after signing in, as it came. */
  readonly actions: FakeAction[];
  /** How many connections there were. */
  readonly connections: () => number;
  /** Sends bytes to everybody who is connected. */
  send(text: string): void;
  /** Cuts everybody off. */
  cut(): void;
};

export const USER = 'homeport';
export const SECRET = 'ami-secret-of-the-test';

const CHALLENGE = '123456789';

export type FakeRules = {
  /** The first thing that a client hears; null for a server that says nothing. */
  readonly greeting?: string | null;
  /** What an action after signing in is answered with, without ActionID; undefined for nothing at all. */
  readonly answer?: (action: FakeAction, socket: Socket) => string | undefined;
  /** Called before each action is looked at; true when it has dealt with it. */
  readonly instead?: (action: FakeAction, socket: Socket) => boolean;
};

export async function fakeAmi(context: TestContext, rules: FakeRules = {}): Promise<FakeAmi> {
  const sockets = new Set<Socket>();
  const actions: FakeAction[] = [];
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    const greeting = rules.greeting === undefined ? 'Asterisk Call Manager/9.0.0\r\n' : rules.greeting;
    if (greeting !== null) socket.write(greeting);
    let rest = '';
    socket.setEncoding('utf8').on('data', (piece: string) => {
      rest += piece;
      for (let end = rest.indexOf('\r\n\r\n'); end >= 0; end = rest.indexOf('\r\n\r\n')) {
        const action = new Map(
          rest
            .slice(0, end)
            .split('\r\n')
            .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)] as const),
        );
        rest = rest.slice(end + 4);
        if (rules.instead?.(action, socket) === true) continue;
        answer(action, socket);
      }
    });
  });
  const answer = (action: FakeAction, socket: Socket) => {
    const id = `ActionID: ${action.get('ActionID')}\r\n`;
    switch (action.get('Action')) {
      case 'Challenge':
        return void socket.write(`Response: Success\r\n${id}Challenge: ${CHALLENGE}\r\n\r\n`);
      case 'Login': {
        const key = createHash('md5')
          .update(CHALLENGE + SECRET)
          .digest('hex');
        const isRight = action.get('Username') === USER && action.get('Key') === key;
        const said = isRight
          ? 'Success\r\nMessage: Authentication accepted'
          : 'Error\r\nMessage: Authentication failed';
        return void socket.write(`Response: ${said}\r\n${id}\r\n`);
      }
      default: {
        actions.push(action);
        const text = rules.answer?.(action, socket);
        if (text !== undefined) socket.write(text.replaceAll('{id}', action.get('ActionID') ?? ''));
      }
    }
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    port: (server.address() as AddressInfo).port,
    actions,
    connections: () => connections,
    send: (text) => {
      for (const socket of sockets) socket.write(text);
    },
    cut: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}
