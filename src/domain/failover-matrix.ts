// The failover view: what every server bears now, with any one or two lost, and what comes back when they return.
import { invalid } from './errors.ts';
import { loadsOf, type Placement } from './failover.ts';
import { bestServers, type Pool } from './pool.ts';
import type { Server } from './server.ts';

/** Servers up to which every pair is looked at: 64 of them have 2,016 pairs. */
export const PAIRED_SERVERS_MAX = 64;

/** Loads are sums of fractions: what is above a capacity by less than this share of it is rounding. */
const ROUNDING = 1e-9;

export type Cell = {
  readonly server: string;
  readonly capacity: number | null;
  readonly load: number;
  /** Load by capacity; null when nobody has said what the server bears. */
  readonly ratio: number | null;
  /** Is it more than the server bears? Null when that is not known. */
  readonly over: boolean | null;
  /** What the server bears more than now, and what leaves it when the lost ones return. */
  readonly more: number;
};

export type State = {
  /** The servers that are lost beside those that are down now; none for the state now. */
  readonly lost: readonly string[];
  readonly cells: readonly Cell[];
  /** Load that no server bears: its pools have none left. */
  readonly unborne: number;
  /** Load that comes back when the lost servers return, all of it registering anew within a short time. */
  readonly returning: number;
};

/** Two pools that are each other's backup: each of both servers must bear both loads. */
export type Mirror = {
  readonly pools: readonly [string, string];
  readonly servers: readonly [string, string];
  readonly load: number;
  readonly over: boolean;
  readonly sentence: string;
};

export type Matrix = { readonly states: readonly State[]; readonly mirrors: readonly Mirror[] };

export type MatrixOrder = {
  /** How many servers may be lost at once. */
  readonly lost: 1 | 2;
  /** The share of phones that normally stands on the second best server. */
  readonly strays: number;
};

/**
 * The load of every server now and in every state with one server lost, or with any two.
 * @throws AppError `invalid` when there are too many servers for every pair
 */
export function failoverMatrix(
  servers: readonly Server[],
  pools: readonly Pool[],
  placements: readonly Placement[],
  { lost, strays }: MatrixOrder,
): Matrix {
  const up = servers.filter(({ state }) => state !== 'down').map(({ name }) => name);
  if (lost === 2 && up.length > PAIRED_SERVERS_MAX)
    throw invalid(
      `${up.length} servers have too many pairs to look at, at most ${PAIRED_SERVERS_MAX}; ask for one lost`,
    );
  const down = servers.filter(({ state }) => state === 'down').map(({ name }) => name);
  const loads = (gone: readonly string[]) => loadsOf(servers, pools, placements, new Set([...down, ...gone]), strays);
  const total = placements.reduce((sum, { weight }) => sum + weight, 0);
  const now = loads([]);
  const stateOf = (gone: readonly string[]): State => {
    const then = loads(gone);
    const borne = Object.values(then).reduce((sum, load) => sum + load, 0);
    return {
      lost: gone,
      cells: servers.map((server) => cellOf(server, then[server.name] ?? 0, now[server.name] ?? 0)),
      unborne: Math.max(0, total - borne > ROUNDING * total ? total - borne : 0),
      returning: gone.reduce((sum, name) => sum + (now[name] ?? 0), 0),
    };
  };
  const pairs = up.flatMap((one, index) => up.slice(index + 1).map((other) => [one, other]));
  const gone = [[], ...up.map((name) => [name]), ...(lost === 2 ? pairs : [])];
  return { states: gone.map(stateOf), mirrors: mirrorsOf(servers, pools, placements) };
}

function cellOf({ name, capacity }: Server, load: number, now: number): Cell {
  return {
    ...{ server: name, capacity, load },
    ratio: capacity === null ? null : load / capacity,
    over: capacity === null ? null : load > capacity * (1 + ROUNDING),
    more: load - now,
  };
}

/** The two servers that a pool goes to first and then, when it is that simple. */
function orderOf(pool: Pool): readonly [string, string] | null {
  const best = bestServers(pool);
  const rest = pool.targets.filter(({ server }) => !best.includes(server));
  const next = rest.length === 0 ? [] : bestServers({ ...pool, targets: rest });
  const [[first], [second]] = [best, next];
  return best.length === 1 && next.length === 1 && first !== undefined && second !== undefined ? [first, second] : null;
}

/** Every two pools that mirror each other, with what that means for their servers. */
function mirrorsOf(
  servers: readonly Server[],
  pools: readonly Pool[],
  placements: readonly Placement[],
): readonly Mirror[] {
  const loadOf = (pool: string) => placements.reduce((sum, one) => sum + (one.pool === pool ? one.weight : 0), 0);
  const capacityOf = (name: string) => servers.find((server) => server.name === name)?.capacity ?? null;
  const ordered = pools.flatMap((pool) => {
    const order = orderOf(pool);
    return order === null ? [] : [{ pool: pool.name, first: order[0], second: order[1] }];
  });
  return ordered.flatMap((one, index) =>
    ordered.slice(index + 1).flatMap((other): Mirror[] => {
      if (one.first !== other.second || one.second !== other.first) return [];
      const load = loadOf(one.pool) + loadOf(other.pool);
      const small = [one.first, one.second].filter((name) => load > (capacityOf(name) ?? Number.POSITIVE_INFINITY));
      const verdict = small.map((name) => `${name} bears only ${capacityOf(name)}`);
      return [
        {
          ...{ pools: [one.pool, other.pool], servers: [one.first, one.second], load, over: small.length > 0 },
          sentence:
            `pools ${one.pool} and ${other.pool} mirror each other: ${one.first} and ${one.second} must each be able to ` +
            `bear both loads, ${load} in all${verdict.length === 0 ? '' : `, but ${verdict.join(' and ')}`}`,
        },
      ];
    }),
  );
}
