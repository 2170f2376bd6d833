// Tokens: the secret part of a provisioning URL, of a key, of a session.
import { createHash } from 'node:crypto';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
const BITS = 5;

/** Random bytes as base32 in lower case (RFC 4648 section 6, no padding): it survives keypads and case folding. */
export function tokenText(bytes: Uint8Array): string {
  let text = '';
  let held = 0;
  let heldBits = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    heldBits += 8;
    while (heldBits >= BITS) {
      heldBits -= BITS;
      text += ALPHABET.charAt((held >> heldBits) & 31);
    }
    held &= (1 << heldBits) - 1;
  }
  return heldBits > 0 ? text + ALPHABET.charAt((held << (BITS - heldBits)) & 31) : text;
}

/** Tokens are looked up by their hash, so that the column shows nothing. They are random, so no slow hash is needed. */
export const hashToken = (token: string): string => createHash('sha256').update(token).digest('hex');

/** By what a token is spoken of: it tells tokens apart and opens nothing. */
export const tokenId = (hash: string): string => hash.slice(0, 12);

/** A token of a tenant, without the token. */
export type TokenFacts = {
  readonly id: string;
  /** ISO 8601; null where that is not known any more. */
  readonly madeAt: string | null;
  /** When it ends; null when nobody has said. */
  readonly endsAt: string | null;
  /** Is it the one in the provisioning URL? */
  readonly newest: boolean;
};
