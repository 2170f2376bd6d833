// Journey: what phones were given is kept as evidence, and phones that nobody has claimed are remembered. Records are
// collected and written in batches, away from the answers: a record that fails never costs a phone its file.
import { type Fetch, tidyUserAgent } from '../domain/fetch.ts';
import type { Mac } from '../domain/mac.ts';
import { joinSightings, type Unclaimed } from '../domain/unclaimed.ts';
import { log } from '../log.ts';
import type { Store } from '../store/store.ts';
import type { Vendors } from '../vendors/vendors.ts';
import type { Admitted, Contest, Stranger } from './serve-file.ts';

const FLUSH_EVERY_MS = 100;
const BATCH_MAX = 200;
/** After a failure: a full disk is not asked ten times a second, nor is the log filled with it. */
const REST_MS = 2_000;
/** When the database is away for long, the oldest records go first; the log says how many. */
const WAITING_MAX = 50_000;
/** So many unclaimed phones are remembered between two writings. */
const STRANGERS_MAX = 1_000;
/** A tenant whose list of unclaimed phones is full is left alone for so long: a sweep must not keep the database busy. */
const FULL_REST_MS = 10_000;
/** So many phones that somebody else asks for are remembered between two tellings, which lie so far apart. */
const CONTESTS_MAX = 1_000;
const TELL_AGAIN_MS = 300_000;

export type FetchFacts = Omit<Fetch, 'at' | 'model' | 'firmware'>;

export type FetchRecorder = {
  /** Never throws and never waits. */
  add(fetch: FetchFacts): void;
  /** Remembers a phone that nobody has claimed. Never throws and never waits. */
  meet(
    stranger: Stranger,
    request: { readonly address: string; readonly file: string; readonly userAgent: string },
  ): void;
  /** Remembers that a phone has used its present password. Never throws and never waits. */
  prove(used: NonNullable<Admitted['used']>): void;
  /** Tells that somebody asks for a phone whose files were handed to another address. Never throws and never waits. */
  contest(contest: Contest, address: string): void;
  /** How many records wait for the database, and how many were given up since the start. */
  backlog(): { readonly waiting: number; readonly dropped: number };
  /** Writes what is waiting. A crash loses at most what came within the last 100 ms. */
  flush(): Promise<void>;
  close(): Promise<void>;
};

type Recording = { readonly store: Store; readonly vendors: Vendors; readonly now: () => Date };

export function recordFetches({ store, vendors, now }: Recording): FetchRecorder {
  let waiting: Fetch[] = [];
  let droppedEver = 0;
  const met = new Map<Mac, Unclaimed>();
  /** Tenant → until when its strangers are let go, in milliseconds. */
  const full = new Map<string, number>();
  const proofs = rememberProofs({ store, now });
  let writing: Promise<void> = Promise.resolve();
  let failedAtMs: number | null = null;

  const isFull = (tenant: string) => performance.now() < (full.get(tenant) ?? 0);

  async function write(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, BATCH_MAX);
      await store.transaction((tx) => tx.fetches.add(batch));
      waiting = waiting.slice(batch.length);
    }
    await proofs.write();
    // A sighting that cannot be written is let go: the phone will ask again, and none may stand in the way of the next.
    const sightings = [...met.values()];
    met.clear();
    if (sightings.length === 0) return;
    await store.transaction(async (tx) => {
      for (const sighting of sightings) {
        if (await tx.unclaimed.see(sighting)) continue;
        full.set(sighting.tenant, performance.now() + FULL_REST_MS);
      }
    });
  }

  const flush = () => {
    const done = () => {
      failedAtMs = null;
    };
    writing = writing.then(write).then(done, (error: unknown) => {
      failedAtMs = performance.now();
      const dropped = Math.max(0, waiting.length - WAITING_MAX);
      waiting = waiting.slice(dropped);
      droppedEver += dropped;
      log.error({ error, waiting: waiting.length, dropped }, 'fetch records could not be written; trying again');
    });
    return writing;
  };

  const timer = setInterval(() => {
    const rests = failedAtMs !== null && performance.now() - failedAtMs < REST_MS;
    if (!rests && (waiting.length + met.size > 0 || proofs.areWaiting())) void flush();
  }, FLUSH_EVERY_MS);
  timer.unref();
  return {
    add(fetch) {
      const agent = vendors.readAgent(fetch.userAgent);
      const facts = { model: agent?.model ?? null, firmware: agent?.firmware ?? null };
      waiting.push({ ...fetch, ...facts, at: now().toISOString(), userAgent: tidyUserAgent(fetch.userAgent) });
    },
    meet({ mac, tenant, vendor }, { address, file, userAgent }) {
      if (isFull(tenant) || (met.size >= STRANGERS_MAX && !met.has(mac))) return;
      const agent = vendors.readAgent(userAgent);
      const at = now().toISOString();
      const facts = { vendor: agent?.vendor ?? vendor, model: agent?.model ?? null, firmware: agent?.firmware ?? null };
      const sighting = { mac, tenant, ...facts, address, file, firstAt: at, lastAt: at, requests: 1 };
      const before = met.get(mac);
      met.set(mac, before === undefined ? sighting : joinSightings(before, sighting));
    },
    prove: proofs.prove,
    contest: proofs.contest,
    backlog: () => ({ waiting: waiting.length, dropped: droppedEver }),
    flush,
    async close() {
      clearInterval(timer);
      await flush();
    },
  };
}

/** What phones prove, and who asks in their place, between two writings. */
function rememberProofs({ store, now }: Pick<Recording, 'store' | 'now'>) {
  const proven = new Map<Mac, { readonly password: string; readonly at: string }>();
  const contests = new Map<Mac, { readonly address: string; readonly at: string }>();
  /** Phone and address → when it was told last, in milliseconds. */
  const told = new Map<string, number>();
  function tell({ mac, tenant }: Contest, address: string): void {
    const key = `${mac} ${address}`;
    const moment = now().getTime();
    if (Math.abs(moment - (told.get(key) ?? Number.NEGATIVE_INFINITY)) < TELL_AGAIN_MS) return;
    if (told.size >= CONTESTS_MAX) told.clear();
    told.set(key, moment);
    const text = 'somebody else asks for a phone that was handed its files and has not used them: possible theft';
    log.warn({ event: 'enrolment_contested', mac, tenant, address }, text);
  }
  return {
    areWaiting: () => proven.size + contests.size > 0,
    /** What cannot be written is let go: the phone proves itself again, and who asks in its place asks again. */
    async write(): Promise<void> {
      const [used, contested] = [[...proven], [...contests]];
      proven.clear();
      contests.clear();
      if (used.length + contested.length === 0) return;
      await store.transaction(async (tx) => {
        for (const [mac, { password, at }] of used) await tx.credentials.used(mac, password, at);
        for (const [mac, contest] of contested) await tx.credentials.contest(mac, contest);
      });
    },
    prove({ mac, password }: NonNullable<Admitted['used']>): void {
      proven.set(mac, { password, at: now().toISOString() });
    },
    contest(contest: Contest, address: string): void {
      tell(contest, address);
      // The first one counts.
      if (contests.size < CONTESTS_MAX && !contests.has(contest.mac))
        contests.set(contest.mac, { address, at: now().toISOString() });
    },
  };
}
