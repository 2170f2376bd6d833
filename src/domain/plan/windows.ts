// When a tenant may be moved: its maintenance window, in its own time zone.
import { z } from 'zod';
import { nameSchema } from '../text.ts';

export const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

const DAY_MINUTES = 24 * 60;
const clockSchema = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'is a time of day like 22:30');

function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

/** From a time of day to another, on some days; one that ends before it begins reaches into the next day. */
export const windowSchema = z
  .strictObject({
    tenant: nameSchema,
    days: z
      .array(z.enum(WEEKDAYS))
      .min(1)
      .default([...WEEKDAYS])
      .readonly(),
    from: clockSchema,
    to: clockSchema,
    zone: z.string().max(64).refine(isZone, 'is no time zone; write it like Europe/Berlin').default('UTC'),
  })
  .readonly();

export type Window = z.output<typeof windowSchema>;

const minutesOf = (clock: string) => Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3));

/** Is the window open at that moment? Its end does not belong to it. */
export function isOpen({ days, from, to, zone }: Window, at: Date): boolean {
  const parts = new Intl.DateTimeFormat('en-GB', {
    ...{ timeZone: zone, weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
  }).formatToParts(at);
  const part = (type: string) => parts.find((one) => one.type === type)?.value ?? '';
  const today = (WEEKDAYS as readonly string[]).indexOf(part('weekday').toLowerCase());
  const minute = Number(part('hour')) * 60 + Number(part('minute'));
  const [start, end] = [minutesOf(from), minutesOf(to)];
  const length = end > start ? end - start : end + DAY_MINUTES - start;
  const openFrom = (day: number) => days.some((name) => WEEKDAYS.indexOf(name) === day);
  const sinceToday = minute - start;
  const sinceYesterday = sinceToday + DAY_MINUTES;
  return (
    (openFrom(today) && sinceToday >= 0 && sinceToday < length) ||
    (openFrom((today + 6) % 7) && sinceYesterday < length)
  );
}

export const windowText = ({ days, from, to, zone }: Window): string =>
  `${days.length === 7 ? 'every day' : days.join(', ')} from ${from} to ${to} (${zone})`;
