// The environment → one checked value. Every mistake is reported, not only the first.
import { networkInterfaces } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { parseWith } from './domain/parse.ts';

export type Listen = { readonly host: string; readonly port: number };

const listen = (fallback: string) =>
  z
    .string()
    .default(fallback)
    .transform((text, context): Listen => {
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

const environmentSchema = z.object({
  HOMEPORT_DATABASE_URL: z
    .string()
    .regex(/^file:.+/, 'must be file:PATH, a SQLite database; other databases are not served yet')
    .default('file:data/homeport.db'),
  HOMEPORT_PHONE_LISTEN: listen('0.0.0.0:8080'),
  HOMEPORT_ADMIN_LISTEN: listen('127.0.0.1:8081'),
  HOMEPORT_PUBLIC_URL: webUrl.optional(),
  HOMEPORT_ADMIN_URL: webUrl.optional(),
  HOMEPORT_DEMO: z.enum(['0', '1'], 'must be 0 or 1').optional(),
  HOMEPORT_API_KEY: z.string().min(16, 'must have at least 16 characters').optional(),
  HOMEPORT_KEY_FILE: z.string().min(1).optional(),
  HOMEPORT_FIRMWARE: z.string().min(1).optional(),
  HOMEPORT_TEMPLATES: z.string().min(1).optional(),
  HOMEPORT_LOG_LEVEL: z.enum(['silent', 'error', 'warn', 'info', 'debug']).default('info'),
});

export type Config = {
  readonly databaseUrl: string;
  readonly keyFile: string;
  readonly phoneListen: Listen;
  readonly adminListen: Listen;
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
  readonly logLevel: string;
};

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
  const databaseFile = parsed.HOMEPORT_DATABASE_URL.slice('file:'.length);
  return Object.freeze({
    databaseUrl: parsed.HOMEPORT_DATABASE_URL,
    keyFile: parsed.HOMEPORT_KEY_FILE ?? join(dirname(databaseFile), 'homeport.key'),
    phoneListen: parsed.HOMEPORT_PHONE_LISTEN,
    adminListen: parsed.HOMEPORT_ADMIN_LISTEN,
    publicUrl: parsed.HOMEPORT_PUBLIC_URL ?? null,
    adminUrl: parsed.HOMEPORT_ADMIN_URL ?? null,
    demo: parsed.HOMEPORT_DEMO === undefined ? !configured : parsed.HOMEPORT_DEMO === '1',
    apiKey: parsed.HOMEPORT_API_KEY ?? null,
    templates: parsed.HOMEPORT_TEMPLATES ?? null,
    firmware: parsed.HOMEPORT_FIRMWARE ?? null,
    logLevel: parsed.HOMEPORT_LOG_LEVEL,
  });
}

const WILDCARDS = ['0.0.0.0', '::'];
const inUrl = (host: string) => (host.includes(':') ? `[${host}]` : host);

/** The URL of a listener for somebody on this machine. */
export const localUrl = ({ host, port }: Listen): string =>
  `http://${WILDCARDS.includes(host) ? '127.0.0.1' : inUrl(host)}:${port}`;

/** The URL of a listener for somebody on the network: a listener on every address is reached at the first outer one. */
export function networkUrl(listen: Listen): string {
  if (!WILDCARDS.includes(listen.host)) return localUrl(listen);
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const outer = addresses.find(({ family, internal }) => family === 'IPv4' && !internal);
  return outer === undefined ? localUrl(listen) : localUrl({ host: outer.address, port: listen.port });
}
