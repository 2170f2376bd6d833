// An unclaimed phone: it came with a tenant's token and nobody has said yet what it shall be.
import type { Mac } from './mac.ts';

export type Unclaimed = {
  readonly mac: Mac;
  /** The tenant whose provisioning URL the phone uses. */
  readonly tenant: string;
  /** What the file name and the user agent say; null where they say nothing. */
  readonly vendor: string | null;
  readonly model: string | null;
  readonly firmware: string | null;
  readonly address: string;
  /** The file that it asked for last. */
  readonly file: string;
  /** ISO 8601, UTC. */
  readonly firstAt: string;
  readonly lastAt: string;
  readonly requests: number;
};

/** So many are kept for a tenant; whoever has its token cannot fill the database with invented phones. */
export const UNCLAIMED_MAX = 1_000;

/** Two sightings of the same phone as one. */
export const joinSightings = (before: Unclaimed, after: Unclaimed): Unclaimed => ({
  ...after,
  vendor: after.vendor ?? before.vendor,
  model: after.model ?? before.model,
  firmware: after.firmware ?? before.firmware,
  firstAt: before.firstAt,
  requests: before.requests + after.requests,
});
