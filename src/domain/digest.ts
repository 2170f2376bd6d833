// The digest of a file: its fingerprint in ETags, fetch records and comparisons.
import { createHash } from 'node:crypto';

/** SHA-256 of the bytes, the first 32 hexadecimal digits: equal bytes have equal digests. */
export const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex').slice(0, 32);

const REVISION_DIGITS = 12;

/**
 * The revision of something that has no counter: a number that its content gives, so that whoever has read another content
 * is found out. 0 stands for nothing. It has 48 bits and so is a number that JSON carries exactly.
 */
export const contentRevision = (text: string | null): number =>
  text === null ? 0 : Number.parseInt(digestOf(Buffer.from(text, 'utf8')).slice(0, REVISION_DIGITS), 16);
