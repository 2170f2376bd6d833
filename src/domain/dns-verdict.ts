// What servers said against what is intended: is a pool's DNS fine, has it drifted, or does nobody know? One reading that
// failed makes a pool unknown; unknown is never fine.
import { canonicalValues, keyText, type Rrset, type SetKey } from './dns-change.ts';
import { isNoReading, type Reading } from './reading.ts';

export const DNS_STATES = ['fine', 'drift', 'unknown'] as const;
export type DnsState = (typeof DNS_STATES)[number];

/** Somebody who was asked: a server of the zone, or a resolver that asks them and remembers. */
export type Asked = {
  /** As people know it: `ns1.example.com (192.0.2.1:53)`. */
  readonly server: string;
  readonly of: 'authority' | 'resolver';
};

/** Why a pool is not fine. */
export type DnsReason = {
  readonly state: Exclude<DnsState, 'fine'>;
  readonly server: string | null;
  readonly name: string;
  readonly why: string;
};

/** Until when somebody may still be told what was there before: how long a server will keep its answer. */
export type Remaining = { readonly server: string; readonly of: Asked['of']; readonly ttl: number };

export type PoolVerdict = {
  readonly pool: string;
  readonly state: DnsState;
  readonly reasons: readonly DnsReason[];
  /** Reasons that are not listed, because there are too many. */
  readonly more: number;
  readonly remaining: readonly Remaining[];
};

/** What one server said to one question. */
export type Said = SetKey & Asked & { readonly reading: Reading };

/** What a pool should look like from outside. */
export type Intended = {
  readonly pool: string;
  readonly sets: readonly Rrset[];
  /** Names of services that the pool does not offer: nothing may be there. */
  readonly absent: readonly SetKey[];
  /** The hosts that SRV records name. */
  readonly hosts: readonly string[];
};

const list = (values: readonly string[]) => values.map((value) => `"${value}"`).join(', ');

/** What is wrong with an answer that should be this set; null when nothing is. */
function setFault(wanted: Rrset, { reading, of }: Said, twin: string | null): string | null {
  switch (reading.kind) {
    case 'nxdomain':
    case 'nodata': {
      const isThere = twin === null ? '' : `, though its twin ${twin} is there`;
      return `${keyText(wanted)} is missing${isThere}`;
    }
    case 'alias':
      return `${wanted.name} is an alias of ${reading.to}, so its ${wanted.type} records are not there`;
    case 'answer': {
      const values = canonicalValues(wanted.type, reading.values);
      const missing = wanted.values.filter((value) => !values.includes(value));
      const extra = values.filter((value) => !wanted.values.includes(value));
      if (missing.length + extra.length > 0) {
        const parts = [
          missing.length > 0 ? `lacks ${list(missing)}` : '',
          extra.length > 0 ? `has ${list(extra)} instead or besides` : '',
        ];
        const left = of === 'resolver' ? `; it keeps this for ${reading.ttl} s more` : '';
        return `${keyText(wanted)} ${parts.filter((part) => part !== '').join(' and ')}${left}`;
      }
      // A resolver counts down from what it was told; it never has more.
      const isRight = of === 'resolver' ? reading.ttl <= wanted.ttl : reading.ttl === wanted.ttl;
      return isRight ? null : `${keyText(wanted)} may be kept for ${reading.ttl} s, not ${wanted.ttl} s`;
    }
    default:
      return null;
  }
}

const NOT_OFFERED = /^0+ 0+ 0+ \.$/;

/** What is wrong with an answer where nothing should be. */
function absenceFault(key: SetKey, { reading }: Said): string | null {
  if (reading.kind === 'alias') return `${keyText(key)} is not offered by the pool, but is an alias of ${reading.to}`;
  if (reading.kind !== 'answer') return null;
  if (canonicalValues(key.type, reading.values).every((value) => NOT_OFFERED.test(value))) return null;
  return `${keyText(key)} is published, but the pool does not offer it, so phones that choose it find nobody`;
}

/** What is wrong with a host, as one server sees it: the target of SRV must be a name with addresses (RFC 2782). */
function hostFault(host: string, readings: readonly Reading[]): string | null {
  const alias = readings.find((reading) => reading.kind === 'alias');
  if (alias?.kind === 'alias') {
    return `the target ${host} is an alias of ${alias.to}; the target of an SRV record must have addresses of its own`;
  }
  const isReached = readings.some(({ kind }) => kind === 'answer');
  return isReached || readings.some(isNoReading) ? null : `the target ${host} has no address`;
}

/** Reasons beyond this are only counted. */
const REASONS_MAX = 50;

const isSame = (one: SetKey, other: SetKey) => one.name === other.name && one.type === other.type;

/** The SRV name of the same pool at another transport that the same server does have. */
function twinOf(wanted: Rrset, { sets }: Intended, ofServer: readonly Said[]): string | null {
  if (wanted.type !== 'SRV') return null;
  const isTwin = ({ name, type }: Rrset) => type === 'SRV' && name !== wanted.name;
  const isThere = (set: Rrset) => ofServer.some((one) => isSame(one, set) && one.reading.kind === 'answer');
  return sets.find((set) => isTwin(set) && isThere(set))?.name ?? null;
}

function reasonsOf(intended: Intended, ofServer: readonly Said[]): DnsReason[] {
  const unknown = ofServer.flatMap(({ reading, server, ...key }): DnsReason[] =>
    isNoReading(reading)
      ? [{ state: 'unknown', server, name: key.name, why: `${keyText(key)}: ${reading.why} (${reading.kind})` }]
      : [],
  );
  const drift = (said: Said, why: string | null): DnsReason[] =>
    why === null ? [] : [{ state: 'drift', server: said.server, name: said.name, why }];
  const sets = intended.sets.flatMap((wanted) =>
    ofServer
      .filter((one) => isSame(one, wanted))
      .flatMap((said) => drift(said, setFault(wanted, said, twinOf(wanted, intended, ofServer)))),
  );
  const absent = intended.absent.flatMap((key) =>
    ofServer.filter((one) => isSame(one, key)).flatMap((said) => drift(said, absenceFault(key, said))),
  );
  const hosts = intended.hosts.flatMap((host) => {
    const ofHost = ofServer.filter(({ name, type }) => name === host && (type === 'A' || type === 'AAAA'));
    const [first] = ofHost;
    return first === undefined
      ? []
      : drift(
          first,
          hostFault(
            host,
            ofHost.map(({ reading }) => reading),
          ),
        );
  });
  return [...sets, ...absent, ...hosts, ...unknown];
}

/** The longest that a server keeps what it said of the pool. */
function remainingOf(intended: Intended, ofServer: readonly Said[]): Remaining[] {
  const [first] = ofServer;
  const ofPool = ofServer.filter((said) => intended.sets.some((set) => isSame(said, set)));
  const ttls = ofPool.flatMap(({ reading }) => (reading.kind === 'answer' ? [reading.ttl] : []));
  if (first === undefined || ttls.length === 0) return [];
  return [{ server: first.server, of: first.of, ttl: Math.max(...ttls) }];
}

/**
 * The verdict on a pool from everything that was said of it.
 * @param before what is wrong already, such as a server that answers nothing at all
 */
export function verdictOf(intended: Intended, said: readonly Said[], before: readonly DnsReason[] = []): PoolVerdict {
  const byServer = [...Map.groupBy(said, ({ server }) => server).values()];
  const found = [...before, ...byServer.flatMap((ofServer) => reasonsOf(intended, ofServer))];
  const isAsked = byServer.length > 0 || before.length > 0;
  const nobody = 'there is nobody to ask; set resolvers, or a target for its zone with the servers that answer for it';
  const reasons: DnsReason[] = isAsked
    ? [...found.filter(({ state }) => state === 'drift'), ...found.filter(({ state }) => state === 'unknown')]
    : [{ state: 'unknown', server: null, name: intended.pool, why: nobody }];
  return {
    pool: intended.pool,
    state: reasons[0]?.state ?? 'fine',
    reasons: reasons.slice(0, REASONS_MAX),
    more: Math.max(0, reasons.length - REASONS_MAX),
    remaining: byServer.flatMap((ofServer) => remainingOf(intended, ofServer)),
  };
}
