// The registrations of one server, in memory: what it told when it was asked, and what it has told by itself since.
import type { Registration } from '../domain/convergence.ts';
import type { Contact } from '../domain/registration.ts';

/** More phones than any one PBX serves. */
const REGISTRATIONS_MAX = 500_000;

/** Users are found in any case: some registrars fold it. */
export const userKey = (user: string): string => user.toLowerCase();

type Known = { readonly contact: Contact; readonly since: string };

export type RegistrationTable = {
  /** What the server told when it was asked; null for calls means that it does not tell of them. */
  replace(contacts: readonly Contact[], inUse: ReadonlySet<string> | null, at: string): void;
  /** @returns whether it is a contact that is not known yet */
  add(contact: Contact, at: string): boolean;
  remove(user: string, uri: string): void;
  setInUse(user: string, inUse: boolean): void;
  find(user: string): Registration[];
  /** All users with registrations, sorted; for pages. */
  users(): string[];
  size(): number;
  /** How many users are in a call; null where the server does not tell. */
  inUse(): number | null;
};

/** A table of nobody. */
export function registrationTable(server: string): RegistrationTable {
  const byUser = new Map<string, Map<string, Known>>();
  let busy: Set<string> | null = null;
  let count = 0;
  const put = (contact: Contact, at: string): boolean => {
    const key = userKey(contact.user);
    const ofUser = byUser.get(key) ?? new Map<string, Known>();
    const known = ofUser.get(contact.uri);
    if (known === undefined && count >= REGISTRATIONS_MAX) return false;
    if (known === undefined) count++;
    byUser.set(key, ofUser);
    // An event says less than a list: what is known stays.
    const merged = {
      ...contact,
      address: contact.address ?? known?.contact.address ?? null,
      userAgent: contact.userAgent ?? known?.contact.userAgent ?? null,
      expiresAt: contact.expiresAt ?? known?.contact.expiresAt ?? null,
    };
    ofUser.set(contact.uri, { contact: merged, since: known?.since ?? at });
    return known === undefined;
  };
  return {
    replace(contacts, inUse, at) {
      const told = new Map(contacts.map((contact) => [`${userKey(contact.user)} ${contact.uri}`, contact]));
      for (const [key, ofUser] of byUser) {
        for (const uri of ofUser.keys()) if (!told.has(`${key} ${uri}`)) count -= Number(ofUser.delete(uri));
        if (ofUser.size === 0) byUser.delete(key);
      }
      for (const contact of told.values()) put(contact, at);
      busy = inUse === null ? null : new Set([...inUse].map(userKey));
    },
    add: put,
    remove(user, uri) {
      const ofUser = byUser.get(userKey(user));
      if (ofUser === undefined) return;
      count -= Number(ofUser.delete(uri));
      if (ofUser.size === 0) byUser.delete(userKey(user));
    },
    setInUse(user, inUse) {
      busy ??= new Set();
      if (inUse) busy.add(userKey(user));
      else busy.delete(userKey(user));
    },
    find: (user) =>
      [...(byUser.get(userKey(user))?.values() ?? [])].map(({ contact, since }) => ({
        ...contact,
        ...{ server, since, inUse: busy === null ? null : busy.has(userKey(user)) },
      })),
    users: () => [...byUser.keys()].sort(),
    size: () => count,
    inUse: () => busy?.size ?? null,
  };
}
