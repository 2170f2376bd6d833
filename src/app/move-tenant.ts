// Journey: a tenant moves to another pool. One transaction changes what all of its phones get, at once and together.
import type { Actor } from '../domain/access.ts';
import { conflict } from '../domain/errors.ts';
import { assignable, checkAssignable, primaryOf } from '../domain/pool.ts';
import type { Store } from '../store/store.ts';

export type MoveOrder = {
  readonly tenant: string;
  readonly pool: string;
  /** The revision of the tenant that the order was decided on; left out, the present one. */
  readonly revision?: number | undefined;
};

export type MoveReport = {
  readonly tenant: string;
  readonly fromPool: string;
  readonly toPool: string;
  readonly fromServer: string;
  readonly toServer: string;
  readonly phones: number;
  /** The tenant's revision after the move. */
  readonly revision: number;
  readonly warnings: readonly string[];
};

type Moving = { readonly store: Store; readonly now: () => Date };

/**
 * Moves a tenant.
 * @throws AppError `not_found` for a tenant or pool that does not exist, `invalid` for a pool that may not carry tenants,
 *   `conflict` when the tenant stands on that pool already or has changed since `revision`
 */
export async function moveTenant({ store, now }: Moving, order: MoveOrder, actor: Actor): Promise<MoveReport> {
  return store.transaction(async (tx) => {
    const tenant = await tx.tenants.get(actor.scope, order.tenant);
    if (order.revision !== undefined && order.revision !== tenant.revision) {
      throw conflict(
        `tenant ${tenant.code} has changed: it is at revision ${tenant.revision}, not ${order.revision}; look again`,
      );
    }
    const from = assignable(await tx.pools.get(tenant.pool));
    const to = assignable(await tx.pools.get(order.pool));
    if (to.name === from.name)
      throw conflict(`tenant ${tenant.code} is on pool ${to.name} already; nothing was changed`);
    await tx.tenants.place(tenant, to);
    const move = { tenant: tenant.code, fromPool: from.name, toPool: to.name, phones: tenant.phones };
    await tx.moves.add({ ...move, at: now().toISOString(), actor: actor.name });
    return {
      ...move,
      fromServer: primaryOf(from),
      toServer: primaryOf(to),
      revision: tenant.revision + 1,
      warnings: checkAssignable(to).warnings,
    };
  });
}
