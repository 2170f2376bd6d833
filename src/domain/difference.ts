// What differs between two versions of a phone's files, and which phones differ in the same way. A file gives one parameter
// a line, so lines are what is compared; their order says nothing.
import type { Mac } from './mac.ts';

/** What a phone would get otherwise: lines that go and lines that come, over all of its files. */
export type Difference = { readonly removed: readonly string[]; readonly added: readonly string[] };

type Files = readonly { readonly name: string; readonly text: string }[];

const countLines = (files: Files) => {
  const counts = new Map<string, number>();
  for (const { text } of files)
    for (const line of text.split('\n')) {
      const trimmed = line.trim();
      if (trimmed !== '') counts.set(trimmed, (counts.get(trimmed) ?? 0) + 1);
    }
  return counts;
};

const beyond = (these: ReadonlyMap<string, number>, those: ReadonlyMap<string, number>): string[] =>
  [...these].flatMap(([line, count]) =>
    Array.from({ length: Math.max(0, count - (those.get(line) ?? 0)) }, () => line),
  );

/** Compares the files of a phone. */
export function differenceOf(before: Files, after: Files): Difference {
  const [old, now] = [countLines(before), countLines(after)];
  return { removed: beyond(old, now), added: beyond(now, old) };
}

/** Phones that change in the same way. */
export type Group = Difference & {
  readonly vendor: string;
  readonly phones: number;
  /** Does a phone restart to take the change up, as far as its vendor says? */
  readonly restarts: boolean;
  /** Nothing of the change can be shown: secrets alone change, or the order of the lines. */
  readonly hidden: boolean;
  /** Some of them. */
  readonly examples: readonly Mac[];
};

const EXAMPLES_MAX = 5;
const GROUPS_MAX = 100;
/** Beyond so many different changes phones are counted, but not gathered any more: each kept one takes memory. */
const GATHERED_MAX = 10_000;

export type Impact = {
  /** Phones that were looked at. */
  readonly phones: number;
  /** Phones that get other bytes. */
  readonly changed: number;
  /** Those of them that restart to take the change up, as far as their vendors say. */
  readonly restarting: number;
  /** The largest first; of very many different changes only some. */
  readonly groups: readonly Group[];
};

export type Changed = Difference & {
  readonly mac: Mac;
  readonly vendor: string;
  /** Does it get other bytes, shown or not? */
  readonly changed: boolean;
  readonly restarts: boolean;
};

/** Gathers phones that change in the same way. */
export function gather(): { add(phone: Changed): void; impact(): Impact } {
  const groups = new Map<string, Group>();
  let [phones, changed, restarting] = [0, 0, 0];
  return {
    add({ mac, vendor, removed, added, restarts, changed: isChanged }) {
      phones++;
      if (!isChanged) return;
      changed++;
      if (restarts) restarting++;
      const key = JSON.stringify([vendor, restarts, removed, added]);
      const known = groups.get(key);
      if (known === undefined && groups.size >= GATHERED_MAX) return;
      const { phones: count, examples } = known ?? { phones: 0, examples: [] };
      const shown = examples.length < EXAMPLES_MAX ? [...examples, mac] : examples;
      const hidden = removed.length + added.length === 0;
      groups.set(key, { vendor, removed, added, restarts, hidden, phones: count + 1, examples: shown });
    },
    impact: () => ({
      phones,
      changed,
      restarting,
      groups: [...groups.values()].sort((a, b) => b.phones - a.phones).slice(0, GROUPS_MAX),
    }),
  };
}
