// Who may see what: people see tenants within their scope, phones see their own files.

/** The tenants that somebody may see. Every query for tenants, phones and what belongs to them takes one. */
export type Scope = { readonly kind: 'all' } | { readonly kind: 'tenants'; readonly codes: readonly string[] };

export const ALL_TENANTS: Scope = { kind: 'all' };

/** Who asks, as the history shows it (`cli:root`, `key:first`), and what they may see. */
export type Actor = { readonly name: string; readonly scope: Scope };

/** What a phone brought to prove itself, and what is known of the phone that the file belongs to. */
export type FileRequestFacts = {
  /** The tenant whose token stands in the request, or null when the token is missing or unknown. */
  readonly tokenTenant: string | null;
  readonly phone: { readonly tenant: string; readonly enabled: boolean } | null;
};

/**
 * May this request have this phone's file? Only with the token of the phone's own tenant, and only while the phone is
 * enabled. Every "no" looks the same from outside.
 */
export function mayHaveFile({ tokenTenant, phone }: FileRequestFacts): boolean {
  return phone?.enabled === true && tokenTenant !== null && tokenTenant === phone.tenant;
}
