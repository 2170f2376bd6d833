// How many connections one place may have at a door. A limit for all together would shut out good phones while somebody
// fills it; this one shuts out whoever fills it.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { placeOf } from '../domain/network.ts';
import { plainAddress } from './address.ts';

/** A connection that has sent no request for so long, in milliseconds, may have to make room. */
const PATIENCE_MS = 1_000;

type Connection = { readonly socket: Socket; readonly since: number; state: 'new' | 'busy' | 'idle' };

export type Connections = {
  /** Takes a new connection in, or cuts it. */
  arrived(socket: Socket): void;
  /** Notes that a connection has something to do until its answer is sent. */
  asked(request: IncomingMessage, response: ServerResponse): void;
  /** Cuts every connection on which nobody waits for an answer. */
  cutWaiting(): void;
};

/**
 * Counts connections by place. A place that has its number gets a new one only when another makes room: one that waits
 * after an answer, or the oldest one that has not asked for anything. So a thousand phones behind one address are served
 * also while one of them keeps silent connections. `mostFor` says how many an address may have, `now` is milliseconds.
 */
export function countConnections(mostFor: (address: string) => number, now: () => number): Connections {
  const places = new Map<string, Map<Socket, Connection>>();
  const found = new Map<string, Connection>();
  return {
    arrived(socket) {
      const address = plainAddress(socket.remoteAddress ?? '');
      const place = placeOf(address);
      const present = places.get(place) ?? new Map<Socket, Connection>();
      if (present.size >= mostFor(address) && !makeRoom(present, now())) {
        socket.destroy();
        return;
      }
      const connection: Connection = { socket, since: now(), state: 'new' };
      present.set(socket, connection);
      places.set(place, present);
      const name = nameOf(socket);
      found.set(name, connection);
      socket.once('close', () => {
        if (found.get(name) === connection) found.delete(name);
        present.delete(socket);
        if (present.size === 0 && places.get(place) === present) places.delete(place);
      });
    },
    asked(request, response) {
      const connection = found.get(nameOf(request.socket));
      if (connection === undefined) return;
      connection.state = 'busy';
      response.once('close', () => {
        connection.state = 'idle';
      });
    },
    cutWaiting() {
      for (const { socket, state } of found.values()) if (state !== 'busy') socket.destroy();
    },
  };
}

/** A TLS connection has an object of its own on top of the one that was counted; both are called by where they end. */
const nameOf = ({ remoteAddress, remotePort, localAddress, localPort }: Socket): string =>
  `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;

/** Cuts a connection that nobody waits for. @returns whether there was one */
function makeRoom(present: Map<Socket, Connection>, now: number): boolean {
  const all = [...present.values()];
  const silent = all.find(({ state, since }) => state === 'new' && now - since >= PATIENCE_MS);
  const victim = all.find(({ state }) => state === 'idle') ?? silent;
  if (victim === undefined) return false;
  present.delete(victim.socket);
  victim.socket.destroy();
  return true;
}
