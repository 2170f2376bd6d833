// A plan as it is kept: what was proposed, by whom, who approved and applied it, and what happened.
import { digestOf } from './digest.ts';
import type { ServerLoad } from './failover.ts';
import { type Plan, type PlannedMove, planDigest } from './plan/goals.ts';
import type { Pool } from './pool.ts';
import type { Server } from './server.ts';
import type { Snapshot } from './snapshot.ts';

/** A state that the application gives to a server. */
export type ServerChange = { readonly server: string; readonly from: Server['state']; readonly to: Server['state'] };

/** What an application does beside moving tenants. */
export type Surroundings = {
  readonly servers: readonly ServerChange[];
  readonly add: { readonly servers: readonly Server[]; readonly pools: readonly Pool[] };
};

export type PlanContents = {
  /** The order as it was sent; null for a plan that takes another one back. */
  readonly order: unknown;
  readonly plan: Plan;
  readonly surroundings: Surroundings;
};

/** What lists show of a plan. */
export type PlanSummary = {
  readonly tenants: number;
  readonly phones: number;
  readonly worstBefore: number | null;
  readonly worstAfter: number | null;
  readonly feasible: boolean;
};

export type PlanOutcome = {
  /** Tenants in the order in which they were moved. */
  readonly moves: readonly string[];
  readonly tenants: number;
  readonly phones: number;
  readonly forced: boolean;
  readonly servers: readonly ServerChange[];
  /** Servers that were not in use any more when the tenants moved: whoever stood there was moved off. */
  readonly emptied: readonly string[];
  readonly after: readonly ServerLoad[];
  /** The plan that takes this one back; null when it moved nobody and changed no server. */
  readonly rollback: number | null;
};

/** `plan`: proposed by somebody; `choice`: another one to choose instead of it; `rollback`: takes a plan back. */
export const PLAN_KINDS = ['plan', 'choice', 'rollback'] as const;
export type PlanKind = (typeof PLAN_KINDS)[number];

export type PlanRecord = {
  readonly id: number;
  readonly kind: PlanKind;
  /** The plan that it stands beside, or takes back. */
  readonly belongsTo: number | null;
  readonly digest: string;
  /** The revision of the fleet that it was made for. */
  readonly revision: number;
  readonly summary: PlanSummary;
  readonly proposedAt: string;
  readonly proposedBy: string;
  /** Null for one that does not expire. */
  readonly expiresAt: string | null;
  readonly approvedAt: string | null;
  readonly approvedBy: string | null;
  readonly appliedAt: string | null;
  readonly appliedBy: string | null;
  readonly outcome: PlanOutcome | null;
};

/** A plan with everything that it holds. */
export type WholePlan = PlanRecord & {
  readonly contents: PlanContents;
  /** What it was made from; kept as long as it may be applied. */
  readonly snapshot: Snapshot | null;
};

export type PlanState = 'open' | 'expired' | 'applied';
export const PLAN_STATES = ['open', 'expired', 'applied'] as const;

export function planState({ appliedAt, expiresAt }: Pick<PlanRecord, 'appliedAt' | 'expiresAt'>, now: Date): PlanState {
  if (appliedAt !== null) return 'applied';
  return expiresAt !== null && Date.parse(expiresAt) <= now.getTime() ? 'expired' : 'open';
}

/** The fingerprint of everything that an application of the plan would do. */
export const contentsDigest = ({ plan, surroundings }: PlanContents): string =>
  digestOf(Buffer.from(JSON.stringify([planDigest(plan), surroundings]), 'utf8'));

/** The highest load by capacity; null when no capacity is known. */
export function worstOf(loads: readonly ServerLoad[]): number | null {
  const ratios = loads.flatMap(({ load, capacity }) => (capacity === null ? [] : [load / capacity]));
  return ratios.length === 0 ? null : Math.max(...ratios);
}

const phonesOf = (moves: readonly PlannedMove[]) => moves.reduce((sum, { phones }) => sum + phones, 0);

export const summaryOf = ({ moves, before, after, infeasible }: Plan): PlanSummary => ({
  tenants: moves.length,
  phones: phonesOf(moves),
  worstBefore: worstOf(before),
  worstAfter: worstOf(after),
  feasible: infeasible.length === 0,
});
