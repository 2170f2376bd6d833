// A registration: where a PBX would send a call for a user now. It is the last fact of convergence: notified, fetched,
// registered, on the primary.

/** A contact as a PBX holds it (RFC 3261 section 10). */
export type Contact = {
  /** Who is registered, as the PBX names it: the SIP user of a line, with `@domain` where it keeps several domains apart. */
  readonly user: string;
  /** Where requests for this one contact go; what the phone gave, as the PBX sends to it. */
  readonly uri: string;
  /** From where the phone registered, `HOST:PORT`; null when the PBX does not say. */
  readonly address: string | null;
  readonly userAgent: string | null;
  /** When the registration ends, in milliseconds since 1970; null when the PBX does not say. */
  readonly expiresAt: number | null;
};

/** What became of asking a phone to fetch. The PBX tells that it has sent, never that the phone has fetched. */
export type Notified =
  /** The PBX has taken it; `answered` where it also tells the phone's own answer. */
  | { readonly kind: 'sent'; readonly answered: boolean }
  /** Nothing has left: it may be tried again at once. */
  | { readonly kind: 'notSent'; readonly reason: string }
  /** The phone or the PBX said no. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** It left and nobody knows: sending again may ask twice. */
  | { readonly kind: 'unknown'; readonly reason: string };

/** A URI without anything that could end it, or the header or line that it stands in (RFC 3261 section 25.1). */
const CONTACT_URI = /^sips?:[!-~]{1,1000}$/;
const EVENT = /^[A-Za-z][\w.-]{0,40}(?:;[A-Za-z-]{1,20}=[\w-]{1,20}){0,3}$/;

/** Why a phone cannot be asked in this way; null when it can. What is refused here reaches no PBX of any kind. */
export function notifyFault(uri: string, event: string): string | null {
  if (!CONTACT_URI.test(uri) || /[<>"\\^`{|}]/.test(uri)) return 'the contact is no SIP URI';
  return EVENT.test(event) ? null : 'the event must be a word such as check-sync;reboot=false';
}
