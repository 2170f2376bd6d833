// Row ↔ noun: the one place that knows how values are spelt in columns.
import type { Selectable } from 'kysely';
import type { DnsTarget } from '../domain/dns-target.ts';
import type { Credential, EnrolmentState, EnrolmentWindow } from '../domain/enrolment.ts';
import type { Fetch } from '../domain/fetch.ts';
import type { Mac } from '../domain/mac.ts';
import type { PbxConnection } from '../domain/pbx-connection.ts';
import type { Line, Phone } from '../domain/phone.ts';
import type { Pool } from '../domain/pool.ts';
import type { Credentials, RedirectionAccount } from '../domain/redirection.ts';
import type { Server } from '../domain/server.ts';
import type { Choices, NamedLevel } from '../domain/settings.ts';
import type { Tenant } from '../domain/tenant.ts';
import type { Unclaimed } from '../domain/unclaimed.ts';
import type { Tables } from './schema.ts';
import type { Secrets } from './secrets.ts';

type Row<Name extends keyof Tables> = Selectable<Tables[Name]>;

const numberOrNull = (text: string | null) => (text === null ? null : Number(text));
const textOrNull = (value: number | null) => (value === null ? null : String(value));

export const linePlace = (mac: string, position: number) => `line|${mac}|${position}`;
export const tokenPlace = (tenant: string) => `tenant|${tenant}|token`;

export const toServer = (row: Row<'server'>): Server => ({
  name: row.name,
  host: row.host,
  addresses: JSON.parse(row.addresses) as Server['addresses'],
  capacity: numberOrNull(row.capacity),
  state: row.state as Server['state'],
});

export const fromServer = (server: Server): Row<'server'> => ({
  ...server,
  addresses: JSON.stringify(server.addresses),
  capacity: textOrNull(server.capacity),
});

export const toPool = (row: Row<'pool'>, targets: readonly Row<'pool_target'>[]): Pool => ({
  name: row.name,
  domain: row.domain,
  transports: JSON.parse(row.transports) as Pool['transports'],
  denyOtherTransports: row.deny_other_transports === 1,
  ttl: row.ttl,
  targets: targets.map(({ server, priority, weight, port }) => ({ server, priority, weight, port })),
});

export const fromPool = ({ name, domain, transports, denyOtherTransports, ttl }: Pool): Row<'pool'> => ({
  name,
  domain,
  transports: JSON.stringify(transports),
  deny_other_transports: denyOtherTransports ? 1 : 0,
  ttl,
});

/** Settings may hold passwords, and raw parameters may hold anything, so both are sealed. */
const sealChoices = ({ settings, parameters }: Choices, place: string, secrets: Secrets) =>
  secrets.seal(JSON.stringify({ settings, parameters }), place);

const openChoices = (sealed: string, place: string, secrets: Secrets): Choices =>
  JSON.parse(secrets.open(sealed, place)) as Choices;

const levelPlace = (level: string, of: string) => `level|${level}|${of}`;

export type StoredLevel = NamedLevel & { readonly revision: number };

export const toLevel = (row: Row<'level'>, secrets: Secrets): StoredLevel => ({
  level: row.level as NamedLevel['level'],
  of: row.of,
  revision: row.revision,
  ...openChoices(row.choices_sealed, levelPlace(row.level, row.of), secrets),
});

export const fromLevel = ({ level, of, revision, ...choices }: StoredLevel, secrets: Secrets): Row<'level'> => ({
  level,
  of,
  revision,
  choices_sealed: sealChoices(choices, levelPlace(level, of), secrets),
});

export const toTenant = (row: Row<'tenant'>, secrets: Secrets): Tenant => ({
  code: row.code,
  name: row.name,
  pool: row.pool,
  binding: row.binding as Tenant['binding'],
  sipDomain: row.sip_domain,
  weight: numberOrNull(row.weight),
  proof: row.proof as Tenant['proof'],
  ...openChoices(row.choices_sealed, levelPlace('tenant', row.code), secrets),
  revision: row.revision,
});

type TokenColumn = 'token_hash' | 'token_sealed' | 'token_made_at';

export const fromTenant = (tenant: Tenant, secrets: Secrets): Omit<Row<'tenant'>, TokenColumn> => ({
  code: tenant.code,
  name: tenant.name,
  pool: tenant.pool,
  binding: tenant.binding,
  sip_domain: tenant.sipDomain,
  weight: textOrNull(tenant.weight),
  proof: tenant.proof,
  choices_sealed: sealChoices(tenant, levelPlace('tenant', tenant.code), secrets),
  revision: tenant.revision,
});

const toLine = (row: Row<'line'>, secrets: Secrets): Line => ({
  user: row.user,
  authUser: row.auth_user,
  password: secrets.open(row.password_sealed, linePlace(row.mac, row.position)),
  displayName: row.display_name,
  label: row.label,
  extension: row.extension,
});

export const toPhone = (row: Row<'phone'>, lines: readonly Row<'line'>[], secrets: Secrets): Phone => ({
  mac: row.mac as Mac,
  tenant: row.tenant,
  vendor: row.vendor,
  model: row.model,
  enabled: row.enabled === 1,
  keys: JSON.parse(row.keys) as Phone['keys'],
  lines: lines.map((line) => toLine(line, secrets)),
  ...openChoices(row.choices_sealed, levelPlace('phone', row.mac), secrets),
  revision: row.revision,
});

export const fromPhone = (phone: Phone, secrets: Secrets): Row<'phone'> => ({
  mac: phone.mac,
  tenant: phone.tenant,
  vendor: phone.vendor,
  model: phone.model,
  enabled: phone.enabled ? 1 : 0,
  keys: JSON.stringify(phone.keys),
  choices_sealed: sealChoices(phone, levelPlace('phone', phone.mac), secrets),
  revision: phone.revision,
});

export const fromLines = (phone: Phone, secrets: Secrets): Row<'line'>[] =>
  phone.lines.map((line, position) => ({
    mac: phone.mac,
    position,
    user: line.user,
    auth_user: line.authUser,
    password_sealed: secrets.seal(line.password, linePlace(phone.mac, position)),
    display_name: line.displayName,
    label: line.label,
    extension: line.extension,
  }));

export const toFetch = ({ id: _id, user_agent: userAgent, token_id: tokenId, mac, ...row }: Row<'fetch'>): Fetch => ({
  ...row,
  mac: mac as Mac,
  userAgent,
  tokenId,
});

export const fromFetch = ({ userAgent, tokenId, ...fetch }: Fetch): Omit<Row<'fetch'>, 'id'> => ({
  ...fetch,
  user_agent: userAgent,
  token_id: tokenId,
});

export const toWindow = (row: Row<'enrolment_window'>): EnrolmentWindow => ({
  id: row.id,
  tenant: row.tenant,
  phones: row.phones === null ? null : (JSON.parse(row.phones) as Mac[]),
  opensAt: row.opens_at,
  closesAt: row.closes_at,
  networks: JSON.parse(row.networks) as string[],
  madeAt: row.made_at,
  madeBy: row.made_by,
});

export const fromWindow = (window: Omit<EnrolmentWindow, 'id'>): Omit<Row<'enrolment_window'>, 'id'> => ({
  tenant: window.tenant,
  phones: window.phones === null ? null : JSON.stringify(window.phones),
  opens_at: window.opensAt,
  closes_at: window.closesAt,
  networks: JSON.stringify(window.networks),
  made_at: window.madeAt,
  made_by: window.madeBy,
});

export const credentialPlace = (mac: string) => `credential|${mac}`;

export function toCredential(row: Row<'credential'>, secrets: Secrets): Credential {
  const { window_id: window, handed_out_at: at, address, contested_at: contestedAt, contested_by: contestedBy } = row;
  const sealed = secrets.open(row.passwords_sealed, credentialPlace(row.mac));
  const { password, old } = JSON.parse(sealed) as Pick<Credential, 'password' | 'old'>;
  const isHandedOut = window !== null && at !== null && address !== null;
  return {
    ...{ password, old, state: row.state as EnrolmentState, madeAt: row.made_at, usedAt: row.used_at },
    handOut: isHandedOut ? { window, at, address, files: JSON.parse(row.files) as string[] } : null,
    contested: contestedAt === null || contestedBy === null ? null : { at: contestedAt, address: contestedBy },
  };
}

export const fromCredential = (mac: Mac, credential: Credential, secrets: Secrets): Row<'credential'> => {
  const { password, old, state, madeAt, usedAt, handOut, contested } = credential;
  return {
    ...{ mac, state, made_at: madeAt, used_at: usedAt },
    passwords_sealed: secrets.seal(JSON.stringify({ password, old }), credentialPlace(mac)),
    window_id: handOut?.window ?? null,
    handed_out_at: handOut?.at ?? null,
    address: handOut?.address ?? null,
    files: JSON.stringify(handOut?.files ?? []),
    contested_at: contested?.at ?? null,
    contested_by: contested?.address ?? null,
  };
};

export const toUnclaimed = ({ mac, first_at: firstAt, last_at: lastAt, ...row }: Row<'unclaimed'>): Unclaimed => ({
  ...row,
  mac: mac as Mac,
  firstAt,
  lastAt,
});

export const fromUnclaimed = ({ firstAt, lastAt, ...unclaimed }: Unclaimed): Row<'unclaimed'> => ({
  ...unclaimed,
  first_at: firstAt,
  last_at: lastAt,
});

/** The base URL is bound into the seal: who may write the table, but has no key, cannot send credentials elsewhere. */
const accountPlace = (service: string, baseUrl: string) => `redirection_account|${service}|${baseUrl}`;

export const toRedirectionAccount = (row: Row<'redirection_account'>, secrets: Secrets): RedirectionAccount => ({
  service: row.service,
  baseUrl: row.base_url,
  credentials: JSON.parse(secrets.open(row.credentials_sealed, accountPlace(row.service, row.base_url))) as Credentials,
});

export const fromRedirectionAccount = (
  { service, baseUrl, credentials }: RedirectionAccount,
  secrets: Secrets,
): Row<'redirection_account'> => ({
  service,
  base_url: baseUrl,
  credentials_sealed: secrets.seal(JSON.stringify(credentials), accountPlace(service, baseUrl)),
});

/** All of the place is bound into the seal: who may write the table, but has no key, cannot have the secret used elsewhere. */
const targetPlace = ({ zone, kind, place }: Pick<Row<'dns_target'>, 'zone' | 'kind' | 'place'>) =>
  `dns_target|${zone}|${kind}|${place}`;

export function toDnsTarget(row: Row<'dns_target'>, secrets: Secrets): DnsTarget {
  const { server, ...place } = JSON.parse(row.place) as { server: never };
  const secret = secrets.open(row.secret_sealed, targetPlace(row));
  const authorities = JSON.parse(row.authorities) as DnsTarget['authorities'];
  const shared = { zone: row.zone, authorities, ...place };
  return (
    row.kind === 'rfc2136'
      ? { ...shared, kind: 'rfc2136', server, key: { ...(place as { key: object }).key, secret } }
      : { ...shared, kind: 'powerdns', apiKey: secret }
  ) as DnsTarget;
}

export function fromDnsTarget(target: DnsTarget, secrets: Secrets): Row<'dns_target'> {
  const { zone, kind } = target;
  const authorities = JSON.stringify(target.authorities);
  const [place, secret] =
    target.kind === 'rfc2136'
      ? [{ server: target.server, key: { name: target.key.name, algorithm: target.key.algorithm } }, target.key.secret]
      : [{ baseUrl: target.baseUrl, serverId: target.serverId }, target.apiKey];
  const row = { zone, kind, authorities, place: JSON.stringify(place) };
  return { ...row, secret_sealed: secrets.seal(secret, targetPlace(row)) };
}

/** As with DNS targets: the secret goes nowhere else than to the place that it was given for. */
const connectionPlace = ({ server, kind, place }: Pick<Row<'pbx_connection'>, 'server' | 'kind' | 'place'>) =>
  `pbx_connection|${server}|${kind}|${place}`;

export function toPbxConnection(row: Row<'pbx_connection'>, secrets: Secrets): PbxConnection {
  const place = JSON.parse(row.place) as object;
  const { secret } = JSON.parse(secrets.open(row.secret_sealed, connectionPlace(row))) as { secret: string | null };
  const shared = { server: row.server, kind: row.kind, ...place };
  return (row.kind === 'sip' ? shared : { ...shared, secret }) as PbxConnection;
}

export function fromPbxConnection(connection: PbxConnection, secrets: Secrets): Row<'pbx_connection'> {
  const { server, kind, secret = null, ...place } = { secret: null, ...connection };
  const row = { server, kind, place: JSON.stringify(place) };
  return { ...row, secret_sealed: secrets.seal(JSON.stringify({ secret }), connectionPlace(row)) };
}

type SealedColumn<Name extends keyof Tables> = Extract<keyof Tables[Name], `${string}_sealed`>;
type SealedTable = { [Name in keyof Tables]: [SealedColumn<Name>] extends [never] ? never : Name }[keyof Tables];

/**
 * Every sealed column: how its rows are found, and the place that is bound into each seal. The compiler asks for an entry for
 * each column whose name ends in `_sealed`.
 */
export const SEALED_COLUMNS: {
  readonly [Name in SealedTable]: {
    readonly key: readonly (keyof Tables[Name])[];
    readonly places: { readonly [Column in SealedColumn<Name>]: (row: Row<Name>) => string };
  };
} = {
  level: { key: ['level', 'of'], places: { choices_sealed: (row) => levelPlace(row.level, row.of) } },
  tenant: {
    key: ['code'],
    places: {
      choices_sealed: (row) => levelPlace('tenant', row.code),
      token_sealed: (row) => tokenPlace(row.code),
    },
  },
  phone: { key: ['mac'], places: { choices_sealed: (row) => levelPlace('phone', row.mac) } },
  line: { key: ['mac', 'position'], places: { password_sealed: (row) => linePlace(row.mac, row.position) } },
  credential: { key: ['mac'], places: { passwords_sealed: (row) => credentialPlace(row.mac) } },
  redirection_account: {
    key: ['service'],
    places: { credentials_sealed: (row) => accountPlace(row.service, row.base_url) },
  },
  dns_target: { key: ['zone'], places: { secret_sealed: targetPlace } },
  pbx_connection: { key: ['server'], places: { secret_sealed: connectionPlace } },
};

/** The values of the installation that are sealed, beside the canary. */
export const SEALED_VALUES = ['audit_head'] as const;

export const installationPlace = (name: (typeof SEALED_VALUES)[number]) => `installation|${name}`;
