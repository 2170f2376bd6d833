// Do phones show the right time? Every zone is compared with the tz database of Node for ten years, every few days and
// around each change every quarter of an hour: the rule itself, and each view, read back from its printed form by readers
// that share no code with what printed it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { timeZoneTable } from '../../db/time-zones.ts';
import {
  posixRule,
  posixRuleSchema,
  type TimeZoneRule,
  timeZoneNames,
  timeZoneRule,
  timeZoneSchema,
  weekRule,
  weekRuleSchema,
  windowRule,
  windowRuleSchema,
} from '../../src/domain/time-zone.ts';

const FIRST_YEAR = 2026;
const LAST_YEAR = 2035;
const MINUTE = 60_000;
const QUARTER = 15 * MINUTE;
const DAY = 24 * 60 * MINUTE;
/** No zone changes its clock twice in so short a time. */
const STEP = 4 * DAY;

/** Zones that changed their law in 2026; their rules hold from that change on. */
const SETTLED: Record<string, number> = {
  'Africa/Casablanca': Date.UTC(2026, 8, 20, 2),
  'Africa/El_Aaiun': Date.UTC(2026, 8, 20, 2),
  'America/Edmonton': Date.UTC(2026, 2, 8, 9),
  'America/Yellowknife': Date.UTC(2026, 2, 8, 9),
  'Canada/Mountain': Date.UTC(2026, 2, 8, 9),
  'America/Vancouver': Date.UTC(2026, 2, 8, 10),
  'Canada/Pacific': Date.UTC(2026, 2, 8, 10),
};

// What the views cannot say exactly: changes on the day before a last Sunday, after the fourth Thursday is over, at 24:00,
// at a quarter to, and by other than an hour. A zone that comes or goes is a change for its phones and is read in review.
const DAY_BEFORE = ['America/Godthab', 'America/Nuuk', 'America/Scoresbysund', 'Asia/Gaza', 'Asia/Hebron'];
const PAST_MIDNIGHT = ['Asia/Jerusalem', 'Asia/Tel_Aviv', 'Israel'];
const AT_24_HOURS = ['Africa/Cairo', 'Egypt', 'America/Santiago', 'Chile/Continental'];
const QUARTER_HOURS = ['NZ-CHAT', 'Pacific/Chatham'];
const OTHER_SHIFTS = ['Antarctica/Troll', 'Australia/LHI', 'Australia/Lord_Howe'];

type Moment = { year: number; month: number; day: number; minutes: number };
type OffsetAt = (ms: number) => number;
/** Standard offset, shift, and the two changes of a year on the clock before them, as a reader found them in a text. */
type Reading = {
  standard: number;
  shift: number;
  start: ((year: number) => Moment) | null;
  end: ((year: number) => Moment) | null;
};

/** The minutes ahead of UTC as the tz database has them, and when they change. */
type Truth = { offsetAt: OffsetAt; changes: number[] };

/** What is asked once is kept, and names of one zone share it: the tz database is slow to ask. */
const truths = new Map<string, Truth>();

function truthOf(name: string): Truth {
  const known = truths.get(name);
  if (known !== undefined) return known;
  const format = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' });
  const { timeZone } = format.resolvedOptions();
  const truth = truths.get(timeZone) ?? askTruth(name, format);
  truths.set(timeZone, truth).set(name, truth);
  return truth;
}

function askTruth(name: string, format: Intl.DateTimeFormat): Truth {
  const seen = new Map<number, number>();
  const offsetAt = (ms: number) => {
    const before = seen.get(ms);
    if (before !== undefined) return before;
    const text = format.format(ms).split('GMT')[1] ?? 'no offset';
    const [hours = 0, minutes = 0] = text.slice(1).split(':').map(Number);
    const offset = (text.startsWith('-') ? -1 : 1) * (hours * 60 + minutes);
    assert.ok(Number.isInteger(offset), `${name} has an offset ${text}`);
    seen.set(ms, offset);
    return offset;
  };
  const changes: number[] = [];
  for (let ms = Date.UTC(FIRST_YEAR); ms < Date.UTC(LAST_YEAR + 1); ms += STEP) {
    if (offsetAt(ms) === offsetAt(ms + STEP)) continue;
    let [before, after] = [0, STEP / QUARTER];
    while (after - before > 1) {
      const middle = Math.floor((before + after) / 2);
      if (offsetAt(ms + middle * QUARTER) === offsetAt(ms)) before = middle;
      else after = middle;
    }
    changes.push(ms + after * QUARTER);
  }
  return { offsetAt, changes };
}

/** A reading as offsets: the shift holds from each start to the next end, whichever of the two comes first in a year. */
function offsetsOf({ standard, shift, start, end }: Reading): OffsetAt {
  if (start === null || end === null) return () => standard;
  const utc = ({ year, month, day, minutes }: Moment, offset: number) =>
    Date.UTC(year, month - 1, day) + (minutes - offset) * MINUTE;
  const changes: { ms: number; offset: number }[] = [];
  for (let year = FIRST_YEAR - 1; year <= LAST_YEAR + 1; year++) {
    changes.push({ ms: utc(start(year), standard), offset: standard + shift });
    changes.push({ ms: utc(end(year), standard + shift), offset: standard });
  }
  changes.sort((a, b) => a.ms - b.ms);
  return (ms) => {
    let offset = Number.NaN;
    for (const change of changes) if (change.ms <= ms) offset = change.offset;
    return offset;
  };
}

const weekdayOf = (year: number, month: number, day: number) => new Date(Date.UTC(year, month - 1, day)).getUTCDay();
const daysIn = (year: number, month: number) => new Date(Date.UTC(year, month, 0)).getUTCDate();

/** The first such weekday (0 = Sunday) from a day of the month on. */
function weekdayFrom(year: number, month: number, day: number, weekday: number): number {
  let found = day;
  while (weekdayOf(year, month, found) !== weekday) found++;
  return found;
}

const moment = (year: number, month: number, week: number, weekday: number, minutes: number): Moment => ({
  year,
  month,
  day: weekdayFrom(year, month, week === 5 ? daysIn(year, month) - 6 : week * 7 - 6, weekday),
  minutes,
});

function readRule({ standardOffsetMinutes: standard, daylight }: TimeZoneRule): Reading {
  if (daylight === null) return { standard, shift: 0, start: null, end: null };
  const at = ({ month, week, weekday, minuteOfDay }: typeof daylight.start) => {
    return (year: number) => moment(year, month, week === 'last' ? 5 : week, weekday, minuteOfDay);
  };
  return { standard, shift: daylight.offsetMinutes, start: at(daylight.start), end: at(daylight.end) };
}

/** `M/W/D/H`, weeks 1 to 5, days 1 (Monday) to 7 (Sunday), hours 0 to 23; offset as `+12:45`. */
function readWeekRule({ offset, daylight }: ReturnType<typeof weekRule>): Reading {
  const [, sign, hours, minutes] = /^([+-]?)(\d{1,2})(?::(\d\d))?$/.exec(offset) ?? assert.fail(offset);
  assert.equal(sign === '', offset === '0', 'only zero has no sign');
  const standard = (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes ?? 0));
  if (daylight === null) return { standard, shift: 0, start: null, end: null };
  const at = (text: string) => {
    assert.match(text, /^([1-9]|1[0-2])\/[1-5]\/[1-7]\/(\d|1\d|2[0-3])$/);
    const [month = 0, week = 0, day = 0, hour = 0] = text.split('/').map(Number);
    return (year: number) => moment(year, month, week, day % 7, hour * 60);
  };
  return { standard, shift: daylight.offsetMinutes, start: at(daylight.start), end: at(daylight.end) };
}

/** First day of the week, weekday from 1 (Sunday), hours 0 to 23, or the last one in the month; the shift is an hour. */
function readWindowRule({ offsetSeconds, daylight }: ReturnType<typeof windowRule>): Reading {
  const standard = offsetSeconds / 60;
  if (daylight === null) return { standard, shift: 0, start: null, end: null };
  const at = ({ month, date, hour, dayOfWeek, lastInMonth }: typeof daylight.start) => {
    assert.ok([1, 8, 15, 22].includes(date) && [0, 1].includes(lastInMonth));
    assert.ok(dayOfWeek >= 1 && dayOfWeek <= 7 && hour >= 0 && hour <= 23 && Number.isInteger(hour));
    return (year: number) => {
      const from = lastInMonth === 1 ? daysIn(year, month) - 6 : date;
      return { year, month, day: weekdayFrom(year, month, from, dayOfWeek - 1), minutes: hour * 60 };
    };
  };
  return { standard, shift: 60, start: at(daylight.start), end: at(daylight.end) };
}

/** POSIX.1-2024, base definitions 8.3, without what it allows to leave out. */
function readPosixRule({ text }: ReturnType<typeof posixRule>): Reading {
  assert.ok(text.length <= 64, `${text} is longer than phones take`);
  const offset = '([+-]\\d{1,2})(?::(\\d\\d))?';
  const change = ',M(\\d{1,2})\\.([1-5])\\.([0-6])/(\\d\\d):(\\d\\d):00';
  const [, ...parts] =
    new RegExp(`^[A-Z]{3}${offset}(?:[A-Z]{3}${offset}${change}${change})?$`).exec(text) ?? assert.fail(text);
  const minutesEast = (hours = '', minutes = '0') =>
    (hours.startsWith('-') ? 1 : -1) * (Math.abs(Number(hours)) * 60 + Number(minutes));
  const standard = minutesEast(parts[0], parts[1]);
  if (parts[2] === undefined) return { standard, shift: 0, start: null, end: null };
  const at = (first: number) => {
    const [month = 0, week = 0, weekday = 0, hours = 0, minutes = 0] = parts.slice(first, first + 5).map(Number);
    assert.ok(hours * 60 + minutes <= 24 * 60);
    return (year: number) => moment(year, month, week, weekday, hours * 60 + minutes);
  };
  return { standard, shift: minutesEast(parts[2], parts[3]) - standard, start: at(4), end: at(9) };
}

/** How many minutes a reading is wrong: in all the years together, and at most before or after one change. */
type Wrong = { total: number; longest: number };

/** Every few days, and every quarter of an hour for two days on each side of each true change. */
function wrongOf(name: string, reading: Reading, { from = Date.UTC(FIRST_YEAR) } = {}): Wrong {
  const { offsetAt, changes } = truthOf(name);
  const printedAt = offsetsOf(reading);
  let total = 0;
  for (let ms = Date.UTC(FIRST_YEAR); ms < Date.UTC(LAST_YEAR + 1); ms += STEP) {
    if (ms >= from && offsetAt(ms) !== printedAt(ms)) total += 15;
  }
  let longest = 0;
  for (const change of changes) {
    let wrong = 0;
    for (let ms = change - 2 * DAY; ms <= change + 2 * DAY; ms += QUARTER) {
      if (ms >= from && offsetAt(ms) !== printedAt(ms)) wrong += 15;
    }
    longest = Math.max(longest, wrong);
    total += wrong;
  }
  return { total, longest };
}

const EXACT: Wrong = { total: 0, longest: 0 };

/** The zones that a view calls approximate; for each the claim is checked, and every other one is exact. */
function approximateZones<View extends { approximate: string | null }>(
  viewOf: (rule: TimeZoneRule) => View,
  read: (view: View) => Reading,
): string[] {
  return timeZoneNames.filter((name) => {
    const view = viewOf(timeZoneRule(name));
    const wrong = wrongOf(name, read(view), { from: SETTLED[name] });
    if (view.approximate === null) {
      assert.deepEqual(wrong, EXACT, `${name}: ${JSON.stringify(view)}`);
      return false;
    }
    assert.notDeepEqual(wrong, EXACT, `${name} is called approximate and is exact: ${JSON.stringify(view)}`);
    if (!view.approximate.includes('instead of')) {
      const hours = [...view.approximate.matchAll(/(\d+) hour/g)].map(([, amount]) => Number(amount) * 60);
      const minutes = [...view.approximate.matchAll(/(\d+) minute/g)].map(([, amount]) => Number(amount));
      assert.equal(
        wrong.longest,
        Math.max(...hours, ...minutes),
        `${name} is as wrong as it says: ${view.approximate}`,
      );
    }
    return true;
  });
}

test('the table is what db/time-zones.ts makes of the tz database of this Node', () => {
  const table = readFileSync(join(import.meta.dirname, '../../src/domain/time-zones.json'), 'utf8');
  assert.ok(
    table === timeZoneTable(),
    `this Node has tz ${process.versions.tz}: run node db/time-zones.ts and read what it changes`,
  );
});

describe('every zone keeps the time of the tz database', () => {
  test('by its rule', () => {
    assert.ok(timeZoneNames.length > 590);
    for (const name of timeZoneNames) {
      const wrong = wrongOf(name, readRule(timeZoneRule(name)), { from: SETTLED[name] });
      assert.deepEqual(wrong, EXACT, `${name}: ${JSON.stringify(timeZoneRule(name))}`);
    }
  });
  test('from 2026 on, or from the last change of its law', () => {
    const late = timeZoneNames.filter((name) => wrongOf(name, readRule(timeZoneRule(name))).total > 0);
    assert.deepEqual(late, Object.keys(SETTLED).sort());
  });
  test('by week and weekday, or the view says how far off it is', () => {
    assert.deepEqual(
      approximateZones(weekRule, readWeekRule),
      [...DAY_BEFORE, ...PAST_MIDNIGHT, ...AT_24_HOURS, ...QUARTER_HOURS].sort(),
    );
  });
  test('by window of a week, or the view says how far off it is', () => {
    assert.deepEqual(
      approximateZones(windowRule, readWindowRule),
      [...DAY_BEFORE, ...PAST_MIDNIGHT, ...AT_24_HOURS, ...QUARTER_HOURS, ...OTHER_SHIFTS].sort(),
    );
  });
  test('by a POSIX rule, or the view says how far off it is', () => {
    assert.deepEqual(approximateZones(posixRule, readPosixRule), [...DAY_BEFORE, ...PAST_MIDNIGHT].sort());
  });
  test('and the comparison sees a weekday, a week, an hour, a shift and a sign that are wrong', () => {
    const berlin = weekRule(timeZoneRule('Europe/Berlin'));
    const wrong = (start: string, offsetMinutes = 60, offset = '+1') =>
      wrongOf(
        'Europe/Berlin',
        readWeekRule({ ...berlin, offset, daylight: { offsetMinutes, start, end: '10/5/7/3' } }),
      );
    assert.deepEqual(wrong('3/5/7/2'), EXACT);
    for (const start of ['3/5/6/2', '3/5/1/2', '3/4/7/2', '3/5/7/1', '3/5/7/3', '4/1/7/2']) {
      assert.ok(wrong(start).total > 0, start);
    }
    assert.ok(wrong('3/5/7/2', 30).total > 0);
    assert.ok(wrong('3/5/7/2', 60, '-1').total > 0);
    const posix = (text: string) => wrongOf('Europe/Berlin', readPosixRule({ text, approximate: null })).total;
    assert.equal(posix('STD-1DST-2,M3.5.0/02:00:00,M10.5.0/03:00:00'), 0);
    assert.ok(posix('STD-1DST-2,M3.5.0/02:00:00,M10.5.6/03:00:00') > 0);
    assert.ok(posix('STD+1DST+0,M3.5.0/02:00:00,M10.5.0/03:00:00') > 0);
    const chatham = readRule(timeZoneRule('Pacific/Chatham'));
    assert.equal(wrongOf('Pacific/Chatham', { ...chatham, start: (year) => moment(year, 9, 5, 0, 180) }).longest, 15);
  });
});

describe('the views of known zones', () => {
  const known: [string, string, [string, string] | null, string][] = [
    ['America/New_York', '-5', ['3/2/7/2', '11/1/7/2'], 'STD+5DST+4,M3.2.0/02:00:00,M11.1.0/02:00:00'],
    ['Europe/Berlin', '+1', ['3/5/7/2', '10/5/7/3'], 'STD-1DST-2,M3.5.0/02:00:00,M10.5.0/03:00:00'],
    ['Europe/Dublin', '0', ['3/5/7/1', '10/5/7/2'], 'STD+0DST-1,M3.5.0/01:00:00,M10.5.0/02:00:00'],
    ['America/St_Johns', '-3:30', ['3/2/7/2', '11/1/7/2'], 'STD+3:30DST+2:30,M3.2.0/02:00:00,M11.1.0/02:00:00'],
    ['Australia/Sydney', '+10', ['10/1/7/2', '4/1/7/3'], 'STD-10DST-11,M10.1.0/02:00:00,M4.1.0/03:00:00'],
    ['Australia/Lord_Howe', '+10:30', ['10/1/7/2', '4/1/7/2'], 'STD-10:30DST-11,M10.1.0/02:00:00,M4.1.0/02:00:00'],
    ['Pacific/Chatham', '+12:45', ['9/5/7/3', '4/1/7/4'], 'STD-12:45DST-13:45,M9.5.0/02:45:00,M4.1.0/03:45:00'],
    ['America/Santiago', '-4', ['9/1/6/23', '4/1/6/23'], 'STD+4DST+3,M9.1.6/24:00:00,M4.1.6/24:00:00'],
    ['Asia/Kolkata', '+5:30', null, 'STD-5:30'],
    ['Asia/Kathmandu', '+5:45', null, 'STD-5:45'],
    ['Pacific/Marquesas', '-9:30', null, 'STD+9:30'],
    ['Etc/UTC', '0', null, 'STD+0'],
  ];
  for (const [name, offset, changes, posix] of known) {
    test(name, () => {
      const { offset: printed, daylight } = weekRule(timeZoneRule(name));
      assert.deepEqual([printed, daylight && [daylight.start, daylight.end]], [offset, changes]);
      assert.equal(posixRule(timeZoneRule(name)).text, posix);
    });
  }
  test('a window counts weeks from 1, 8, 15 or 22, or takes the last, with 1 for Sunday', () => {
    const change = (month: number, date: number, hour: number, dayOfWeek: number, lastInMonth: number) => ({
      month,
      date,
      hour,
      dayOfWeek,
      lastInMonth,
    });
    assert.deepEqual(windowRule(timeZoneRule('America/New_York')), {
      offsetSeconds: -18_000,
      daylight: { start: change(3, 8, 2, 1, 0), end: change(11, 1, 2, 1, 0) },
      approximate: null,
    });
    assert.deepEqual(windowRule(timeZoneRule('Africa/Cairo')).daylight, {
      start: change(4, 22, 0, 6, 1),
      end: change(10, 22, 23, 5, 1),
    });
    assert.deepEqual(windowRule(timeZoneRule('Asia/Kolkata')), {
      offsetSeconds: 19_800,
      daylight: null,
      approximate: null,
    });
  });
  test('what a view cannot say, it says so', () => {
    const notes = (name: string) =>
      [weekRule, windowRule, posixRule].map((view) => view(timeZoneRule(name)).approximate);
    const late = (text: string) => `on this phone daylight saving ${text}`;
    assert.deepEqual(notes('Pacific/Chatham'), [
      late('starts 15 minutes late, and ends 15 minutes late'),
      late('starts 15 minutes late, and ends 15 minutes late'),
      null,
    ]);
    assert.deepEqual(notes('Asia/Gaza'), Array(3).fill(late('starts 22 hours late, and ends 22 hours late')));
    assert.deepEqual(notes('America/Nuuk'), Array(3).fill(late('starts 1 hour late')));
    assert.deepEqual(notes('Australia/Lord_Howe'), [
      null,
      late('puts the clock forward by 1 hour instead of 30 minutes'),
      null,
    ]);
  });
  test('every view is what its schema says', () => {
    for (const name of timeZoneNames) {
      weekRuleSchema.parse(weekRule(timeZoneRule(name)));
      windowRuleSchema.parse(windowRule(timeZoneRule(name)));
      posixRuleSchema.parse(posixRule(timeZoneRule(name)));
    }
  });
});

describe('a time zone is chosen by its IANA name', () => {
  for (const name of [
    'Europe/Berlin',
    'Asia/Calcutta',
    'Asia/Kolkata',
    'US/Eastern',
    'UTC',
    'Etc/UTC',
    'Europe/Kyiv',
  ]) {
    test(`${name} is known`, () => assert.equal(timeZoneSchema.parse(name), name));
  }
  for (const name of ['', 'Europe/Atlantis', 'europe/berlin', '+01:00', 'constructor', '__proto__', ' UTC', 3]) {
    test(`${JSON.stringify(name)} is refused with a message that helps`, () => {
      const result = timeZoneSchema.safeParse(name);
      assert.equal(result.success, false);
      if (typeof name === 'string') assert.match(result.error?.issues[0]?.message ?? '', /IANA.+Europe\/Berlin/);
    });
  }
  test('the table has no rule for a name that it does not know', () => {
    assert.throws(() => timeZoneRule('constructor'), /assertion failed/);
  });
  test('names are sorted and each is known to Node', () => {
    assert.deepEqual(timeZoneNames, [...new Set(timeZoneNames)].sort());
    for (const name of Intl.supportedValuesOf('timeZone')) assert.ok(timeZoneNames.includes(name), name);
  });
});
