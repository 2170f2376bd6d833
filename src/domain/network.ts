// Network addresses: what counts as one place, and what as this machine.

/** The place that an address stands for: an IPv4 address, or the /64 of an IPv6 address, which one customer has whole. */
export function placeOf(address: string): string {
  if (!address.includes(':')) return address;
  const partsOf = (text: string) => text.split(':').filter((part) => part !== '');
  const [head = '', tail = ''] = address.split('::');
  const [first, last] = [partsOf(head), partsOf(tail)];
  const zeros = Array.from({ length: Math.max(0, 8 - first.length - last.length) }, () => '0');
  return `${[...first, ...zeros, ...last].slice(0, 4).join(':')}::/64`;
}

/** Is this an address, or the host of a URL, by which a machine speaks to itself? */
export const isLoopback = (host: string): boolean =>
  /^(?:127(?:\.\d{1,3}){3}|localhost|\[?::1\]?)$/.test(host.toLowerCase());
