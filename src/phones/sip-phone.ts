// A phone's side of SIP: it registers, answers NOTIFY, takes and makes calls. It is what the simulated phones speak, and no
// more than they need: no media is sent.
import { answerTo, firstOf, headersOf, methodOf, type SipMessage, statusOf } from './sip.ts';
import {
  acknowledgement,
  openSipRequests,
  type Peer,
  type SipOutside,
  type SipRequests,
  uriIn,
} from './sip-requests.ts';

export type SipAccount = {
  readonly user: string;
  readonly authUser: string | null;
  readonly password: string;
  /** What stands behind the @: the SIP domain. */
  readonly domain: string;
  readonly userAgent: string;
};

export type SipEars = {
  /** Somebody asks to fetch: the value of the Event header. */
  readonly notified: (event: string, from: Peer) => void;
  /** A call has begun, or the last one has ended. */
  readonly inCall: (inCall: boolean) => void;
};

export type Registered =
  | { readonly kind: 'registered'; readonly expiresS: number }
  | { readonly kind: 'refused'; readonly status: number }
  | { readonly kind: 'silent' };

export type SipPhone = {
  /** Where it listens, `HOST:PORT`. */
  readonly address: string;
  /** Registers at a server, or takes its registration back with `expiresS` 0. */
  register(server: Peer, expiresS: number): Promise<Registered>;
  /** Calls a user through a server. @returns whether the call was answered */
  call(server: Peer, user: string): Promise<boolean>;
  /** Ends all calls. */
  hangUp(): Promise<void>;
  isInCall(): boolean;
  close(): Promise<void>;
};

/** A dialog as its own side sees it (RFC 3261 section 12). */
type Call = {
  readonly id: string;
  readonly server: Peer;
  readonly target: string;
  readonly from: string;
  readonly to: string;
};

/** The calls of a phone; tells when the first begins and the last ends. */
function openCalls(tell: (inCall: boolean) => void) {
  const calls = new Map<string, Call>();
  const change = (how: () => void) => {
    const before = calls.size > 0;
    how();
    if (before !== calls.size > 0) tell(calls.size > 0);
  };
  return {
    add: (call: Call) => change(() => calls.set(call.id, call)),
    end: (id: string) => change(() => calls.delete(id)),
    endAll(): readonly Call[] {
      const open = [...calls.values()];
      change(() => calls.clear());
      return open;
    },
    isOpen: () => calls.size > 0,
  };
}

/** A session that offers sound and sends none (RFC 8866). */
const sessionOf = (host: string) =>
  [
    ...['v=0', `o=- 1 1 IN IP4 ${host}`, 's=-', `c=IN IP4 ${host}`, 't=0 0'],
    ...['m=audio 40000 RTP/AVP 0', 'a=rtpmap:0 PCMU/8000', 'a=sendrecv', ''],
  ].join('\r\n');

/** Opens a phone on a local address. @throws Error when the address is not ours */
export async function openSipPhone(
  local: string,
  account: SipAccount,
  ears: SipEars,
  outside: SipOutside,
): Promise<SipPhone> {
  const { user, domain } = account;
  const tag = outside.unique();
  const calls = openCalls(ears.inCall);
  const session = sessionOf(local);
  const answerRequest = (request: SipMessage, from: Peer) => {
    const contact = ['Contact', `<sip:${user}@${requests.address}>`] as const;
    const reply = (status: string, more: SipMessage['headers'] = [], body = '') =>
      requests.send(answerTo(request, status, tag, more, body), from);
    const id = firstOf(request, 'Call-ID');
    switch (methodOf(request)) {
      case 'NOTIFY':
        reply('200 OK');
        return ears.notified(firstOf(request, 'Event'), from);
      case 'INVITE': {
        reply('200 OK', [contact, ['Content-Type', 'application/sdp']], session);
        const [own, theirs] = [firstOf(answerTo(request, '200 OK', tag), 'To'), firstOf(request, 'From')];
        return calls.add({ id, server: from, target: uriIn(firstOf(request, 'Contact')), from: own, to: theirs });
      }
      case 'BYE':
        reply('200 OK');
        return calls.end(id);
      case 'ACK':
        return;
      case 'CANCEL':
      case 'OPTIONS':
        return reply('200 OK', [contact]);
      default:
        return reply('405 Method Not Allowed', [['Allow', 'INVITE, ACK, BYE, CANCEL, OPTIONS, NOTIFY']]);
    }
  };
  const requests: SipRequests = await openSipRequests(local, account.userAgent, answerRequest, outside);
  const registration = outside.unique();
  const credential = { user: account.authUser ?? user, password: account.password };
  const own = `<sip:${user}@${domain}>`;
  const contact = `<sip:${user}@${requests.address}>`;
  return {
    address: requests.address,
    async register(server, expiresS) {
      const identity = [
        ['From', `${own};tag=${tag}`] as const,
        ['To', own] as const,
        ['Call-ID', registration] as const,
      ];
      const headers = [...identity, ['Contact', contact] as const, ['Expires', String(expiresS)] as const];
      const order = { method: 'REGISTER', uri: `sip:${domain}`, server, headers };
      return registeredBy((await requests.ask(order, credential)).response, requests.address, expiresS);
    },
    async call(server, called) {
      const uri = `sip:${called}@${domain}`;
      const id = outside.unique();
      const identity = [['From', `${own};tag=${outside.unique()}`] as const, ['To', `<${uri}>`] as const];
      const headers = [
        ...identity,
        ['Call-ID', id] as const,
        ['Contact', contact] as const,
        ['Content-Type', 'application/sdp'] as const,
      ];
      const order = { method: 'INVITE', uri, server, headers, body: session };
      const { request, response } = await requests.ask(order, credential);
      const isGood = response !== null && statusOf(response) === 200;
      if (response === null) return false;
      const via = `SIP/2.0/UDP ${requests.address};branch=z9hG4bK${outside.unique()};rport`;
      requests.send(acknowledgement(request, response, isGood ? via : null), server);
      if (!isGood) return false;
      const target = uriIn(firstOf(response, 'Contact'));
      calls.add({ id, server, target, from: firstOf(request, 'From'), to: firstOf(response, 'To') });
      return true;
    },
    async hangUp() {
      const endings = calls.endAll().map(({ id, server, target, from, to }) => {
        const headers = [['From', from] as const, ['To', to] as const, ['Call-ID', id] as const];
        return requests.ask({ method: 'BYE', uri: target, server, headers });
      });
      await Promise.all(endings);
    },
    isInCall: calls.isOpen,
    close: requests.close,
  };
}

/** What the answer to a REGISTER says of this phone's own contact. */
function registeredBy(response: SipMessage | null, address: string, askedS: number): Registered {
  if (response === null) return { kind: 'silent' };
  const status = statusOf(response) ?? 0;
  if (status !== 200) return { kind: 'refused', status };
  const mine = headersOf(response, 'Contact').find((value) => value.includes(address)) ?? '';
  const given = /;expires=(\d+)/i.exec(mine)?.[1] ?? firstOf(response, 'Expires');
  return { kind: 'registered', expiresS: given === '' ? askedS : Number(given) };
}
