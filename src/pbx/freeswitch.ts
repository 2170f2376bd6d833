// FreeSWITCH over its event socket: registrations of its SIP profiles, calls, and NOTIFY to one contact. NOTIFY is sent as an
// event to mod_sofia with the contact's own URI: with a user alone every phone of that user would be asked, and
// `check_sync` without a call would drop registrations.
import { z } from 'zod';
import { AppError } from '../domain/errors.ts';
import type { Contact } from '../domain/registration.ts';
import { hostPortText } from '../sip/requests.ts';
import { uriIn } from '../sip/sip.ts';
import { type EslAddress, type EslHeaders, openEsl } from './esl.ts';
import type { Pbx, PbxListener } from './pbx.ts';
import { peerOf } from './sip.ts';
import { asked, notifiedBy, type PbxOutside, unavailable } from './wire.ts';

export type FreeSwitchAddress = EslAddress & { readonly profiles: readonly string[] };

/** CUSTOM comes last: what follows it are kinds of it. */
const EVENTS = 'event plain CHANNEL_CALLSTATE CUSTOM sofia::register sofia::unregister sofia::expire';

/** States of a call in which nobody is on the phone any more. */
const OVER = new Set(['DOWN', 'HANGUP']);

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
const plain = (xml: string) => xml.replaceAll(/&(amp|lt|gt|quot|apos);/g, (all, name: string) => ENTITIES[name] ?? all);

const present = (text: string | undefined): string | null => (text === undefined || text === '' ? null : text);

function addressOf(host: string | undefined, port: string | undefined): string | null {
  const peer = peerOf(`${host?.includes(':') ? `[${host}]` : (host ?? '')}:${port ?? ''}`);
  return peer && hostPortText(peer);
}

/** The registrations in an answer of `sofia xmlstatus profile … reg`. @throws AppError `unavailable` for another answer */
export function registrationsIn(xml: string, profile: string, now: number): Contact[] {
  if (!xml.includes('<registrations>')) {
    throw unavailable(`the server knows no SIP profile ${profile}, or does not tell its registrations`);
  }
  return [...xml.matchAll(/<registration>(?<body>[\s\S]*?)<\/registration>/g)].flatMap(({ groups }): Contact[] => {
    const body = groups?.body ?? '';
    const value = (name: string) => {
      const [open, close] = [`<${name}>`, `</${name}>`];
      const from = body.indexOf(open);
      return from < 0 ? undefined : plain(body.slice(from + open.length, body.indexOf(close, from)));
    };
    const [user, contact] = [value('user'), value('contact')];
    if (user === undefined || contact === undefined) return [];
    const expires = /expsecs\((-?\d+)\)/.exec(value('status') ?? '')?.[1];
    return [
      {
        user,
        uri: uriIn(contact),
        address: addressOf(value('network-ip'), value('network-port')),
        userAgent: present(value('agent')),
        expiresAt: expires === undefined ? null : now + Number(expires) * 1_000,
      },
    ];
  });
}

const channelSchema = z.object({
  uuid: z.string(),
  name: z.string().optional(),
  presence_id: z.string().optional(),
  callstate: z.string().optional(),
});
const channelsSchema = z.object({ row_count: z.number(), rows: z.array(channelSchema).default([]) });

/** The user of a call: whom FreeSWITCH shows as busy, or who called. */
const userOf = (presence: string | undefined, name: string | undefined): string | null =>
  present(presence) ?? /^sofia\/[^/]+\/(?:sips?:)?(?<user>[^;/]+@[^;:/]+)/.exec(name ?? '')?.groups?.user ?? null;

/** Whose calls are going on, call by call; tells when a user's first begins and the last ends. */
function openCalls(tell: (user: string, inUse: boolean) => void) {
  const calls = new Map<string, string>();
  const isBusy = (user: string) => [...calls.values()].includes(user);
  return {
    hear(call: string, user: string | null, isOver: boolean): void {
      const known = calls.get(call) ?? user;
      if (known === null) return;
      const before = isBusy(known);
      if (isOver) calls.delete(call);
      else calls.set(call, known);
      if (before !== isBusy(known)) tell(known, !before);
    },
    forget: () => calls.clear(),
  };
}

type Sources = { readonly profiles: Map<string, string>; readonly calls: ReturnType<typeof openCalls> };

/** Understands an event. */
function hear(event: EslHeaders, { registered, unregistered }: PbxListener, { profiles, calls }: Sources): void {
  const of = (name: string) => event.get(name);
  if (of('event-name') === 'CHANNEL_CALLSTATE') {
    const user = userOf(of('channel-presence-id'), of('channel-name'));
    calls.hear(of('unique-id') ?? '', user, OVER.has(of('channel-call-state') ?? ''));
    return;
  }
  const user = of('from-user') ?? of('user');
  const host = of('from-host') ?? of('host');
  const uri = uriIn(of('contact') ?? '');
  if (user === undefined || host === undefined || uri === '') return;
  if (of('event-subclass') !== 'sofia::register') {
    unregistered(`${user}@${host}`, uri);
    return;
  }
  profiles.set(uri, of('profile-name') ?? '');
  const seconds = Number(of('expires'));
  registered({
    ...{ user: `${user}@${host}`, uri, address: addressOf(of('network-ip'), of('network-port')) },
    userAgent: present(of('user-agent')),
    expiresAt: seconds > 0 ? Date.now() + seconds * 1_000 : null,
  });
}

/** Opens a connection to a FreeSWITCH server; it keeps itself open. */
export function openFreeSwitch(
  { profiles: names, ...address }: FreeSwitchAddress,
  listener: PbxListener,
  outside: PbxOutside,
): Pbx {
  /** Contact → the profile that holds it. */
  let profiles = new Map<string, string>();
  const calls = openCalls((user, inUse) => listener.inUse(user, inUse));
  const esl = openEsl(
    { ...address, subscribe: [EVENTS] },
    {
      state(state) {
        if (state.kind !== 'up') calls.forget();
        listener.state(state);
      },
      event: (event) => hear(event, listener, { profiles, calls }),
    },
    outside,
  );
  const contacts = async () => {
    const found: Contact[] = [];
    const held = new Map<string, string>();
    for (const name of names) {
      const xml = await asked(esl.send([`api sofia xmlstatus profile ${name} reg`]));
      for (const contact of registrationsIn(xml, name, Date.now())) {
        found.push(contact);
        held.set(contact.uri, name);
      }
    }
    profiles = held;
    return found;
  };
  const usersInUse = async () => {
    const answer = await asked(esl.send(['api show channels as json']));
    const read = channelsSchema.safeParse(jsonIn(answer));
    if (!read.success) throw unavailable('the server answers "show channels" in a way that is not known');
    const open = read.data.rows.filter(({ callstate }) => !OVER.has(callstate ?? ''));
    for (const { uuid, name, presence_id: presence } of open) calls.hear(uuid, userOf(presence, name), false);
    return new Set(open.flatMap(({ name, presence_id: presence }) => userOf(presence, name) ?? []));
  };
  const notify = async ({ user, uri }: Contact, event: string) => {
    const profile = profiles.get(uri) ?? (names.length === 1 ? names[0] : undefined);
    if (profile === undefined) throw new AppError('conflict', 'no SIP profile of the server holds this contact');
    await esl.send([
      ...['sendevent NOTIFY', `profile: ${profile}`, `event-string: ${event}`, `contact-uri: ${uri}`],
      ...[`to-uri: sip:${user}`, `from-uri: sip:${user}`, 'content-type: application/simple-message-summary'],
    ]);
    return { answered: false };
  };
  return {
    state: esl.state,
    contacts,
    usersInUse,
    notify: (contact, { event }) => notifiedBy(notify(contact, event)),
    close: esl.close,
  };
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
