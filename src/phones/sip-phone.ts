// A phone's side of SIP: it registers, answers NOTIFY, takes and makes calls. It is what the simulated phones speak, and no
// more than they need: no media is sent.
import { acknowledgement, openSipRequests, type Peer, type SipOutside, type SipRequests } from '../sip/requests.ts';
import { answerTo, firstOf, headersOf, methodOf, type SipMessage, statusOf, uriIn } from '../sip/sip.ts';

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
  /** The proxies that want to see what follows, in order (RFC 3261 section 12.1). */
  readonly routes: readonly string[];
};

const routeHeaders = (routes: readonly string[]) => routes.map((route) => ['Route', route] as const);

/** The route that the one who called takes: that of the answer, backwards. */
const backwards = (response: SipMessage): string[] =>
  headersOf(response, 'Record-Route')
    .flatMap((value) => value.split(/,(?=\s*<)/))
    .map((value) => value.trim())
    .reverse();

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
    has: (id: string) => calls.has(id),
    isOpen: () => calls.size > 0,
  };
}

/** A session that offers sound and sends none (RFC 8866). */
const sessionOf = (host: string) =>
  [
    ...['v=0', `o=- 1 1 IN IP4 ${host}`, 's=-', `c=IN IP4 ${host}`, 't=0 0'],
    ...['m=audio 40000 RTP/AVP 0', 'a=rtpmap:0 PCMU/8000', 'a=sendrecv', ''],
  ].join('\r\n');

/** Answers that are kept for requests that come again (RFC 3261 section 17.2.2). */
const ANSWERS_KEPT = 64;

/** Remembers what was answered, so that a request that comes twice is done once. */
function rememberAnswers() {
  const kept = new Map<string, SipMessage>();
  const keyOf = (request: SipMessage) => `${methodOf(request)} ${firstOf(request, 'Via')} ${firstOf(request, 'CSeq')}`;
  return {
    find: (request: SipMessage) => kept.get(keyOf(request)) ?? null,
    keep(request: SipMessage, answer: SipMessage): void {
      kept.set(keyOf(request), answer);
      const [oldest] = kept.keys();
      if (kept.size > ANSWERS_KEPT && oldest !== undefined) kept.delete(oldest);
    },
  };
}

type Side = {
  readonly account: SipAccount;
  readonly session: string;
  readonly tag: string;
  readonly calls: ReturnType<typeof openCalls>;
  readonly ears: SipEars;
  readonly requests: () => SipRequests;
};

/** What the phone says to requests. */
function answering({ account, session, tag, calls, ears, requests }: Side) {
  const answers = rememberAnswers();
  return (request: SipMessage, from: Peer) => {
    const given = answers.find(request);
    if (given !== null) return void requests().send(given, from);
    const contact = ['Contact', `<sip:${account.user}@${requests().address}>`] as const;
    const reply = (status: string, more: SipMessage['headers'] = [], body = '') => {
      const answer = answerTo(request, status, tag, more, body);
      answers.keep(request, answer);
      void requests().send(answer, from);
    };
    const id = firstOf(request, 'Call-ID');
    switch (methodOf(request)) {
      case 'NOTIFY':
        reply('200 OK');
        return ears.notified(firstOf(request, 'Event'), from);
      case 'INVITE': {
        reply('200 OK', [contact, ['Content-Type', 'application/sdp']], session);
        const [own, theirs] = [firstOf(answerTo(request, '200 OK', tag), 'To'), firstOf(request, 'From')];
        const routes = headersOf(request, 'Record-Route');
        const target = uriIn(firstOf(request, 'Contact'));
        return calls.add({ id, server: from, target, from: own, to: theirs, routes });
      }
      case 'BYE':
        reply(calls.has(id) ? '200 OK' : '481 Call/Transaction Does Not Exist');
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
}

/** Opens a phone on a local address. @throws Error when the address is not ours */
export async function openSipPhone(
  local: string,
  account: SipAccount,
  ears: SipEars,
  outside: SipOutside,
): Promise<SipPhone> {
  const { user, domain, userAgent } = account;
  const tag = outside.unique();
  const calls = openCalls(ears.inCall);
  const session = sessionOf(local);
  const answer = answering({ account, session, tag, calls, ears, requests: () => requests });
  const place = { local: { host: local, port: 0 }, transport: 'udp', userAgent } as const;
  const requests: SipRequests = await openSipRequests(place, answer, outside);
  const registration = outside.unique();
  const credential = { user: account.authUser ?? user, password: account.password };
  const own = `<sip:${user}@${domain}>`;
  const contact = ['Contact', `<sip:${user}@${requests.address}>`] as const;
  const identity = (from: string, to: string, id: string) =>
    [
      ['From', from],
      ['To', to],
      ['Call-ID', id],
    ] as const;
  return {
    address: requests.address,
    async register(server, expiresS) {
      const headers = [
        ...identity(`${own};tag=${tag}`, own, registration),
        contact,
        ['Expires', String(expiresS)] as const,
      ];
      const order = { method: 'REGISTER', uri: `sip:${domain}`, server, headers };
      return registeredBy((await requests.ask(order, credential)).response, requests.address, expiresS);
    },
    async call(server, called) {
      const uri = `sip:${called}@${domain}`;
      const id = outside.unique();
      const parties = identity(`${own};tag=${outside.unique()}`, `<${uri}>`, id);
      const headers = [...parties, contact, ['Content-Type', 'application/sdp'] as const];
      const order = { method: 'INVITE', uri, server, headers, body: session };
      const { request, response } = await requests.ask(order, credential);
      if (response === null) return false;
      const isGood = statusOf(response) === 200;
      const via = `SIP/2.0/UDP ${requests.address};branch=z9hG4bK${outside.unique()};rport`;
      const ack = acknowledgement(request, response, isGood ? via : null);
      const routes = isGood ? backwards(response) : [];
      await requests.send({ ...ack, headers: [...ack.headers, ...routeHeaders(routes)] }, server);
      if (!isGood) return false;
      const target = uriIn(firstOf(response, 'Contact'));
      calls.add({ id, server, target, from: firstOf(request, 'From'), to: firstOf(response, 'To'), routes });
      return true;
    },
    async hangUp() {
      const endings = calls.endAll().map(({ id, server, target, from, to, routes }) => {
        const headers = [...identity(from, to, id), ...routeHeaders(routes)];
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
  const contacts = headersOf(response, 'Contact').flatMap((value) => value.split(/,(?=\s*<)/));
  const mine = contacts.find((value) => value.includes(`@${address}`)) ?? '';
  const given = /;expires=(\d+)/i.exec(mine)?.[1] ?? firstOf(response, 'Expires');
  return { kind: 'registered', expiresS: given === '' ? askedS : Number(given) };
}
