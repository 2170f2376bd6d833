// What the API answers, as schemas: the OpenAPI document is made from them, and tests hold every answer against it.

import { z } from 'zod';
import { type Actor, may, ROLES } from '../../domain/access.ts';
import { contactSchema } from '../../domain/contact.ts';
import { ENROLMENT_STATES } from '../../domain/enrolment.ts';
import { ERROR_CODES } from '../../domain/errors.ts';
import { SEVERITIES as CHECK_SEVERITIES } from '../../domain/finding.ts';
import { installationSchema } from '../../domain/installation.ts';
import { keySchema } from '../../domain/keys.ts';
import { LINT_CODES, SEVERITIES } from '../../domain/lints.ts';
import { LOAD_UNITS } from '../../domain/load.ts';
import { LOAD_SOURCES, type ShownLoad } from '../../domain/measurement.ts';
import { maskParameters, type Parameters, parametersSchema } from '../../domain/parameters.ts';
import type { Phone } from '../../domain/phone.ts';
import { planningSchema } from '../../domain/planning.ts';
import { poolSchema } from '../../domain/pool.ts';
import { PROOFS } from '../../domain/proof.ts';
import { ROADS } from '../../domain/roads.ts';
import { serverSchema } from '../../domain/server.ts';
import { LEVELS, MASK, maskSettings, SETTING_NAMES, type SettingsLevel } from '../../domain/settings.ts';
import { srvBehaviourSchema } from '../../domain/simulation.ts';
import { BINDINGS, provisioningUrl } from '../../domain/tenant.ts';
import type { StoredTenant } from '../../store/tenants.ts';

const moment = z.iso.datetime();
const mac = z.string().regex(/^[0-9a-f]{12}$/);
const revision = z.number().int();

/** Settings as they are shown: a secret is only said to be set. */
const settings = z.partialRecord(z.enum(SETTING_NAMES), z.unknown());

export const server = serverSchema;
/** A server with the tenants whose phones normally register there. */
export const serverInUse = z.strictObject({
  ...serverSchema.unwrap().shape,
  primaryOf: z.strictObject({
    tenants: z.number().int(),
    phones: z.number().int(),
    /** Some of them. */
    codes: z.array(z.string()).readonly(),
  }),
});
export const pool = poolSchema;
export const checkedPool = z.strictObject({ ...poolSchema.unwrap().shape, warnings: z.array(z.string()).readonly() });

const recordType = z.enum(['SRV', 'NAPTR', 'A', 'AAAA']);
const dnsRecord = z.looseObject({ type: recordType, name: z.string(), ttl: z.number() });
const recordSet = z.strictObject({
  /** Null when no zone was named. */
  zone: z.string().nullable(),
  /** Inside the zone; the whole name without a zone. */
  name: z.string(),
  fqdn: z.string(),
  type: recordType,
  ttl: z.number().int(),
  /** As in a zone file, names absolute. */
  values: z.array(z.string()).readonly(),
});
export const records = z.strictObject({
  records: z.array(dnsRecord).readonly(),
  /** `<name> <type>` → all records of it, for tools that want a map. */
  sets: z.record(z.string(), recordSet),
});

export const lint = z.strictObject({
  code: z.enum(LINT_CODES),
  severity: z.enum(SEVERITIES),
  subject: z.string(),
  message: z.string(),
  remedy: z.string(),
});

const shares = z
  .array(z.strictObject({ server: z.string(), port: z.number().int(), share: z.number().min(0).max(1) }))
  .readonly();
const outcome = {
  shares,
  byVendor: z.record(z.string(), shares),
  /** What the pool's own phones make of it; null without phones. */
  mixed: shares.nullable(),
};
export const simulation = z.strictObject({
  ...outcome,
  down: z.array(z.string()).readonly(),
  behaviour: z.record(z.string(), srvBehaviourSchema),
  strays: z.strictObject({ ...outcome, rate: z.number() }).nullable(),
  draws: z.strictObject({ count: z.number().int(), seed: z.number().int(), shares }).nullable(),
});

export const installation = z.strictObject({ ...installationSchema.unwrap().shape, revision });

const loadFields = {
  /** What plans count in. */
  unit: z.enum(LOAD_UNITS),
  weight: z.number(),
  /** `said`: somebody has set the weight; `unknown`: nobody has measured, and the phones stand in for it. */
  source: z.enum(LOAD_SOURCES),
  phones: z.number().int(),
  lines: z.number().int(),
  calls: z.number().nullable(),
  registrations: z.number().nullable(),
  measuredBy: z.string().nullable(),
  measuredAt: moment.nullable(),
  /** Was it measured longer ago than the rules for plans find good? */
  old: z.boolean().nullable(),
};
export const tenantLoad = z.strictObject({ tenant: z.string(), pool: z.string(), ...loadFields });

export const tenant = z.strictObject({
  code: z.string(),
  name: z.string(),
  pool: z.string(),
  binding: z.enum(BINDINGS),
  sipDomain: z.string().nullable(),
  /** The load of the tenant: what somebody said, or what the rules for plans count, by default its phones. */
  weight: z.number(),
  /** Where the load comes from. */
  load: z.strictObject(loadFields),
  phones: z.number().int(),
  /** What its phones must prove before they get their files. */
  proof: z.enum(PROOFS),
  settings,
  parameters: parametersSchema,
  provisioningUrl: z.url(),
  revision,
});

/**
 * A tenant as somebody may see it. Its token opens its phones' files, passwords and all, so it is for those alone who tend
 * phones; who only looks sees it masked.
 */
export const showTenant = (
  publicUrl: string,
  { role }: Actor,
  { token, weight: _said, phones, ...shown }: StoredTenant,
  load: ShownLoad,
) => ({
  ...shown,
  ...withoutSecrets(shown),
  ...{ weight: load.weight, load, phones },
  provisioningUrl: provisioningUrl(publicUrl, may(role, 'tend') ? token : MASK),
});

const withoutSecrets = (choices: { settings: SettingsLevel; parameters: Parameters }) => ({
  settings: maskSettings(choices.settings),
  parameters: maskParameters(choices.parameters),
});

const line = z.strictObject({
  user: z.string(),
  authUser: z.string().nullable(),
  displayName: z.string().nullable(),
  label: z.string().nullable(),
  extension: z.string().nullable(),
});

export const phone = z.strictObject({
  mac,
  tenant: z.string(),
  vendor: z.string(),
  model: z.string(),
  enabled: z.boolean(),
  keys: z.array(keySchema).readonly(),
  /** Without their passwords: those go in and never come out. */
  lines: z.array(line).readonly(),
  settings,
  parameters: parametersSchema,
  revision,
});

/** A phone as programs may see it. */
export const showPhone = ({ lines, ...shown }: Phone) => ({
  ...shown,
  ...withoutSecrets(shown),
  lines: lines.map(({ password: _password, ...rest }) => rest),
});

/** A phone's secrets in clear. */
export const revealed = z.strictObject({
  mac,
  tenant: z.string(),
  lines: z
    .array(z.strictObject({ user: z.string(), authUser: z.string().nullable(), password: z.string() }))
    .readonly(),
  /** What the phone proves itself with when it fetches; null when it has nothing yet. */
  provisioning: z.strictObject({ user: z.string(), password: z.string() }).nullable(),
  settings: z.partialRecord(z.enum(SETTING_NAMES), z.string()),
  parameters: z.array(z.strictObject({ name: z.string(), value: z.string() })).readonly(),
});

export const move = z.strictObject({
  id: z.number().int(),
  at: moment,
  tenant: z.string(),
  fromPool: z.string(),
  toPool: z.string(),
  phones: z.number().int(),
  actor: z.string(),
  /** The plan that it was made by. */
  plan: z.number().int().nullable(),
  /** By which road its phones were to learn of it; null for an older one. */
  road: z.enum(ROADS).nullable(),
});

export const moveReport = z.strictObject({
  tenant: z.string(),
  fromPool: z.string(),
  toPool: z.string(),
  fromServer: z.string(),
  toServer: z.string(),
  phones: z.number().int(),
  road: z.enum(ROADS),
  /** What is left to do. */
  next: z.string(),
  revision,
  warnings: z.array(z.string()).readonly(),
});

const loads = z.record(z.string(), z.number());

const serverLoad = z.strictObject({
  server: z.string(),
  capacity: z.number().nullable(),
  /** In the unit of the tenants' weights. */
  load: z.number(),
  /** Lost server → what this one bears then. */
  whenLost: loads,
});

/** What would change for phones: how many, and the changes themselves, gathered where they are the same. */
export const impact = z.strictObject({
  phones: z.number().int(),
  /** Phones that get other bytes, and those of them that restart for it. */
  changed: z.number().int(),
  restarting: z.number().int(),
  groups: z
    .array(
      z.strictObject({
        vendor: z.string(),
        phones: z.number().int(),
        restarts: z.boolean(),
        /** Secrets alone change, or the order of the lines: nothing of it can be shown. */
        hidden: z.boolean(),
        removed: z.array(z.string()).readonly(),
        added: z.array(z.string()).readonly(),
        examples: z.array(mac).readonly(),
      }),
    )
    .readonly(),
});

export const movePreview = z.strictObject({
  tenant: z.string(),
  fromPool: z.string(),
  toPool: z.string(),
  fromServer: z.string(),
  toServer: z.string(),
  phones: z.number().int(),
  lines: z.number().int(),
  revision,
  before: z.array(serverLoad).readonly(),
  after: z.array(serverLoad).readonly(),
  warnings: z.array(z.string()).readonly(),
  roads: z
    .array(
      z.strictObject({
        road: z.enum(ROADS),
        open: z.boolean(),
        toldS: z.number().nullable(),
        worstS: z.number().nullable(),
        because: z.string(),
      }),
    )
    .readonly(),
  impact,
});

export const importReport = z.strictObject({
  rows: z.number().int(),
  /** Rows without a fault. */
  good: z.number().int(),
  faults: z
    .array(z.strictObject({ line: z.number().int(), column: z.number().int().nullable(), message: z.string() }))
    .readonly(),
  added: z.number().int(),
  changed: z.number().int(),
  unchanged: z.number().int(),
  /** Phones that are named without a line: they wait among the unclaimed ones. */
  expected: z.number().int(),
  /** Headings that say nothing. */
  ignored: z.array(z.string()).readonly(),
});

/** One thing that a document of everything does or would do. */
export const step = z.strictObject({
  action: z.string(),
  subject: z.string(),
  changes: z.array(z.strictObject({ path: z.string(), before: z.unknown(), after: z.unknown() })).readonly(),
});

const choices = z.strictObject({ settings: settings.optional(), parameters: parametersSchema.optional() });

export const state = z.strictObject({
  homeport: z.number().int(),
  servers: z.array(server),
  pools: z.array(pool),
  installation: installationSchema,
  planning: planningSchema,
  settings: z.strictObject({
    installation: choices,
    vendors: z.record(z.string(), choices),
    models: z.record(z.string(), choices),
  }),
  tenants: z.array(z.looseObject({ code: z.string(), pool: z.string() })),
  phones: z.array(z.looseObject({ mac, tenant: z.string() })),
});

export const serverLoads = z.array(serverLoad).readonly();
export const failover = z.strictObject({ servers: serverLoads });

export const planning = z.strictObject({ ...planningSchema.unwrap().shape, revision });

export const level = z.strictObject({
  level: z.enum(LEVELS),
  of: z.string(),
  settings,
  parameters: parametersSchema,
  revision,
});
export const chosenLevel = z.strictObject({ ...level.shape, warnings: z.array(z.string()).readonly() });

export const setting = z.strictObject({
  name: z.enum(SETTING_NAMES),
  title: z.string(),
  description: z.string(),
  /** A secret is write-only: it is shown as set or not set. */
  secret: z.boolean(),
  fallback: z.unknown(),
  /** A JSON Schema of the value. */
  value: z.record(z.string(), z.unknown()),
});

export const explanation = z.strictObject({
  setting: z.enum(SETTING_NAMES),
  value: z.unknown(),
  /** The level that the value comes from. */
  from: z.string(),
  levels: z.array(z.strictObject({ level: z.string(), says: z.unknown() })).readonly(),
});

export const madeFile = z.strictObject({
  name: z.string(),
  contentType: z.string(),
  digest: z.string(),
  bytes: z.number().int(),
});

export const upload = z.strictObject({ file: z.string(), at: moment, bytes: z.number().int() });

export const override = z.strictObject({
  file: z.string(),
  at: moment,
  parameters: z.number().int(),
  breaks: z.array(z.strictObject({ name: z.string(), reason: z.string() })).readonly(),
});

export const fetched = z.strictObject({
  id: z.number().int(),
  at: moment,
  mac,
  tenant: z.string(),
  method: z.string(),
  file: z.string(),
  status: z.number().int(),
  digest: z.string().nullable(),
  address: z.string(),
  userAgent: z.string(),
  model: z.string().nullable(),
  firmware: z.string().nullable(),
  /** Which of the tenant's tokens it came with, by its public name. */
  tokenId: z.string().nullable(),
});

/** A token as it is spoken of, never itself. */
export const token = z.strictObject({
  id: z.string(),
  madeAt: moment.nullable(),
  endsAt: moment.nullable(),
  newest: z.boolean(),
});

export const tokenUse = z.strictObject({ mac, at: moment });

export const enrolmentWindow = z.strictObject({
  id: z.number().int(),
  tenant: z.string(),
  /** Null for every phone that has not proven itself yet. */
  phones: z.array(mac).readonly().nullable(),
  opensAt: moment,
  closesAt: moment,
  networks: z.array(z.string()).readonly(),
  madeAt: moment,
  madeBy: z.string(),
  open: z.boolean(),
});

export const enrolment = z.strictObject({
  mac,
  tenant: z.string(),
  state: z.enum(ENROLMENT_STATES),
  madeAt: moment.nullable(),
  usedAt: moment.nullable(),
  handedOutAt: moment.nullable(),
  address: z.string().nullable(),
  contested: z.strictObject({ at: moment, address: z.string() }).nullable(),
  renewing: z.boolean(),
});

export const unclaimed = z.strictObject({
  mac,
  tenant: z.string(),
  vendor: z.string().nullable(),
  model: z.string().nullable(),
  firmware: z.string().nullable(),
  address: z.string(),
  file: z.string(),
  firstAt: moment,
  lastAt: moment,
  requests: z.number().int(),
});

export const sweep = z.strictObject({
  kind: z.enum(['place', 'tenant']),
  /** The address that asks (for IPv6 its /64), or the code of the tenant whose phones are asked for. */
  of: z.string(),
  macs: z.number().int(),
  until: moment,
});

export const contact = contactSchema;

const holder = { role: z.enum(ROLES), tenants: z.array(z.string()).readonly() };

export const user = z.strictObject({ name: z.string(), ...holder, enabled: z.boolean(), createdAt: moment });

export const apiKey = z.strictObject({
  id: z.string(),
  name: z.string(),
  ...holder,
  expiresAt: moment.nullable(),
  createdAt: moment,
  createdBy: z.string(),
  lastUsedAt: moment.nullable(),
});

/** The only answer that holds a key. */
export const newApiKey = z.strictObject({ ...apiKey.shape, key: z.string() });

export const whoIAm = z.strictObject({ name: z.string(), ...holder });

export const auditEntry = z.strictObject({
  id: z.number().int(),
  at: moment,
  actor: z.string(),
  address: z.string().nullable(),
  action: z.string(),
  subject: z.string(),
  tenant: z.string().nullable(),
  changes: z.array(z.strictObject({ path: z.string(), before: z.unknown(), after: z.unknown() })).readonly(),
  hash: z.string(),
});

/** What `homeport check` finds; never a page of many. */
export const checks = z.strictObject({
  items: z
    .array(
      z.strictObject({
        code: z.string(),
        severity: z.enum(CHECK_SEVERITIES),
        message: z.string(),
        remedy: z.string().nullable(),
      }),
    )
    .readonly(),
  next: z.null(),
});

/** RFC 9457. */
export const problem = z.strictObject({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  code: z.enum(ERROR_CODES),
  detail: z.string(),
  errors: z.array(z.strictObject({ path: z.string(), message: z.string() })).optional(),
});
