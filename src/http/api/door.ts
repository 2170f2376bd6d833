// What the pages of the admin door are given.
import type { Inventory } from '../../app/inventory.ts';
import type { Actor } from '../../domain/access.ts';

export type AdminDoor = Inventory & {
  readonly now: () => Date;
  /** The first API key, with the rights of the owner; null when there is none, and then nobody comes in. */
  readonly apiKey: string | null;
  /** How phones reach the phones' door, without a slash at the end. */
  readonly publicUrl: string;
};

declare module 'express-serve-static-core' {
  interface Locals {
    actor: Actor;
  }
}
