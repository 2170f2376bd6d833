// When a phone looks for changes by itself. All phones in the same minute would be a boot storm of our own making, so each
// has a moment of its own in the window, the same one every night.
import { z } from 'zod';
import { digestOf } from './digest.ts';

const timeSchema = z.strictObject({ hour: z.number(), minute: z.number(), text: z.string() });

export const pollSchema = z.strictObject({
  /** The window that the operator chose, for phones that choose the moment by themselves. */
  from: timeSchema,
  to: timeSchema,
  minutes: z.number(),
  /** The phone's own moment in the window. */
  at: timeSchema,
});

const DAY_MINUTES = 24 * 60;
const two = (value: number) => String(value).padStart(2, '0');

function timeAt(minuteOfDay: number): z.output<typeof timeSchema> {
  const [hour, minute] = [Math.floor(minuteOfDay / 60), minuteOfDay % 60];
  return { hour, minute, text: `${two(hour)}:${two(minute)}` };
}

/** A number that looks random and always is the same for the same text. */
const spread = (text: string) => Number.parseInt(digestOf(Buffer.from(text, 'utf8')).slice(0, 8), 16);

/** The window `HH:00-HH:00` and the phone's moment in it; a window may pass midnight. */
export function pollMoment(window: string, mac: string): z.output<typeof pollSchema> {
  const [from = 0, to = 0] = window.split('-').map((time) => Number(time.slice(0, 2)) * 60);
  const minutes = (to - from + DAY_MINUTES) % DAY_MINUTES;
  const at = (from + (spread(mac) % minutes)) % DAY_MINUTES;
  return { from: timeAt(from), to: timeAt(to), minutes, at: timeAt(at) };
}
