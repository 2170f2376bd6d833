// Journey: somebody comes in at the admin door, with a key or a session, or signs in with name and password.
import { timingSafeEqual } from 'node:crypto';
import { type Actor, ALL_TENANTS, scopeOf } from '../domain/access.ts';
import { AppError } from '../domain/errors.ts';
import { readApiKey } from '../domain/people.ts';
import { hashToken, tokenText } from '../domain/token.ts';
import type { Store } from '../store/store.ts';
import { note } from './audit.ts';
import { isPassword } from './passwords.ts';

export type Gate = {
  readonly store: Store;
  readonly now: () => Date;
  readonly random: (bytes: number) => Buffer;
  /** The first API key, with the rights of the owner; null when there is none. */
  readonly apiKey: string | null;
};

const SESSION_BYTES = 32;
const SESSION_IDLE_MS = 12 * 3_600_000;
const SESSION_MS = 7 * 24 * 3_600_000;
const SEEN_EVERY_MS = 60_000;

const same = (a: string, b: string) => timingSafeEqual(Buffer.from(hashToken(a)), Buffer.from(hashToken(b)));
const olderThan = (at: string, now: Date, ms: number) => now.getTime() - Date.parse(at) > ms;

/** Who holds this key; null for a key that is unknown or no longer good. */
export async function actorOfKey({ store, now, apiKey }: Gate, text: string, address: string): Promise<Actor | null> {
  if (apiKey !== null && same(text, apiKey)) {
    return { name: 'key:first', role: 'owner', scope: ALL_TENANTS, address };
  }
  const given = readApiKey(text);
  const key = given === null ? null : await store.apiKeys.find(given.id);
  if (given === null || key === null || !same(hashToken(given.secret), key.secretHash)) return null;
  const moment = now();
  if (key.expiresAt !== null && Date.parse(key.expiresAt) <= moment.getTime()) return null;
  if (key.lastUsedAt === null || olderThan(key.lastUsedAt, moment, SEEN_EVERY_MS)) {
    await store.transaction((tx) => tx.apiKeys.used(key.id, moment.toISOString()));
  }
  return { name: `key:${key.id}`, role: key.role, scope: scopeOf(key.role, key.tenants), address };
}

/** Whose session this is; null for one that is unknown, forgotten or of somebody who may not come in any more. */
export async function actorOfSession({ store, now }: Gate, session: string, address: string): Promise<Actor | null> {
  const found = await store.sessions.find(hashToken(session));
  if (found === null) return null;
  const moment = now();
  if (olderThan(found.seenAt, moment, SESSION_IDLE_MS) || olderThan(found.createdAt, moment, SESSION_MS)) return null;
  const user = await store.users.find(found.user);
  if (!user?.enabled) return null;
  if (olderThan(found.seenAt, moment, SEEN_EVERY_MS)) {
    await store.transaction((tx) => tx.sessions.seen(found.idHash, moment.toISOString()));
  }
  return { name: `user:${user.name}`, role: user.role, scope: scopeOf(user.role, user.tenants), address };
}

export type SignIn = { readonly name: string; readonly password: string };

/** How many wrong passwords one address or one name may try before it has to wait. */
const TRIES = 10;
const WAIT_MS = 15 * 60_000;
const REMEMBERED_MAX = 10_000;

/** Counts wrong passwords by address and by name. */
export type Attempts = {
  /** @throws AppError `too_many` while one of these has to wait */
  check(keys: readonly string[], now: Date): void;
  failed(keys: readonly string[], now: Date): void;
  forget(keys: readonly string[]): void;
};

export function countAttempts(): Attempts {
  const failures = new Map<string, { count: number; since: number }>();
  const current = (key: string, now: Date) => {
    const entry = failures.get(key);
    return entry !== undefined && now.getTime() - entry.since < WAIT_MS ? entry : undefined;
  };
  return {
    check(keys, now) {
      if (keys.every((key) => (current(key, now)?.count ?? 0) < TRIES)) return;
      throw new AppError('too_many', 'Too many wrong passwords; wait a quarter of an hour and try again.');
    },
    failed(keys, now) {
      if (failures.size > REMEMBERED_MAX) failures.clear();
      for (const key of keys) {
        const { count, since } = current(key, now) ?? { count: 0, since: now.getTime() };
        failures.set(key, { count: count + 1, since });
      }
    },
    forget(keys) {
      for (const key of keys) failures.delete(key);
    },
  };
}

/**
 * Signs somebody in.
 * @returns what goes into the cookie: 256 random bits, kept here only as a hash
 * @throws AppError `unauthorized`, the same for a wrong name and a wrong password, or `too_many`
 */
export async function signIn(gate: Gate, attempts: Attempts, { name, password }: SignIn, address: string) {
  const keys = [`address ${address}`, `name ${name}`];
  const moment = gate.now();
  attempts.check(keys, moment);
  const right = await isPassword(password, await gate.store.users.passwordHash(name));
  const user = right ? await gate.store.users.find(name) : null;
  if (!user?.enabled) {
    attempts.failed(keys, moment);
    throw new AppError('unauthorized', 'The name or the password is wrong.');
  }
  attempts.forget(keys);
  const session = tokenText(gate.random(SESSION_BYTES));
  const at = moment.toISOString();
  const { role, tenants } = user;
  const actor: Actor = { name: `user:${name}`, role, scope: scopeOf(role, tenants), address };
  await gate.store.transaction(async (tx) => {
    await tx.sessions.removeUnseenSince(new Date(moment.getTime() - SESSION_IDLE_MS).toISOString());
    await tx.sessions.add({ idHash: hashToken(session), user: name, createdAt: at, seenAt: at, address });
    await note(tx, gate, actor, { action: 'session.begin', subject: name, before: null, after: null });
  });
  return { session, user };
}

/** Ends a session. */
export async function signOut(gate: Gate, session: string, actor: Actor): Promise<void> {
  await gate.store.transaction(async (tx) => {
    await tx.sessions.remove(hashToken(session));
    await note(tx, gate, actor, { action: 'session.end', subject: actor.name, before: null, after: null });
  });
}
