// What is doubtful about servers and pools, each with its reason, its numbers and its remedy.
import { durationText } from './duration.ts';
import { failoverOf, type Placement } from './failover.ts';
import { nearMisses } from './near-miss.ts';
import { type AssignablePool, bestServers, checkAssignable, type Pool, primaryOf } from './pool.ts';
import type { Server } from './server.ts';

export const SEVERITIES = ['error', 'warning', 'info'] as const;

export const LINT_CODES = [
  'several-primaries',
  'no-backup',
  'identical-pools',
  'idle-server',
  'unused-pool',
  'slow-ttl',
  'near-miss',
  'weights-all-zero',
  'bad-primary',
  'mirror-overload',
  'overload',
  'provisioning-on-server',
] as const;

export type Lint = {
  readonly code: (typeof LINT_CODES)[number];
  /** `error`: phones have or will have no service as it should be; `warning`: look at it; `info`: worth knowing. */
  readonly severity: (typeof SEVERITIES)[number];
  /** `pool pbxA`, `server voip1`. */
  readonly subject: string;
  readonly message: string;
  readonly remedy: string;
};

export type Fleet = {
  readonly servers: readonly Server[];
  readonly pools: readonly Pool[];
  readonly placements: readonly Placement[];
  /** Seconds in which a change of records should have reached every phone. */
  readonly promisedMoveS: number;
  /** The host in the URL that phones fetch from. */
  readonly provisioningHost: string;
};

/** Everything that is doubtful, errors first, then by code and subject. */
export function lintsOf(fleet: Fleet): Lint[] {
  const lints = [
    ...fleet.pools.flatMap((pool) => poolLints(pool, fleet)),
    ...identicalPools(fleet),
    ...idleServers(fleet),
    ...overloadLints(fleet),
    ...nameLints(fleet),
    ...provisioningLints(fleet),
  ];
  const rank = ({ severity, code, subject }: Lint) => `${SEVERITIES.indexOf(severity)} ${code} ${subject}`;
  return lints.sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
}

const isAssignable = (pool: Pool): pool is AssignablePool => bestServers(pool).length === 1;

const tenantsOn = ({ placements }: Fleet, pool: Pool): number =>
  placements.filter((one) => one.pool === pool.name).length;

function poolLints(pool: Pool, fleet: Fleet): Lint[] {
  const subject = `pool ${pool.name}`;
  const { refusals, warnings } = checkAssignable(pool);
  const lints: Lint[] = [
    ...refusals.map((message): Lint => {
      const remedy = 'give one server the lowest priority number alone, and the others higher ones';
      return { code: 'several-primaries', severity: 'error', subject, message, remedy };
    }),
    ...warnings.map((message): Lint => {
      const remedy = 'add another server as a target with a higher priority number';
      return { code: 'no-backup', severity: 'warning', subject, message, remedy };
    }),
    ...primaryLints(pool, fleet),
    ...weightLints(pool),
  ];
  const tenants = tenantsOn(fleet, pool);
  if (tenants === 0) {
    const message = `no tenant stands on pool ${pool.name}, so its records are asked for by nobody`;
    lints.push({ code: 'unused-pool', severity: 'info', subject, message, remedy: 'move tenants to it, or remove it' });
  }
  if (pool.ttl > fleet.promisedMoveS) {
    const message =
      `the records of pool ${pool.name} may be kept for ${pool.ttl} s (${durationText(pool.ttl * 1_000)}), so a change of them reaches ` +
      `the last phone that much later at worst; ${fleet.promisedMoveS} s are promised`;
    const remedy = `set its ttl to ${fleet.promisedMoveS} or less, or promise ${pool.ttl} s; a move by new files does not wait for it`;
    lints.push({ code: 'slow-ttl', severity: 'warning', subject, message, remedy });
  }
  return lints;
}

function primaryLints(pool: Pool, fleet: Fleet): Lint[] {
  const tenants = tenantsOn(fleet, pool);
  if (tenants === 0 || !isAssignable(pool)) return [];
  const primary = fleet.servers.find(({ name }) => name === primaryOf(pool));
  if (primary === undefined || primary.state === 'active') return [];
  const { name, state } = primary;
  const message = `server ${name} is ${state} and the primary of pool ${pool.name}, on which ${tenants} tenants stand`;
  const remedy = `move the tenants to a pool with another primary, or make another server the primary of ${pool.name}`;
  return [
    {
      code: 'bad-primary',
      severity: state === 'down' ? 'error' : 'warning',
      subject: `pool ${pool.name}`,
      message,
      remedy,
    },
  ];
}

/** RFC 2782 wants weight 0 where there is nothing to choose; among several it leaves the order to each phone. */
function weightLints({ name, targets }: Pool): Lint[] {
  const groups = [...Map.groupBy(targets, ({ priority }) => priority)].sort(([a], [b]) => a - b);
  return groups.flatMap(([priority, group]): Lint[] => {
    if (group.length < 2 || group.some(({ weight }) => weight > 0)) return [];
    const message =
      `all ${group.length} targets of pool ${name} with priority ${priority} have weight 0, which says that there is nothing ` +
      'to choose: phones may take the first one always, or any';
    const remedy = 'give them weights, or one priority each';
    return [{ code: 'weights-all-zero', severity: 'warning', subject: `pool ${name}`, message, remedy }];
  });
}

/** What a pool does, whatever its name and its numbers are: targets by the rank of their priority. */
function effectOf({ targets }: Pool): string {
  const priorities = [...new Set(targets.map(({ priority }) => priority))].sort((a, b) => a - b);
  const parts = targets.map(({ server, priority, weight, port }) => {
    const alone = targets.filter((one) => one.priority === priority).length === 1;
    return `${priorities.indexOf(priority)} ${server}:${port} ${alone ? '' : weight}`;
  });
  return parts.sort().join(', ');
}

function identicalPools({ pools }: Fleet): Lint[] {
  const groups = Map.groupBy(pools, (pool) => `${effectOf(pool)} ${[...pool.transports].sort().join()}`);
  return [...groups.values()].flatMap((group): Lint[] => {
    const [first, ...others] = group.map(({ name }) => name).sort();
    if (first === undefined || others.length === 0) return [];
    const message = `pools ${[first, ...others].join(', ')} send phones to the same servers in the same order`;
    const remedy = 'keep one of them, or let them differ: moving a tenant between them moves no load';
    return [{ code: 'identical-pools', severity: 'warning', subject: `pool ${first}`, message, remedy }];
  });
}

function idleServers({ servers, pools }: Fleet): Lint[] {
  const primaries = new Set(pools.flatMap(bestServers));
  return servers
    .filter(({ name, state }) => state === 'active' && !primaries.has(name))
    .map(({ name }): Lint => {
      const backs = pools
        .filter(({ targets }) => targets.some(({ server }) => server === name))
        .map((pool) => pool.name);
      const now = backs.length === 0 ? 'is in no pool' : `is only a backup (in ${backs.sort().join(', ')})`;
      const message = `server ${name} ${now} and the primary of none, so it bears nothing while all is well`;
      const remedy = `add a pool with ${name} in front, and move tenants to it`;
      return { code: 'idle-server', severity: 'info', subject: `server ${name}`, message, remedy };
    });
}

/** Pools with the same servers of which each has its primary behind the other's. */
function mirrorsOf(pools: readonly Pool[], lost: string, left: string): string[] {
  const isBetween = (pool: Pool, first: string, second: string) =>
    bestServers(pool).join() === first && pool.targets.some(({ server }) => server === second);
  const [one, other] = [
    pools.filter((pool) => isBetween(pool, lost, left)),
    pools.filter((pool) => isBetween(pool, left, lost)),
  ];
  return one.length > 0 && other.length > 0 ? [...one, ...other].map(({ name }) => name).sort() : [];
}

function overloadLints({ servers, pools, placements }: Fleet): Lint[] {
  return failoverOf(servers, pools, placements).flatMap(({ server, capacity, load, whenLost }): Lint[] => {
    if (capacity === null) return [];
    const subject = `server ${server}`;
    const now: Lint[] = [];
    if (load > capacity) {
      const message = `server ${server} bears ${amount(load)} of ${amount(capacity)} now`;
      now.push({
        code: 'overload',
        severity: 'error',
        subject,
        message,
        remedy: 'move tenants to pools of other servers',
      });
    }
    const later = Object.entries(whenLost)
      .filter(([, then]) => then > capacity && then > load)
      .map(([lost, then]): Lint => {
        const mirrors = mirrorsOf(pools, lost, server);
        const said = `when ${lost} is lost, server ${server} bears ${amount(then)} of ${amount(capacity)}`;
        const remedy = 'move tenants elsewhere, spread the backup over more servers, or make the server larger';
        if (mirrors.length === 0) return { code: 'overload', severity: 'warning', subject, message: said, remedy };
        const message = `pools ${mirrors.join(', ')} mirror each other, so each server must bear the load of both: ${said}`;
        return { code: 'mirror-overload', severity: 'warning', subject, message, remedy };
      });
    return [...now, ...later];
  });
}

function nameLints({ servers, pools, provisioningHost }: Fleet): Lint[] {
  const names = [
    ...servers.map(({ name, host }) => ({ subject: `server ${name}`, host })),
    ...pools.map(({ name, domain }) => ({ subject: `pool ${name}`, host: domain })),
  ];
  return nearMisses(names, [provisioningHost]).map(({ subject, host, nearest }): Lint => {
    const message = `${host} (${subject}) is not in the domain of the others, but nearly: is ${nearest} meant?`;
    const remedy = `correct it to ${nearest}, if it is a slip; a name that does not exist is a server that no phone finds`;
    return { code: 'near-miss', severity: 'warning', subject, message, remedy };
  });
}

function provisioningLints({ servers, provisioningHost }: Fleet): Lint[] {
  const host = provisioningHost.toLowerCase().replace(/^\[(.*)\]$/, '$1');
  return servers
    .filter((server) => server.host === host || server.addresses.includes(host))
    .map(({ name }): Lint => {
      const message =
        `phones fetch their files from ${host}, which is server ${name}: when it is lost, a phone that boots finds neither ` +
        'its primary nor the file that names its backup';
      const remedy = 'serve files from another host, or from a name that can be given another address';
      return { code: 'provisioning-on-server', severity: 'warning', subject: `server ${name}`, message, remedy };
    });
}

/** A load as people read it; shares make long fractions. */
const amount = (load: number): string => String(Math.round(load * 100) / 100);
