// A vendor's folder, loaded: its descriptor, its compiled templates, its models by every spelling, its parameter names.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { CertificateRules } from '../domain/certificate.ts';
import { phonebookContextSchema } from '../domain/contact.ts';
import { parseWith } from '../domain/parse.ts';
import { exportContextSchema } from '../domain/redirection.ts';
import { renderContextSchema } from '../domain/render-context.ts';
import {
  type Descriptor,
  descriptorSchema,
  type FileSpec,
  type Model,
  type RedirectionFacts,
  type RenderedSpec,
  redirectionSchema,
  type UploadedSpec,
  unmatched,
} from './descriptor.ts';
import { encoderOf } from './encode.ts';
import { loadParameterNames, type ParameterRules, reservedParametersSchema } from './parameters.ts';
import { compileTemplate, PRODUCT_LIMITS, type Template, type TemplateLimits } from './template.ts';

export type LoadedVendor = {
  readonly descriptor: Descriptor;
  readonly agents: readonly RegExp[];
  /** How a line begins whose change restarts the phone. */
  readonly restarts: readonly RegExp[];
  readonly parameters: ParameterRules;
  /** Family → the raw parameters that its files can hold; a family that is not here holds all. */
  readonly rawNames: ReadonlyMap<string, RegExp>;
  /** `<family>/<file name pattern>` → template; shared files stand under the family `''`. */
  readonly templates: ReadonlyMap<string, Template>;
  readonly models: ReadonlyMap<string, { readonly name: string; readonly facts: Model }>;
  readonly certificates: CertificateRules | null;
  /** The maker's redirection services by name, each with the template of its upload file. */
  readonly redirections: ReadonlyMap<string, LoadedRedirection>;
};

export type LoadedRedirection = { readonly facts: RedirectionFacts; readonly upload: Template | null };

const sharedContextSchema = z.strictObject({});

/** Spellings of a model differ in case, blanks and separators between labels, manuals and user agents. */
export const plainName = (name: string) => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');

export const perPhone = (spec: FileSpec) => spec.name.includes('{mac}');

export const templateFileOf = (spec: RenderedSpec, family: string): string => spec.template.replace('{family}', family);

export const templateKey = (family: string, spec: FileSpec) => `${family}/${spec.name}`;

const contextSchemaOf = (spec: RenderedSpec): z.ZodType => {
  if (perPhone(spec)) return renderContextSchema;
  return spec.of === 'phonebook' ? phonebookContextSchema : sharedContextSchema;
};

/** Compiles a template for one of the vendor's files. @throws TemplateError naming file and line */
export const compileFor = (
  descriptor: Descriptor,
  spec: RenderedSpec,
  { file, source, limits }: { file: string; source: string; limits?: TemplateLimits },
): Template =>
  compileTemplate(source, {
    file: `${descriptor.id}/${file}`,
    encode: encoderOf(spec.format),
    codes: descriptor.codes,
    context: contextSchemaOf(spec),
    ...(limits === undefined ? {} : { limits }),
  });

function loadTemplates(directory: string, descriptor: Descriptor): Map<string, Template> {
  const templates = new Map<string, Template>();
  const families = [...new Set(Object.values(descriptor.models).map((model) => model.family))];
  for (const spec of descriptor.files) {
    if (spec.kind !== 'rendered') continue;
    for (const family of perPhone(spec) ? families : ['']) {
      const file = templateFileOf(spec, family);
      const source = readFileSync(join(directory, file), 'utf8');
      templates.set(templateKey(family, spec), compileFor(descriptor, spec, { file, source, limits: PRODUCT_LIMITS }));
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

function loadRedirections(directory: string, { id, codes }: Descriptor): Map<string, LoadedRedirection> {
  const file = join(directory, 'redirection.json');
  if (!existsSync(file)) return new Map();
  const json: unknown = JSON.parse(readFileSync(file, 'utf8'));
  const services = parseWith(redirectionSchema, json, `${id}/redirection.json`);
  return new Map(
    Object.entries(services).map(([service, facts]): [string, LoadedRedirection] => {
      if (facts.upload === null) return [service, { facts, upload: null }];
      const { template, format } = facts.upload;
      const source = readFileSync(join(directory, template), 'utf8');
      const options = {
        file: `${id}/${template}`,
        encode: encoderOf(format),
        codes,
        context: exportContextSchema,
        limits: PRODUCT_LIMITS,
      };
      return [service, { facts, upload: compileTemplate(source, options) }];
    }),
  );
}

function certificateRules({ certificates }: Descriptor): CertificateRules | null {
  if (certificates === null) return null;
  const subjects = certificates.subjects.map(({ attribute, pattern }) => ({
    attribute,
    pattern: new RegExp(pattern, 'gi'),
  }));
  return { ...certificates, subjects };
}

/** The file of the phonebook that stands in for what a phone uploaded; null when none does. */
export function phonebookFile({ files }: Descriptor, { phonebook }: UploadedSpec): RenderedSpec | 'missing' | null {
  if (phonebook === null) return null;
  const found = files.find(({ name }) => name === phonebook);
  return found?.kind === 'rendered' && found.of === 'phonebook' ? found : 'missing';
}

/**
 * Loads a vendor's folder.
 * @throws AppError `invalid` or TemplateError naming folder, file and line, when it is not in order
 */
export function loadVendor(root: string, folder: string): LoadedVendor {
  const directory = join(root, folder);
  const json: unknown = JSON.parse(readFileSync(join(directory, 'vendor.json'), 'utf8'));
  const descriptor = parseWith(descriptorSchema, json, `${folder}/vendor.json`);
  const missing = descriptor.files.find(
    (spec) => spec.kind === 'uploaded' && phonebookFile(descriptor, spec) === 'missing',
  );
  if (missing !== undefined) throw new Error(`${folder}/vendor.json: ${missing.name} names no file of a phonebook`);
  const [odd] = unmatched(descriptor);
  if (odd !== undefined) throw new Error(`${folder}/vendor.json: ${odd}`);
  if (descriptor.id !== folder) throw new Error(`${folder}/vendor.json: id must be the folder's name, "${folder}"`);
  return {
    descriptor,
    restarts: descriptor.restarts.map((name) => new RegExp(`^(?:<item name="|<)?(?:${name})(?:[^\\w.-]|$)`)),
    agents: descriptor.userAgents.map((source) => new RegExp(source, 'i')),
    parameters: loadParameterRules(directory, folder),
    rawNames: new Map(Object.entries(descriptor.rawNames).map(([family, source]) => [family, new RegExp(source)])),
    templates: loadTemplates(directory, descriptor),
    models: modelsBySpelling(descriptor),
    certificates: certificateRules(descriptor),
    redirections: loadRedirections(directory, descriptor),
  };
}
