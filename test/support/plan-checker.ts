// Checks a plan against everything that must hold. It shares no code with the planner: it counts anew, tenant by tenant.
import type { Fleet, Plan, PlanOrder } from '../../src/domain/plan/goals.ts';

type Targets = Fleet['pools'][number]['targets'];

/** Where a pool's phones are: server → share, by RFC 2782, with strays on the second best. */
function whereabouts(targets: Targets, gone: (server: string) => boolean, strays: number): Record<string, number> {
  const there = targets.filter((one) => !gone(one.server)).toSorted((a, b) => a.priority - b.priority);
  const group = (list: typeof there) => list.filter(({ priority }) => priority === list[0]?.priority);
  const best = group(there);
  const second = group(there.filter(({ server }) => !best.some((one) => one.server === server)));
  const result: Record<string, number> = {};
  const spread = (list: typeof there, part: number) => {
    const all = list.reduce((sum, { weight }) => sum + weight, 0);
    for (const { server, weight } of list)
      result[server] = (result[server] ?? 0) + (part * (all === 0 ? 1 : weight)) / (all === 0 ? list.length : all);
  };
  spread(best, second.length > 0 ? 1 - strays : 1);
  if (second.length > 0 && strays > 0) spread(second, strays);
  return result;
}

const weighs = ({ load }: Fleet['tenants'][number]) => (load.kind === 'known' ? load.weight : load.fallback);

/** A fleet as it is checked: servers in the states that the order wants. */
export function arrange(fleet: Fleet, order: PlanOrder) {
  const servers = [...fleet.servers, ...order.add.servers].map((server) => {
    if (order.drain.includes(server.name) || order.remove.includes(server.name))
      return { ...server, state: 'draining' };
    return order.bringBack.includes(server.name) ? { ...server, state: 'active' } : server;
  });
  const pools = new Map([...fleet.pools, ...order.add.pools].map((pool) => [pool.name, pool]));
  return { servers, pools, dead: (name: string) => servers.find((one) => one.name === name)?.state !== 'active' };
}

/** "lost server/server" → load, for the normal state (lost is empty) and every single loss. */
export function loadsByState(fleet: Fleet, order: PlanOrder, at: ReadonlyMap<string, string>): Map<string, number> {
  const { servers, pools, dead } = arrange(fleet, order);
  const sums = new Map<string, number>();
  for (const one of fleet.tenants) {
    const pool = at.get(one.tenant) ?? one.pool;
    sums.set(pool, (sums.get(pool) ?? 0) + weighs(one));
  }
  const loads = new Map<string, number>();
  const up = servers.filter(({ name }) => !dead(name)).map(({ name }) => name);
  for (const lost of ['', ...(order.goals.survive === 'one' || order.goals.balance === 'lost' ? up : [])])
    for (const [pool, sum] of sums) {
      const targets = pools.get(pool)?.targets ?? [];
      const shares = whereabouts(targets, (name) => name === lost || dead(name), order.goals.strays);
      for (const [server, share] of Object.entries(shares)) {
        const key = `${lost}/${server}`;
        loads.set(key, (loads.get(key) ?? 0) + sum * share);
      }
    }
  return loads;
}

const primaryOf = (targets: Targets) => targets.toSorted((a, b) => a.priority - b.priority)[0]?.server ?? '';

/** Capacities that are exceeded, as "lost/server load > capacity". */
function overloaded(fleet: Fleet, order: PlanOrder, at: ReadonlyMap<string, string>): Map<string, number> {
  const { servers } = arrange(fleet, order);
  const over = new Map<string, number>();
  for (const [key, load] of loadsByState(fleet, order, at)) {
    const [lost = '', name = ''] = key.split('/');
    if (lost !== '' && order.goals.survive === 'none') continue;
    const capacity = servers.find((server) => server.name === name)?.capacity ?? null;
    if (capacity !== null && load > capacity * (1 + 1e-8) + 1e-8) over.set(key, load);
  }
  return over;
}

/** Everything that is wrong with the end of a plan, as sentences; the moves must also fit the fleet. */
export function faultsOfPlan(
  fleet: Fleet,
  order: PlanOrder,
  plan: Plan,
  mayMove: (tenant: string) => boolean,
): string[] {
  const { goals, limits } = order;
  const { pools, dead } = arrange(fleet, order);
  const faults: string[] = [];
  const at = new Map(fleet.tenants.map(({ tenant, pool }) => [tenant, pool]));
  const refused = new Set(plan.refused.map(({ tenant }) => tenant));
  for (const { tenant, from, to, phones, weight, reason } of plan.moves) {
    const one = fleet.tenants.find((other) => other.tenant === tenant);
    if (one === undefined || at.get(tenant) !== from || from === to) faults.push(`${tenant} does not go from ${from}`);
    if (one !== undefined && (one.phones !== phones || weighs(one) !== weight))
      faults.push(`${tenant} is counted wrong`);
    if (reason === '') faults.push(`${tenant} moves for no reason`);
    if (!mayMove(tenant)) faults.push(`${tenant} may not be moved now`);
    const targets = pools.get(to)?.targets ?? [];
    const best = Math.min(...targets.map(({ priority }) => priority));
    const primaries = new Set(targets.filter(({ priority }) => priority === best).map(({ server }) => server));
    if (primaries.size !== 1) faults.push(`${tenant} goes to ${to}, which has ${primaries.size} primaries`);
    if (dead(primaryOf(targets))) faults.push(`${tenant} goes to ${to}, whose server is not in use`);
    at.set(tenant, to);
  }
  if (new Set(plan.moves.map(({ tenant }) => tenant)).size < plan.moves.length) faults.push('somebody moves twice');
  const primaryAt = (tenant: string) => primaryOf(pools.get(at.get(tenant) ?? '')?.targets ?? []);
  for (const { tenant } of fleet.tenants)
    if (dead(primaryAt(tenant)) && !refused.has(tenant)) faults.push(`${tenant} is left on ${at.get(tenant)}`);
  for (const { tenant, pool } of goals.pins) {
    const home = fleet.tenants.find((one) => one.tenant === tenant)?.pool;
    if (at.get(tenant) !== (pool ?? home) && !refused.has(tenant)) faults.push(`${tenant} is not where it is pinned`);
  }
  for (const { tenant, pools: barred, servers } of goals.exclusions)
    if ((barred.includes(at.get(tenant) ?? '') || servers.includes(primaryAt(tenant))) && !refused.has(tenant))
      faults.push(`${tenant} is where it must not be`);
  for (const group of goals.apart)
    if (new Set(group.map(primaryAt)).size < new Set(group).size) faults.push(`${group.join()} are not apart`);
  for (const group of goals.together)
    if (new Set(group.map((tenant) => at.get(tenant))).size > 1) faults.push(`${group.join()} are not together`);
  for (const key of overloaded(fleet, order, at).keys()) faults.push(`${key} bears too much`);
  const moved = plan.moves.reduce((sum, { phones }) => sum + phones, 0);
  const all = fleet.tenants.reduce((sum, { phones }) => sum + phones, 0);
  if (limits.phones !== null && moved > limits.phones) faults.push(`${moved} phones move`);
  if (limits.tenants !== null && plan.moves.length > limits.tenants) faults.push(`${plan.moves.length} tenants move`);
  if (limits.share !== null && moved > limits.share * all + 1e-6) faults.push(`${moved} of ${all} phones move`);
  if (moved !== plan.achieved.phones || plan.moves.length !== plan.achieved.tenants) faults.push('the sums are wrong');
  return faults;
}

/** Steps after which a capacity is exceeded, or more exceeded, than before the step. */
export function unsafeSteps(fleet: Fleet, order: PlanOrder, plan: Plan): string[] {
  const at = new Map(fleet.tenants.map(({ tenant, pool }) => [tenant, pool]));
  let before = overloaded(fleet, order, at);
  return plan.moves.flatMap(({ tenant, to }) => {
    at.set(tenant, to);
    const after = overloaded(fleet, order, at);
    const worse = [...after].some(([key, load]) => load > (before.get(key) ?? 0) + 1e-6);
    before = after;
    return worse ? [tenant] : [];
  });
}

/** The worst load by capacity in the normal state. */
export function worstRatio(fleet: Fleet, order: PlanOrder, plan: Plan): number {
  const at = new Map(fleet.tenants.map(({ tenant, pool }) => [tenant, pool]));
  for (const { tenant, to } of plan.moves) at.set(tenant, to);
  const { servers } = arrange(fleet, order);
  return Math.max(
    0,
    ...[...loadsByState(fleet, order, at)].map(([key, load]) => {
      const [lost, name] = key.split('/');
      const capacity = servers.find((server) => server.name === name)?.capacity ?? null;
      return lost === '' && capacity !== null ? load / capacity : 0;
    }),
  );
}
