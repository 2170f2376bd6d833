// What a DNS server said, or why nothing is known: the word for each way in which an answer can fail.

/** Nobody knows what is published there: each of these says why, and none of them is ever taken for an answer. */
export type NoReading = {
  /**
   * `lame`: it should answer for the zone and does not. `failed`: it says that it cannot. `silent`: nothing came back.
   * `garbled`: what came back is no answer.
   */
  readonly kind: 'refused' | 'failed' | 'silent' | 'garbled' | 'lame';
  readonly why: string;
};

export type Reading =
  | {
      readonly kind: 'answer';
      /** As they stand in a zone file, in the order of the answer. */
      readonly values: readonly string[];
      /** Seconds that are left of it, the least of its records. */
      readonly ttl: number;
      readonly authoritative: boolean;
    }
  /** The name is an alias (CNAME) of another one. */
  | { readonly kind: 'alias'; readonly to: string; readonly authoritative: boolean }
  /** There is no such name, or nothing of this type at it. */
  | { readonly kind: 'nxdomain' | 'nodata'; readonly authoritative: boolean }
  | NoReading;

const NO_READINGS: readonly string[] = ['refused', 'failed', 'silent', 'garbled', 'lame'] satisfies NoReading['kind'][];

export const isNoReading = (reading: Reading): reading is NoReading => NO_READINGS.includes(reading.kind);
