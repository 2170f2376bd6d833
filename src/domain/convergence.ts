// Where phones have come to: fetched what they should have, registered, on the primary of their tenant's pool. What nobody
// can know is unknown, and never counted as good or bad.
import type { Fetch } from './fetch.ts';
import type { Contact } from './registration.ts';

/** A registration as it was heard of. */
export type Registration = Contact & {
  /** The server of ours that holds it. */
  readonly server: string;
  /** Since when it is known, ISO 8601; a registration that is renewed keeps it. */
  readonly since: string;
  /** Is a call going on? Null where the server does not tell. */
  readonly inUse: boolean | null;
};

/** `silent`: registered nowhere, or not with every line. `unknown`: a server that may hold it cannot be asked now. */
export const PLACES = ['onPrimary', 'elsewhere', 'silent', 'unknown'] as const;
export type Place = (typeof PLACES)[number];

/**
 * Where a phone is.
 * @param lines the registrations of each of its lines
 * @param primary the server where it belongs
 * @param isKnown can every server of its pool be asked now?
 */
export function placeOf(
  lines: readonly (readonly Pick<Registration, 'server'>[])[],
  primary: string,
  isKnown: boolean,
): Place {
  if (lines.length === 0 || lines.some((found) => found.length === 0)) return isKnown ? 'silent' : 'unknown';
  const isHome = lines.flat().every(({ server }) => server === primary);
  return isHome ? 'onPrimary' : 'elsewhere';
}

export type Rendered = { readonly name: string; readonly digest: string };

/**
 * Has a phone fetched what it would get now? Phones leave out files that they do not need, so what counts is each file that
 * it has fetched at all.
 * @param fetches the phone's fetches, newest first
 */
export function hasFetched(files: readonly Rendered[], fetches: readonly Fetch[]): boolean {
  const wanted = new Map(files.map(({ name, digest }) => [name.toLowerCase(), digest]));
  const newest = new Map<string, string>();
  for (const { method, file, status, digest } of fetches) {
    const name = file.toLowerCase();
    const isGood = method === 'GET' && (status === 200 || status === 304) && digest !== null;
    if (isGood && wanted.has(name) && !newest.has(name)) newest.set(name, digest);
  }
  return newest.size > 0 && [...newest].every(([name, digest]) => wanted.get(name) === digest);
}

export type TenantConvergence = {
  readonly tenant: string;
  readonly pool: string;
  readonly primary: string;
  /** Enabled phones; the sum of `onPrimary`, `elsewhere`, `silent` and `unknown`. */
  readonly phones: number;
  readonly fetched: number;
  readonly registered: number;
  readonly onPrimary: number;
  readonly elsewhere: number;
  readonly silent: number;
  readonly unknown: number;
  /** Has every phone fetched, and is every one on the primary? */
  readonly converged: boolean;
};

/** Adds up the phones of a tenant. */
export function convergenceOf(
  { tenant, pool, primary }: Pick<TenantConvergence, 'tenant' | 'pool' | 'primary'>,
  phones: readonly { readonly place: Place; readonly fetched: boolean }[],
): TenantConvergence {
  const count = (wanted: Place) => phones.filter(({ place }) => place === wanted).length;
  const [onPrimary, elsewhere] = [count('onPrimary'), count('elsewhere')];
  const fetched = phones.filter((phone) => phone.fetched).length;
  return {
    ...{ tenant, pool, primary, phones: phones.length, fetched, registered: onPrimary + elsewhere },
    ...{ onPrimary, elsewhere, silent: count('silent'), unknown: count('unknown') },
    converged: onPrimary === phones.length && fetched === phones.length,
  };
}
