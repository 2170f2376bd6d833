// Keeps one connection open to each PBX server that has one, and knows who is registered where, from what the servers tell by
// themselves. Lists are read anew after every interruption, and now and then, as a told change may have been lost.
import type { Registration } from '../domain/convergence.ts';
import { AppError } from '../domain/errors.ts';
import type { PbxConnection, PbxKind } from '../domain/pbx-connection.ts';
import type { Notified } from '../domain/registration.ts';
import { log } from '../log.ts';
import type { OpenPbx, Pbx, PbxListener } from '../pbx/pbx.ts';
import type { Store } from '../store/store.ts';
import { type RegistrationTable, registrationTable } from './registration-table.ts';

export type ServerWatch = {
  readonly server: string;
  readonly kind: PbxKind;
  readonly state: 'connecting' | 'up' | 'down';
  /** Why it is down, without secrets. */
  readonly reason: string | null;
  /** Since when the connection is in this state, ISO 8601. */
  readonly since: string;
  /** When its lists were last read, ISO 8601; null before the first time. */
  readonly readAt: string | null;
  /** Why they could not be read last time; null when they could. */
  readonly unread: string | null;
  readonly registrations: number;
  /** Users in a call; null where the server does not tell. */
  readonly inUse: number | null;
};

export type Watcher = {
  /** Takes up connections that were set, changed or forgotten, and reads lists where it is time. */
  refresh(): Promise<void>;
  servers(): readonly ServerWatch[];
  server(name: string): ServerWatch | null;
  /** May what is said of a server's registrations be believed now? */
  isKnown(server: string): boolean;
  /** The users registered at a server, sorted, as they are found by; for pages. */
  users(server: string): readonly string[];
  at(server: string, user: string): readonly Registration[];
  /** The registrations of a user at all servers; also under these domains, for servers that keep domains apart. */
  find(user: string, domains: readonly string[]): readonly Registration[];
  /** Asks the phone behind one registration to fetch, through the server that holds it. */
  notify(registration: Registration, event: string): Promise<Notified>;
  close(): Promise<void>;
};

type House = { readonly store: Pick<Store, 'connections'>; readonly openPbx: OpenPbx; readonly now: () => Date };

const REREAD_MS = 300_000;
/** What is missing is not asked for more often than this, and a failed reading not tried again. */
const REST_MS = 2_000;

type Watched = {
  readonly connection: PbxConnection;
  readonly text: string;
  readonly table: RegistrationTable;
  readonly pbx: Pbx;
  show(): ServerWatch;
  isKnown(): boolean;
  /** Reads the lists, when it is time. */
  tick(): Promise<void>;
};

/** Watches one server. */
function watch(connection: PbxConnection, { openPbx, now }: Omit<House, 'store'>): Watched {
  const { server, kind } = connection;
  const table = registrationTable(server);
  let state: Pick<ServerWatch, 'state' | 'reason' | 'since'> = {
    ...{ state: 'connecting', reason: null, since: now().toISOString() },
  };
  let [readAt, triedAt] = [null as number | null, null as number | null];
  let [isDue, unread] = [false, null as string | null];
  let reading: Promise<void> | null = null;
  /** What was told while lists were read: it may be newer than they are. */
  let meanwhile: (() => void)[] | null = null;
  const told = (change: () => void) => {
    change();
    meanwhile?.push(change);
  };
  const readLists = async () => {
    triedAt = now().getTime();
    isDue = false;
    meanwhile = [];
    try {
      const contacts = await pbx.contacts();
      const inUse = await pbx.usersInUse().catch(() => null);
      table.replace(contacts, inUse, now().toISOString());
      for (const change of meanwhile) change();
      [readAt, unread] = [now().getTime(), null];
    } catch (error) {
      if (!(error instanceof AppError)) log.error({ error, server }, 'registrations could not be read');
      [isDue, unread] = [true, error instanceof Error ? error.message : String(error)];
    } finally {
      meanwhile = null;
    }
  };
  const read = (): Promise<void> => {
    reading ??= readLists().finally(() => {
      reading = null;
    });
    return reading;
  };
  const listener: PbxListener = {
    state(next) {
      state = { state: next.kind, reason: next.kind === 'down' ? next.reason : null, since: now().toISOString() };
      if (next.kind !== 'up') {
        // Nobody tells of changes any more: what is known may be wrong until it is read again.
        [readAt, isDue] = [null, true];
        log.warn({ server, reason: state.reason }, 'the connection to a PBX server is down');
        return;
      }
      log.info({ server }, 'the connection to a PBX server is up');
      // Whoever is told of the first state has the connection in hand only afterwards.
      void Promise.resolve().then(read);
    },
    registered(contact) {
      told(() => {
        const isNew = table.add(contact, now().toISOString());
        if (isNew && contact.userAgent === null) isDue = true;
      });
    },
    unregistered: (user, uri) => told(() => table.remove(user, uri)),
    inUse: (user, inUse) => told(() => table.setInUse(user, inUse)),
  };
  const pbx = openPbx(connection, listener);
  return {
    ...{ connection, table, pbx, text: JSON.stringify(connection) },
    show: () => ({
      ...{ server, kind, ...state, readAt: readAt === null ? null : new Date(readAt).toISOString(), unread },
      ...{ registrations: table.size(), inUse: table.inUse() },
    }),
    isKnown: () => state.state === 'up' && readAt !== null,
    async tick() {
      const at = now().getTime();
      const since = (moment: number | null) => (moment === null ? Number.POSITIVE_INFINITY : Math.abs(at - moment));
      const isTime = isDue ? since(triedAt) >= REST_MS : since(readAt) >= REREAD_MS;
      if (state.state === 'up' && isTime) await read();
    },
  };
}

/** Begins to watch; the first `refresh` opens the connections. */
export function watchRegistrations({ store, openPbx, now }: House): Watcher {
  const watched = new Map<string, Watched>();
  let isClosed = false;
  const forget = async (server: string) => {
    const old = watched.get(server);
    watched.delete(server);
    await old?.pbx.close();
  };
  const refreshing = async () => {
    const wanted = new Map((await store.connections.list()).map((connection) => [connection.server, connection]));
    for (const [server, { text }] of watched) {
      const now = wanted.get(server);
      if (now === undefined || JSON.stringify(now) !== text) await forget(server);
    }
    for (const [server, connection] of wanted) {
      if (!watched.has(server) && !isClosed) watched.set(server, watch(connection, { openPbx, now }));
    }
    await Promise.all([...watched.values()].map((one) => one.tick()));
  };
  let going: Promise<void> | null = null;
  const at = (server: string, user: string) => watched.get(server)?.table.find(user) ?? [];
  return {
    refresh() {
      if (isClosed) return Promise.resolve();
      going ??= refreshing().finally(() => {
        going = null;
      });
      return going;
    },
    servers: () => [...watched.values()].map((one) => one.show()),
    server: (name) => watched.get(name)?.show() ?? null,
    isKnown: (server) => watched.get(server)?.isKnown() ?? false,
    users: (server) => watched.get(server)?.table.users() ?? [],
    at,
    find: (user, domains) =>
      [...watched.keys()].flatMap((server) =>
        [user, ...domains.map((domain) => `${user}@${domain}`)].flatMap((name) => at(server, name)),
      ),
    async notify(registration, event) {
      const one = watched.get(registration.server);
      if (one === undefined) {
        return { kind: 'notSent', reason: `there is no connection to server ${registration.server}` };
      }
      return one.pbx.notify(registration, { event });
    },
    async close() {
      isClosed = true;
      await going?.catch(() => undefined);
      await Promise.all([...watched.keys()].map(forget));
    },
  };
}
