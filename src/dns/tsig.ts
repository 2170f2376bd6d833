// Signatures on DNS messages with a shared key (TSIG, RFC 8945): who changes a zone proves that they may, and the server
// proves that the answer is its own.
import { createHmac, timingSafeEqual } from 'node:crypto';
import {
  CLASSES,
  type Message,
  nameText,
  nameWire,
  type PacketRecord,
  rcodeText,
  recordBytes,
  TYPES,
} from './packet.ts';

export const TSIG_ALGORITHMS = ['hmac-sha256', 'hmac-sha512'] as const;
export type TsigAlgorithm = (typeof TSIG_ALGORITHMS)[number];

export type TsigKey = {
  readonly name: string;
  readonly algorithm: TsigAlgorithm;
  /** Base64, as key files have it. */
  readonly secret: string;
};

/** Seconds by which the clocks of both sides may differ. */
const FUDGE_S = 300;

/** What a server's signature is checked with: the request's, which it covers too. */
export type Signature = { readonly key: TsigKey; readonly mac: Buffer; readonly id: number };

const uint16 = (value: number) => Buffer.from([value >> 8, value & 0xff]);

/** Seconds since 1970 in 48 bits. */
function time48(seconds: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUIntBE(seconds, 0, 6);
  return bytes;
}

const hmacOf = ({ algorithm, secret }: TsigKey, ...pieces: readonly Uint8Array[]): Buffer => {
  const hmac = createHmac(algorithm.slice('hmac-'.length), Buffer.from(secret, 'base64'));
  for (const piece of pieces) hmac.update(piece);
  return hmac.digest();
};

type Fields = { readonly time: number; readonly fudge: number; readonly error: number; readonly other: Buffer };

/** What the signature covers beside the message (RFC 8945 section 4.3.3); names in lower case. */
const variables = ({ name, algorithm }: TsigKey, { time, fudge, error, other }: Fields): Buffer =>
  Buffer.concat([
    ...[nameWire(name.toLowerCase()), uint16(CLASSES.ANY), Buffer.alloc(4), nameWire(algorithm)],
    ...[time48(time), uint16(fudge), uint16(error), uint16(other.length), other],
  ]);

const withAdditionals = (message: Buffer, change: number): Buffer => {
  const copy = Buffer.from(message);
  copy.writeUInt16BE(copy.readUInt16BE(10) + change, 10);
  return copy;
};

/** How many bytes a signature adds to a message. */
export const signatureBytes = (key: TsigKey): number => recordBytes(recordOf(key, { ...NOTHING, mac: hmacOf(key) }));
const NOTHING = { time: 0, fudge: FUDGE_S, error: 0, other: Buffer.alloc(0), id: 0 };

function recordOf(key: TsigKey, { time, fudge, mac, id }: Fields & { mac: Buffer; id: number }): PacketRecord {
  const head = [nameWire(key.algorithm), time48(time), uint16(fudge), uint16(mac.length), mac];
  const data = Buffer.concat([...head, uint16(id), uint16(0), uint16(0)]);
  return { name: key.name.toLowerCase(), type: TYPES.TSIG, class: CLASSES.ANY, ttl: 0, data };
}

/** Signs a request. */
export function sign(
  message: Buffer,
  key: TsigKey,
  now: Date,
): { readonly bytes: Buffer; readonly signature: Signature } {
  const fields = { ...NOTHING, time: Math.floor(now.getTime() / 1_000) };
  const mac = hmacOf(key, message, variables(key, fields));
  const id = message.readUInt16BE(0);
  const { name, type, class: classNumber, ttl, data } = recordOf(key, { ...fields, mac, id });
  const fixed = Buffer.concat([uint16(type), uint16(classNumber), Buffer.alloc(4), uint16(data.length)]);
  fixed.writeUInt32BE(ttl, 4);
  const bytes = Buffer.concat([withAdditionals(message, 1), nameWire(name), fixed, data]);
  return { bytes, signature: { key, mac, id } };
}

/** Errors that a signed message can name (RFC 8945 section 3). */
const [BADSIG, BADKEY, BADTIME, BADTRUNC] = [16, 17, 18, 22];

type Read = Fields & { readonly algorithm: string; readonly mac: Buffer; readonly id: number };

/** The fields of a TSIG record; null when it is none. */
function readTsig(data: Buffer): Read | null {
  let at = 0;
  while ((data[at] ?? 0) > 0 && (data[at] ?? 0) < 64) at += 1 + (data[at] ?? 0);
  const fixed = at + 1;
  if (data[at] !== 0 || data.length < fixed + 10) return null;
  const macEnd = fixed + 10 + data.readUInt16BE(fixed + 8);
  if (data.length < macEnd + 6 || data.length !== macEnd + 6 + data.readUInt16BE(macEnd + 4)) return null;
  return {
    algorithm: nameText(data.subarray(0, fixed)).toLowerCase(),
    time: data.readUIntBE(fixed, 6),
    fudge: data.readUInt16BE(fixed + 6),
    mac: data.subarray(fixed + 10, macEnd),
    id: data.readUInt16BE(macEnd),
    error: data.readUInt16BE(macEnd + 2),
    other: data.subarray(macEnd + 6),
  };
}

function errorText({ key }: Signature, read: Read): string | null {
  const { name, algorithm } = key;
  switch (read.error) {
    case 0:
      return null;
    case BADKEY:
      return `the server does not know the TSIG key ${name} with ${algorithm}; compare name and algorithm on both sides`;
    case BADSIG:
      return `the server refuses the signature of the TSIG key ${name}: its secret is another one on the server`;
    case BADTIME: {
      const theirs = read.other.length === 6 ? read.other.readUIntBE(0, 6) - read.time : null;
      const by = theirs === null ? `more than ${FUDGE_S} s` : `${Math.abs(theirs)} s`;
      return `the clocks of this machine and of the server differ by ${by}; set them`;
    }
    case BADTRUNC:
      return `the server wants longer signatures than it was given with the TSIG key ${name}`;
    default:
      return `the server refuses the TSIG key ${name} (error ${read.error})`;
  }
}

/** Why a signed answer is not believed: a refusal that the server means, or a signature that does not fit. */
export type SignatureFault = { readonly kind: 'refused' | 'garbled'; readonly why: string };

/** Checks the answer's signature (RFC 8945 section 5.3); null when it is good. */
export function verify(bytes: Buffer, message: Message, signature: Signature, now: Date): SignatureFault | null {
  const { key, mac: requestMac } = signature;
  const garbled = (why: string): SignatureFault => ({ kind: 'garbled', why });
  const last = message.additionals.at(-1);
  if (last?.type !== TYPES.TSIG) {
    // Only a server that cannot sign at all says so without a signature.
    const why = `the server did not sign its answer with the TSIG key ${key.name}`;
    return message.rcode === 0
      ? garbled(why)
      : { kind: 'refused', why: `${why} and refuses (${rcodeText(message.rcode)})` };
  }
  const read = readTsig(last.data);
  if (read === null) return garbled('its signature is not one');
  const said = errorText(signature, read);
  if (read.error === BADKEY || read.error === BADSIG) return { kind: 'refused', why: said ?? '' };
  if (last.name !== key.name.toLowerCase() || read.algorithm !== key.algorithm || read.id !== signature.id) {
    return garbled('it is signed with another key');
  }
  const unsigned = withAdditionals(bytes.subarray(0, message.lastRecordAt), -1);
  unsigned.writeUInt16BE(read.id, 0);
  const mac = hmacOf(key, uint16(requestMac.length), requestMac, unsigned, variables(key, read));
  if (read.mac.length !== mac.length || !timingSafeEqual(read.mac, mac)) return garbled('its signature does not fit');
  if (said !== null) return { kind: 'refused', why: said };
  const apart = Math.abs(Math.floor(now.getTime() / 1_000) - read.time);
  return apart <= read.fudge ? null : garbled(`its signature is ${apart} s away from our clock`);
}
