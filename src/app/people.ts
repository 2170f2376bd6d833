// Journeys: who may come in. People get a name and a password, programs a key that is shown once.
import { z } from 'zod';
import type { Actor } from '../domain/access.ts';
import { conflict, type Fault, invalid, notFound } from '../domain/errors.ts';
import { parseWith } from '../domain/parse.ts';
import { type ApiKey, apiKeySchema, apiKeyText, passwordSchema, type User, userSchema } from '../domain/people.ts';
import { hashToken, tokenText } from '../domain/token.ts';
import type { Store, Tx } from '../store/store.ts';
import type { StoredUser } from '../store/users.ts';
import { note } from './audit.ts';
import { taken } from './inventory.ts';
import { hashPassword } from './passwords.ts';
import { checkRevision, revisionOf } from './revision.ts';

type People = { readonly store: Store; readonly now: () => Date; readonly random: (bytes: number) => Buffer };

const KEY_ID_BYTES = 5;
const KEY_SECRET_BYTES = 20;

const withPasswordSchema = z.looseObject({ password: passwordSchema });

async function checkTenants(tx: Tx, codes: readonly string[]): Promise<void> {
  const faults: Fault[] = [];
  for (const [index, code] of codes.entries()) {
    const known = await tx.tenants.exists(code);
    if (!known) faults.push({ path: `tenants.${index}`, message: `there is no tenant ${code}` });
  }
  if (faults.length > 0) throw invalid(faults.map(({ message }) => message).join('; '), faults);
}

/** Adds a user. @throws AppError `invalid` with every wrong field, `conflict` when the name is taken */
export async function addUser(house: People, input: unknown, actor: Actor): Promise<StoredUser> {
  const { password, ...fields } = parseWith(withPasswordSchema, input, 'the user');
  const user = parseWith(userSchema, fields, 'the user');
  const hash = await hashPassword(password, house.random);
  const createdAt = house.now().toISOString();
  await house.store.transaction(async (tx) => {
    if ((await tx.users.find(user.name)) !== null) throw taken(`user ${user.name}`);
    await checkTenants(tx, user.tenants);
    await tx.users.add(user, hash, createdAt);
    await note(tx, house, actor, { action: 'user.add', subject: user.name, before: null, after: user });
  });
  return { ...user, createdAt };
}

/**
 * Changes a user. A new password, another role or being disabled ends all of the user's sessions.
 * @throws AppError `conflict` when nobody with the rights of an owner would be left
 */
export async function changeUser(
  house: People,
  name: string,
  { revision, ...changes }: { readonly [field: string]: unknown; readonly revision?: number | undefined },
  actor: Actor,
): Promise<StoredUser> {
  const { password, ...fields } = parseWith(withPasswordSchema.partial(), changes, 'the user');
  const hash = password === undefined ? null : await hashPassword(password, house.random);
  return house.store.transaction(async (tx) => {
    const stored = await userOf(tx, name);
    checkRevision(`user ${name}`, revision, revisionOf(stored));
    const { createdAt, ...before } = stored;
    const user: User = parseWith(userSchema, { ...before, ...fields }, 'the user');
    if (user.name !== name) throw invalid('a user keeps the name; add another one instead');
    await checkTenants(tx, user.tenants);
    await checkOwnerLeft(tx, name, user.enabled ? user.role : null);
    await tx.users.replace(user, hash);
    const ends =
      hash !== null || user.role !== before.role || !user.enabled || `${user.tenants}` !== `${before.tenants}`;
    if (ends) await tx.sessions.removeOf(name);
    const changed = hash === null ? {} : { password: 'new' };
    await note(tx, house, actor, { action: 'user.change', subject: name, before, after: { ...user, ...changed } });
    return { ...user, createdAt };
  });
}

async function userOf(tx: Tx, name: string): Promise<StoredUser> {
  const user = await tx.users.find(name);
  if (user === null) throw notFound(`user ${name}`);
  return user;
}

/** The last owner stays one: otherwise nobody could let anybody in any more. */
async function checkOwnerLeft(tx: Tx, name: string, role: User['role'] | null): Promise<void> {
  const owners = (await tx.users.list()).filter((user) => user.enabled && user.role === 'owner');
  const wasLast = owners.length === 1 && owners[0]?.name === name;
  if (wasLast && role !== 'owner') throw conflict(`user ${name} is the last owner; make somebody else an owner first`);
}

export async function removeUser(house: People, name: string, actor: Actor, revision?: number): Promise<void> {
  await house.store.transaction(async (tx) => {
    const stored = await userOf(tx, name);
    checkRevision(`user ${name}`, revision, revisionOf(stored));
    const { createdAt: _at, ...before } = stored;
    await checkOwnerLeft(tx, name, null);
    await tx.users.remove(name);
    await note(tx, house, actor, { action: 'user.remove', subject: name, before, after: null });
  });
}

/** Makes a key for a program. @returns the key as it is kept, and its text, which is never to be seen again */
export async function addApiKey(
  house: People,
  input: unknown,
  actor: Actor,
): Promise<ApiKey & { readonly key: string }> {
  const wanted = parseWith(apiKeySchema, input, 'the key');
  const [id, secret] = [tokenText(house.random(KEY_ID_BYTES)), tokenText(house.random(KEY_SECRET_BYTES))];
  const key = { ...wanted, id, createdAt: house.now().toISOString(), createdBy: actor.name, lastUsedAt: null };
  await house.store.transaction(async (tx) => {
    await checkTenants(tx, wanted.tenants);
    await tx.apiKeys.add({ ...key, secretHash: hashToken(secret) });
    await note(tx, house, actor, { action: 'key.add', subject: id, before: null, after: wanted });
  });
  return { ...key, key: apiKeyText(id, secret) };
}

export async function removeApiKey(house: People, id: string, actor: Actor): Promise<void> {
  await house.store.transaction(async (tx) => {
    const key = await tx.apiKeys.find(id);
    if (key === null) throw notFound(`key ${id}`);
    const { secretHash: _hash, ...before } = key;
    await tx.apiKeys.remove(id);
    await note(tx, house, actor, { action: 'key.remove', subject: id, before, after: null });
  });
}
