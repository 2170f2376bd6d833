// A zone at a server that takes dynamic updates: read by signed questions, changed by signed updates.
import { canonicalValues, keyText, type RecordChange, type Rrset, type SetKey } from '../domain/dns-change.ts';
import type { DnsTarget } from '../domain/dns-target.ts';
import { AppError, conflict } from '../domain/errors.ts';
import { inParallel } from '../domain/parallel.ts';
import { isNoReading } from '../domain/reading.ts';
import type { Written, ZoneServer } from './dns.ts';
import { query, type RawReading } from './query.ts';
import { batchesOf, type GuardedChange, update } from './update.ts';
import { type Outside, serverText } from './wire.ts';

type Rfc2136 = Extract<DnsTarget, { kind: 'rfc2136' }>;

const ASKED_AT_ONCE = 16;

/** @throws AppError `unavailable` or `conflict` when nobody knows what is published */
function setIn(reading: RawReading, { name, type }: SetKey, { zone, server }: Rfc2136): Rrset | null {
  const where = `the server ${serverText(server)} of zone ${zone}`;
  if (isNoReading(reading)) {
    const message = `${where} was asked for ${name} ${type}: ${reading.why}`;
    throw reading.kind === 'refused' || reading.kind === 'lame'
      ? conflict(`${message}; nothing was changed`)
      : new AppError('unavailable', `${message}; nothing was changed`);
  }
  if (reading.kind === 'alias') {
    throw conflict(`${where} has ${name} as an alias of ${reading.to}; take the alias out, then publish again`);
  }
  if (reading.kind !== 'answer') return null;
  return { name, type, ttl: reading.ttl, values: canonicalValues(type, reading.values) };
}

/** The zone at its primary. What was read last is what an update insists on. */
export function rfc2136Zone(target: Rfc2136, outside: Outside): ZoneServer {
  const { zone, server, key } = target;
  const seen = new Map<string, readonly Buffer[]>();
  const guarded = (change: RecordChange): GuardedChange => {
    const data = seen.get(keyText(change));
    if (data === undefined) throw new Error(`assertion failed: ${keyText(change)} was read before it is changed`);
    return { change, seen: data };
  };
  return {
    async read(keys) {
      const sets = await inParallel(keys, ASKED_AT_ONCE, async (asked) => {
        const reading = await query(server, { ...asked, of: 'authority', key }, outside);
        const set = setIn(reading, asked, target);
        seen.set(keyText(asked), reading.data);
        return set;
      });
      return sets.filter((set) => set !== null);
    },
    async write(changes): Promise<Written> {
      let done = 0;
      for (const batch of batchesOf(changes.map(guarded))) {
        const updated = await update({ zone, server, key }, batch, outside);
        if (updated.kind === 'raced') return { kind: 'raced', done };
        if (updated.kind !== 'done') return { kind: updated.kind, done, why: updated.why };
        done += batch.length;
      }
      return { kind: 'done', done };
    },
  };
}
