// Journey: the key of the secrets is changed for a new one, and every secret is sealed anew.
import type { Actor } from '../domain/access.ts';
import type { Rotation, RotationProgress } from '../store/reseal.ts';
import type { Store } from '../store/store.ts';
import { note } from './audit.ts';

type Rotating = { readonly store: Store; readonly now: () => Date };

/**
 * Rotates the key. A server that runs on the same database goes on and takes up the new key by itself.
 * @throws AppError `conflict` when another rotation comes in between, `unavailable` for a damaged value or key file; nothing
 *   is sealed anew then
 */
export const rotateSecrets = (
  house: Rotating,
  actor: Actor,
  progress?: (progress: RotationProgress) => void,
): Promise<Rotation> =>
  house.store.rotateKey({
    now: house.now(),
    progress,
    also: (tx, values) =>
      note(tx, house, actor, { action: 'secrets.rotate', subject: 'secrets', before: null, after: { values } }),
  });
