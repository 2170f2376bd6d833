// Journeys: what is chosen for the whole installation, above all whether every tenant has an SRV name of its own.
import type { Actor } from '../domain/access.ts';
import type { Impact } from '../domain/difference.ts';
import { conflict, type Fault, invalid } from '../domain/errors.ts';
import { type Installation, type InstallationInput, installationSchema } from '../domain/installation.ts';
import { parseWith } from '../domain/parse.ts';
import { sameLabels, strangersUnder } from '../domain/tenant-domain.ts';
import type { Reads, Store } from '../store/store.ts';
import { note } from './audit.ts';
import { impactOf } from './impact.ts';
import type { House } from './serve-file.ts';

type Changes = object & { readonly revision?: number | undefined };

/** What is chosen and what would be. @throws AppError for a choice that cannot be */
async function nextInstallation(reads: Reads, changes: Changes) {
  const { revision, ...before } = await reads.installation.get();
  const { revision: expected = revision, ...fields } = changes;
  const after: InstallationInput = parseWith(installationSchema, { ...before, ...fields }, 'the installation');
  if (after.tenantDomains !== null) await checkBase(reads, after.tenantDomains);
  return { before, after, expected };
}

/** A name below the base domain is a tenant's, so nothing of ours may stand there, and no two tenants may share one. */
async function checkBase(reads: Reads, base: string): Promise<void> {
  const hosts = (await reads.servers.list()).map(({ host }) => host);
  const domains = (await reads.pools.list()).map(({ domain }) => domain);
  const strangers = strangersUnder(base, [...hosts, ...domains]);
  if (strangers.length > 0) {
    throw conflict(
      `${strangers.slice(0, 3).join(', ')} would look like a tenant under ${base}; choose a domain with nothing in it`,
    );
  }
  const same = sameLabels((await reads.tenants.placements()).map(({ tenant }) => tenant));
  const faults = same.map(([one, other]): Fault => {
    return { path: 'tenantDomains', message: `tenants ${one} and ${other} would have the same name in DNS` };
  });
  if (faults.length > 0) throw invalid(faults.map(({ message }) => message).join('; '), faults);
}

/**
 * Changes what is chosen; what is left out stays.
 * @throws AppError `invalid`, `conflict` for a base domain that is in use or a write that races
 */
export const changeInstallation = (
  house: { readonly store: Store; readonly now: () => Date },
  changes: Changes,
  actor: Actor,
): Promise<Installation> =>
  house.store.transaction(async (tx) => {
    const { before, after, expected } = await nextInstallation(tx, changes);
    await note(tx, house, actor, { action: 'installation.change', subject: 'installation', before, after });
    return tx.installation.put(after, expected);
  });

/** What a choice would do to phones; nothing is changed. */
export const previewInstallation = (house: House, changes: Changes): Promise<Impact> =>
  house.store.study(async (reads) => {
    const { after, expected } = await nextInstallation(reads, changes);
    return impactOf(house, reads, { installation: { ...after, revision: expected } });
  });

/**
 * Refuses a host or a domain that would look like a tenant's own name.
 * @throws AppError `conflict`
 */
export async function checkNoTenantName(reads: Reads, name: string): Promise<void> {
  const { tenantDomains: base } = await reads.installation.get();
  if (base === null || strangersUnder(base, [name]).length === 0) return;
  throw conflict(`${name} is under ${base}, where every name is a tenant's; choose another one`);
}
