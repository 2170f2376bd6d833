// How a phone answers a challenge: Digest as RFC 7616 section 3.4 has it, with nothing of the server's own code.
import { createHash } from 'node:crypto';

export type Challenge = ReadonlyMap<string, string>;

/** The parameters of a `WWW-Authenticate: Digest` value. */
export function readChallenge(value: string): Challenge {
  if (!value.startsWith('Digest ')) throw new Error(`no Digest challenge: ${value}`);
  const pairs = [...value.slice('Digest '.length).matchAll(/(\w+)=(?:"([^"]*)"|([^,\s]+))/g)];
  return new Map(pairs.map(([, name = '', quoted, plain = '']) => [name, quoted ?? plain]));
}

export type DigestWish = {
  readonly user: string;
  readonly password: string;
  readonly method?: string;
  readonly uri: string;
  readonly count?: number;
  /** What the header says instead. */
  readonly instead?: Readonly<Record<string, string>>;
};

const CNONCE = '0a4f113b6d';

/** The value of `Authorization` that answers a challenge. */
export function answerDigest(challenge: Challenge, wish: DigestWish): string {
  const { user, password, method = 'GET', uri, count = 1, instead = {} } = wish;
  const given = (name: string) => instead[name] ?? challenge.get(name) ?? '';
  const hash = (text: string) =>
    createHash(given('algorithm') === 'SHA-256' ? 'sha256' : 'md5')
      .update(text)
      .digest('hex');
  const nc = count.toString(16).padStart(8, '0');
  const [realm, nonce] = [given('realm'), given('nonce')];
  const secret = hash(`${user}:${realm}:${password}`);
  const response = hash(`${secret}:${nonce}:${nc}:${CNONCE}:auth:${hash(`${method}:${uri}`)}`);
  const fields = { username: user, realm, nonce, uri, cnonce: CNONCE, response, ...instead };
  const quoted = Object.entries(fields)
    .filter(([name]) => !['algorithm', 'qop', 'nc'].includes(name))
    .map(([name, value]) => `${name}="${value}"`);
  const algorithm = given('algorithm');
  const plain = [`qop=${instead.qop ?? 'auth'}`, `nc=${instead.nc ?? nc}`];
  return `Digest ${[...quoted, ...plain, ...(algorithm === '' ? [] : [`algorithm=${algorithm}`])].join(', ')}`;
}

export const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
