// Journey: the demo world goes into an empty database, through the same journeys as everything else.
import type { Actor } from '../domain/access.ts';
import { conflict } from '../domain/errors.ts';
import { FIRST_PAGE } from '../domain/page.ts';
import { addPool, addServer, type Inventory } from './inventory.ts';
import { addPhone } from './phones.ts';
import { addTenant } from './tenants.ts';

/** A small named world: two mirrored pools over two servers, a tenant on each, a phone of every vendor for each. */
export type World = {
  readonly servers: readonly object[];
  readonly pools: readonly object[];
  readonly tenants: readonly { readonly code: string; readonly name: string; readonly pool: string }[];
  readonly phones: readonly { readonly tenant: string; readonly extension: string }[];
};

const PASSWORD_BYTES = 15;

/** Is there nothing in the database yet? */
export async function isEmpty({ store }: Inventory, actor: Actor): Promise<boolean> {
  const [servers, pools] = [await store.servers.list(), await store.pools.list()];
  return servers.length + pools.length + (await store.tenants.list(actor.scope, FIRST_PAGE)).length === 0;
}

/**
 * Fills an empty database. Each phone gets one line, `<extension>-<TENANT>`, with a random password; nothing has a
 * default one.
 * @throws AppError `conflict` when the database is not empty
 */
export async function loadDemo(inventory: Inventory, world: World, actor: Actor): Promise<void> {
  if (!(await isEmpty(inventory, actor))) {
    throw conflict('the database is not empty; the demo world goes into an empty one only');
  }
  for (const server of world.servers) await addServer(inventory, server, actor);
  for (const pool of world.pools) await addPool(inventory, pool, actor);
  for (const tenant of world.tenants) await addTenant(inventory, tenant, actor);
  for (const { extension, ...phone } of world.phones) {
    const user = `${extension}-${phone.tenant.toUpperCase()}`;
    const password = inventory.random(PASSWORD_BYTES).toString('base64url');
    await addPhone(inventory, { ...phone, lines: [{ user, password, label: extension }] }, actor);
  }
}
