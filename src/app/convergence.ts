// Journeys: who is registered where, and how far the phones of each tenant have come.
import { setImmediate as othersFirst } from 'node:timers/promises';
import { type Actor, ALL_TENANTS } from '../domain/access.ts';
import {
  convergenceOf,
  hasFetched,
  type Place,
  placeOf,
  type Registration,
  type TenantConvergence,
} from '../domain/convergence.ts';
import { carriedBase } from '../domain/installation.ts';
import type { Mac } from '../domain/mac.ts';
import { FIRST_PAGE, type Page } from '../domain/page.ts';
import type { Phone } from '../domain/phone.ts';
import { assignable, type Pool, primaryOf } from '../domain/pool.ts';
import { poolAsCalled } from '../domain/tenant-domain.ts';
import type { Reads } from '../store/store.ts';
import type { StoredTenant } from '../store/tenants.ts';
import { remembering } from './impact.ts';
import { type House, type ReadingHouse, renderedFor } from './serve-file.ts';
import type { ServerWatch, Watcher } from './watch-registrations.ts';

export type ConvergenceHouse = House & { readonly watcher: Watcher };

/** After so many phones others have their turn: a few milliseconds. */
const AT_ONCE = 10;
/** A page of tenants ends with the tenant that makes so many phones full. */
const PHONES_AT_ONCE = 2_000;
/** More files than a phone fetches when it boots; older fetches of the same files say nothing more. */
const FETCHES_READ = 60;

/** Where a tenant's phones belong, and by which names a PBX may know its users. */
type Home = {
  readonly tenant: StoredTenant;
  readonly pool: Pool;
  readonly primary: string;
  readonly domains: readonly string[];
};

async function homeOf(reads: Reads, tenant: StoredTenant): Promise<Home> {
  const stored = await reads.pools.get(tenant.pool);
  const pool = poolAsCalled(stored, tenant.code, carriedBase(await reads.installation.get()));
  const own = tenant.sipDomain === null ? [] : [tenant.sipDomain];
  const domains = [...new Set([...own, pool.domain, stored.domain])];
  return { tenant, pool, domains, primary: primaryOf(assignable(stored)) };
}

type Placed = { readonly place: Place; readonly lines: readonly (readonly Registration[])[] };

/** Where a phone is; not knowing one server of its pool is enough for not knowing that it is nowhere. */
function placed(watcher: Watcher, { primary, pool, domains }: Home, { lines }: Pick<Phone, 'lines'>): Placed {
  const found = lines.map(({ user }) => watcher.find(user, domains).filter(({ server }) => watcher.isKnown(server)));
  const isKnown = pool.targets.every(({ server }) => watcher.isKnown(server));
  return { lines: found, place: placeOf(found, primary, isKnown) };
}

async function fetchedNow(house: ReadingHouse, phone: Phone): Promise<boolean> {
  const fetches = await house.reads.fetches.list(ALL_TENANTS, { mac: phone.mac, limit: FETCHES_READ });
  return fetches.length > 0 && hasFetched(await renderedFor(house, phone, 'served'), fetches);
}

async function ofTenant(house: ReadingHouse & { watcher: Watcher }, tenant: StoredTenant): Promise<TenantConvergence> {
  const home = await homeOf(house.reads, tenant);
  const found: { place: Place; fetched: boolean }[] = [];
  for (let after: string | null = null; ; ) {
    const page: Phone[] = await house.reads.phones.list(ALL_TENANTS, { ...FIRST_PAGE, after, tenant: tenant.code });
    for (const phone of page.filter(({ enabled }) => enabled)) {
      const { place } = placed(house.watcher, home, phone);
      found.push({ place, fetched: await fetchedNow(house, phone) });
      if (found.length % AT_ONCE === 0) await othersFirst();
    }
    after = page.length === FIRST_PAGE.limit ? (page.at(-1)?.mac ?? null) : null;
    if (after === null) return convergenceOf({ tenant: tenant.code, pool: tenant.pool, primary: home.primary }, found);
  }
}

export type ConvergencePage = {
  readonly tenants: readonly TenantConvergence[];
  /** The last tenant of the page, when there may be more. */
  readonly last: string | null;
};

/** How far the phones of each tenant have come, tenant by tenant; a page may end early, as every phone's files are rendered. */
export function convergence(house: ConvergenceHouse, page: Page, actor: Actor): Promise<ConvergencePage> {
  return house.store.study(async (found) => {
    const reads = remembering(found);
    const asked = await reads.tenants.list(actor.scope, page);
    const tenants: TenantConvergence[] = [];
    let phones = 0;
    for (const tenant of asked) {
      if (phones > 0 && phones + tenant.phones > PHONES_AT_ONCE) break;
      phones += tenant.phones;
      tenants.push(await ofTenant({ ...house, reads }, tenant));
    }
    const isWhole = tenants.length === asked.length && asked.length < page.limit;
    return { tenants, last: isWhole ? null : (tenants.at(-1)?.tenant ?? null) };
  });
}

export type PhoneRegistrations = {
  readonly mac: Mac;
  readonly tenant: string;
  readonly primary: string;
  readonly place: Place;
  readonly lines: readonly { readonly user: string; readonly registrations: readonly Registration[] }[];
};

/** Where a phone is registered, line by line. @throws AppError `not_found`, also for a phone outside the actor's scope */
export function phoneRegistrations(
  { store, watcher }: Pick<ConvergenceHouse, 'store' | 'watcher'>,
  mac: Mac,
  actor: Actor,
): Promise<PhoneRegistrations> {
  return store.snapshot(async (reads) => {
    const phone = await reads.phones.get(actor.scope, mac);
    const home = await homeOf(reads, await reads.tenants.get(ALL_TENANTS, phone.tenant));
    const { place, lines } = placed(watcher, home, phone);
    const shown = phone.lines.map(({ user }, at) => ({ user, registrations: lines[at] ?? [] }));
    return { mac, tenant: phone.tenant, primary: home.primary, place, lines: shown };
  });
}

/** A registration with the phone that it is of; null for one that nobody here has. */
export type ShownRegistration = Registration & {
  readonly phone: { readonly mac: Mac; readonly tenant: string } | null;
};

export type ServerRegistrations = {
  /** Null for a server without a connection. */
  readonly connection: ServerWatch | null;
  readonly items: readonly ShownRegistration[];
  /** The last user of the page, when there may be more. */
  readonly last: string | null;
};

/** Who is registered at a server, user by user. @throws AppError `not_found` for an unknown server */
export function serverRegistrations(
  { store, watcher }: Pick<ConvergenceHouse, 'store' | 'watcher'>,
  server: string,
  { after, limit }: Page,
): Promise<ServerRegistrations> {
  return store.snapshot(async (reads) => {
    await reads.servers.get(server);
    const users = watcher
      .users(server)
      .filter((user) => after === null || user > after)
      .slice(0, limit);
    const owners = Map.groupBy(await reads.phones.ofUsers(users.map(plainUser)), (one) => one.user);
    const items = users.flatMap((user) => {
      // Two phones that share a line cannot be told apart by it.
      const [owner, ...others] = owners.get(plainUser(user)) ?? [];
      const phone = owner === undefined || others.length > 0 ? null : { mac: owner.mac, tenant: owner.tenant };
      return watcher.at(server, user).map((registration) => ({ ...registration, phone }));
    });
    const last = users.length === limit ? (users.at(-1) ?? null) : null;
    return { connection: watcher.server(server), items, last };
  });
}

/** The user without the domain that some servers put behind it. */
export const plainUser = (user: string): string => user.split('@', 1)[0] ?? user;

export type RegistrationCount = {
  readonly up: number;
  readonly connecting: number;
  readonly down: number;
  readonly registrations: number;
  readonly inUse: number;
};

/** Connections by state, and what is registered at those that are up; null where there are none. */
export function countRegistrations(watcher: Watcher): RegistrationCount | null {
  const servers = watcher.servers();
  if (servers.length === 0) return null;
  const count = (state: ServerWatch['state']) => servers.filter((one) => one.state === state).length;
  const up = servers.filter(({ state }) => state === 'up');
  return {
    ...{ up: up.length, connecting: count('connecting'), down: count('down') },
    registrations: up.reduce((sum, one) => sum + one.registrations, 0),
    inUse: up.reduce((sum, one) => sum + (one.inUse ?? 0), 0),
  };
}
