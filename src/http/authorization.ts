// How phones prove themselves with a name and a password: Basic (RFC 7617) and Digest (RFC 7616). What is right is decided
// elsewhere; here headers are read, compared and written. A nonce is a time under our own seal, so nothing is kept for
// those that are never used.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { GivenCredential } from '../app/admit.ts';
import { macSchema } from '../domain/mac.ts';

/** What a vendor's phones understand, the most wanted first. */
export type Scheme = 'digest-sha-256' | 'digest-md5' | 'basic';

/** The same for all, and it names no product. */
const REALM = 'phones';
const NONCE_SECONDS = 300;
/** A clock that was put back makes nonces of the future; so far they are good. */
const AHEAD_SECONDS = 5;
const NONCES_MAX = 50_000;
const MARK_BYTES = 6;
const SEAL_BYTES = 16;
const KEY_BYTES = 32;

/** What a request says of itself. */
export type Said = {
  readonly method: string;
  /** As it stands in the request line. */
  readonly url: string;
  readonly header: string | undefined;
  /** What may be used here: Basic only where nobody listens. */
  readonly schemes: readonly Scheme[];
};

/** A credential as a request gave it. */
export type Read = GivenCredential & {
  /** Was it given with a nonce that is used up, or none of ours? Then a new one is all that is needed. */
  isStale(): boolean;
};

export type Authorization = {
  /** The credential in a request; null when it has none, or of a kind that may not be used. */
  read(said: Said): Read | null;
  /** The values of `WWW-Authenticate` for a challenge, the most wanted first. */
  challenges(schemes: readonly Scheme[], stale: boolean): string[];
};

type Outside = {
  /** So many random bytes. */
  readonly random: (bytes: number) => Buffer;
  readonly now: () => Date;
};

const sha256 = (text: string) => createHash('sha256').update(text).digest();

/** Compares in a time that says nothing of where two texts differ. */
const same = (one: string, other: string) => timingSafeEqual(sha256(one), sha256(other));

/** The place of the right password; every one is tried. */
function placeOf(passwords: readonly string[], isRight: (password: string) => boolean): number {
  return passwords.map((password) => isRight(password)).indexOf(true);
}

function macOf(user: string) {
  const mac = macSchema.safeParse(user);
  return mac.success ? mac.data : null;
}

export function openAuthorization({ random, now }: Outside): Authorization {
  const nonces = openNonces({ random, now });
  return {
    read({ method, url, header, schemes }) {
      const [, kind = '', rest = ''] = /^(\w+) +(.+)$/.exec(header ?? '') ?? [];
      switch (kind.toLowerCase()) {
        case 'basic':
          return schemes.includes('basic') ? readBasic(rest) : null;
        case 'digest':
          return readDigest(rest, { method, url, schemes, nonces });
        default:
          return null;
      }
    },
    challenges: (schemes, stale) =>
      schemes.map((scheme) =>
        scheme === 'basic'
          ? `Basic realm="${REALM}"`
          : `Digest realm="${REALM}", qop="auth", algorithm=${NAMES[scheme]}, nonce="${nonces.make()}"${stale ? ', stale=true' : ''}`,
      ),
  };
}

function readBasic(text: string): Read | null {
  if (!/^[A-Za-z0-9+/]{1,400}={0,2}$/.test(text)) return null;
  const [, user = '', password = ''] = /^([^:]*):(.*)$/s.exec(Buffer.from(text, 'base64').toString('utf8')) ?? [];
  return {
    mac: macOf(user),
    prove: (passwords) => placeOf(passwords, (one) => same(one, password)),
    isStale: () => false,
  };
}

const NAMES = { 'digest-sha-256': 'SHA-256', 'digest-md5': 'MD5' } as const;
const HASHES: Readonly<Record<string, { readonly scheme: Scheme; readonly name: string }>> = {
  'sha-256': { scheme: 'digest-sha-256', name: 'sha256' },
  // MD5 is what most phones have. What it hashes holds 128 random bits, and no collision helps anybody here.
  md5: { scheme: 'digest-md5', name: 'md5' },
};

const PARAMETER = /([A-Za-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))(?:\s*,\s*|\s*$)/gy;

/** The parameters of a Digest header; null when it is not in order, or names one twice. */
function parametersOf(text: string): ReadonlyMap<string, string> | null {
  const found = new Map<string, string>();
  let read = 0;
  for (const match of text.matchAll(PARAMETER)) {
    const [whole, name = '', quoted, plain = ''] = match;
    if (found.has(name.toLowerCase())) return null;
    found.set(name.toLowerCase(), quoted?.replaceAll(/\\(.)/g, '$1') ?? plain);
    read += whole.length;
  }
  return read === text.length ? found : null;
}

type DigestMeans = Pick<Said, 'method' | 'url' | 'schemes'> & { readonly nonces: Nonces };

/** The path of a URI that some phones write in full. */
const isSameTarget = (uri: string, url: string) => uri === url || uri.replace(/^https?:\/\/[^/]+/i, '') === url;

function readDigest(text: string, { method, url, schemes, nonces }: DigestMeans): Read | null {
  const given = parametersOf(text);
  const field = (name: string) => given?.get(name) ?? '';
  const hash = HASHES[(given?.get('algorithm') ?? 'md5').toLowerCase()];
  if (given === null || hash === undefined || !schemes.includes(hash.scheme)) return null;
  const [username, nonce, uri, nc, cnonce] = ['username', 'nonce', 'uri', 'nc', 'cnonce'].map(field) as [
    string,
    string,
    string,
    string,
    string,
  ];
  const isInOrder =
    field('realm') === REALM && field('qop') === 'auth' && /^[0-9a-f]{8}$/i.test(nc) && isSameTarget(uri, url);
  if (!isInOrder) return null;
  const digest = (part: string) => createHash(hash.name).update(part).digest('hex');
  const asked = digest(`${method}:${uri}`);
  const isRight = (password: string) => {
    const owner = digest(`${username}:${REALM}:${password}`);
    return same(digest(`${owner}:${nonce}:${nc}:${cnonce}:auth:${asked}`), field('response').toLowerCase());
  };
  let stale = !nonces.isGood(nonce);
  return {
    mac: macOf(username),
    prove(passwords) {
      const place = placeOf(passwords, isRight);
      if (stale || place < 0) return -1;
      // The same again is somebody who listened, or an answer out of order; a phone comes again with a new nonce.
      stale = !nonces.spend(nonce, Number.parseInt(nc, 16));
      return stale ? -1 : place;
    },
    isStale: () => stale,
  };
}

type Nonces = {
  make(): string;
  /** Is it one of ours, and neither too old nor forgotten? */
  isGood(nonce: string): boolean;
  /** Uses a count of a nonce up; counts only go up. @returns whether it was not used before */
  spend(nonce: string, count: number): boolean;
};

/** Nonces: time (6 bytes, milliseconds), a mark that tells those of one moment apart, and a seal over both. */
function openNonces({ random, now }: Outside): Nonces {
  const key = random(KEY_BYTES);
  const counts = new Map<string, number>();
  let mark = 0;
  /** Nonces from before this time that are not in `counts` may have been used and forgotten. */
  let forgottenUntil = Number.NEGATIVE_INFINITY;
  const sealOf = (stamp: Buffer) => createHmac('sha256', key).update(stamp).digest().subarray(0, SEAL_BYTES);
  /** The time of a nonce of ours in milliseconds; null for any other. */
  const timeOf = (nonce: string): number | null => {
    const bytes = Buffer.from(nonce, 'base64url');
    if (bytes.length !== 6 + MARK_BYTES + SEAL_BYTES || bytes.toString('base64url') !== nonce) return null;
    const stamp = bytes.subarray(0, 6 + MARK_BYTES);
    return timingSafeEqual(sealOf(stamp), bytes.subarray(6 + MARK_BYTES)) ? stamp.readUIntBE(0, 6) : null;
  };
  return {
    make() {
      const stamp = Buffer.alloc(6 + MARK_BYTES);
      stamp.writeUIntBE(now().getTime(), 0, 6);
      mark = (mark + 1) % 2 ** 48;
      stamp.writeUIntBE(mark, 6, MARK_BYTES);
      return Buffer.concat([stamp, sealOf(stamp)]).toString('base64url');
    },
    isGood(nonce) {
      const time = timeOf(nonce);
      if (time === null || (time <= forgottenUntil && !counts.has(nonce))) return false;
      const seconds = (now().getTime() - time) / 1_000;
      return seconds >= -AHEAD_SECONDS && seconds <= NONCE_SECONDS;
    },
    spend(nonce, count) {
      if (count <= (counts.get(nonce) ?? 0)) return false;
      counts.delete(nonce);
      counts.set(nonce, count);
      for (const oldest of counts.keys()) {
        if (counts.size <= NONCES_MAX) break;
        counts.delete(oldest);
        forgottenUntil = Math.max(forgottenUntil, timeOf(oldest) ?? forgottenUntil);
      }
      return true;
    },
  };
}
