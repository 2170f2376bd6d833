// Where a request comes from.
import type { IncomingMessage } from 'node:http';

/** The peer's address; IPv4 that arrives on an IPv6 socket is written as IPv4. */
export const clientAddress = (request: IncomingMessage): string =>
  (request.socket.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/, '');
