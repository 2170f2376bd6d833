// Builders: the smallest thing that is valid, with what the test cares about.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { resolveParameters } from '../../src/domain/parameters.ts';
import { parseWith } from '../../src/domain/parse.ts';
import { type Phone, phoneSchema } from '../../src/domain/phone.ts';
import { type AssignablePool, assignable, type Pool, poolSchema, type Transport } from '../../src/domain/pool.ts';
import { buildContext, type RenderContext } from '../../src/domain/render-context.ts';
import { type Server, serverSchema } from '../../src/domain/server.ts';
import { type NamedLevel, productLevel, resolveSettings, type SettingsLevel } from '../../src/domain/settings.ts';
import { type Tenant, tenantSchema } from '../../src/domain/tenant.ts';
import { loadVendors, type RenderedSpec } from '../../src/vendors/vendors.ts';

export const TEMPLATES = join(import.meta.dirname, '../../templates');
export const vendors = loadVendors(TEMPLATES);

export const aPool = (changes: object = {}): Pool =>
  parseWith(
    poolSchema,
    {
      name: 'pbxA',
      domain: 'pbxa.example.com',
      targets: [
        { server: 'voip1', priority: 10 },
        { server: 'voip2', priority: 20 },
      ],
      ...changes,
    },
    'the pool',
  );

export const aServer = (name: string, changes: object = {}): Server =>
  parseWith(serverSchema, { name, host: `${name}.example.com`, ...changes }, 'the server');

export const anAssignablePool = (changes: object = {}): AssignablePool => assignable(aPool(changes));

export const aTenant = (changes: object = {}): Tenant => ({
  ...parseWith(tenantSchema, { code: 'acme', name: 'Acme', pool: 'pbxA', ...changes }, 'the tenant'),
  revision: 1,
});

export const aLine = (changes: object = {}) => ({ user: '101-ACME', password: 'correct horse', ...changes });

export const aPhone = (changes: object = {}): Phone => ({
  ...parseWith(
    phoneSchema,
    { mac: '805ec0a00001', tenant: 'acme', vendor: 'yealink', model: 'T46U', lines: [aLine()], ...changes },
    'the phone',
  ),
  revision: 1,
});

export const PROVISIONING_URL = 'https://prov.example.com/p/00000000000000000000000000/';

export type Situation = {
  readonly phone?: object;
  readonly binding?: string;
  readonly transport?: Transport;
  readonly tenantSettings?: object;
};

/** A value of every setting that is not its default. */
export const EVERY_SETTING: Required<SettingsLevel> = {
  srvLookup: 'naptr',
  registerExpiresS: 600,
  failbackS: 300,
  keepAliveS: 20,
  ntpServer: 'ntp.example.com',
  timeZone: 'Europe/Berlin',
  poll: '23:00-04:00',
  language: 'de',
  voicemailNumber: '*97',
  mwi: true,
  dtmf: 'info',
  srtp: 'required',
  codecs: ['opus', 'g722', 'pcma'],
  dialPlan: ['11x', '[2-9]xx', '00.'],
  dialTimeoutS: 7,
  ringTone: 3,
  autoAnswer: 'always',
  pagingGroups: [
    { address: '224.0.1.75:10000', label: 'Everybody' },
    { address: '224.0.1.76:10002', label: 'Yard' },
  ],
  vlanId: 20,
  vlanPriority: 6,
  pcVlanId: 30,
  lldp: false,
  signalDscp: 40,
  voiceDscp: 34,
  checkSync: 'restart',
  firmware: 'image-1.2.3.rom',
  phonebook: false,
  keepLocalChanges: true,
  callWaiting: false,
  syslogServer: 'log.example.com',
  fileKey: 'abcdefghijklmnop',
  adminPassword: 'Tr0ub4dor',
  userPassword: 'Horse-battery1',
};

/** The context of a phone in the world that the builders make. */
export function contextOf({
  phone = {},
  binding = 'registrar',
  transport = 'udp',
  tenantSettings = {},
}: Situation): RenderContext {
  const built = aPhone(phone);
  const model = vendors.findModel(built.vendor, built.model);
  if (model === null) throw new Error(`no model ${built.vendor} ${built.model}`);
  const sipDomain = binding === 'outboundProxy' ? 'sip.acme.example' : null;
  const tenant = aTenant({ binding, sipDomain, settings: tenantSettings });
  const pool = anAssignablePool({ transports: [transport] });
  const levels: NamedLevel[] = [
    productLevel(vendors.settings(built.vendor)),
    { level: 'tenant', of: tenant.code, ...tenant },
    { level: 'phone', of: built.mac, ...built },
  ];
  const parameters = resolveParameters(levels, built.vendor);
  const settings = resolveSettings(levels);
  return buildContext({ phone: built, tenant, pool, model, settings, parameters, provisioningUrl: PROVISIONING_URL });
}

/** All files of a phone, by name, as text. */
export function renderAll(situation: Situation): Map<string, string> {
  const phone = aPhone(situation.phone);
  const context = contextOf(situation);
  return new Map(
    vendors.fileNames(phone.vendor, phone.model, phone.mac).map((name) => {
      const spec = vendors.identify(name).find(({ vendor }) => vendor === phone.vendor)?.spec as RenderedSpec;
      return [name, vendors.render({ ...phone, spec, context, fileKey: null }).body.toString('utf8')];
    }),
  );
}

type DescriptorModels = { models: Record<string, { family: string; lines: number }> };

/** Every model of every vendor, straight from the folders of data. */
export function everyModel(): { vendor: string; model: string; family: string; lines: number }[] {
  return vendors.ids.flatMap((vendor) => {
    const json = readFileSync(join(TEMPLATES, vendor, 'vendor.json'), 'utf8');
    const { models } = JSON.parse(json) as DescriptorModels;
    return Object.entries(models).map(([model, facts]) => ({ vendor, model, ...facts }));
  });
}

/** One model of every family of every vendor. */
export const everyFamily = () => {
  const seen = new Map(everyModel().map((entry) => [`${entry.vendor}/${entry.family}`, entry]));
  return [...seen.values()];
};
