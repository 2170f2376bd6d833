// A connection to one PBX server, whatever it is: who is registered there, who is in a call, and a way to ask a phone to fetch.
import type { PbxConnection } from '../domain/pbx-connection.ts';
import { type Contact, type Notified, notifyFault } from '../domain/registration.ts';
import { openAsterisk } from './asterisk.ts';
import { openFreeSwitch } from './freeswitch.ts';
import { openKamailio } from './kamailio.ts';
import { openSip, type SipPbxOutside } from './sip.ts';

export type PbxState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'up' }
  /** Why, without secrets; it tries again by itself. */
  | { readonly kind: 'down'; readonly reason: string };

/** What a PBX tells by itself. After every `up` the lists are to be read anew: what happened in between was not told. */
export type PbxListener = {
  readonly state: (state: PbxState) => void;
  /** Somebody has come, or has registered again. What the PBX does not tell with it is null. */
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

export type { SipPbxOutside as PbxOutside };

/** Opens connections; what lies outside is given once. */
export type OpenPbx = (connection: PbxConnection, listener: PbxListener) => Pbx;

function open(connection: PbxConnection, listener: PbxListener, outside: SipPbxOutside): Pbx {
  switch (connection.kind) {
    case 'asterisk': {
      const { tls, ...address } = connection;
      return openAsterisk({ ...address, ...(tls === null ? {} : { tls }) }, listener, outside);
    }
    case 'kamailio':
      return openKamailio(connection, listener, outside);
    case 'freeswitch':
      return openFreeSwitch(connection, listener, outside);
    case 'sip':
      return openSip(connection, listener, outside);
  }
}

/**
 * Opens a connection of any kind; it keeps itself open, and tells its listener. An order with a contact or event that could be
 * more than one line of any protocol leaves by none of them.
 */
export function openPbx(connection: PbxConnection, listener: PbxListener, outside: SipPbxOutside): Pbx {
  const pbx = open(connection, listener, outside);
  return {
    ...pbx,
    notify: async (contact, event) => {
      const fault = notifyFault(contact.uri, event.event);
      return fault === null ? pbx.notify(contact, event) : { kind: 'refused', reason: fault };
    },
  };
}
