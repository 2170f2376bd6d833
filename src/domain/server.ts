// A server: one PBX that phones register at. Pools name it as a target.
import { z } from 'zod';
import { addressSchema } from './address.ts';
import { hostNameSchema, nameSchema } from './text.ts';

export const SERVER_STATES = ['active', 'draining', 'down'] as const;

/** More addresses than this make an answer of DNS too long for one packet. */
const ADDRESSES_MAX = 8;

export const serverSchema = z
  .strictObject({
    name: nameSchema,
    /** The target of SRV records: a name and never an address (RFC 2782). */
    host: hostNameSchema,
    /** The addresses of the host, for its A and AAAA records; none when somebody else keeps those records. */
    addresses: z
      .array(addressSchema)
      .max(ADDRESSES_MAX, `must have at most ${ADDRESSES_MAX} addresses`)
      .refine((list) => new Set(list).size === list.length, 'names an address twice')
      .default([])
      .readonly(),
    /** How much load the server bears, in the unit of the tenants' weights; null when nobody has said. */
    capacity: z.number().positive().finite().nullable().default(null),
    state: z.enum(SERVER_STATES).default('active'),
  })
  .readonly();

export type Server = z.output<typeof serverSchema>;
