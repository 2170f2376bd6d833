// The values of records: bytes ↔ the text that zone files have (RFC 1035 section 5, RFC 2782, RFC 3403).
import { byteText, nameText, nameWire, TYPES } from './packet.ts';

export type RecordType = 'A' | 'AAAA' | 'CNAME' | 'NS' | 'SOA' | 'SRV' | 'NAPTR';

const QUOTE = 0x22;

function uint16s(data: Buffer, count: number): number[] {
  return Array.from({ length: count }, (_, index) => data.readUInt16BE(2 * index));
}

const stringText = (bytes: Buffer) => `"${[...bytes].map((byte) => quotedByte(byte)).join('')}"`;
const quotedByte = (byte: number) => (byte === 0x20 ? ' ' : byteText(byte, [QUOTE]));

function naptrText(data: Buffer): string {
  const strings: string[] = [];
  let at = 4;
  for (let index = 0; index < 3; index++) {
    const length = data[at] ?? 0;
    strings.push(stringText(data.subarray(at + 1, at + 1 + length)));
    at += 1 + length;
  }
  return [...uint16s(data, 2), ...strings, `${nameText(data.subarray(at))}.`].join(' ');
}

function soaText(data: Buffer): string {
  const second = nameEnd(data, 0);
  const rest = nameEnd(data, second);
  const numbers = Array.from({ length: 5 }, (_, index) => data.readUInt32BE(rest + 4 * index));
  return [`${nameText(data.subarray(0, second))}.`, `${nameText(data.subarray(second, rest))}.`, ...numbers].join(' ');
}

/** Where the name that begins at `at` ends. */
function nameEnd(data: Buffer, at: number): number {
  let end = at;
  while ((data[end] ?? 0) > 0) end += 1 + (data[end] ?? 0);
  return end + 1;
}

function ipv6Text(data: Buffer): string {
  const groups = uint16s(data, 8).map((group) => group.toString(16));
  // The one spelling of RFC 5952, as URLs have it.
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

/** The value as a zone file has it; a value of a type that we do not know as `\# length hex` (RFC 3597). */
export function dataText(type: number, data: Buffer): string {
  switch (type) {
    case TYPES.A:
      return data.join('.');
    case TYPES.AAAA:
      return ipv6Text(data);
    case TYPES.NS:
    case TYPES.CNAME:
    case TYPES.PTR:
      return `${nameText(data)}.`;
    case TYPES.SRV:
      return [...uint16s(data, 3), `${nameText(data.subarray(6))}.`].join(' ');
    case TYPES.NAPTR:
      return naptrText(data);
    case TYPES.SOA:
      return soaText(data);
    default:
      return `\\# ${data.length} ${data.toString('hex')}`;
  }
}

const NAPTR = /^(\d+) (\d+) "([^"\\]*)" "([^"\\]*)" "([^"\\]*)" (\S+)$/;

function uint16Wire(numbers: readonly (string | undefined)[]): Buffer {
  const wire = Buffer.alloc(2 * numbers.length);
  for (const [index, number] of numbers.entries()) wire.writeUInt16BE(Number(number), 2 * index);
  return wire;
}

const stringWire = (text = ''): Buffer => {
  const bytes = Buffer.from(text, 'latin1');
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
};

function ipv6Wire(text: string): Buffer {
  const [head = '', tail] = new URL(`http://[${text}]`).hostname.slice(1, -1).split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':'));
  const [left, right] = [groups(head), groups(tail ?? '')];
  const zeros = new Array(8 - left.length - right.length).fill('0') as string[];
  return uint16Wire([...left, ...zeros, ...right].map((group) => String(Number.parseInt(group, 16))));
}

/**
 * The text of a zone file as bytes, for the types that we publish.
 * @throws Error for a text that is none: records are checked before they come here
 */
export function dataWire(type: string, text: string): Buffer {
  if (type === 'SRV') {
    const [priority, weight, port, target = ''] = text.split(' ');
    return Buffer.concat([uint16Wire([priority, weight, port]), nameWire(target)]);
  }
  if (type === 'NAPTR') {
    const [, order, preference, flags, service, expression, replacement] = NAPTR.exec(text) ?? [];
    if (replacement === undefined) throw new Error(`assertion failed: ${text} is the value of a NAPTR record`);
    const numbers = uint16Wire([order, preference]);
    return Buffer.concat([numbers, ...[flags, service, expression].map(stringWire), nameWire(replacement)]);
  }
  if (type === 'A') return Buffer.from(text.split('.').map(Number));
  if (type === 'AAAA') return ipv6Wire(text);
  if (type === 'CNAME' || type === 'NS') return nameWire(text);
  throw new Error(`assertion failed: records of type ${type} are not published`);
}
