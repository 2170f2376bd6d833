// Published instances: fleets made from a seed, the same on every machine. Tenants' sizes are lognormal, servers have
// capacities of 1, 1.5 and 2, one pool is new and empty, and the start is skewed towards the first pools.
import type { Fleet, PlannedTenant } from '../../src/domain/plan/goals.ts';
import type { Pool } from '../../src/domain/pool.ts';
import type { Server } from '../../src/domain/server.ts';

/** Numbers from 0 to 1 by a linear congruence: integer arithmetic only, so every machine makes the same ones. */
export function draws(seed: number): () => number {
  let state = (seed * 2_654_435_761 + 12_345) >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) / 16_777_216;
  };
}

export type Shape = {
  readonly tenants: number;
  readonly pools: number;
  readonly seed: number;
  /** Load by capacity when it is perfectly even. */
  readonly used?: number;
};

const name = (prefix: string, index: number) => `${prefix}${String(index).padStart(4, '0')}`;

/** Servers in a ring: pool k goes to server k and then to the next. */
export function ringFleet({ tenants: count, pools: many, seed, used = 0.35 }: Shape): Fleet {
  const random = draws(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const parts = Array.from({ length: many }, () => [1, 1.5, 2][Math.floor(random() * 3)] ?? 1);
  const drawn = Array.from({ length: count }, () => Math.max(1, Math.round(Math.exp(3 + 1.1 * normal()))));
  // No tenant is larger than what the smallest server bears beside a neighbour.
  const smallest = drawn.reduce((sum, size) => sum + size, 0) / used / parts.reduce((sum, part) => sum + part, 0);
  const sizes = drawn.map((size) => Math.min(size, Math.max(1, Math.floor(smallest * 0.4))));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const unit = total / used / parts.reduce((sum, part) => sum + part, 0);
  const servers = parts.map((part, index): Server => {
    const server = name('s', index);
    return {
      name: server,
      host: `${server}.example.com`,
      addresses: [],
      capacity: Math.ceil(part * unit),
      state: 'active',
    };
  });
  const pools = parts.map((_, index): Pool => {
    const target = (at: number, priority: number) => ({
      server: name('s', at % many),
      priority,
      weight: 10,
      port: 5060,
    });
    const pool = name('p', index);
    return {
      ...{ name: pool, domain: `${pool}.example.com`, transports: ['udp'], denyOtherTransports: false, ttl: 300 },
      targets: [target(index, 10), target(index + 1, 20)],
    };
  });
  const tenants = sizes.map((phones, index): PlannedTenant => {
    const at = Math.min(many - 2, Math.floor(random() ** 1.3 * (many - 1)));
    return {
      tenant: name('t', index),
      pool: name('p', at),
      phones,
      load: { kind: 'known', weight: phones, source: 'phones' },
    };
  });
  return { servers, pools, tenants };
}
