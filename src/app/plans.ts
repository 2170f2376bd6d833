// Journeys: a plan is proposed, looked at and approved. Nothing moves here; apply-plan.ts does that.
import { z } from 'zod';
import type { Actor } from '../domain/access.ts';
import { AppError, conflict } from '../domain/errors.ts';
import { carriedBase } from '../domain/installation.ts';
import { isStale, shownLoad } from '../domain/measurement.ts';
import { parseWith } from '../domain/parse.ts';
import type { Fleet, Plan, PlanOrder } from '../domain/plan/goals.ts';
import {
  contentsDigest,
  type PlanContents,
  type PlanRecord,
  type PlanState,
  planState,
  type Surroundings,
  summaryOf,
  type WholePlan,
} from '../domain/plan-record.ts';
import { orderWith, type Planning, rulesOf, strangersIn } from '../domain/planning.ts';
import { bestServers } from '../domain/pool.ts';
import { type Snapshot, snapshotOf, snapshotRevision } from '../domain/snapshot.ts';
import type { PlanMaker } from '../solver/plan-maker.ts';
import type { NewPlan } from '../store/plans.ts';
import type { Reads, Store, Tx } from '../store/store.ts';
import { note } from './audit.ts';
import { dnsWarnings } from './check-dns.ts';
import { fleetNow } from './loads.ts';

export type PlanHouse = { readonly store: Store; readonly now: () => Date; readonly planMaker: PlanMaker };

const MINUTE_MS = 60_000;

const wishSchema = z.looseObject({
  /** Are other plans, less even but with fewer moves, made beside it? */
  choices: z.boolean().default(true),
});

/** A tenant that stood on a pool before a server was emptied, and stands since then where a plan has put it. */
type Origin = { readonly tenant: string; readonly pool: string; readonly server: string };

type Scene = {
  readonly fleet: Fleet;
  readonly planning: Planning;
  readonly order: PlanOrder;
  readonly snapshot: Snapshot;
  readonly origins: readonly Origin[];
  readonly notes: readonly string[];
};

/** Where tenants came from that were moved off a server when it was emptied, and have not moved since. */
async function originsOf(reads: Reads, { bringBack, goals }: PlanOrder, fleet: Fleet): Promise<Origin[]> {
  if (bringBack.length === 0) return [];
  const primaryOf = new Map(fleet.pools.map((pool) => [pool.name, bestServers(pool)[0] ?? '']));
  const pinned = new Set(goals.pins.map(({ tenant }) => tenant));
  const moves = (await reads.moves.lastByPlan()).filter(({ fromPool }) =>
    bringBack.includes(primaryOf.get(fromPool) ?? ''),
  );
  const emptied = new Map<number, ReadonlySet<string>>();
  for (const id of new Set(moves.flatMap(({ plan }) => plan ?? []))) {
    const { outcome } = await reads.plans.get(id);
    emptied.set(id, new Set(outcome?.emptied));
  }
  return moves.flatMap(({ tenant, fromPool, plan }) => {
    const server = primaryOf.get(fromPool) ?? '';
    const wasEmptied = emptied.get(plan ?? -1)?.has(server) === true;
    return wasEmptied && !pinned.has(tenant) ? [{ tenant, pool: fromPool, server }] : [];
  });
}

/** What people should know of the loads and the rules that a plan is made from. */
async function notesOf(reads: Reads, planning: Planning, order: PlanOrder, fleet: Fleet, now: Date): Promise<string[]> {
  const strangers = strangersIn(planning, fleet);
  const unit = order.goals.load;
  const isMeasured = unit === 'calls' || unit === 'registrations';
  const facts = isMeasured ? await reads.loads.facts({ lines: false }) : [];
  const shown = { ...planning, load: unit };
  const stale = facts.filter((one) => isStale(shownLoad(one, shown, now))).length;
  return [
    ...(strangers.length === 0
      ? []
      : [`the rules name what is not there any more: ${strangers.slice(0, 5).join(', ')}`]),
    ...(stale === 0
      ? []
      : [
          `the load of ${stale} of ${fleet.tenants.length} tenants was measured more than ${planning.loadOldAfterH} h ago`,
        ]),
  ];
}

/** What DNS has to do with the moves: how long it keeps what was, and whether where they go is as it should be. */
async function dnsNotes(reads: Reads, { pools }: Fleet, { moves }: Plan, now: Date): Promise<string[]> {
  const [left, entered] = [new Set(moves.map(({ from }) => from)), new Set(moves.map(({ to }) => to))];
  const warnings: string[] = [];
  for (const { name } of pools) if (entered.has(name)) warnings.push(...(await dnsWarnings(reads, name, now)));
  const ttl = Math.max(0, ...pools.filter(({ name }) => left.has(name)).map((pool) => pool.ttl));
  const carriesDns = moves.length > 0 && carriedBase(await reads.installation.get()) !== null;
  const lag = `publish the tenants’ names after the moves; resolvers keep the old records for up to ${ttl} s`;
  return [...(carriesDns ? [lag] : []), ...warnings];
}

async function sceneOf(reads: Reads, input: object, now: Date): Promise<Scene> {
  const planning = await reads.plans.planning();
  const said = (input as { goals?: { load?: Planning['load'] } }).goals?.load;
  // The order is not checked yet: only a unit that is one counts, and what is wrong is told below.
  const places = await fleetNow(reads, planning);
  const order = orderWith(planning, input, places);
  const fleet = said === undefined || said === planning.load ? places : await fleetNow(reads, order.goals);
  return {
    ...{ fleet, planning, order, snapshot: snapshotOf(fleet, rulesOf(planning)) },
    origins: await originsOf(reads, order, fleet),
    notes: await notesOf(reads, planning, order, fleet, now),
  };
}

/** Beside the moves: which servers get another state, and what is added. A server that is down stays down. */
function surroundingsOf({ servers }: Fleet, { drain, remove, bringBack, add }: PlanOrder): Surroundings {
  const wanted = ({ name, state }: Fleet['servers'][number]) => {
    if (bringBack.includes(name)) return 'active';
    return (drain.includes(name) || remove.includes(name)) && state !== 'down' ? 'draining' : state;
  };
  const changes = servers.map((server) => ({ server: server.name, from: server.state, to: wanted(server) }));
  return { servers: changes.filter(({ from, to }) => from !== to), add };
}

type Made = { readonly plan: Plan; readonly choices: readonly Plan[] };

/** The order with everybody wished back to where they stood before the server was emptied. */
const withOrigins = (order: PlanOrder, origins: readonly Origin[]): PlanOrder => ({
  ...order,
  goals: {
    ...{ ...order.goals, first: order.goals.first ?? 'few' },
    pins: [...order.goals.pins, ...origins.map(({ tenant, pool }) => ({ tenant, pool }))],
  },
});

/** Makes the plan, first with all going back to where they came from; when that cannot be, without. */
async function make({ planMaker }: PlanHouse, scene: Scene, choices: boolean, now: Date): Promise<Made> {
  const { fleet, order, origins } = scene;
  if (origins.length > 0) {
    const made = await planMaker.make({ fleet, order: withOrigins(order, origins), now, choices: false });
    const of = new Map(origins.map((one) => [one.tenant, one]));
    if (made.plan.infeasible.length === 0) {
      const moves = made.plan.moves.map((move) => {
        const origin = of.get(move.tenant);
        const reason = `goes back to pool ${move.to}, where it stood before server ${origin?.server} was emptied`;
        return origin === undefined || origin.pool !== move.to ? move : { ...move, reason };
      });
      return { plan: { ...made.plan, moves }, choices: [] };
    }
  }
  const made = await planMaker.make({ fleet, order, now, choices });
  if (origins.length === 0) return made;
  const note = 'not all tenants can go back to where they stood: this plan places them anew';
  return { ...made, plan: { ...made.plan, notes: [...made.plan.notes, note] } };
}

/** A plan as it is looked at. */
export type LookedAt = WholePlan & {
  readonly state: PlanState;
  /** Must somebody else approve it before it is applied? */
  readonly needsApproval: boolean;
  readonly choices: readonly ShownRecord[];
  /** What takes it back; null before it is applied. */
  readonly rollback: ShownRecord | null;
};

/** A plan as lists show it. */
export type ShownRecord = Omit<PlanRecord, 'outcome'> & { readonly state: PlanState };

export function shownRecord({ outcome: _outcome, ...record }: PlanRecord, now: Date): ShownRecord {
  return { ...record, state: planState(record, now) };
}

/** A plan as programs read it, at the API and on the command line. */
export function shownPlan({ contents, snapshot: _snapshot, ...record }: LookedAt) {
  const { plan, surroundings, order } = contents;
  return { ...record, ...plan, ...surroundings, order };
}

async function lookAt(reads: Reads, id: number, now: Date): Promise<LookedAt> {
  const plan = await reads.plans.get(id);
  const { approval } = await reads.plans.planning();
  const beside = plan.kind === 'choice' ? plan.belongsTo : plan.id;
  const [rollback = null] = await reads.plans.beside(id, 'rollback');
  const choices = beside === null ? [] : await reads.plans.beside(beside, 'choice');
  return {
    ...plan,
    state: planState(plan, now),
    needsApproval:
      approval === 'second' && plan.kind !== 'rollback' && plan.approvedAt === null && plan.appliedAt === null,
    choices: choices.filter((one) => one.id !== id).map((one) => shownRecord(one, now)),
    rollback: rollback === null ? null : shownRecord(rollback, now),
  };
}

/**
 * Makes a plan and stores it; nothing is moved. It may be applied for a while, as long as the fleet stays as it is.
 * @throws AppError `invalid` for an order that cannot be understood, `unavailable` when too many plans are being made
 */
export async function proposePlan(house: PlanHouse, input: object, actor: Actor): Promise<LookedAt> {
  const { choices: wantsChoices, ...asked } = parseWith(wishSchema, input, 'the order');
  const now = house.now();
  const scene = await house.store.study((reads) => sceneOf(reads, asked, now));
  const made = await make(house, scene, wantsChoices, now);
  const surroundings = surroundingsOf(scene.fleet, scene.order);
  const proposed = house.now();
  const expires = new Date(proposed.getTime() + scene.planning.expiresAfterM * MINUTE_MS);
  const record = (contents: PlanContents): NewPlan => ({
    ...{ kind: 'plan', belongsTo: null, contents, digest: contentsDigest(contents) },
    ...{ snapshot: scene.snapshot, revision: snapshotRevision(scene.snapshot), summary: summaryOf(contents.plan) },
    ...{ proposedAt: proposed.toISOString(), proposedBy: actor.name, expiresAt: expires.toISOString() },
  });
  return house.store.transaction(async (tx) => {
    await tx.plans.forgetOld(proposed.toISOString());
    const notes = [...scene.notes, ...(await dnsNotes(tx, scene.fleet, made.plan, proposed))];
    const contentsOf = (plan: Plan): PlanContents => ({
      ...{ order: asked, surroundings },
      plan: { ...plan, notes: [...plan.notes, ...notes] },
    });
    const first = record(contentsOf(made.plan));
    const id = await tx.plans.add(first);
    await addChoices(tx, id, first, made.choices.map(contentsOf).map(record));
    const { feasible: _feasible, ...summary } = first.summary;
    const after = { order: asked, digest: first.digest, ...summary };
    await note(tx, house, actor, { action: 'plan.propose', subject: String(id), before: null, after });
    return lookAt(tx, id, proposed);
  });
}

/** Adds the plans that move fewer phones than the first one. */
async function addChoices(tx: Tx, id: number, first: NewPlan, choices: readonly NewPlan[]): Promise<void> {
  for (const choice of choices) {
    if (choice.summary.phones >= first.summary.phones || !choice.summary.feasible) continue;
    await tx.plans.add({ ...choice, kind: 'choice', belongsTo: id, snapshot: null });
  }
}

/** A plan with everything that stands beside it. @throws AppError `not_found` */
export const getPlan = ({ store, now }: Pick<PlanHouse, 'store' | 'now'>, id: number): Promise<LookedAt> =>
  store.snapshot((reads) => lookAt(reads, id, now()));

export const approvalSchema = z
  .strictObject({
    /** The digest of the plan that was looked at. */
    digest: z.string().max(100),
  })
  .readonly();

/** @throws AppError `conflict` unless the plan is open and the one that was shown */
export function checkOpen(plan: WholePlan, digest: string, now: Date): void {
  const { id, appliedAt, appliedBy, expiresAt } = plan;
  const state = planState(plan, now);
  if (state === 'applied')
    throw conflict(`plan ${id} was applied at ${appliedAt} by ${appliedBy}; nothing was changed`);
  if (plan.digest !== digest) {
    throw conflict(`this is not the digest of plan ${id} as it was shown; look at it again, nothing was changed`);
  }
  if (state === 'expired') throw conflict(`plan ${id} expired at ${expiresAt}; plan again, nothing was changed`);
  if (!plan.summary.feasible)
    throw conflict(`plan ${id} reaches nothing: ${plan.contents.plan.infeasible[0]?.message}`);
}

/**
 * Approves a plan that somebody else has proposed.
 * @throws AppError `conflict` for a plan that may not be applied any more, `forbidden` for who proposed it
 */
export async function approvePlan(
  house: Pick<PlanHouse, 'store' | 'now'>,
  id: number,
  input: unknown,
  actor: Actor,
): Promise<LookedAt> {
  const { digest } = parseWith(approvalSchema, input, 'the approval');
  const now = house.now();
  return house.store.transaction(async (tx) => {
    const plan = await tx.plans.get(id);
    checkOpen(plan, digest, now);
    if (plan.approvedBy !== null) throw conflict(`plan ${id} is approved already, by ${plan.approvedBy}`);
    if (plan.proposedBy === actor.name) {
      throw new AppError('forbidden', `${actor.name} has proposed plan ${id}; somebody else must approve it`);
    }
    await tx.plans.approve(id, now.toISOString(), actor.name);
    const after = { digest, approvedBy: actor.name };
    await note(tx, house, actor, { action: 'plan.approve', subject: String(id), before: null, after });
    return lookAt(tx, id, now);
  });
}
