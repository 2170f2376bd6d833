// Journeys: plain adding, changing and removing of servers and pools. Each is one transaction with its audit entry; input
// is parsed here, so every door says the same about what is wrong.
import type { Actor } from '../domain/access.ts';
import type { Impact } from '../domain/difference.ts';
import { AppError, conflict, invalid } from '../domain/errors.ts';
import { FIRST_PAGE } from '../domain/page.ts';
import { parseWith } from '../domain/parse.ts';
import { assignable, bestServers, checkAssignable, type Pool, poolSchema } from '../domain/pool.ts';
import { type Server, serverSchema } from '../domain/server.ts';
import type { Reads, Store } from '../store/store.ts';
import type { Vendors } from '../vendors/vendors.ts';
import { note } from './audit.ts';
import { impactOf } from './impact.ts';
import { checkNoTenantName } from './installation.ts';
import { checkRevision, revisionOf } from './revision.ts';
import type { House } from './serve-file.ts';

export type Inventory = {
  readonly store: Store;
  readonly vendors: Vendors;
  /** So many random bytes. */
  readonly random: (bytes: number) => Buffer;
  readonly now: () => Date;
};

export const taken = (what: string): AppError => conflict(`${what} exists already; change it instead of adding it`);

export async function addServer(house: Inventory, input: unknown, actor: Actor): Promise<Server> {
  const server = parseWith(serverSchema, input, 'the server');
  await house.store.transaction(async (tx) => {
    const servers = await tx.servers.list();
    if (servers.some(({ name }) => name === server.name)) throw taken(`server ${server.name}`);
    await checkHost(tx, server);
    await tx.servers.add(server);
    await note(tx, house, actor, { action: 'server.add', subject: server.name, before: null, after: server });
  });
  return server;
}

type Changes = { readonly [field: string]: unknown; readonly revision?: number | undefined };

/** How many tenants are named where many stand. */
const TENANTS_NAMED = 50;

export type ServerInUse = {
  readonly server: Server;
  /** The tenants whose phones normally register there. */
  readonly primaryOf: { readonly tenants: number; readonly phones: number; readonly codes: readonly string[] };
};

async function inUse(reads: Reads, server: Server): Promise<ServerInUse> {
  const pools = (await reads.pools.list()).filter((pool) => bestServers(pool).includes(server.name));
  const names = new Set(pools.map((pool) => pool.name));
  const tenants = (await reads.loads.facts({ lines: false })).filter(({ pool }) => names.has(pool));
  const phones = tenants.reduce((sum, tenant) => sum + tenant.phones, 0);
  const codes = tenants.slice(0, TENANTS_NAMED).map(({ tenant }) => tenant);
  return { server, primaryOf: { tenants: tenants.length, phones, codes } };
}

/** A server with who is on it. @throws AppError `not_found` */
export const serverInUse = ({ store }: Pick<Inventory, 'store'>, name: string): Promise<ServerInUse> =>
  store.snapshot(async (reads) => inUse(reads, await reads.servers.get(name)));

/** A server that is being emptied goes down only when nobody is left; one that broke may be said to be down at any time. */
async function checkEmptied(reads: Reads, before: Server, after: Server, force: boolean): Promise<void> {
  if (force || before.state !== 'draining' || after.state !== 'down') return;
  const { tenants, codes } = (await inUse(reads, before)).primaryOf;
  if (tenants === 0) return;
  throw new AppError(
    'unsafe',
    `server ${before.name} is still the primary of ${tenants} tenants (${codes.slice(0, 5).join(', ')}${tenants > 5 ? ' …' : ''}); ` +
      'move them first, or force it if it is meant',
  );
}

export async function changeServer(
  house: Inventory,
  name: string,
  given: Changes & { readonly force?: boolean },
  actor: Actor,
): Promise<Server> {
  const { revision, force = false, ...changes } = given;
  return house.store.transaction(async (tx) => {
    const before = await tx.servers.get(name);
    checkRevision(`server ${name}`, revision, revisionOf(before));
    const server = parseWith(serverSchema, { ...before, ...changes }, 'the server');
    if (server.name !== name) throw invalid('a server keeps its name; add another one instead');
    await checkHost(tx, server);
    await checkEmptied(tx, before, server, force);
    await tx.servers.replace(server);
    await note(tx, house, actor, { action: 'server.change', subject: name, before, after: server });
    return server;
  });
}

/** @throws AppError `conflict` for a host that is another server's, or would look like a tenant's name */
export async function checkHost(reads: Reads, server: Server): Promise<void> {
  const twin = (await reads.servers.list()).find(({ name, host }) => host === server.host && name !== server.name);
  if (twin !== undefined) throw conflict(`host ${server.host} is server ${twin.name} already`);
  await checkNoTenantName(reads, server.host);
}

export async function removeServer(house: Inventory, name: string, actor: Actor, revision?: number): Promise<void> {
  await house.store.transaction(async (tx) => {
    const before = await tx.servers.get(name);
    checkRevision(`server ${name}`, revision, revisionOf(before));
    const users = (await tx.pools.list()).filter((pool) => pool.targets.some(({ server }) => server === name));
    if (users.length > 0) {
      throw conflict(
        `server ${name} is a target of ${users.map((pool) => pool.name).join(', ')}; take it out there first`,
      );
    }
    await tx.servers.remove(name);
    await note(tx, house, actor, { action: 'server.remove', subject: name, before, after: null });
  });
}

/** A pool with what an operator should know about it. */
export type CheckedPool = { readonly pool: Pool; readonly warnings: readonly string[] };

const checked = (pool: Pool): CheckedPool => {
  const { refusals, warnings } = checkAssignable(pool);
  return { pool, warnings: [...refusals, ...warnings] };
};

/** @throws AppError `invalid` for targets that do not exist, `conflict` for a domain that is taken */
export async function checkTargets(reads: Reads, pool: Pool): Promise<void> {
  const known = new Set((await reads.servers.list()).map(({ name }) => name));
  const faults = pool.targets.flatMap(({ server }, index) =>
    known.has(server)
      ? []
      : [{ path: `targets.${index}.server`, message: `there is no server ${server}; add it first` }],
  );
  if (faults.length > 0) throw invalid(`pool ${pool.name}: ${faults.map(({ message }) => message).join('; ')}`, faults);
  const twin = (await reads.pools.list()).find(({ name, domain }) => domain === pool.domain && name !== pool.name);
  if (twin !== undefined) throw conflict(`domain ${pool.domain} belongs to pool ${twin.name} already`);
  await checkNoTenantName(reads, pool.domain);
}

/** Adds a pool. One that may not carry tenants is kept too, with the reasons as warnings. */
export async function addPool(house: Inventory, input: unknown, actor: Actor): Promise<CheckedPool> {
  const pool = parseWith(poolSchema, input, 'the pool');
  await house.store.transaction(async (tx) => {
    if ((await tx.pools.list()).some(({ name }) => name === pool.name)) throw taken(`pool ${pool.name}`);
    await checkTargets(tx, pool);
    await tx.pools.add(pool);
    await note(tx, house, actor, { action: 'pool.add', subject: pool.name, before: null, after: pool });
  });
  return checked(pool);
}

/** The pool as it is and as it would be. @throws AppError for a change that cannot be */
async function nextPool(reads: Reads, name: string, given: Changes): Promise<{ before: Pool; after: Pool }> {
  const { revision, ...changes } = given;
  const before = await reads.pools.get(name);
  checkRevision(`pool ${name}`, revision, revisionOf(before));
  const pool = parseWith(poolSchema, { ...before, ...changes }, 'the pool');
  if (pool.name !== name) throw invalid('a pool keeps its name; add another one and move its tenants');
  await checkTargets(reads, pool);
  const tenants = await tenantsOn(reads, name);
  if (tenants.length > 0) {
    assignable(pool);
    if (pool.domain !== before.domain) {
      throw conflict(
        `pool ${name} carries ${tenants.length} tenants; add a pool with the new domain and move them there`,
      );
    }
  }
  return { before, after: pool };
}

/** Changes a pool. While tenants are on it, it stays fit to carry them and keeps its domain. */
export async function changePool(house: Inventory, name: string, changes: Changes, actor: Actor): Promise<CheckedPool> {
  return house.store.transaction(async (tx) => {
    const { before, after } = await nextPool(tx, name, changes);
    await tx.pools.replace(after);
    await note(tx, house, actor, { action: 'pool.change', subject: name, before, after });
    return checked(after);
  });
}

/** What a change of a pool would do to phones; nothing is changed. */
export const previewPool = (house: House, name: string, changes: Changes): Promise<Impact> =>
  house.store.study(async (reads) => {
    const { after } = await nextPool(reads, name, changes);
    return impactOf(house, reads, { pool: after });
  });

const tenantsOn = (reads: Reads, pool: string) => reads.tenants.list({ kind: 'all' }, { ...FIRST_PAGE, pool });

export async function removePool(house: Inventory, name: string, actor: Actor, revision?: number): Promise<void> {
  await house.store.transaction(async (tx) => {
    const before = await tx.pools.get(name);
    checkRevision(`pool ${name}`, revision, revisionOf(before));
    const tenants = await tenantsOn(tx, name);
    if (tenants.length > 0) {
      const some = tenants.slice(0, 5).map(({ code }) => code);
      throw conflict(`pool ${name} carries ${tenants.length} tenants (${some.join(', ')} …); move them first`);
    }
    await tx.pools.remove(name);
    await note(tx, house, actor, { action: 'pool.remove', subject: name, before, after: null });
  });
}
