// What the pages of the admin door are given.
import type { Inventory } from '../../app/inventory.ts';
import type { PlanHouse } from '../../app/plans.ts';
import type { Attempts, Gate } from '../../app/sign-in.ts';
import type { Surroundings } from '../../app/surroundings.ts';
import type { Watcher } from '../../app/watch-registrations.ts';
import type { SweepGuard } from '../../app/watch-sweeps.ts';
import type { Dns } from '../../dns/dns.ts';
import type { Actor } from '../../domain/access.ts';
import type { Metrics } from '../../metrics.ts';
import type { Redirections } from '../../redirection/redirection.ts';

export type AdminDoor = Inventory &
  Gate & {
    /** Wrong passwords, and wrong keys. */
    readonly attempts: Attempts;
    readonly keyAttempts: Attempts;
    readonly metrics: Metrics;
    readonly redirections: Redirections;
    readonly surroundings: Surroundings;
    readonly dns: Dns;
    readonly watcher: Watcher;
    readonly sweeps: Pick<SweepGuard, 'sweeps'>;
    readonly planMaker: PlanHouse['planMaker'];
    /** How phones reach the phones' door, without a slash at the end. */
    readonly publicUrl: string;
    /** How people and programs reach this door, without a slash at the end; null when nobody has said. */
    readonly adminUrl: string | null;
  };

declare module 'express-serve-static-core' {
  interface Locals {
    /** Who asks; not there as long as nobody has come in. */
    actor?: Actor;
  }
}
