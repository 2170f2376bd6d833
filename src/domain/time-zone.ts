// A time zone by its IANA name → the numbers that a phone's clock needs: offset, daylight saving, and when it changes.
// The numbers come from a table made once (db/time-zones.ts), so a file stays the same until somebody renews the table.
import { z } from 'zod';
import table from './time-zones.json' with { type: 'json' };

const WEEKS = [1, 2, 3, 4, 'last'] as const;

/** When the clock changes, every year. */
export type Change = {
  /** 1 is January. */
  readonly month: number;
  /** Which of these weekdays of the month. */
  readonly week: (typeof WEEKS)[number];
  /** 0 is Sunday. */
  readonly weekday: number;
  /**
   * Minutes after midnight on the clock before it changes. Below 0 or above 1439 the change is on a neighbouring day that
   * cannot be counted itself: 24:00 on the last Thursday is not always the last Friday.
   */
  readonly minuteOfDay: number;
};

export type TimeZoneRule = {
  /** East of Greenwich is positive. */
  readonly standardOffsetMinutes: number;
  readonly daylight: null | {
    /** How far the clock is put forward, usually 60. */
    readonly offsetMinutes: number;
    readonly start: Change;
    readonly end: Change;
  };
};

const zones: Readonly<Record<string, string>> = table.zones;

/** Every name that is known, in alphabetical order, old names included. */
export const timeZoneNames: readonly string[] = Object.keys(zones);

/** The IANA name of a time zone, in IANA's spelling. */
export const timeZoneSchema = z
  .string()
  .refine(
    (name) => Object.hasOwn(zones, name),
    'must be the name of a time zone in the IANA list, such as Europe/Berlin (area, slash, city, in its exact spelling)',
  );

/** The rule of a zone that `timeZoneSchema` has let in. */
export function timeZoneRule(name: string): TimeZoneRule {
  const line = Object.hasOwn(zones, name) ? zones[name] : undefined;
  if (line === undefined) throw new Error(`assertion failed: time zone ${name} is not in the table`);
  return parseRule(line);
}

/** The table's notation, `60` or `60 +60 3/last/0/120 10/last/0/180`: offset, shift, start and end; all in minutes. */
function parseRule(line: string): TimeZoneRule {
  const [standard, shift, start, end] = line.split(' ');
  return {
    standardOffsetMinutes: Number(standard),
    daylight:
      shift === undefined || start === undefined || end === undefined
        ? null
        : { offsetMinutes: Number(shift), start: parseChange(start), end: parseChange(end) },
  };
}

function parseChange(text: string): Change {
  const [month, week, weekday, minuteOfDay] = text.split('/');
  const known = WEEKS.find((one) => String(one) === week);
  if (known === undefined) throw new Error(`assertion failed: the time zone table has a change ${text}`);
  return { month: Number(month), week: known, weekday: Number(weekday), minuteOfDay: Number(minuteOfDay) };
}

// The views: one rule in the notations that phones read. A view that cannot say the rule exactly says the nearest thing it
// can, and `approximate` tells people how far off that is; null means exact.
const approximate = z.string().nullable();

export const weekRuleSchema = z.strictObject({
  /** Hours from UTC with their sign, minutes where there are any: `+1`, `-3:30`, `0`. */
  offset: z.string(),
  daylight: z
    .strictObject({
      offsetMinutes: z.number(),
      /** Month/week/weekday/hour: week 5 is the last one, weekday 1 is Monday and 7 Sunday. */
      start: z.string(),
      end: z.string(),
    })
    .nullable(),
  approximate,
});

export type WeekRule = z.output<typeof weekRuleSchema>;

const windowChangeSchema = z.strictObject({
  month: z.number(),
  /** The first day of the week that the weekday falls into: 1, 8, 15 or 22. Does not count when `lastInMonth` is 1. */
  date: z.number(),
  hour: z.number(),
  /** 1 is Sunday. */
  dayOfWeek: z.number(),
  lastInMonth: z.number(),
});

export const windowRuleSchema = z.strictObject({
  offsetSeconds: z.number(),
  daylight: z.strictObject({ start: windowChangeSchema, end: windowChangeSchema }).nullable(),
  approximate,
});

export type WindowRule = z.output<typeof windowRuleSchema>;

export const posixRuleSchema = z.strictObject({
  /** As in the variable TZ of POSIX, where west of Greenwich is positive. */
  text: z.string(),
  approximate,
});

export type PosixRule = z.output<typeof posixRuleSchema>;

/** The moments of a day that a notation can name. */
type Clock = { readonly stepMinutes: number; readonly lastMinute: number };

const WHOLE_HOURS: Clock = { stepMinutes: 60, lastMinute: 23 * 60 };
/** POSIX.1 ends at 24:00. Later and negative times are an extension (RFC 9636, 3.3.1) that a phone may not know. */
const POSIX_DAY: Clock = { stepMinutes: 1, lastMinute: 24 * 60 };
/** Where a notation has no place for the shift, the phone puts its clock forward by an hour. */
const FIXED_SHIFT_MINUTES = 60;

/** The rule as week and weekday of a month, with whole hours. */
export function weekRule({ standardOffsetMinutes, daylight }: TimeZoneRule): WeekRule {
  const sign = standardOffsetMinutes > 0 ? '+' : '';
  const offset = `${sign}${hoursText(standardOffsetMinutes)}`;
  if (daylight === null) return { offset, daylight, approximate: null };
  const { start, end, offsetMinutes } = daylight;
  const print = (change: Change) =>
    [change.month, weekNumber(change), change.weekday || 7, nearest(change, WHOLE_HOURS) / 60].join('/');
  return {
    offset,
    daylight: { offsetMinutes, start: print(start), end: print(end) },
    approximate: note(lateness(start, end, WHOLE_HOURS)),
  };
}

/** The rule as the first day of a week and a weekday in it, with whole hours and a shift of one hour. */
export function windowRule({ standardOffsetMinutes, daylight }: TimeZoneRule): WindowRule {
  const offsetSeconds = standardOffsetMinutes * 60;
  if (daylight === null) return { offsetSeconds, daylight, approximate: null };
  const { start, end, offsetMinutes } = daylight;
  const view = (change: Change) => ({
    month: change.month,
    date: change.week === 'last' ? 22 : change.week * 7 - 6,
    hour: nearest(change, WHOLE_HOURS) / 60,
    dayOfWeek: change.weekday + 1,
    lastInMonth: change.week === 'last' ? 1 : 0,
  });
  const shift =
    offsetMinutes === FIXED_SHIFT_MINUTES
      ? []
      : [`puts the clock forward by ${duration(FIXED_SHIFT_MINUTES)} instead of ${duration(offsetMinutes)}`];
  return {
    offsetSeconds,
    daylight: { start: view(start), end: view(end) },
    approximate: note([...lateness(start, end, WHOLE_HOURS), ...shift]),
  };
}

/** The rule as POSIX writes it: `STD-1DST-2,M3.5.0/02:00:00,M10.5.0/03:00:00`. The names in it mean nothing. */
export function posixRule({ standardOffsetMinutes, daylight }: TimeZoneRule): PosixRule {
  // Written in full, sign and time included: what POSIX allows to leave out, not every phone fills in the same way.
  const west = (minutes: number) => `${minutes > 0 ? '-' : '+'}${hoursText(Math.abs(minutes))}`;
  const standard = `STD${west(standardOffsetMinutes)}`;
  if (daylight === null) return { text: standard, approximate: null };
  const { start, end, offsetMinutes } = daylight;
  const print = (change: Change) =>
    `M${change.month}.${weekNumber(change)}.${change.weekday}/${clockText(nearest(change, POSIX_DAY))}`;
  return {
    text: [`${standard}DST${west(standardOffsetMinutes + offsetMinutes)}`, print(start), print(end)].join(','),
    approximate: note(lateness(start, end, POSIX_DAY)),
  };
}

const weekNumber = ({ week }: Change): number => (week === 'last' ? 5 : week);

const twoDigits = (value: number): string => String(value).padStart(2, '0');

const clockText = (minutes: number): string => `${twoDigits(Math.floor(minutes / 60))}:${twoDigits(minutes % 60)}:00`;

/** `-3:30`, `12:45`, `0`. */
function hoursText(minutes: number): string {
  const size = Math.abs(minutes);
  const rest = size % 60 === 0 ? '' : `:${twoDigits(size % 60)}`;
  return `${minutes < 0 ? '-' : ''}${Math.floor(size / 60)}${rest}`;
}

/** The moment of the change's day that is nearest to it and that the clock can name, in minutes. */
function nearest({ minuteOfDay }: Change, { stepMinutes, lastMinute }: Clock): number {
  const rounded = Math.round(minuteOfDay / stepMinutes) * stepMinutes;
  return Math.min(Math.max(rounded, 0), lastMinute);
}

/** What `nearest` does to the two changes, as parts of a sentence. */
function lateness(start: Change, end: Change, clock: Clock): string[] {
  const part = (verb: string, change: Change) => {
    const late = nearest(change, clock) - change.minuteOfDay;
    return late === 0 ? [] : [`${verb} ${duration(Math.abs(late))} ${late > 0 ? 'late' : 'early'}`];
  };
  return [...part('starts', start), ...part('ends', end)];
}

function duration(minutes: number): string {
  const [amount, unit] = minutes % 60 === 0 ? [minutes / 60, 'hour'] : [minutes, 'minute'];
  return `${amount} ${unit}${amount === 1 ? '' : 's'}`;
}

const note = (parts: readonly string[]): string | null =>
  parts.length === 0 ? null : `on this phone daylight saving ${parts.join(', and ')}`;
