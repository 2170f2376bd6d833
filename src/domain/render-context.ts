// Phone + tenant + pool → the neutral, complete values that every template sees. The schema is also what templates are
// checked against when they are loaded. It holds no port: next to a pool's domain a port would switch SRV off.
import { z } from 'zod';
import type { Phone } from './phone.ts';
import { type AssignablePool, TRANSPORTS } from './pool.ts';
import type { Settings } from './settings.ts';
import type { Tenant } from './tenant.ts';

const lineContext = z.strictObject({
  /** 1 for the first line. */
  number: z.number(),
  user: z.string(),
  authUser: z.string(),
  password: z.string(),
  displayName: z.string(),
  label: z.string(),
});

export const renderContextSchema = z.strictObject({
  phone: z.strictObject({ mac: z.string(), model: z.string() }),
  sip: z.strictObject({
    /** The SIP server: the pool's domain, or the tenant's SIP domain when the pool is the outbound proxy. */
    registrar: z.string(),
    /** The pool's domain, or null when the pool is the registrar itself. */
    outboundProxy: z.string().nullable(),
    transport: z.enum(TRANSPORTS),
    /** What the phone asks DNS for: `naptr` first, or at once the SRV records of this transport. */
    resolve: z.enum(['naptr', ...TRANSPORTS]),
    registerExpiresS: z.number(),
    registerExpiresMinutes: z.number(),
    failbackS: z.number(),
    failbackMinutes: z.number(),
    keepAliveS: z.number(),
  }),
  ntpServer: z.string(),
  lines: z.array(lineContext),
  /** The lines that the model has and this phone does not use: what stood there before is to be cleared. */
  unusedLines: z.array(z.strictObject({ number: z.number() })),
});

export type RenderContext = z.output<typeof renderContextSchema>;

/** What the context needs to know of the phone's model. */
export type ModelFacts = { readonly lines: number };

export type ContextParts = {
  readonly phone: Phone;
  readonly tenant: Tenant;
  readonly pool: AssignablePool;
  readonly model: ModelFacts;
  readonly settings: Settings;
};

/** Builds the values for one phone. They depend on its arguments alone, so equal input gives equal bytes. */
export function buildContext({ phone, tenant, pool, model, settings }: ContextParts): RenderContext {
  const [transport] = pool.transports;
  if (transport === undefined) throw new Error(`assertion failed: pool ${pool.name} has no transport`);
  const viaProxy = tenant.binding === 'outboundProxy';
  if (viaProxy && tenant.sipDomain === null) {
    throw new Error(`assertion failed: tenant ${tenant.code} has no SIP domain`);
  }
  return {
    phone: { mac: phone.mac, model: phone.model },
    sip: {
      registrar: viaProxy && tenant.sipDomain !== null ? tenant.sipDomain : pool.domain,
      outboundProxy: viaProxy ? pool.domain : null,
      transport,
      resolve: settings.srvLookup === 'naptr' ? 'naptr' : transport,
      registerExpiresS: settings.registerExpiresS,
      registerExpiresMinutes: settings.registerExpiresS / 60,
      failbackS: settings.failbackS,
      failbackMinutes: settings.failbackS / 60,
      keepAliveS: settings.keepAliveS,
    },
    ntpServer: settings.ntpServer,
    lines: phone.lines.map((line, index) => ({
      number: index + 1,
      user: line.user,
      authUser: line.authUser ?? line.user,
      password: line.password,
      displayName: line.displayName ?? line.user,
      label: line.label ?? line.displayName ?? line.user,
    })),
    unusedLines: Array.from({ length: Math.max(0, model.lines - phone.lines.length) }, (_, index) => ({
      number: phone.lines.length + index + 1,
    })),
  };
}

const MASK = '********';

/** The same context with every secret replaced, for people who look at files. */
export function maskSecrets(context: RenderContext): RenderContext {
  return { ...context, lines: context.lines.map((line) => ({ ...line, password: MASK })) };
}
