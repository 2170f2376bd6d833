// The digest of a file: its fingerprint in ETags, fetch records and comparisons.
import { createHash } from 'node:crypto';

/** SHA-256 of the bytes, the first 32 hexadecimal digits: equal bytes have equal digests. */
export const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex').slice(0, 32);
