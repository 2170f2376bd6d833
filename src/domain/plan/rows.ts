// The capacities as rows: for every server, now and with each other server lost, which pools load it and by how much.
import { straySharesOf } from '../failover.ts';
import type { Pool } from '../pool.ts';
import type { Server } from '../server.ts';
import type { Goals } from './goals.ts';

/** Load of a server in one state: the sum of coefficient × load over its pools. */
export type Row = {
  readonly server: string;
  /** The server that is lost in this state; null for the normal one. */
  readonly lost: string | null;
  readonly pools: readonly number[];
  readonly coefficients: readonly number[];
  /** Hard limit of the load; infinite when nobody has said the capacity or the goals do not ask for this state. */
  readonly capacity: number;
  /** The capacity that evenness is taken by; 0 when this row does not count for it. */
  readonly evenBy: number;
};

type Shares = ReadonlyMap<string, number>;

function sharesByServer(pool: Pool, down: ReadonlySet<string>, strays: number): Shares {
  const shares = new Map<string, number>();
  for (const { server, share } of straySharesOf(pool.targets, down, strays))
    shares.set(server, (shares.get(server) ?? 0) + share);
  return shares;
}

type Part = { pool: number; share: number };
const add = (parts: Map<string, Part[]>, server: string, part: Part) => {
  const list = parts.get(server);
  if (list === undefined) parts.set(server, [part]);
  else list.push(part);
};

/**
 * The rows of a fleet. A state with a server lost has rows only for servers that bear something else then.
 * @param available servers that may bear anything; the others count as lost in every state
 */
export function rowsOf(
  servers: readonly Server[],
  pools: readonly Pool[],
  available: ReadonlySet<string>,
  goals: Pick<Goals, 'strays' | 'survive' | 'balance'>,
): Row[] {
  const gone = servers.filter(({ name }) => !available.has(name)).map(({ name }) => name);
  const normal = pools.map((pool) => sharesByServer(pool, new Set(gone), goals.strays));
  const onServer = new Map<string, Part[]>();
  normal.forEach((shares, pool) => {
    for (const [server, share] of shares) if (share > 0) add(onServer, server, { pool, share });
  });
  const assumed = assumedCapacity(servers);
  const rowOf = (server: Server, lost: string | null, parts: readonly Part[]): Row => ({
    ...{
      server: server.name,
      lost,
      pools: parts.map(({ pool }) => pool),
      coefficients: parts.map(({ share }) => share),
    },
    capacity: (lost === null || goals.survive === 'one' ? server.capacity : null) ?? Number.POSITIVE_INFINITY,
    evenBy: lost === null || goals.balance === 'lost' ? (server.capacity ?? assumed) : 0,
  });
  const up = servers.filter(({ name }) => available.has(name));
  const rows = up.map((server) => rowOf(server, null, onServer.get(server.name) ?? []));
  if (goals.survive === 'none' && goals.balance === 'normal') return rows;
  for (const lost of up) {
    const changed = new Map<string, Map<number, number>>();
    pools.forEach((pool, index) => {
      if (!pool.targets.some(({ server }) => server === lost.name)) return;
      const then = sharesByServer(pool, new Set([...gone, lost.name]), goals.strays);
      for (const [server, share] of then) {
        if (share === normal[index]?.get(server)) continue;
        changed.set(server, (changed.get(server) ?? new Map()).set(index, share));
      }
    });
    for (const server of up) {
      const shares = changed.get(server.name);
      if (shares === undefined) continue;
      const kept = (onServer.get(server.name) ?? []).filter(({ pool }) => !shares.has(pool));
      rows.push(rowOf(server, lost.name, [...kept, ...[...shares].map(([pool, share]) => ({ pool, share }))]));
    }
  }
  return rows;
}

/** What a server of unknown capacity counts for in evenness: as much as the smallest known one. */
export function assumedCapacity(servers: readonly Server[]): number {
  const known = servers.flatMap(({ capacity }) => (capacity === null ? [] : [capacity]));
  return known.length === 0 ? 1 : Math.min(...known);
}
