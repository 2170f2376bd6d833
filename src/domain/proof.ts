// May this request have this file? One pure function says so, from what the request proves and what its tenant demands.
// A file of a phone holds its passwords, and a MAC address is known to anybody, so the address alone opens nothing.
import type { Mac } from './mac.ts';

/**
 * What a tenant demands of its phones, the weakest first. `token`: the secret path of the provisioning URL, which all of
 * its phones share. `credential`: the phone's own name and password, or its certificate. `certificate`: the certificate
 * that its maker put into the phone, and nothing else.
 */
export const PROOFS = ['token', 'credential', 'certificate'] as const;
export type Proof = (typeof PROOFS)[number];

/** What a verified client certificate says: a CA of this vendor vouches for this MAC address. */
export type CertificateProof = { readonly vendor: string; readonly mac: Mac };

/**
 * Whose a file is. `phones`: its name holds a MAC address, whether or not there is such a phone or such a file. `tenants`:
 * private to a tenant, such as its phonebook. `everybodys`: product-wide, without any secret; also what does not exist.
 */
export const OWNERS = ['phones', 'tenants', 'everybodys'] as const;
export type Owner = (typeof OWNERS)[number];

export type ProofFacts = {
  /** The token in the request: there is none, it is nobody's, or a tenant's. */
  readonly token: 'none' | 'unknown' | { readonly tenant: string; readonly proof: Proof };
  readonly file: Owner;
  /** The phone that the file belongs to; for a file that is no phone's, the phone that the request says it comes from. */
  readonly phone: {
    readonly mac: Mac;
    readonly vendor: string;
    readonly tenant: string;
    readonly enabled: boolean;
    /** What the phone's tenant demands. */
    readonly proof: Proof;
  } | null;
  /** Is the credential in the request the one of this phone? */
  readonly credential: 'right' | 'wrong' | 'none';
  readonly certificate: CertificateProof | null;
  /** Is an enrolment window open for this phone and this address, and is its one hand-out not used up? */
  readonly window: boolean;
  /** Are there phones with credentials at all? Only then is one that comes without a token asked for its own. */
  readonly challenges: boolean;
  /**
   * Is somebody walking through MAC addresses at this place or with this token, and has the phone not been served at this
   * place last? Then a token and an open window count for nothing: only what is the phone's own does.
   */
  readonly cut: boolean;
};

/**
 * `give`: the file. `enrol`: the file, once, and the phone's credential in it. `firstStage`: a file without secrets, before
 * any proof. `challenge`: a demand for the phone's credential, the same whatever there is. `nothing`: the one answer for
 * everything that cannot be had.
 */
export type Decision =
  | { readonly kind: 'give'; readonly reason: 'token' | 'credential' | 'certificate' }
  | { readonly kind: 'enrol'; readonly reason: 'window' }
  | { readonly kind: 'firstStage'; readonly reason: 'no secret' }
  | { readonly kind: 'challenge'; readonly reason: 'no proof' }
  | { readonly kind: 'nothing'; readonly reason: 'unknown token' | 'no proof' | 'disabled' };

const NOT_PROVEN: Decision = { kind: 'nothing', reason: 'no proof' };

/** Decides. Nothing that is taken away from what a request proves turns a no into a yes. */
export function decide(facts: ProofFacts): Decision {
  const { token, file, window, challenges, cut } = facts;
  if (token === 'unknown') return { kind: 'nothing', reason: 'unknown token' };
  const hasToken = token !== 'none';
  if (hasToken && file === 'everybodys') return { kind: 'firstStage', reason: 'no secret' };
  // A phone of another tenant is no phone here.
  const phone = hasToken && facts.phone?.tenant !== token.tenant ? null : facts.phone;
  if (hasToken && token.proof === 'token') {
    if (file === 'tenants') return { kind: 'give', reason: 'token' };
    if (phone?.enabled !== true) return NOT_PROVEN;
    const own = cut ? provenBy(facts, phone) : 'token';
    return own === null ? NOT_PROVEN : { kind: 'give', reason: own };
  }
  const by = provenBy(facts, phone);
  if (by !== null)
    return phone?.enabled === true ? { kind: 'give', reason: by } : { kind: 'nothing', reason: 'disabled' };
  if (!hasToken) return challenges ? { kind: 'challenge', reason: 'no proof' } : NOT_PROVEN;
  // A password would open nothing there, so none is asked for.
  if (token.proof === 'certificate') return NOT_PROVEN;
  if (file === 'phones' && phone?.enabled === true && window && !cut) return { kind: 'enrol', reason: 'window' };
  return { kind: 'challenge', reason: 'no proof' };
}

function provenBy({ credential, certificate }: ProofFacts, phone: ProofFacts['phone']) {
  if (phone === null) return null;
  if (certificate !== null && certificate.mac === phone.mac && certificate.vendor === phone.vendor)
    return 'certificate';
  return credential === 'right' && phone.proof !== 'certificate' ? 'credential' : null;
}
