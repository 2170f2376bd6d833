// Journeys over many things at once: all of them are done, or none.
import type { Actor } from '../domain/access.ts';
import { AppError, type Fault, invalid } from '../domain/errors.ts';
import { parseWith } from '../domain/parse.ts';
import type { Phone } from '../domain/phone.ts';
import { allOrNothing } from './all-or-nothing.ts';
import type { Inventory } from './inventory.ts';
import { type MoveOrder, type MoveReport, moveOrderSchema, moveTenant } from './move-tenant.ts';
import { addPhone } from './phones.ts';

const ITEMS_MAX = 10_000;

/**
 * Does the same with every item, in one transaction.
 * @throws AppError `invalid` with the faults of every item (`items.3.pool`); nothing is written then
 */
async function withEach<Item, Result>(
  house: Inventory,
  items: readonly Item[],
  work: (inside: Inventory, item: Item) => Promise<Result>,
): Promise<Result[]> {
  if (items.length > ITEMS_MAX) throw invalid(`send at most ${ITEMS_MAX} items at once`);
  const faults: Fault[] = [];
  const results = await allOrNothing<Inventory, Result[]>(house, async (inside, tx) => {
    const result: Result[] = [];
    for (const [index, item] of items.entries()) {
      try {
        result.push(await tx.attempt(() => work(inside, item)));
      } catch (error) {
        faults.push(...faultsOf(error, index));
      }
    }
    return { keep: faults.length === 0, result };
  });
  if (faults.length === 0) return results;
  const list = faults.slice(0, 3).map(({ path, message }) => `${path}: ${message}`);
  throw invalid(`nothing was done: ${list.join('; ')}${faults.length > 3 ? ' …' : ''}`, faults);
}

function faultsOf(error: unknown, index: number): Fault[] {
  if (!(error instanceof AppError)) throw error;
  if (error.faults.length === 0) return [{ path: `items.${index}`, message: error.message }];
  return error.faults.map(({ path, message }) => ({ path: `items.${index}.${path}`, message }));
}

/** Adds many phones. @throws AppError `invalid` with the faults of every phone; nothing is written then */
export const addPhones = (house: Inventory, items: readonly unknown[], actor: Actor): Promise<Phone[]> =>
  withEach(house, items, (inside, item) => addPhone(inside, item, actor));

/** Moves many tenants. @throws AppError `invalid` with the faults of every move; nobody is moved then */
export const moveTenants = (house: Inventory, items: readonly unknown[], actor: Actor): Promise<MoveReport[]> =>
  withEach(house, items, (inside, item) => {
    const order: MoveOrder = parseWith(moveOrderSchema, item, 'the move');
    return moveTenant(inside, order, actor);
  });
