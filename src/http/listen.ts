// Opening and closing a door: a listening HTTP server with its limits set by hand, because Node's own are for patient
// clients (a dripping one may stay half a minute).
import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import type { AddressInfo } from 'node:net';

export type OpenDoor = {
  readonly port: number;
  /** Takes no new request, lets those in flight end, and cuts what is not done in time. */
  close(): Promise<void>;
};

export const PHONE_LIMITS = {
  headersTimeout: 8_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 1_000,
  keepAliveTimeout: 5_000,
  maxHeaderSize: 8_192,
} as const satisfies ServerOptions;

export const ADMIN_LIMITS = { ...PHONE_LIMITS, requestTimeout: 120_000, maxHeaderSize: 16_384 } as const;

const DRAIN_MS = 10_000;

/** Opens a door. @throws Error when the address is taken or not ours */
export async function openDoor(
  listener: RequestListener,
  { host, port }: { host: string; port: number },
  limits: ServerOptions,
): Promise<OpenDoor> {
  const server = createServer(limits, listener);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, resolve);
  });
  return { port: (server.address() as AddressInfo).port, close: () => closeServer(server) };
}

async function closeServer(server: Server): Promise<void> {
  const cut = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
  clearTimeout(cut);
}
