// Names that are nearly in the same domain as their neighbours: slips of the pen, such as voip2.domin.com.

type Named = { readonly subject: string; readonly host: string };

export type NearMiss = Named & {
  /** What the name would be in the neighbours' domain. */
  readonly nearest: string;
};

/** So many letters may be wrong in a label of such a length; shorter ones are too easily meant as they are. */
const slipsAllowed = (length: number): number => (length < 5 ? 0 : length < 9 ? 1 : 2);

const parentOf = (host: string): string => host.slice(host.indexOf('.') + 1);

/** Letters that were left out, put in, changed or exchanged with the next one (Damerau–Levenshtein, adjacent letters). */
export function slipsBetween(one: string, other: string): number {
  let [beforeLast, last]: [number[], number[]] = [[], Array.from({ length: other.length + 1 }, (_, at) => at)];
  for (let row = 1; row <= one.length; row++) {
    const next = [row];
    for (let at = 1; at <= other.length; at++) {
      const same = one[row - 1] === other[at - 1] ? 0 : 1;
      let least = Math.min((last[at] ?? 0) + 1, (next[at - 1] ?? 0) + 1, (last[at - 1] ?? 0) + same);
      const isSwapped = row > 1 && at > 1 && one[row - 1] === other[at - 2] && one[row - 2] === other[at - 1];
      if (isSwapped) least = Math.min(least, (beforeLast[at - 2] ?? 0) + 1);
      next.push(least);
    }
    [beforeLast, last] = [last, next];
  }
  return last[other.length] ?? 0;
}

const withoutDigits = (text: string): string => text.replaceAll(/\d/g, '');

/** Is one domain the other with a slip in one label? The last label is left alone, and numbers are counted up on purpose. */
function isSlip(domain: string, other: string): boolean {
  const [labels, others] = [domain.split('.'), other.split('.')];
  if (labels.length !== others.length || labels.at(-1) !== others.at(-1)) return false;
  const differing = labels.flatMap((label, at) => (label === others[at] ? [] : [[label, others[at] ?? ''] as const]));
  const [first, ...more] = differing;
  if (first === undefined || more.length > 0) return false;
  const [mine, theirs] = first;
  if (withoutDigits(mine) === withoutDigits(theirs)) return false;
  return slipsBetween(mine, theirs) <= slipsAllowed(Math.max(mine.length, theirs.length));
}

/**
 * The names whose domain is nearly the domain of at least as many others.
 * @param alsoKnown names that are not judged, but show which domain is usual
 */
export function nearMisses(names: readonly Named[], alsoKnown: readonly string[]): NearMiss[] {
  const counts = new Map<string, number>();
  for (const host of [...names.map((one) => one.host), ...alsoKnown]) {
    counts.set(parentOf(host), (counts.get(parentOf(host)) ?? 0) + 1);
  }
  const domains = [...counts].sort(([a, many], [b, more]) => more - many || (a < b ? -1 : 1));
  return names.flatMap(({ subject, host }) => {
    const own = parentOf(host);
    const near = domains.find(([domain, count]) => count >= (counts.get(own) ?? 0) && isSlip(own, domain));
    return near === undefined ? [] : [{ subject, host, nearest: `${host.slice(0, host.indexOf('.'))}.${near[0]}` }];
  });
}
