// What every answer of the admin door says to browsers, and whether the door is reached over TLS.
import type { Request, RequestHandler } from 'express';
import { isSecure } from './address.ts';

/** How the admin door is reached from outside; null when nobody has said. */
export type Reached = { readonly adminUrl: string | null };

// For answers of the API, which load nothing and stand in no frame; a page sets a policy of its own.
const HEADERS = {
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-store',
};

const YEAR_S = 31_536_000;

/** Is the door reached over TLS: this request itself, or all of them as the configuration says? */
export const overTls = ({ adminUrl }: Reached, request: Request): boolean =>
  isSecure(request) || (adminUrl !== null && new URL(adminUrl).protocol === 'https:');

/** Sets what every answer says to browsers. */
export function guard(reached: Reached): RequestHandler {
  return (request, response, next) => {
    response.set(HEADERS);
    if (overTls(reached, request)) response.set('Strict-Transport-Security', `max-age=${YEAR_S}`);
    next();
  };
}
