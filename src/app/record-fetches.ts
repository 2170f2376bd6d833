// Journey: what phones were given is kept as evidence, and phones that nobody has claimed are remembered. Records are
// collected and written in batches, away from the answers: a record that fails never costs a phone its file.
import { type Fetch, tidyUserAgent } from '../domain/fetch.ts';
import type { Mac } from '../domain/mac.ts';
import { joinSightings, type Unclaimed } from '../domain/unclaimed.ts';
import { log } from '../log.ts';
import type { Store } from '../store/store.ts';
import type { Vendors } from '../vendors/vendors.ts';
import type { Stranger } from './serve-file.ts';

const FLUSH_EVERY_MS = 100;
const BATCH_MAX = 200;
/** When the database is away for long, the oldest records go first; the log says how many. */
const WAITING_MAX = 50_000;
/** So many unclaimed phones are remembered between two writings. */
const STRANGERS_MAX = 1_000;

export type FetchFacts = Omit<Fetch, 'at' | 'model' | 'firmware'>;

export type FetchRecorder = {
  /** Never throws and never waits. */
  add(fetch: FetchFacts): void;
  /** Remembers a phone that nobody has claimed. Never throws and never waits. */
  meet(
    stranger: Stranger,
    request: { readonly address: string; readonly file: string; readonly userAgent: string },
  ): void;
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
  let writing: Promise<void> = Promise.resolve();

  async function write(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, BATCH_MAX);
      await store.transaction((tx) => tx.fetches.add(batch));
      waiting = waiting.slice(batch.length);
    }
    // A sighting that cannot be written is let go: the phone will ask again, and none may stand in the way of the next.
    const sightings = [...met.values()];
    met.clear();
    if (sightings.length === 0) return;
    await store.transaction(async (tx) => {
      for (const sighting of sightings) await tx.unclaimed.see(sighting);
    });
  }

  const flush = () => {
    writing = writing.then(write).catch((error: unknown) => {
      const dropped = Math.max(0, waiting.length - WAITING_MAX);
      waiting = waiting.slice(dropped);
      droppedEver += dropped;
      log.error({ error, waiting: waiting.length, dropped }, 'fetch records could not be written; trying again');
    });
    return writing;
  };

  const timer = setInterval(() => {
    if (waiting.length + met.size > 0) void flush();
  }, FLUSH_EVERY_MS);
  timer.unref();
  return {
    add(fetch) {
      const agent = vendors.readAgent(fetch.userAgent);
      const facts = { model: agent?.model ?? null, firmware: agent?.firmware ?? null };
      waiting.push({ ...fetch, ...facts, at: now().toISOString(), userAgent: tidyUserAgent(fetch.userAgent) });
    },
    meet({ mac, tenant, vendor }, { address, file, userAgent }) {
      if (met.size >= STRANGERS_MAX && !met.has(mac)) return;
      const agent = vendors.readAgent(userAgent);
      const at = now().toISOString();
      const facts = { vendor: agent?.vendor ?? vendor, model: agent?.model ?? null, firmware: agent?.firmware ?? null };
      const sighting = { mac, tenant, ...facts, address, file, firstAt: at, lastAt: at, requests: 1 };
      const before = met.get(mac);
      met.set(mac, before === undefined ? sighting : joinSightings(before, sighting));
    },
    backlog: () => ({ waiting: waiting.length, dropped: droppedEver }),
    flush,
    async close() {
      clearInterval(timer);
      await flush();
    },
  };
}
