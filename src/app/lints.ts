// Journey: what is doubtful about servers and pools as they are.
import { type Lint, lintsOf } from '../domain/lints.ts';
import type { Store } from '../store/store.ts';
import { placementsNow } from './loads.ts';

/** Everything that is doubtful, errors first. */
export const lintFleet = ({
  store,
  publicUrl,
}: {
  readonly store: Store;
  /** How phones reach the phones' door. */
  readonly publicUrl: string;
}): Promise<Lint[]> =>
  store.snapshot(async (reads) =>
    lintsOf({
      servers: await reads.servers.list(),
      pools: await reads.pools.list(),
      placements: await placementsNow(reads),
      promisedMoveS: (await reads.installation.get()).promisedMoveS,
      provisioningHost: new URL(publicUrl).hostname,
    }),
  );
