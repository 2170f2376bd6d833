// Asterisk over AMI: contacts of PJSIP and of the older chan_sip, device states, and NOTIFY to one contact. What it says was
// read from Asterisk 22; chan_sip from its documentation, as it left Asterisk with version 21.
import { AppError } from '../domain/errors.ts';
import type { SIP_DRIVERS } from '../domain/pbx-connection.ts';
import type { Contact } from '../domain/registration.ts';
import { type Ami, type AmiAddress, type AmiMessage, header, openAmi } from './ami.ts';
import type { NotifyEvent, Pbx, PbxListener } from './pbx.ts';
import { asked, notifiedBy, type PbxOutside } from './wire.ts';

export type SipDriver = (typeof SIP_DRIVERS)[number];

export type AsteriskAddress = Omit<AmiAddress, 'events'> & { readonly driver: SipDriver };

/** Registrations come as class `system`, device states as class `call`. */
const EVENTS = 'system,call';

/** AST_DEVICE states in which a restart would cut somebody off. */
const IN_USE = new Set(['INUSE', 'BUSY', 'RINGING', 'RINGINUSE', 'ONHOLD']);

const HERE = new Set(['Created', 'Reachable', 'NonQualified', 'Unqualified', 'Updated', 'Unknown', 'Unreachable']);

type Driver = {
  readonly contacts: (ami: Ami) => Promise<readonly Contact[]>;
  /** The prefix of its devices and channels. */
  readonly device: string;
  readonly hear: (message: AmiMessage, listener: PbxListener) => void;
  readonly notify: (ami: Ami, contact: Contact, event: string) => Promise<void>;
};

const text = (message: AmiMessage, name: string): string | null => {
  const value = header(message, name);
  return value === null || value === '' || value === 'N/A' || value === '-none-' ? null : value;
};

const hostPort = (host: string | null, port: string | null): string | null =>
  host === null || port === null ? null : `${host.includes(':') ? `[${host}]` : host}:${port}`;

/** The AOR of a contact's object name: `101;@0123…`. */
const aorOf = (objectName: string): string => objectName.replace(/(?:;@|\^3B@)[0-9a-f]{32}$/, '');

const seconds = (value: string | null): number | null =>
  value !== null && /^\d{1,11}$/.test(value) && value !== '0' ? Number(value) * 1_000 : null;

/** Asterisk refuses to list nothing; that is an empty list and no fault. */
const isNobody = (error: unknown) => error instanceof AppError && /No Contacts found/i.test(error.message);

const pjsip: Driver = {
  device: 'PJSIP/',
  contacts: async (ami) =>
    (
      await ami.list('PJSIPShowContacts').catch((error: unknown): readonly AmiMessage[] => {
        if (isNobody(error)) return [];
        throw error;
      })
    ).flatMap((message): Contact[] => {
      const [name, uri] = [text(message, 'ObjectName'), text(message, 'Uri')];
      if (name === null || uri === null) return [];
      return [
        {
          user: aorOf(name),
          uri,
          address: hostPort(text(message, 'ViaAddr'), text(message, 'ViaPort')),
          userAgent: text(message, 'UserAgent'),
          expiresAt: seconds(text(message, 'ExpirationTime')),
        },
      ];
    }),
  hear(message, { registered, unregistered }) {
    if (header(message, 'Event') !== 'ContactStatus') return;
    const [user, uri, status] = [text(message, 'AOR'), text(message, 'URI'), header(message, 'ContactStatus') ?? ''];
    if (user === null || uri === null) return;
    if (status === 'Removed') unregistered(user, uri);
    else if (HERE.has(status)) registered({ user, uri, address: null, userAgent: null, expiresAt: null });
  },
  notify: async (ami, { uri }, event) => {
    await ami.act('PJSIPNotify', [
      ['URI', uri],
      ['Variable', `Event=${event}`],
    ]);
  },
};

const chanSip: Driver = {
  device: 'SIP/',
  contacts: async (ami) =>
    (await ami.list('SIPpeers')).flatMap((message): Contact[] => {
      const user = text(message, 'ObjectName');
      const address = hostPort(text(message, 'IPaddress'), text(message, 'IPport'));
      if (user === null || address === null || text(message, 'Dynamic') !== 'yes') return [];
      return [{ user, uri: `sip:${user}@${address}`, address, userAgent: null, expiresAt: null }];
    }),
  hear(message, { registered, unregistered }) {
    if (header(message, 'Event') !== 'PeerStatus') return;
    const [peer, status] = [header(message, 'Peer') ?? '', header(message, 'PeerStatus')];
    if (!peer.startsWith('SIP/')) return;
    const [user, address] = [peer.slice('SIP/'.length), text(message, 'Address')];
    const uri = `sip:${user}@${address ?? ''}`;
    if (status === 'Unregistered') unregistered(user, uri);
    else if (status === 'Registered') registered({ user, uri, address, userAgent: null, expiresAt: null });
  },
  // A peer of chan_sip has one contact at most, so the peer is the contact.
  notify: async (ami, { user }, event) => {
    await ami.act('SIPnotify', [
      ['Channel', `SIP/${user}`],
      ['Variable', `Event=${event}`],
    ]);
  },
};

const DRIVERS: Readonly<Record<SipDriver, Driver>> = { pjsip, sip: chanSip };

/** Asterisk's own word for "this action exists, but the way to a bare URI is not set up". */
const NO_OUTBOUND = /default outbound endpoint|No default outbound|Unable to (?:find|retrieve).*endpoint/i;

const hintFor = (message: string) =>
  NO_OUTBOUND.test(message)
    ? '; set default_outbound_endpoint in the global section of pjsip.conf, so that it can send to a contact'
    : '';

const sent = async (order: Promise<void>) => {
  await order;
  return { answered: false };
};

/** Opens a connection to an Asterisk server; it keeps itself open. */
export function openAsterisk({ driver, ...address }: AsteriskAddress, listener: PbxListener, outside: PbxOutside): Pbx {
  const { device, contacts, hear, notify } = DRIVERS[driver];
  const userOf = (name: string | null) => (name?.startsWith(device) ? name.slice(device.length) : null);
  const ami = openAmi(
    { ...address, events: EVENTS },
    {
      state: listener.state,
      event(message) {
        const user = header(message, 'Event') === 'DeviceStateChange' ? userOf(header(message, 'Device')) : null;
        if (user !== null) listener.inUse(user, IN_USE.has(header(message, 'State') ?? ''));
        else hear(message, listener);
      },
    },
    outside,
  );
  return {
    state: ami.state,
    contacts: () => asked(contacts(ami)),
    usersInUse: async () =>
      new Set(
        (await asked(ami.list('DeviceStateList')))
          .filter((message) => IN_USE.has(header(message, 'State') ?? ''))
          .flatMap((message) => userOf(header(message, 'Device')) ?? []),
      ),
    notify: (contact, { event }: NotifyEvent) => notifiedBy(sent(notify(ami, contact, event)), hintFor),
    close: () => ami.close(),
  };
}
