// Is somebody walking through MAC addresses? Not how often a place asks tells that, but for how many different phones it asks
// in vain: a thousand phones behind one address are served and count for nothing, a scanner meets strangers all the time.
import type { Mac } from './mac.ts';

/** What a request came to. `challenged`: it was asked for a proof, and a phone comes back with it within seconds. */
export type Outcome = 'served' | 'challenged' | 'refused';

/** Who asked for which phone's file. */
export type Asking = {
  /** The network place, as `placeOf` names it. */
  readonly place: string;
  /** The tenant whose token stood in the request; null for none that is known. */
  readonly tenant: string | null;
  readonly mac: Mac;
};

/** A walk that has been noticed. */
export type Sweep = {
  readonly kind: 'place' | 'tenant';
  /** The place that asks, or the tenant whose phones are asked for from many places. */
  readonly of: string;
  /** For how many different phones it asked in vain within the window, counted up to the limit. */
  readonly macs: number;
  /** Until when it counts as one, unless it goes on; milliseconds since 1970. */
  readonly until: number;
};

export type SweepLimits = {
  /** So many different phones asked for in vain are a sweep: from one place, or with the token of one tenant. */
  readonly macs: { readonly place: number; readonly tenant: number };
  readonly windowMs: number;
  /** How long a phone may take to answer a challenge. */
  readonly proofMs: number;
  /** How long a sweep counts after its last request. */
  readonly cutMs: number;
  /** How many MAC addresses are kept in memory, over all places. */
  readonly entriesMax: number;
};

export const SWEEP_LIMITS: SweepLimits = {
  macs: { place: 50, tenant: 500 },
  windowMs: 600_000,
  proofMs: 20_000,
  cutMs: 600_000,
  entriesMax: 200_000,
};

export type SweepWatch = {
  /** Notes what a request came to at a moment, in milliseconds since 1970; answers the sweeps that it has begun. */
  saw(asking: Asking, outcome: Outcome, at: number): readonly Sweep[];
  /** Is this place, or this tenant, being swept? Then a token alone is no proof for a phone that is not at home there. */
  isSwept(asking: Pick<Asking, 'place' | 'tenant'>, at: number): boolean;
  /** The sweeps that count at a moment. */
  sweeps(at: number): readonly Sweep[];
};

type Watched = {
  readonly kind: Sweep['kind'];
  readonly of: string;
  /** The phones asked for in vain, and when; the oldest first. */
  readonly refused: Map<Mac, number>;
  /** The phones that were asked for a proof and have not come back. */
  readonly challenged: Map<Mac, number>;
  until: number;
};

/** Begins to watch. State is bounded by `entriesMax`; the places that have been quiet longest are forgotten first. */
export function watchForSweeps(limits: SweepLimits = SWEEP_LIMITS): SweepWatch {
  const watched = new Map<string, Watched>();
  const keysOf = ({ place, tenant }: Pick<Asking, 'place' | 'tenant'>) => [
    ['place', place] as const,
    ...(tenant === null ? [] : [['tenant', tenant] as const]),
  ];
  const keyOf = (kind: Sweep['kind'], of: string) => `${kind} ${of}`;
  let entries = 0;

  const isSweptBy = (kind: Sweep['kind'], of: string, at: number) => (watched.get(keyOf(kind, of))?.until ?? 0) > at;
  const set = (map: Map<Mac, number>, mac: Mac, at: number) => {
    if (!map.delete(mac)) entries++;
    map.set(mac, at);
  };
  const drop = (map: Map<Mac, number>, mac: Mac) => {
    if (map.delete(mac)) entries--;
  };
  const forgetQuiet = () => {
    for (const [key, { refused, challenged }] of watched) {
      if (entries <= limits.entriesMax) return;
      entries -= refused.size + challenged.size;
      watched.delete(key);
    }
  };

  /** Moves on to a moment: unanswered challenges become refusals, and what is older than the window is forgotten. */
  const settle = ({ refused, challenged }: Watched, at: number) => {
    for (const [mac, since] of challenged) {
      if (at - since < limits.proofMs) break;
      drop(challenged, mac);
      set(refused, mac, since);
    }
    for (const [mac, since] of refused) {
      if (at - since < limits.windowMs) break;
      drop(refused, mac);
    }
  };

  const seen = (kind: Sweep['kind'], of: string): Watched => {
    const key = keyOf(kind, of);
    const one = watched.get(key) ?? { kind, of, refused: new Map(), challenged: new Map(), until: 0 };
    watched.delete(key);
    watched.set(key, one);
    return one;
  };

  const shown = ({ kind, of, refused, until }: Watched): Sweep => ({ kind, of, macs: refused.size, until });

  /** Answers whether the sweep begins here. */
  const count = (one: Watched, mac: Mac, outcome: Outcome, at: number): boolean => {
    const limit = limits.macs[one.kind];
    settle(one, at);
    if (outcome === 'served') {
      drop(one.challenged, mac);
      drop(one.refused, mac);
    } else if (one.refused.size < limit && !one.refused.has(mac)) {
      set(outcome === 'refused' ? one.refused : one.challenged, mac, at);
    }
    if (outcome === 'served' || one.refused.size < limit) return false;
    const begins = one.until <= at;
    one.until = at + limits.cutMs;
    return begins;
  };

  return {
    saw(asking, outcome, at) {
      const begun = keysOf(asking).flatMap(([kind, of]) => {
        // What one place does alone is held against it, not against the tenant's phones elsewhere.
        if (kind === 'tenant' && isSweptBy('place', asking.place, at)) return [];
        // A place that is only served needs no memory.
        if (outcome === 'served' && !watched.has(keyOf(kind, of))) return [];
        const one = seen(kind, of);
        return count(one, asking.mac, outcome, at) ? [shown(one)] : [];
      });
      if (entries > limits.entriesMax) forgetQuiet();
      return begun;
    },
    isSwept: (asking, at) => keysOf(asking).some(([kind, of]) => isSweptBy(kind, of, at)),
    sweeps: (at) => [...watched.values()].filter(({ until }) => until > at).map(shown),
  };
}
