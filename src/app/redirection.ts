// Journeys: accounts at redirection services, upload files for their portals, and claims by their APIs. Services are asked
// outside of every transaction: they may take minutes.
import type { Actor } from '../domain/access.ts';
import { conflict, invalid, notFound } from '../domain/errors.ts';
import type { Mac } from '../domain/mac.ts';
import { FIRST_PAGE } from '../domain/page.ts';
import { parseWith } from '../domain/parse.ts';
import type { Phone } from '../domain/phone.ts';
import {
  type Claimed,
  claimSchema,
  exportOf,
  type PhoneReport,
  parseAccount,
  type RedirectionAccount,
  releaseSchema,
  type ServiceKind,
} from '../domain/redirection.ts';
import { provisioningUrl } from '../domain/tenant.ts';
import type { RedirectionService, Redirections } from '../redirection/redirection.ts';
import type { Store } from '../store/store.ts';
import type { StoredTenant } from '../store/tenants.ts';
import type { RenderedFile, VendorRedirection, Vendors } from '../vendors/vendors.ts';
import { note } from './audit.ts';

export type RedirectionHouse = {
  readonly store: Store;
  readonly vendors: Vendors;
  readonly redirections: Redirections;
  readonly now: () => Date;
  /** How phones reach the phones' door, without a slash at the end. */
  readonly publicUrl: string;
};

/** A service as people see it; of credentials only whether they are set. */
export type ShownService = {
  readonly service: string;
  readonly name: string;
  readonly vendor: string;
  /** Does the service have an API that we speak? */
  readonly api: boolean;
  /** Does its portal take an upload file of ours, and how sure are its columns? */
  readonly upload: { readonly confidence: string; readonly note: string } | null;
  readonly baseUrls: readonly string[];
  readonly account: { readonly baseUrl: string; readonly credentials: Readonly<Record<string, 'set'>> } | null;
};

function serviceOf(vendors: Vendors, service: string): VendorRedirection {
  const found = vendors.redirections.find((one) => one.service === service);
  if (found !== undefined) return found;
  const all = vendors.redirections.map((one) => one.service).join(', ');
  throw notFound(`redirection service ${service} (there are ${all})`);
}

/** The service, when it has an API that we speak. */
function apiOf(vendors: Vendors, service: string): VendorRedirection & { readonly kind: ServiceKind } {
  const { kind, ...facts } = serviceOf(vendors, service);
  if (kind === null) throw invalid(`${service} is not reached by its API; export a file and upload it at its portal`);
  return { ...facts, kind };
}

const shownAccount = ({ baseUrl, credentials }: RedirectionAccount) => ({
  baseUrl,
  credentials: Object.fromEntries(Object.keys(credentials).map((name) => [name, 'set' as const])),
});

const shown = (
  { service, name, vendor, kind, upload, baseUrls }: VendorRedirection,
  account: RedirectionAccount | null,
): ShownService => ({
  service,
  name,
  vendor,
  api: kind !== null,
  upload: upload && { confidence: upload.confidence, note: upload.note },
  baseUrls,
  account: account && shownAccount(account),
});

type Accounts = Pick<RedirectionHouse, 'store' | 'vendors'>;

/** All services that the vendors have, each with its account. */
export const listServices = ({ store, vendors }: Accounts): Promise<ShownService[]> =>
  store.snapshot(async (reads) => {
    const services: ShownService[] = [];
    for (const facts of vendors.redirections) services.push(shown(facts, await reads.redirections.find(facts.service)));
    return services;
  });

/** A service with its account. @throws AppError `not_found` for a service that no vendor has */
export async function getService({ store, vendors }: Accounts, service: string): Promise<ShownService> {
  return shown(serviceOf(vendors, service), await store.redirections.find(service));
}

/**
 * Sets the account at a service, credentials and all: they are never sent to another URL than they were given for.
 * @throws AppError `not_found` for a service that no vendor has, `invalid` with every wrong field
 */
export async function putAccount(
  house: Accounts & Pick<RedirectionHouse, 'now'>,
  service: string,
  input: unknown,
  actor: Actor,
): Promise<ShownService> {
  const facts = apiOf(house.vendors, service);
  const account = parseAccount(facts, input);
  await house.store.transaction(async (tx) => {
    const old = await tx.redirections.find(service);
    await tx.redirections.put(account);
    const before = old && { baseUrl: old.baseUrl, credentials: 'set' };
    const after = { baseUrl: account.baseUrl, credentials: 'set anew' };
    await note(tx, house, actor, { action: 'redirection.account', subject: service, before, after });
  });
  return shown(facts, account);
}

/** Forgets the account at a service. @throws AppError `not_found` when there is none */
export async function removeAccount(
  house: Accounts & Pick<RedirectionHouse, 'now'>,
  service: string,
  actor: Actor,
): Promise<void> {
  await house.store.transaction(async (tx) => {
    const old = await tx.redirections.find(service);
    if (old === null) throw notFound(`an account at redirection service ${service}`);
    await tx.redirections.remove(service);
    const before = { baseUrl: old.baseUrl, credentials: 'set' };
    await note(tx, house, actor, { action: 'redirection.account', subject: service, before, after: null });
  });
}

/** All phones of a tenant that a vendor made. */
async function phonesOf(store: Store, tenant: StoredTenant, vendor: string): Promise<Phone[]> {
  return store.snapshot(async (reads) => {
    const all: Phone[] = [];
    for (let after: string | null = null; ; ) {
      const page = await reads.phones.list(
        { kind: 'tenants', codes: [tenant.code] },
        { ...FIRST_PAGE, after, tenant: tenant.code },
      );
      all.push(...page.filter((phone) => phone.vendor === vendor));
      if (page.length < FIRST_PAGE.limit) return all;
      after = page.at(-1)?.mac ?? null;
    }
  });
}

/**
 * The file that people upload at a service's portal: the tenant's phones of that vendor.
 * @throws AppError `not_found` for a tenant outside the actor's scope and for a service that no vendor has or whose portal
 *   takes no file
 */
export async function exportUpload(
  { store, vendors, publicUrl }: Omit<RedirectionHouse, 'redirections' | 'now'>,
  { tenant: code, service }: { readonly tenant: string; readonly service: string },
  actor: Actor,
): Promise<RenderedFile & { readonly fileName: string }> {
  const tenant = await store.tenants.get(actor.scope, code);
  const { vendor, upload } = serviceOf(vendors, service);
  const phones = (await phonesOf(store, tenant, vendor)).map(({ mac, model, lines: [line] }) =>
    exportOf({ mac, model, label: line?.label ?? line?.displayName ?? line?.user ?? mac }),
  );
  const file = vendors.renderUpload(service, {
    tenant: { code: tenant.code, name: tenant.name },
    provisioningUrl: provisioningUrl(publicUrl, tenant.token),
    phones,
  });
  if (file === null || upload === null) throw notFound(`an upload file for ${service}`);
  return { ...file, fileName: upload.fileName };
}

/** What became of the phones. The numbers add up to the phones that were named. */
export type ClaimReport = {
  readonly tenant: string;
  readonly service: string;
  readonly url: string;
  readonly done: number;
  readonly failed: number;
  readonly phones: readonly PhoneReport[];
};

type Order = { readonly tenant: string; readonly service: string };

/** What every call of a service begins with: the tenant, its phones of that vendor, and the connection. */
async function connected(house: RedirectionHouse, { tenant: code, service }: Order, actor: Actor) {
  const { store, vendors, redirections, publicUrl } = house;
  const tenant = await store.tenants.get(actor.scope, code);
  const { vendor, kind } = apiOf(vendors, service);
  const account = await store.redirections.find(service);
  if (account === null) {
    throw conflict(`there is no account at ${service} yet; set it with "homeport redirect account ${service} --set"`);
  }
  const phones = await phonesOf(store, tenant, vendor);
  const url = provisioningUrl(publicUrl, tenant.token);
  return { tenant, vendor, url, macs: phones.map(({ mac }) => mac), service: redirections.connect(kind, account) };
}

async function reported(
  house: RedirectionHouse,
  { action, order, url, actor }: { action: string; order: Order; url: string; actor: Actor },
  phones: readonly PhoneReport[],
): Promise<ClaimReport> {
  const failed = phones.filter(({ outcome }) => outcome === 'failed').length;
  const report = { tenant: order.tenant, service: order.service, url, done: phones.length - failed, failed, phones };
  if (phones.length === 0) return report;
  const after = { service: order.service, ...Object.fromEntries(phones.map(({ mac, outcome }) => [mac, outcome])) };
  await house.store.transaction((tx) =>
    note(tx, house, actor, { action, subject: order.tenant, tenant: order.tenant, before: null, after }),
  );
  return report;
}

/**
 * Claims a tenant's phones of one vendor, all or those that the input names, for the tenant's provisioning URL.
 * @throws AppError `not_found` for a tenant outside the actor's scope, `invalid` for phones that are not the tenant's,
 *   `conflict` without an account or when it is refused, `unavailable` when the service does not answer at all
 */
export async function claimPhones(
  house: RedirectionHouse,
  order: Order,
  input: unknown,
  actor: Actor,
): Promise<ClaimReport> {
  const named = parseWith(claimSchema, input, 'the claim').macs;
  const { tenant, vendor, url, macs, service } = await connected(house, order, actor);
  const foreign = (named ?? []).filter((mac) => !macs.includes(mac));
  if (foreign.length > 0) {
    throw invalid(`tenant ${tenant.code} has no such ${vendor} phones: ${listed(foreign)}; add them first`);
  }
  const wanted = [...new Set(named ?? macs)];
  const phones = wanted.length === 0 ? [] : await service.claim(wanted, { url, tenant: tenant.code });
  return reported(house, { action: 'redirection.claim', order, url, actor }, phones);
}

const LISTED_MAX = 10;
const listed = (macs: readonly Mac[]) => macs.slice(0, LISTED_MAX).join(', ') + (macs.length > LISTED_MAX ? ' …' : '');

/** Phones that nobody has here, but that the service sends to the tenant's URL, are the tenant's too. */
async function checkReleasable(
  { store }: RedirectionHouse,
  macs: readonly Mac[],
  { url, service, tenant }: { url: string; service: RedirectionService; tenant: StoredTenant },
): Promise<void> {
  if (macs.length === 0) return;
  const ours = new Set((await service.list()).filter((held) => held.url === url).map(({ mac }) => mac));
  const refused: Mac[] = [];
  for (const mac of macs) {
    const isHere = (await store.phones.find({ kind: 'all' }, mac)) !== null;
    if (isHere || !ours.has(mac)) refused.push(mac);
  }
  if (refused.length > 0) {
    throw invalid(`not phones of tenant ${tenant.code} that the service could release: ${listed(refused)}`);
  }
}

/**
 * Releases phones: new phones with these MAC addresses are sent nowhere any more. A phone that was removed here can be
 * released as long as the service sends it to the tenant's URL.
 * @throws AppError as `claimPhones`
 */
export async function releasePhones(
  house: RedirectionHouse,
  order: Order,
  input: unknown,
  actor: Actor,
): Promise<ClaimReport> {
  const wanted = [...new Set(parseWith(releaseSchema, input, 'the release').macs)];
  const { tenant, url, macs, service } = await connected(house, order, actor);
  const unknown = wanted.filter((mac) => !macs.includes(mac));
  await checkReleasable(house, unknown, { url, service, tenant });
  const phones = await service.release(wanted);
  return reported(house, { action: 'redirection.release', order, url, actor }, phones);
}

/** A phone as the service has it; `here` is false for one that the tenant has no more. */
export type ShownClaim = Claimed & { readonly here: boolean; readonly right: boolean };

/**
 * What the service holds of a tenant: its phones, claimed or not, and phones it has no more that still go to its URL.
 * @throws AppError as `claimPhones`
 */
export async function listClaims(house: RedirectionHouse, order: Order, actor: Actor): Promise<ShownClaim[]> {
  const { url, macs, service } = await connected(house, order, actor);
  const held = new Map((await service.list()).map((claim) => [claim.mac, claim.url]));
  const mine = macs.map((mac) => ({ mac, url: held.get(mac) ?? null, here: true, right: held.get(mac) === url }));
  const gone = [...held].filter(([mac, heldUrl]) => heldUrl === url && !macs.includes(mac));
  return [...mine, ...gone.map(([mac]) => ({ mac, url, here: false, right: false }))];
}
