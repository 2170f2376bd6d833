// Journey: a tenant moves to another pool. One transaction changes what all of its phones get, at once and together.
import { z } from 'zod';
import { type Actor, ALL_TENANTS } from '../domain/access.ts';
import type { Impact } from '../domain/difference.ts';
import { conflict } from '../domain/errors.ts';
import { failoverOf, overloads, type ServerLoad } from '../domain/failover.ts';
import { carriedBase } from '../domain/installation.ts';
import { FIRST_PAGE } from '../domain/page.ts';
import type { Phone } from '../domain/phone.ts';
import { type AssignablePool, assignable, checkAssignable, type Pool, primaryOf } from '../domain/pool.ts';
import { nextStep, ROADS, type Road, type RoadName, roadsOf, roadTaken } from '../domain/roads.ts';
import { resolveSettings, type Settings } from '../domain/settings.ts';
import type { Reads, Store } from '../store/store.ts';
import type { StoredTenant } from '../store/tenants.ts';
import { note } from './audit.ts';
import { dnsWarnings } from './check-dns.ts';
import { impactOf, type Progress } from './impact.ts';
import { levelsOf } from './levels-of.ts';
import { placementsNow } from './loads.ts';
import type { House } from './serve-file.ts';

export const moveOrderSchema = z
  .strictObject({
    tenant: z.string(),
    pool: z.string(),
    /** By which road its phones learn of it; left out, by DNS where the tenant has a name of its own, else by new files. */
    road: z.enum(ROADS).optional(),
    /** The revision of the tenant that the order was decided on; left out, the present one. */
    revision: z.number().int().optional(),
  })
  .readonly();

export type MoveOrder = z.output<typeof moveOrderSchema>;

export type MoveReport = {
  readonly tenant: string;
  readonly fromPool: string;
  readonly toPool: string;
  readonly fromServer: string;
  readonly toServer: string;
  readonly phones: number;
  readonly road: RoadName;
  /** What is left to do. */
  readonly next: string;
  /** The tenant's revision after the move. */
  readonly revision: number;
  readonly warnings: readonly string[];
};

type Moving = { readonly store: Store; readonly now: () => Date };

/** The tenant and both pools of an order, checked. */
async function checkOrder(reads: Reads, order: MoveOrder, actor: Actor) {
  const tenant = await reads.tenants.get(actor.scope, order.tenant);
  if (order.revision !== undefined && order.revision !== tenant.revision) {
    throw conflict(
      `tenant ${tenant.code} has changed: it is at revision ${tenant.revision}, not ${order.revision}; look again`,
    );
  }
  const from = assignable(await reads.pools.get(tenant.pool));
  const to = assignable(await reads.pools.get(order.pool));
  if (to.name === from.name) throw conflict(`tenant ${tenant.code} is on pool ${to.name} already; nothing was changed`);
  const ownName = carriedBase(await reads.installation.get()) !== null;
  return { tenant, from, to, ownName, road: roadTaken(ownName, order.road) };
}

/**
 * Moves a tenant.
 * @throws AppError `not_found` for a tenant or pool that does not exist, `invalid` for a pool that may not carry tenants,
 *   `conflict` when the tenant stands on that pool already, has changed since `revision`, or cannot be moved by that road
 */
export async function moveTenant(house: Moving, order: MoveOrder, actor: Actor): Promise<MoveReport> {
  return house.store.transaction(async (tx) => {
    const { tenant, from, to, ownName, road } = await checkOrder(tx, order, actor);
    await tx.tenants.place(tenant, to);
    const move = { tenant: tenant.code, fromPool: from.name, toPool: to.name, phones: tenant.phones, road };
    await tx.moves.add({ ...move, at: house.now().toISOString(), actor: actor.name, plan: null });
    const [before, after] = [{ pool: from.name }, { pool: to.name, road }];
    await note(tx, house, actor, { action: 'tenant.move', subject: tenant.code, tenant: tenant.code, before, after });
    return {
      ...move,
      next: nextStep(ownName, road),
      fromServer: primaryOf(from),
      toServer: primaryOf(to),
      revision: tenant.revision + 1,
      warnings: checkAssignable(to).warnings,
    };
  });
}

/** How long a phone may be unheard of before a move of it is doubtful: twice the day in which every phone asks. */
const SILENT_MS = 48 * 3_600_000;

export type MovePreview = {
  readonly tenant: string;
  readonly revision: number;
  readonly fromPool: string;
  readonly toPool: string;
  readonly fromServer: string;
  readonly toServer: string;
  readonly phones: number;
  readonly lines: number;
  /** The load of every server before and after, also with each other server lost. */
  readonly before: readonly ServerLoad[];
  readonly after: readonly ServerLoad[];
  /** What should be looked at before the move is made. */
  readonly warnings: readonly string[];
  /** By which roads the move reaches the phones, and how long each takes at worst. */
  readonly roads: readonly Road[];
  readonly impact: Impact;
};

/** What speaks for looking twice: what the pool lacks, where its primary stands, who would bear too much, who is silent. */
async function moveWarnings(
  reads: Reads,
  now: Date,
  { tenant, to }: { tenant: StoredTenant; to: AssignablePool },
  after: readonly ServerLoad[],
): Promise<string[]> {
  const since = new Date(now.getTime() - SILENT_MS).toISOString();
  const primary = await reads.servers.get(primaryOf(to));
  const silent = await reads.fetches.silentSince(tenant.code, since);
  return [
    ...checkAssignable(to).warnings,
    ...(primary.state === 'active' ? [] : [`server ${primary.name} is ${primary.state}, and phones would go there`]),
    ...overloads(after),
    ...(silent === 0 ? [] : [`${silent} of ${tenant.phones} phones have not fetched anything for two days`]),
    ...(await dnsWarnings(reads, to.name, now)),
  ];
}

/** What holds for each of a tenant's phones. */
async function settingsOf(house: House, reads: Reads, tenant: StoredTenant): Promise<Settings[]> {
  const settings: Settings[] = [];
  for (let after: string | null = null; ; ) {
    const page: Phone[] = await reads.phones.list(ALL_TENANTS, { ...FIRST_PAGE, after, tenant: tenant.code });
    for (const phone of page) {
      settings.push(resolveSettings(await levelsOf({ reads, vendors: house.vendors }, phone, tenant)));
    }
    after = page.length === FIRST_PAGE.limit ? (page.at(-1)?.mac ?? null) : null;
    if (after === null) return settings;
  }
}

/** By which roads the move reaches the tenant's phones. */
async function roadsFor(house: House, reads: Reads, tenant: StoredTenant, from: Pool): Promise<readonly Road[]> {
  const ownName = carriedBase(await reads.installation.get()) !== null;
  const phones = await settingsOf(house, reads, tenant);
  return roadsOf({ ownName, ttlS: from.ttl, phones });
}

/**
 * What a move would do; nothing is changed.
 * @throws AppError as `moveTenant` does
 */
export async function previewMove(
  house: House & Moving,
  order: MoveOrder,
  actor: Actor,
  progress?: Progress,
): Promise<MovePreview> {
  return house.store.study(async (reads) => {
    const checked = await checkOrder(reads, order, actor);
    const { tenant, from, to } = checked;
    const [servers, pools] = [await reads.servers.list(), await reads.pools.list()];
    const placements = await placementsNow(reads);
    const moved = placements.map((one) => (one.tenant === tenant.code ? { ...one, pool: to.name } : one));
    const after = failoverOf(servers, pools, moved);
    return {
      ...{ tenant: tenant.code, revision: tenant.revision, fromPool: from.name, toPool: to.name },
      ...{ fromServer: primaryOf(from), toServer: primaryOf(to), phones: tenant.phones },
      lines: (await reads.phones.names(tenant.code)).length,
      before: failoverOf(servers, pools, placements),
      after,
      warnings: await moveWarnings(reads, house.now(), checked, after),
      roads: await roadsFor(house, reads, tenant, from),
      impact: await impactOf(house, reads, { tenant: { ...tenant, pool: to.name } }, progress),
    };
  });
}
