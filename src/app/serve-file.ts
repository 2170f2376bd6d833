// Journey: a phone asks for a file. Finds out which file of which phone is meant, whether it may have it, and renders it.
import { ALL_TENANTS } from '../domain/access.ts';
import { digestOf } from '../domain/digest.ts';
import { carriedBase } from '../domain/installation.ts';
import type { Mac } from '../domain/mac.ts';
import { resolveParameters } from '../domain/parameters.ts';
import type { Phone } from '../domain/phone.ts';
import { assignable } from '../domain/pool.ts';
import type { Decision } from '../domain/proof.ts';
import { buildContext, maskSecrets, type RenderContext } from '../domain/render-context.ts';
import { resolveSettings } from '../domain/settings.ts';
import { provisioningUrl } from '../domain/tenant.ts';
import { poolAsCalled } from '../domain/tenant-domain.ts';
import type { Firmware } from '../firmware/firmware.ts';
import type { Claimant } from '../store/enrolments.ts';
import type { Reads, Store } from '../store/store.ts';
import type { Claim, RenderedFile, RenderedSpec, UploadedSpec, Vendors } from '../vendors/vendors.ts';
import { type Admission, type Asked, admit, askedFor, type FileRequest } from './admit.ts';
import { type HandingOut, handOut, phoneOf } from './hand-out.ts';
import { levelsOf } from './levels-of.ts';
import { phonebookOf } from './phonebook.ts';

export type House = {
  readonly store: Store;
  readonly vendors: Vendors;
  /** How phones reach the phones' door, without a slash at the end. */
  readonly publicUrl: string;
};

/** What answering phones needs. */
export type PhoneHouse = House & HandingOut & { readonly firmware: Firmware };

/** A phone that is known by the request's file name, or by its own proof, and may have what it asked for. */
export type KnownPhone = { readonly mac: Mac; readonly tenant: string; readonly vendor: string };

/** A phone that nobody has claimed; the vendor is known when only one uses such a file name. */
export type Stranger = { readonly mac: Mac; readonly tenant: string; readonly vendor: string | null };

/** A request that a phone has not proven, while somebody at another address has been handed its files. */
export type Contest = { readonly mac: Mac; readonly tenant: string };

/** What came out of a request, whether or not there is a file. */
export type Admitted = {
  readonly outcome: Decision['kind'];
  /** Who asked, where it is known. A phone that may have nothing is nobody. */
  readonly phone: KnownPhone | null;
  /** The tenant whose token stood in the path. */
  readonly tenant: string | null;
  /** Which of the tenant's tokens it was. */
  readonly tokenId: string | null;
  /** The MAC address that the request is about, known or not. */
  readonly mac: Mac | null;
  /** Is that a phone of ours, of the tenant that the token names, that may be served? Whoever asks has not proven to be it. */
  readonly isKnown: boolean;
  /** The request has a tenant's token, and its file name a MAC address that nobody has claimed. */
  readonly stranger: Stranger | null;
  readonly contest: Contest | null;
  /** The phone has proven itself with its present password. */
  readonly used: { readonly mac: Mac; readonly password: string } | null;
};

export type FileAnswer = Admitted & {
  /** Null is one answer for everything that cannot be had: unknown, disabled, not proven, not there. */
  readonly file: RenderedFile | null;
  /** Was the file made here, or is it one that the phone has uploaded? */
  readonly kind: 'rendered' | 'uploaded';
  /** Is it a name that a firmware image may have? */
  readonly mayBeImage: boolean;
};

/** What may be told of a request. */
export function admitted({ claims, owner, ...asked }: Asked, admission: Admission): Admitted {
  const { decision, token, claimant, used, contested } = admission;
  const isStranger = owner === 'phones' && claims.length > 0 && claimant === null && token !== null;
  const mac = asked.mac ?? claimant?.mac ?? null;
  const mayHave = decision.kind === 'give' || decision.kind === 'enrol';
  return {
    ...{ outcome: decision.kind, tenant: token?.tenant ?? null, tokenId: token?.id ?? null, mac },
    isKnown:
      claimant?.enabled === true &&
      decision.reason !== 'unknown token' &&
      (token === null || token.tenant === claimant.tenant),
    phone: mayHave && isAbout(owner, decision) && claimant !== null ? knownAs(claimant) : null,
    stranger: isStranger && mac !== null ? { mac, tenant: token.tenant, vendor: vendorOf(claims) } : null,
    contest: contested && claimant !== null ? { mac: claimant.mac, tenant: claimant.tenant } : null,
    used: used === null || claimant === null ? null : { mac: claimant.mac, password: used },
  };
}

/** Does the decision say that it is this phone that asks? For a file of no phone, a token alone does not. */
const isAbout = (owner: Asked['owner'], { reason }: Decision) => owner === 'phones' || reason !== 'token';

const knownAs = ({ mac, tenant, vendor }: Claimant): KnownPhone => ({ mac, tenant, vendor });

/** Answers a phone. Faults of ours are thrown and never look like "not there". */
export async function serveFile(house: PhoneHouse, request: FileRequest): Promise<FileAnswer> {
  const asked = askedFor(house, request.file);
  const mayBeImage = asked.owner === 'everybodys';
  const answer = await house.store.snapshot(async (reads): Promise<FileAnswer> => {
    const admission = await admit(house, reads, asked, request);
    const { kind: outcome } = admission.decision;
    const made =
      outcome === 'give' || outcome === 'firstStage' ? await makeFor(house, reads, asked, admission, request) : NONE;
    return {
      ...admitted(asked, admission),
      ...made,
      mayBeImage: mayBeImage && (outcome === 'give' || outcome === 'firstStage'),
    };
  });
  if (answer.outcome !== 'enrol') return answer;
  if (request.isLookOnly) return { ...answer, outcome: 'challenge', phone: null };
  const { admission, made } = await handOut(house, asked, request, async (tx, claimant) =>
    ofPhone({ ...house, reads: tx }, claimant, asked, request.file),
  );
  return { ...admitted(asked, admission), ...(made ?? NONE), mayBeImage: false };
}

type Made = Pick<FileAnswer, 'file' | 'kind'>;
const NONE: Made = { file: null, kind: 'rendered' };

async function makeFor(
  house: PhoneHouse,
  reads: Reads,
  asked: Asked,
  { token, claimant }: Admission,
  request: FileRequest,
) {
  if (asked.owner === 'phones') {
    return claimant === null ? NONE : ofPhone({ ...house, reads }, claimant, asked, request.file);
  }
  const tenant = token?.tenant ?? claimant?.tenant;
  return tenant === undefined ? NONE : shared({ ...house, reads }, tenant, asked.claims, request);
}

async function ofPhone(house: ReadingHouse, claimant: Claimant, { claims }: Asked, name: string): Promise<Made> {
  const claim = claims.find(({ vendor }) => vendor === claimant.vendor);
  if (claim === undefined) return NONE;
  const file = await fileOf(house, await phoneOf(house.reads, claimant), claim, name);
  return { file, kind: claim.spec.kind === 'uploaded' ? 'uploaded' : 'rendered' };
}

function vendorOf(claims: readonly Claim[]): string | null {
  const [first, ...others] = claims;
  return first !== undefined && others.every(({ vendor }) => vendor === first.vendor) ? first.vendor : null;
}

/** A file that all phones of a vendor share. Where two vendors use the name, the user agent says whose phone asks. */
async function shared(
  { reads, vendors }: ReadingHouse,
  tenant: string,
  claims: readonly Claim[],
  request: FileRequest,
): Promise<Made> {
  const agent = vendors.readAgent(request.userAgent)?.vendor;
  const claim = claims.find(({ vendor }) => vendor === agent) ?? claims[0];
  if (claim?.spec.kind !== 'rendered') return NONE;
  const { vendor, spec } = claim;
  const file =
    spec.of === 'phonebook'
      ? vendors.renderPhonebook(vendor, spec, await phonebookOf(reads, tenant))
      : vendors.renderShared(vendor, spec);
  return { file, kind: 'rendered' };
}

export type ReadingHouse = Omit<House, 'store'> & { readonly reads: Reads };

async function fileOf(house: ReadingHouse, phone: Phone, claim: Claim, name: string): Promise<RenderedFile | null> {
  switch (claim.spec.kind) {
    case 'absent':
      return null;
    case 'uploaded':
      return uploaded(house, phone, claim.spec, name);
    case 'rendered': {
      if (!house.vendors.makes(phone.vendor, phone.model, claim.spec)) return null;
      const { context, fileKey } = await contextOf(house, phone);
      return house.vendors.render({ ...phone, spec: claim.spec, context, fileKey });
    }
  }
}

async function uploaded(
  house: ReadingHouse,
  phone: Phone,
  spec: UploadedSpec,
  name: string,
): Promise<RenderedFile | null> {
  const { reads, vendors } = house;
  const book = vendors.phonebookFor(phone.vendor, spec);
  if (book !== null && (await contextOf(house, phone)).context.settings.phonebook) {
    return vendors.renderPhonebook(phone.vendor, book, await phonebookOf(reads, phone.tenant));
  }
  const upload = await reads.uploads.find(phone.mac, name.toLowerCase());
  return upload && { body: upload.content, contentType: spec.contentType, digest: digestOf(upload.content) };
}

type Rendering = { readonly context: RenderContext; readonly fileKey: string | null };

async function contextOf({ reads, vendors, publicUrl }: ReadingHouse, phone: Phone): Promise<Rendering> {
  const tenant = await reads.tenants.get(ALL_TENANTS, phone.tenant);
  const base = carriedBase(await reads.installation.get());
  const pool = poolAsCalled(assignable(await reads.pools.get(tenant.pool)), tenant.code, base);
  const model = vendors.findModel(phone.vendor, phone.model);
  if (model === null)
    throw new Error(
      `assertion failed: phone ${phone.mac} is a ${phone.vendor} ${phone.model}, which no template covers`,
    );
  const levels = await levelsOf({ reads, vendors }, phone, tenant);
  const parameters = resolveParameters(levels, phone.vendor);
  const settings = resolveSettings(levels);
  const provisioning = provisioningUrl(publicUrl, tenant.token);
  // Only where it opens something: a file that is given by the token alone would give it to anybody.
  const own = tenant.proof === 'credential' ? await reads.credentials.find(phone.mac) : null;
  const credential = own === null ? null : { user: phone.mac, password: own.password };
  const parts = { phone, tenant, pool, model, settings, parameters, provisioningUrl: provisioning, credential };
  return { context: buildContext(parts), fileKey: settings.fileKey };
}

export type NamedFile = RenderedFile & { readonly name: string };

/**
 * How files are looked at: `served` as the phone gets them; `clear` as text, neither packed nor encrypted; `masked` the same
 * with every secret replaced, which is what people see.
 */
export type Look = 'served' | 'clear' | 'masked';

/**
 * All files that are made for a phone, as it would get them now. With `masked`, every secret is replaced and nothing is
 * packed or encrypted: that is how people look at them.
 */
export async function filesFor(house: House, phone: Phone, { masked }: { masked: boolean }): Promise<NamedFile[]> {
  return house.store.snapshot((reads) => renderedFor({ ...house, reads }, phone, masked ? 'masked' : 'served'));
}

/** All files of a phone, as these reads see the world. */
export async function renderedFor(house: ReadingHouse, phone: Phone, look: Look): Promise<NamedFile[]> {
  const { context, fileKey } = await contextOf(house, phone);
  const seen = look === 'masked' ? maskSecrets(context) : context;
  return house.vendors.fileNames(phone.vendor, phone.model, phone.mac).map((name) => {
    const claim = house.vendors.identify(name).find(({ vendor }) => vendor === phone.vendor);
    const spec = claim?.spec as RenderedSpec;
    const plain = look !== 'served';
    return { name, ...house.vendors.render({ ...phone, spec, context: seen, fileKey, plain }) };
  });
}
