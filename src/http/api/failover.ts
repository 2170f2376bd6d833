// /api/v1/failover/matrix: every state with servers lost, each cell with its load, capacity and ratio.
import { z } from 'zod';
import { matrixNow } from '../../app/failover.ts';
import { operation } from './operation.ts';

const cell = z.strictObject({
  server: z.string(),
  capacity: z.number().nullable(),
  load: z.number(),
  /** Load by capacity; null when nobody has said what the server bears. */
  ratio: z.number().nullable(),
  over: z.boolean().nullable(),
  /** What it bears more than now, and what leaves it when the lost servers return. */
  more: z.number(),
});

const matrix = z.strictObject({
  states: z
    .array(
      z.strictObject({
        lost: z.array(z.string()).readonly(),
        cells: z.array(cell).readonly(),
        /** Load that no server bears. */
        unborne: z.number(),
        /** Load that registers anew when the lost servers return. */
        returning: z.number(),
      }),
    )
    .readonly(),
  mirrors: z
    .array(
      z.strictObject({
        pools: z.array(z.string()).length(2).readonly(),
        servers: z.array(z.string()).length(2).readonly(),
        load: z.number(),
        over: z.boolean(),
        sentence: z.string(),
      }),
    )
    .readonly(),
});

export const failoverMatrixOperations = [
  operation({
    id: 'getFailoverMatrix',
    method: 'get',
    path: '/failover/matrix',
    summary: 'Every state with one server lost, or any two, with what comes back when they return',
    needs: 'lookAtFleet',
    query: z.object({
      /** How many servers may be lost at once. */
      lost: z.enum(['1', '2']).default('1'),
      /** The share of phones that normally stands on the second best server. */
      strays: z.coerce.number().min(0).max(0.5).default(0),
    }),
    answer: matrix,
    handle: async ({ door, query: { lost, strays } }) => ({
      body: (await matrixNow(door, { lost: lost === '2' ? 2 : 1, strays })) as never,
    }),
  }),
];
