// The packed file: how does a phone that is too old for XML get the parameters that the XML of the same phone holds?
// It is an encoding, not encryption, whatever some manuals call it: anyone who has the file reads the passwords in it.
import type { Mac } from '../domain/mac.ts';
import { textFault } from '../domain/text.ts';

export type PackedParameter = readonly [name: string, value: string];

export type PackedPhone = {
  readonly mac: Mac;
  /** In the order in which they are to be written; some of the oldest phones depend on it. */
  readonly parameters: readonly PackedParameter[];
};

const HEADER_BYTES = 16;
const CHECKSUM_AT = 4;
const MAC_AT = 6;
const BREAK_AT = 12;
const WORD_BYTES = 2;
// Published encoders differ in how many of the four length bytes they write; up to here they agree.
const PACKED_BYTES_MAX = 0xffff * WORD_BYTES;
/** Ends every body; phones look for it. */
const TRAILER = 'gnkey=0b82';
const PARAMETER_NAME = /^P[1-9][0-9]{0,4}$/;

/**
 * Packs parameters into the binary file `cfg<mac>` (SIP Device Provisioning Guide, 2012; the layout, which the guide
 * does not give, is what the encoders of Elastix and sipXecs write).
 * @throws Error for a name or a value that our own files cannot hold, because meeting one here is a fault of ours; it
 *   never holds the value
 */
export function packParameters({ mac, parameters }: PackedPhone): Buffer {
  const body = bodyOf(parameters);
  const bytes = HEADER_BYTES + body.length + (body.length % WORD_BYTES);
  if (bytes > PACKED_BYTES_MAX) {
    throw new Error(`assertion failed: a packed file has ${bytes} bytes, more than ${PACKED_BYTES_MAX}`);
  }
  // All bytes are zero at first: so the checksum counts as zero while it is computed, and an odd body ends with NUL.
  const file = Buffer.alloc(bytes);
  file.writeUInt32BE(bytes / WORD_BYTES, 0);
  file.write(mac, MAC_AT, 'hex');
  file.write('\r\n\r\n', BREAK_AT, 'ascii');
  file.write(body, HEADER_BYTES, 'ascii');
  file.writeUInt16BE((0x10000 - sumOfWords(file)) & 0xffff, CHECKSUM_AT);
  return file;
}

function bodyOf(parameters: readonly PackedParameter[]): string {
  const seen = new Set<string>();
  const pairs = parameters.map(([name, value]) => {
    if (!PARAMETER_NAME.test(name)) throw new Error('assertion failed: a packed parameter is not named P and a number');
    // Which of two values a phone takes is written nowhere.
    if (seen.has(name)) throw new Error(`assertion failed: ${name} is given twice`);
    seen.add(name);
    const fault = textFault(value);
    if (fault !== null) throw new Error(`assertion failed: the value of ${name} ${fault}`);
    return `${name}=${percentEncoded(value)}`;
  });
  return [...pairs, TRAILER].join('&');
}

/**
 * UTF-8 with everything escaped but the unreserved characters of RFC 3986, section 2.3. Neither a blank nor a plus
 * stays as it is, so a phone that takes a plus for a blank (as in HTML forms) and one that does not read the same.
 */
function percentEncoded(value: string): string {
  const hex = (character: string) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(value).replaceAll(/[!'()*]/g, hex);
}

/** The sum of all big-endian 16-bit words, modulo 65536; over a finished file it is zero. */
function sumOfWords(file: Buffer): number {
  let sum = 0;
  for (let at = 0; at < file.length; at += WORD_BYTES) sum = (sum + file.readUInt16BE(at)) & 0xffff;
  return sum;
}

const HEAD =
  /^<\?xml version="1\.0" encoding="UTF-8"\?>\s*<gs_provision version="1">\s*<mac>[0-9a-f]{12}<\/mac>\s*<config version="1">\s*/;
const ELEMENT = /<(?<name>P[0-9]+)>(?<value>[^<>]*)<\/\k<name>>\s*/y;
const TAIL = /^<\/config>\s*<\/gs_provision>\s*$/;

const ENTITIES: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&apos;': "'",
};

/**
 * Reads the parameters out of a version 1 XML file that our own templates rendered (XML Provisioning Guide, 2011), in
 * their order. It is no XML reader: what our templates do not write, such as attributes, comments, CDATA or a version 2
 * file, which has names in place of numbers, is an Error that holds the place and never the text.
 */
export function parametersOfXml(text: string): [name: string, value: string][] {
  let at = HEAD.exec(text)?.[0].length ?? 0;
  if (at === 0) throw unexpected('it does not begin as a version 1 file does', at);
  const parameters: [string, string][] = [];
  while (at < text.length) {
    ELEMENT.lastIndex = at;
    const { name, value } = ELEMENT.exec(text)?.groups ?? {};
    if (name === undefined || value === undefined) break;
    parameters.push([name, unescaped(value, at)]);
    at = ELEMENT.lastIndex;
  }
  if (!TAIL.test(text.slice(at))) throw unexpected('there is something else than a parameter', at);
  return parameters;
}

/** One pass, so that an escaped `&lt;` comes back as the four characters that were entered. */
function unescaped(value: string, at: number): string {
  return value.replaceAll(/&(?:[^&;]*;)?/g, (entity) => {
    const character = ENTITIES[entity];
    if (character === undefined) throw unexpected('a value holds an entity that we do not write', at);
    return character;
  });
}

const unexpected = (why: string, at: number) =>
  new Error(`assertion failed: cannot read our own XML at character ${at}: ${why}`);
