// May an operator's template stand in for the product's? It may, when for every kind of phone that reads the file it says
// the same wherever a phone is told its servers, transports, proxies and credentials.
import type { KeyType } from '../domain/keys.ts';
import { parseWith } from '../domain/parse.ts';
import { type Phone, phoneSchema } from '../domain/phone.ts';
import { assignable, poolSchema, TRANSPORTS } from '../domain/pool.ts';
import { buildContext, type ModelFacts, type RenderContext } from '../domain/render-context.ts';
import { productLevel, resolveSettings, type SettingsLevel } from '../domain/settings.ts';
import { BINDINGS, type Tenant } from '../domain/tenant.ts';
import { keyTypesOf, type RenderedSpec } from './descriptor.ts';
import { compileFor, type LoadedVendor, perPhone, templateFileOf, templateKey } from './folder.ts';
import { reasonOf } from './parameters.ts';
import { parametersIn } from './read.ts';
import type { Template } from './template.ts';

/** Settings that make every `{{#if}}` of a template true at least once. */
const EVERYTHING: SettingsLevel = {
  timeZone: 'Europe/Berlin',
  language: 'de',
  voicemailNumber: '*97',
  mwi: true,
  dtmf: 'info',
  srtp: 'required',
  callWaiting: false,
  codecs: ['opus', 'g722', 'pcma'],
  dialPlan: ['11x', '0.'],
  ringTone: 2,
  autoAnswer: 'always',
  pagingGroups: [{ address: '224.0.1.75:10000', label: 'All' }],
  vlanId: 20,
  pcVlanId: 30,
  lldp: false,
  poll: 'off',
  checkSync: 'restart',
  firmware: 'image.rom',
  phonebook: false,
  keepLocalChanges: true,
  userPassword: 'sample-secret',
  syslogServer: 'log.example.com',
  adminPassword: 'sample-secret',
};

/** A key of each type that the phones can hold. */
const sampleKey = (type: KeyType, index: number) => {
  const values: Partial<Record<KeyType, string>> = { dtmf: '1', url: 'http://example.com/' };
  const plain = ['none', 'line', 'voicemail', 'doNotDisturb'].includes(type);
  return { position: index + 1, type, value: plain ? null : (values[type] ?? '102') };
};

/** Phones of a model in every binding and transport, with few and many lines, with few and many settings. */
function sampleContexts(vendor: string, name: string, model: ModelFacts, defaults: SettingsLevel): RenderContext[] {
  const { lines, keys, keyTypes } = model;
  const line = { user: '101', password: 'sample' };
  const phoneOf = (count: number): Phone => {
    const input = {
      mac: '02005e000001',
      tenant: 'sample',
      vendor,
      model: name,
      keys: count === 1 ? [] : keyTypes.slice(0, keys).map(sampleKey),
      lines: Array.from({ length: count }, () => line),
    };
    return { ...parseWith(phoneSchema, input, 'the sample'), revision: 1 };
  };
  const targets = [{ server: 'a', priority: 10 }];
  const tenantOf = (binding: Tenant['binding']): Tenant => ({
    ...{ code: 'sample', name: 'Sample', pool: 'p', binding, sipDomain: 'sip.example.com', weight: null },
    ...{ proof: 'credential' as const, settings: {}, parameters: {}, revision: 1 },
  });
  return BINDINGS.flatMap((binding) =>
    TRANSPORTS.flatMap((transport) =>
      [1, lines].flatMap((count) =>
        [{}, EVERYTHING].map((settings) => {
          const pool = { name: 'p', domain: 'pool.example.com', transports: [transport], targets };
          const level = { level: 'phone' as const, of: '', settings, parameters: {} };
          return buildContext({
            phone: phoneOf(count),
            tenant: tenantOf(binding),
            pool: assignable(parseWith(poolSchema, pool, 'the sample')),
            model,
            settings: resolveSettings([productLevel(defaults), level]),
            parameters: [],
            provisioningUrl: 'https://prov.example.com/p/sample/',
            // A template must also say how the phone proves itself, where it does.
            credential: count === 1 ? null : { user: '02005e000001', password: 'sample-secret' },
          });
        }),
      ),
    ),
  );
}

/**
 * Compares what two renderings of a file say where it counts.
 * @throws Error naming the first parameter that differs
 */
export function sameWhereItCounts(
  { parameters }: LoadedVendor,
  spec: RenderedSpec,
  ours: string,
  theirs: string,
): void {
  const reserved = (text: string) =>
    parametersIn(spec.format, text)
      .filter(({ name }) => reasonOf(parameters.reserved, name) !== null)
      .map(({ name, value }) => `${name} = ${value}`)
      .sort();
  if (ours === theirs) return;
  if (ours.startsWith('#!') && ours.split('\n', 1)[0] !== theirs.split('\n', 1)[0]) {
    throw new Error(`the first line must stay ${ours.split('\n', 1)[0]}`);
  }
  const [expected, given] = [reserved(ours), reserved(theirs)];
  if (expected.join('\n') === given.join('\n')) return;
  const changed = expected.find((one) => !given.includes(one)) ?? given.find((one) => !expected.includes(one));
  const twice = given.find((one, at) => given[at + 1] === one);
  // The name alone: the value may be a password.
  const name = (changed ?? twice ?? '').split(' = ', 1)[0];
  throw new Error(
    `${name} must come out as the product's template gives it: it tells the phone where and how to register`,
  );
}

/** Compiles an operator's template for a vendor's file. @throws Error saying what is wrong and where */
export function compileStandIn(vendor: LoadedVendor, file: string, source: string): Template {
  const [first] = usesOf(vendor, file);
  if (first === undefined) throw new Error(`${vendor.descriptor.id} has no template ${file} of a phone's own file`);
  return compileFor(vendor.descriptor, first.spec, { file, source });
}

/**
 * Compiles an operator's template and tries it on every kind of phone that reads the file.
 * @throws Error saying what is wrong and where
 */
export function tryTemplate(vendor: LoadedVendor, file: string, source: string): void {
  const { descriptor } = vendor;
  const template = compileStandIn(vendor, file, source);
  for (const { spec, family } of usesOf(vendor, file)) {
    const ours = vendor.templates.get(templateKey(family, spec));
    const models = Object.entries(descriptor.models).filter(([, model]) => model.family === family);
    const [name, facts] = models.reduce((most, model) => (model[1].lines > most[1].lines ? model : most));
    const model = { ...facts, ...keyTypesOf(descriptor, family) };
    for (const context of sampleContexts(descriptor.id, name, model, descriptor.settings)) {
      if (ours !== undefined) sameWhereItCounts(vendor, spec, ours(context), template(context));
    }
  }
}

type Use = { readonly spec: RenderedSpec; readonly family: string };

/** What a template makes: files of phones themselves, which another template may make in its stead. */
const usesOf = (vendor: LoadedVendor, file: string): Use[] =>
  everyUse(vendor).filter(({ spec, family }) => templateFileOf(spec, family) === file);

const familiesOf = ({ descriptor }: LoadedVendor) => [
  ...new Set(Object.values(descriptor.models).map(({ family }) => family)),
];

const everyUse = (vendor: LoadedVendor): Use[] =>
  vendor.descriptor.files.flatMap((spec) =>
    spec.kind === 'rendered' && perPhone(spec) && !spec.packed
      ? familiesOf(vendor).map((family) => ({ spec, family }))
      : [],
  );

/** The product's templates that an own one may stand in for, in the order of their names. */
export const replaceableTemplates = (vendor: LoadedVendor): string[] =>
  [...new Set(everyUse(vendor).map(({ spec, family }) => templateFileOf(spec, family)))].sort();

/** The models whose files a template makes. */
export function modelsOf(vendor: LoadedVendor, file: string): string[] {
  const families = new Set(usesOf(vendor, file).map(({ family }) => family));
  return Object.entries(vendor.descriptor.models).flatMap(([name, { family }]) => (families.has(family) ? [name] : []));
}
