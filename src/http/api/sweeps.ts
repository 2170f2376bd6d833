// /api/v1/sweeps: who is walking through MAC addresses at the phones' door.
import * as answers from './answers.ts';
import { listOf, operation } from './operation.ts';

export const sweepOperations = [
  operation({
    id: 'listSweeps',
    method: 'get',
    path: '/sweeps',
    summary: 'Walks through MAC addresses that are going on at the phones’ door',
    needs: 'lookAtFleet',
    answer: listOf(answers.sweep),
    handle: async ({ door }) => {
      const items = door.sweeps.sweeps().map((one) => ({ ...one, until: new Date(one.until).toISOString() }));
      return { body: { items, next: null } };
    },
  }),
];
