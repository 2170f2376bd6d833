// The vendors: folders of data, loaded once. Knows file formats and descriptors, never a vendor's name.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { digestOf } from '../domain/digest.ts';
import type { Mac } from '../domain/mac.ts';
import { parseWith } from '../domain/parse.ts';
import type { PhoneFacts } from '../domain/phone.ts';
import { type RenderContext, renderContextSchema } from '../domain/render-context.ts';
import type { SettingsLevel } from '../domain/settings.ts';
import {
  type Descriptor,
  descriptorSchema,
  type FileSpec,
  type Model,
  type RenderedSpec,
  type UploadedSpec,
} from './descriptor.ts';
import { encoderOf, keepLastOf, parameterNamesIn } from './encode.ts';
import {
  checkParameter,
  loadParameterNames,
  type ParameterRules,
  type ParameterVerdict,
  reservedParametersSchema,
} from './parameters.ts';
import { compileTemplate, type Template } from './template.ts';
import { wrap } from './wrap.ts';

/** What a file name says: which vendor's file it may be, and of which phone (null for a file that all phones share). */
export type Claim = { readonly vendor: string; readonly spec: FileSpec; readonly mac: Mac | null };

/** What a user agent says of the phone. It is easily forged: good for showing, never for deciding. */
export type AgentFacts = { readonly vendor: string; readonly model: string | null; readonly firmware: string | null };

export type RenderedFile = {
  readonly body: Buffer;
  readonly contentType: string;
  readonly digest: string;
};

export type Vendors = {
  readonly ids: readonly string[];
  /** All vendors' files that a file name may mean; several vendors use the same names, so the phone decides. */
  identify(fileName: string): readonly Claim[];
  readAgent(userAgent: string): AgentFacts | null;
  /** Finds vendor and model in any usual spelling (`vvx-450` for `VVX 450`); null when we do not know them. */
  findModel(vendor: string, model: string): PhoneFacts | null;
  models(vendor: string): readonly string[];
  /** The vendor's own defaults, one level of the settings. */
  settings(vendor: string): SettingsLevel;
  /** May a raw parameter of this name be set, and is it known? */
  checkParameter(vendor: string, name: string): ParameterVerdict;
  /** The parameters in what a phone uploaded as its override. */
  overriddenIn(spec: UploadedSpec, content: Buffer): readonly string[];
  /** Renders a file of one phone; with a file key it is encrypted where these phones understand that. */
  render(
    vendor: string,
    model: string,
    spec: RenderedSpec,
    context: RenderContext,
    fileKey: string | null,
  ): RenderedFile;
  /** Renders a file that all phones of a vendor share; it sees no tenant and no phone. */
  renderShared(vendor: string, spec: RenderedSpec): RenderedFile;
  /** Is this file made for this model? The binary form is for models that read no other. */
  makes(vendor: string, model: string, spec: RenderedSpec): boolean;
  /** The names of the files made for a phone, in the order of the descriptor. */
  fileNames(vendor: string, model: string, mac: Mac): readonly string[];
};

export type { FileSpec, RenderedSpec, UploadedSpec };

type LoadedVendor = {
  readonly descriptor: Descriptor;
  readonly agents: readonly RegExp[];
  readonly parameters: ParameterRules;
  /** `<family>/<file name pattern>` → template; shared files stand under the family `''`. */
  readonly templates: ReadonlyMap<string, Template>;
  readonly models: ReadonlyMap<string, { readonly name: string; readonly facts: Model }>;
};

type NamePattern = { readonly vendor: string; readonly spec: FileSpec; readonly pattern: RegExp };

const PLACEHOLDERS: Record<string, string> = {
  // Twelve zeros stand for "every phone" in vendors' file names and are never a phone.
  '{mac}': '(?<mac>(?!0{12})[0-9a-f]{12})',
  '{model}': '[a-z0-9]+',
  '{nn}': '[0-9]{2}',
};

const FILE_NAME_MAX = 80;
const sharedContextSchema = z.strictObject({});

/** Spellings of a model differ in case, blanks and separators between labels, manuals and user agents. */
const plainName = (name: string) => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');

const perPhone = (spec: FileSpec) => spec.name.includes('{mac}');

function namePattern(name: string): RegExp {
  const escaped = name.replaceAll(/\{\w+\}|\./g, (part) => PLACEHOLDERS[part] ?? '\\.');
  return new RegExp(`^${escaped}$`, 'i');
}

const templateKey = (family: string, spec: FileSpec) => `${family}/${spec.name}`;

function loadTemplates(directory: string, descriptor: Descriptor): Map<string, Template> {
  const templates = new Map<string, Template>();
  const families = [...new Set(Object.values(descriptor.models).map((model) => model.family))];
  for (const spec of descriptor.files) {
    if (spec.kind !== 'rendered') continue;
    for (const family of perPhone(spec) ? families : ['']) {
      const file = spec.template.replace('{family}', family);
      const source = readFileSync(join(directory, file), 'utf8');
      const context = perPhone(spec) ? renderContextSchema : sharedContextSchema;
      const options = {
        file: `${descriptor.id}/${file}`,
        encode: encoderOf(spec.format),
        codes: descriptor.codes,
        context,
      };
      templates.set(templateKey(family, spec), compileTemplate(source, options));
    }
  }
  return templates;
}

/** Every spelling of every model, plain → the model; two models may not share one. */
function modelsBySpelling({ id, models }: Descriptor): LoadedVendor['models'] {
  const bySpelling = new Map<string, { readonly name: string; readonly facts: Model }>();
  for (const [name, facts] of Object.entries(models)) {
    for (const spelling of [name, ...facts.aliases]) {
      const known = bySpelling.get(plainName(spelling));
      if (known !== undefined) throw new Error(`${id}/vendor.json: ${spelling} names both ${known.name} and ${name}`);
      bySpelling.set(plainName(spelling), { name, facts });
    }
  }
  return bySpelling;
}

function loadParameterRules(directory: string, folder: string): ParameterRules {
  const reserved: unknown = JSON.parse(readFileSync(join(directory, 'reserved.json'), 'utf8'));
  return {
    names: loadParameterNames(readFileSync(join(directory, 'parameters.txt'), 'utf8')),
    reserved: parseWith(reservedParametersSchema, reserved, `${folder}/reserved.json`),
  };
}

function loadVendor(root: string, folder: string): LoadedVendor {
  const directory = join(root, folder);
  const json: unknown = JSON.parse(readFileSync(join(directory, 'vendor.json'), 'utf8'));
  const descriptor = parseWith(descriptorSchema, json, `${folder}/vendor.json`);
  if (descriptor.id !== folder) throw new Error(`${folder}/vendor.json: id must be the folder's name, "${folder}"`);
  return {
    descriptor,
    agents: descriptor.userAgents.map((source) => new RegExp(source, 'i')),
    parameters: loadParameterRules(directory, folder),
    templates: loadTemplates(directory, descriptor),
    models: modelsBySpelling(descriptor),
  };
}

const asFile = (body: Buffer, { contentType }: RenderedSpec): RenderedFile => ({
  body,
  contentType,
  digest: digestOf(body),
});

/**
 * Loads every folder below `root` that holds a `vendor.json`.
 * @throws AppError `invalid` or TemplateError naming folder, file and line, when a folder is not in order
 */
export function loadVendors(root: string): Vendors {
  const folders = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const vendors = new Map(folders.map(({ name }) => [name, loadVendor(root, name)] as const));
  const patterns: NamePattern[] = [...vendors].flatMap(([vendor, { descriptor }]) =>
    descriptor.files.map((spec) => ({ vendor, spec, pattern: namePattern(spec.name) })),
  );
  const known = (vendor: string): LoadedVendor => {
    const loaded = vendors.get(vendor);
    if (loaded === undefined) throw new Error(`assertion failed: unknown vendor ${vendor}`);
    return loaded;
  };
  const renderWith = (vendor: string, family: string, spec: RenderedSpec, context: unknown) => {
    const template = known(vendor).templates.get(templateKey(family, spec));
    if (template === undefined) throw new Error(`assertion failed: ${vendor} has no template for ${spec.name}`);
    return template(context);
  };
  const makes = (vendor: string, model: string, spec: RenderedSpec) =>
    !spec.packed || known(vendor).descriptor.models[model]?.packed === true;
  return {
    ids: [...vendors.keys()].sort(),
    identify: (fileName) => (fileName.length > FILE_NAME_MAX ? [] : claimsOf(fileName, patterns)),
    readAgent: (userAgent) => readAgent(userAgent, vendors),
    findModel: (vendor, model) => findModel(vendors, vendor, model),
    models: (vendor) => Object.keys(known(vendor).descriptor.models),
    settings: (vendor) => known(vendor).descriptor.settings,
    overriddenIn: ({ override }, content) =>
      override === null ? [] : parameterNamesIn(override.format, content.toString('utf8')),
    checkParameter: (vendor, name) => checkParameter(known(vendor).parameters, name),
    render: (vendor, model, spec, context, fileKey) => {
      const text = renderWith(vendor, known(vendor).descriptor.models[model]?.family ?? '', spec, context);
      const names = new Set(context.parameters.map(({ name }) => name));
      const kept = names.size === 0 ? text : keepLastOf(names, text);
      return asFile(wrap(kept, spec, { mac: context.phone.mac as Mac, fileKey }), spec);
    },
    renderShared: (vendor, spec) => asFile(Buffer.from(renderWith(vendor, '', spec, {}), 'utf8'), spec),
    makes,
    fileNames: (vendor, model, mac) =>
      known(vendor)
        .descriptor.files.filter((spec) => spec.kind === 'rendered' && perPhone(spec) && makes(vendor, model, spec))
        .map((spec) => spec.name.replace('{mac}', mac)),
  };
}

function claimsOf(fileName: string, patterns: readonly NamePattern[]): readonly Claim[] {
  const claims: Claim[] = [];
  for (const { vendor, spec, pattern } of patterns) {
    const match = pattern.exec(fileName);
    if (match) claims.push({ vendor, spec, mac: (match.groups?.mac?.toLowerCase() as Mac | undefined) ?? null });
  }
  return claims;
}

function readAgent(userAgent: string, vendors: ReadonlyMap<string, LoadedVendor>): AgentFacts | null {
  for (const [vendor, { agents, models }] of vendors) {
    for (const agent of agents) {
      const groups = agent.exec(userAgent)?.groups;
      if (groups === undefined) continue;
      const model = groups.model === undefined ? null : (models.get(plainName(groups.model))?.name ?? groups.model);
      return { vendor, model, firmware: groups.firmware ?? null };
    }
  }
  return null;
}

function findModel(
  vendors: ReadonlyMap<string, LoadedVendor>,
  vendorText: string,
  modelText: string,
): PhoneFacts | null {
  const vendor = vendorText.toLowerCase();
  const loaded = vendors.get(vendor);
  const model = loaded?.models.get(plainName(modelText));
  if (loaded === undefined || model === undefined) return null;
  const { reservedValues } = loaded.descriptor;
  return { vendor, model: model.name, lines: model.facts.lines, reservedValues };
}
