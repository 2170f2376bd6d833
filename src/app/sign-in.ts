// Journey: somebody comes in at the admin door, with a key or a session, or signs in with name and password.
import { timingSafeEqual } from 'node:crypto';
import { type Actor, ALL_TENANTS, scopeOf } from '../domain/access.ts';
import { AppError } from '../domain/errors.ts';
import { placeOf } from '../domain/network.ts';
import { readApiKey } from '../domain/people.ts';
import { hashToken, tokenText } from '../domain/token.ts';
import { log } from '../log.ts';
import type { Store, Tx } from '../store/store.ts';
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

const underWay = new WeakMap<Store, Set<string>>();

/** Writes down that somebody was seen. Nobody waits for it: who only looks comes in also while nothing can be written. */
function noteBeside(store: Store, who: string, write: (tx: Tx) => Promise<void>): void {
  const names = underWay.get(store) ?? new Set();
  underWay.set(store, names);
  if (names.has(who)) return;
  names.add(who);
  void store
    .transaction(write)
    .catch((error: unknown) => log.warn({ error }, 'when somebody was last seen could not be written down'))
    .finally(() => names.delete(who));
}

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
    noteBeside(store, `key ${key.id}`, (tx) => tx.apiKeys.used(key.id, moment.toISOString()));
  }
  return { name: `key:${key.id}`, role: key.role, scope: scopeOf(key.role, key.tenants), address };
}

/**
 * Lets a program in by its key. After ten different wrong keys from an address, the first key, which somebody has thought
 * of, is not looked at any more for a while; the others hold 160 random bits, which no number of tries finds, so nobody can
 * lock out the programs behind the same address.
 * @throws AppError `unauthorized` for a key that is unknown or no longer good, `too_many` while the address has to wait
 */
export async function enterByKey(gate: Gate, attempts: Attempts, text: string, address: string): Promise<Actor> {
  const from = [`address ${placeOf(address)}`];
  const moment = gate.now();
  if (readApiKey(text) === null) attempts.check(from, moment);
  const actor = await actorOfKey(gate, text, address);
  if (actor !== null) return actor;
  attempts.check(from, moment);
  // A program that comes with its old key again and again does not guess.
  attempts.failed(from, moment, hashToken(text));
  throw new AppError('unauthorized', 'This key is not known or no longer good.');
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
    noteBeside(store, `session ${found.idHash}`, (tx) => tx.sessions.seen(found.idHash, moment.toISOString()));
  }
  return { name: `user:${user.name}`, role: user.role, scope: scopeOf(user.role, user.tenants), address };
}

export type SignIn = { readonly name: string; readonly password: string };

/** How many wrong passwords or keys one address or one name may try before it has to wait. */
const TRIES = 10;
const WAIT_MS = 15 * 60_000;
const REMEMBERED_MAX = 10_000;

/** Counts what was wrong, by address and by name. */
export type Attempts = {
  /** @throws AppError `too_many` while one of these has to wait */
  check(keys: readonly string[], now: Date): void;
  /** `guess` tells guesses apart where the same one again is no other try; left out, each is one. */
  failed(keys: readonly string[], now: Date, guess?: string): void;
  forget(keys: readonly string[]): void;
};

/** Is told of each that was wrong, and of each that was not looked at because too many were. */
export type OnFailure = (failure: { by: 'password' | 'key'; reason: 'wrong' | 'waiting' }) => void;

export function countAttempts(by: 'password' | 'key', onFailure: OnFailure = () => {}): Attempts {
  const failures = new Map<string, { guesses: Set<string>; since: number }>();
  const current = (key: string, now: Date) => {
    const entry = failures.get(key);
    // One from the future was counted under a clock that was wrong; nobody waits a day for that.
    return entry !== undefined && Math.abs(now.getTime() - entry.since) < WAIT_MS ? entry : undefined;
  };
  return {
    check(keys, now) {
      if (keys.every((key) => (current(key, now)?.guesses.size ?? 0) < TRIES)) return;
      onFailure({ by, reason: 'waiting' });
      throw new AppError('too_many', `Too many wrong ${by}s; wait a quarter of an hour and try again.`);
    },
    failed(keys, now, guess) {
      onFailure({ by, reason: 'wrong' });
      for (const key of keys) {
        const { guesses, since } = current(key, now) ?? { guesses: new Set(), since: now.getTime() };
        if (guesses.size < TRIES) guesses.add(guess ?? String(guesses.size));
        // Set anew, so that the first ones in the map are those that have not failed for longest.
        failures.delete(key);
        failures.set(key, { guesses, since });
      }
      for (const oldest of failures.keys()) {
        if (failures.size <= REMEMBERED_MAX) break;
        failures.delete(oldest);
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
  const keys = [`address ${placeOf(address)}`, `name ${name}`];
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
