// SIP messages as text (RFC 3261 section 7): read without trust, written without line breaks in a value.

export type SipMessage = {
  /** `REGISTER sip:pbx.example.com SIP/2.0` or `SIP/2.0 200 OK`. */
  readonly start: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
};

export const DATAGRAM_BYTES_MAX = 65_535;

/** Short forms of header names (RFC 3261 section 7.3.3) that peers send. */
const SHORT: Readonly<Record<string, string>> = {
  ...{ v: 'via', f: 'from', t: 'to', i: 'call-id', m: 'contact', l: 'content-length', c: 'content-type', o: 'event' },
};

/** Reads a datagram; null for what is no SIP message. */
export function readSip(datagram: Buffer): SipMessage | null {
  const text = datagram.toString('utf8');
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const [start = '', ...lines] = text.slice(0, end).split('\r\n');
  if (!/^(?:SIP\/2\.0 \d{3} |[A-Z]+ \S+ SIP\/2\.0$)/.test(start)) return null;
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
  return { start, headers, body: text.slice(end + 4) };
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

/** Writes a message; the length of the body is put at its end. @throws Error for a line break in a header */
export function writeSip({ start, headers, body }: SipMessage): Buffer {
  const lines = [
    start,
    ...headers.map(([name, value]) => `${name}: ${value}`),
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  if (lines.some((line) => /[\r\n]/.test(line))) throw new Error('a SIP header holds a line break');
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
