// What was measured of a tenant, by whom and when, and how a tenant's load is shown.
import { z } from 'zod';
import { LOAD_UNITS, type LoadUnit, loadOf, weightOf } from './load.ts';
import { lineText, nameSchema } from './text.ts';

const count = z.number().nonnegative().finite().nullable().default(null);

/** A measurement may be from so many minutes ahead of our clock, no more. */
const AHEAD_MS = 5 * 60_000;

const fields = {
  /** The most calls at once. */
  calls: count,
  registrations: count,
  /** Who has measured: the name of a PBX, of a program, of a file. */
  source: lineText(100).default('by hand'),
  /** When; left out, now. */
  measuredAt: z.iso
    .datetime({ offset: true })
    .transform((text) => new Date(text).toISOString())
    .optional(),
};

const something = ({ calls, registrations }: { calls: number | null; registrations: number | null }) =>
  calls !== null || registrations !== null;
const NOTHING = 'measure calls or registrations, or both';

export const measurementSchema = z.strictObject(fields).refine(something, NOTHING).readonly();

/** Measurements at once. */
export const MEASUREMENTS_MAX = 10_000;

export const measurementsSchema = z
  .strictObject({
    items: z
      .array(
        z
          .strictObject({ tenant: nameSchema, ...fields })
          .refine(something, NOTHING)
          .readonly(),
      )
      .max(MEASUREMENTS_MAX)
      .readonly(),
  })
  .readonly();

/** What is stored of a tenant's measurement. */
export type Measurement = {
  readonly calls: number | null;
  readonly registrations: number | null;
  readonly source: string;
  readonly measuredAt: string;
};

/** Is the moment of a measurement one that cannot be, because it lies ahead? */
export const isAhead = (measuredAt: string, now: Date): boolean => Date.parse(measuredAt) > now.getTime() + AHEAD_MS;

export const LOAD_SOURCES = ['said', ...LOAD_UNITS, 'unknown'] as const;

/** A tenant's load as people see it. */
export type ShownLoad = {
  readonly unit: LoadUnit;
  /** What plans count with: the load, or the phones where it is unknown. */
  readonly weight: number;
  /** `said`: somebody has set the weight; `unknown`: nobody has measured, and the phones stand in for it. */
  readonly source: (typeof LOAD_SOURCES)[number];
  readonly phones: number;
  readonly lines: number;
  readonly calls: number | null;
  readonly registrations: number | null;
  readonly measuredBy: string | null;
  readonly measuredAt: string | null;
  /** Was it measured longer ago than the rules for plans find good? Null when nobody has measured. */
  readonly old: boolean | null;
};

export type TenantFacts = {
  readonly tenant: string;
  readonly pool: string;
  readonly weight: number | null;
  readonly phones: number;
  readonly lines: number;
  readonly measurement: Measurement | null;
};

const HOUR_MS = 3_600_000;

/** The load of a tenant with where it comes from. @param oldAfterH hours after which a measurement is old */
export function shownLoad(
  { weight, phones, lines, measurement }: TenantFacts,
  { load: unit, loadOldAfterH }: { readonly load: LoadUnit; readonly loadOldAfterH: number },
  now: Date,
): ShownLoad {
  const load = loadOf({ weight, phones, lines, measured: measurement }, unit);
  return {
    ...{ unit, weight: weightOf(load), source: load.kind === 'known' ? load.source : 'unknown', phones, lines },
    calls: measurement?.calls ?? null,
    registrations: measurement?.registrations ?? null,
    measuredBy: measurement?.source ?? null,
    measuredAt: measurement?.measuredAt ?? null,
    old: measurement === null ? null : now.getTime() - Date.parse(measurement.measuredAt) > loadOldAfterH * HOUR_MS,
  };
}

/** Is the load one that was measured too long ago? */
export const isStale = ({ source, old }: ShownLoad): boolean =>
  old === true && (source === 'calls' || source === 'registrations');
