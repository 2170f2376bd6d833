// A simulated phone: it boots over HTTP, reads what it is given, registers every line where DNS sends it, moves on when a server
// is silent, comes back, and obeys when it is told to fetch. It does what its maker's data says and knows no maker.
import type { Parameter } from '../domain/parameters.ts';
import {
  followed,
  linesIn,
  type SimulatedKind,
  type SimulatedLine,
  type SrvTarget,
  srvOrder,
  textFor,
} from '../domain/simulated-phone.ts';
import type { SrvBehaviour } from '../domain/simulation.ts';
import type { Peer, SipOutside } from '../sip/requests.ts';
import { openSipPhone, type SipPhone } from './sip-phone.ts';

export type Resolver = {
  /** The SRV records of a name; none when there are none. @throws Error when nobody can say */
  srv(name: string): Promise<readonly SrvTarget[]>;
  /** The IPv4 addresses of a host. @throws Error when nobody can say */
  addresses(host: string): Promise<readonly string[]>;
};

export type PhoneToSimulate = {
  readonly mac: string;
  readonly model: string;
  readonly kind: SimulatedKind;
  readonly choice: SrvBehaviour['choice'];
  /** Where it fetches; ends in a slash. */
  readonly url: string;
  /** The local address from which it speaks SIP; null boots without registering. */
  readonly local: string | null;
  /** Come in the place of the times that it is told; for those who will not wait. */
  readonly failbackMs?: number;
  readonly renewMs?: number;
};

export type SimulationOutside = SipOutside & {
  readonly resolver: Resolver;
  /** Fetches a file as this user agent; null for any answer but a good one. @throws Error when nobody answers */
  readonly fetch: (url: string, userAgent: string) => Promise<string | null>;
  readonly parametersIn: (format: SimulatedKind['format'], text: string) => Parameter[];
  /** From 0 up to 1. */
  readonly random: () => number;
};

export type LineState = { readonly user: string; readonly at: Peer | null };

export type SimulatedPhone = {
  readonly mac: string;
  /** Fetches, applies, and tries to register once; goes on by itself. */
  boot(): Promise<void>;
  lines(): readonly LineState[];
  /** How many files it got when it last fetched. */
  files(): number;
  /** How often it has fetched everything. */
  boots(): number;
  /** The events that it was told. */
  events(): readonly string[];
  isInCall(): boolean;
  /** Calls from its first line. @returns whether somebody has answered */
  call(user: string): Promise<boolean>;
  hangUp(): Promise<void>;
  close(): Promise<void>;
};

const FILES_MAX = 50;
const RETRY_MS = 1_000;
const LOOK_MS = 200;
const SIP_PORT = 5060;

type Booted = { readonly parameters: readonly Parameter[]; readonly files: number };

/** Everything that a phone reads when it boots, in the order in which it reads it. */
async function bootFiles(phone: PhoneToSimulate, outside: SimulationOutside): Promise<Booted> {
  const { kind, url } = phone;
  const agent = textFor(kind.userAgent, phone);
  const parameters: Parameter[] = [];
  let [asked, files] = [0, 0];
  const read = async (name: string): Promise<boolean> => {
    if (++asked > FILES_MAX) return false;
    // Phones put names behind the URL; a file may also name another place.
    const text = await outside.fetch(new URL(name, url).href, agent);
    if (text === null) return false;
    files++;
    parameters.push(...outside.parametersIn(kind.format, text));
    for (const other of followed(kind, text)) await read(other);
    return true;
  };
  const readAll = async (names: readonly string[]) => {
    let isFound = false;
    for (const name of names) isFound = (await read(textFor(name, phone))) || isFound;
    return isFound;
  };
  if (!(await readAll(kind.boot))) await readAll(kind.otherwise);
  return { parameters, files };
}

/** The servers of a line in the order in which its phone tries them (RFC 3263, as far as the maker follows it). */
async function serversOf(
  { target, asksSrv }: SimulatedLine,
  { choice }: PhoneToSimulate,
  { resolver, random }: SimulationOutside,
): Promise<Peer[]> {
  const [host = target, port] = target.split(':');
  const records = asksSrv ? await resolver.srv(`_sip._udp.${host}`) : [];
  const targets =
    records.length > 0
      ? srvOrder(records, choice, random)
      : [{ host, port: port === undefined ? SIP_PORT : Number(port) }];
  const peers: Peer[] = [];
  for (const one of targets) {
    for (const address of await resolver.addresses(one.host)) peers.push({ host: address, port: one.port });
  }
  return peers;
}

type OpenLine = {
  readonly line: SimulatedLine;
  readonly sip: SipPhone;
  at(): Peer | null;
  /** Ends when it has tried all servers once. */
  readonly tried: Promise<void>;
  /** Leaves its server, and ends. */
  close(): Promise<void>;
};

type LineOrder = {
  readonly phone: PhoneToSimulate;
  readonly line: SimulatedLine;
  readonly local: string;
  readonly notified: (event: string) => void;
  readonly isIdle: () => boolean;
};

/** Keeps a line registered until it is closed. */
async function openLine(order: LineOrder, outside: SimulationOutside): Promise<OpenLine> {
  const { phone, line, local, notified, isIdle } = order;
  const account = { ...line, userAgent: textFor(phone.kind.sipUserAgent, phone) };
  const sip = await openSipPhone(local, account, { notified, inCall: () => undefined }, outside);
  const stop = new AbortController();
  let at: Peer | null = null;
  const rest = (ms: number) => (stop.signal.aborted ? Promise.resolve() : outside.wait(ms, stop.signal));
  /** Registers at the first server that answers. @returns whether that is the first of all */
  const find = async (): Promise<boolean> => {
    const before = at;
    const peers = await serversOf(line, phone, outside).catch(() => []);
    for (const [index, peer] of peers.entries()) {
      if (stop.signal.aborted) return false;
      if ((await sip.register(peer, line.expiresS)).kind !== 'registered') continue;
      at = peer;
      const hasLeft = before !== null && before.host !== peer.host;
      // Where it came from it is not any more; whether anybody there hears it does not matter.
      if (hasLeft) void sip.register(before, 0).catch(() => undefined);
      return index === 0;
    }
    at = null;
    return false;
  };
  const failbackMs = phone.failbackMs ?? (line.failbackS === null ? Number.POSITIVE_INFINITY : line.failbackS * 1_000);
  const stay = async (isHome: boolean) => {
    const renewMs = phone.renewMs ?? (line.expiresS * 1_000) / 2;
    for (let [stayed, renewed] = [0, 0]; !stop.signal.aborted && at !== null; ) {
      const ms = Math.min(
        renewMs - renewed,
        isHome ? Number.POSITIVE_INFINITY : Math.max(LOOK_MS, failbackMs - stayed),
      );
      await rest(ms);
      stayed += ms;
      renewed += ms;
      if (stop.signal.aborted) return;
      // A registration moves only when nobody is on the phone.
      if (!isHome && stayed >= failbackMs && isIdle()) return;
      if (renewed < renewMs) continue;
      renewed = 0;
      if ((await sip.register(at, line.expiresS)).kind !== 'registered') return;
    }
  };
  let first: () => void = () => undefined;
  const tried = new Promise<void>((resolve) => (first = resolve));
  const ended = (async () => {
    while (!stop.signal.aborted) {
      const isHome = await find();
      first();
      if (at === null) await rest(RETRY_MS);
      else await stay(isHome);
    }
  })();
  return {
    ...{ line, sip, tried, at: () => at },
    async close() {
      stop.abort();
      first();
      if (at !== null) await sip.register(at, 0);
      await sip.close();
      await ended;
    },
  };
}

/** Opens a phone that is switched off; `boot` switches it on. */
export function openSimulatedPhone(phone: PhoneToSimulate, outside: SimulationOutside): SimulatedPhone {
  const stop = new AbortController();
  const told: string[] = [];
  let open: OpenLine[] = [];
  let [boots, files] = [0, 0];
  let work: Promise<void> = Promise.resolve();
  const isIdle = () => !open.some(({ sip }) => sip.isInCall());
  /** One thing after the other, and nothing that it was told gets lost. */
  const then = (job: () => Promise<void>): Promise<void> => {
    work = work.then(() => (stop.signal.aborted ? undefined : job())).catch(() => undefined);
    return work;
  };
  const apply = async (lines: readonly SimulatedLine[], local: string) => {
    const same = (one: SimulatedLine, other: SimulatedLine) => JSON.stringify(one) === JSON.stringify(other);
    const kept = open.filter(({ line }) => lines.some((other) => same(line, other)));
    for (const one of open) if (!kept.includes(one)) await one.close();
    open = kept;
    for (const line of lines) {
      if (kept.some((one) => same(one.line, line))) continue;
      const opened = await openLine({ phone, line, local, notified, isIdle }, outside);
      open.push(opened);
      await opened.tried;
    }
  };
  const fetchAndApply = async () => {
    const booted = await bootFiles(phone, outside);
    files = booted.files;
    boots++;
    if (phone.local !== null) await apply(linesIn(phone.kind, booted.parameters), phone.local);
  };
  const notified = (event: string) => {
    told.push(event);
    const { fetch, restart } = phone.kind.events;
    if (!fetch.includes(event) && !restart.includes(event)) return;
    void then(async () => {
      while (!isIdle() && !stop.signal.aborted) await outside.wait(LOOK_MS, stop.signal);
      if (!stop.signal.aborted) await fetchAndApply();
    });
  };
  return {
    mac: phone.mac,
    boot: () => then(fetchAndApply),
    lines: () => open.map(({ line: { user }, at }) => ({ user, at: at() })),
    files: () => files,
    boots: () => boots,
    events: () => told,
    isInCall: () => !isIdle(),
    async call(user) {
      const [line] = open;
      const at = line?.at() ?? null;
      return line === undefined || at === null ? false : line.sip.call(at, user);
    },
    hangUp: async () => {
      await Promise.all(open.map(({ sip }) => sip.hangUp()));
    },
    async close() {
      stop.abort();
      await Promise.all(open.map((one) => one.close()));
      await work;
    },
  };
}
