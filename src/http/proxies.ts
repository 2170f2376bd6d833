// What a proxy in front of a door says of its clients, and whether it is believed. Headers are anybody's text: only those
// of a peer that the configuration names count, read from the right, where the nearest proxy has written.
import { createHash, timingSafeEqual, type X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';
import { log } from '../log.ts';
import { peerOf, plainAddress, type Source } from './address.ts';
import { certificateInHeader } from './client-certificate.ts';

export type ProxyRules = {
  /** Networks and addresses, checked. */
  readonly networks: readonly string[];
  /** `x-forwarded-for` or `forwarded` (RFC 7239): one of them, because a proxy sets one and passes the other on. */
  readonly header: string;
  readonly certificateHeader: string | null;
  readonly secret: string | null;
};

export type Proxies = {
  /** Is this the address of a proxy? */
  trusts(address: string): boolean;
  /** Where a request comes from. */
  sourceOf(request: IncomingMessage): Source;
};

export const PROXY_SECRET_HEADER = 'x-homeport-proxy-secret';
const TELL_EVERY_MS = 60_000;
/** What stands further left is not looked at. */
const HOPS_MAX = 32;

type Hop = { readonly address: string; readonly secure: boolean | null };

/** Reads the rules. `now` is the time in milliseconds. */
export function openProxies(rules: ProxyRules, now: () => number): Proxies {
  const networks = new BlockList();
  for (const network of rules.networks) {
    const [address = '', bits = isIP(address) === 6 ? '128' : '32'] = network.split('/');
    networks.addSubnet(address, Number(bits), familyOf(address));
  }
  const trusts = (text: string) => {
    const address = plainAddress(text);
    return isIP(address) !== 0 && networks.check(address, familyOf(address));
  };
  const tell = teller(now);
  return {
    trusts,
    sourceOf(request) {
      const peer = peerOf(request);
      const isProxy = trusts(peer.address) && knowsSecret(rules.secret, request);
      if (!isProxy) {
        if (pretends(rules, request)) tell(peer.address);
        return peer;
      }
      const { address, secure } = clientOf(peer, hopsOf(rules.header, request), trusts);
      const { certificateHeader } = rules;
      return { address, secure, certificate: () => forwardedCertificate(certificateHeader, request) };
    },
  };
}

const familyOf = (address: string) => (isIP(address) === 6 ? 'ipv6' : 'ipv4');

/** Tells of headers from somebody who is no proxy, at most once a minute: a scanner sends thousands. */
function teller(now: () => number): (address: string) => void {
  let quietUntil = Number.NEGATIVE_INFINITY;
  return (address) => {
    if (now() < quietUntil) return;
    quietUntil = now() + TELL_EVERY_MS;
    log.warn(
      { address },
      'headers that only a proxy may set are ignored: they come from an address that HOMEPORT_TRUSTED_PROXIES does not name, or without the secret; told once a minute',
    );
  };
}

const digest = (text: string) => createHash('sha256').update(text).digest();

function knowsSecret(secret: string | null, request: IncomingMessage): boolean {
  if (secret === null) return true;
  const given = request.headers[PROXY_SECRET_HEADER];
  return typeof given === 'string' && timingSafeEqual(digest(given), digest(secret));
}

const pretends = ({ certificateHeader }: ProxyRules, { headers }: IncomingMessage) =>
  ['x-forwarded-for', 'x-forwarded-proto', 'forwarded', certificateHeader ?? 'client-cert', PROXY_SECRET_HEADER].some(
    (name) => headers[name] !== undefined,
  );

/**
 * From the nearest hop to the left while they are proxies of ours; the first that is not is the client. A hop without an
 * address still says how the client came: our proxy has written it.
 */
function clientOf(peer: Source, hops: readonly Hop[], trusts: (address: string) => boolean): Hop & { secure: boolean } {
  let client = { address: peer.address, secure: peer.secure };
  for (const { address, secure } of hops.toReversed()) {
    const isAddress = isIP(address) !== 0;
    client = { address: isAddress ? address : client.address, secure: secure ?? client.secure };
    if (!isAddress || !trusts(address)) break;
  }
  return client;
}

const textOf = (header: string | string[] | undefined): string => [header ?? []].flat().join(',');

function hopsOf(header: string, { headers }: IncomingMessage): Hop[] {
  if (header === 'forwarded') return splitOutsideQuotes(textOf(headers.forwarded), ',').slice(-HOPS_MAX).map(forwarded);
  const addresses = textOf(headers['x-forwarded-for']).split(',').slice(-HOPS_MAX);
  const schemes = textOf(headers['x-forwarded-proto']).split(',').slice(-HOPS_MAX);
  // A proxy that adds to both lists keeps them equally long. One that writes the scheme anew speaks of who spoke to it.
  const isPaired = schemes.length === addresses.length;
  const nearest = schemes.at(-1) ?? '';
  return addresses.map((text, at) => ({
    address: addressIn(text),
    secure: schemeIn(isPaired ? (schemes[at] ?? '') : nearest),
  }));
}

const schemeIn = (text: string): boolean | null =>
  ({ https: true, http: false })[text.trim().toLowerCase() as 'https' | 'http'] ?? null;

/** One element of `Forwarded` (RFC 7239 section 4): `for="[2001:db8::1]:4711";proto=https`. */
function forwarded(element: string): Hop {
  const pairs = splitOutsideQuotes(element, ';').map((pair): [string, string] => {
    const at = pair.indexOf('=');
    const value = pair.slice(at + 1).trim();
    return [pair.slice(0, Math.max(0, at)).trim().toLowerCase(), value.replace(/^"(.*)"$/, '$1')];
  });
  const parameters = new Map(pairs);
  return { address: addressIn(parameters.get('for') ?? ''), secure: schemeIn(parameters.get('proto') ?? '') };
}

const splitOutsideQuotes = (text: string, separator: ',' | ';'): string[] =>
  text.match(separator === ',' ? /(?:"[^"]*"|[^",])+/g : /(?:"[^"]*"|[^";])+/g) ?? [];

/** The address in `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1` or `[2001:db8::1]:80`; else something that is none. */
function addressIn(text: string): string {
  const trimmed = text.trim();
  const bare = /^\[([^\]]+)\](?::\d+)?$/.exec(trimmed)?.[1] ?? trimmed.replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1');
  const address = plainAddress(bare);
  // One spelling for each address, or one client would have many.
  return isIP(address) === 6 ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;
}

function forwardedCertificate(header: string | null, { headers }: IncomingMessage): X509Certificate | null {
  const value = header === null ? undefined : headers[header];
  return typeof value === 'string' ? certificateInHeader(value) : null;
}
