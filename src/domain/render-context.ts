// Phone + tenant + pool → the neutral, complete values that every template sees. The schema is also what templates are
// checked against when they are loaded. It holds no port: next to a pool's domain a port would switch SRV off.
import { z } from 'zod';
import { isSecretName, type Parameter } from './parameters.ts';
import type { Phone } from './phone.ts';
import { type AssignablePool, TRANSPORTS } from './pool.ts';
import { MASK, SETTINGS, type Settings } from './settings.ts';
import type { Tenant } from './tenant.ts';
import {
  posixRule,
  posixRuleSchema,
  timeZoneRule,
  weekRule,
  weekRuleSchema,
  windowRule,
  windowRuleSchema,
} from './time-zone.ts';

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
  /** The time zone in the notations that phones use; null leaves the phone’s own. */
  timeZone: z.strictObject({ week: weekRuleSchema, window: windowRuleSchema, posix: posixRuleSchema }).nullable(),
  /** What the operator chose; null leaves the matter to the phone. */
  settings: z.strictObject({
    language: SETTINGS.language.schema.nullable(),
    voicemailNumber: z.string().nullable(),
    mwi: z.boolean(),
    dtmf: SETTINGS.dtmf.schema,
    srtp: SETTINGS.srtp.schema,
    callWaiting: z.boolean(),
    syslogServer: z.string().nullable(),
    adminPassword: z.string().nullable(),
  }),
  lines: z.array(lineContext),
  /** The lines that the model has and this phone does not use: what stood there before is to be cleared. */
  unusedLines: z.array(z.strictObject({ number: z.number() })),
  /** Raw parameters in the vendor's own words; they win over what the template itself says. */
  parameters: z.array(z.strictObject({ name: z.string(), value: z.string() })),
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
  readonly parameters: readonly Parameter[];
};

/** Builds the values for one phone. They depend on its arguments alone, so equal input gives equal bytes. */
export function buildContext({ phone, tenant, pool, model, settings, parameters }: ContextParts): RenderContext {
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
    timeZone: settings.timeZone === null ? null : timeZoneViews(settings.timeZone),
    settings: chosen(settings),
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
    parameters: [...parameters],
  };
}

function timeZoneViews(name: string): NonNullable<RenderContext['timeZone']> {
  const rule = timeZoneRule(name);
  return { week: weekRule(rule), window: windowRule(rule), posix: posixRule(rule) };
}

/** The settings that templates see as they are; the others are worked into the rest of the context. */
const chosen = ({
  srvLookup: _lookup,
  registerExpiresS: _expires,
  failbackS: _failback,
  keepAliveS: _keepAlive,
  ntpServer: _ntp,
  timeZone: _zone,
  fileKey: _key,
  ...settings
}: Settings): RenderContext['settings'] => settings;

/** The same context with every secret replaced, for people who look at files. */
export function maskSecrets(context: RenderContext): RenderContext {
  const { adminPassword } = context.settings;
  return {
    ...context,
    lines: context.lines.map((line) => ({ ...line, password: MASK })),
    settings: { ...context.settings, adminPassword: adminPassword === null ? null : MASK },
    parameters: context.parameters.map(({ name, value }) => ({ name, value: isSecretName(name) ? MASK : value })),
  };
}
