// Many journeys in one transaction: all of what they did is kept, or nothing.
import type { Store, Tx } from '../store/store.ts';

/** A store whose transactions are parts of one that is running already. */
const inside = (store: Store, tx: Tx): Store => ({
  ...store,
  ...tx,
  transaction: (work) => work(tx),
  snapshot: (work) => work(tx),
  study: (work) => work(tx),
});

/** Thrown to take everything back that was only tried. */
class TakenBack<Result> extends Error {
  readonly result: Result;

  constructor(result: Result) {
    super('taken back');
    this.result = result;
  }
}

/**
 * Runs journeys in one transaction. What they did is kept when `work` says so, and otherwise taken back; the result comes
 * out in both cases.
 */
export async function allOrNothing<House extends { readonly store: Store }, Result>(
  house: House,
  work: (inside: House, tx: Tx) => Promise<{ readonly keep: boolean; readonly result: Result }>,
): Promise<Result> {
  try {
    return await house.store.transaction(async (tx) => {
      const { keep, result } = await work({ ...house, store: inside(house.store, tx) }, tx);
      if (!keep) throw new TakenBack(result);
      return result;
    });
  } catch (error) {
    if (error instanceof TakenBack) return error.result as Result;
    throw error;
  }
}
