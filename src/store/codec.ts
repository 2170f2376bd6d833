// Row ↔ noun: the one place that knows how values are spelt in columns.
import type { Selectable } from 'kysely';
import type { Fetch } from '../domain/fetch.ts';
import type { Mac } from '../domain/mac.ts';
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
  capacity: numberOrNull(row.capacity),
  state: row.state as Server['state'],
});

export const fromServer = (server: Server): Row<'server'> => ({
  ...server,
  capacity: textOrNull(server.capacity),
});

export const toPool = (row: Row<'pool'>, targets: readonly Row<'pool_target'>[]): Pool => ({
  name: row.name,
  domain: row.domain,
  transports: JSON.parse(row.transports) as Pool['transports'],
  ttl: row.ttl,
  targets: targets.map(({ server, priority, weight, port }) => ({ server, priority, weight, port })),
});

export const fromPool = ({ name, domain, transports, ttl }: Pool): Row<'pool'> => ({
  name,
  domain,
  transports: JSON.stringify(transports),
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
  ...openChoices(row.choices_sealed, levelPlace('tenant', row.code), secrets),
  revision: row.revision,
});

export const fromTenant = (tenant: Tenant, secrets: Secrets): Omit<Row<'tenant'>, 'token_hash' | 'token_sealed'> => ({
  code: tenant.code,
  name: tenant.name,
  pool: tenant.pool,
  binding: tenant.binding,
  sip_domain: tenant.sipDomain,
  weight: textOrNull(tenant.weight),
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

export const toFetch = ({ id: _id, user_agent: userAgent, mac, ...row }: Row<'fetch'>): Fetch => ({
  ...row,
  mac: mac as Mac,
  userAgent,
});

export const fromFetch = ({ userAgent, ...fetch }: Fetch): Omit<Row<'fetch'>, 'id'> => ({
  ...fetch,
  user_agent: userAgent,
});

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
  redirection_account: {
    key: ['service'],
    places: { credentials_sealed: (row) => accountPlace(row.service, row.base_url) },
  },
};

/** The values of the installation that are sealed, beside the canary. */
export const SEALED_VALUES = ['audit_head'] as const;

export const installationPlace = (name: (typeof SEALED_VALUES)[number]) => `installation|${name}`;
