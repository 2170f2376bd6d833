// What a tenant weighs: the load it puts on a server, where the number comes from, and that it is unknown where it is.
import { z } from 'zod';

/** What a load can be counted in. `phones` and `lines` are always known; the others are known where somebody measured. */
export const LOAD_UNITS = ['phones', 'lines', 'calls', 'registrations'] as const;
export type LoadUnit = (typeof LOAD_UNITS)[number];
export const loadUnitSchema = z.enum(LOAD_UNITS);

/** What was measured of a tenant: the most calls at once, the registrations; null where nobody has measured. */
export const measuredSchema = z
  .strictObject({
    calls: z.number().nonnegative().finite().nullable().default(null),
    registrations: z.number().nonnegative().finite().nullable().default(null),
  })
  .readonly();

export type Measured = z.output<typeof measuredSchema>;

/** What is known of a tenant as a load. `weight` is what somebody has said it weighs, in the unit of the capacities. */
export type LoadFacts = {
  readonly weight: number | null;
  readonly phones: number;
  readonly lines: number;
  readonly measured: Measured | null;
};

export type TenantLoad =
  | { readonly kind: 'known'; readonly weight: number; readonly source: LoadUnit | 'said' }
  /** Nobody has measured what was asked for; `fallback` is the number of phones, for whoever cannot do without. */
  | { readonly kind: 'unknown'; readonly unit: LoadUnit; readonly fallback: number };

/** The load of a tenant in a unit. What somebody has said goes before everything that is counted. */
export function loadOf({ weight, phones, lines, measured }: LoadFacts, unit: LoadUnit): TenantLoad {
  if (weight !== null) return { kind: 'known', weight, source: 'said' };
  const counted = { phones, lines, calls: measured?.calls ?? null, registrations: measured?.registrations ?? null };
  const known = counted[unit];
  if (known === null) return { kind: 'unknown', unit, fallback: phones };
  return { kind: 'known', weight: known, source: unit };
}

/** The number to plan with: the load, or the phones where it is unknown. */
export const weightOf = (load: TenantLoad): number => (load.kind === 'known' ? load.weight : load.fallback);
