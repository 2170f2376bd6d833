// The two roads by which a move reaches phones, by DNS or by new files, and how long each takes at worst.
import { conflict } from './errors.ts';
import type { Settings } from './settings.ts';

export const ROADS = ['dns', 'resync'] as const;
export type RoadName = (typeof ROADS)[number];

export type Road = {
  readonly road: RoadName;
  /** Can phones be moved on this road at all? */
  readonly open: boolean;
  /** Seconds until a phone that obeys at once is where it belongs; null when the road is not open. */
  readonly toldS: number | null;
  /** Seconds until the last phone is, when nobody can be told; null for no bound. */
  readonly worstS: number | null;
  /** What the times are made of, and what to do. */
  readonly because: string;
};

const CLOSED =
  'the phones carry the domain of their pool, and its records concern every tenant of the pool; tenantDomains gives each ' +
  'tenant a name of its own';

/**
 * The road that a move takes: the one that is wanted, or the usual one.
 * @param ownName does the tenant have an SRV name of its own, which its phones carry?
 * @throws AppError `conflict` for a road that is not open
 */
export function roadTaken(ownName: boolean, wanted: RoadName | undefined): RoadName {
  if (wanted === 'dns' && !ownName) throw conflict(`tenants cannot be moved by DNS here: ${CLOSED}`);
  return wanted ?? (ownName ? 'dns' : 'resync');
}

/** What is left to do after a move, so that its phones learn of it. */
export function nextStep(ownName: boolean, road: RoadName): string {
  if (road === 'dns') return 'publish the records (homeport dns publish); phones ask again when they register anew';
  return ownName
    ? 'publish the records (homeport dns publish), wait for their TTL, then let the phones restart'
    : 'the phones fetch their new files when they are told to, or by themselves within a day';
}

/** Phones that look for changes do so once in a day. */
const POLL_EVERY_S = 86_400;

export type RoadFacts = {
  /** Does the tenant have an SRV name of its own, which its phones carry? */
  readonly ownName: boolean;
  /** Seconds that resolvers may keep the records that hold until now. */
  readonly ttlS: number;
  /** What holds for each of the tenant's phones. */
  readonly phones: readonly Pick<Settings, 'registerExpiresS' | 'poll'>[];
};

/**
 * Both roads. With a name of its own, a tenant is moved by its records: resolvers keep the old ones for their TTL, and a phone
 * asks again when it registers anew. Without one, its phones need new files: at once when they obey a check-sync, otherwise
 * when they look by themselves.
 */
export function roadsOf({ ownName, ttlS, phones }: RoadFacts): readonly Road[] {
  const expiresS = Math.max(0, ...phones.map(({ registerExpiresS }) => registerExpiresS));
  const silent = phones.filter(({ poll }) => poll === 'off').length;
  if (ownName) {
    const both = `resolvers keep the old records for up to ${ttlS} s`;
    const dns = `${both}, and a phone asks again when it registers anew, within ${expiresS} s: publish the records, then wait`;
    const resync = `${both}; the files stay as they are, so only a phone that restarts asks at once: publish, wait, restart`;
    return [
      { road: 'dns', open: true, toldS: ttlS + expiresS, worstS: ttlS + expiresS, because: dns },
      { road: 'resync', open: true, toldS: ttlS, worstS: ttlS + expiresS, because: resync },
    ];
  }
  const bound = silent === 0 ? `within ${POLL_EVERY_S} s` : `but ${silent} of them only when they boot`;
  const resync = `phones that obey a check-sync get their new files at once, the others look by themselves, ${bound}`;
  return [
    { road: 'dns', open: false, toldS: null, worstS: null, because: CLOSED },
    { road: 'resync', open: true, toldS: 0, worstS: silent === 0 ? POLL_EVERY_S : null, because: resync },
  ];
}
