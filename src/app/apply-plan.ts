// Journey: a plan that was looked at is applied. One transaction moves every tenant, or nobody; what takes it back is stored.

import { z } from 'zod';
import type { Actor } from '../domain/access.ts';
import { AppError, conflict, invalid, notFound } from '../domain/errors.ts';
import { failoverOf } from '../domain/failover.ts';
import { carriedBase } from '../domain/installation.ts';
import { weightOf } from '../domain/load.ts';
import { parseWith } from '../domain/parse.ts';
import { type Fleet, inverseOf, type Plan, type PlannedMove, type PlanOrder } from '../domain/plan/goals.ts';
import {
  contentsDigest,
  type PlanContents,
  type PlanOutcome,
  type ServerChange,
  summaryOf,
  type WholePlan,
  worstOf,
} from '../domain/plan-record.ts';
import { orderWith, type Planning, rulesOf } from '../domain/planning.ts';
import { assignable } from '../domain/pool.ts';
import { roadTaken } from '../domain/roads.ts';
import { differences, snapshotOf, snapshotRevision } from '../domain/snapshot.ts';
import type { Reads, Tx } from '../store/store.ts';
import { note } from './audit.ts';
import { checkHost, checkTargets } from './inventory.ts';
import { fleetNow } from './loads.ts';
import { checkOpen, type PlanHouse } from './plans.ts';

/** How many tenants one application names at most. */
const MOVES_MAX = 10_000;
/** How many differences or faults a message names. */
const NAMED = 5;

export const applicationSchema = z
  .strictObject({
    /** The digest of the plan that was shown. */
    digest: z.string().max(100),
    /** Does it go on although it moves more phones at once than the rules allow? */
    force: z.boolean().default(false),
    /** The tenants whose moves are made; left out, all of the plan's. */
    moves: z.array(z.string()).min(1).max(MOVES_MAX).optional(),
  })
  .readonly();

/** What an application did. */
export type Application = PlanOutcome & {
  readonly plan: number;
  readonly digest: string;
  readonly appliedAt: string;
  readonly appliedBy: string;
  /** The digest of the plan that takes it back; null when there is none. */
  readonly rollbackDigest: string | null;
};

const list = (texts: readonly string[]) =>
  `${texts.slice(0, NAMED).join('; ')}${texts.length > NAMED ? `; and ${texts.length - NAMED} more` : ''}`;

const percent = (share: number) => `${Math.round(share * 1_000) / 10} %`;

/**
 * Applies what was shown: moves the tenants, gives servers their states, and stores what takes it back. What takes a while is
 * looked at before the database is held; that nothing has changed meanwhile is proven in the transaction.
 * @throws AppError `not_found`; `conflict` for another digest, a plan that has expired or was applied, a fleet that has
 *   changed, a part that would break a limit, or a plan that nobody has approved; `unsafe` for too many phones at once
 */
export async function applyPlan(house: PlanHouse, id: number, input: unknown, actor: Actor): Promise<Application> {
  const wish = parseWith(applicationSchema, input, 'the application');
  const now = house.now();
  const looked = await house.store.study((reads) => prepare(reads, id, wish, now));
  const { fleet, order } = looked.scene;
  const faults = await house.planMaker.check({ fleet, order, moves: looked.done.moves, now });
  checkHardGoals(looked, faults, wish.force);
  return house.store.transaction(async (tx) => {
    const prepared = await prepare(tx, id, wish, now);
    if (prepared.revision !== looked.revision) {
      throw conflict('the fleet has changed just now; look at the plan again, nothing was changed');
    }
    return carryOut(tx, prepared, { now, force: wish.force }, actor);
  });
}

type Scene = { readonly fleet: Fleet; readonly planning: Planning; readonly order: PlanOrder };

/** A plan that may be applied, as far as that can be told at once, with what the application does. */
type Prepared = {
  readonly plan: WholePlan;
  readonly scene: Scene;
  /** The revision of what it was looked at in. */
  readonly revision: number;
  readonly done: Done;
};

type Wish = z.output<typeof applicationSchema>;

/** @throws AppError for everything that refuses but the limits of the servers, which take longer to look at */
async function prepare(reads: Reads, id: number, { digest, force, moves: wanted }: Wish, now: Date): Promise<Prepared> {
  const plan = await reads.plans.get(id);
  checkOpen(plan, digest, now);
  const { surroundings } = plan.contents;
  const states = new Map((await reads.servers.list()).map(({ name, state }) => [name, state]));
  // A server whose state somebody has changed since stays as it is; of a plan that is new no one has.
  const servers = surroundings.servers.filter(({ server, from }) => states.get(server) === from);
  const scene = await sceneOf(reads, plan, servers);
  const moves = chosenMoves(plan, wanted);
  if (plan.kind === 'rollback') checkUnmoved(plan, scene.fleet);
  else {
    await checkSame(reads, plan, scene);
    checkApproved(plan, scene.planning);
  }
  const { add } = surroundings;
  if (moves.length + servers.length + add.servers.length + add.pools.length === 0) {
    throw conflict(`plan ${id} moves nobody: everything is as it should be`);
  }
  checkShare(moves, scene.fleet, scene.planning, force);
  const revision = snapshotRevision(snapshotOf(scene.fleet, rulesOf(scene.planning)));
  return { plan, scene, revision, done: outcomeOf(scene, moves, servers, add) };
}

/** The order of a plan that takes another back: the servers in the states that they get. */
const orderBack = (changes: readonly ServerChange[]) => ({
  bringBack: changes.filter(({ to }) => to === 'active').map(({ server }) => server),
  drain: changes.filter(({ to }) => to === 'draining').map(({ server }) => server),
});

async function sceneOf(reads: Reads, plan: WholePlan, changes: readonly ServerChange[]): Promise<Scene> {
  const planning = await reads.plans.planning();
  const asked = plan.kind === 'rollback' ? orderBack(changes) : (plan.contents.order as object);
  const places = await fleetNow(reads, planning);
  const order = orderWith(planning, asked, places);
  const fleet = order.goals.load === planning.load ? places : await fleetNow(reads, order.goals);
  return { fleet, planning, order };
}

/** What is there after the application. */
function outcomeOf(
  { fleet, order }: Scene,
  moves: readonly PlannedMove[],
  servers: readonly ServerChange[],
  add: PlanContents['surroundings']['add'],
): Done {
  const to = new Map(moves.map((move) => [move.tenant, move.to]));
  const states = new Map(servers.map((change) => [change.server, change.to]));
  const after: Fleet = {
    servers: [...fleet.servers, ...add.servers].map((one) => ({ ...one, state: states.get(one.name) ?? one.state })),
    pools: [...fleet.pools, ...add.pools],
    tenants: fleet.tenants.map((one) => ({ ...one, pool: to.get(one.tenant) ?? one.pool })),
  };
  const { strays } = order.goals;
  return { moves, servers, fleet: after, before: loadsIn(fleet, strays), after: loadsIn(after, strays) };
}

/** @throws AppError `conflict` when moves would break what must hold; `unsafe` for taking back, which may be forced */
function checkHardGoals({ plan, done }: Prepared, faults: readonly string[], force: boolean): void {
  if (faults.length === 0) return;
  if (plan.kind !== 'rollback') {
    throw conflict(`these ${done.moves.length} moves may not be made now: ${list(faults)}. Nothing was changed`);
  }
  if (!force) throw new AppError('unsafe', `going back would break a limit: ${list(faults)}. Force it if it is meant`);
}

/** The moves that are made, in the plan's order. @throws AppError `invalid` for tenants that the plan does not move */
function chosenMoves({ id, contents }: WholePlan, wanted: readonly string[] | undefined): readonly PlannedMove[] {
  const { moves } = contents.plan;
  if (wanted === undefined) return moves;
  const all = new Set(moves.map(({ tenant }) => tenant));
  const strangers = wanted.filter((tenant) => !all.has(tenant));
  if (strangers.length > 0) throw invalid(`plan ${id} does not move ${list(strangers)}`);
  const chosen = new Set(wanted);
  return moves.filter(({ tenant }) => chosen.has(tenant));
}

/** @throws AppError `conflict` when the fleet is not the one that the plan was made for */
async function checkSame(reads: Reads, plan: WholePlan, { fleet, planning }: Scene): Promise<void> {
  const now = snapshotOf(fleet, rulesOf(planning));
  if (snapshotRevision(now) === plan.revision) return;
  // What a choice was made from is kept once, with the plan that it stands beside.
  const first = plan.kind === 'choice' && plan.belongsTo !== null ? await reads.plans.get(plan.belongsTo) : plan;
  const changes = first.snapshot === null ? [] : differences(first.snapshot, now);
  throw conflict(
    `the fleet has changed since plan ${plan.id} was made: ${list(changes)}. Plan again; nothing was changed`,
  );
}

/** What takes a plan back needs only that its tenants stand where the plan has put them. */
function checkUnmoved({ id, contents }: WholePlan, { tenants }: Fleet): void {
  const at = new Map(tenants.map(({ tenant, pool }) => [tenant, pool]));
  const moved = contents.plan.moves.flatMap(({ tenant, from }) => {
    const pool = at.get(tenant);
    if (pool === from) return [];
    return [
      pool === undefined ? `tenant ${tenant} is gone` : `tenant ${tenant} stands on pool ${pool}, not on ${from}`,
    ];
  });
  if (moved.length === 0) return;
  throw conflict(`plan ${id} cannot be applied: ${list(moved)}. Plan again; nothing was changed`);
}

/** @throws AppError `conflict` when the rules ask for a second person and nobody else has approved the plan */
function checkApproved({ id, approvedBy, proposedBy }: WholePlan, { approval }: Planning): void {
  if (approval === 'none' || approvedBy !== null) return;
  throw conflict(
    `plan ${id} needs the approval of somebody else than ${proposedBy}: POST plans/${id}/approval; nothing was changed`,
  );
}

/** @throws AppError `unsafe` when more phones move at once than the rules allow, unless it is forced */
function checkShare(moves: readonly PlannedMove[], { tenants }: Fleet, { shareMax }: Planning, force: boolean): void {
  const all = tenants.reduce((sum, { phones }) => sum + phones, 0);
  const moved = moves.reduce((sum, { phones }) => sum + phones, 0);
  if (force || all === 0 || moved <= shareMax * all) return;
  throw new AppError(
    'unsafe',
    `this moves ${moved} of ${all} phones at once, ${percent(moved / all)}, and the limit is ${percent(shareMax)}: ` +
      'choose fewer moves, or force it if it is meant. Nothing was changed',
  );
}

/** Does what a plan says, as far as its moves are chosen, and writes down what was done. */
async function carryOut(
  tx: Tx,
  { plan, done }: Prepared,
  { now, force }: { readonly now: Date; readonly force: boolean },
  actor: Actor,
): Promise<Application> {
  const at = now.toISOString();
  const { moves, servers, after, fleet } = done;
  const { add } = plan.contents.surroundings;
  for (const change of servers)
    await tx.servers.replace({ ...(await tx.servers.get(change.server)), state: change.to });
  await addNew(tx, add);
  await place(tx, moves, { plan: plan.id, at, actor: actor.name });
  const rollback = await storeRollback(tx, plan, done, at, actor.name);
  const emptied = fleet.servers.filter(({ state }) => state !== 'active').map(({ name }) => name);
  const outcome: PlanOutcome = {
    moves: moves.map(({ tenant }) => tenant),
    ...{ tenants: moves.length, phones: achievedBy(moves, after).phones, forced: force, servers, emptied, after },
    rollback: rollback?.id ?? null,
  };
  await tx.plans.apply(plan.id, outcome, { at, by: actor.name });
  const { digest, proposedBy, approvedBy } = plan;
  await note(tx, { now: () => now }, actor, {
    ...{ action: 'plan.apply', subject: String(plan.id) },
    before: auditOf(done, 'from'),
    after: {
      ...auditOf(done, 'to'),
      ...{ digest, force, phones: outcome.phones, proposedBy, approvedBy },
      ...(plan.kind === 'rollback' ? { takesBack: plan.belongsTo } : {}),
      ...(add.servers.length + add.pools.length === 0 ? {} : { added: add }),
    },
  });
  return {
    ...{ plan: plan.id, digest, appliedAt: at, appliedBy: actor.name, ...outcome },
    rollbackDigest: rollback?.digest ?? null,
  };
}

/** Adds the servers and pools that the plan was made with. */
async function addNew(tx: Tx, { servers, pools }: PlanContents['surroundings']['add']): Promise<void> {
  for (const server of servers) {
    await checkHost(tx, server);
    await tx.servers.add(server);
  }
  for (const pool of pools) {
    await checkTargets(tx, pool);
    await tx.pools.add(pool);
  }
}

/** Places every tenant, and writes its move down in the plan's order. */
async function place(tx: Tx, moves: readonly PlannedMove[], by: { plan: number; at: string; actor: string }) {
  const pools = new Map((await tx.pools.list()).map((pool) => [pool.name, pool]));
  for (const group of Map.groupBy(moves, ({ from, to }) => `${from} ${to}`).values()) {
    const [{ from, to } = { from: '', to: '' }] = group;
    const pool = pools.get(to);
    if (pool === undefined) throw conflict(`pool ${to} does not exist any more; plan again, nothing was changed`);
    const codes = group.map(({ tenant }) => tenant);
    await tx.tenants.placeMany(codes, from, assignable(pool));
  }
  const road = roadTaken(carriedBase(await tx.installation.get()) !== null, undefined);
  await tx.moves.add(
    ...moves.map(({ tenant, from, to, phones }) => ({ ...by, tenant, fromPool: from, toPool: to, phones, road })),
  );
}

/** Stores the plan that takes the moves back. @returns its number and digest, or null when there is nothing to take back */
async function storeRollback(tx: Tx, plan: WholePlan, done: Done, at: string, by: string) {
  const { moves, servers, fleet } = done;
  if (moves.length === 0 && servers.length === 0) return null;
  const [before, after] = [done.after, done.before];
  const back: Plan = {
    ...{ mode: 'fast', proven: null, moves: inverseOf(moves), refused: [], infeasible: [], before, after },
    achieved: achievedBy(moves, after),
    bound: achievedBy(moves, after),
    gap: { worst: null, phones: 0 },
    notes: [`takes plan ${plan.id} back`],
  };
  const contents: PlanContents = {
    ...{ order: null, plan: back },
    surroundings: {
      servers: servers.map(({ server, from, to }) => ({ server, from: to, to: from })),
      add: { servers: [], pools: [] },
    },
  };
  const digest = contentsDigest(contents);
  const id = await tx.plans.add({
    ...{ kind: 'rollback', belongsTo: plan.id, digest, contents, summary: summaryOf(back) },
    ...{ revision: snapshotRevision(snapshotOf(fleet, {})), snapshot: null },
    ...{ proposedAt: at, proposedBy: by, expiresAt: null },
  });
  return { id, digest };
}

const achievedBy = (moves: readonly PlannedMove[], after: Plan['after']) => ({
  worst: worstOf(after),
  phones: moves.reduce((sum, { phones }) => sum + phones, 0),
  tenants: moves.length,
});

/** What an application does, and what then is. */
type Done = {
  readonly moves: readonly PlannedMove[];
  readonly servers: readonly ServerChange[];
  /** As it is after the moves. */
  readonly fleet: Fleet;
  readonly before: Plan['before'];
  readonly after: Plan['after'];
};

const loadsIn = ({ servers, pools, tenants }: Fleet, strays: number) =>
  failoverOf(
    servers,
    pools,
    tenants.map(({ tenant, pool, load }) => ({ tenant, pool, weight: weightOf(load) })),
    strays,
  );

/** Every move and every server, as the audit writes them down. */
const auditOf = ({ moves, servers }: Done, side: 'from' | 'to') => ({
  tenants: Object.fromEntries(moves.map((move) => [move.tenant, { pool: move[side] }])),
  servers: Object.fromEntries(servers.map((change) => [change.server, { state: change[side] }])),
});

/** What the application of a plan did. @throws AppError `not_found`, also for a plan that was not applied */
export const appliedPlan = ({ store }: Pick<PlanHouse, 'store'>, id: number): Promise<Application> =>
  store.snapshot(async (reads) => {
    const { digest, appliedAt, appliedBy, outcome } = await reads.plans.get(id);
    if (outcome === null || appliedAt === null || appliedBy === null) throw notFound(`an application of plan ${id}`);
    const [rollback] = await reads.plans.beside(id, 'rollback');
    return { plan: id, digest, appliedAt, appliedBy, ...outcome, rollbackDigest: rollback?.digest ?? null };
  });
