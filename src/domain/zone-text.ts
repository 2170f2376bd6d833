// Lines of a zone file → records (RFC 1035 section 5): the reader for what `zoneLine` writes, and for what people paste.
import { addressSchema, addressType } from './address.ts';
import { type Fault, invalid } from './errors.ts';
import { zoneOf } from './record-sets.ts';
import { type DnsRecord, NOT_OFFERED } from './srv.ts';

/** The longest text and the most records that are read. */
const CHARACTERS_MAX = 4_000_000;
const RECORDS_MAX = 100_000;

const TTL_MAX_S = 2_147_483_647;
const UINT16_MAX = 65_535;

/** What is known at a line: names that do not end in a dot are continued by the origin. */
type Standing = {
  origin: string | null;
  owner: string | null;
  /** What `$TTL` says, and what the last line with a TTL said. */
  defaultTtl: number | null;
  lastTtl: number | null;
};

/**
 * Reads SRV, NAPTR, A and AAAA records. Absolute names end in a dot; others need an origin, from here or from `$ORIGIN`. An
 * owner outside of the origin's zone is a fault, as name servers leave such lines out without a word.
 * @param zone the zone that the text is for, without a trailing dot; null for a text with absolute names alone
 * @throws AppError `invalid` with every fault by its line
 */
export function parseZoneText(text: string, zone: string | null = null): DnsRecord[] {
  if (text.length > CHARACTERS_MAX) throw invalid(`a zone text may have ${CHARACTERS_MAX} characters at most`);
  const standing: Standing = { origin: zone, owner: null, defaultTtl: null, lastTtl: null };
  const records: DnsRecord[] = [];
  const faults: Fault[] = [];
  for (const { line, fresh, words } of entriesOf(text)) {
    try {
      const record = readEntry(words, fresh, standing);
      if (record !== null && zone !== null && zoneOf(record.name, [zone]) === null) {
        throw new LineFault(`${record.name}. is not in the zone ${zone}., and name servers would leave it out`);
      }
      if (record !== null) records.push(record);
    } catch (error) {
      if (!(error instanceof LineFault)) throw error;
      faults.push({ path: `line ${line}`, message: error.message });
    }
    if (records.length > RECORDS_MAX) throw invalid(`a zone text may have ${RECORDS_MAX} records at most`);
  }
  if (faults.length === 0) return records;
  const first = faults.slice(0, 3).map(({ path, message }) => `${path}: ${message}`);
  throw invalid(`the zone text cannot be read: ${first.join('; ')}${faults.length > 3 ? ' …' : ''}`, faults);
}

class LineFault extends Error {}

type Word = { readonly text: string; readonly quoted: boolean };
type Entry = { readonly line: number; readonly fresh: boolean; readonly words: readonly Word[] };

/** The entries of a text, comments left out; brackets join lines. `fresh` is an entry that names its owner. */
function entriesOf(text: string): Entry[] {
  const entries: Entry[] = [];
  let open: { line: number; fresh: boolean; words: Word[] } | null = null;
  let depth = 0;
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    open ??= { line: index + 1, fresh: /^\S/.test(raw), words: [] };
    for (const [, string, bracket, plain] of raw.matchAll(/"((?:[^"\\]|\\.)*)"|;.*|([()])|([^\s;()"]+)/g)) {
      if (bracket !== undefined) depth += bracket === '(' ? 1 : -1;
      else if (string !== undefined) open.words.push({ text: string, quoted: true });
      else if (plain !== undefined) open.words.push({ text: plain, quoted: false });
    }
    if (depth > 0) continue;
    depth = 0;
    if (open.words.length > 0) entries.push(open);
    open = null;
  }
  if (open !== null && open.words.length > 0) entries.push(open);
  return entries;
}

/** @returns the record, or null for a directive */
function readEntry(words: readonly Word[], fresh: boolean, standing: Standing): DnsRecord | null {
  const rest = words.map(({ text }) => text);
  if (rest[0] === '$ORIGIN') {
    standing.origin = nameOf(rest[1], standing.origin);
    return null;
  }
  if (rest[0] === '$TTL') {
    standing.defaultTtl = numberOf(rest[1], 'the TTL', TTL_MAX_S);
    return null;
  }
  if (rest[0]?.startsWith('$')) throw new LineFault(`${rest[0]} is not read here`);
  if (fresh) standing.owner = nameOf(rest.shift(), standing.origin);
  if (standing.owner === null) throw new LineFault('the line names no owner, and none stands above it');
  const said = readHead(rest);
  const ttl = said ?? standing.defaultTtl ?? standing.lastTtl;
  if (ttl === null) throw new LineFault('the line has no TTL, and no $TTL stands above it');
  standing.lastTtl = said ?? standing.lastTtl;
  return readData({ name: standing.owner, ttl, origin: standing.origin }, rest);
}

/** Takes TTL and class, in either order, from the words. */
function readHead(rest: string[]): number | null {
  let ttl: number | null = null;
  for (let taken = 0; taken < 2; taken++) {
    const [word = ''] = rest;
    if (/^\d+$/.test(word) && ttl === null) ttl = numberOf(word, 'the TTL', TTL_MAX_S);
    else if (/^(?:CH|HS|CS)$/i.test(word)) throw new LineFault(`the class is ${word}; only IN is read`);
    else if (!/^IN$/i.test(word)) break;
    rest.shift();
  }
  return ttl;
}

type Head = { readonly name: string; readonly ttl: number; readonly origin: string | null };

function readData({ name, ttl, origin }: Head, [kind = '', ...data]: readonly string[]): DnsRecord {
  const type = kind.toUpperCase();
  const uint16 = (at: number, what: string) => numberOf(data[at], what, UINT16_MAX);
  const wants = (count: number, what: string) => {
    if (data.length !== count) throw new LineFault(`${type} takes ${what}: ${count} values, not ${data.length}`);
  };
  switch (type) {
    case 'SRV': {
      wants(4, 'priority, weight, port and target');
      const [priority, weight, port] = [uint16(0, 'priority'), uint16(1, 'weight'), uint16(2, 'port')];
      return { type, name, ttl, priority, weight, port, target: nameOf(data[3], origin) };
    }
    case 'NAPTR': {
      wants(6, 'order, preference, flags, service, regexp and replacement');
      const [order, preference] = [uint16(0, 'order'), uint16(1, 'preference')];
      if (data[2]?.toLowerCase() !== 's' || data[4] !== '') {
        throw new LineFault('only NAPTR records with the flag "s" and without a regexp lead to SRV records');
      }
      const replacement = nameOf(data[5], origin);
      return { type, name, ttl, order, preference, flags: 's', service: data[3] ?? '', replacement };
    }
    case 'A':
    case 'AAAA': {
      wants(1, 'an address');
      const { data: address, success } = addressSchema.safeParse(data[0]);
      if (!success || addressType(address) !== type) throw new LineFault(`${data[0]} is no address for ${type}`);
      return { type, name, ttl, address };
    }
    default:
      throw new LineFault(`${kind === '' ? 'the type is missing' : `the type ${kind} is not read here`}`);
  }
}

function numberOf(text: string | undefined, what: string, max: number): number {
  if (text === undefined || !/^\d{1,10}$/.test(text) || Number(text) > max) {
    throw new LineFault(`${what} must be a number from 0 to ${max}, not ${text ?? 'nothing'}`);
  }
  return Number(text);
}

const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** A name in lower case without the trailing dot. `@` is the origin; the root alone stays a dot. */
function nameOf(text: string | undefined, origin: string | null): string {
  if (text === undefined) throw new LineFault('a name is missing');
  if (text === NOT_OFFERED) return NOT_OFFERED;
  const isRelative = !text.endsWith('.');
  if (isRelative && origin === null) {
    throw new LineFault(`${text} does not end in a dot, so it is relative, and no $ORIGIN stands above it`);
  }
  const whole = text === '@' ? `${origin}` : isRelative ? `${text}.${origin}` : text.slice(0, -1);
  const name = whole.toLowerCase();
  if (name.length > 253 || !name.split('.').every((label) => LABEL.test(label))) {
    throw new LineFault(`${text} is no name of DNS`);
  }
  return name;
}
