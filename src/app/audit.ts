// What every journey that changes something does last: it writes down who did what.
import type { Actor } from '../domain/access.ts';
import { changesBetween, entryOf } from '../domain/audit.ts';
import type { Tx } from '../store/store.ts';

type Deed = {
  /** `tenant.move`, `phone.change`. */
  readonly action: string;
  readonly subject: string;
  /** The tenant that it concerns, if it concerns one. */
  readonly tenant?: string | null;
  /** What was before and what is after; null for something that is not there. Secrets are masked. */
  readonly before: object | null;
  readonly after: object | null;
};

/** Adds an entry to the audit, in the transaction of the change itself: one is never kept without the other. */
export const note = (
  tx: Tx,
  { now }: { readonly now: () => Date },
  actor: Actor,
  { action, subject, tenant = null, before, after }: Deed,
): Promise<void> =>
  tx.audit.add(entryOf(actor, now(), { action, subject, tenant, changes: changesBetween(before, after) }));
