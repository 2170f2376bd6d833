// Phone + tenant + pool → the neutral, complete values that every template sees. The schema is also what templates are
// checked against when they are loaded. It holds no port: next to a pool's domain a port would switch SRV off.
import { z } from 'zod';
import { dialPlanView, dialPlanViewSchema, numbersBetween } from './dial-plan.ts';
import { everyKey, type KeyFacts, keyViewSchema, keyViews } from './keys.ts';
import { isSecretName, type Parameter } from './parameters.ts';
import type { Phone } from './phone.ts';
import { pollMoment, pollSchema } from './poll.ts';
import { type AssignablePool, TRANSPORTS } from './pool.ts';
import { CODECS, MASK, PAGING_GROUPS_MAX, SETTINGS, type Settings } from './settings.ts';
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

const codecView = z.strictObject({ number: z.number(), codec: z.enum(CODECS) });

export const renderContextSchema = z.strictObject({
  phone: z.strictObject({ mac: z.string(), model: z.string() }),
  /** Where the phone fetches its files. */
  provisioning: z.strictObject({
    scheme: z.enum(['http', 'https']),
    /** With the slash at the end, to which file names are put. */
    url: z.string(),
    /** The same without scheme and without the slash at the end. */
    hostPath: z.string(),
    /** What the phone proves itself with when it fetches; null where its tenant does not ask for that. */
    credential: z.strictObject({ user: z.string(), password: z.string() }).nullable(),
  }),
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
  /** When the phone looks for changes; null for never. */
  poll: pollSchema.nullable(),
  /** Null leaves the phone's own. */
  dialPlan: dialPlanViewSchema.nullable(),
  /** Null leaves the phone's own. */
  codecs: z
    .strictObject({
      /** The most wanted first; `number` 1 for the first. */
      chosen: z.array(codecView),
      others: z.array(codecView),
      /** Eight places, the last codec repeated, for phones that have a fixed number of choices. */
      slots: z.array(codecView),
      /** The same for phones with seven or six places. */
      sevenSlots: z.array(codecView),
      sixSlots: z.array(codecView),
    })
    .nullable(),
  vlan: z.strictObject({ id: z.number(), priority: z.number() }).nullable(),
  pagingGroups: z.array(
    z.strictObject({ number: z.number(), host: z.string(), port: z.string(), address: z.string(), label: z.string() }),
  ),
  unusedPagingGroups: z.array(z.strictObject({ number: z.number() })),
  /** Were keys chosen for this phone, or do its keys follow from its lines? */
  keysChosen: z.boolean(),
  /** Every key of the phone itself, those without a use as `none`. */
  keys: z.array(keyViewSchema),
  /** Every key of each expansion module, up to the last module that is used. */
  moduleKeys: z.array(keyViewSchema),
  /** What the operator chose; null leaves the matter to the phone. */
  settings: z.strictObject({
    language: SETTINGS.language.schema.nullable(),
    voicemailNumber: z.string().nullable(),
    mwi: z.boolean(),
    dtmf: SETTINGS.dtmf.schema,
    srtp: SETTINGS.srtp.schema,
    callWaiting: z.boolean(),
    dialTimeoutS: z.number(),
    ringTone: z.number().nullable(),
    autoAnswer: SETTINGS.autoAnswer.schema,
    pcVlanId: z.number().nullable(),
    lldp: z.boolean(),
    signalDscp: z.number(),
    voiceDscp: z.number(),
    checkSync: SETTINGS.checkSync.schema,
    firmware: z.string().nullable(),
    phonebook: z.boolean(),
    keepLocalChanges: z.boolean(),
    syslogServer: z.string().nullable(),
    adminPassword: z.string().nullable(),
    userPassword: z.string().nullable(),
  }),
  lines: z.array(lineContext),
  /** The lines that the model has and this phone does not use: what stood there before is to be cleared. */
  unusedLines: z.array(z.strictObject({ number: z.number() })),
  /** Raw parameters in the vendor's own words; they win over what the template itself says. */
  parameters: z.array(z.strictObject({ name: z.string(), value: z.string() })),
});

export type RenderContext = z.output<typeof renderContextSchema>;

/** What the context needs to know of the phone's model. */
export type ModelFacts = KeyFacts & { readonly lines: number };

export type ContextParts = {
  readonly phone: Phone;
  readonly tenant: Tenant;
  readonly pool: AssignablePool;
  readonly model: ModelFacts;
  readonly settings: Settings;
  readonly parameters: readonly Parameter[];
  /** The tenant's provisioning URL, with the slash at the end. */
  readonly provisioningUrl: string;
  /** The phone's own credential at the phones' door; left out or null where it has none. */
  readonly credential?: RenderContext['provisioning']['credential'];
};

/** Builds the values for one phone. They depend on its arguments alone, so equal input gives equal bytes. */
export function buildContext(parts: ContextParts): RenderContext {
  const { phone, tenant, pool, model, settings, parameters, provisioningUrl, credential = null } = parts;
  const [transport] = pool.transports;
  if (transport === undefined) throw new Error(`assertion failed: pool ${pool.name} has no transport`);
  const viaProxy = tenant.binding === 'outboundProxy';
  if (viaProxy && tenant.sipDomain === null) {
    throw new Error(`assertion failed: tenant ${tenant.code} has no SIP domain`);
  }
  const lines = phone.lines.map((line, index) => ({
    number: index + 1,
    user: line.user,
    authUser: line.authUser ?? line.user,
    password: line.password,
    displayName: line.displayName ?? line.user,
    label: line.label ?? line.displayName ?? line.user,
  }));
  const keys = keyViews(everyKey(phone.keys, model, lines.length), lines);
  return {
    phone: { mac: phone.mac, model: phone.model },
    provisioning: { ...provisioningViews(provisioningUrl), credential },
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
    poll: settings.poll === 'off' ? null : pollMoment(settings.poll, phone.mac),
    dialPlan: settings.dialPlan === null ? null : dialPlanView(settings.dialPlan),
    codecs: settings.codecs === null ? null : codecViews(settings.codecs),
    vlan: settings.vlanId === null ? null : { id: settings.vlanId, priority: settings.vlanPriority },
    pagingGroups: (settings.pagingGroups ?? []).map(({ address, label }, index) => {
      const [host = '', port = ''] = address.split(':');
      return { number: index + 1, host, port, address, label };
    }),
    unusedPagingGroups: numbersBetween(settings.pagingGroups?.length ?? 0, PAGING_GROUPS_MAX),
    keysChosen: phone.keys.length > 0,
    keys: keys.filter(({ module }) => module === 0),
    moduleKeys: keys.filter(({ module }) => module > 0),
    settings: chosen(settings),
    lines,
    unusedLines: numbersBetween(phone.lines.length, model.lines),
    parameters: [...parameters],
  };
}

function provisioningViews(url: string): Omit<RenderContext['provisioning'], 'credential'> {
  const [scheme = '', rest = ''] = url.split('://');
  return { scheme: scheme === 'https' ? 'https' : 'http', url, hostPath: rest.replace(/\/$/, '') };
}

function codecViews(codecs: readonly (typeof CODECS)[number][]): NonNullable<RenderContext['codecs']> {
  const number = (list: readonly (typeof CODECS)[number][]) => list.map((codec, at) => ({ number: at + 1, codec }));
  const slots = (length: number) =>
    number(Array.from({ length }, (_, at) => codecs[Math.min(at, codecs.length - 1)] ?? CODECS[0]));
  return {
    chosen: number(codecs),
    others: number(CODECS.filter((codec) => !codecs.includes(codec))),
    slots: slots(8),
    sevenSlots: slots(7),
    sixSlots: slots(6),
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
  poll: _poll,
  codecs: _codecs,
  dialPlan: _plan,
  pagingGroups: _groups,
  vlanId: _vlan,
  vlanPriority: _priority,
  ...settings
}: Settings): RenderContext['settings'] => settings;

/** The same context with every secret replaced, for people who look at files. */
export function maskSecrets(context: RenderContext): RenderContext {
  const { adminPassword, userPassword } = context.settings;
  const masked = (secret: string | null) => (secret === null ? null : MASK);
  const tokenless = (text: string) => text.replace(/\/p\/[^/]+/, `/p/${MASK}`);
  const { scheme, url, hostPath, credential } = context.provisioning;
  return {
    ...context,
    provisioning: {
      ...{ scheme, url: tokenless(url), hostPath: tokenless(hostPath) },
      credential: credential && { ...credential, password: MASK },
    },
    lines: context.lines.map((line) => ({ ...line, password: MASK })),
    settings: { ...context.settings, adminPassword: masked(adminPassword), userPassword: masked(userPassword) },
    parameters: context.parameters.map(({ name, value }) => ({ name, value: isSecretName(name) ? MASK : value })),
  };
}
