// /api/v1/checks: what is unsafe or unwell, as `homeport check` tells it.
import { checkHouse } from '../../app/check.ts';
import type { Finding } from '../../domain/finding.ts';
import * as answers from './answers.ts';
import type { AdminDoor } from './door.ts';
import { operation } from './operation.ts';

/** A check reads the whole database: whoever asks while one is made gets the same answer. */
const going = new WeakMap<AdminDoor, Promise<Finding[]>>();

function checkOnce(door: AdminDoor): Promise<Finding[]> {
  const present = going.get(door);
  if (present !== undefined) return present;
  const check = checkHouse(door).finally(() => going.delete(door));
  going.set(door, check);
  return check;
}

export const checkOperations = [
  operation({
    id: 'listChecks',
    method: 'get',
    path: '/checks',
    summary: 'What is unsafe or unwell, the worst first, each with its remedy',
    needs: 'own',
    answer: answers.checks,
    handle: async ({ door }) => ({ body: { items: await checkOnce(door), next: null } }),
  }),
];
