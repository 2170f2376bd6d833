// Byte ranges (RFC 9110 section 14): phones that lost their connection in the middle of an image go on from there.

export type ByteRange = { readonly first: number; readonly last: number };

/**
 * What a `Range` header asks of a file of so many bytes.
 * @returns the range; null for the whole file (no header, or one of a form that may be ignored); `unsatisfiable` when no
 *   byte of the file is in it
 */
export function rangeOf(header: string | undefined, bytes: number): ByteRange | null | 'unsatisfiable' {
  const match = /^bytes=(?<first>\d{0,15})-(?<last>\d{0,15})$/.exec(header ?? '');
  const { first = '', last = '' } = match?.groups ?? {};
  if (match === null || (first === '' && last === '')) return null;
  if (first === '') {
    // The last so many bytes.
    const length = Math.min(Number(last), bytes);
    return length === 0 ? 'unsatisfiable' : { first: bytes - length, last: bytes - 1 };
  }
  if (last !== '' && Number(last) < Number(first)) return null;
  if (Number(first) >= bytes) return 'unsatisfiable';
  return { first: Number(first), last: last === '' ? bytes - 1 : Math.min(Number(last), bytes - 1) };
}
