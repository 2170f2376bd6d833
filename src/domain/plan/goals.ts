// What a plan is asked for, and what it is: goals, limits, the fleet as it stands, and the plan as a value with a digest.
import { z } from 'zod';
import { digestOf } from '../digest.ts';
import type { ServerLoad } from '../failover.ts';
import { loadUnitSchema, type TenantLoad } from '../load.ts';
import { type Pool, poolSchema } from '../pool.ts';
import { type Server, serverSchema } from '../server.ts';
import { nameSchema } from '../text.ts';
import { windowSchema } from './windows.ts';

/** How many wishes of one kind an order may hold. */
const WISHES_MAX = 10_000;

const names = z.array(nameSchema).max(WISHES_MAX).readonly();
const group = z.array(nameSchema).min(2, 'names at least two tenants').max(WISHES_MAX).readonly();

/** What the plan must reach (hard) and what it should (soft). */
export const goalsSchema = z
  .strictObject({
    /** What loads are counted in. */
    load: loadUnitSchema.default('phones'),
    /** Hard: capacities hold with every server there, and with `one` also when any single server is lost. */
    survive: z.enum(['none', 'one']).default('one'),
    /** The share of phones that normally stands on the second best server of its pool. */
    strays: z.number().min(0).max(0.5).default(0),
    /** Which states the evenness is taken of: the normal one, or also those with a server lost. */
    balance: z.enum(['normal', 'lost']).default('normal'),
    /** What comes first: an even load, or few phones moved; left out, few when a server is drained or removed. */
    first: z.enum(['even', 'few']).optional(),
    /** Worst load ratios that differ by no more than this share count as equally even; left out, as `evennessFor` says. */
    evenness: z.number().min(0).max(100).optional(),
    /** May tenants go to pools without a backup server that is there, although others have one? */
    uncovered: z.boolean().default(false),
    /** Tenants that stand on this pool and no other; without a pool, where they are. */
    pins: z
      .array(z.strictObject({ tenant: nameSchema, pool: nameSchema.nullable().default(null) }).readonly())
      .max(WISHES_MAX)
      .default([])
      .readonly(),
    /** Pools and primary servers that a tenant must not have. */
    exclusions: z
      .array(z.strictObject({ tenant: nameSchema, pools: names.default([]), servers: names.default([]) }).readonly())
      .max(WISHES_MAX)
      .default([])
      .readonly(),
    /** Groups whose tenants all have different primary servers. */
    apart: z.array(group).max(WISHES_MAX).default([]).readonly(),
    /** Groups whose tenants all stand on one pool. */
    together: z.array(group).max(WISHES_MAX).default([]).readonly(),
    /** When tenants may be moved; one without a window always. */
    windows: z.array(windowSchema).max(WISHES_MAX).default([]).readonly(),
  })
  .readonly();

/** Tenants from which on a fleet counts as large. */
const LARGE_FLEET = 1_000;

/** The evenness where nobody has said one: 0.1 %, but 1 % in a small fleet, where a tenant is more than that. */
export const evennessFor = ({ evenness }: Goals, tenants: number): number =>
  evenness ?? (tenants >= LARGE_FLEET ? 0.001 : 0.01);

/** How much may be moved at most; null for no limit. */
export const limitsSchema = z
  .strictObject({
    phones: z.number().int().nonnegative().nullable().default(null),
    tenants: z.number().int().nonnegative().nullable().default(null),
    /** Share of all phones. */
    share: z.number().min(0).max(1).nullable().default(null),
  })
  .readonly();

export const PLAN_MODES = ['auto', 'fast', 'exact'] as const;

export const planOrderSchema = z
  .strictObject({
    goals: goalsSchema.prefault({}),
    limits: limitsSchema.prefault({}),
    /** `auto` is exact for small fleets and fast for others. */
    mode: z.enum(PLAN_MODES).default('auto'),
    /** Servers to empty for maintenance, as if they were draining. */
    drain: names.default([]),
    /** Servers to use again, as if they were active. */
    bringBack: names.default([]),
    /** Servers to take out for good, as if they did not exist. */
    remove: names.default([]),
    /** Servers and pools to plan with that are not stored yet. */
    add: z
      .strictObject({
        servers: z.array(serverSchema).max(WISHES_MAX).default([]).readonly(),
        pools: z.array(poolSchema).max(WISHES_MAX).default([]).readonly(),
      })
      .prefault({})
      .readonly(),
  })
  .readonly();

export type Goals = z.output<typeof goalsSchema>;
export type Limits = z.output<typeof limitsSchema>;
export type PlanOrder = z.output<typeof planOrderSchema>;
export type PlanMode = (typeof PLAN_MODES)[number];

/** A tenant as the planner sees it. */
export type PlannedTenant = {
  readonly tenant: string;
  readonly pool: string;
  readonly phones: number;
  readonly load: TenantLoad;
};

/** The fleet that is planned for. */
export type Fleet = {
  readonly servers: readonly Server[];
  readonly pools: readonly Pool[];
  readonly tenants: readonly PlannedTenant[];
};

export type PlannedMove = {
  readonly tenant: string;
  readonly from: string;
  readonly to: string;
  readonly weight: number;
  readonly phones: number;
  readonly reason: string;
};

export type Refusal = { readonly tenant: string; readonly reason: string };

/** Why no plan reaches the hard goals, and the smallest relaxation that is known to help. */
export type Infeasible = {
  readonly constraint: 'capacity' | 'lost' | 'apart' | 'together' | 'pools' | 'limits' | 'order';
  /** How much is missing, in the unit of the constraint (load, tenants, phones). */
  readonly by: number;
  /** Is it certain that nothing helps but a relaxation, or was only nothing found? */
  readonly proven: boolean;
  readonly message: string;
};

/** What was reached, and below what nothing can be reached. */
export type Achieved = {
  /** The highest load of a server by its capacity; null when no capacity is known. */
  readonly worst: number | null;
  readonly phones: number;
  readonly tenants: number;
};

/** By what share of the bound the plan lies above it; 0 when it is proven to be best. */
export type Gap = { readonly worst: number | null; readonly phones: number };

export type Plan = {
  readonly mode: 'fast' | 'exact';
  /** Did the exact mode prove that nothing is better? Null in the fast one, where the gap tells. */
  readonly proven: boolean | null;
  readonly moves: readonly PlannedMove[];
  readonly refused: readonly Refusal[];
  readonly infeasible: readonly Infeasible[];
  readonly before: readonly ServerLoad[];
  readonly after: readonly ServerLoad[];
  readonly achieved: Achieved;
  /** No plan that reaches the hard goals has a lower worst ratio; none that is as even moves fewer phones. */
  readonly bound: Achieved;
  readonly gap: Gap;
  /** What people should know: loads that are unknown, pools without a backup, steps that are not safe. */
  readonly notes: readonly string[];
};

/** The fingerprint of what a plan does: equal moves over equal loads have equal digests. */
export function planDigest({ moves, refused, before, after }: Plan): string {
  return digestOf(new TextEncoder().encode(JSON.stringify({ moves, refused, before, after })));
}

/** The moves that take a plan back, in the order that takes it back safely. */
export const inverseOf = (moves: readonly PlannedMove[]): PlannedMove[] =>
  moves.toReversed().map((move) => ({
    ...{ ...move, from: move.to, to: move.from },
    reason: `goes back to ${move.from}`,
  }));
