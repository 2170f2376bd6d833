// Where a request comes from, and how: settled once when it arrives, before anybody looks at it.
import type { X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';

export type Source = {
  /** The client's address; IPv4 that arrives on an IPv6 socket is written as IPv4. */
  readonly address: string;
  /** Does the client speak TLS, to us or to a proxy of ours? */
  readonly secure: boolean;
  /** The client's certificate, not verified: it says nothing before it is. */
  certificate(): X509Certificate | null;
};

const SOURCES = new WeakMap<IncomingMessage, Source>();

/** An address as it is written everywhere: IPv4 by itself, IPv6 without its zone. */
export const plainAddress = (address: string): string =>
  address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '').replace(/%.*$/, '');

/** Where a request comes from when nobody stands in between. */
export function peerOf({ socket }: IncomingMessage): Source {
  const tls = socket as Partial<TLSSocket>;
  return {
    address: plainAddress(socket.remoteAddress ?? ''),
    secure: tls.encrypted === true,
    certificate: () => tls.getPeerX509Certificate?.() ?? null,
  };
}

/** Says where a request comes from, for everybody who asks later. */
export const settleSource = (request: IncomingMessage, source: Source): void => void SOURCES.set(request, source);

/** Where a request comes from. */
export const sourceOf = (request: IncomingMessage): Source => SOURCES.get(request) ?? peerOf(request);

/** The client's address: the peer's, or what a trusted proxy says of it. */
export const clientAddress = (request: IncomingMessage): string => sourceOf(request).address;

/** Does the client speak TLS, to us or to a trusted proxy? */
export const isSecure = (request: IncomingMessage): boolean => sourceOf(request).secure;
