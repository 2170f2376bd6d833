// Requests and their answers: over UDP repeated until somebody answers (RFC 3261 section 17.1), over TCP sent once; proven when
// a challenge asks for it.
import { createSocket } from 'node:dgram';
import { type AddressInfo, connect, isIPv6, type Socket } from 'node:net';
import { type Credential, challengeAmong, digestAnswer } from './digest.ts';
import { firstOf, headersOf, readSip, type SipMessage, sipStream, statusOf, uriIn, writeSip } from './sip.ts';

export type Peer = { readonly host: string; readonly port: number };

export const SIP_TRANSPORTS = ['udp', 'tcp'] as const;
export type SipTransport = (typeof SIP_TRANSPORTS)[number];

/** What lies outside: chance, the clock and patience. */
export type SipOutside = {
  /** A text like no other, of letters and digits. */
  readonly unique: () => string;
  /** Waits; ends early when the signal says so. */
  readonly wait: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** How long an answer may take; RFC 3261 has 64 × T1, which is 32 seconds. */
  readonly patienceMs: number;
};

export type Order = {
  readonly method: string;
  readonly uri: string;
  readonly server: Peer;
  readonly headers: SipMessage['headers'];
  readonly body?: string;
};

export type Outcome = {
  /** The request as it was sent last. */
  readonly request: SipMessage;
  /** Its final answer; null for silence. */
  readonly response: SipMessage | null;
  /** Has it left this machine? */
  readonly isSent: boolean;
};

export type SipRequests = {
  /** Where it listens, or for TCP from where it speaks: `HOST:PORT`. */
  readonly address: string;
  /** Sends a message once. @returns whether it has left */
  send(message: SipMessage, peer: Peer): Promise<boolean>;
  /** Asks until the final answer comes. With a credential it answers a challenge. */
  ask(order: Order, credential?: Credential): Promise<Outcome>;
  close(): Promise<void>;
};

/** RFC 3261 section 17.1.1.1: the round-trip estimate, and the longest pause between two tries. */
const T1_MS = 500;
const T2_MS = 4_000;
/** Requests that wait for an answer at the same time. */
const WAITING_MAX = 10_000;
const CONNECTIONS_MAX = 1_000;
const CONNECT_TIMEOUT_MS = 5_000;

export const hostPortText = ({ host, port }: Peer): string => `${isIPv6(host) ? `[${host}]` : host}:${port}`;

type Wire = Pick<SipRequests, 'address' | 'send' | 'close'> & { readonly isReliable: boolean; readonly via: string };
type Hear = (message: SipMessage, from: Peer) => void;

async function openUdp(local: Peer, hear: Hear): Promise<Wire> {
  const socket = createSocket(isIPv6(local.host) ? 'udp6' : 'udp4');
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(local.port, local.host, resolve);
  });
  socket.removeAllListeners('error').on('error', () => undefined);
  socket.on('message', (datagram, { address: host, port }) => {
    const message = readSip(datagram);
    if (message !== null) hear(message, { host, port });
  });
  let isOpen = true;
  // A socket that closes says nothing of what it was about to send.
  const sending = new Set<(isSent: boolean) => void>();
  return {
    ...{ isReliable: false, via: 'SIP/2.0/UDP' },
    address: hostPortText({ host: local.host, port: (socket.address() as AddressInfo).port }),
    send: async (message, { host, port }) => {
      const bytes = writeSip(message);
      if (!isOpen) return false;
      return new Promise((resolve) => {
        const tell = (isSent: boolean) => {
          sending.delete(tell);
          resolve(isSent);
        };
        sending.add(tell);
        socket.send(bytes, port, host, (error) => tell(error === null));
      });
    },
    close: () =>
      new Promise<void>((resolve) => {
        isOpen = false;
        socket.close(() => resolve());
        for (const tell of [...sending]) tell(false);
      }),
  };
}

/** Connections of our own, each kept for what comes next to the same peer; nobody connects to us. */
async function openTcp(local: Peer, hear: Hear): Promise<Wire> {
  const sockets = new Map<string, Promise<Socket | null>>();
  const connected = (peer: Peer): Promise<Socket | null> => {
    const key = hostPortText(peer);
    const open = new Promise<Socket | null>((tell) => {
      const socket = connect({ ...peer, localAddress: local.host });
      const read = sipStream((message) => hear(message, peer));
      const end = () => {
        if (sockets.get(key) === open) sockets.delete(key);
        socket.destroy();
        tell(null);
      };
      socket.setTimeout(CONNECT_TIMEOUT_MS, end);
      socket.once('connect', () => {
        socket.setTimeout(0);
        tell(socket);
      });
      socket.on('error', end).on('close', end);
      socket.on('data', (piece: Buffer) => {
        try {
          read(piece);
        } catch {
          end();
        }
      });
    });
    sockets.set(key, open);
    return open;
  };
  return {
    ...{ isReliable: true, via: 'SIP/2.0/TCP' },
    address: hostPortText(local),
    send: async (message, peer) => {
      const bytes = writeSip(message);
      if (sockets.size >= CONNECTIONS_MAX) return false;
      const socket = await (sockets.get(hostPortText(peer)) ?? connected(peer));
      if (socket === null) return false;
      return new Promise((tell) => socket.write(bytes, (error) => tell(error === null || error === undefined)));
    },
    close: async () => {
      for (const socket of await Promise.all(sockets.values())) socket?.destroy();
    },
  };
}

/** The answer to a challenge as a header; null for an answer that challenges nobody, or by no way we know. */
function proofFor(response: SipMessage, { method, uri }: Order, credential: Credential, cnonce: string) {
  const status = statusOf(response);
  if (status !== 401 && status !== 407) return null;
  const [asked, given] =
    status === 401 ? ['WWW-Authenticate', 'Authorization'] : ['Proxy-Authenticate', 'Proxy-Authorization'];
  const challenge = challengeAmong(headersOf(response, asked));
  if (challenge === null) return null;
  return [given, digestAnswer(challenge, credential, { method, uri, cnonce })] as const;
}

export type SipPlace = {
  /** A local address, and a port; 0 takes a free one. */
  readonly local: Peer;
  readonly transport: SipTransport;
  readonly userAgent: string;
};

/**
 * Opens a place from which requests are sent; requests that come in go to `take`.
 * @throws Error when the address is not ours, or the port taken
 */
export async function openSipRequests(
  { local, transport, userAgent }: SipPlace,
  take: Hear,
  { unique, wait, patienceMs }: SipOutside,
): Promise<SipRequests> {
  const waiting = new Map<string, (response: SipMessage) => void>();
  const closing = new AbortController();
  const wire = await (transport === 'udp' ? openUdp : openTcp)(local, (message, from) => {
    if (statusOf(message) === null) return take(message, from);
    const branch = /;branch=([^;,\s]+)/.exec(firstOf(message, 'Via'))?.[1] ?? '';
    waiting.get(branch)?.(message);
  });
  let sequence = 0;

  const askOnce = async ({ method, uri, server, headers, body = '' }: Order): Promise<Outcome> => {
    const branch = `z9hG4bK${unique()}`;
    const fixed = [
      ['Via', `${wire.via} ${wire.address};branch=${branch};rport`],
      ['Max-Forwards', '70'],
      ['User-Agent', userAgent],
      ['CSeq', `${++sequence} ${method}`],
    ] as const;
    const request: SipMessage = { start: `${method} ${uri} SIP/2.0`, headers: [...fixed, ...headers], body };
    const ended = new AbortController();
    const signal = AbortSignal.any([ended.signal, closing.signal]);
    let response: SipMessage | null = null;
    let isHeard = false;
    let isSent = false;
    if (waiting.size >= WAITING_MAX) return { request, response, isSent };
    waiting.set(branch, (message) => {
      isHeard = true;
      if ((statusOf(message) ?? 0) < 200) return;
      response ??= message;
      ended.abort();
    });
    for (let spent = 0, pause = T1_MS; !signal.aborted && spent < patienceMs; pause = Math.min(2 * pause, T2_MS)) {
      // Behind a provisional answer an INVITE is not repeated any more (RFC 3261 section 17.1.1.2).
      const isDue = spent === 0 || !(wire.isReliable || (isHeard && method === 'INVITE'));
      if (isDue) isSent = (await wire.send(request, server)) || isSent;
      if (wire.isReliable && !isSent) break;
      const length = Math.min(pause, patienceMs - spent);
      if (!signal.aborted) await wait(length, signal);
      spent += length;
    }
    waiting.delete(branch);
    return { request, response, isSent };
  };

  return {
    address: wire.address,
    send: wire.send,
    async ask(order, credential) {
      const first = await askOnce(order);
      if (first.response === null || credential === undefined) return first;
      const proof = proofFor(first.response, order, credential, unique());
      if (proof === null) return first;
      if (order.method === 'INVITE') await wire.send(acknowledgement(first.request, first.response), order.server);
      return askOnce({ ...order, headers: [...order.headers, proof] });
    },
    async close() {
      closing.abort();
      await wire.close();
    },
  };
}

/**
 * The ACK of an answer to an INVITE: of a refusal it belongs to the INVITE's own transaction (RFC 3261 section 17.1.1.3), of a
 * good one it is a request of its own, with a Via of its own.
 */
export function acknowledgement(invite: SipMessage, response: SipMessage, via: string | null = null): SipMessage {
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
