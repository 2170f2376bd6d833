// Journey: who bears what now, and when a server is lost.
import { failoverOf, type ServerLoad } from '../domain/failover.ts';
import type { Store } from '../store/store.ts';

/** The load of every server now, and with each other server lost. */
export const failoverNow = ({ store }: { readonly store: Store }): Promise<ServerLoad[]> =>
  store.snapshot(async (reads) =>
    failoverOf(await reads.servers.list(), await reads.pools.list(), await reads.tenants.placements()),
  );
