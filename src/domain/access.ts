// Who may see what: people see tenants within their scope. What phones may have is decided in proof.ts.

/** The tenants that somebody may see. Every query for tenants, phones and what belongs to them takes one. */
export type Scope = { readonly kind: 'all' } | { readonly kind: 'tenants'; readonly codes: readonly string[] };

export const ALL_TENANTS: Scope = { kind: 'all' };

/**
 * What people and programs may be. `owner`: everything. `operator`: everything but who comes in and secrets in clear.
 * `viewer`: looks at everything. `tenantAdmin` and `tenantViewer`: the same for the phones of some tenants, without
 * servers, pools and moves.
 */
export const ROLES = ['owner', 'operator', 'viewer', 'tenantAdmin', 'tenantViewer'] as const;
export type Role = (typeof ROLES)[number];

export const isTenantRole = (role: Role): boolean => role === 'tenantAdmin' || role === 'tenantViewer';

/**
 * What an operation needs. `look`: seeing what belongs to tenants. `lookAtFleet`: seeing servers, pools and what concerns
 * all tenants. `tend`: changing phones and what belongs to a tenant. `operate`: servers, pools, tenants, moves, settings of
 * all. `own`: who comes in, accounts elsewhere, secrets in clear.
 */
export type Right = 'look' | 'lookAtFleet' | 'tend' | 'operate' | 'own';

const RIGHTS: Readonly<Record<Role, readonly Right[]>> = {
  owner: ['look', 'lookAtFleet', 'tend', 'operate', 'own'],
  operator: ['look', 'lookAtFleet', 'tend', 'operate'],
  viewer: ['look', 'lookAtFleet'],
  tenantAdmin: ['look', 'tend'],
  tenantViewer: ['look'],
};

/** May a role do what needs this right? */
export const may = (role: Role, right: Right): boolean => RIGHTS[role].includes(right);

/** Who asks, as the history shows it (`cli:root`, `key:first`), from where, what they may do and see. */
export type Actor = {
  readonly name: string;
  readonly role: Role;
  readonly scope: Scope;
  /** The network address, or null for somebody on this machine. */
  readonly address: string | null;
};

/** What a role with these tenants sees. */
export const scopeOf = (role: Role, tenants: readonly string[]): Scope =>
  isTenantRole(role) ? { kind: 'tenants', codes: tenants } : ALL_TENANTS;
