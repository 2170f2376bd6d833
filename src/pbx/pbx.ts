// A connection to one PBX server, whatever it is: who is registered there, who is in a call, and a way to ask a phone to fetch.
import type { Contact, Notified } from '../domain/registration.ts';

export type PbxState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'up' }
  /** Why, without secrets; it tries again by itself. */
  | { readonly kind: 'down'; readonly reason: string };

/** What a PBX tells by itself. After every `up` the lists are to be read anew: what happened in between was not told. */
export type PbxListener = {
  readonly state: (state: PbxState) => void;
  readonly registered: (contact: Contact) => void;
  readonly unregistered: (user: string, uri: string) => void;
  /** A user's phone came into use, or all its calls have ended. */
  readonly inUse: (user: string, inUse: boolean) => void;
};

/** What a phone is asked to do, in its vendor's words: the value of the Event header, such as `check-sync;reboot=false`. */
export type NotifyEvent = { readonly event: string };

export type Pbx = {
  state(): PbxState;
  /** Everybody who is registered now. @throws AppError `unavailable` when the PBX cannot say */
  contacts(): Promise<readonly Contact[]>;
  /** The users whose phones are in use: talking, ringing, holding. @throws AppError `unavailable` */
  usersInUse(): Promise<ReadonlySet<string>>;
  /** Asks the phone behind one contact, and no other, to fetch. Never throws: what became of it is data. */
  notify(contact: Contact, event: NotifyEvent): Promise<Notified>;
  close(): Promise<void>;
};
