// Journey: which server would phones be at, if these were lost?
import { parseWith } from '../domain/parse.ts';
import type { Target } from '../domain/pool.ts';
import {
  checkDown,
  type Draws,
  drawMany,
  type Outcome,
  outcomeOf,
  type SimulationOrder,
  type SrvBehaviour,
  simulationSchema,
  type VendorCount,
} from '../domain/simulation.ts';
import type { Store } from '../store/store.ts';
import type { Vendors } from '../vendors/vendors.ts';

type Simulating = { readonly store: Store; readonly vendors: Vendors };

/** What a simulation starts from. */
type Ground = {
  readonly targets: readonly Target[];
  readonly phones: readonly VendorCount[];
  /** Servers that are known to be down, whatever is asked. */
  readonly down: readonly string[];
  readonly known: ReadonlySet<string>;
};

export type Simulation = Outcome & {
  /** All servers that were taken for lost. */
  readonly down: readonly string[];
  /** Vendor → how its phones choose, and how sure that is. */
  readonly behaviour: { readonly [vendor: string]: SrvBehaviour };
  /** The same with strays; null where none were asked for. */
  readonly strays: (Outcome & { readonly rate: number }) | null;
  readonly draws: Draws | null;
};

/**
 * Simulates a pool, or targets that are given.
 * @throws AppError `not_found` for a pool that does not exist, `invalid` for a lost server that nobody knows
 */
export async function simulate({ store, vendors }: Simulating, input: unknown): Promise<Simulation> {
  const order = parseWith(simulationSchema, input, 'the simulation');
  const { targets, phones, down, known } = await groundOf(store, order);
  checkDown(order.down, known);
  const behaviour = Object.fromEntries(vendors.ids.map((vendor) => [vendor, vendors.srv(vendor)]));
  const lost = new Set([...down, ...order.down].sort());
  const choices = Object.entries(behaviour).map(([vendor, { choice }]) => ({ vendor, choice }));
  const situation = { targets, phones, down: lost, vendors: choices };
  const { strays: rate, draws: count, seed } = order;
  return {
    ...outcomeOf(situation),
    down: [...lost],
    behaviour,
    strays: rate === 0 ? null : { rate, ...outcomeOf(situation, rate) },
    draws: count === undefined ? null : drawMany(targets, lost, { count, seed }),
  };
}

async function groundOf(store: Store, { pool: name, targets }: SimulationOrder): Promise<Ground> {
  if (name === undefined) {
    const given = targets ?? [];
    return { targets: given, phones: [], down: [], known: new Set(given.map(({ server }) => server)) };
  }
  return store.snapshot(async (reads) => {
    const pool = await reads.pools.get(name);
    const servers = await reads.servers.list();
    return {
      targets: pool.targets,
      phones: await reads.pools.phones(name),
      down: servers.filter(({ state }) => state === 'down').map((server) => server.name),
      known: new Set(servers.map((server) => server.name)),
    };
  });
}
