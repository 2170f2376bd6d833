// One message to a DNS server and one back: UDP, TCP when the answer is cut off, limits on everything, and no trust in
// what comes back before it fits what was asked.
import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import type { DnsServer } from '../domain/dns-target.ts';
import { decodeMessage, type Message, OPCODES, type Question } from './packet.ts';

/** What lies outside of us: the clock, randomness, patience. */
export type Outside = {
  readonly now: () => Date;
  readonly random: (bytes: number) => Buffer;
  readonly wait: (milliseconds: number) => Promise<void>;
  /** How long one answer may take. */
  readonly timeoutMs: number;
  /** How often a server that says nothing is asked. */
  readonly tries: number;
};

/** What came back: a message that answers the question, or why there is none. */
export type Exchanged =
  | { readonly kind: 'message'; readonly bytes: Buffer; readonly message: Message }
  | { readonly kind: 'silent' | 'garbled'; readonly why: string };

/** A request as it is sent, and what its answer must repeat. */
export type Request = { readonly bytes: Buffer; readonly opcode: number; readonly question: Question };

/** Datagrams that do not fit are passed over, because anybody can send them; but not for ever. */
const STRANGE_DATAGRAMS_MAX = 32;

/** Why a message is no answer to the request; null when it is one. */
function misfit(message: Message, { bytes, opcode, question }: Request): string | null {
  if (message.id !== bytes.readUInt16BE(0)) return 'it has the id of another request';
  if (!message.isAnswer || message.opcode !== opcode) return 'it is not an answer to such a request';
  const [asked] = message.questions;
  // A server that understands nothing of it cannot repeat it, and one need not repeat the zone of an update.
  if (asked === undefined && (message.rcode !== 0 || opcode === OPCODES.UPDATE)) return null;
  const same =
    asked?.name === question.name.toLowerCase() && asked.type === question.type && asked.class === question.class;
  return same ? null : 'it answers another question';
}

/** Reads bytes as the answer; a text says why they are none. */
function answerIn(bytes: Buffer, request: Request): Message | string {
  const message = decodeMessage(bytes);
  return 'fault' in message ? message.fault : (misfit(message, request) ?? message);
}

export const serverText = ({ address, port }: DnsServer): string =>
  isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`;

const reasonOf = (error: unknown): string => (error as { code?: string }).code ?? 'no way there';

/** Asks over UDP, from a port that the system draws anew each time. */
function overUdp({ address, port }: DnsServer, request: Request, { timeoutMs }: Outside): Promise<Exchanged> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    let strange: string | null = null;
    let count = 0;
    const end = (result: Exchanged) => {
      clearTimeout(timer);
      socket.removeAllListeners();
      socket.on('error', () => undefined);
      socket.close();
      resolve(result);
    };
    const timer = setTimeout(() => {
      const silent: Exchanged = { kind: 'silent', why: `no answer within ${timeoutMs / 1_000} s` };
      end(strange === null ? silent : { kind: 'garbled', why: `what it sends cannot be used: ${strange}` });
    }, timeoutMs);
    socket.on('error', (error) => end({ kind: 'silent', why: `cannot be reached (${reasonOf(error)})` }));
    socket.on('message', (bytes) => {
      const message = answerIn(bytes, request);
      if (typeof message !== 'string') return end({ kind: 'message', bytes, message });
      strange = message;
      count++;
      if (count >= STRANGE_DATAGRAMS_MAX) end({ kind: 'garbled', why: `what it sends cannot be used: ${strange}` });
    });
    // A connected socket takes datagrams of this server's address and port alone.
    socket.connect(port, address, () => socket.send(request.bytes));
  });
}

/** Asks over TCP (RFC 7766): two bytes of length before each message. */
export function overTcp({ address, port }: DnsServer, request: Request, { timeoutMs }: Outside): Promise<Exchanged> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    let received = Buffer.alloc(0);
    const end = (result: Exchanged) => {
      clearTimeout(timer);
      socket.removeAllListeners();
      socket.on('error', () => undefined);
      socket.destroy();
      resolve(result);
    };
    const silent = (why: string) => end({ kind: 'silent', why });
    const timer = setTimeout(() => silent(`no whole answer over TCP within ${timeoutMs / 1_000} s`), timeoutMs);
    socket.on('error', (error) => silent(`cannot be reached over TCP (${reasonOf(error)})`));
    socket.on('close', () => silent('it ends the connection without a whole answer'));
    socket.on('connect', () => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(request.bytes.length, 0);
      socket.write(Buffer.concat([length, request.bytes]));
    });
    socket.on('data', (piece) => {
      // At most one message is read, so no more than 64 KiB are ever kept.
      received = Buffer.concat([received, piece]);
      if (received.length < 2) return;
      const length = received.readUInt16BE(0);
      if (received.length < 2 + length) return;
      const bytes = received.subarray(2, 2 + length);
      const message = answerIn(bytes, request);
      if (typeof message === 'string') end({ kind: 'garbled', why: `what it sends cannot be used: ${message}` });
      else if (message.truncated) end({ kind: 'garbled', why: 'its answer is cut off even over TCP' });
      else end({ kind: 'message', bytes, message });
    });
  });
}

/** Asks over UDP, as often as it takes, and over TCP when the answer did not fit. */
export async function exchange(server: DnsServer, makeRequest: () => Request, outside: Outside): Promise<Exchanged> {
  let last: Exchanged = { kind: 'silent', why: 'it was not asked' };
  for (let tries = 0; tries < outside.tries; tries++) {
    const request = makeRequest();
    last = await overUdp(server, request, outside);
    if (last.kind === 'message') return last.message.truncated ? overTcp(server, request, outside) : last;
  }
  return last;
}
