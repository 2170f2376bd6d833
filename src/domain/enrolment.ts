// Enrolment: how a phone that has nothing yet gets its credential. For a while, and from known networks, it is given its
// files on the token alone, once; from then on it proves itself.
import { z } from 'zod';
import { liesIn, networkSchema } from './cidr.ts';
import { type Mac, macSchema } from './mac.ts';

export const WINDOW_MINUTES = 60;
export const WINDOW_MINUTES_MAX = 7 * 24 * 60;
/** How long one phone may come again after a factory reset. */
export const REOPEN_MINUTES = 30;
/** A phone that boots reads several files, and some restart in between: so long it may, after its first one. */
export const HAND_OUT_SECONDS = 300;
const PHONES_MAX = 1_000;
const NETWORKS_MAX = 50;
const FILES_MAX = 30;

const networks = z.array(networkSchema).max(NETWORKS_MAX).default([]).readonly();

/** An order for a window. */
export const windowSchema = z
  .strictObject({
    /** The phones that it is for; null for every phone of the tenant that has not proven itself yet. */
    phones: z.array(macSchema).min(1).max(PHONES_MAX).nullable().default(null),
    /** ISO 8601; null is now. */
    opensAt: z.iso.datetime().nullable().default(null),
    /** How long it stays open. */
    minutes: z.number().int().min(1).max(WINDOW_MINUTES_MAX).default(WINDOW_MINUTES),
    /** From where phones may come; an empty list is from anywhere. */
    networks,
  })
  .readonly();

export const reopenSchema = z
  .strictObject({ minutes: z.number().int().min(1).max(WINDOW_MINUTES_MAX).default(REOPEN_MINUTES), networks })
  .readonly();

export type EnrolmentWindow = {
  /** Later windows have greater numbers. */
  readonly id: number;
  readonly tenant: string;
  readonly phones: readonly Mac[] | null;
  /** ISO 8601, UTC. */
  readonly opensAt: string;
  readonly closesAt: string;
  readonly networks: readonly string[];
  readonly madeAt: string;
  readonly madeBy: string;
};

export const ENROLMENT_STATES = ['pending', 'handedOut', 'enrolled'] as const;

/** `pending`: it has been given nothing yet. `handedOut`: given, not used. `enrolled`: the phone has proven itself. */
export type EnrolmentState = (typeof ENROLMENT_STATES)[number];

/** What a phone proves itself with, and how it came to it. */
export type Credential = {
  readonly state: EnrolmentState;
  readonly password: string;
  /** The password before this one, good until this one has been used. */
  readonly old: string | null;
  readonly madeAt: string;
  /** When the present password was used first; null as long as it was not. */
  readonly usedAt: string | null;
  /** The last hand-out. */
  readonly handOut: HandOut | null;
  /** Who else asked while it was handed out and not used. */
  readonly contested: { readonly at: string; readonly address: string } | null;
};

export type HandOut = {
  /** The number of the window. */
  readonly window: number;
  readonly at: string;
  readonly address: string;
  /** The files that have been given in it. */
  readonly files: readonly string[];
};

/** Is a window open at this moment? */
export const isOpen = ({ opensAt, closesAt }: Pick<EnrolmentWindow, 'opensAt' | 'closesAt'>, now: Date): boolean =>
  Date.parse(opensAt) <= now.getTime() && now.getTime() < Date.parse(closesAt);

/** Does a window let in this phone from this address at this moment? */
export const letsIn = (window: EnrolmentWindow, mac: Mac, address: string, now: Date): boolean =>
  isOpen(window, now) &&
  (window.phones === null || window.phones.includes(mac)) &&
  (window.networks.length === 0 || window.networks.some((network) => liesIn(address, network)));

export type Asking = {
  readonly mac: Mac;
  readonly address: string;
  readonly file: string;
  /** Does the file hold a secret? Others may be had again within the same hand-out. */
  readonly secret: boolean;
  readonly now: Date;
};

/**
 * What a phone without proof may have of the windows of its tenant. `begin`: the hand-out of this window begins with this
 * file. `goOn`: the file belongs to the hand-out that has begun. `contested`: somebody at another address has it already.
 */
export type Turn =
  | { readonly kind: 'begin'; readonly window: number }
  | { readonly kind: 'goOn'; readonly window: number }
  | { readonly kind: 'contested' }
  | { readonly kind: 'none' };

/** Whose turn is it? Each window hands out once to each phone, and only to the address that asked first. */
export function turnOf(windows: readonly EnrolmentWindow[], credential: Credential | null, asking: Asking): Turn {
  const { mac, address, now } = asking;
  const open = windows.filter((window) => letsIn(window, mac, address, now));
  const handOut = credential?.handOut ?? null;
  if (credential?.state === 'handedOut' && handOut !== null && open.some(({ id }) => id === handOut.window)) {
    if (address === handOut.address && belongsTo(handOut, asking)) return { kind: 'goOn', window: handOut.window };
  }
  // A window for all is not for a phone that has proven itself: it would hand out again what the phone has.
  const fresh = open.filter(
    ({ id, phones }) => id > (handOut?.window ?? 0) && (phones !== null || credential?.state !== 'enrolled'),
  );
  // The newest: those before it are used up with it, or two open windows would hand out twice.
  if (fresh.length > 0) return { kind: 'begin', window: Math.max(...fresh.map(({ id }) => id)) };
  const isContested = credential?.state === 'handedOut' && handOut?.address !== address && open.length > 0;
  return isContested ? { kind: 'contested' } : { kind: 'none' };
}

function belongsTo({ at, files }: HandOut, { file, secret, now }: Asking): boolean {
  const seconds = (now.getTime() - Date.parse(at)) / 1_000;
  const isNew = !files.includes(file) && files.length < FILES_MAX;
  return seconds >= 0 && seconds <= HAND_OUT_SECONDS && (isNew || (!secret && files.includes(file)));
}

/**
 * The credential of a phone whose hand-out begins. It is a new one, unless nobody has been given the present one; what a
 * phone has proven itself with before stays good until the new one has been used.
 */
export function handedOut(before: Credential | null, fresh: string, handOut: HandOut): Credential {
  const isUnknown = before !== null && before.handOut === null && before.usedAt === null;
  if (isUnknown) return { ...before, state: 'handedOut', handOut, contested: null };
  const next = renewed(before, fresh, handOut.at);
  return { ...next, state: 'handedOut', handOut, contested: null };
}

/** The credential of a phone that is to use a new password. The one that it used last stays good until then. */
export function renewed(before: Credential | null, fresh: string, at: string): Credential {
  const made = { password: fresh, madeAt: at, usedAt: null };
  if (before === null) return { ...made, state: 'pending', old: null, handOut: null, contested: null };
  return { ...before, ...made, old: before.usedAt === null ? before.old : before.password };
}
