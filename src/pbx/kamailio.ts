// Kamailio over JSON-RPC: contacts of usrloc, calls where its dialog module counts them, NOTIFY by its tm module. It tells
// nothing by itself, so it is asked again and again, and what has changed is told. As Kamailio 5.6 answers.
import { z } from 'zod';
import { AppError } from '../domain/errors.ts';
import type { Contact } from '../domain/registration.ts';
import { hostPortText } from '../sip/requests.ts';
import { type RpcAddress, type RpcParameter, rpc } from './json-rpc.ts';
import type { Pbx, PbxListener } from './pbx.ts';
import { contactPeer, peerOf, type SipPbxOutside } from './sip.ts';
import { asked, keepOpen, notifiedBy, unavailable } from './wire.ts';

export type KamailioAddress = RpcAddress & { readonly table: string };

const POLL_EVERY_MS = 5_000;

/** What Kamailio writes where it has nothing. */
const text = z.string().transform((value) => (value === '[not set]' || value === '' ? null : value));

const contactSchema = z.object({
  Address: z.string(),
  Expires: z.union([z.number(), z.string()]),
  'User-Agent': text.optional(),
  Received: text.optional(),
  Path: text.optional(),
  Socket: text.optional(),
  State: z.string().optional(),
});

const dumpSchema = z.object({
  Domains: z.array(
    z.object({
      Domain: z.object({
        Domain: z.string(),
        AoRs: z.array(
          z.object({ Info: z.object({ AoR: z.string(), Contacts: z.array(z.object({ Contact: contactSchema })) }) }),
        ),
      }),
    }),
  ),
});

const dialogsSchema = z.array(
  z.object({ from_uri: z.string().optional(), to_uri: z.string().optional(), state: z.number().optional() }),
);

/** The states of a dialog in which somebody rings or talks; 5 is one that has ended. */
const ENDED = 5;

/** How Kamailio reaches a contact: by which proxies, and from which of its own sockets. */
type Way = { readonly path: string | null; readonly socket: string | null };

type Read = { readonly contacts: readonly Contact[]; readonly ways: ReadonlyMap<string, Way> };

function readDump(dump: z.output<typeof dumpSchema>, table: string, now: number): Read {
  const ways = new Map<string, Way>();
  const contacts = dump.Domains.filter(({ Domain }) => Domain.Domain === table).flatMap(({ Domain }) =>
    Domain.AoRs.flatMap(({ Info }) =>
      Info.Contacts.flatMap(({ Contact: given }): Contact[] => {
        if (given.State === 'CS_DELETED' || given.Expires === 'expired' || given.Expires === 'deleted') return [];
        const uri = given.Address;
        ways.set(uri, { path: given.Path ?? null, socket: given.Socket ?? null });
        const received = /^sips?:(?<place>[^;]+)/.exec(given.Received ?? '')?.groups?.place ?? null;
        const bare = { user: Info.AoR, uri, address: received, userAgent: given['User-Agent'] ?? null };
        const peer = contactPeer({ ...bare, expiresAt: null });
        const expiresAt = typeof given.Expires === 'number' ? now + given.Expires * 1_000 : null;
        return [{ ...bare, address: peer && hostPortText(peer), expiresAt }];
      }),
    ),
  );
  return { contacts, ways };
}

const userIn = (uri: string | undefined) => /^sips?:(?<user>[^@;>]+)@/.exec(uri ?? '')?.groups?.user;

const usersIn = (dialogs: z.output<typeof dialogsSchema>): Set<string> =>
  new Set(
    dialogs
      .filter(({ state }) => state !== ENDED)
      .flatMap(({ from_uri: from, to_uri: to }) => [userIn(from), userIn(to)].filter((user) => user !== undefined)),
  );

const keyOf = ({ user, uri }: Contact) => `${user} ${uri}`;

/** What a new reading says that the one before did not. */
function tellChanges(
  before: { contacts: readonly Contact[]; inUse: ReadonlySet<string> },
  now: { contacts: readonly Contact[]; inUse: ReadonlySet<string> },
  listener: PbxListener,
): void {
  const [was, is] = [before, now].map(({ contacts }) => new Map(contacts.map((one) => [keyOf(one), one])));
  for (const [key, contact] of is ?? []) if (!was?.has(key)) listener.registered(contact);
  for (const [key, { user, uri }] of was ?? []) if (!is?.has(key)) listener.unregistered(user, uri);
  for (const user of now.inUse) if (!before.inUse.has(user)) listener.inUse(user, true);
  for (const user of before.inUse) if (!now.inUse.has(user)) listener.inUse(user, false);
}

/** The next hop to a contact, as Kamailio wants it: its path, or the address that it came from. */
function hopOf(contact: Contact, way: Way | undefined): string {
  const path = /<(sips?:[^<>]+)>/.exec(way?.path ?? '')?.[1];
  if (path !== undefined) return path;
  const peer = contactPeer(contact);
  const transport = /;transport=(udp|tcp|tls)\b/i.exec(contact.uri)?.[1];
  return peer === null ? '.' : `sip:${hostPortText(peer)}${transport === undefined ? '' : `;transport=${transport}`}`;
}

/** Opens a connection to a Kamailio server, and asks it every few seconds what has changed. */
export function openKamailio(
  { table, ...address }: KamailioAddress,
  listener: PbxListener,
  outside: SipPbxOutside,
): Pbx {
  const { timeoutMs, unique, wait } = outside;
  let ways: ReadonlyMap<string, Way> = new Map();
  const call = (method: string, params?: readonly RpcParameter[]) =>
    rpc(address, { method, ...(params === undefined ? {} : { params }) }, timeoutMs);
  const read = async () => {
    const dump = dumpSchema.safeParse(await asked(call('ul.dump')));
    if (!dump.success) throw unavailable('the server answers ul.dump in a way that is not known; it needs usrloc');
    const found = readDump(dump.data, table, Date.now());
    ways = found.ways;
    return found.contacts;
  };
  const usersInUse = async () => {
    const dialogs = dialogsSchema.safeParse(await asked(call('dlg.list')));
    if (!dialogs.success) throw unavailable('the server does not tell of calls; load its dialog module');
    return usersIn(dialogs.data);
  };
  // A server without the dialog module still tells who is registered. One that fails to tell once has ended no call by that:
  // until it says otherwise, whoever talked is taken to talk on.
  let talking: ReadonlySet<string> = new Set();
  const readAll = async () => {
    const contacts = await read();
    talking = await usersInUse().catch(() => talking);
    return { contacts, inUse: talking };
  };
  const kept = keepOpen<void>(
    async (up, stop) => {
      try {
        let before = await readAll();
        up();
        while (!stop.aborted) {
          await wait(POLL_EVERY_MS, stop);
          if (stop.aborted) break;
          const now = await readAll();
          tellChanges(before, now, listener);
          before = now;
        }
        return 'closed';
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
    },
    listener.state,
    outside,
  );
  const notify = async (contact: Contact, event: string) => {
    const way = ways.get(contact.uri);
    const us = `sip:homeport@${peerOf(address.host) === null ? address.host : 'homeport.invalid'}`;
    const headers = [
      `From: <${us}>;tag=${unique()}`,
      `To: <${contact.uri}>`,
      `Contact: <${us}>`,
      ...(way?.path == null ? [] : [`Route: ${way.path}`]),
      `Event: ${event}`,
      'Subscription-State: terminated',
    ];
    if (headers.some((line) => /[\r\n]/.test(line))) throw new AppError('invalid', 'a header holds a line break');
    const params = [contact.uri, hopOf(contact, way), way?.socket ?? '.', `${headers.join('\r\n')}\r\n`];
    // It does not wait for the phone: waiting would hold one of the server's own workers.
    await call('tm.t_uac_start', ['NOTIFY', ...params]);
    return { answered: false };
  };
  return {
    state: kept.state,
    contacts: read,
    usersInUse,
    notify: (contact, { event }) => notifiedBy(notify(contact, event)),
    close: kept.close,
  };
}
