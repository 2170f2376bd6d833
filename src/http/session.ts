// The session cookie: read by this program alone, sent to this site alone.
import type { Request, Response } from 'express';

const NAME = 'homeport_session';

const secure = (request: Request) => request.secure;

export function setSession(response: Response, session: string): void {
  const { req: request } = response;
  response.cookie(NAME, session, { httpOnly: true, sameSite: 'strict', secure: secure(request), path: '/' });
}

export function clearSession(response: Response): void {
  response.clearCookie(NAME, { httpOnly: true, sameSite: 'strict', path: '/' });
}

/** What stands in the session cookie, or null. */
export function sessionOf(request: Request): string | null {
  const cookies = (request.get('cookie') ?? '').split(';').map((cookie) => cookie.trim().split('='));
  return cookies.find(([name]) => name === NAME)?.[1] ?? null;
}

/**
 * Does a request that changes something come from a page of this site? A browser says where a page comes from; the cookie
 * is not sent along from elsewhere either (SameSite), so this is the second lock.
 */
export function isFromHere(request: Request): boolean {
  if (['GET', 'HEAD'].includes(request.method)) return true;
  const site = request.get('sec-fetch-site');
  if (site !== undefined) return site === 'same-origin';
  const origin = request.get('origin');
  return origin !== undefined && URL.canParse(origin) && new URL(origin).host === request.get('host');
}
