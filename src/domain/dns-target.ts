// Where records are published: a zone, the server that takes changes of it, and the proof that we may make them. And whom
// we ask to find out what the world sees.
import { z } from 'zod';
import { addressSchema } from './address.ts';
import { baseUrlFault } from './redirection.ts';
import { hostNameSchema } from './text.ts';

/** A DNS server by its address: a name would have to be looked up by those whom we are about to check. */
export type DnsServer = { readonly address: string; readonly port: number };

/** Cloud machines find their own secrets at link-local addresses; nothing there is a DNS server. */
const LINK_LOCAL = /^169\.254\.|^fe[89ab][0-9a-f]:/;

export const dnsServerSchema = z
  .strictObject({
    address: addressSchema.refine((address) => !LINK_LOCAL.test(address), 'is an address of this link alone'),
    port: z.number().int().min(1).max(65_535).default(53),
  })
  .readonly();

const SERVERS_MAX = 16;

const serversSchema = z
  .array(dnsServerSchema)
  .max(SERVERS_MAX, `must have at most ${SERVERS_MAX} servers`)
  .refine(
    (list) => new Set(list.map(({ address, port }) => `${address} ${port}`)).size === list.length,
    'names a server twice',
  )
  .readonly();

const keyName = z
  .string()
  .transform((text) => text.toLowerCase().replace(/\.$/, ''))
  .refine(
    (name) => name.length <= 253 && name.split('.').every((label) => /^[a-z0-9_-]{1,63}$/.test(label)),
    'must be a name as in the key file of the server, such as homeport-key',
  );

const KEY_BYTES_MIN = 16;

const tsigSecret = z
  .string()
  .max(512, 'is too long')
  .refine((text) => {
    const bytes = Buffer.from(text, 'base64');
    return bytes.length >= KEY_BYTES_MIN && bytes.toString('base64').replaceAll('=', '') === text.replaceAll('=', '');
  }, `must be Base64 of at least ${KEY_BYTES_MIN} bytes, as tsig-keygen prints it`);

const httpSecret = z.string().regex(/^[\x21-\x7e]{1,512}$/, 'must have 1 to 512 visible characters without blanks');

const inEachKind = {
  /** Records whose names end in it are published here; the longest zone that fits is taken. */
  zone: hostNameSchema,
  /**
   * The servers that answer for the zone, for reading back and checking; empty: those that the zone itself names, found
   * through the resolvers.
   */
  authorities: serversSchema.default([]),
};

export const dnsTargetSchema = z.discriminatedUnion('kind', [
  z
    .strictObject({
      kind: z.literal('rfc2136'),
      ...inEachKind,
      /** The primary, which takes updates. */
      server: dnsServerSchema,
      key: z
        .strictObject({
          name: keyName,
          algorithm: z.enum(['hmac-sha256', 'hmac-sha512']).default('hmac-sha256'),
          secret: tsigSecret,
        })
        .readonly(),
    })
    .readonly(),
  z
    .strictObject({
      kind: z.literal('powerdns'),
      ...inEachKind,
      /** Where the API answers, without `/api/v1`. */
      baseUrl: z
        .string()
        .max(200)
        .superRefine((text, context) => {
          const fault = baseUrlFault(text);
          if (fault !== null) context.addIssue({ code: 'custom', message: fault });
        })
        .transform((text) => text.replace(/\/+$/, '')),
      serverId: z
        .string()
        .regex(/^[A-Za-z0-9._-]{1,64}$/, 'must be the id of the server, mostly localhost')
        .default('localhost'),
      apiKey: httpSecret,
    })
    .readonly(),
]);

export type DnsTarget = z.output<typeof dnsTargetSchema>;

/** A target as people see it: of secrets only that they are set. */
export const shownTarget = (target: DnsTarget) =>
  target.kind === 'rfc2136'
    ? { ...target, key: { name: target.key.name, algorithm: target.key.algorithm, secret: 'set' as const } }
    : { ...target, apiKey: 'set' as const };

export type ShownTarget = ReturnType<typeof shownTarget>;

export const dnsSettingsSchema = z
  .strictObject({
    /** Servers that resolve names as phones' resolvers do. */
    resolvers: serversSchema.default([]),
    /** Seconds between two checks; 0 checks only when somebody asks. */
    checkEveryS: z
      .number()
      .int()
      .max(86_400)
      .refine((seconds) => seconds === 0 || seconds >= 30, 'must be 0 or at least 30 seconds')
      .default(300),
  })
  .readonly();

export type DnsSettings = z.output<typeof dnsSettingsSchema>;

export const NO_DNS_SETTINGS: DnsSettings = { resolvers: [], checkEveryS: 300 };
