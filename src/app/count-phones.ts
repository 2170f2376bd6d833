// Journey: somebody watches the house from outside and asks how many phones there are, and how many are heard of.
import type { VendorCount } from '../store/counts.ts';
import type { Store } from '../store/store.ts';

export type HouseCount = {
  /** By vendor; `fetched` within the last 24 hours, `silent` for 48 hours. */
  readonly phones: readonly VendorCount[];
  /** How many phones nobody has claimed. */
  readonly unclaimed: number;
};

const HOUR_MS = 3_600_000;
const FETCHED_MS = 24 * HOUR_MS;
/** Twice the day in which every phone asks. */
const SILENT_MS = 48 * HOUR_MS;

type Counting = { readonly store: Store; readonly now: () => Date };

/** Counts phones. It takes a while with very many, in pages; phones are answered between them. */
export async function countPhones({ store, now }: Counting): Promise<HouseCount> {
  const ago = (ms: number) => new Date(now().getTime() - ms).toISOString();
  const phones = await store.counts.phones({ fetchedSince: ago(FETCHED_MS), silentSince: ago(SILENT_MS) });
  return { phones, unclaimed: await store.counts.unclaimed() };
}
