// Redirection services: the makers' clouds that give a new phone our URL. What an account is, and what came of a claim.
import { z } from 'zod';
import { type Fault, invalid } from './errors.ts';
import { type Mac, macSchema } from './mac.ts';
import { parseWith } from './parse.ts';

/** The protocols that services speak, each with the credentials that it takes. */
export const CREDENTIALS = {
  ymcs: ['accessKeyId', 'accessKeySecret'],
  ztp: ['apiKey'],
} as const satisfies Record<string, readonly string[]>;

export type ServiceKind = keyof typeof CREDENTIALS;
export const SERVICE_KINDS = Object.keys(CREDENTIALS) as [ServiceKind, ...ServiceKind[]];

export type Credentials = Readonly<Record<string, string>>;

/** An account at a redirection service. */
export type RedirectionAccount = {
  readonly service: string;
  readonly baseUrl: string;
  readonly credentials: Credentials;
};

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Why credentials may not be sent to a URL, or null when they may. */
export function baseUrlFault(text: string): string | null {
  if (!URL.canParse(text)) return 'must be a URL such as https://api.example.com';
  const { protocol, hostname, username, password, search, hash } = new URL(text);
  if (username !== '' || password !== '') return 'must hold no user and no password; they are credentials';
  if (search !== '' || hash !== '') return 'must end with the path';
  if (LOOPBACK.has(hostname)) return /^https?:$/.test(protocol) ? null : 'must begin with https://';
  if (protocol !== 'https:') return 'must begin with https://, because credentials are sent to it';
  if (/^\[|^[\d.]+$/.test(hostname)) return 'must name a host, not an IP address';
  return null;
}

// Credentials go into HTTP headers: visible ASCII, and no blank at either end.
const credential = z
  .string()
  .regex(/^[\x21-\x7e]{1,512}$/, 'must have 1 to 512 visible characters without blanks, as the service shows it');

const accountShape = z.strictObject({
  baseUrl: z.string().max(200).optional(),
  credentials: z.record(z.string(), credential),
});

/**
 * Parses what somebody says of an account at a service.
 * @throws AppError `invalid` with every wrong field, never with its value
 */
export function parseAccount(
  { service, kind, baseUrls }: { service: string; kind: ServiceKind; baseUrls: readonly string[] },
  input: unknown,
): RedirectionAccount {
  const { baseUrl = baseUrls[0] ?? '', credentials } = parseWith(accountShape, input, 'the account');
  const wanted: readonly string[] = CREDENTIALS[kind];
  const faults: Fault[] = [];
  const urlFault = baseUrlFault(baseUrl);
  if (urlFault !== null) faults.push({ path: 'baseUrl', message: urlFault });
  for (const name of wanted)
    if (credentials[name] === undefined) faults.push({ path: `credentials.${name}`, message: 'is needed' });
  for (const name of Object.keys(credentials)) {
    if (!wanted.includes(name)) {
      faults.push({ path: `credentials.${name}`, message: `is unknown; there are ${wanted.join(' and ')}` });
    }
  }
  if (faults.length > 0) {
    const list = faults.map(({ path, message }) => `${path} ${message}`).join('; ');
    throw invalid(`the account at ${service} is not valid: ${list}`, faults);
  }
  return { service, baseUrl: baseUrl.replace(/\/+$/, ''), credentials };
}

/**
 * What became of one phone. `claimed`: new phones with this MAC address are sent to the URL now. `unchanged`: they were
 * before. `moved`: they were sent elsewhere by the same account. `released`: the account holds the phone no more.
 */
export type Outcome = 'claimed' | 'unchanged' | 'moved' | 'released' | 'failed';

export type PhoneReport = {
  readonly mac: Mac;
  readonly outcome: Outcome;
  /** Why it failed; null otherwise. */
  readonly reason: string | null;
};

/** A phone as a service has it: where new phones with this MAC address are sent. */
export type Claimed = { readonly mac: Mac; readonly url: string | null };

export const failed = (mac: Mac, reason: string): PhoneReport => ({ mac, outcome: 'failed', reason });

const MACS_MAX = 1_000;

const macs = z.array(macSchema).min(1).max(MACS_MAX);

/** Which phones of a tenant to claim; all when nothing is said. */
export const claimSchema = z.strictObject({ macs: macs.optional() }).default({});

/** Which phones to release: they must be named. */
export const releaseSchema = z.strictObject({ macs });

const exportPhone = z.strictObject({
  /** Twelve lower-case hexadecimal digits, and the other spellings that portals want. */
  mac: z.string(),
  macUpper: z.string(),
  macColons: z.string(),
  model: z.string(),
  /** How the phone's first line is called. */
  label: z.string(),
});

/** What the template of an upload file sees. */
export const exportContextSchema = z.strictObject({
  tenant: z.strictObject({ code: z.string(), name: z.string() }),
  provisioningUrl: z.string(),
  phones: z.array(exportPhone),
});

export type ExportContext = z.output<typeof exportContextSchema>;
export type ExportPhone = z.output<typeof exportPhone>;

/** A phone in the words of the portals. */
export function exportOf({ mac, model, label }: { mac: Mac; model: string; label: string }): ExportPhone {
  const macUpper = mac.toUpperCase();
  return { mac, macUpper, macColons: macUpper.replaceAll(/(..)(?=.)/g, '$1:'), model, label };
}
