// Requests over UDP and their answers: repeated until somebody answers (RFC 3261 section 17.1), proven when asked to (RFC 7616).
import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import type { AddressInfo } from 'node:net';
import { firstOf, headersOf, parametersOf, readSip, type SipMessage, statusOf, writeSip } from './sip.ts';

export type Peer = { readonly host: string; readonly port: number };

/** What lies outside: chance and the clock. */
export type SipOutside = {
  /** A text like no other. */
  readonly unique: () => string;
  readonly wait: (milliseconds: number) => Promise<void>;
};

/** What somebody proves to be. */
export type Credential = { readonly user: string; readonly password: string };

export type Order = {
  readonly method: string;
  readonly uri: string;
  readonly server: Peer;
  readonly headers: SipMessage['headers'];
  readonly body?: string;
};

/** The request as it was sent last, and its final answer; null for silence. */
export type Outcome = { readonly request: SipMessage; readonly response: SipMessage | null };

export type SipRequests = {
  /** Where it listens, `HOST:PORT`. */
  readonly address: string;
  readonly unique: () => string;
  /** Sends a message once. */
  send(message: SipMessage, peer: Peer): void;
  /** Asks until the final answer comes, or for 64 × T1. With a credential it answers a challenge. */
  ask(order: Order, credential?: Credential): Promise<Outcome>;
  close(): Promise<void>;
};

/** RFC 3261 section 17.1.1.1: the round-trip estimate, and the longest pause between two tries. */
const T1_MS = 500;
const T2_MS = 4_000;
const md5 = (text: string) => createHash('md5').update(text).digest('hex');

/** The header that answers a challenge by MD5, which every SIP server offers. */
export function digestAnswer(
  challenge: string,
  { user, password }: Credential,
  { method, uri, cnonce }: { method: string; uri: string; cnonce: string },
): string {
  const { realm = '', nonce = '', qop = '', opaque, algorithm } = parametersOf(challenge);
  const [ha1, ha2] = [md5(`${user}:${realm}:${password}`), md5(`${method}:${uri}`)];
  const isAuth = qop.split(',').some((one) => one.trim() === 'auth');
  const response = isAuth ? md5(`${ha1}:${nonce}:00000001:${cnonce}:auth:${ha2}`) : md5(`${ha1}:${nonce}:${ha2}`);
  const quoted = { username: user, realm, nonce, uri, response, ...(opaque === undefined ? {} : { opaque }) };
  const parts = Object.entries(quoted).map(([key, value]) => `${key}="${value.replaceAll(/["\\]/g, '\\$&')}"`);
  const more = isAuth ? ['qop=auth', 'nc=00000001', `cnonce="${cnonce}"`] : [];
  return `Digest ${[...parts, ...more, ...(algorithm === undefined ? [] : [`algorithm=${algorithm}`])].join(', ')}`;
}

/** The answer to a challenge as a header; null for an answer that challenges nobody by MD5. */
function proofFor(response: SipMessage, { method, uri }: Order, credential: Credential, cnonce: string) {
  const status = statusOf(response);
  if (status !== 401 && status !== 407) return null;
  const [asked, given] =
    status === 401 ? ['WWW-Authenticate', 'Authorization'] : ['Proxy-Authenticate', 'Proxy-Authorization'];
  const challenge = headersOf(response, asked).find((value) => !/algorithm="?SHA/i.test(value));
  return challenge === undefined
    ? null
    : ([given, digestAnswer(challenge, credential, { method, uri, cnonce })] as const);
}

/**
 * Opens a UDP socket on a local address; requests that come in go to `take`.
 * @throws Error when the address is not ours
 */
export async function openSipRequests(
  local: string,
  userAgent: string,
  take: (request: SipMessage, from: Peer) => void,
  { unique, wait }: SipOutside,
): Promise<SipRequests> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(0, local, resolve);
  });
  const address = `${local}:${(socket.address() as AddressInfo).port}`;
  const waiting = new Map<string, (response: SipMessage) => void>();
  let sequence = 0;

  const send: SipRequests['send'] = (message, { host, port }) => {
    // A lost datagram is what the repetitions are for.
    socket.send(writeSip(message), port, host, () => undefined);
  };
  socket.on('error', () => undefined);
  socket.on('message', (datagram, { address: host, port }) => {
    const message = readSip(datagram);
    if (message === null) return;
    if (statusOf(message) === null) return take(message, { host, port });
    const branch = /;branch=([^;,\s]+)/.exec(firstOf(message, 'Via'))?.[1] ?? '';
    waiting.get(branch)?.(message);
  });

  const askOnce = async ({ method, uri, server, headers, body = '' }: Order): Promise<Outcome> => {
    const branch = `z9hG4bK${unique()}`;
    const fixed = [
      ['Via', `SIP/2.0/UDP ${address};branch=${branch};rport`],
      ['Max-Forwards', '70'],
      ['User-Agent', userAgent],
      ['CSeq', `${++sequence} ${method}`],
    ] as const;
    const request: SipMessage = { start: `${method} ${uri} SIP/2.0`, headers: [...fixed, ...headers], body };
    let response: SipMessage | null = null;
    let isHeard = false;
    const answered = new Promise<void>((resolve) => {
      waiting.set(branch, (message) => {
        isHeard = true;
        if ((statusOf(message) ?? 0) < 200) return;
        response = message;
        resolve();
      });
    });
    for (let spent = 0, pause = T1_MS; response === null && spent < 64 * T1_MS; pause = Math.min(2 * pause, T2_MS)) {
      // Behind a provisional answer an INVITE is not repeated any more (RFC 3261 section 17.1.1.2).
      if (!(isHeard && method === 'INVITE')) send(request, server);
      await Promise.race([answered, wait(pause)]);
      spent += pause;
    }
    waiting.delete(branch);
    return { request, response };
  };

  return {
    address,
    unique,
    send,
    async ask(order, credential) {
      const first = await askOnce(order);
      if (first.response === null || credential === undefined) return first;
      const proof = proofFor(first.response, order, credential, unique());
      if (proof === null) return first;
      if (order.method === 'INVITE') send(acknowledgement(first.request, first.response, null), order.server);
      return askOnce({ ...order, headers: [...order.headers, proof] });
    },
    close: () => new Promise<void>((resolve) => socket.close(() => resolve())),
  };
}

/**
 * The ACK of an answer to an INVITE: of a refusal it belongs to the INVITE's own transaction (RFC 3261 section 17.1.1.3), of a
 * good one it is a request of its own with the Via given here.
 */
export function acknowledgement(invite: SipMessage, response: SipMessage, via: string | null): SipMessage {
  const uri = via === null ? (invite.start.split(' ')[1] ?? '') : uriIn(firstOf(response, 'Contact'));
  return {
    start: `ACK ${uri} SIP/2.0`,
    headers: [
      ['Via', via ?? firstOf(invite, 'Via')],
      ['Max-Forwards', '70'],
      ['From', firstOf(invite, 'From')],
      ['To', firstOf(response, 'To')],
      ['Call-ID', firstOf(invite, 'Call-ID')],
      ['CSeq', firstOf(invite, 'CSeq').replace('INVITE', 'ACK')],
    ],
    body: '',
  };
}

/** The URI in a header such as Contact. */
export const uriIn = (value: string): string => /<([^>]+)>/.exec(value)?.[1] ?? value.split(';')[0] ?? '';
