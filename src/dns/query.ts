// A question to a DNS server and what its answer means. Everything that is not a clear answer says why, because a reading
// that failed is unknown and never fine.
import type { DnsServer } from '../domain/dns-target.ts';
import type { Reading } from '../domain/reading.ts';
import { CLASSES, EDNS, encodeMessage, type Message, nameText, OPCODES, rcodeText, TYPES } from './packet.ts';
import { dataText } from './rdata.ts';
import { type Signature, sign, type TsigKey, verify } from './tsig.ts';
import { exchange, type Outside, type Request } from './wire.ts';

export type QueryType = 'A' | 'AAAA' | 'CNAME' | 'NS' | 'SOA' | 'SRV' | 'NAPTR';

export type Query = {
  readonly name: string;
  readonly type: QueryType;
  /**
   * `authority`: asks for what the server itself knows, and takes the answer only when it says that the zone is its own.
   * `resolver`: asks it to find out.
   */
  readonly of: 'authority' | 'resolver';
  /** Signs the question; then the answer must be signed too. */
  readonly key?: TsigKey;
};

/** A reading, with the values as they came over the wire, for an update that may happen only while they are there. */
export type RawReading = Reading & { readonly data: readonly Buffer[] };

/** Asks a server. Never throws for what a server does. */
export async function query(server: DnsServer, asked: Query, outside: Outside): Promise<RawReading> {
  const first = await ask(server, asked, outside, true);
  const isOld = first.reading.kind === 'failed' && (first.rcode === 1 || first.rcode === 4);
  return isOld ? (await ask(server, asked, outside, false)).reading : first.reading;
}

type Asked = { readonly reading: RawReading; readonly rcode: number | null };

async function ask(server: DnsServer, asked: Query, outside: Outside, edns: boolean): Promise<Asked> {
  const question = { name: asked.name, type: TYPES[asked.type], class: CLASSES.IN };
  let signature: Signature | null = null;
  const makeRequest = (): Request => {
    const plain = encodeMessage({
      id: outside.random(2).readUInt16BE(0),
      opcode: OPCODES.QUERY,
      recursionDesired: asked.of === 'resolver',
      questions: [question],
      additionals: edns ? [EDNS] : [],
    });
    if (asked.key === undefined) return { bytes: plain, opcode: OPCODES.QUERY, question };
    const signed = sign(plain, asked.key, outside.now());
    signature = signed.signature;
    return { bytes: signed.bytes, opcode: OPCODES.QUERY, question };
  };
  const exchanged = await exchange(server, makeRequest, outside);
  if (exchanged.kind !== 'message') return { reading: { ...exchanged, data: [] }, rcode: null };
  const { message, bytes } = exchanged;
  const fault = signature === null ? null : verify(bytes, message, signature, outside.now());
  if (fault !== null) return { reading: { ...fault, data: [] }, rcode: null };
  return { reading: readingOf(message, asked), rcode: message.rcode };
}

const none = (reading: Reading): RawReading => ({ ...reading, data: [] });

/** What an answer means (RFC 1034 section 4.3.2, RFC 2308). */
function readingOf(message: Message, asked: Query): RawReading {
  const { rcode, authoritative } = message;
  if (rcode === 5) return none({ kind: 'refused', why: 'it refuses to answer (REFUSED)' });
  if (rcode === 9) return none({ kind: 'refused', why: 'it is not responsible for the zone (NOTAUTH)' });
  if (rcode !== 0 && rcode !== 3) return none({ kind: 'failed', why: `it fails (${rcodeText(rcode)})` });
  if (asked.of === 'authority' && !authoritative) {
    return none({ kind: 'lame', why: 'it does not answer for the zone as its own' });
  }
  if (asked.of === 'resolver' && !message.recursionAvailable && !authoritative) {
    return none({ kind: 'refused', why: 'it does not resolve for us' });
  }
  return recordsIn(message, asked);
}

function recordsIn(message: Message, { name, type }: Query): RawReading {
  const { rcode, authoritative, answers, authorities } = message;
  const owner = name.toLowerCase().replace(/\.$/, '');
  const ofOwner = answers.filter((one) => one.name === owner && one.class === CLASSES.IN && one.data.length > 0);
  const found = ofOwner.filter((one) => one.type === TYPES[type]);
  const alias = ofOwner.find((one) => one.type === TYPES.CNAME);
  if (found.length > 0) {
    const values = found.map(({ data }) => dataText(TYPES[type], data));
    const ttl = Math.min(...found.map((one) => one.ttl));
    return { kind: 'answer', values, ttl, authoritative, data: found.map(({ data }) => data) };
  }
  if (alias !== undefined) return none({ kind: 'alias', to: nameText(alias.data).toLowerCase(), authoritative });
  if (rcode === 3) return none({ kind: 'nxdomain', authoritative });
  if (answers.length > 0) return none({ kind: 'garbled', why: 'it answers with records of something else' });
  const isReferral = !authoritative && authorities.some((one) => one.type === TYPES.NS);
  if (isReferral) return none({ kind: 'lame', why: 'it only says who else may know' });
  return none({ kind: 'nodata', authoritative });
}
