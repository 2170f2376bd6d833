// Changes of a zone by dynamic update (RFC 2136), signed: whole record sets, each only while it is as it was read, so that
// whoever else changes the zone meanwhile is never written over.
import type { RecordChange } from '../domain/dns-change.ts';
import type { DnsServer } from '../domain/dns-target.ts';
import { CLASSES, encodeMessage, OPCODES, type PacketRecord, rcodeText, recordBytes, TYPES } from './packet.ts';
import { dataWire } from './rdata.ts';
import { sign, type TsigKey, verify } from './tsig.ts';
import { type Outside, overTcp } from './wire.ts';

/** What became of an update. `raced`: the zone is not as it was read; nothing of this message was done. */
export type Updated =
  | { readonly kind: 'done' }
  | { readonly kind: 'raced' }
  | { readonly kind: 'refused' | 'failed' | 'silent' | 'garbled'; readonly why: string };

/** A change with the values that stood there when it was decided, as they came over the wire. */
export type GuardedChange = { readonly change: RecordChange; readonly seen: readonly Buffer[] };

type Sections = { readonly prerequisites: PacketRecord[]; readonly updates: PacketRecord[] };

const empty = (name: string, type: number, classNumber: number): PacketRecord => ({
  ...{ name, type, class: classNumber, ttl: 0 },
  data: Buffer.alloc(0),
});

/** One change as the two sections of an update (RFC 2136 sections 2.4 and 2.5). */
function sectionsOf({ change: { name, type, after }, seen }: GuardedChange): Sections {
  const number = TYPES[type];
  const prerequisites =
    seen.length === 0
      ? [empty(name, number, CLASSES.NONE)]
      : seen.map((data): PacketRecord => ({ name, type: number, class: CLASSES.IN, ttl: 0, data }));
  const added = (after?.values ?? []).map((value): PacketRecord => {
    return { name, type: number, class: CLASSES.IN, ttl: after?.ttl ?? 0, data: dataWire(type, value) };
  });
  // Taking the whole set out first also changes the TTL of values that stay.
  return { prerequisites, updates: [...(seen.length === 0 ? [] : [empty(name, number, CLASSES.ANY)]), ...added] };
}

/** One message stays well under the 64 KiB of TCP, with room for the signature. */
const UPDATE_BYTES_MAX = 32_768;

/** Changes in as many messages as they need. Each message is done as a whole or not at all. */
export function batchesOf(changes: readonly GuardedChange[]): GuardedChange[][] {
  const batches: GuardedChange[][] = [];
  let room = 0;
  for (const change of changes) {
    const { prerequisites, updates } = sectionsOf(change);
    const bytes = [...prerequisites, ...updates].reduce((sum, record) => sum + recordBytes(record), 0);
    if (batches.length === 0 || bytes > room) {
      batches.push([]);
      room = UPDATE_BYTES_MAX;
    }
    batches.at(-1)?.push(change);
    room -= bytes;
  }
  return batches;
}

export type Place = { readonly zone: string; readonly server: DnsServer; readonly key: TsigKey };

/** Sends one update over TCP. It is sent once: whether an update that got no answer was done is found out by reading. */
export async function update(
  { zone, server, key }: Place,
  changes: readonly GuardedChange[],
  outside: Outside,
): Promise<Updated> {
  const sections = changes.map(sectionsOf);
  const question = { name: zone, type: TYPES.SOA, class: CLASSES.IN };
  const plain = encodeMessage({
    id: outside.random(2).readUInt16BE(0),
    opcode: OPCODES.UPDATE,
    recursionDesired: false,
    questions: [question],
    answers: sections.flatMap(({ prerequisites }) => prerequisites),
    authorities: sections.flatMap(({ updates }) => updates),
  });
  const { bytes, signature } = sign(plain, key, outside.now());
  const exchanged = await overTcp(server, { bytes, opcode: OPCODES.UPDATE, question }, outside);
  if (exchanged.kind !== 'message') return exchanged;
  const fault = verify(exchanged.bytes, exchanged.message, signature, outside.now());
  return fault ?? outcomeOf(exchanged.message.rcode, zone, key);
}

/** The codes that say: a prerequisite does not hold (RFC 2136 section 2.2). */
const RACED = new Set(['YXDOMAIN', 'YXRRSET', 'NXRRSET', 'NXDOMAIN']);

function outcomeOf(rcode: number, zone: string, { name }: TsigKey): Updated {
  if (rcode === 0) return { kind: 'done' };
  const text = rcodeText(rcode);
  if (RACED.has(text)) return { kind: 'raced' };
  switch (text) {
    case 'REFUSED':
      return { kind: 'refused', why: `the server does not let the TSIG key ${name} change zone ${zone} (REFUSED)` };
    case 'NOTAUTH':
      return { kind: 'refused', why: `the server is not the primary of zone ${zone} (NOTAUTH)` };
    case 'NOTZONE':
      return { kind: 'refused', why: `the server says that a name is not in zone ${zone} (NOTZONE)` };
    case 'NOTIMP':
      return { kind: 'refused', why: 'the server takes no dynamic updates (NOTIMP)' };
    default:
      return { kind: 'failed', why: `the server fails (${text})` };
  }
}
