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
  /** Some of them. */
  readonly examples: readonly Mac[];
};

const EXAMPLES_MAX = 5;
const GROUPS_MAX = 100;

export type Impact = {
  /** Phones that were looked at. */
  readonly phones: number;
  /** Phones that get other bytes. */
  readonly changed: number;
  /** The largest first; of very many different changes only some. */
  readonly groups: readonly Group[];
};

export type Changed = Difference & {
  readonly mac: Mac;
  readonly vendor: string;
  readonly restarts: boolean;
};

/** Gathers phones that change in the same way. */
export function gather(): { add(phone: Changed): void; impact(): Impact } {
  const groups = new Map<string, Group>();
  let [phones, changed] = [0, 0];
  return {
    add({ mac, vendor, removed, added, restarts }) {
      phones++;
      if (removed.length + added.length === 0) return;
      changed++;
      const key = JSON.stringify([vendor, removed, added]);
      const { phones: count, examples } = groups.get(key) ?? { phones: 0, examples: [] };
      const shown = examples.length < EXAMPLES_MAX ? [...examples, mac] : examples;
      groups.set(key, { vendor, removed, added, restarts, phones: count + 1, examples: shown });
    },
    impact: () => ({
      phones,
      changed,
      groups: [...groups.values()].sort((a, b) => b.phones - a.phones).slice(0, GROUPS_MAX),
    }),
  };
}
