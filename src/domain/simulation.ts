// What a fleet of phones makes of SRV records: exact shares by RFC 2782, what each vendor's phones do instead, draws.
import { z } from 'zod';
import { invalid } from './errors.ts';
import { type Share, sharesOf } from './failover.ts';
import { type Target, targetSchema } from './pool.ts';
import { hostNameSchema, nameSchema } from './text.ts';

/**
 * How phones choose among records of the same priority. `weights`: at random by weight (RFC 2782). `heaviest`: always the
 * highest weight; records that share it share the load.
 */
export const SRV_CHOICES = ['weights', 'heaviest'] as const;

/** What is known of a vendor's phones, as data of the vendor. */
export const srvBehaviourSchema = z
  .strictObject({
    choice: z.enum(SRV_CHOICES),
    /** H: the vendor's manual says so, M: one source or deduced, L: not established. */
    confidence: z.enum(['H', 'M', 'L']),
    note: z.string().min(1).max(300),
  })
  .readonly();

export type SrvBehaviour = z.output<typeof srvBehaviourSchema>;

/** So many draws take a second at most. */
const DRAWS_MAX = 100_000;
const TARGETS_MAX = 500;
const SERVERS_MAX = 1_000;

/** A target without a stored pool may be a server or, as in a zone file, a host. */
const freeTarget = z.strictObject({ ...targetSchema.unwrap().shape, server: nameSchema.or(hostNameSchema) }).readonly();

export const simulationSchema = z
  .strictObject({
    pool: nameSchema.optional(),
    targets: z
      .array(freeTarget)
      .min(1)
      .max(TARGETS_MAX)
      .refine(
        (list) => new Set(list.map(({ server, port }) => `${server}:${port}`)).size === list.length,
        'names the same server and port twice',
      )
      .readonly()
      .optional(),
    /** Servers that are lost, beside those that are known to be down. */
    down: z.array(z.string()).max(SERVERS_MAX).default([]).readonly(),
    draws: z.number().int().min(1).max(DRAWS_MAX).optional(),
    /** The same seed gives the same draws. */
    seed: z.number().int().min(0).max(4_294_967_295).default(1),
    /** The part of the phones that misses its server by packet loss and is on the next one; 0.1 is normal. */
    strays: z.number().min(0).max(1).default(0),
  })
  .refine(({ pool, targets }) => (pool === undefined) !== (targets === undefined), 'name a pool, or give targets')
  .readonly();

export type SimulationOrder = z.output<typeof simulationSchema>;

/** @throws AppError `invalid` with the names of lost servers that nobody knows */
export function checkDown(down: readonly string[], known: ReadonlySet<string>): void {
  const faults = down.flatMap((name, index) =>
    known.has(name) ? [] : [{ path: `down.${index}`, message: `there is no server ${name}` }],
  );
  if (faults.length > 0) throw invalid(faults.map(({ message }) => message).join('; '), faults);
}

/** The shares as phones make them that choose in this way. */
function sharesBy(choice: SrvBehaviour['choice'], targets: readonly Target[], down: ReadonlySet<string>): Share[] {
  if (choice === 'weights') return sharesOf(targets, down);
  const group = bestGroup(targets, down);
  const heaviest = Math.max(...group.map(({ weight }) => weight));
  const count = group.filter(({ weight }) => weight === heaviest).length;
  return group.map(({ server, port, weight }) => ({ server, port, share: weight === heaviest ? 1 / count : 0 }));
}

/** The reachable targets of the lowest priority. */
function bestGroup(targets: readonly Target[], down: ReadonlySet<string>): Target[] {
  const reachable = targets.filter(({ server }) => !down.has(server));
  const best = Math.min(...reachable.map(({ priority }) => priority));
  return reachable.filter(({ priority }) => priority === best);
}

/** Adds shares up, each times its factor; in the order in which they come. */
function blend(parts: readonly { readonly factor: number; readonly shares: readonly Share[] }[]): Share[] {
  const sums = new Map<string, Share>();
  for (const { factor, shares } of parts) {
    for (const { server, port, share } of shares) {
      const key = `${server}:${port}`;
      sums.set(key, { server, port, share: (sums.get(key)?.share ?? 0) + factor * share });
    }
  }
  return [...sums.values()];
}

/** The shares when some phones miss the servers of the best priority and are on the next ones, where there are such. */
function withStrays(targets: readonly Target[], down: ReadonlySet<string>, strays: number, choice: Choice): Share[] {
  const shares = sharesBy(choice, targets, down);
  if (strays === 0) return shares;
  const missed = new Set([...down, ...bestGroup(targets, down).map(({ server }) => server)]);
  const next = sharesBy(choice, targets, missed);
  if (next.length === 0) return shares;
  return blend([
    { factor: 1 - strays, shares },
    { factor: strays, shares: next },
  ]);
}

type Choice = SrvBehaviour['choice'];

export type VendorCount = { readonly vendor: string; readonly phones: number };

export type Outcome = {
  /** As RFC 2782 has it. */
  readonly shares: readonly Share[];
  readonly byVendor: { readonly [vendor: string]: readonly Share[] };
  /** What the pool's own phones make of it, vendor by vendor; null without phones. */
  readonly mixed: readonly Share[] | null;
};

export type Situation = {
  readonly targets: readonly Target[];
  readonly down: ReadonlySet<string>;
  /** The vendors that there are, and how their phones choose. */
  readonly vendors: readonly { readonly vendor: string; readonly choice: Choice }[];
  /** The phones that stand on the pool. */
  readonly phones: readonly VendorCount[];
};

/**
 * The share of each target, exactly. Those of the lowest reachable priority are named, with `strays` the next ones too;
 * nothing when no server is left.
 * @param strays the part of the phones that is on the next servers, from 0 to 1
 */
export function outcomeOf({ targets, down, vendors, phones }: Situation, strays = 0): Outcome {
  const sorted = [...vendors].sort((a, b) => (a.vendor < b.vendor ? -1 : 1));
  const byVendor = new Map(sorted.map(({ vendor, choice }) => [vendor, withStrays(targets, down, strays, choice)]));
  const total = phones.reduce((sum, one) => sum + one.phones, 0);
  const parts = phones.map((one) => ({ factor: one.phones / total, shares: byVendor.get(one.vendor) ?? [] }));
  return {
    shares: withStrays(targets, down, strays, 'weights'),
    byVendor: Object.fromEntries(byVendor),
    mixed: total === 0 ? null : blend(parts),
  };
}

/** Numbers above 0 and up to 1, the same ones for the same seed (a mixer of 32 bits; for looking at, not for secrets). */
export function drawsFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e37_79b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0_aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a_2d97);
    return (((mixed ^ (mixed >>> 15)) >>> 0) + 1) / 4_294_967_296;
  };
}

/**
 * Takes one after the other by weight, as RFC 2782 orders records of one priority: those of weight 0 first, a running sum,
 * and the first whose sum reaches the number drawn. The RFC draws from 0; here the number is above 0, as a weight of 0
 * beside others would otherwise be taken once in a while by the rounding alone.
 * @param group records of one priority, those of the lowest weight first
 */
function* inOrder(group: readonly Target[], draw: () => number): Generator<Target> {
  const left = [...group];
  while (left.length > 0) {
    const total = left.reduce((sum, { weight }) => sum + weight, 0);
    const drawn = draw();
    let running = 0;
    // Where all weights are 0 the RFC leaves the order open: each is as likely as the others.
    const at =
      total === 0
        ? Math.ceil(drawn * left.length) - 1
        : left.findIndex(({ weight }) => {
            running += weight;
            return running >= drawn * total;
          });
    yield* left.splice(at, 1);
  }
}

/** Draws × records² that take a second or so. */
const STEPS_MAX = 200_000_000;

export type Draws = { readonly count: number; readonly seed: number; readonly shares: readonly Share[] };

/**
 * Lets phones order the records as RFC 2782 says and take the first that is reachable, many times.
 * @throws AppError `invalid` for more draws than so many records allow
 */
export function drawMany(
  targets: readonly Target[],
  down: ReadonlySet<string>,
  { count, seed }: { readonly count: number; readonly seed: number },
): Draws {
  const draw = drawsFrom(seed);
  const best = bestGroup(targets, down);
  const group = targets.filter(({ priority }) => priority === best[0]?.priority).sort((a, b) => a.weight - b.weight);
  const countMax = Math.floor(STEPS_MAX / group.length ** 2);
  if (count > countMax)
    throw invalid(`with ${group.length} records in one priority, ask for ${countMax} draws at most`);
  const taken = new Map<Target, number>(best.map((target) => [target, 0]));
  for (let drawn = 0; drawn < count && taken.size > 0; drawn++) {
    for (const target of inOrder(group, draw)) {
      if (down.has(target.server)) continue;
      taken.set(target, (taken.get(target) ?? 0) + 1);
      break;
    }
  }
  const shares = [...taken].map(([{ server, port }, times]) => ({ server, port, share: times / count }));
  return { count, seed, shares };
}
