// Journeys: the rules for plans, stated once: what loads are counted in, who stays where, what keeps people from too much.
import { type Actor, may } from '../domain/access.ts';
import { AppError, invalid } from '../domain/errors.ts';
import { parseWith } from '../domain/parse.ts';
import { GUARDS, type Planning, planningSchema, strangersIn } from '../domain/planning.ts';
import type { Store } from '../store/store.ts';
import { note } from './audit.ts';
import { fleetNow } from './loads.ts';
import { sameFields, sameValue } from './same.ts';

type Changes = object & { readonly revision?: number | undefined };

/**
 * Changes the rules; what is left out stays.
 * @throws AppError `invalid`, also for rules that name what nobody has; `conflict` for a write that races; `forbidden` for
 *   the limits on people when somebody changes them who is no owner
 */
export const changePlanning = (
  house: { readonly store: Store; readonly now: () => Date },
  changes: Changes,
  actor: Actor,
): Promise<Planning> =>
  house.store.transaction(async (tx) => {
    const { revision, ...before } = await tx.plans.planning();
    const { revision: expected = revision, ...fields } = changes;
    const after = parseWith(planningSchema, { ...before, ...fields }, 'the rules for plans');
    const guards = GUARDS.filter((name) => !sameValue(before[name], after[name]));
    if (guards.length > 0 && !may(actor.role, 'own')) {
      throw new AppError('forbidden', `The role ${actor.role} may not change ${guards.join(' and ')}.`);
    }
    const fleet = await fleetNow(tx, after);
    const [known, strangers] = [new Set(strangersIn(before, fleet)), strangersIn(after, fleet)];
    // What was named while it was there may stay: whoever changes another rule need not clean up first.
    const strange = strangers.filter((name) => !known.has(name));
    if (strange.length > 0) throw invalid(`the rules name what does not exist: ${strange.slice(0, 5).join(', ')}`);
    await note(tx, house, actor, { action: 'planning.change', subject: 'planning', before, after });
    return tx.plans.putPlanning(after, expected);
  });

/** Makes the rules as a document says, unless they are. */
export async function bringPlanning(
  house: { readonly store: Store; readonly now: () => Date },
  wanted: object,
  actor: Actor,
): Promise<void> {
  if (!sameFields(await house.store.plans.planning(), wanted)) await changePlanning(house, wanted, actor);
}
