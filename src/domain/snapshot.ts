// What a plan was made from, as text, so that it can be told later whether it is still so, and what has changed.
import { contentRevision, digestOf } from './digest.ts';
import { weightOf } from './load.ts';
import type { Fleet } from './plan/goals.ts';
import { compareText } from './text.ts';

/** Name → a text that is equal for equal things. */
type Prints = { readonly [name: string]: string };

export type Snapshot = {
  readonly servers: Prints;
  readonly pools: Prints;
  /** Pool, phones and weight of each tenant. */
  readonly tenants: Prints;
  readonly rules: string;
};

/** Eight hexadecimal digits are enough to tell a thing from what it was before. */
const short = (thing: unknown) => digestOf(Buffer.from(JSON.stringify(thing), 'utf8')).slice(0, 8);

const byName = (entries: readonly (readonly [string, string])[]): Prints =>
  Object.fromEntries(entries.toSorted(([one], [other]) => compareText(one, other)));

export const snapshotOf = ({ servers, pools, tenants }: Fleet, rules: object): Snapshot => ({
  servers: byName(servers.map((server) => [server.name, short(server)])),
  pools: byName(pools.map((pool) => [pool.name, short(pool)])),
  tenants: byName(tenants.map(({ tenant, pool, phones, load }) => [tenant, `${pool} ${phones} ${weightOf(load)}`])),
  rules: short(rules),
});

/** The revision of a fleet: another one is another fleet. */
export const snapshotRevision = (snapshot: Snapshot): number => contentRevision(JSON.stringify(snapshot));

function changed(
  kind: string,
  before: Prints,
  after: Prints,
  how: (before: string, after: string) => string,
): string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort(compareText);
  return names.flatMap((name) => {
    const [was, is] = [before[name], after[name]];
    if (was === is) return [];
    if (was === undefined) return [`${kind} ${name} was added`];
    if (is === undefined) return [`${kind} ${name} was removed`];
    return [`${kind} ${name} ${how(was, is)}`];
  });
}

function tenantChange(before: string, after: string): string {
  const [[pool, phones, weight], [newPool, newPhones, newWeight]] = [before.split(' '), after.split(' ')];
  if (pool !== newPool) return `stands on pool ${newPool}, not on ${pool}`;
  if (phones !== newPhones) return `has ${newPhones} phones, not ${phones}`;
  return `weighs ${newWeight}, not ${weight}`;
}

/** Every difference between two moments, as sentences. */
export const differences = (before: Snapshot, after: Snapshot): string[] => [
  ...changed('server', before.servers, after.servers, () => 'was changed'),
  ...changed('pool', before.pools, after.pools, () => 'was changed'),
  ...changed('tenant', before.tenants, after.tenants, tenantChange),
  ...(before.rules === after.rules ? [] : ['the rules for plans were changed']),
];
