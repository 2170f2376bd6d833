// Opening and closing a door: a listening HTTP server with its limits set by hand, because Node's own are for patient
// clients (a dripping one may stay half a minute, a silent TLS handshake two).
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { AppError } from '../domain/errors.ts';
import { settleSource } from './address.ts';
import { type Connections, countConnections } from './connections.ts';
import type { Proxies } from './proxies.ts';
import { HANDSHAKE_TIMEOUT_MS, type Speaks, type Tls } from './tls.ts';

export type OpenDoor = {
  readonly port: number;
  /** Takes no new request, lets those in flight end, and cuts what is not done in time. */
  close(): Promise<void>;
};

export type Limits = ServerOptions & {
  /** How long a connection may stand still in the middle of an answer, in milliseconds. */
  readonly stillTimeout: number;
  /** Requests on one connection before it is closed. */
  readonly maxRequestsPerSocket: number;
};

export const PHONE_LIMITS = {
  headersTimeout: 8_000,
  requestTimeout: 15_000,
  connectionsCheckingInterval: 1_000,
  keepAliveTimeout: 5_000,
  maxHeaderSize: 8_192,
  stillTimeout: 30_000,
  maxRequestsPerSocket: 100,
} as const satisfies Limits;

export const ADMIN_LIMITS = {
  ...PHONE_LIMITS,
  requestTimeout: 120_000,
  maxHeaderSize: 16_384,
  // A large plan or table is worked on for a while before the first byte of its answer.
  stillTimeout: 600_000,
  maxRequestsPerSocket: 1_000,
} as const satisfies Limits;

/** Pages and scripts of one office; a proxy has more. */
export const ADMIN_CONNECTIONS_PER_ADDRESS = 256;

const DRAIN_MS = 10_000;
const SILENT_DRAIN_MS = 500;
/** A proxy keeps connections for all of its clients: as many times more, and for as long, in milliseconds. */
const PROXY_FACTOR = 64;
const PROXY_IDLE_MS = 75_000;

export type Place = {
  /** The variable that names the place, for what is said when it is taken. */
  readonly name: string;
  readonly listen: { readonly host: string; readonly port: number };
  readonly speaks: Speaks;
  /** Null where only HTTP is spoken. */
  readonly tls: Tls | null;
  /** Are clients asked for certificates? */
  readonly asksCertificate: boolean;
  readonly limits: Limits;
  readonly proxies: Proxies;
  /** How many connections one address may have; a proxy has more. */
  readonly connectionsPerAddress: number;
};

/** Opens a door. @throws AppError `unavailable` when the place is taken or not ours */
export async function openDoor(listener: RequestListener, place: Place): Promise<OpenDoor> {
  const { proxies, limits } = place;
  const mostFor = (address: string) => place.connectionsPerAddress * (proxies.trusts(address) ? PROXY_FACTOR : 1);
  const connections = countConnections(mostFor, () => performance.now());
  const server = serverFor(place, (request, response) => {
    settleSource(request, proxies.sourceOf(request));
    connections.asked(request, response);
    if (isProxied(proxies, request)) response.once('finish', () => request.socket.setTimeout(PROXY_IDLE_MS));
    listener(request, response);
  });
  server.setTimeout(limits.stillTimeout);
  server.maxRequestsPerSocket = limits.maxRequestsPerSocket;
  server.on('connection', (socket: Socket) => connections.arrived(socket));
  server.on('clientError', refuse);
  await listening(server, place);
  return { port: (server.address() as AddressInfo).port, close: () => closeServer(server, connections) };
}

const isProxied = ({ trusts }: Proxies, { socket }: IncomingMessage) => trusts(socket.remoteAddress ?? '');

function serverFor({ speaks, tls, limits, asksCertificate }: Place, listener: RequestListener): Server {
  if (speaks === 'http' || tls === null) return createServer(limits, listener);
  const options = {
    ...limits,
    ...tls.options(speaks),
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    requestCert: asksCertificate,
    // A phone without a good certificate may have another proof.
    rejectUnauthorized: false,
  };
  const server = createTlsServer(options, listener);
  tls.serve(server, speaks);
  // A handshake that fails is over; nothing is said on a connection that is not one.
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  return server;
}

const ANSWERS: Record<string, string> = {
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
};

/** Answers what is no request, in one way whatever it was, and closes. */
function refuse(error: NodeJS.ErrnoException, socket: Duplex): void {
  const { code = '' } = error;
  const isWorthAnAnswer = code.startsWith('HPE_') || code in ANSWERS;
  if (!isWorthAnAnswer || !socket.writable) {
    socket.destroy();
    return;
  }
  socket.end(`HTTP/1.1 ${ANSWERS[code] ?? '400 Bad Request'}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`, () =>
    socket.destroy(),
  );
}

const TAKEN: Record<string, string> = {
  EADDRINUSE: 'is taken by another program: stop it, or choose another port',
  EADDRNOTAVAIL: 'is no address of this machine',
  EACCES: 'may not be used by this user: ports below 1024 need a right of their own (CAP_NET_BIND_SERVICE)',
};

async function listening(server: Server, { name, listen }: Place): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = TAKEN[error.code ?? ''] ?? `cannot be opened (${error.code})`;
      reject(new AppError('unavailable', `${name}: ${listen.host} port ${listen.port} ${why}`));
    });
    server.listen(listen, resolve);
  });
}

async function closeServer(server: Server, connections: Connections): Promise<void> {
  const cut = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
  // A request may be on its way; who has said nothing by then is not waited for.
  const cutSilent = setTimeout(() => connections.cutWaiting(), SILENT_DRAIN_MS);
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
  clearTimeout(cut);
  clearTimeout(cutSilent);
}
