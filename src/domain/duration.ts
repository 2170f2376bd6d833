// Lengths of time as people write them: `90m`, `24h`, `7d`.
const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of a text such as `24h`; null when it is none. */
export function readDuration(text: string): number | null {
  const groups = /^(?<count>\d{1,5})(?<unit>[mhd])$/.exec(text)?.groups;
  return groups === undefined ? null : Number(groups.count) * (UNITS[groups.unit ?? ''] ?? 0);
}

/** A length of time in the largest unit of which there are two at least, rounded down. */
export function durationText(ms: number): string {
  const [unit = 'm', size = 60_000] =
    Object.entries(UNITS)
      .reverse()
      .find(([, one]) => ms >= 2 * one) ?? [];
  const names: Readonly<Record<string, string>> = { m: 'minutes', h: 'hours', d: 'days' };
  const count = Math.floor(ms / size);
  return count === 1 ? `1 ${names[unit]?.slice(0, -1)}` : `${count} ${names[unit]}`;
}
