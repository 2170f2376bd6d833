// Which phone a client certificate proves: it must come from the maker's own CA and name one MAC address. The same
// judgement holds for a certificate from the handshake and for one that a proxy gives: Node hands out the subject of a
// certificate that it has not accepted as well, so nothing here looks at a subject before the chain.
import { X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type CertificateRules, macOfSubject, mayNameMac, type Subject } from '../domain/certificate.ts';
import { invalid } from '../domain/errors.ts';
import type { CertificateProof } from '../domain/proof.ts';
import { sourceOf } from './address.ts';

/** The CA certificates of one vendor: its root, and those between it and the phones. */
export type Authorities = ReadonlyMap<string, readonly X509Certificate[]>;

/** Issuers between a phone's certificate and a root. */
const ISSUERS_MAX = 5;
const RSA_BITS_MIN = 2_048;
const CLIENT_PURPOSES = ['1.3.6.1.5.5.7.3.2', '2.5.29.37.0'];
const CURVES = ['prime256v1', 'secp384r1', 'secp521r1'];
const SIGNATURES = /^(?:sha(?:256|384|512)WithRSAEncryption|ecdsa-with-SHA(?:256|384|512)|ED25519|ED448)$/i;
const HEADER_CHARACTERS_MAX = 12_000;
/** One certificate and nothing else: a second one may be a client's own text, which a proxy has added to. */
const ONE_PEM = /^-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*$/;
const REMEMBERED_MAX = 10_000;

/** The certificates in a file of PEM form. @throws AppError `invalid` naming the file, never what stands in it */
export function certificatesIn(pem: string, file: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw invalid(`${file} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)`);
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch {
    throw invalid(`${file} holds a certificate that cannot be read`);
  }
}

const publicKeyOf = (certificate: X509Certificate) =>
  certificate.publicKey.export({ type: 'spki', format: 'der' }).toString('base64');

/**
 * Checks that CA files are what they must be.
 * @throws AppError `invalid` for a certificate that is no CA, and for a CA that two vendors have: it could vouch for both
 */
export function checkAuthorities(authorities: Authorities): void {
  const owners = new Map<string, string>();
  for (const [vendor, certificates] of authorities) {
    for (const certificate of certificates) {
      const name = certificate.subject.replaceAll('\n', ', ');
      if (!certificate.ca) throw invalid(`the folder ${vendor} holds a certificate that is no CA: ${name}`);
      const publicKey = publicKeyOf(certificate);
      const owner = owners.get(publicKey);
      if (owner !== undefined && owner !== vendor) {
        throw invalid(`the CA ${name} is in the folders of ${owner} and ${vendor}: it can vouch for one vendor alone`);
      }
      owners.set(publicKey, vendor);
    }
  }
}

/** From when until when something holds, in milliseconds. */
type Span = { readonly from: number; readonly until: number };

const spanOf = ({ validFromDate, validToDate }: X509Certificate): Span => ({
  from: validFromDate.getTime(),
  until: validToDate.getTime(),
});

const both = (one: Span, other: Span): Span => ({
  from: Math.max(one.from, other.from),
  until: Math.min(one.until, other.until),
});

function hasStrongKey({ publicKey }: X509Certificate): boolean {
  const { modulusLength = 0, namedCurve = '' } = publicKey.asymmetricKeyDetails ?? {};
  switch (publicKey.asymmetricKeyType) {
    case 'rsa':
      return modulusLength >= RSA_BITS_MIN;
    case 'ec':
      return CURVES.includes(namedCurve);
    case 'ed25519':
    case 'ed448':
      return true;
    default:
      return false;
  }
}

const isSigned = (certificate: X509Certificate, issuer: X509Certificate) =>
  certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);

/**
 * Follows issuers up to a root, or to a CA whose issuer is not among the files: whoever put it there trusts it.
 * @returns when all of the longest-lived chain is valid; null when there is none
 */
function chainOf(certificate: X509Certificate, authorities: readonly X509Certificate[], height = 0): Span | null {
  if (height > ISSUERS_MAX) return null;
  const own = spanOf(certificate);
  const issuers = authorities.filter((candidate) => candidate.ca && isSigned(certificate, candidate));
  if (height > 0 && (issuers.length === 0 || isSigned(certificate, certificate))) return own;
  if (!SIGNATURES.test(certificate.signatureAlgorithm ?? '')) return null;
  const spans = issuers
    .filter(hasStrongKey)
    .map((issuer) => chainOf(issuer, authorities, height + 1))
    .filter((span) => span !== null);
  const [longest] = spans.sort((one, other) => other.until - one.until);
  return longest === undefined ? null : both(own, longest);
}

const isForClients = ({ keyUsage }: X509Certificate) =>
  // Node calls the extended key usage so; a certificate without it may serve for everything.
  keyUsage === undefined || (keyUsage as readonly string[]).some((purpose) => CLIENT_PURPOSES.includes(purpose));

type Proven = CertificateProof & Span;

function prove(
  certificate: X509Certificate,
  authorities: Authorities,
  rules: ReadonlyMap<string, CertificateRules>,
): Proven | null {
  if (certificate.ca || !hasStrongKey(certificate) || !isForClients(certificate)) return null;
  for (const [vendor, certificates] of authorities) {
    const span = chainOf(certificate, certificates);
    const rule = rules.get(vendor);
    if (span === null || rule === undefined) continue;
    const mac = macOfSubject(certificate.toLegacyObject().subject as unknown as Subject, rule.subjects);
    return mac !== null && mayNameMac(vendor, mac, rules) ? { vendor, mac, ...span } : null;
  }
  return null;
}

export type CertificateReader = (request: IncomingMessage) => CertificateProof | null;

/**
 * Reads who a request's certificate proves, by the CA files as they are at that moment; `now` is milliseconds. Whether the
 * phone is known, and enabled, is for others to say, with each request anew: a connection outlives such things.
 */
export function certificateReader(
  authorities: { current(): Authorities } | null,
  rules: ReadonlyMap<string, CertificateRules>,
  now: () => number,
): CertificateReader {
  if (authorities === null) return () => null;
  let used = authorities.current();
  let judge = judgeOf(used, rules, now);
  return (request) => {
    if (used !== authorities.current()) {
      used = authorities.current();
      judge = judgeOf(used, rules, now);
    }
    const certificate = sourceOf(request).certificate();
    return certificate === null ? null : judge(certificate);
  };
}

/**
 * A judge of client certificates, who remembers what he has found good: phones come again. `now` is milliseconds.
 * Judged anew with each request are the dates; with new CA files there is a new judge.
 */
export function judgeOf(
  authorities: Authorities,
  rules: ReadonlyMap<string, CertificateRules>,
  now: () => number,
): (certificate: X509Certificate) => CertificateProof | null {
  const remembered = new Map<string, Proven>();
  return (certificate) => {
    const name = certificate.fingerprint256;
    const proven = remembered.get(name) ?? prove(certificate, authorities, rules);
    if (proven === null) return null;
    if (!remembered.has(name)) {
      const [oldest] = remembered.size < REMEMBERED_MAX ? [] : remembered.keys();
      if (oldest !== undefined) remembered.delete(oldest);
      remembered.set(name, proven);
    }
    const { vendor, mac, from, until } = proven;
    return from <= now() && now() <= until ? { vendor, mac } : null;
  };
}

/**
 * The certificate in a proxy's header, in one of three forms: `:base64 of DER:` (RFC 9440), PEM with percent signs, and
 * base64 of DER alone; null for everything else.
 */
export function certificateInHeader(value: string): X509Certificate | null {
  if (value === '' || value.length > HEADER_CHARACTERS_MAX) return null;
  try {
    if (value.startsWith('-----BEGIN')) {
      const pem = decodeURIComponent(value);
      return ONE_PEM.test(pem) ? new X509Certificate(pem) : null;
    }
    const base64 = /^:?([A-Za-z0-9+/]+={0,2}):?$/.exec(value)?.[1];
    return base64 === undefined ? null : new X509Certificate(Buffer.from(base64, 'base64'));
  } catch {
    return null;
  }
}
