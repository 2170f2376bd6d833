// Journey: what does the world really answer? The servers of every zone and all resolvers are asked for every pool, and a
// verdict is kept for each: fine, drift or unknown. Servers are asked outside of every transaction.

import type { Dns } from '../dns/dns.ts';
import type { Actor } from '../domain/access.ts';
import { keyText, type Rrset, rrsetOf, type SetKey } from '../domain/dns-change.ts';
import type { DnsServer, DnsTarget } from '../domain/dns-target.ts';
import {
  type Asked,
  type DnsReason,
  type Intended,
  type PoolVerdict,
  type Said,
  verdictOf,
} from '../domain/dns-verdict.ts';
import { inParallel } from '../domain/parallel.ts';
import { type Pool, TRANSPORTS } from '../domain/pool.ts';
import { isNoReading, type Reading } from '../domain/reading.ts';
import { setsOf, zoneOf } from '../domain/record-sets.ts';
import type { Server } from '../domain/server.ts';
import { addressRecordsOf, type DnsRecord, recordsOf } from '../domain/srv.ts';
import { tenantRecordsOf } from '../domain/tenant-domain.ts';
import type { DnsCheck, StoredVerdict, ZoneServerState, ZoneState } from '../store/dns.ts';
import type { Reads } from '../store/store.ts';
import { note } from './audit.ts';
import { authoritiesOf, findZone, labelOf } from './authorities.ts';
import type { DnsHouse } from './publish-dns.ts';

const QUESTIONS_AT_ONCE = 32;
/** A check that takes longer asks nobody any more; the rest is unknown. */
const CHECK_MS_MAX = 240_000;
/** As many pools as the history keeps of one check; the last check is kept whole. */
const HISTORY_POOLS_MAX = 50;
const HISTORY_REASONS_MAX = 5;

/** Somebody to ask. */
type Asker = Asked & { readonly address: DnsServer };

/** SRV names of transports that the pool does not offer and does not deny. */
function absentOf(pool: Pool, domains: readonly string[], sets: readonly Rrset[]): SetKey[] {
  const there = new Set(sets.map(keyText));
  return domains
    .flatMap((domain) => setsOf(recordsOf({ ...pool, domain, transports: TRANSPORTS }, anyServers(pool))))
    .filter(({ type }) => type === 'SRV')
    .map(({ fqdn, type }) => ({ name: fqdn, type }))
    .filter((key) => !there.has(keyText(key)));
}

/** Names are all that is wanted of these records, so any host will do. */
const anyServers = (pool: Pool): Server[] =>
  pool.targets.map(({ server: name }) => ({
    name,
    host: 'host.invalid',
    addresses: [],
    capacity: null,
    state: 'active',
  }));

/** What each pool should look like, with the names of its tenants and the addresses of its servers. */
async function intendedOf(reads: Reads): Promise<Intended[]> {
  const [pools, servers] = [await reads.pools.list(), await reads.servers.list()];
  const { tenantDomains: base } = await reads.installation.get();
  const placements = base === null ? [] : await reads.tenants.placements();
  const tenantsOf = Map.groupBy(placements, ({ pool }) => pool);
  const addresses = addressRecordsOf(servers, pools);
  return pools.map((pool): Intended => {
    const own = recordsOf(pool, servers);
    const tenants = (tenantsOf.get(pool.name) ?? []).map(({ tenant }) => tenant);
    const ofTenants = base === null ? [] : tenants.map((tenant) => tenantRecordsOf(tenant, base, pool, servers));
    const used = new Set(pool.targets.map(({ server }) => server));
    const hosts = servers.filter(({ name }) => used.has(name)).map(({ host }) => host);
    const all: DnsRecord[] = [...own, ...ofTenants.flat(), ...addresses.filter(({ name }) => hosts.includes(name))];
    const sets = setsOf(all).map(rrsetOf);
    const domains = [pool.domain, ...ofTenants.flatMap(([first]) => (first === undefined ? [] : [domainIn(first)]))];
    return { pool: pool.name, sets, absent: absentOf(pool, domains, sets), hosts: [...new Set(hosts)] };
  });
}

/** The first record of a pool is its NAPTR, whose name is the domain itself. */
const domainIn = ({ name }: DnsRecord): string => name;

type Zone = { readonly name: string; readonly askers: readonly Asker[]; readonly faults: readonly DnsReason[] };

/** Does a server answer for a zone at all? Otherwise it is not asked for anything else in it. */
async function probe(dns: Dns, zone: string, asker: Asker): Promise<ZoneServerState> {
  const reading = await dns.query(asker.address, { name: zone, type: 'SOA', of: asker.of });
  const { server } = asker;
  if (isNoReading(reading)) return { server, state: reading.kind, why: reading.why, serial: null };
  if (reading.kind !== 'answer') return { server, state: reading.kind, why: 'it does not know the zone', serial: null };
  return { server, state: 'answers', why: null, serial: Number(reading.values[0]?.split(' ')[2]) };
}

const ANSWERS = 'answers';

/** The servers of a zone and the resolvers, each tried once. */
async function openZone(
  dns: Dns,
  { zone, target, resolvers }: { zone: string; target: DnsTarget | null; resolvers: readonly DnsServer[] },
): Promise<{ zone: Zone; state: ZoneState }> {
  const found = await authoritiesOf(dns, { zone, target, resolvers });
  const askers: Asker[] = [
    ...found.servers.map(({ server, label }): Asker => ({ server: label, of: 'authority', address: server })),
    ...resolvers.map((server): Asker => ({ server: `resolver ${labelOf(server)}`, of: 'resolver', address: server })),
  ];
  const states = await inParallel(askers, QUESTIONS_AT_ONCE, (asker) => probe(dns, zone, asker));
  const dead = states.flatMap(({ server, state, why }): DnsReason[] =>
    state === ANSWERS ? [] : [{ state: 'unknown', server, name: zone, why: `zone ${zone}: ${why} (${state})` }],
  );
  const living = askers.filter((_, index) => states[index]?.state === ANSWERS);
  return {
    zone: { name: zone, askers: living, faults: [...found.faults, ...dead] },
    state: { zone, servers: states },
  };
}

/** What the check knows of the world before it asks for pools: zones by name, and the zone of every name. */
async function openZones(
  dns: Dns,
  intended: readonly Intended[],
  targets: readonly DnsTarget[],
  resolvers: readonly DnsServer[],
) {
  const zones = new Map<string, { zone: Zone; state: ZoneState }>();
  const known = () => [...zones.keys(), ...targets.map(({ zone }) => zone)];
  const faults = new Map<string, string>();
  const names = new Set(intended.flatMap(({ sets, hosts }) => [...sets.map(({ name }) => name), ...hosts]));
  for (const name of [...names].sort((a, b) => a.length - b.length)) {
    let zone = zoneOf(name, known());
    if (zone === null) {
      // Records of one pool share their parents, so one question is asked for all of them.
      const parent = [...faults.keys()].find((one) => name.endsWith(`.${one}`));
      const found = parent === undefined ? await findZone(dns, resolvers, name) : { why: faults.get(parent) ?? '' };
      if ('why' in found) {
        faults.set(name, found.why);
        continue;
      }
      zone = found.zone;
    }
    if (zones.has(zone)) continue;
    const target = targets.find((one) => one.zone === zone) ?? null;
    zones.set(zone, await openZone(dns, { zone, target, resolvers }));
  }
  return { zones, faults };
}

type Question = SetKey & { readonly asker: Asker };

/** When nobody is asked any more: the time in milliseconds, and a sign that the house closes. */
type Limits = { readonly until: number; readonly stop: AbortSignal | null };

/** All questions of all pools, each asked once. */
async function askAll(
  house: DnsHouse,
  questions: readonly Question[],
  { until, stop }: Limits,
): Promise<Map<string, Said>> {
  const said = await inParallel(questions, QUESTIONS_AT_ONCE, async ({ name, type, asker }): Promise<Said> => {
    const late: Reading = {
      kind: 'silent',
      why: `the check took more than ${CHECK_MS_MAX / 1_000} s, it was not asked`,
    };
    stop?.throwIfAborted();
    const isLate = house.now().getTime() > until;
    const reading = isLate ? late : await house.dns.query(asker.address, { name, type, of: asker.of });
    return { name, type, server: asker.server, of: asker.of, reading };
  });
  return new Map(said.map((one) => [`${one.server} ${keyText(one)}`, one]));
}

/** Who is asked for a name: the servers of its zone and all resolvers. */
type AskersOf = (name: string) => { readonly askers: readonly Asker[]; readonly faults: readonly DnsReason[] };

const keysOf = ({ sets, absent, hosts }: Intended): SetKey[] => [
  ...sets.map(({ name, type }) => ({ name, type })),
  ...absent,
  ...hosts.flatMap((name): SetKey[] => [
    { name, type: 'A' },
    { name, type: 'AAAA' },
  ]),
];

function questionsFor(intended: readonly Intended[], askersOf: AskersOf): Question[] {
  const all = intended.flatMap((pool) =>
    keysOf(pool).flatMap(({ name, type }) => askersOf(name).askers.map((asker) => ({ name, type, asker }))),
  );
  return [...new Map(all.map((one) => [`${one.asker.server} ${keyText(one)}`, one])).values()];
}

const unique = <Item>(items: readonly Item[]): Item[] => [
  ...new Map(items.map((item) => [JSON.stringify(item), item])).values(),
];

function verdictsOf(
  intended: readonly Intended[],
  askersOf: AskersOf,
  answers: ReadonlyMap<string, Said>,
): PoolVerdict[] {
  return intended.map((pool) => {
    const keys = unique(keysOf(pool));
    const said = keys.flatMap((key) =>
      askersOf(key.name).askers.flatMap(({ server }) => answers.get(`${server} ${keyText(key)}`) ?? []),
    );
    return verdictOf(pool, unique(said), unique(keys.flatMap(({ name }) => askersOf(name).faults)));
  });
}

type Found = { readonly verdicts: readonly PoolVerdict[]; readonly zones: readonly ZoneState[] };

/** Asks everybody. Nothing is written. */
async function lookAround(house: DnsHouse, stop: AbortSignal | null): Promise<Found> {
  const { intended, targets, resolvers } = await house.store.snapshot(async (reads) => ({
    intended: await intendedOf(reads),
    targets: await reads.dns.targets(),
    resolvers: (await reads.dns.settings()).resolvers,
  }));
  if (targets.length === 0 && resolvers.length === 0) {
    return { verdicts: intended.map((pool) => verdictOf(pool, [])), zones: [] };
  }
  const until = house.now().getTime() + CHECK_MS_MAX;
  const { zones, faults } = await openZones(house.dns, intended, targets, resolvers);
  const names = [...zones.keys()];
  const askersOf: AskersOf = (name) => {
    const zone = zones.get(zoneOf(name, names) ?? '')?.zone;
    if (zone !== undefined) return zone;
    const parent = [...faults.keys()].find((one) => name === one || name.endsWith(`.${one}`));
    const why = faults.get(parent ?? '') ?? 'nobody knows its zone';
    return { askers: [], faults: [{ state: 'unknown', server: null, name, why }] };
  };
  stop?.throwIfAborted();
  const answers = await askAll(house, questionsFor(intended, askersOf), { until, stop });
  return { verdicts: verdictsOf(intended, askersOf, answers), zones: [...zones.values()].map(({ state }) => state) };
}

/** As much of a verdict as the history keeps. */
const shortened = (verdict: PoolVerdict): PoolVerdict => ({
  ...verdict,
  reasons: verdict.reasons.slice(0, HISTORY_REASONS_MAX),
  more: verdict.more + Math.max(0, verdict.reasons.length - HISTORY_REASONS_MAX),
});

type Run = {
  readonly id: number;
  readonly startedAt: string;
  readonly actor: Actor | null;
  readonly stop: AbortSignal | null;
};

async function run(house: DnsHouse, { id, startedAt, actor, stop }: Run): Promise<DnsCheck> {
  const { verdicts, zones } = await lookAround(house, stop);
  const count = (state: PoolVerdict['state']) => verdicts.filter((one) => one.state === state).length;
  const counts = { fine: count('fine'), drift: count('drift'), unknown: count('unknown') };
  const pools = verdicts
    .filter(({ state }) => state !== 'fine')
    .slice(0, HISTORY_POOLS_MAX)
    .map(shortened);
  const check = { id, startedAt, endedAt: house.now().toISOString(), ...counts, zones, pools };
  await house.store.transaction(async (tx) => {
    await tx.dns.end(check, verdicts);
    if (actor === null) return;
    await note(tx, house, actor, { action: 'dns.check', subject: 'dns', before: null, after: counts });
  });
  return check;
}

/** Checks all pools now. */
export async function checkDns(house: DnsHouse, actor: Actor): Promise<DnsCheck> {
  const startedAt = house.now().toISOString();
  const id = await house.store.transaction((tx) => tx.dns.begin(startedAt));
  return run(house, { id, startedAt, actor, stop: null });
}

const isConfigured = async (reads: Reads): Promise<boolean> =>
  (await reads.dns.settings()).resolvers.length > 0 || (await reads.dns.targets()).length > 0;

/**
 * One step of the schedule: checks when the time has come. Nothing happens as long as neither resolvers nor targets are
 * there. Whoever comes first takes the turn, so two processes do not check at the same time.
 * @returns the check, or null when it was not the time
 * @throws what `stop` was aborted with; nothing is kept of a check that is cut off
 */
export async function dnsTick(house: DnsHouse, stop: AbortSignal): Promise<DnsCheck | null> {
  const now = house.now();
  const isDue = async (reads: Reads) => {
    const { checkEveryS } = await reads.dns.settings();
    const last = await reads.dns.lastStart();
    const isOver = last === null || Math.abs(now.getTime() - Date.parse(last)) >= checkEveryS * 1_000;
    return checkEveryS > 0 && isOver && (await isConfigured(reads));
  };
  if (!(await house.store.snapshot(isDue))) return null;
  const startedAt = now.toISOString();
  const id = await house.store.transaction(async (tx) => ((await isDue(tx)) ? tx.dns.begin(startedAt) : null));
  return id === null ? null : run(house, { id, startedAt, actor: null, stop });
}

/** What is known of every pool: what was last found, or that nothing ever was. */
export type Drift = {
  /** When the last check ended; null before the first. */
  readonly at: string | null;
  readonly zones: readonly ZoneState[];
  readonly pools: readonly (PoolVerdict & { readonly at: string | null })[];
};

const UNCHECKED = 'it has not been checked yet';

const unchecked = (pool: string): Drift['pools'][number] => ({
  ...verdictOf(
    { pool, sets: [], absent: [], hosts: [] },
    [],
    [{ state: 'unknown', server: null, name: pool, why: UNCHECKED }],
  ),
  at: null,
});

/** Published against intended records, by pool, as the last check found them. */
export const dnsDrift = ({ store }: Pick<DnsHouse, 'store'>): Promise<Drift> =>
  store.snapshot(async (reads) => {
    const [last] = await reads.dns.checks({ before: null, limit: 1 });
    const verdicts = new Map((await reads.dns.verdicts()).map((one) => [one.pool, one]));
    const pools = (await reads.pools.list()).map(({ name }) => verdicts.get(name) ?? unchecked(name));
    return { at: last?.endedAt ?? null, zones: last?.zones ?? [], pools };
  });

/** How many intervals may pass before what was found is too old, and the least time for it. */
const [OLD_INTERVALS, OLD_MS_MIN] = [3, 900_000];

const ageText = (ms: number) => `${Math.round(ms / 60_000)} minutes ago`;

const isOld = (verdict: StoredVerdict, now: Date, checkEveryS: number) =>
  now.getTime() - Date.parse(verdict.at) > Math.max(OLD_MS_MIN, OLD_INTERVALS * checkEveryS * 1_000);

/**
 * What speaks against trusting the DNS of a pool: its last check was not fine, or is too old. Nothing where DNS is neither
 * published nor checked from here.
 */
export async function dnsWarnings(reads: Reads, pool: string, now: Date): Promise<string[]> {
  if (!(await isConfigured(reads))) return [];
  const verdict = await reads.dns.verdict(pool);
  if (verdict === null)
    return [`nobody knows what DNS answers for pool ${pool}: ${UNCHECKED}; run "homeport dns check"`];
  const [first] = verdict.reasons;
  const { checkEveryS } = await reads.dns.settings();
  const age = now.getTime() - Date.parse(verdict.at);
  if (isOld(verdict, now, checkEveryS))
    return [`the DNS of pool ${pool} was last checked ${ageText(age)}; check it again`];
  if (verdict.state === 'fine') return [];
  const what = verdict.state === 'drift' ? 'is not what it should be' : 'could not be read';
  return [`the DNS of pool ${pool} ${what}: ${first?.server ?? 'nobody'}: ${first?.why ?? 'no reason'}`];
}

/** Pools by state, and how old that knowledge is; for those who watch from outside. */
export type DnsCount = {
  readonly fine: number;
  readonly drift: number;
  readonly unknown: number;
  /** Seconds since the last check ended; null before the first. */
  readonly ageS: number | null;
};

/** Counts pools by the state of their DNS; null where DNS is neither published nor checked from here. */
export async function countDns({ store, now }: Pick<DnsHouse, 'store' | 'now'>): Promise<DnsCount | null> {
  if (!(await store.snapshot(isConfigured))) return null;
  const { at, pools } = await dnsDrift({ store });
  const count = (state: PoolVerdict['state']) => pools.filter((one) => one.state === state).length;
  const ageS = at === null ? null : Math.max(0, Math.round((now().getTime() - Date.parse(at)) / 1_000));
  return { fine: count('fine'), drift: count('drift'), unknown: count('unknown'), ageS };
}
