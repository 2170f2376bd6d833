// NOTIFY in plain SIP, to a contact itself or through the server that holds it: the one way that tells the phone's own answer.
// Who is registered it cannot tell, as SIP has no question for that.
import { isIP } from 'node:net';
import { AppError, conflict } from '../domain/errors.ts';
import type { Contact } from '../domain/registration.ts';
import { type Outcome, openSipRequests, type Peer, type SipOutside, type SipRequests } from '../sip/requests.ts';
import { statusOf } from '../sip/sip.ts';
import type { Pbx, PbxListener } from './pbx.ts';
import { keepOpen, notifiedBy, type PbxOutside, UnknownOutcome, unavailable } from './wire.ts';

export type SipAddress = {
  readonly host: string;
  readonly port: number;
  readonly transport: 'udp' | 'tcp';
  /** `contact`: straight to the phone. `server`: by the server, which passes it on. */
  readonly way: 'contact' | 'server';
};

/** What it takes to speak SIP, beside what every connection takes. */
export type SipPbxOutside = PbxOutside & Pick<SipOutside, 'unique'>;

const LOOK_EVERY_MS = 30_000;
const USER_AGENT = 'homeport';
const SIP_PORT = 5060;

/** `192.0.2.1:5062` or `[2001:db8::1]:5062`, of addresses alone: a name in a contact is nobody whom we would look up. */
export function peerOf(hostPort: string): Peer | null {
  const groups = /^(?:\[(?<six>[0-9a-f:]+)\]|(?<four>[\d.]+))(?::(?<port>\d{1,5}))?$/i.exec(hostPort)?.groups;
  const host = groups?.six ?? groups?.four ?? '';
  const port = Number(groups?.port ?? SIP_PORT);
  return isIP(host) === 0 || port < 1 || port > 65_535 ? null : { host, port };
}

/** Where a contact is: from where it registered, or else what its URI says. */
export const contactPeer = ({ uri, address }: Contact): Peer | null =>
  peerOf(address ?? /^sips?:(?:[^@]*@)?(?<place>\[[^\]]*\](?::\d+)?|[^;?]*)/.exec(uri)?.groups?.place ?? '');

export type Notifying = {
  /** @throws as `notifiedBy` reads it */
  notify(contact: Contact, event: string): Promise<{ answered: boolean }>;
  /** Does the server answer at all? */
  look(): Promise<string | null>;
  close(): Promise<void>;
};

const hostText = (host: string) => (isIP(host) === 6 ? `[${host}]` : host);

const anyOf = (host: string) => (isIP(host) === 6 ? '::' : '0.0.0.0');

/** What the final answer of a phone, or of the proxy before it, means. */
function meaning({ response, isSent }: Outcome, timeoutMs: number): { answered: boolean } {
  if (!isSent) throw unavailable('nothing was sent: the network or the peer refuses');
  if (response === null) throw new UnknownOutcome(`no answer within ${timeoutMs} ms`);
  const status = statusOf(response) ?? 0;
  if (status >= 200 && status < 300) return { answered: true };
  // The proxy has waited in vain: the phone may have heard it.
  if (status === 408) throw new UnknownOutcome('the phone did not answer the server');
  throw conflict(`the answer is ${response.start.slice('SIP/2.0 '.length).slice(0, 80)}`);
}

/** Opens a place to send from. @throws Error when no socket can be had */
export async function openNotifying(
  { host, port, transport, way }: SipAddress,
  { unique, wait, timeoutMs }: SipPbxOutside,
): Promise<Notifying> {
  const local = { host: anyOf(host), port: 0 };
  const outside = { unique, wait, patienceMs: timeoutMs };
  const requests: SipRequests = await openSipRequests({ local, transport, userAgent: USER_AGENT }, refuse, outside);
  const server = { host, port };
  const us = `sip:homeport@${requests.address}`;
  const identity = (to: string) =>
    [
      ['From', `<${us}>;tag=${unique()}`],
      ['To', `<${to}>`],
      ['Call-ID', unique()],
      ['Contact', `<${us}>`],
    ] as const;
  return {
    async notify(contact, event) {
      const peer = way === 'server' ? server : contactPeer(contact);
      if (peer === null) throw conflict('the contact has no address to send to');
      const route = way === 'server' ? [['Route', `<sip:${hostText(host)}:${port};lr>`] as const] : [];
      const headers = [
        ...identity(contact.uri),
        ...route,
        ['Event', event] as const,
        // RFC 6665 section 4.1.3 wants it in every NOTIFY; there is no subscription to go on with.
        ['Subscription-State', 'terminated'] as const,
      ];
      return meaning(await requests.ask({ method: 'NOTIFY', uri: contact.uri, server: peer, headers }), timeoutMs);
    },
    async look() {
      const uri = `sip:${hostText(host)}:${port}`;
      const { isSent, response } = await requests.ask({ method: 'OPTIONS', uri, server, headers: identity(uri) });
      if (response !== null) return null;
      return isSent ? `no answer to OPTIONS within ${timeoutMs} ms` : 'the network or the server refuses';
    },
    close: () => requests.close(),
  };
}

/** Nobody has anything to ask of us. */
const refuse = () => undefined;

/** Speaks plain SIP to a server and to phones; it asks the server now and then whether it is there. */
export function openSip(address: SipAddress, listener: PbxListener, outside: SipPbxOutside): Pbx {
  const opening = openNotifying(address, outside);
  const cannot = () =>
    Promise.reject(
      new AppError(
        'unavailable',
        'plain SIP does not tell who is registered or in a call; connect to the PBX by its own way',
      ),
    );
  const kept = keepOpen<void>(
    async (up, stop) => {
      try {
        const notifying = await opening;
        for (let isUp = false; !stop.aborted; isUp = true) {
          const why = await notifying.look();
          if (why !== null) return why;
          if (!isUp) up();
          await outside.wait(LOOK_EVERY_MS, stop);
        }
        return 'closed';
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
    },
    listener.state,
    outside,
  );
  return {
    state: kept.state,
    contacts: cannot,
    usersInUse: cannot,
    notify: (contact, { event }) => notifiedBy(opening.then((notifying) => notifying.notify(contact, event))),
    async close() {
      const closed = opening.then((notifying) => notifying.close());
      await Promise.allSettled([closed, kept.close()]);
    },
  };
}
