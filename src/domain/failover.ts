// Who bears what: the load of every server as the pools' records spread it, now and with servers lost.
import type { Pool, Target } from './pool.ts';
import type { Server } from './server.ts';

export type Share = { readonly server: string; readonly port: number; readonly share: number };

/**
 * The share of a pool's phones that each target gets, by RFC 2782: those of the lowest priority that is reachable share the
 * load by weight, and evenly where all weights are 0. A weight of 0 beside others is "very small", here nothing.
 * @returns shares that add up to 1, or nothing when no server is left
 */
export function sharesOf(targets: readonly Target[], down: ReadonlySet<string>): Share[] {
  const reachable = targets.filter(({ server }) => !down.has(server));
  const best = Math.min(...reachable.map(({ priority }) => priority));
  const group = reachable.filter(({ priority }) => priority === best);
  const total = group.reduce((sum, { weight }) => sum + weight, 0);
  return group.map(({ server, port, weight }) => ({
    server,
    port,
    share: total === 0 ? 1 / group.length : weight / total,
  }));
}

/**
 * The shares while some phones stray: the share `strays` stands on the second best that is reachable, as it does normally
 * where packets get lost. Without a second best everybody is on the best.
 * @returns shares that add up to 1, or nothing when no server is left
 */
export function straySharesOf(targets: readonly Target[], down: ReadonlySet<string>, strays: number): Share[] {
  const best = sharesOf(targets, down);
  if (strays === 0) return best;
  const second = sharesOf(targets, new Set([...down, ...best.map(({ server }) => server)]));
  if (second.length === 0) return best;
  const part = (shares: readonly Share[], by: number) => shares.map((one) => ({ ...one, share: one.share * by }));
  return [...part(best, 1 - strays), ...part(second, strays)];
}

/** A tenant as a load: where it stands and what it weighs. */
export type Placement = { readonly tenant: string; readonly pool: string; readonly weight: number };

/** Server → load, in the unit of the tenants' weights; every server stands in it. */
export type Loads = { readonly [server: string]: number };

/** The load of every server while some are down. What no server can take is on none. */
export function loadsOf(
  servers: readonly Server[],
  pools: readonly Pool[],
  placements: readonly Placement[],
  down: ReadonlySet<string> = new Set(),
  strays = 0,
): Loads {
  const byPool = new Map<string, number>();
  for (const { pool, weight } of placements) byPool.set(pool, (byPool.get(pool) ?? 0) + weight);
  const loads: Record<string, number> = Object.fromEntries(servers.map(({ name }) => [name, 0]));
  for (const pool of pools) {
    const weight = byPool.get(pool.name) ?? 0;
    for (const { server, share } of straySharesOf(pool.targets, down, strays))
      loads[server] = (loads[server] ?? 0) + weight * share;
  }
  return loads;
}

export type ServerLoad = {
  readonly server: string;
  readonly capacity: number | null;
  readonly load: number;
  /** Lost server → what this one bears then. */
  readonly whenLost: Loads;
};

/** The load of every server now, and with each other server lost. */
export function failoverOf(
  servers: readonly Server[],
  pools: readonly Pool[],
  placements: readonly Placement[],
  strays = 0,
): ServerLoad[] {
  const down = downOf(servers);
  // One sum for each pool: a fleet has many more tenants than pools, and every server is lost once.
  const byPool = new Map<string, number>();
  for (const { pool, weight } of placements) byPool.set(pool, (byPool.get(pool) ?? 0) + weight);
  const sums = [...byPool].map(([pool, weight]) => ({ tenant: '', pool, weight }));
  const now = loadsOf(servers, pools, sums, down, strays);
  const lost = new Map(
    servers.map(({ name }) => [name, loadsOf(servers, pools, sums, new Set([...down, name]), strays)] as const),
  );
  return servers.map(({ name, capacity }) => ({
    server: name,
    capacity,
    load: now[name] ?? 0,
    whenLost: Object.fromEntries(
      [...lost].filter(([other]) => other !== name).map(([other, loads]) => [other, loads[name] ?? 0]),
    ),
  }));
}

const downOf = (servers: readonly Server[]) =>
  new Set(servers.filter(({ state }) => state === 'down').map(({ name }) => name));

/** Every server that would bear more than it can, as sentences. */
export const overloads = (loads: readonly ServerLoad[]): string[] =>
  loads.flatMap(({ server, capacity, load, whenLost }) => {
    if (capacity === null) return [];
    const now = load > capacity ? [`server ${server} bears ${load} of ${capacity}`] : [];
    const later = Object.entries(whenLost)
      .filter(([, then]) => then > capacity)
      .map(([lost, then]) => `with ${lost} lost server ${server} bears ${then} of ${capacity}`);
    return [...now, ...later];
  });
