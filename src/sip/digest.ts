// The answer to a challenge in SIP: Digest by MD5 or SHA-256 (RFC 7616, RFC 8760), with or without `qop`.
import { createHash } from 'node:crypto';
import { parametersOf } from './sip.ts';

/** What somebody proves to be. */
export type Credential = { readonly user: string; readonly password: string };

type Asked = { readonly method: string; readonly uri: string; readonly cnonce: string };

/** What each algorithm is to Node, the stronger first; RFC 8760 section 2.4 lets the asked one choose. */
const ALGORITHMS: Readonly<Record<string, string>> = { 'SHA-256': 'sha256', MD5: 'md5' };

const algorithmOf = (challenge: string): string => (parametersOf(challenge).algorithm ?? 'MD5').toUpperCase();

/** The challenge to answer among those of an answer; null when all want something else. */
export const challengeAmong = (challenges: readonly string[]): string | null =>
  Object.keys(ALGORITHMS)
    .map((name) => challenges.find((one) => /^digest\s/i.test(one) && algorithmOf(one) === name))
    .find((one) => one !== undefined) ?? null;

const quote = (value: string) => `"${value.replaceAll(/["\\]/g, '\\$&')}"`;

/** The value of the header that answers a Digest challenge; a nonce is used once, so its count is 1. */
export function digestAnswer(
  challenge: string,
  { user, password }: Credential,
  { method, uri, cnonce }: Asked,
): string {
  const { realm = '', nonce = '', qop = '', opaque, algorithm } = parametersOf(challenge);
  const hash = (text: string) =>
    createHash(ALGORITHMS[algorithmOf(challenge)] ?? 'md5')
      .update(text)
      .digest('hex');
  const [secret, asked] = [hash(`${user}:${realm}:${password}`), hash(`${method}:${uri}`)];
  const isAuth = qop.split(',').some((one) => one.trim() === 'auth');
  const response = hash(isAuth ? `${secret}:${nonce}:00000001:${cnonce}:auth:${asked}` : `${secret}:${nonce}:${asked}`);
  const quoted = { username: user, realm, nonce, uri, response, ...(opaque === undefined ? {} : { opaque }) };
  return `Digest ${[
    ...Object.entries(quoted).map(([name, value]) => `${name}=${quote(value)}`),
    ...(isAuth ? ['qop=auth', 'nc=00000001', `cnonce=${quote(cnonce)}`] : []),
    ...(algorithm === undefined ? [] : [`algorithm=${algorithm}`]),
  ].join(', ')}`;
}
