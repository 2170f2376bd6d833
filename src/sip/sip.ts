// SIP messages as text (RFC 3261 section 7): read without trust, written without line breaks in a value.

export type SipMessage = {
  /** `REGISTER sip:pbx.example.com SIP/2.0` or `SIP/2.0 200 OK`. */
  readonly start: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
};

/** What no phone and no server exceeds; whatever does is thrown away unread. */
const HEAD_BYTES_MAX = 16_384;
const LINE_CHARACTERS_MAX = 4_096;
const HEADERS_MAX = 200;
/** A body is a session or a line of text. */
const BODY_BYTES_MAX = 65_535;

/** Short forms of header names (RFC 3261 section 7.3.3) that peers send. */
const SHORT: Readonly<Record<string, string>> = {
  ...{ v: 'via', f: 'from', t: 'to', i: 'call-id', m: 'contact', l: 'content-length', c: 'content-type', o: 'event' },
};

/** Reads a datagram; null for what is no SIP message. What comes behind its length is none of it (RFC 3261 section 18.3). */
export function readSip(datagram: Buffer): SipMessage | null {
  const end = datagram.indexOf('\r\n\r\n');
  if (end < 0 || end > HEAD_BYTES_MAX) return null;
  const head = readHead(datagram.toString('utf8', 0, end));
  if (head === null) return null;
  const body = datagram.subarray(end + 4);
  const given = firstOf(head, 'Content-Length');
  if (given === '') return { ...head, body: body.toString('utf8') };
  const length = /^\d{1,6}$/.test(given) ? Number(given) : Number.NaN;
  return length <= body.length ? { ...head, body: body.toString('utf8', 0, length) } : null;
}

function readHead(text: string): SipMessage | null {
  const [start = '', ...lines] = text.split('\r\n');
  if (lines.length > HEADERS_MAX || text.includes('\0')) return null;
  if ([start, ...lines].some((line) => line.length > LINE_CHARACTERS_MAX)) return null;
  if (!/^(?:SIP\/2\.0 [1-6]\d{2} |[A-Z]+ \S+ SIP\/2\.0$)/.test(start)) return null;
  const headers: [string, string][] = [];
  for (const line of lines) {
    const last = headers.at(-1);
    if (/^[ \t]/.test(line) && last !== undefined) {
      last[1] += ` ${line.trim()}`;
      continue;
    }
    const colon = line.indexOf(':');
    if (colon > 0) headers.push([line.slice(0, colon).trim(), line.slice(colon + 1).trim()]);
  }
  if (headers.some(([, value]) => value.length > LINE_CHARACTERS_MAX)) return null;
  return { start, headers, body: '' };
}

/**
 * Bytes of a stream → messages (RFC 3261 section 18.3): there the length tells where one ends.
 * @throws Error for what is no SIP, or beyond its limit
 */
export function sipStream(take: (message: SipMessage) => void): (piece: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (piece) => {
    rest = Buffer.concat([rest, piece]);
    for (;;) {
      let from = 0;
      // Line breaks between messages keep a connection alive (RFC 5626 section 4.4.1).
      while (rest[from] === 13 || rest[from] === 10) from++;
      rest = rest.subarray(from);
      const end = rest.indexOf('\r\n\r\n');
      if (end > HEAD_BYTES_MAX || (end < 0 && rest.length > HEAD_BYTES_MAX)) throw new Error('sends no SIP message');
      if (end < 0) return;
      const head = readHead(rest.toString('utf8', 0, end));
      const length = head === null ? Number.NaN : Number(firstOf(head, 'Content-Length') || '0');
      if (head === null || !(length <= BODY_BYTES_MAX)) throw new Error('sends no SIP message');
      if (rest.length < end + 4 + length) return;
      const body = rest.toString('utf8', end + 4, end + 4 + length);
      rest = rest.subarray(end + 4 + length);
      take({ ...head, body });
    }
  };
}

/** All values of a header, whatever its case or short form. */
export const headersOf = ({ headers }: SipMessage, name: string): string[] => {
  const wanted = name.toLowerCase();
  return headers
    .filter(([given]) => (SHORT[given.toLowerCase()] ?? given.toLowerCase()) === wanted)
    .map(([, value]) => value);
};

/** The first value of a header; an empty text when there is none. */
export const firstOf = (message: SipMessage, name: string): string => headersOf(message, name)[0] ?? '';

export const methodOf = ({ start }: SipMessage): string | null =>
  start.startsWith('SIP/2.0 ') ? null : (start.split(' ')[0] ?? '');

export const statusOf = ({ start }: SipMessage): number | null =>
  start.startsWith('SIP/2.0 ') ? Number(start.slice(8, 11)) : null;

/** Writes a message; the length of its body comes last. @throws Error for a line break or a zero byte in the head */
export function writeSip({ start, headers, body }: SipMessage): Buffer {
  const lines = [
    start,
    ...headers.map(([name, value]) => `${name}: ${value}`),
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  if (lines.some((line) => /[\r\n\u0000]/.test(line)))
    throw new Error('a SIP header holds a line break or a zero byte');
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`);
}

/** The answer to a request (RFC 3261 section 8.2.6): what names the transaction comes back as it was. */
export function answerTo(
  request: SipMessage,
  status: string,
  tag: string,
  more: SipMessage['headers'] = [],
  body = '',
): SipMessage {
  const to = firstOf(request, 'To');
  return {
    start: `SIP/2.0 ${status}`,
    headers: [
      ...headersOf(request, 'Via').map((value) => ['Via', value] as const),
      ...headersOf(request, 'Record-Route').map((value) => ['Record-Route', value] as const),
      ['From', firstOf(request, 'From')],
      ['To', /;tag=/i.test(to) ? to : `${to};tag=${tag}`],
      ['Call-ID', firstOf(request, 'Call-ID')],
      ['CSeq', firstOf(request, 'CSeq')],
      ...more,
    ],
    body,
  };
}

/** The URI in a header such as Contact. */
export const uriIn = (value: string): string => /<([^<>]+)>/.exec(value)?.[1] ?? value.split(';')[0] ?? '';

/** The parameters of a challenge or credential: `Digest realm="x", nonce="y"`. */
export const parametersOf = (value: string): Record<string, string> =>
  Object.fromEntries(
    [...value.matchAll(/(?<name>[\w-]+)\s*=\s*(?:"(?<quoted>(?:[^"\\]|\\.)*)"|(?<plain>[^\s,"]+))/g)].map(
      ({ groups = {} }) => [
        (groups.name ?? '').toLowerCase(),
        groups.quoted?.replaceAll(/\\(.)/g, '$1') ?? groups.plain ?? '',
      ],
    ),
  );
