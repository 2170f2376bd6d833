// Journey: who is asking, and may they have it? Gathers what the request proves and what is known, in one moment of the
// store, and lets domain/proof.ts decide. What is looked up depends on the request alone, never on whether there is such
// a phone: whoever measures learns nothing.
import { type Asking, turnOf } from '../domain/enrolment.ts';
import type { Mac } from '../domain/mac.ts';
import { placeOf } from '../domain/network.ts';
import { type CertificateProof, type Decision, decide, type Owner } from '../domain/proof.ts';
import type { Firmware } from '../firmware/firmware.ts';
import type { Claimant } from '../store/enrolments.ts';
import type { Reads } from '../store/store.ts';
import type { FoundToken } from '../store/tokens.ts';
import type { Claim, Vendors } from '../vendors/vendors.ts';
import type { SweepGuard } from './watch-sweeps.ts';

/** What a phone says its password is. How it says so is the door's matter. */
export type GivenCredential = {
  /** Whose it is; null for a name that is no MAC address. */
  readonly mac: Mac | null;
  /** Which of these passwords is the one; -1 for none. Costs the same whatever the answer. */
  prove(passwords: readonly string[]): number;
};

/** What a phone asks for; nothing else of HTTP goes further than the door. */
export type FileRequest = {
  readonly token: string | null;
  readonly file: string;
  readonly userAgent: string;
  /** The network address that asks. */
  readonly address: string;
  /** What a client certificate says that the door has verified. */
  readonly certificate: CertificateProof | null;
  readonly credential: GivenCredential | null;
  /** Does it want to know of the file, not to have it? Then nothing is handed out. */
  readonly isLookOnly: boolean;
};

/** What a file name says. */
export type Asked = {
  readonly owner: Owner;
  readonly mac: Mac | null;
  /** The vendors' files that it may be; none for a name that nobody uses. */
  readonly claims: readonly Claim[];
};

const MAC_IN_NAME = /(?<![0-9a-f])(?!0{12})[0-9a-f]{12}(?![0-9a-f])/i;

/** Reads a file name. A name that nobody uses and that holds a MAC address counts as a phone's, whatever it is. */
export function askedFor({ vendors, firmware }: { vendors: Vendors; firmware: Firmware }, file: string): Asked {
  const claims = vendors.identify(file);
  const named = claims.find(({ mac }) => mac !== null)?.mac ?? null;
  if (named !== null) return { owner: 'phones', mac: named, claims };
  if (claims.length === 0 && !firmware.names().includes(file)) {
    const mac = MAC_IN_NAME.exec(file)?.[0].toLowerCase();
    if (mac !== undefined) return { owner: 'phones', mac: mac as Mac, claims };
  }
  const isPrivate = claims.some(({ spec }) => spec.kind === 'rendered' && (spec.secret || spec.of === 'phonebook'));
  return { owner: isPrivate ? 'tenants' : 'everybodys', mac: null, claims };
}

export type Admission = {
  readonly decision: Decision;
  readonly token: FoundToken | null;
  /** The phone that the file belongs to, or that proves itself; whether it may have anything, the decision says. */
  readonly claimant: Claimant | null;
  /** Where the phone came with its present password: that, to be written down as used. */
  readonly used: string | null;
  /** Somebody else was handed this phone's files, and has not used them. */
  readonly contested: boolean;
  /** The window of a hand-out, and whether it begins. */
  readonly turn: { readonly kind: 'begin' | 'goOn'; readonly window: number } | null;
};

/** Stands in where there is no password: comparing with it costs the same, and nobody knows it. */
const NO_PASSWORD = '\u0000';

/** What deciding needs beside the store. */
export type Admitting = {
  readonly now: () => Date;
  /** Who watches for sweeps; left out where nobody does. */
  readonly sweeps?: Pick<SweepGuard, 'isSwept'>;
};

/** Decides about a request, as these reads see the world. */
export async function admit(house: Admitting, reads: Reads, asked: Asked, request: FileRequest): Promise<Admission> {
  const now = house.now();
  const at = now.toISOString();
  const { credential: given, certificate } = request;
  const token = request.token === null ? null : await reads.tokens.find(request.token, at);
  const mac = asked.mac ?? given?.mac ?? certificate?.mac ?? null;
  const claimant = mac === null ? null : await reads.credentials.claimant(mac);
  const proven = proofOf(given, mac, claimant);
  const hasWindows = asked.owner === 'phones' && token?.proof === 'credential';
  const windows = hasWindows ? await reads.enrolments.open(token.tenant, at) : [];
  const isOurs = claimant !== null && claimant.tenant === token?.tenant;
  const turn = isOurs ? turnOf(windows, claimant.credential, askingOf(asked, request, claimant, now)) : null;
  const hasTurn = turn?.kind === 'begin' || turn?.kind === 'goOn' ? turn : null;
  const isSwept = house.sweeps?.isSwept({ address: request.address, tenant: token?.tenant ?? null }) === true;
  // Where a token or a window could open something; known phone or not, so that the time it takes tells nothing.
  const mayBeCut = isSwept && asked.owner === 'phones' && (token?.proof === 'token' || windows.length > 0);
  const home = mayBeCut && mac !== null ? await reads.fetches.lastServedAt(mac) : null;
  const decision = decide({
    token: request.token === null ? 'none' : (token ?? 'unknown'),
    file: asked.owner,
    phone: claimant,
    credential: given === null ? 'none' : proven === null ? 'wrong' : 'right',
    certificate,
    window: hasTurn !== null,
    challenges: request.token === null && (await reads.credentials.areUsed()),
    cut: mayBeCut && (home === null || placeOf(home) !== placeOf(request.address)),
  });
  const isUsed = proven === 'present' && decision.kind === 'give';
  return {
    ...{ decision, token, claimant, turn: hasTurn },
    used: isUsed ? (claimant?.credential?.password ?? null) : null,
    contested: turn?.kind === 'contested' && decision.kind === 'challenge',
  };
}

/** Which password of the phone a request came with. Both are always tried, also those of a phone that is not there. */
function proofOf(given: GivenCredential | null, mac: Mac | null, claimant: Claimant | null): 'present' | 'old' | null {
  if (given === null) return null;
  const credential = given.mac === mac ? (claimant?.credential ?? null) : null;
  const found = given.prove([credential?.password ?? NO_PASSWORD, credential?.old ?? NO_PASSWORD]);
  if (credential === null || found < 0) return null;
  return found === 0 ? 'present' : credential.old === null ? null : 'old';
}

function askingOf({ claims }: Asked, { file, address }: FileRequest, { mac, vendor }: Claimant, now: Date): Asking {
  const spec = claims.find((claim) => claim.vendor === vendor)?.spec;
  const secret = spec?.kind === 'uploaded' || (spec?.kind === 'rendered' && spec.secret);
  return { mac, address, file: file.toLowerCase(), secret, now };
}
