// Journey: who bears what now, and when servers are lost.
import { failoverOf, type ServerLoad } from '../domain/failover.ts';
import { failoverMatrix, type Matrix, type MatrixOrder } from '../domain/failover-matrix.ts';
import type { Store } from '../store/store.ts';
import { placementsNow } from './loads.ts';

/** The load of every server now, and with each other server lost. */
export const failoverNow = ({ store }: { readonly store: Store }): Promise<ServerLoad[]> =>
  store.snapshot(async (reads) =>
    failoverOf(await reads.servers.list(), await reads.pools.list(), await placementsNow(reads)),
  );

/**
 * Every state with one or two servers lost, and what comes back when they return.
 * @throws AppError `invalid` when there are too many servers for every pair
 */
export const matrixNow = ({ store }: { readonly store: Store }, order: MatrixOrder): Promise<Matrix> =>
  store.snapshot(async (reads) =>
    failoverMatrix(await reads.servers.list(), await reads.pools.list(), await placementsNow(reads), order),
  );
