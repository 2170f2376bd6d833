// The demo world: two mirrored pools over two servers, a tenant on each, three phones each. Made through the same
// journeys as everything else.
import { addPhone, addPool, addServer, addTenant, type Inventory } from '../src/app/inventory.ts';
import type { Actor } from '../src/domain/access.ts';
import { conflict } from '../src/domain/errors.ts';
import { FIRST_PAGE } from '../src/domain/page.ts';

const TENANTS = [
  { code: 'acme', name: 'Acme', pool: 'pbxA', digit: '1' },
  { code: 'globex', name: 'Globex', pool: 'pbxB', digit: '2' },
];

const PHONES = [
  { prefix: '805ec0a0000', vendor: 'yealink', model: 'T46U', extension: '101' },
  { prefix: '64167fa0000', vendor: 'polycom', model: 'VVX 450', extension: '102' },
  { prefix: 'c074ada0000', vendor: 'grandstream', model: 'GRP2614', extension: '103' },
];

const PASSWORD_BYTES = 15;

/** Is there nothing in the database yet? */
export async function isEmpty({ store }: Inventory, actor: Actor): Promise<boolean> {
  const [servers, pools] = [await store.servers.list(), await store.pools.list()];
  return servers.length + pools.length + (await store.tenants.list(actor.scope, FIRST_PAGE)).length === 0;
}

/**
 * Fills an empty database with the demo world. Passwords and tokens are random; nothing has a default.
 * @throws AppError `conflict` when the database is not empty
 */
export async function loadDemo(inventory: Inventory, actor: Actor): Promise<void> {
  if (!(await isEmpty(inventory, actor)))
    throw conflict('the database is not empty; the demo world goes into an empty one only');
  for (const name of ['voip1', 'voip2']) await addServer(inventory, { name, host: `${name}.example.com` });
  const pool = (name: string, primary: string, backup: string) => ({
    name,
    domain: `${name.toLowerCase()}.example.com`,
    transports: ['udp'],
    targets: [
      { server: primary, priority: 10, weight: 10, port: 5060 },
      { server: backup, priority: 20, weight: 10, port: 5060 },
    ],
  });
  await addPool(inventory, pool('pbxA', 'voip1', 'voip2'));
  await addPool(inventory, pool('pbxB', 'voip2', 'voip1'));
  for (const { digit, ...tenant } of TENANTS) {
    await addTenant(inventory, tenant, actor);
    for (const { prefix, vendor, model, extension } of PHONES) {
      const user = `${extension}-${tenant.code.toUpperCase()}`;
      const password = inventory.random(PASSWORD_BYTES).toString('base64url');
      const lines = [{ user, password, displayName: `${tenant.name} ${extension}`, label: extension }];
      await addPhone(inventory, { mac: prefix + digit, tenant: tenant.code, vendor, model, lines }, actor);
    }
  }
}
