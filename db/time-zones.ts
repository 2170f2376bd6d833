// Makes the time zone table, src/domain/time-zones.json: what yearly rule does each zone follow? It asks the tz database
// that comes with Node, so after an update of Node: `node db/time-zones.ts`, and review the difference. Every changed line
// is a change for the phones in that zone.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The years that the rules are read from. They are fixed, so that the table does not depend on the day it is made. Ten are
 * enough, because in these every month begins on every weekday once; with fewer, "last" could be taken for "fourth". In
 * 2036 Ramadan comes into the way of Gaza's autumn.
 */
const FIRST_YEAR = 2026;
const LAST_YEAR = 2035;
/** What happened before is law of the past: Morocco, Alberta and British Columbia gave up changing their clocks in 2026. */
const SETTLED_YEAR = 2027;

// Names of the tz database (its files backward and etcetera) that Intl understands and does not list.
const MORE_NAMES: Readonly<Record<string, string>> = {
  '': `CET CST6CDT Cuba EET EST EST5EDT Egypt Eire GB GB-Eire GMT GMT+0 GMT-0 GMT0 Greenwich HST Hongkong Iceland Iran
    Israel Jamaica Japan Kwajalein Libya MET MST MST7MDT NZ NZ-CHAT Navajo PRC PST8PDT Poland Portugal ROC ROK Singapore
    Turkey UCT UTC Universal W-SU WET Zulu`,
  'Africa/': 'Asmara Timbuktu',
  'America/': `Argentina/Buenos_Aires Argentina/Catamarca Argentina/ComodRivadavia Argentina/Cordoba Argentina/Jujuy
    Argentina/Mendoza Atikokan Atka Ensenada Fort_Wayne Indiana/Indianapolis Kentucky/Louisville Knox_IN Montreal Nipigon
    Nuuk Pangnirtung Porto_Acre Rainy_River Rosario Santa_Isabel Shiprock Thunder_Bay Virgin Yellowknife`,
  'Antarctica/': 'South_Pole',
  'Asia/': `Ashkhabad Choibalsan Chongqing Chungking Dacca Harbin Ho_Chi_Minh Istanbul Kashgar Kathmandu Kolkata Macao
    Tel_Aviv Thimbu Ujung_Pandang Ulan_Bator Yangon`,
  'Atlantic/': 'Faroe Jan_Mayen',
  'Australia/': 'ACT Canberra Currie LHI NSW North Queensland South Tasmania Victoria West Yancowinna',
  'Brazil/': 'Acre DeNoronha East West',
  'Canada/': 'Atlantic Central Eastern Mountain Newfoundland Pacific Saskatchewan Yukon',
  'Chile/': 'Continental EasterIsland',
  'Etc/': `GMT GMT+0 GMT+1 GMT+10 GMT+11 GMT+12 GMT+2 GMT+3 GMT+4 GMT+5 GMT+6 GMT+7 GMT+8 GMT+9 GMT-0 GMT-1 GMT-10
    GMT-11 GMT-12 GMT-13 GMT-14 GMT-2 GMT-3 GMT-4 GMT-5 GMT-6 GMT-7 GMT-8 GMT-9 GMT0 Greenwich UCT UTC Universal Zulu`,
  'Europe/': 'Belfast Kyiv Nicosia Tiraspol Uzhgorod Zaporozhye',
  'Mexico/': 'BajaNorte BajaSur General',
  'Pacific/': 'Chuuk Johnston Kanton Pohnpei Samoa Yap',
  'US/': `Alaska Aleutian Arizona Central East-Indiana Eastern Hawaii Indiana-Starke Michigan Mountain Pacific Samoa`,
};

const MINUTE_MS = 60_000;
const DAY_MINUTES = 24 * 60;
/** No zone changes its clock twice in a week. */
const STEP_MINUTES = 7 * DAY_MINUTES;

type OffsetAt = (ms: number) => number;
type Transition = { readonly ms: number; readonly before: number; readonly after: number };

/** The text of the table as this Node's tz database gives it. */
export function timeZoneTable(): string {
  const more = Object.entries(MORE_NAMES).flatMap(([area, names]) => names.split(/\s+/).map((name) => area + name));
  const names = [...new Set([...Intl.supportedValuesOf('timeZone'), ...more])].sort();
  const zones = Object.fromEntries(names.map((name) => [name, ruleText(name)]));
  const table = { source: `db/time-zones.ts from the tz database ${process.versions.tz}`, zones };
  return `${JSON.stringify(table, null, 2)}\n`;
}

/** The rule of a zone in the table's notation; stops where no yearly rule fits, because somebody must then decide. */
function ruleText(name: string): string {
  const offsetAt = offsetsOf(name);
  const transitions = transitionsOf(offsetAt);
  const settled = Date.UTC(SETTLED_YEAR);
  if (transitions.every(({ ms }) => ms < settled)) return String(offsetAt(settled));
  const years = LAST_YEAR - FIRST_YEAR + 1;
  const starts = transitions.filter(({ before, after }) => after > before);
  const ends = transitions.filter(({ before, after }) => after < before);
  const standards = new Set([...starts.map(({ before }) => before), ...ends.map(({ after }) => after)]);
  const shifts = new Set(transitions.map(({ before, after }) => Math.abs(after - before)));
  if (starts.length !== years || ends.length !== years || standards.size > 1 || shifts.size > 1) {
    throw new Error(
      `${name} does not change its clock twice a year from ${FIRST_YEAR} to ${LAST_YEAR} in the same way`,
    );
  }
  return `${[...standards]} +${[...shifts]} ${changeText(name, starts)} ${changeText(name, ends)}`;
}

/** How many minutes a zone is ahead of UTC at a moment. */
function offsetsOf(name: string): OffsetAt {
  const format = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' });
  return (ms) => {
    const text = format.format(ms);
    const match = /GMT(?:([+-])(\d\d):(\d\d))?$/.exec(text);
    if (match === null) throw new Error(`${name} has an offset that is not in whole minutes: ${text}`);
    const [, sign, hours, minutes] = match;
    return sign === undefined ? 0 : (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
  };
}

function transitionsOf(offsetAt: OffsetAt): Transition[] {
  const found: Transition[] = [];
  const end = Date.UTC(LAST_YEAR + 1);
  let before = offsetAt(Date.UTC(FIRST_YEAR));
  for (let ms = Date.UTC(FIRST_YEAR); ms < end; ms += STEP_MINUTES * MINUTE_MS) {
    const after = offsetAt(ms + STEP_MINUTES * MINUTE_MS);
    if (before !== after) found.push({ ms: firstMinute(offsetAt, ms, after), before, after });
    before = after;
  }
  return found;
}

/** The first minute of the step after `from` that has the offset, by halving. */
function firstMinute(offsetAt: OffsetAt, from: number, offset: number): number {
  let low = 0;
  let high = STEP_MINUTES;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetAt(from + middle * MINUTE_MS) === offset) high = middle;
    else low = middle;
  }
  return from + high * MINUTE_MS;
}

/** One change for all years. The day itself is tried first, then its neighbours with the hours counted from there. */
function changeText(name: string, transitions: readonly Transition[]): string {
  for (const days of [0, 1, -1]) {
    const dates = transitions.map(
      ({ ms, before }) => new Date(ms + before * MINUTE_MS - days * DAY_MINUTES * MINUTE_MS),
    );
    const minutes = dates.map((date) => date.getUTCHours() * 60 + date.getUTCMinutes() + days * DAY_MINUTES);
    for (const week of ['1', '2', '3', '4', 'last']) {
      if (!dates.every((date) => isInWeek(date, week))) continue;
      const texts = dates.map(
        (date, index) => `${date.getUTCMonth() + 1}/${week}/${date.getUTCDay()}/${minutes[index]}`,
      );
      const [text] = texts;
      if (text !== undefined && new Set(texts).size === 1) return text;
    }
  }
  throw new Error(
    `${name} changes its clock on days that are no weekday of a month: ${transitions.map(({ ms }) => ms)}`,
  );
}

function isInWeek(date: Date, week: string): boolean {
  const day = date.getUTCDate();
  if (week !== 'last') return Math.ceil(day / 7) === Number(week);
  return day + 7 > new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
}

if (import.meta.main) writeFileSync(join(import.meta.dirname, '../src/domain/time-zones.json'), timeZoneTable());
