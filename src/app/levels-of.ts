// The levels that add up to what holds for a phone, from the product's defaults to the phone's own choices.
import type { Phone } from '../domain/phone.ts';
import { type NamedLevel, productLevel } from '../domain/settings.ts';
import type { Tenant } from '../domain/tenant.ts';
import type { Reads } from '../store/store.ts';
import type { Vendors } from '../vendors/vendors.ts';

/** What the level of a model is called: models of two vendors may have the same name. */
export const modelKey = (vendor: string, model: string) => `${vendor}/${model}`;

/** All levels for a phone of a tenant, the most general first. */
export async function levelsOf(
  { reads, vendors }: { readonly reads: Reads; readonly vendors: Vendors },
  phone: Phone,
  tenant: Tenant,
): Promise<NamedLevel[]> {
  return [
    productLevel(vendors.settings(phone.vendor)),
    await reads.levels.get('installation', ''),
    await reads.levels.get('vendor', phone.vendor),
    await reads.levels.get('model', modelKey(phone.vendor, phone.model)),
    { level: 'tenant', of: tenant.code, settings: tenant.settings, parameters: tenant.parameters },
    { level: 'phone', of: phone.mac, settings: phone.settings, parameters: phone.parameters },
  ];
}
