// Journeys: plain adding, changing and removing of tenants. Moving one to another pool is a journey of its own.
import { type Actor, isTenantRole } from '../domain/access.ts';
import type { Impact } from '../domain/difference.ts';
import { AppError, conflict, invalid } from '../domain/errors.ts';
import { FIRST_PAGE } from '../domain/page.ts';
import { keepMaskedParameters } from '../domain/parameters.ts';
import { parseWith } from '../domain/parse.ts';
import { assignable } from '../domain/pool.ts';
import { keepMasked } from '../domain/settings.ts';
import { type TenantInput, tenantSchema } from '../domain/tenant.ts';
import { tokenText } from '../domain/token.ts';
import type { Reads } from '../store/store.ts';
import type { StoredTenant } from '../store/tenants.ts';
import type { Vendors } from '../vendors/vendors.ts';
import { note } from './audit.ts';
import { checkParameters } from './choose-settings.ts';
import { impactOf } from './impact.ts';
import { type Inventory, taken } from './inventory.ts';
import { checkNotMasked } from './not-masked.ts';
import { checkRevision } from './revision.ts';
import type { House } from './serve-file.ts';
import { TOKEN_BYTES } from './tokens.ts';

/** Adds a tenant on an assignable pool and gives it a token of 128 random bits. */
export async function addTenant(house: Inventory, input: unknown, actor: Actor): Promise<StoredTenant> {
  const tenant = parseWith(tenantSchema, input, 'the tenant');
  checkNotMasked('the tenant', tenant);
  return house.store.transaction(async (tx) => {
    if ((await tx.tenants.list({ kind: 'tenants', codes: [tenant.code] }, FIRST_PAGE)).length > 0) {
      throw taken(`tenant ${tenant.code}`);
    }
    const pool = assignable(await tx.pools.get(tenant.pool));
    checkParameters(house.vendors, tenant.parameters);
    await tx.tenants.add(tenant, pool, tokenText(house.random(TOKEN_BYTES)), house.now().toISOString());
    await note(tx, house, actor, {
      action: 'tenant.add',
      subject: tenant.code,
      tenant: tenant.code,
      before: null,
      after: tenant,
    });
    return tx.tenants.get(actor.scope, tenant.code);
  });
}

type TenantChanges = Partial<TenantInput> & { revision?: number | undefined };

/** The tenant as it is and as it would be. @throws AppError for a change that cannot be */
async function nextTenant(reads: Reads, vendors: Vendors, code: string, changes: TenantChanges, actor: Actor) {
  const stored = await reads.tenants.get(actor.scope, code);
  const { phones: _phones, token: _token, revision, ...before } = stored;
  const { revision: expected = revision, ...fields } = changes;
  const tenant = parseWith(tenantSchema, { ...before, ...fields }, 'the tenant');
  if (tenant.code !== code) throw invalid('a tenant keeps its code');
  checkOwnFields(actor, Object.keys(fields));
  if (tenant.pool !== before.pool) throw invalid(`a tenant changes its pool by a move: POST tenants/${code}/moves`);
  checkParameters(vendors, tenant.parameters);
  const settings = keepMasked(before.settings, tenant.settings);
  const after = { ...tenant, settings, parameters: keepMaskedParameters(before.parameters, tenant.parameters) };
  return { stored, before, after, expected };
}

/** Changes a tenant, but for its pool: that is a move. */
export async function changeTenant(
  house: Inventory,
  code: string,
  changes: TenantChanges,
  actor: Actor,
): Promise<StoredTenant> {
  return house.store.transaction(async (tx) => {
    const { before, after, expected } = await nextTenant(tx, house.vendors, code, changes, actor);
    await tx.tenants.replace({ ...after, revision: expected });
    await note(tx, house, actor, { action: 'tenant.change', subject: code, tenant: code, before, after });
    return tx.tenants.get(actor.scope, code);
  });
}

/** What a change of a tenant would do to its phones; nothing is changed. */
export const previewTenant = (house: House, code: string, changes: TenantChanges, actor: Actor): Promise<Impact> =>
  house.store.study(async (reads) => {
    const { stored, after } = await nextTenant(reads, house.vendors, code, changes, actor);
    return impactOf(house, reads, { tenant: { ...stored, ...after } });
  });

/** What a tenant's own admin may change of the tenant. */
const OWN_FIELDS = ['settings', 'parameters'];

function checkOwnFields({ role }: Actor, fields: readonly string[]): void {
  const other = fields.filter((field) => !OWN_FIELDS.includes(field));
  if (!isTenantRole(role) || other.length === 0) return;
  throw new AppError('forbidden', `The role ${role} may change ${OWN_FIELDS.join(' and ')}, not ${other.join(', ')}.`);
}

export async function removeTenant(house: Inventory, code: string, actor: Actor, revision?: number): Promise<void> {
  await house.store.transaction(async (tx) => {
    const { phones, token: _token, ...before } = await tx.tenants.get(actor.scope, code);
    checkRevision(`tenant ${code}`, revision, before.revision);
    if (phones > 0) throw conflict(`tenant ${code} has ${phones} phones; remove or release them first`);
    await tx.tenants.remove(code);
    await note(tx, house, actor, { action: 'tenant.remove', subject: code, tenant: code, before, after: null });
  });
}
