// A pool: an SRV domain with its servers in order. What makes it fit to carry a tenant is decided here.
import { z } from 'zod';
import { invalid } from './errors.ts';
import { hostNameSchema, nameSchema } from './text.ts';

export const TRANSPORTS = ['udp', 'tcp', 'tls'] as const;
export type Transport = (typeof TRANSPORTS)[number];

const uint16 = z.number().int().min(0).max(65_535);

/** One SRV record of the pool (RFC 2782): lowest priority first, weight shares the load inside one priority. */
export const targetSchema = z
  .strictObject({ server: nameSchema, priority: uint16, weight: uint16.default(10), port: uint16.min(1).default(5060) })
  .readonly();

export type Target = z.output<typeof targetSchema>;

export const poolSchema = z
  .strictObject({
    name: nameSchema,
    /** The owner of the SRV records, and the only server name that a phone ever gets. */
    domain: hostNameSchema,
    /** What the pool offers, most wanted first; phones are told the first. */
    transports: z
      .array(z.enum(TRANSPORTS))
      .min(1, 'name at least one transport')
      .refine((list) => new Set(list).size === list.length, 'names a transport twice')
      .default(['udp'])
      .readonly(),
    /**
     * Should SRV records with the target "." say that the other transports are not offered (RFC 2782)? Without them a phone
     * that asks for such a transport finds nothing and may go on guessing.
     */
    denyOtherTransports: z.boolean().default(false),
    /** Seconds that resolvers may keep the records, and so the slowest part of any change to them. */
    ttl: z.number().int().min(1).max(604_800).default(300),
    targets: z
      .array(targetSchema)
      .min(1, 'a pool lists all servers of its service: name at least one')
      .refine(
        (list) => new Set(list.map((target) => `${target.server}:${target.port}`)).size === list.length,
        'names the same server and port twice',
      )
      .readonly(),
  })
  .readonly();

export type Pool = z.output<typeof poolSchema>;

/** A pool that may carry tenants: exactly one server stands in its best priority. Only `assignable` makes one. */
export type AssignablePool = Pool & { readonly [ASSIGNABLE]: true };
declare const ASSIGNABLE: unique symbol;

/** The servers of the best (lowest) priority, each once. */
export function bestServers(pool: Pool): readonly string[] {
  const best = Math.min(...pool.targets.map((target) => target.priority));
  return [...new Set(pool.targets.filter((target) => target.priority === best).map((target) => target.server))];
}

/** The one server that all phones of the pool's tenants normally register at. */
export function primaryOf(pool: AssignablePool): string {
  const [primary] = bestServers(pool);
  if (primary === undefined) throw new Error(`assertion failed: assignable pool ${pool.name} has no primary`);
  return primary;
}

/** What speaks against putting tenants on the pool (refusals) and what an operator should know (warnings). */
export function checkAssignable(pool: Pool): { refusals: readonly string[]; warnings: readonly string[] } {
  const best = bestServers(pool);
  const refusals =
    best.length === 1
      ? []
      : [
          `pool ${pool.name} has ${best.length} servers in its best priority (${best.join(', ')}), so phones would register ` +
            'on either at random: while a phone moves from one to the other it is reachable on neither for a while, a ' +
            'transfer fails when its two calls are on different servers, and a phone that moves during a call is no longer ' +
            'seen as busy, so a second call reaches it. Give one of them the lowest priority number alone.',
        ];
  const hasBackup = pool.targets.some((target) => !best.includes(target.server));
  const warnings = hasBackup
    ? []
    : [`pool ${pool.name} has no backup server: when ${best.join(', ')} is down its tenants have no service at all`];
  return { refusals, warnings };
}

/**
 * The pool as one that tenants may be placed on.
 * @throws AppError `invalid` with the reasons when its best priority does not hold exactly one server
 */
export function assignable(pool: Pool): AssignablePool {
  const { refusals } = checkAssignable(pool);
  if (refusals.length > 0) throw invalid(`${refusals.join('; ')}`);
  return pool as AssignablePool;
}
