// IPv4 and IPv6 addresses, each in one spelling, so that equal addresses are equal texts.
import { z } from 'zod';

/** Which record an address goes into. */
export const addressType = (address: string): 'A' | 'AAAA' => (address.includes(':') ? 'AAAA' : 'A');

/** Addresses that no server can be reached at: unspecified, multicast, broadcast and the reserved ones above. */
const NO_SERVER = /^(?:0|22[4-9]|2[3-5][0-9])\.|^::$|^ff[0-9a-f]{2}:/;

/** An IPv6 address in its canonical spelling (RFC 5952); an IPv4 address as it is. */
const canonical = (address: string): string =>
  addressType(address) === 'A' ? address : new URL(`http://[${address}]`).hostname.slice(1, -1);

/** An address that a server can have, in its canonical spelling. */
export const addressSchema = z
  .union([z.ipv4(), z.ipv6()], 'must be an IPv4 or IPv6 address such as 192.0.2.1 or 2001:db8::1')
  .transform(canonical)
  .refine((address) => !NO_SERVER.test(address), 'is no address that a server can be reached at');
