// How a PBX server is reached: which kind it is, where it listens for programs, and the proof that we may ask it.
import { z } from 'zod';
import { addressSchema } from './address.ts';
import { nameSchema } from './text.ts';

/** The part of Asterisk that speaks SIP. */
export const SIP_DRIVERS = ['pjsip', 'sip'] as const;
export const SIP_TRANSPORTS = ['udp', 'tcp'] as const;
/** `contact`: straight to the phone. `server`: by the server, which passes it on. */
export const SIP_WAYS = ['contact', 'server'] as const;

/** Cloud machines find their own secrets at link-local addresses; no PBX listens there. */
const LINK_LOCAL = /^169\.254\.|^fe[89ab][0-9a-f]:/;
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

const isHost = (text: string) => {
  const labels = text.split('.');
  return text.length <= 253 && labels.every((label) => LABEL.test(label)) && !/^\d+$/.test(labels.at(-1) ?? '');
};

const host = z
  .string()
  .max(253)
  .transform((text) => text.toLowerCase())
  .superRefine((text, context) => {
    const address = addressSchema.safeParse(text);
    const isRight = address.success ? !LINK_LOCAL.test(address.data) : isHost(text);
    if (!isRight) context.addIssue({ code: 'custom', message: 'must be a host name or an address, without a port' });
  });

const port = (usual: number) => z.number().int().min(1).max(65_535).default(usual);
/** Goes into a line of the protocol, where a blank or a line break would be another word. */
const word = (max: number) =>
  z
    .string()
    .regex(/^[\x21-\x7e]+$/, 'must have visible ASCII characters without blanks')
    .max(max);

const PEM = /^(?:-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*)+$/;
const tls = z
  .strictObject({
    /** The certificates that are trusted, PEM; null trusts those of the system. */
    ca: z.string().max(100_000).regex(PEM, 'must be certificates in PEM form').nullable().default(null),
  })
  .readonly()
  .nullable()
  .default(null);

const shared = { server: nameSchema, host };

export const pbxConnectionSchema = z.discriminatedUnion('kind', [
  z
    .strictObject({
      ...{ ...shared, kind: z.literal('asterisk'), port: port(5038), tls },
      /** A user of manager.conf with read=system,call,reporting and write=system,reporting. */
      user: word(80),
      secret: word(200),
      driver: z.enum(SIP_DRIVERS).default('pjsip'),
    })
    .readonly(),
  z
    .strictObject({
      ...{ ...shared, kind: z.literal('kamailio'), port: port(5060), tls },
      /** Where JSON-RPC answers. */
      path: z
        .string()
        .regex(/^\/[\w./-]{0,100}$/, 'must begin with a slash')
        .default('/RPC'),
      /** For HTTP Basic, where the server asks for it. */
      user: word(80).nullable().default(null),
      secret: word(200).nullable().default(null),
      /** The table of usrloc. */
      table: z
        .string()
        .regex(/^\w{1,64}$/)
        .default('location'),
    })
    .readonly(),
  z
    .strictObject({
      ...{ ...shared, kind: z.literal('freeswitch'), port: port(8021) },
      /** The password of the event socket. */
      secret: word(200),
      /** The SIP profiles at which phones register. */
      profiles: z
        .array(z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, 'must be the name of a SIP profile'))
        .min(1)
        .max(32)
        .default(['internal'])
        .readonly(),
    })
    .readonly(),
  z
    .strictObject({
      ...{ ...shared, kind: z.literal('sip'), port: port(5060) },
      transport: z.enum(SIP_TRANSPORTS).default('udp'),
      way: z.enum(SIP_WAYS).default('contact'),
    })
    .readonly(),
]);

export type PbxConnection = z.output<typeof pbxConnectionSchema>;
export type PbxKind = PbxConnection['kind'];
export const PBX_KINDS = ['asterisk', 'kamailio', 'freeswitch', 'sip'] as const satisfies readonly PbxKind[];

/** A connection as people see it: of its secret only that it is set. */
export const shownConnection = (connection: PbxConnection) => {
  switch (connection.kind) {
    case 'sip':
      return connection;
    case 'kamailio':
      return { ...connection, secret: connection.secret === null ? null : ('set' as const) };
    case 'asterisk':
    case 'freeswitch':
      return { ...connection, secret: 'set' as const };
  }
};

export type ShownConnection = ReturnType<typeof shownConnection>;
