// Journeys: plain adding, changing and removing of servers, pools, tenants and phones. Each is one transaction; input is
// parsed here, so every door says the same about what is wrong.
import type { Actor } from '../domain/access.ts';
import { type AppError, conflict, invalid } from '../domain/errors.ts';
import type { Mac } from '../domain/mac.ts';
import { FIRST_PAGE } from '../domain/page.ts';
import { parseWith } from '../domain/parse.ts';
import { checkFits, type Phone, type PhoneInput, phoneSchema } from '../domain/phone.ts';
import { assignable, checkAssignable, type Pool, poolSchema } from '../domain/pool.ts';
import { type Server, serverSchema } from '../domain/server.ts';
import { keepMasked } from '../domain/settings.ts';
import { type TenantInput, tenantSchema } from '../domain/tenant.ts';
import { tokenText } from '../domain/token.ts';
import type { Store, Tx } from '../store/store.ts';
import type { StoredTenant } from '../store/tenants.ts';
import type { Vendors } from '../vendors/vendors.ts';
import { checkParameters } from './choose-settings.ts';

export type Inventory = {
  readonly store: Store;
  readonly vendors: Vendors;
  /** So many random bytes. */
  readonly random: (bytes: number) => Buffer;
};

const TOKEN_BYTES = 16;

const taken = (what: string): AppError => conflict(`${what} exists already; change it instead of adding it`);

export async function addServer({ store }: Inventory, input: unknown): Promise<Server> {
  const server = parseWith(serverSchema, input, 'the server');
  await store.transaction(async (tx) => {
    const servers = await tx.servers.list();
    if (servers.some(({ name }) => name === server.name)) throw taken(`server ${server.name}`);
    checkHost(server, servers);
    await tx.servers.add(server);
  });
  return server;
}

export async function changeServer({ store }: Inventory, name: string, changes: object): Promise<Server> {
  return store.transaction(async (tx) => {
    const before = await tx.servers.get(name);
    const server = parseWith(serverSchema, { ...before, ...changes }, 'the server');
    if (server.name !== name) throw invalid('a server keeps its name; add another one instead');
    checkHost(server, await tx.servers.list());
    await tx.servers.replace(server);
    return server;
  });
}

function checkHost(server: Server, servers: readonly Server[]): void {
  const twin = servers.find(({ name, host }) => host === server.host && name !== server.name);
  if (twin !== undefined) throw conflict(`host ${server.host} is server ${twin.name} already`);
}

export async function removeServer({ store }: Inventory, name: string): Promise<void> {
  await store.transaction(async (tx) => {
    await tx.servers.get(name);
    const users = (await tx.pools.list()).filter((pool) => pool.targets.some(({ server }) => server === name));
    if (users.length > 0) {
      throw conflict(
        `server ${name} is a target of ${users.map((pool) => pool.name).join(', ')}; take it out there first`,
      );
    }
    await tx.servers.remove(name);
  });
}

/** A pool with what an operator should know about it. */
export type CheckedPool = { readonly pool: Pool; readonly warnings: readonly string[] };

const checked = (pool: Pool): CheckedPool => {
  const { refusals, warnings } = checkAssignable(pool);
  return { pool, warnings: [...refusals, ...warnings] };
};

async function checkTargets(tx: Tx, pool: Pool): Promise<void> {
  const known = new Set((await tx.servers.list()).map(({ name }) => name));
  const faults = pool.targets.flatMap(({ server }, index) =>
    known.has(server)
      ? []
      : [{ path: `targets.${index}.server`, message: `there is no server ${server}; add it first` }],
  );
  if (faults.length > 0) throw invalid(`pool ${pool.name}: ${faults.map(({ message }) => message).join('; ')}`, faults);
  const twin = (await tx.pools.list()).find(({ name, domain }) => domain === pool.domain && name !== pool.name);
  if (twin !== undefined) throw conflict(`domain ${pool.domain} belongs to pool ${twin.name} already`);
}

/** Adds a pool. One that may not carry tenants is kept too, with the reasons as warnings. */
export async function addPool({ store }: Inventory, input: unknown): Promise<CheckedPool> {
  const pool = parseWith(poolSchema, input, 'the pool');
  await store.transaction(async (tx) => {
    if ((await tx.pools.list()).some(({ name }) => name === pool.name)) throw taken(`pool ${pool.name}`);
    await checkTargets(tx, pool);
    await tx.pools.add(pool);
  });
  return checked(pool);
}

/** Changes a pool. While tenants are on it, it stays fit to carry them and keeps its domain. */
export async function changePool({ store }: Inventory, name: string, changes: object): Promise<CheckedPool> {
  return store.transaction(async (tx) => {
    const before = await tx.pools.get(name);
    const pool = parseWith(poolSchema, { ...before, ...changes }, 'the pool');
    if (pool.name !== name) throw invalid('a pool keeps its name; add another one and move its tenants');
    await checkTargets(tx, pool);
    const tenants = await tenantsOn(tx, name);
    if (tenants.length > 0) {
      assignable(pool);
      if (pool.domain !== before.domain) {
        throw conflict(
          `pool ${name} carries ${tenants.length} tenants; add a pool with the new domain and move them there`,
        );
      }
    }
    await tx.pools.replace(pool);
    return checked(pool);
  });
}

const tenantsOn = (tx: Tx, pool: string) => tx.tenants.list({ kind: 'all' }, { ...FIRST_PAGE, pool });

export async function removePool({ store }: Inventory, name: string): Promise<void> {
  await store.transaction(async (tx) => {
    await tx.pools.get(name);
    const tenants = await tenantsOn(tx, name);
    if (tenants.length > 0) {
      const some = tenants.slice(0, 5).map(({ code }) => code);
      throw conflict(`pool ${name} carries ${tenants.length} tenants (${some.join(', ')} …); move them first`);
    }
    await tx.pools.remove(name);
  });
}

/** Adds a tenant on an assignable pool and gives it a token of 128 random bits. */
export async function addTenant(
  { store, vendors, random }: Inventory,
  input: unknown,
  actor: Actor,
): Promise<StoredTenant> {
  const tenant = parseWith(tenantSchema, input, 'the tenant');
  return store.transaction(async (tx) => {
    if ((await tx.tenants.list({ kind: 'tenants', codes: [tenant.code] }, FIRST_PAGE)).length > 0) {
      throw taken(`tenant ${tenant.code}`);
    }
    const pool = assignable(await tx.pools.get(tenant.pool));
    checkParameters(vendors, tenant.parameters);
    await tx.tenants.add(tenant, pool, tokenText(random(TOKEN_BYTES)));
    return tx.tenants.get(actor.scope, tenant.code);
  });
}

/** Changes a tenant, but for its pool: that is a move. */
export async function changeTenant(
  { store, vendors }: Inventory,
  code: string,
  changes: Partial<TenantInput> & { revision?: number | undefined },
  actor: Actor,
): Promise<StoredTenant> {
  return store.transaction(async (tx) => {
    const { phones: _phones, token: _token, revision, ...before } = await tx.tenants.get(actor.scope, code);
    const { revision: expected = revision, ...fields } = changes;
    const tenant = parseWith(tenantSchema, { ...before, ...fields }, 'the tenant');
    if (tenant.code !== code) throw invalid('a tenant keeps its code');
    if (tenant.pool !== before.pool) throw invalid(`a tenant changes its pool by a move: POST tenants/${code}/moves`);
    checkParameters(vendors, tenant.parameters);
    const settings = keepMasked(before.settings, tenant.settings);
    await tx.tenants.replace({ ...tenant, settings, revision: expected });
    return tx.tenants.get(actor.scope, code);
  });
}

export async function removeTenant({ store }: Inventory, code: string, actor: Actor): Promise<void> {
  await store.transaction(async (tx) => {
    const tenant = await tx.tenants.get(actor.scope, code);
    if (tenant.phones > 0) throw conflict(`tenant ${code} has ${tenant.phones} phones; remove or release them first`);
    await tx.tenants.remove(code);
  });
}

/** Checks a phone against its vendor and model and spells both as the descriptor does. */
function fitted(vendors: Vendors, phone: PhoneInput): PhoneInput {
  const facts = vendors.findModel(phone.vendor, phone.model);
  if (facts === null) throw unknownModel(vendors, phone);
  checkFits(phone, facts);
  checkParameters(vendors, phone.parameters);
  return { ...phone, vendor: facts.vendor, model: facts.model };
}

function unknownModel(vendors: Vendors, { vendor, model }: PhoneInput): AppError {
  const known = vendors.ids.find((id) => id === vendor.toLowerCase());
  return known === undefined
    ? invalid(`there is no vendor ${vendor}; there are ${vendors.ids.join(', ')}`, [
        { path: 'vendor', message: 'unknown' },
      ])
    : invalid(`${known} has no model ${model} here; there are ${vendors.models(known).join(', ')}`, [
        { path: 'model', message: 'unknown' },
      ]);
}

export async function addPhone({ store, vendors }: Inventory, input: unknown, actor: Actor): Promise<Phone> {
  const phone = fitted(vendors, parseWith(phoneSchema, input, 'the phone'));
  return store.transaction(async (tx) => {
    await tx.tenants.get(actor.scope, phone.tenant);
    if ((await tx.phones.find({ kind: 'all' }, phone.mac)) !== null) throw taken(`phone ${phone.mac}`);
    await tx.unclaimed.remove(phone.mac);
    return tx.phones.add(phone);
  });
}

/** Changes a phone. Lines without a password keep the one that the line at the same place has. */
export async function changePhone(
  { store, vendors }: Inventory,
  mac: Mac,
  changes: { readonly [field: string]: unknown },
  actor: Actor,
): Promise<Phone> {
  return store.transaction(async (tx) => {
    const { revision, ...before } = await tx.phones.get(actor.scope, mac);
    const { revision: expected = revision, ...fields } = changes;
    const merged = { ...before, ...fields, lines: withPasswords(fields.lines ?? before.lines, before) };
    const phone = fitted(vendors, parseWith(phoneSchema, merged, 'the phone'));
    if (phone.mac !== mac) throw invalid('a phone keeps its MAC address; add another one instead');
    if (phone.tenant !== before.tenant) throw invalid('a phone belongs to one tenant; remove it there and add it anew');
    const settings = keepMasked(before.settings, phone.settings);
    return tx.phones.replace({ ...phone, settings }, Number(expected));
  });
}

function withPasswords(lines: unknown, before: PhoneInput): unknown {
  if (!Array.isArray(lines)) return lines;
  return lines.map((line: unknown, index) => {
    const password = before.lines[index]?.password;
    const isOpen = typeof line === 'object' && line !== null && !('password' in line) && password !== undefined;
    return isOpen ? { ...line, password } : line;
  });
}

export async function removePhone({ store }: Inventory, mac: Mac, actor: Actor): Promise<void> {
  await store.transaction(async (tx) => {
    await tx.phones.get(actor.scope, mac);
    await tx.phones.remove(mac);
  });
}

/**
 * Adopts an unclaimed phone: what it said of itself fills in what the input leaves out.
 * @throws AppError `not_found` for a phone that has not been seen, `invalid` for one that cannot be
 */
export async function adoptPhone(inventory: Inventory, mac: Mac, input: object, actor: Actor): Promise<Phone> {
  const { tenant, vendor, model } = await inventory.store.unclaimed.get(actor.scope, mac);
  const seen = { mac, tenant, ...(vendor === null ? {} : { vendor }), ...(model === null ? {} : { model }) };
  return addPhone(inventory, { ...seen, ...input, mac }, actor);
}
