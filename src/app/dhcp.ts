// Journey: what a network's DHCP server gives so that a tenant's phones find their files.
import type { Actor } from '../domain/access.ts';
import { type DhcpValue, dhcpValues } from '../domain/dhcp.ts';
import { provisioningUrl } from '../domain/tenant.ts';
import type { Store } from '../store/store.ts';
import type { Vendors } from '../vendors/vendors.ts';

type House = { readonly store: Store; readonly vendors: Vendors; readonly publicUrl: string };

/** The options of one vendor's phones; the first that is there wins. */
export type VendorDhcp = { readonly vendor: string; readonly options: readonly DhcpValue[] };

/**
 * The DHCP options for a tenant, by vendor.
 * @throws AppError `not_found` for a tenant outside the actor's scope, `invalid` for a URL that is too long
 */
export async function dhcpFor(
  { store, vendors, publicUrl }: House,
  tenant: string,
  actor: Actor,
): Promise<VendorDhcp[]> {
  const { token } = await store.tenants.get(actor.scope, tenant);
  const url = provisioningUrl(publicUrl, token);
  return vendors.ids.map((vendor) => ({ vendor, options: dhcpValues(vendors.dhcp(vendor), url) }));
}
