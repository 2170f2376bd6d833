// Journey: what should be published is published. First a plan is shown; whoever has seen it applies it by its digest. The
// whole of what is wanted is compared with the whole of what is there, so a publication that broke off heals at the next.
import { z } from 'zod';
import type { Dns, ZoneServer } from '../dns/dns.ts';
import type { Actor } from '../domain/access.ts';
import { digestOf } from '../domain/digest.ts';
import {
  canonicalValues,
  changesOf,
  keyText,
  type RecordChange,
  type Rrset,
  rrsetOf,
  type SetKey,
  tooMuch,
} from '../domain/dns-change.ts';
import type { DnsTarget } from '../domain/dns-target.ts';
import { AppError, conflict } from '../domain/errors.ts';
import { parseWith } from '../domain/parse.ts';
import { isNoReading } from '../domain/reading.ts';
import { setsOf, zoneOf } from '../domain/record-sets.ts';
import type { Store } from '../store/store.ts';
import { note } from './audit.ts';
import { authoritiesOf } from './authorities.ts';
import { desiredRecords } from './records.ts';

export type DnsHouse = { readonly store: Store; readonly dns: Dns; readonly now: () => Date };

/** What would be changed in one zone. */
export type ZonePlan = {
  readonly zone: string;
  readonly kind: DnsTarget['kind'];
  /** How many record sets of ours are published now. */
  readonly existing: number;
  readonly changes: readonly RecordChange[];
  /** Why this is more than is taken for meant; null when it is not. */
  readonly tooMuch: string | null;
  /** Why nobody knows what is published there; then nothing is planned. */
  readonly fault: string | null;
};

export type DnsPlan = {
  /** Of all changes with what they change: another digest is another plan. */
  readonly digest: string;
  readonly zones: readonly ZonePlan[];
  /** Names that no target's zone holds, so that nobody publishes them from here. */
  readonly elsewhere: readonly string[];
};

/** One zone with all that a plan of it is made from. */
type Work = { readonly target: DnsTarget; readonly wanted: readonly Rrset[]; readonly published: readonly SetKey[] };

type Wishes = { readonly work: readonly Work[]; readonly elsewhere: readonly string[] };

/** What should be published where. What we published once and want no longer is among it, to be taken out. */
const wishes = (store: Store): Promise<Wishes> =>
  store.snapshot(async (reads) => {
    const targets = await reads.dns.targets();
    const zones = targets.map(({ zone }) => zone);
    const wanted = setsOf(await desiredRecords(reads), zones).map(rrsetOf);
    const published = await reads.dns.published();
    const work = targets.map((target): Work => {
      const isInside = ({ name }: SetKey) => zoneOf(name, zones) === target.zone;
      return { target, wanted: wanted.filter(isInside), published: published.filter(isInside) };
    });
    const outside = wanted.filter(({ name }) => zoneOf(name, zones) === null).map(({ name }) => name);
    return { work, elsewhere: [...new Set(outside)] };
  });

const keysOf = ({ wanted, published }: Work): SetKey[] => {
  const keys = new Map([...wanted, ...published].map(({ name, type }) => [`${name} ${type}`, { name, type }]));
  return [...keys.values()];
};

type Planned = {
  readonly plan: ZonePlan;
  readonly server: ZoneServer;
  readonly work: Work;
  readonly error: AppError | null;
};

/** Reads what is published of ours in a zone and compares. */
async function planZone(dns: Dns, work: Work): Promise<Planned> {
  const { zone, kind } = work.target;
  const server = dns.connect(work.target);
  try {
    const there = await server.read(keysOf(work));
    const changes = changesOf(there, work.wanted);
    const existing = there.length;
    const plan = { zone, kind, existing, changes, tooMuch: tooMuch(zone, existing, changes), fault: null };
    return { plan, server, work, error: null };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const plan = { zone, kind, existing: 0, changes: [], tooMuch: null, fault: error.message };
    return { plan, server, work, error };
  }
}

async function planAll(dns: Dns, { work, elsewhere }: Wishes): Promise<{ plan: DnsPlan; zones: Planned[] }> {
  const zones: Planned[] = [];
  for (const one of work) zones.push(await planZone(dns, one));
  const plans = zones.map(({ plan }) => plan);
  const text = JSON.stringify(plans.map(({ zone, changes, fault }) => [zone, changes, fault !== null]));
  return { plan: { digest: digestOf(Buffer.from(text)), zones: plans, elsewhere }, zones };
}

/** What a publication would change now; nothing is changed. */
export const planPublication = async ({ store, dns }: Omit<DnsHouse, 'now'>): Promise<DnsPlan> =>
  (await planAll(dns, await wishes(store))).plan;

export const publicationSchema = z
  .strictObject({
    /** The digest of the plan that was shown. */
    digest: z.string(),
    /** Does it go on although more would change than is taken for meant? */
    force: z.boolean().default(false),
  })
  .readonly();

/** Whether a server that answers for the zone has the changes. `behind`: it still has what was there before. */
export type ServerReport = {
  readonly server: string;
  readonly state: 'same' | 'behind' | 'unknown';
  readonly why: string | null;
};

export type ZoneReport = {
  readonly zone: string;
  readonly outcome: 'published' | 'unchanged' | 'failed';
  /** How many changes there were, and how many are done. */
  readonly changes: number;
  readonly done: number;
  readonly why: string | null;
  readonly servers: readonly ServerReport[];
};

export type Publication = { readonly digest: string; readonly failed: number; readonly zones: readonly ZoneReport[] };

/**
 * Publishes what a plan showed. Each zone's servers are asked afterwards whether they have it.
 * @throws AppError `conflict` when the plan is not the one that was shown any more, or when the only zones that would change
 *   refuse; `unsafe` for more changes than are taken for meant, unless forced; `unavailable` when no server answers
 */
export async function publish(house: DnsHouse, input: unknown, actor: Actor): Promise<Publication> {
  const { digest, force } = parseWith(publicationSchema, input, 'the publication');
  const { plan, zones } = await planAll(house.dns, await wishes(house.store));
  if (plan.digest !== digest) {
    throw conflict(
      'what would be changed is not what was shown: DNS or what is wanted has changed; look at the plan again',
    );
  }
  const unsafe = plan.zones.flatMap(({ tooMuch }) => tooMuch ?? []);
  if (unsafe.length > 0 && !force) throw new AppError('unsafe', `${unsafe.join('; ')}; force it if it is meant`);
  await rememberWanted(house, zones);
  const reports: ZoneReport[] = [];
  for (const zone of zones) reports.push(await publishZone(house, zone));
  const failures = reports.filter(({ outcome }) => outcome === 'failed');
  if (failures.length > 0 && reports.every(({ done }) => done === 0)) {
    const code = zones.find(({ error }) => error !== null)?.error?.code ?? 'conflict';
    throw new AppError(code, failures.map(({ why }) => why).join('; '));
  }
  await finish(house, { digest, force, reports, zones }, actor);
  return { digest, failed: failures.length, zones: reports };
}

/** Before anything is sent: what is published and then forgotten in a crash would never be taken out again. */
const rememberWanted = (house: DnsHouse, zones: readonly Planned[]): Promise<void> =>
  house.store.transaction(async (tx) => {
    for (const { plan, work } of zones) {
      if (plan.fault !== null) continue;
      const keys = work.wanted.map(({ name, type }) => ({ name, type, zone: plan.zone }));
      await tx.dns.remember(keys, house.now().toISOString());
    }
  });

type Ended = { digest: string; force: boolean; reports: readonly ZoneReport[]; zones: readonly Planned[] };

/** Forgets what was taken out, and writes down what was done. */
const finish = (house: DnsHouse, { digest, force, reports, zones }: Ended, actor: Actor): Promise<void> =>
  house.store.transaction(async (tx) => {
    for (const [index, { work }] of zones.entries()) {
      if (reports[index]?.outcome === 'failed') continue;
      const wanted = new Set(work.wanted.map(keyText));
      await tx.dns.forget(work.published.filter((key) => !wanted.has(keyText(key))));
    }
    const done = Object.fromEntries(
      reports.map(({ zone, outcome, done: count, why }) => [zone, { outcome, done: count, why }]),
    );
    const after = { digest, force, zones: done };
    await note(tx, house, actor, { action: 'dns.publish', subject: 'dns', before: null, after });
  });

/** A change that is refused because the zone has changed is planned anew, this often, as long as it stays the same. */
const RACES_MAX = 3;

async function publishZone(house: DnsHouse, { plan, server, work }: Planned): Promise<ZoneReport> {
  const { zone } = plan;
  const count = plan.changes.length;
  const report = { zone, changes: count, done: 0, why: null, servers: [] };
  if (plan.fault !== null) return { ...report, outcome: 'failed', why: plan.fault };
  if (count === 0) return { ...report, outcome: 'unchanged' };
  const sent = await send(server, work, plan);
  const done = sent.why === null ? count : sent.done;
  if (sent.why !== null) return { ...report, outcome: 'failed', done, why: `zone ${zone}: ${sent.why}` };
  const servers = await readBack(house, work, plan.changes);
  return { ...report, outcome: 'published', done, servers };
}

/** Sends the changes and reads them back from the server that took them; `why` says what is not as it should be. */
async function send(server: ZoneServer, work: Work, plan: ZonePlan): Promise<{ done: number; why: string | null }> {
  let { changes } = plan;
  let done = 0;
  for (let races = 0; ; races++) {
    const written = await server.write(changes);
    done += written.done;
    if (written.kind !== 'done' && written.kind !== 'raced' && written.kind !== 'silent') {
      return { done, why: `${written.why}${doneText(done)}` };
    }
    // An update that got no answer may have been done all the same: only the zone itself can tell.
    let left: RecordChange[];
    try {
      left = changesOf(await server.read(keysOf(work)), work.wanted);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      return { done, why: error.message };
    }
    if (left.length === 0) return { done: plan.changes.length, why: null };
    const isPart = left.every((change) => changes.some((one) => JSON.stringify(one) === JSON.stringify(change)));
    if (written.kind === 'done') return { done, why: notKept(left) };
    if (!isPart)
      return { done, why: `somebody else has changed it meanwhile; look at the plan again${doneText(done)}` };
    if (written.kind === 'silent') return { done, why: `${written.why}${doneText(done)}` };
    if (races + 1 >= RACES_MAX) return { done, why: `it changes all the time; publish again${doneText(done)}` };
    changes = left;
  }
}

const doneText = (done: number) => (done === 0 ? '; nothing was changed' : `; ${done} changes are done`);

const notKept = (left: readonly RecordChange[]) =>
  `the server took the changes, but ${keyText(left[0] ?? { name: 'something', type: 'SRV' })} is not as it should be`;

const READ_BACK_MAX = 50;
const READ_BACK_TRIES = 10;
const READ_BACK_WAIT_MS = 500;

/** Asks all servers of the zone whether they have the changes; the others take them over from the primary in a while. */
async function readBack(
  { store, dns }: DnsHouse,
  work: Work,
  changes: readonly RecordChange[],
): Promise<ServerReport[]> {
  const { resolvers } = await store.dns.settings();
  const { servers } = await authoritiesOf(dns, { zone: work.target.zone, target: work.target, resolvers });
  const some = changes.slice(0, READ_BACK_MAX);
  return Promise.all(
    servers.map(async ({ server, label }): Promise<ServerReport> => {
      let report: Omit<ServerReport, 'server'> = { state: 'unknown', why: null };
      for (let tries = 0; tries < READ_BACK_TRIES; tries++) {
        if (tries > 0) await dns.wait(READ_BACK_WAIT_MS);
        report = await hasChanges(dns, server, some);
        if (report.state !== 'behind') break;
      }
      return { server: label, ...report };
    }),
  );
}

type HasChanges = Omit<ServerReport, 'server'>;

async function hasChanges(
  dns: Dns,
  server: DnsTarget['authorities'][number],
  changes: readonly RecordChange[],
): Promise<HasChanges> {
  for (const { name, type, after } of changes) {
    const reading = await dns.query(server, { name, type, of: 'authority' });
    if (isNoReading(reading)) return { state: 'unknown', why: `${name} ${type}: ${reading.why}` };
    const values = reading.kind === 'answer' ? canonicalValues(type, reading.values) : [];
    const isSame = values.join('\n') === (after?.values ?? []).join('\n') && reading.kind !== 'alias';
    if (!isSame) return { state: 'behind', why: `${name} ${type} is still as it was` };
  }
  return { state: 'same', why: null };
}
