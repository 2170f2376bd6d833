// A server: one PBX that phones register at. Pools name it as a target.
import { z } from 'zod';
import { hostNameSchema, nameSchema } from './text.ts';

export const SERVER_STATES = ['active', 'draining', 'down'] as const;

export const serverSchema = z
  .strictObject({
    name: nameSchema,
    host: hostNameSchema,
    /** How much load the server bears, in the unit of the tenants' weights; null when nobody has said. */
    capacity: z.number().positive().finite().nullable().default(null),
    state: z.enum(SERVER_STATES).default('active'),
  })
  .readonly();

export type Server = z.output<typeof serverSchema>;
