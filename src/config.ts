// The environment → one checked value. Every mistake is reported, not only the first.
import { networkInterfaces } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { BackupPlan } from './domain/backup.ts';
import { networkSchema } from './domain/cidr.ts';
import { readDuration } from './domain/duration.ts';
import { invalid } from './domain/errors.ts';
import { parseWith } from './domain/parse.ts';

export type Listen = { readonly host: string; readonly port: number };

const listen = (fallback?: string) =>
  (fallback === undefined ? z.string() : z.string().default(fallback)).transform((text, context): Listen => {
    const match = /^(?:\[(?<v6>[0-9a-fA-F:]+)\]|(?<host>[^:[\]]+)):(?<port>\d{1,5})$/.exec(text);
    const port = Number(match?.groups?.port);
    if (match === null || port > 65_535) {
      context.addIssue({ code: 'custom', message: 'must be HOST:PORT, for example 0.0.0.0:8080 or [::]:8080' });
      return z.NEVER;
    }
    return { host: match.groups?.v6 ?? match.groups?.host ?? '', port };
  });

const webUrl = z
  .url({ protocol: /^https?$/, message: 'must be an http or https URL' })
  .transform((url) => url.replace(/\/+$/, ''));

const list = z.string().transform((text) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
);

/** The widest networks that can be meant: half of the internet is nobody's proxy. */
const WIDEST = { ipv4: 8, ipv6: 32 } as const;

const networks = list.transform((parts, context) => {
  for (const part of parts) {
    const [address = '', bits] = part.split('/');
    const widest = WIDEST[address.includes(':') ? 'ipv6' : 'ipv4'];
    const fault = (message: string) => void context.addIssue({ code: 'custom', message: `${part} ${message}` });
    if (!networkSchema.safeParse(part).success) fault('is no address and no network, such as 10.0.0.5 or 10.0.0.0/24');
    else if (bits !== undefined && Number(bits) < widest)
      fault(`is too wide: at least /${widest}, because whoever is in it can pretend to be anybody`);
  }
  return parts;
});

const headerName = z
  .string()
  .regex(/^[A-Za-z0-9-]{1,64}$/, 'must be the name of a header, such as Client-Cert')
  .transform((name) => name.toLowerCase());

/** A backup copies the whole database: more often than this it would do nothing else. */
const BACKUP_EVERY_LEAST_MS = 5 * 60_000;
const BACKUP_EVERY_MS = 24 * 3_600_000;
const BACKUP_KEEP = 14;

const backupEvery = z.string().transform((text, context) => {
  const ms = readDuration(text);
  if (ms === null || ms < BACKUP_EVERY_LEAST_MS) {
    context.addIssue({ code: 'custom', message: 'must be a time of at least 5 minutes, such as 90m, 24h or 7d' });
    return z.NEVER;
  }
  return ms;
});

const environmentSchema = z.object({
  HOMEPORT_DATABASE_URL: z
    .string()
    .regex(/^file:.+/, 'must be file:PATH, a SQLite database; other databases are not served yet')
    .default('file:data/homeport.db'),
  HOMEPORT_PHONE_LISTEN: listen('0.0.0.0:8080'),
  HOMEPORT_ADMIN_LISTEN: listen('127.0.0.1:8081'),
  HOMEPORT_PHONE_TLS_CERT: list.optional(),
  HOMEPORT_PHONE_TLS_KEY: list.optional(),
  HOMEPORT_PHONE_TLS_LISTEN: listen().optional(),
  HOMEPORT_PHONE_LEGACY_TLS_LISTEN: listen().optional(),
  HOMEPORT_PHONE_CAS: z.string().min(1).optional(),
  HOMEPORT_ADMIN_TLS_CERT: list.optional(),
  HOMEPORT_ADMIN_TLS_KEY: list.optional(),
  HOMEPORT_TRUSTED_PROXIES: networks.default([]),
  HOMEPORT_PROXY_HEADER: headerName
    .refine((name) => name === 'x-forwarded-for' || name === 'forwarded', 'must be X-Forwarded-For or Forwarded')
    .default('x-forwarded-for'),
  HOMEPORT_PROXY_CERTIFICATE: headerName.optional(),
  HOMEPORT_PROXY_SECRET: z.string().min(16, 'must have at least 16 characters').optional(),
  HOMEPORT_CONNECTIONS_PER_ADDRESS: z
    .string()
    .regex(/^[1-9]\d{0,4}$/, 'must be a number from 1 to 99999')
    .transform(Number)
    .default(64),
  HOMEPORT_SWEEP_MACS: z
    .string()
    .regex(/^[1-9]\d{0,4}$/, 'must be a number from 1 to 99999')
    .transform(Number)
    .default(50),
  HOMEPORT_BASIC_WITHOUT_TLS: z.enum(['0', '1'], 'must be 0 or 1').default('0'),
  HOMEPORT_PUBLIC_URL: webUrl.optional(),
  HOMEPORT_ADMIN_URL: webUrl.optional(),
  HOMEPORT_DEMO: z.enum(['0', '1'], 'must be 0 or 1').optional(),
  HOMEPORT_API_KEY: z.string().min(16, 'must have at least 16 characters').optional(),
  HOMEPORT_KEY_FILE: z.string().min(1).optional(),
  HOMEPORT_FIRMWARE: z.string().min(1).optional(),
  HOMEPORT_TEMPLATES: z.string().min(1).optional(),
  HOMEPORT_BACKUP_DIR: z.string().min(1).optional(),
  HOMEPORT_BACKUP_EVERY: backupEvery.optional(),
  HOMEPORT_BACKUP_KEEP: z
    .string()
    .regex(/^[1-9]\d{0,3}$/, 'must be a number from 1 to 9999')
    .transform(Number)
    .optional(),
  HOMEPORT_BACKUP_KEY_FILE: z.string().min(1).optional(),
  HOMEPORT_BACKUP_INCLUDE_KEY: z.enum(['0', '1'], 'must be 0 or 1').optional(),
  HOMEPORT_LOG_LEVEL: z.enum(['silent', 'error', 'warn', 'info', 'debug']).default('info'),
});

/** Files in PEM form: each certificate with its chain behind it, and its private key at the same place of the other list. */
export type TlsFiles = { readonly certificates: readonly string[]; readonly keys: readonly string[] };

export type ProxyRules = {
  /** Who is believed to be a proxy of ours. */
  readonly networks: readonly string[];
  /** The header in which they say who asks, in small letters. */
  readonly header: string;
  /** The header in which they give the client's certificate, in small letters; null when they are not asked. */
  readonly certificateHeader: string | null;
  /** What they must show with each request to be believed; null when the address is enough. */
  readonly secret: string | null;
};

/** What a listener speaks: `legacy` is TLS 1.0 to 1.2 with weak ciphers, for phones that can do no better. */
export type Speaks = 'http' | 'https' | 'legacy';

export type Config = {
  readonly databaseUrl: string;
  readonly keyFile: string;
  readonly phoneListen: Listen;
  /** Null when the phones' door speaks HTTP alone. */
  readonly phoneTls: TlsFiles | null;
  /** A second listener for TLS; null when the first one speaks it, or nobody does. */
  readonly phoneTlsListen: Listen | null;
  readonly phoneLegacyTlsListen: Listen | null;
  /** A directory of the makers' CA files, one folder for each vendor; null when certificates are no proof. */
  readonly phoneCas: string | null;
  readonly adminListen: Listen;
  readonly adminTls: TlsFiles | null;
  readonly proxies: ProxyRules;
  /** How many connections one address may have at the phones' door. */
  readonly connectionsPerAddress: number;
  /** For how many phones one address may ask in vain within ten minutes; of one tenant's, ten times as many. */
  readonly sweepMacs: number;
  /** May phones send their passwords (HTTP Basic) where others can listen? */
  readonly basicWithoutTls: boolean;
  /** How phones reach the phone door, without a slash at the end; null when it follows from the listener. */
  readonly publicUrl: string | null;
  /** How people and programs reach the admin door, without a slash at the end; null when nobody has said. */
  readonly adminUrl: string | null;
  /** Load the demo world when the database is empty. */
  readonly demo: boolean;
  readonly apiKey: string | null;
  /** A directory of own templates, searched before the product's; null when there is none. */
  readonly templates: string | null;
  /** A directory of firmware images; null when there is none. */
  readonly firmware: string | null;
  /** Backups that the server takes by itself; null when nobody wants any. */
  readonly backups: BackupPlan | null;
  /** A file with the passphrase of backups; null when they are sealed with the key file. */
  readonly backupKeyFile: string | null;
  /** Put the key file into backups that the server takes. */
  readonly backupIncludesKey: boolean;
  /** Has somebody named a database or an address? Then it is run in earnest. */
  readonly isConfigured: boolean;
  readonly logLevel: string;
};

type Environment = z.output<typeof environmentSchema>;

function tlsFiles(parsed: Environment, door: 'PHONE' | 'ADMIN'): TlsFiles | null {
  const [cert, key] = [`HOMEPORT_${door}_TLS_CERT`, `HOMEPORT_${door}_TLS_KEY`] as const;
  const [certificates = [], keys = []] = [parsed[cert], parsed[key]];
  if (certificates.length !== keys.length) {
    const counts = `${certificates.length} and ${keys.length}`;
    throw invalid(`${cert} and ${key} must name as many files, in the same order; they name ${counts}`);
  }
  return certificates.length === 0 ? null : { certificates, keys };
}

function backupPlan(parsed: Environment): BackupPlan | null {
  const { HOMEPORT_BACKUP_DIR: directory, HOMEPORT_BACKUP_EVERY: every, HOMEPORT_BACKUP_KEEP: keep } = parsed;
  for (const [name, value] of Object.entries({ HOMEPORT_BACKUP_EVERY: every, HOMEPORT_BACKUP_KEEP: keep })) {
    if (value !== undefined && directory === undefined) {
      throw invalid(`${name} needs HOMEPORT_BACKUP_DIR, the directory that backups go to`);
    }
  }
  if (parsed.HOMEPORT_BACKUP_INCLUDE_KEY === '1' && parsed.HOMEPORT_BACKUP_KEY_FILE === undefined) {
    throw invalid(
      'HOMEPORT_BACKUP_INCLUDE_KEY needs HOMEPORT_BACKUP_KEY_FILE: the key goes along under a passphrase alone',
    );
  }
  if (directory === undefined) return null;
  return { directory, everyMs: every ?? BACKUP_EVERY_MS, keep: keep ?? BACKUP_KEEP };
}

/** What is right by itself and wrong together. @throws AppError `invalid` */
function checkTogether(parsed: Environment, phoneTls: TlsFiles | null): void {
  for (const name of ['HOMEPORT_PHONE_TLS_LISTEN', 'HOMEPORT_PHONE_LEGACY_TLS_LISTEN'] as const) {
    if (parsed[name] !== undefined && phoneTls === null) {
      throw invalid(`${name} needs HOMEPORT_PHONE_TLS_CERT and HOMEPORT_PHONE_TLS_KEY`);
    }
  }
  for (const name of ['HOMEPORT_PROXY_CERTIFICATE', 'HOMEPORT_PROXY_SECRET'] as const) {
    if (parsed[name] !== undefined && parsed.HOMEPORT_TRUSTED_PROXIES.length === 0) {
      throw invalid(`${name} needs HOMEPORT_TRUSTED_PROXIES: nobody else may say who a phone is`);
    }
  }
  if (parsed.HOMEPORT_PROXY_CERTIFICATE !== undefined && parsed.HOMEPORT_PHONE_CAS === undefined) {
    throw invalid('HOMEPORT_PROXY_CERTIFICATE needs HOMEPORT_PHONE_CAS: certificates are verified here again');
  }
}

/**
 * Reads the environment.
 * @throws AppError `invalid` naming every variable that is wrong
 */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  // An empty variable is a variable that is not set: that is what `NAME= command` and compose files mean.
  const set = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const parsed = parseWith(environmentSchema, set, 'the environment');
  // The demo world is for somebody who tries the program; whoever names a database or an address runs it.
  const named = [set.HOMEPORT_DATABASE_URL, parsed.HOMEPORT_PUBLIC_URL, parsed.HOMEPORT_ADMIN_URL];
  const configured = named.some((value) => value !== undefined);
  const phoneTls = tlsFiles(parsed, 'PHONE');
  checkTogether(parsed, phoneTls);
  const databaseFile = parsed.HOMEPORT_DATABASE_URL.slice('file:'.length);
  return Object.freeze({
    databaseUrl: parsed.HOMEPORT_DATABASE_URL,
    keyFile: parsed.HOMEPORT_KEY_FILE ?? join(dirname(databaseFile), 'homeport.key'),
    phoneListen: parsed.HOMEPORT_PHONE_LISTEN,
    phoneTls,
    phoneTlsListen: parsed.HOMEPORT_PHONE_TLS_LISTEN ?? null,
    phoneLegacyTlsListen: parsed.HOMEPORT_PHONE_LEGACY_TLS_LISTEN ?? null,
    phoneCas: parsed.HOMEPORT_PHONE_CAS ?? null,
    adminListen: parsed.HOMEPORT_ADMIN_LISTEN,
    adminTls: tlsFiles(parsed, 'ADMIN'),
    proxies: {
      networks: parsed.HOMEPORT_TRUSTED_PROXIES,
      header: parsed.HOMEPORT_PROXY_HEADER,
      certificateHeader: parsed.HOMEPORT_PROXY_CERTIFICATE ?? null,
      secret: parsed.HOMEPORT_PROXY_SECRET ?? null,
    },
    connectionsPerAddress: parsed.HOMEPORT_CONNECTIONS_PER_ADDRESS,
    sweepMacs: parsed.HOMEPORT_SWEEP_MACS,
    basicWithoutTls: parsed.HOMEPORT_BASIC_WITHOUT_TLS === '1',
    publicUrl: parsed.HOMEPORT_PUBLIC_URL ?? null,
    adminUrl: parsed.HOMEPORT_ADMIN_URL ?? null,
    demo: parsed.HOMEPORT_DEMO === undefined ? !configured : parsed.HOMEPORT_DEMO === '1',
    apiKey: parsed.HOMEPORT_API_KEY ?? null,
    templates: parsed.HOMEPORT_TEMPLATES ?? null,
    firmware: parsed.HOMEPORT_FIRMWARE ?? null,
    backups: backupPlan(parsed),
    backupKeyFile: parsed.HOMEPORT_BACKUP_KEY_FILE ?? null,
    backupIncludesKey: parsed.HOMEPORT_BACKUP_INCLUDE_KEY === '1',
    isConfigured: configured,
    logLevel: parsed.HOMEPORT_LOG_LEVEL,
  });
}

const WILDCARDS = ['0.0.0.0', '::'];
const inUrl = (host: string) => (host.includes(':') ? `[${host}]` : host);

/** A place where the phones' door is open. */
export type PhoneListener = { readonly name: string; readonly listen: Listen; readonly speaks: Speaks };

/** Where the phones' door opens; the first is where phones are sent to. */
export function phoneListeners(
  config: Pick<Config, 'phoneListen' | 'phoneTls' | 'phoneTlsListen' | 'phoneLegacyTlsListen'>,
): [PhoneListener, ...PhoneListener[]] {
  const { phoneListen, phoneTls, phoneTlsListen, phoneLegacyTlsListen } = config;
  const plain = { name: 'HOMEPORT_PHONE_LISTEN', listen: phoneListen, speaks: 'http' } as const;
  const legacy: PhoneListener[] =
    phoneLegacyTlsListen === null
      ? []
      : [{ name: 'HOMEPORT_PHONE_LEGACY_TLS_LISTEN', listen: phoneLegacyTlsListen, speaks: 'legacy' }];
  if (phoneTls === null) return [plain];
  if (phoneTlsListen === null) return [{ ...plain, speaks: 'https' }, ...legacy];
  return [{ name: 'HOMEPORT_PHONE_TLS_LISTEN', listen: phoneTlsListen, speaks: 'https' }, plain, ...legacy];
}

/** The public URL as far as the configuration says it: a listener on port 0 has none until it is open. */
export function publicUrlOf(config: Parameters<typeof phoneListeners>[0] & Pick<Config, 'publicUrl'>): string {
  const [{ listen, speaks }] = phoneListeners(config);
  return config.publicUrl ?? networkUrl(listen, speaks);
}

/** The URL of a listener for somebody on this machine. */
export const localUrl = ({ host, port }: Listen, speaks: Speaks = 'http'): string =>
  `${speaks === 'http' ? 'http' : 'https'}://${WILDCARDS.includes(host) ? '127.0.0.1' : inUrl(host)}:${port}`;

/** The URL of a listener for somebody on the network: a listener on every address is reached at the first outer one. */
export function networkUrl(listen: Listen, speaks: Speaks = 'http'): string {
  if (!WILDCARDS.includes(listen.host)) return localUrl(listen, speaks);
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const outer = addresses.find(({ family, internal }) => family === 'IPv4' && !internal);
  return outer === undefined ? localUrl(listen, speaks) : localUrl({ host: outer.address, port: listen.port }, speaks);
}
