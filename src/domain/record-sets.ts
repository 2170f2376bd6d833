// Records → the forms that other tools take: sets by name and type, zones, and octoDNS.

import { type DnsRecord, NOT_OFFERED, rdataOf } from './srv.ts';
import { compareText } from './text.ts';

/** The zone that a name belongs to: the longest one of those that the name ends in, or null. Names without trailing dots. */
export function zoneOf(name: string, zones: readonly string[]): string | null {
  const fits = zones.filter((zone) => name === zone || name.endsWith(`.${zone}`));
  return fits.reduce<string | null>((best, zone) => (best === null || zone.length > best.length ? zone : best), null);
}

/** The name inside its zone; empty for the zone's own. */
export const nameInZone = (name: string, zone: string): string =>
  name === zone ? '' : name.slice(0, -(zone.length + 1));

/** All records of one name and type: what DNS knows, compares and changes as one. */
export type RecordSet = {
  /** Null when none of the zones that were asked for holds the name. */
  readonly zone: string | null;
  /** Inside the zone, empty for the zone's own name; the whole name without a zone. */
  readonly name: string;
  readonly fqdn: string;
  readonly type: DnsRecord['type'];
  readonly ttl: number;
  /** As they stand in a zone file, names absolute, sorted. */
  readonly values: readonly string[];
};

/** Records as sets, in the order of their names and types. */
export function setsOf(records: readonly DnsRecord[], zones: readonly string[] = []): RecordSet[] {
  const groups = Map.groupBy(records, ({ name, type }) => `${name} ${type}`);
  return [...groups.values()]
    .flatMap((group): RecordSet[] => {
      const [first] = group;
      if (first === undefined) return [];
      const { name: fqdn, type, ttl } = first;
      const zone = zoneOf(fqdn, zones);
      const values = [...new Set(group.map(rdataOf))].sort(compareText);
      return [{ zone, name: zone === null ? fqdn : nameInZone(fqdn, zone), fqdn, type, ttl, values }];
    })
    .sort((a, b) => compareText(a.fqdn, b.fqdn) || compareText(a.type, b.type));
}

/** The sets under a key that stays the same as long as name and type do: `pbxa.example.com SRV`. */
export const setsByKey = (sets: readonly RecordSet[]): Record<string, RecordSet> =>
  Object.fromEntries(sets.map((set) => [`${set.fqdn} ${set.type}`, set]));

type OctoValue = string | Record<string, string | number>;
type OctoRecord = { readonly ttl: number; readonly type: string; readonly values: readonly OctoValue[] };

/**
 * A zone as octoDNS's YamlProvider reads it: name inside the zone → its records, in the order that it enforces. A map, as an
 * object would put names that look like numbers first.
 */
export function octoDnsZone(records: readonly DnsRecord[], zone: string): Map<string, OctoRecord | OctoRecord[]> {
  const inside = records.filter(({ name }) => zoneOf(name, [zone]) !== null);
  const byName = Map.groupBy(setsOf(inside, [zone]), ({ name }) => name);
  const names = [...byName.keys()].sort(naturally);
  return new Map(
    names.map((name): [string, OctoRecord | OctoRecord[]] => {
      const list = (byName.get(name) ?? []).map(({ fqdn, type, ttl }): OctoRecord => {
        const values = inside.filter((one) => one.name === fqdn && one.type === type).map(octoValue);
        return { ttl, type, values };
      });
      const [only, ...others] = list;
      return [name, only !== undefined && others.length === 0 ? only : list];
    }),
  );
}

function octoValue(record: DnsRecord): OctoValue {
  const dotted = (name: string) => (name === NOT_OFFERED ? name : `${name}.`);
  switch (record.type) {
    case 'SRV':
      return { port: record.port, priority: record.priority, target: dotted(record.target), weight: record.weight };
    case 'NAPTR': {
      const { flags, order, preference, replacement, service } = record;
      return { flags, order, preference, regexp: '', replacement: dotted(replacement), service };
    }
    default:
      return record.address;
  }
}

/** The order in which 2 comes before 12. */
function naturally(one: string, other: string): number {
  const [left, right] = [one, other].map((text) => text.split(/(\d+)/));
  for (const [at, piece] of (left ?? []).entries()) {
    const against = right?.[at];
    if (against === undefined) return 1;
    // With the splitting above, every second piece is a number.
    const order = at % 2 === 1 ? Number(piece) - Number(against) : compareText(piece, against);
    if (order !== 0) return order;
  }
  return (left?.length ?? 0) - (right?.length ?? 0);
}
