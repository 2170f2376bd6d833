// DNS messages as bytes (RFC 1035 section 4, RFC 6891): strict both ways. What a server sends may be anything, so nothing
// here believes a length, a count or a pointer, and a message that is not whole is refused whole.

export const TYPES = {
  ...{ A: 1, NS: 2, CNAME: 5, SOA: 6, PTR: 12, MX: 15, TXT: 16, AAAA: 28, SRV: 33, NAPTR: 35 },
  ...{ OPT: 41, TSIG: 250, ANY: 255 },
} as const;
export const CLASSES = { IN: 1, NONE: 254, ANY: 255 } as const;
export const OPCODES = { QUERY: 0, UPDATE: 5 } as const;

export const MESSAGE_BYTES_MAX = 65_535;
/** No answer that we ask for is longer; whoever sends more wants to keep us busy. */
export const RECORDS_MAX = 256;
const NAME_BYTES_MAX = 255;
const LABEL_BYTES_MAX = 63;
const HEADER_BYTES = 12;
/** The least that a question and a record take: a name of one byte and the fixed fields. */
const [QUESTION_BYTES_MIN, RECORD_BYTES_MIN] = [5, 11];

export type Question = { readonly name: string; readonly type: number; readonly class: number };

export type PacketRecord = {
  /** In lower case without the dot at the end; a dot inside a label is written `\.`. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** Seconds. */
  readonly ttl: number;
  /** The value as it stands on the wire, with names written out. */
  readonly data: Buffer;
};

export type Message = {
  readonly id: number;
  readonly isAnswer: boolean;
  readonly opcode: number;
  readonly authoritative: boolean;
  readonly truncated: boolean;
  readonly recursionAvailable: boolean;
  /** With the upper bits of EDNS. */
  readonly rcode: number;
  readonly questions: readonly Question[];
  readonly answers: readonly PacketRecord[];
  readonly authorities: readonly PacketRecord[];
  readonly additionals: readonly PacketRecord[];
  /** Where the last record begins, for a signature that covers all before it. */
  readonly lastRecordAt: number;
};

/** Thrown and caught within the decoder: why a message is not one. */
class Garbled extends Error {}

/** Reads a message, or says why it is none. Takes any bytes and never throws; the work grows with the length alone. */
export function decodeMessage(bytes: Buffer): Message | { readonly fault: string } {
  try {
    return readMessage(bytes);
  } catch (error) {
    if (error instanceof Garbled) return { fault: error.message };
    throw error;
  }
}

function readMessage(bytes: Buffer): Message {
  if (bytes.length < HEADER_BYTES) throw new Garbled(`it has ${bytes.length} bytes, less than a header`);
  if (bytes.length > MESSAGE_BYTES_MAX) throw new Garbled('it is too long');
  const flags = bytes.readUInt16BE(2);
  const counts = [4, 6, 8, 10].map((at) => bytes.readUInt16BE(at));
  const [questionCount = 0, ...recordCounts] = counts;
  const recordCount = recordCounts.reduce((sum, count) => sum + count, 0);
  const least = HEADER_BYTES + questionCount * QUESTION_BYTES_MIN + recordCount * RECORD_BYTES_MIN;
  if (least > bytes.length) throw new Garbled('it promises more records than it has room for');
  if (questionCount > 1) throw new Garbled(`it holds ${questionCount} questions`);
  if (recordCount > RECORDS_MAX) throw new Garbled(`it holds ${recordCount} records, more than ${RECORDS_MAX}`);
  const reader = new Reader(bytes, HEADER_BYTES);
  const questions = times(questionCount, () => readQuestion(reader));
  let lastRecordAt = reader.at;
  const [answers = [], authorities = [], additionals = []] = recordCounts.map((count) =>
    times(count, () => {
      lastRecordAt = reader.at;
      return readRecord(reader);
    }),
  );
  if (reader.at !== bytes.length) throw new Garbled('bytes follow after its end');
  const edns = additionals.find(({ type }) => type === TYPES.OPT);
  return {
    id: bytes.readUInt16BE(0),
    isAnswer: (flags & 0x8000) !== 0,
    opcode: (flags >> 11) & 0xf,
    authoritative: (flags & 0x0400) !== 0,
    truncated: (flags & 0x0200) !== 0,
    recursionAvailable: (flags & 0x0080) !== 0,
    rcode: (flags & 0xf) | (edns === undefined ? 0 : (edns.ttl >>> 24) << 4),
    ...{ questions, answers, authorities, additionals, lastRecordAt },
  };
}

const times = <Value>(count: number, make: () => Value): Value[] => Array.from({ length: count }, make);

class Reader {
  readonly bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at: number) {
    this.bytes = bytes;
    this.at = at;
  }

  take(length: number): Buffer {
    if (this.at + length > this.bytes.length) throw new Garbled('it ends in the middle of a record');
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  uint16(): number {
    return this.take(2).readUInt16BE(0);
  }

  /** The name that begins here, written out in full (RFC 1035 section 4.1.4). */
  name(): Buffer {
    const pieces: Buffer[] = [];
    let length = 1;
    let at = this.at;
    // A pointer must lead to what stands before this name, and each next one further back: so no chain of them is a loop.
    let before = at;
    let end: number | null = null;
    for (;;) {
      const size = this.bytes[at];
      if (size === undefined) throw new Garbled('a name runs over its end');
      if (size >= 0xc0) {
        const low = this.bytes[at + 1];
        if (low === undefined) throw new Garbled('a name runs over its end');
        end ??= at + 2;
        at = ((size & 0x3f) << 8) | low;
        if (at >= before || at < HEADER_BYTES) throw new Garbled('a compressed name leads forward or in a circle');
        before = at;
        continue;
      }
      if (size > LABEL_BYTES_MAX) throw new Garbled('a label has a kind that does not exist');
      if (at + 1 + size > this.bytes.length) throw new Garbled('a name runs over its end');
      if (size === 0) break;
      pieces.push(this.bytes.subarray(at, at + 1 + size));
      length += size + 1;
      if (length > NAME_BYTES_MAX) throw new Garbled(`a name is longer than ${NAME_BYTES_MAX} bytes`);
      at += size + 1;
    }
    this.at = end ?? at + 1;
    return Buffer.concat([...pieces, Buffer.from([0])]);
  }
}

function readQuestion(reader: Reader): Question {
  const name = nameText(reader.name()).toLowerCase();
  return { name, type: reader.uint16(), class: reader.uint16() };
}

function readRecord(reader: Reader): PacketRecord {
  const name = nameText(reader.name()).toLowerCase();
  const [type, classNumber] = [reader.uint16(), reader.uint16()];
  const ttl = reader.take(4).readUInt32BE(0);
  const length = reader.uint16();
  const end = reader.at + length;
  if (end > reader.bytes.length) throw new Garbled('a record is longer than the message');
  const data = readData(reader, type, length);
  if (reader.at !== end) throw new Garbled('a record has another length than it says');
  // OPT keeps flags in the place of the TTL; elsewhere the highest bit means nothing (RFC 2181 section 8).
  return { name, type, class: classNumber, ttl: type !== TYPES.OPT && ttl > 0x7fff_ffff ? 0 : ttl, data };
}

/** Bytes before the name that a value ends with (SRV: priority, weight, port). */
const NAME_AFTER: Readonly<Record<number, number>> = {
  ...{ [TYPES.NS]: 0, [TYPES.CNAME]: 0, [TYPES.PTR]: 0, [TYPES.MX]: 2, [TYPES.SRV]: 6 },
};

function readData(reader: Reader, type: number, length: number): Buffer {
  // An update's prerequisites and deletions carry no value.
  if (length === 0) return Buffer.alloc(0);
  const after = NAME_AFTER[type];
  if (after !== undefined) return Buffer.concat([reader.take(after), reader.name()]);
  if (type === TYPES.SOA) return Buffer.concat([reader.name(), reader.name(), reader.take(20)]);
  if (type === TYPES.NAPTR) {
    const start = reader.at;
    reader.take(4);
    for (let strings = 0; strings < 3; strings++) reader.take(reader.take(1)[0] ?? 0);
    return Buffer.concat([reader.bytes.subarray(start, reader.at), reader.name()]);
  }
  if ((type === TYPES.A && length !== 4) || (type === TYPES.AAAA && length !== 16)) {
    throw new Garbled(`an address has ${length} bytes`);
  }
  return reader.take(length);
}

const [DOT, BACKSLASH] = [0x2e, 0x5c];

/** A byte of a name or a string as zone files write it (RFC 1035 section 5.1). */
export function byteText(byte: number, special: readonly number[]): string {
  if (byte < 0x21 || byte > 0x7e) return `\\${String(byte).padStart(3, '0')}`;
  return `${special.includes(byte) || byte === BACKSLASH ? '\\' : ''}${String.fromCharCode(byte)}`;
}

/** A name on the wire, not compressed → text without the dot at its end. */
export function nameText(wire: Buffer): string {
  const labels: string[] = [];
  for (let at = 0; (wire[at] ?? 0) > 0; at += 1 + (wire[at] ?? 0)) {
    const label = wire.subarray(at + 1, at + 1 + (wire[at] ?? 0));
    labels.push([...label].map((byte) => byteText(byte, [DOT, 0x22, 0x28, 0x29, 0x3b, 0x40, 0x24])).join(''));
  }
  return labels.join('.');
}

/**
 * A name as text → on the wire, not compressed; with or without the dot at the end.
 * @throws Error for a name that DNS cannot have: names are checked before they come here
 */
export function nameWire(text: string): Buffer {
  const labels = text.replace(/\.$/, '').split('.');
  const pieces = labels.flatMap((label) => {
    const bytes = Buffer.from(label, 'latin1');
    const isRoot = labels.length === 1 && label === '';
    if (isRoot) return [];
    if (bytes.length === 0 || bytes.length > LABEL_BYTES_MAX || !/^[\x21-\x5b\x5d-\x7e]+$/.test(label)) {
      throw new Error(`assertion failed: ${JSON.stringify(text)} is a name that DNS can have`);
    }
    return [Buffer.from([bytes.length]), bytes];
  });
  const wire = Buffer.concat([...pieces, Buffer.from([0])]);
  if (wire.length > NAME_BYTES_MAX)
    throw new Error(`assertion failed: ${JSON.stringify(text)} is not too long for DNS`);
  return wire;
}

export type Draft = {
  readonly id: number;
  readonly opcode: number;
  readonly recursionDesired: boolean;
  readonly questions: readonly Question[];
  readonly answers?: readonly PacketRecord[];
  readonly authorities?: readonly PacketRecord[];
  readonly additionals?: readonly PacketRecord[];
};

const recordWire = ({ name, type, class: classNumber, ttl, data }: PacketRecord): Buffer => {
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(type, 0);
  fixed.writeUInt16BE(classNumber, 2);
  fixed.writeUInt32BE(ttl, 4);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([nameWire(name), fixed, data]);
};

/** How many bytes a record takes in a message of ours. */
export const recordBytes = (record: PacketRecord): number => recordWire(record).length;

/** A message as bytes, without compression. The sections of an update take the same places (RFC 2136 section 2). */
export function encodeMessage({ answers = [], authorities = [], additionals = [], ...draft }: Draft): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(draft.id, 0);
  header.writeUInt16BE((draft.opcode << 11) | (draft.recursionDesired ? 0x0100 : 0), 2);
  const counts = [draft.questions, answers, authorities, additionals].map(({ length }) => length);
  for (const [index, count] of counts.entries()) header.writeUInt16BE(count, 4 + 2 * index);
  const questions = draft.questions.map((question) => {
    const fixed = Buffer.alloc(4);
    fixed.writeUInt16BE(question.type, 0);
    fixed.writeUInt16BE(question.class, 2);
    return Buffer.concat([nameWire(question.name), fixed]);
  });
  return Buffer.concat([header, ...questions, ...[...answers, ...authorities, ...additionals].map(recordWire)]);
}

const EDNS_BYTES = 1_232;

/** Says that we take longer answers over UDP (RFC 6891); 1232 bytes pass every network without being cut. */
export const EDNS: PacketRecord = { name: '', type: TYPES.OPT, class: EDNS_BYTES, ttl: 0, data: Buffer.alloc(0) };

const RCODES: Readonly<Record<number, string>> = {
  ...{ 1: 'FORMERR', 2: 'SERVFAIL', 3: 'NXDOMAIN', 4: 'NOTIMP', 5: 'REFUSED', 6: 'YXDOMAIN', 7: 'YXRRSET' },
  ...{ 8: 'NXRRSET', 9: 'NOTAUTH', 10: 'NOTZONE', 16: 'BADVERS' },
};

/** The name of an answer's code (RFC 6895 section 2.3). */
export const rcodeText = (rcode: number): string => RCODES[rcode] ?? `code ${rcode}`;
