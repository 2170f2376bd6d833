// Journey: a phone asks for a file. Finds out which file of which phone is meant, whether it may have it, and renders it.
import { ALL_TENANTS, mayHaveFile } from '../domain/access.ts';
import { digestOf } from '../domain/digest.ts';
import type { Mac } from '../domain/mac.ts';
import { resolveParameters } from '../domain/parameters.ts';
import type { Phone } from '../domain/phone.ts';
import { assignable } from '../domain/pool.ts';
import { buildContext, maskSecrets, type RenderContext } from '../domain/render-context.ts';
import { resolveSettings } from '../domain/settings.ts';
import { provisioningUrl } from '../domain/tenant.ts';
import type { Reads, Store } from '../store/store.ts';
import type { Claim, RenderedFile, RenderedSpec, UploadedSpec, Vendors } from '../vendors/vendors.ts';
import { levelsOf } from './levels-of.ts';
import { phonebookOf } from './phonebook.ts';

export type House = {
  readonly store: Store;
  readonly vendors: Vendors;
  /** How phones reach the phones' door, without a slash at the end. */
  readonly publicUrl: string;
};

/** What a phone asks for; nothing else of HTTP goes further than the door. */
export type FileRequest = { readonly token: string | null; readonly file: string; readonly userAgent: string };

/** A phone that is known by the request's file name and has proven itself. */
export type KnownPhone = { readonly mac: Mac; readonly tenant: string; readonly vendor: string };

/** A phone that nobody has claimed; the vendor is known when only one uses such a file name. */
export type Stranger = { readonly mac: Mac; readonly tenant: string; readonly vendor: string | null };

export type FileAnswer = {
  /** Who asked, where the file name says it. A phone that has not proven itself is nobody. */
  readonly phone: KnownPhone | null;
  /** The request has a tenant's token, and its file name a MAC address that nobody has claimed. */
  readonly stranger: Stranger | null;
  /** Null is one answer for everything that cannot be had: unknown, disabled, not proven, not there. */
  readonly file: RenderedFile | null;
  /** Was the file made here, or is it one that the phone has uploaded? */
  readonly kind: 'rendered' | 'uploaded';
};

const NOTHING: FileAnswer = { phone: null, stranger: null, file: null, kind: 'rendered' };

/** Answers a phone. Faults of ours are thrown and never look like "not there". */
export async function serveFile({ store, ...house }: House, request: FileRequest): Promise<FileAnswer> {
  const { vendors } = house;
  const claims = vendors.identify(request.file);
  if (claims.length === 0) return NOTHING;
  return store.snapshot(async (reads) => {
    const tokenTenant = request.token === null ? null : await reads.tenants.findByToken(request.token);
    const mac = macOf(claims);
    if (mac === null) return tokenTenant === null ? NOTHING : shared({ ...house, reads }, tokenTenant, claims, request);
    const phone = await reads.phones.find(ALL_TENANTS, mac);
    if (phone === null && tokenTenant !== null)
      return { ...NOTHING, stranger: { mac, tenant: tokenTenant, vendor: vendorOf(claims) } };
    if (phone === null || !mayHaveFile({ tokenTenant, phone })) return NOTHING;
    const claim = claims.find(({ vendor }) => vendor === phone.vendor);
    const file = claim === undefined ? null : await fileOf({ ...house, reads }, phone, claim, request.file);
    const kind = claim?.spec.kind === 'uploaded' ? 'uploaded' : 'rendered';
    return { ...NOTHING, phone: { mac, tenant: phone.tenant, vendor: phone.vendor }, file, kind };
  });
}

export const macOf = (claims: readonly Claim[]): Mac | null => claims.find(({ mac }) => mac !== null)?.mac ?? null;

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
): Promise<FileAnswer> {
  const agent = vendors.readAgent(request.userAgent)?.vendor;
  const claim = claims.find(({ vendor }) => vendor === agent) ?? claims[0];
  if (claim?.spec.kind !== 'rendered') return NOTHING;
  const { vendor, spec } = claim;
  const file =
    spec.of === 'phonebook'
      ? vendors.renderPhonebook(vendor, spec, await phonebookOf(reads, tenant))
      : vendors.renderShared(vendor, spec);
  return { ...NOTHING, file };
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
  const pool = assignable(await reads.pools.get(tenant.pool));
  const model = vendors.findModel(phone.vendor, phone.model);
  if (model === null)
    throw new Error(
      `assertion failed: phone ${phone.mac} is a ${phone.vendor} ${phone.model}, which no template covers`,
    );
  const levels = await levelsOf({ reads, vendors }, phone, tenant);
  const parameters = resolveParameters(levels, phone.vendor);
  const settings = resolveSettings(levels);
  const provisioning = provisioningUrl(publicUrl, tenant.token);
  const parts = { phone, tenant, pool, model, settings, parameters, provisioningUrl: provisioning };
  return { context: buildContext(parts), fileKey: settings.fileKey };
}

export type NamedFile = RenderedFile & { readonly name: string };

/**
 * All files that are made for a phone, as it would get them now. With `masked`, every secret is replaced and nothing is
 * encrypted: that is how people look at them.
 */
export async function filesFor(house: House, phone: Phone, { masked }: { masked: boolean }): Promise<NamedFile[]> {
  return house.store.snapshot((reads) => renderAll({ ...house, reads }, phone, masked));
}

/** The text of all files of a phone, secrets masked, as these reads see the world. */
export async function renderedFor(house: ReadingHouse, phone: Phone): Promise<{ name: string; text: string }[]> {
  const files = await renderAll(house, phone, true);
  return files.map(({ name, body }) => ({ name, text: body.toString('utf8') }));
}

async function renderAll(house: ReadingHouse, phone: Phone, masked: boolean): Promise<NamedFile[]> {
  const { context, fileKey } = await contextOf(house, phone);
  return house.vendors.fileNames(phone.vendor, phone.model, phone.mac).map((name) => {
    const claim = house.vendors.identify(name).find(({ vendor }) => vendor === phone.vendor);
    const spec = claim?.spec as RenderedSpec;
    const [seen, key] = masked ? [maskSecrets(context), null] : [context, fileKey];
    return { name, ...house.vendors.render({ ...phone, spec, context: seen, fileKey: key }) };
  });
}
