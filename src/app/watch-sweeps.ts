// Journey: somebody walks through MAC addresses at the phones' door. Tells of it, in the log for whoever shuts them out and
// in numbers for whoever is to be woken, and answers who is to be trusted less while it lasts.
import type { Mac } from '../domain/mac.ts';
import { placeOf } from '../domain/network.ts';
import { type Outcome, SWEEP_LIMITS, type Sweep, type SweepLimits, watchForSweeps } from '../domain/sweep.ts';
import { log } from '../log.ts';
import type { Admitted } from './serve-file.ts';

/** What became of a request, for whoever watches over the door. */
export type Seen = {
  readonly address: string;
  /** The MAC address that the request is about, known or not; null when it names none. */
  readonly mac: Mac | null;
  /** The tenant whose token stood in the path. */
  readonly tenant: string | null;
  /** Is it a phone of ours that may be served with this token? */
  readonly isKnown: boolean;
  /** What was decided; `fault` when we could not. */
  readonly outcome: Admitted['outcome'] | 'fault';
};

export type SweepGuard = {
  /** Notes what a request came to. Never throws and never waits. */
  observe(seen: Seen): void;
  /** Is somebody walking through MAC addresses at this address's place, or with this tenant's token? */
  isSwept(asking: { readonly address: string; readonly tenant: string | null }): boolean;
  /** The sweeps that count now. */
  sweeps(): readonly Sweep[];
};

type Watching = {
  readonly now: () => Date;
  /** Is told of each sweep that begins. */
  readonly began: (kind: Sweep['kind']) => void;
  /** So many different phones asked for in vain from one place are a sweep; of one tenant, ten times as many. */
  readonly macs?: number;
};

/** A tenant's phones come from many places, and so does whoever walks through them from many. */
const TENANT_TIMES = 10;
/** While a sweep goes on, it is told again so seldom. */
const TELL_AGAIN_MS = 60_000;
/** So many sweeps are remembered as told. */
const TOLD_MAX = 10_000;

/** The limits for a number of phones from one place. */
export const sweepLimitsFor = (macs: number): SweepLimits => ({
  ...SWEEP_LIMITS,
  macs: { place: macs, tenant: macs * TENANT_TIMES },
});

/** What an answer means for the watch; null for what says nothing about who asks. */
function outcomeOf({ outcome, isKnown }: Seen): Outcome | null {
  switch (outcome) {
    case 'give':
    case 'enrol':
    case 'firstStage':
      return 'served';
    case 'challenge':
      // New phones that wait for their window ask for nobody but themselves: they would never end to be a sweep.
      return isKnown ? null : 'challenged';
    case 'nothing':
      return isKnown ? null : 'refused';
    case 'fault':
      return null;
  }
}

/** Begins to watch. */
export function watchSweeps({ now, began, macs = SWEEP_LIMITS.macs.place }: Watching): SweepGuard {
  const watch = watchForSweeps(sweepLimitsFor(macs));
  /** Place → when its sweep was told last. */
  const told = new Map<string, number>();

  // The format is a promise: docs/fail2ban/homeport.conf reads these lines, and so may others.
  const tell = ({ address, tenant }: Seen, { kind, macs: count }: Pick<Sweep, 'kind' | 'macs'>) =>
    log.warn({ address, kind, macs: count, tenant }, 'sweep');

  const tellAgain = (seen: Seen, place: string, at: number) => {
    if (Math.abs(at - (told.get(place) ?? Number.NEGATIVE_INFINITY)) < TELL_AGAIN_MS) return;
    const sweep = watch.sweeps(at).find(({ kind, of }) => kind === 'place' && of === place);
    if (sweep === undefined) return;
    if (told.size >= TOLD_MAX) told.clear();
    told.set(place, at);
    tell(seen, sweep);
  };

  return {
    observe(seen) {
      const outcome = outcomeOf(seen);
      if (seen.mac === null || outcome === null) return;
      const at = now().getTime();
      const place = placeOf(seen.address);
      const asking = { place, tenant: seen.tenant, mac: seen.mac };
      for (const sweep of watch.saw(asking, outcome, at)) {
        began(sweep.kind);
        if (sweep.kind === 'tenant') tell(seen, sweep);
      }
      if (outcome !== 'served' && watch.isSwept({ place, tenant: null }, at)) tellAgain(seen, place, at);
    },
    isSwept: ({ address, tenant }) => watch.isSwept({ place: placeOf(address), tenant }, now().getTime()),
    sweeps: () => watch.sweeps(now().getTime()),
  };
}
