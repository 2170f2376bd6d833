// A fetch: one request of a known phone, kept as evidence of what it was given.
import type { Mac } from './mac.ts';

export type Fetch = {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly mac: Mac;
  readonly tenant: string;
  readonly method: string;
  readonly file: string;
  /** The HTTP status of the answer. */
  readonly status: number;
  /** Fingerprint of the file that the phone has now; null when it got none. */
  readonly digest: string | null;
  readonly address: string;
  /** At most 200 printable ASCII characters. */
  readonly userAgent: string;
  readonly model: string | null;
  readonly firmware: string | null;
  /** Which of the tenant's tokens stood in the path, by its public name; null when the phone came without one. */
  readonly tokenId: string | null;
};

const USER_AGENT_MAX = 200;

/** A user agent as it may be kept and shown: printable ASCII only, at most 200 characters. */
export const tidyUserAgent = (text: string): string => text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, USER_AGENT_MAX);
