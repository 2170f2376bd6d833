// The session cookie: read by this program alone, sent to this site alone.
import type { CookieOptions, Request, Response } from 'express';
import { overTls, type Reached } from './headers.ts';

const NAME = 'homeport_session';

// Over TLS the cookie is Secure, and its prefix makes browsers refuse one that another host of the domain has set.
const nameFor = (secure: boolean) => (secure ? `__Host-${NAME}` : NAME);
const optionsFor = (secure: boolean): CookieOptions => ({ httpOnly: true, sameSite: 'strict', secure, path: '/' });

export function setSession(reached: Reached, response: Response, session: string): void {
  const secure = overTls(reached, response.req);
  response.cookie(nameFor(secure), session, optionsFor(secure));
}

export function clearSession(reached: Reached, response: Response): void {
  const secure = overTls(reached, response.req);
  response.clearCookie(nameFor(secure), optionsFor(secure));
}

/** What stands in the session cookie, or null. */
export function sessionOf(reached: Reached, request: Request): string | null {
  const wanted = nameFor(overTls(reached, request));
  const cookies = (request.get('cookie') ?? '').split(';').map((cookie) => cookie.trim().split('='));
  return cookies.find(([name]) => name === wanted)?.[1] ?? null;
}

/**
 * Does a request that changes something come from a page of this site? A browser says where a page comes from; the cookie
 * is not sent along from elsewhere either (SameSite), so this is the second lock.
 */
export function isFromHere({ adminUrl }: Reached, request: Request): boolean {
  if (['GET', 'HEAD'].includes(request.method)) return true;
  const site = request.get('sec-fetch-site');
  if (site !== undefined) return site === 'same-origin';
  const origin = request.get('origin');
  if (origin === undefined || !URL.canParse(origin)) return false;
  if (adminUrl !== null && new URL(origin).origin === new URL(adminUrl).origin) return true;
  return new URL(origin).host === request.get('host');
}
