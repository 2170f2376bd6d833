// What the pages of the admin door are given.
import type { Inventory } from '../../app/inventory.ts';
import type { Attempts, Gate } from '../../app/sign-in.ts';
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
