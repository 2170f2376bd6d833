// Measures what tenants weigh from the PBX servers that are watched, where plans count calls or registrations: looks often,
// keeps the most of the hour, and writes that down once.
import type { Actor } from '../domain/access.ts';
import { MEASUREMENTS_MAX } from '../domain/measurement.ts';
import type { Reads, Store } from '../store/store.ts';
import { plainUser } from './convergence.ts';
import { putLoads } from './loads.ts';
import type { Watcher } from './watch-registrations.ts';

export type Measuring = {
  readonly store: Store;
  readonly now: () => Date;
  readonly watcher: Pick<Watcher, 'servers' | 'users' | 'at' | 'isKnown'>;
};

export type LoadMeter = {
  /** Looks once; at the end of an hour it writes down what it has seen. @returns how many tenants were written down */
  look(): Promise<number>;
};

const HOUR_MS = 3_600_000;
/** Under this name the measurements stand beside the loads. */
export const METER = 'PBX servers';

/** Counts by tenant. */
type Counts = Map<string, number>;

/** Starts to measure. The first hour begins with the first look. */
export function measureLoads({ store, now, watcher }: Measuring, actor: Actor): LoadMeter {
  let peaks: Counts = new Map();
  let began: number | null = null;

  /** Phones that belong to users at the servers, counted by tenant: those in a call, or all of them. */
  const countOf = async (reads: Reads, which: 'inUse' | 'registered'): Promise<Counts> => {
    const users = new Set<string>();
    for (const { server } of watcher.servers()) {
      for (const user of watcher.users(server)) {
        const isMeant = which === 'registered' || watcher.at(server, user).some(({ inUse }) => inUse === true);
        if (isMeant) users.add(plainUser(user));
      }
    }
    const counts: Counts = new Map();
    const seen = new Set<string>();
    for (const { user, mac, tenant } of await reads.phones.ofUsers([...users])) {
      // A phone talks once, however many of its lines are told to be busy; every line is registered for itself.
      const one = which === 'inUse' ? mac : `${mac} ${user}`;
      if (seen.has(one)) continue;
      seen.add(one);
      counts.set(tenant, (counts.get(tenant) ?? 0) + 1);
    }
    return counts;
  };

  /** What is written of the tenants whose servers can all be asked: of others nobody knows what was missed. */
  const measured = async (reads: Reads, measuredAt: string) => {
    const pools = new Map((await reads.pools.list()).map(({ name, targets }) => [name, targets]));
    const telling = new Set(watcher.servers().flatMap(({ server, inUse }) => (inUse === null ? [] : [server])));
    const registered = await countOf(reads, 'registered');
    return (await reads.tenants.placements()).flatMap(({ tenant, pool }) => {
      const servers = (pools.get(pool) ?? []).map(({ server }) => server);
      if (servers.length === 0 || !servers.every((server) => watcher.isKnown(server))) return [];
      const calls = servers.every((server) => telling.has(server)) ? (peaks.get(tenant) ?? 0) : null;
      return [{ tenant, calls, registrations: registered.get(tenant) ?? 0, source: METER, measuredAt }];
    });
  };

  return {
    async look() {
      const wanted = (await store.plans.planning()).load;
      if ((wanted !== 'calls' && wanted !== 'registrations') || watcher.servers().length === 0) {
        began = null;
        return 0;
      }
      const moment = now();
      if (began === null) {
        began = moment.getTime();
        peaks = new Map();
      }
      for (const [tenant, calls] of await store.study((reads) => countOf(reads, 'inUse'))) {
        peaks.set(tenant, Math.max(calls, peaks.get(tenant) ?? 0));
      }
      if (moment.getTime() - began < HOUR_MS) return 0;
      const items = await store.study((reads) => measured(reads, moment.toISOString()));
      began = moment.getTime();
      peaks = new Map();
      for (let at = 0; at < items.length; at += MEASUREMENTS_MAX) {
        await putLoads({ store, now }, { items: items.slice(at, at + MEASUREMENTS_MAX) }, actor);
      }
      return items.length;
    },
  };
}
