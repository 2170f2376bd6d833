// Networks as people write them (`192.0.2.0/24`, `2001:db8::/32`, or one address), and which addresses lie in them.
import { z } from 'zod';

const V4_BITS = 32n;
const V6_BITS = 128n;
const MAPPED = /^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i;

type Address = { readonly bits: bigint; readonly value: bigint };

function readV4(text: string): bigint | null {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255))
    return null;
  return parts.reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

function readV6(text: string): bigint | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const [head = [], tail = []] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return null;
  const groups = [...head, ...Array.from({ length: Math.max(0, missing) }, () => '0'), ...tail];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return null;
  return groups.reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n);
}

/** An address as a number; IPv4 within IPv6 is IPv4. Null for what is no address. */
function readAddress(text: string): Address | null {
  const plain = text.replace(MAPPED, '');
  const [bits, value] = plain.includes(':') ? [V6_BITS, readV6(plain)] : [V4_BITS, readV4(plain)];
  return value === null ? null : { bits, value };
}

type Network = Address & { readonly length: bigint };

function readNetwork(text: string): Network | null {
  const [host = '', length, ...rest] = text.split('/');
  const address = readAddress(host);
  if (address === null || rest.length > 0 || (length !== undefined && !/^\d{1,3}$/.test(length))) return null;
  const size = length === undefined ? address.bits : BigInt(length);
  return size > address.bits ? null : { ...address, length: size };
}

/** Does an address lie in a network? An address of the other family, or a text that is no address, does not. */
export function liesIn(address: string, network: string): boolean {
  const [one, of] = [readAddress(address), readNetwork(network)];
  if (one === null || of === null || one.bits !== of.bits) return false;
  return (one.value ^ of.value) >> (of.bits - of.length) === 0n;
}

/** A network, or one address, of IPv4 or IPv6. */
export const networkSchema = z
  .string()
  .max(50)
  .refine(
    (text) => readNetwork(text) !== null,
    'must be a network such as 192.0.2.0/24 or 2001:db8::/32, or an address',
  );
