// The vendors: folders of data, loaded once. Knows file formats and descriptors, never a vendor's name.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CertificateRules } from '../domain/certificate.ts';
import type { PhonebookContext } from '../domain/contact.ts';
import type { DhcpOption } from '../domain/dhcp.ts';
import { digestOf } from '../domain/digest.ts';
import type { Mac } from '../domain/mac.ts';
import type { PhoneFacts } from '../domain/phone.ts';
import type { ExportContext } from '../domain/redirection.ts';
import type { RenderContext } from '../domain/render-context.ts';
import type { SettingsLevel } from '../domain/settings.ts';
import type { SrvBehaviour } from '../domain/simulation.ts';
import {
  type Authentication,
  type FileSpec,
  keyTypesOf,
  type RedirectionFacts,
  type RenderedSpec,
  type UploadedSpec,
} from './descriptor.ts';
import { keepLastOf, parameterNamesIn } from './encode.ts';
import {
  type LoadedVendor,
  loadVendor,
  perPhone,
  phonebookFile,
  plainName,
  templateFileOf,
  templateKey,
} from './folder.ts';
import {
  emptyOverlay,
  type Overlay,
  type OverlayFile,
  type OverlayRules,
  type OwnDirectory,
  openOverlay,
  sourcesIn,
  type TemplateSources,
} from './overlay.ts';
import { checkParameter, type ParameterVerdict } from './parameters.ts';
import { compileStandIn, modelsOf, replaceableTemplates, sameWhereItCounts } from './stand-in.ts';
import { openTrials } from './trial.ts';
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
  /** The DHCP options in which the vendor's phones look for their provisioning URL, in their order. */
  dhcp(vendor: string): readonly DhcpOption[];
  /** How the vendor's phones choose among SRV records of the same priority. */
  srv(vendor: string): SrvBehaviour;
  /** How to read the certificates in the vendor's phones; null when they prove nothing. */
  certificates(vendor: string): CertificateRules | null;
  /** How a vendor's phones prove themselves by name and password, the most wanted first. */
  authentication(vendor: string): Authentication;
  /** The makers' redirection services, in the order of their names. */
  readonly redirections: readonly VendorRedirection[];
  /** Renders the file that people upload at a service's portal; null when it takes none. */
  renderUpload(service: string, context: ExportContext): RenderedFile | null;
  /** May a raw parameter of this name be set, and is it known? */
  checkParameter(vendor: string, name: string): ParameterVerdict;
  /** Does a phone restart when this line of its file changes, as far as the vendor says? */
  restarts(vendor: string, line: string): boolean;
  /** The parameters in what a phone uploaded as its override. */
  overriddenIn(spec: UploadedSpec, content: Buffer): readonly string[];
  /** Renders a file of one phone; with a file key it is encrypted where these phones understand that. */
  render(rendering: Rendering): RenderedFile;
  /** Renders a file that all phones of a vendor share; it sees no tenant and no phone. */
  renderShared(vendor: string, spec: RenderedSpec): RenderedFile;
  /** Renders a file of a tenant's phonebook. */
  renderPhonebook(vendor: string, spec: RenderedSpec, phonebook: PhonebookContext): RenderedFile;
  /** The file of the phonebook that stands in for what a phone uploaded; null when none does. */
  phonebookFor(vendor: string, spec: UploadedSpec): RenderedSpec | null;
  /** The operator's own templates, and what is wrong with those that are not used. */
  ownTemplates(): readonly OverlayFile[];
  /** Looks for own templates that have changed, and tries them; none is used before the first time. */
  refresh(): Promise<void>;
  /** The directory of own templates; null when there is none. */
  readonly own: OwnDirectory | null;
  /** The product's templates that own ones may stand in for. */
  readonly templates: readonly ProductTemplate[];
  /** The sources of the templates below any directory. @throws AppError `invalid` when it cannot be read */
  templatesIn(directory: string): ReadonlyMap<string, string>;
  /** All vendors as if these own templates stood there; nothing of it reaches what is served. */
  supposing(sources: TemplateSources): Promise<Vendors>;
  /** Is this file made for this model? The binary form is for models that read no other. */
  makes(vendor: string, model: string, spec: RenderedSpec): boolean;
  /** The names of the files made for a phone, in the order of the descriptor. */
  fileNames(vendor: string, model: string, mac: Mac): readonly string[];
};

/** A redirection service and whose phones it serves. */
export type VendorRedirection = RedirectionFacts & { readonly service: string; readonly vendor: string };

/** A template of the product that own ones may stand in for. */
export type ProductTemplate = {
  readonly vendor: string;
  readonly file: string;
  /** The models whose files it makes. */
  readonly models: readonly string[];
  source(): string;
};

export type { FileSpec, OverlayFile, OwnDirectory, RenderedSpec, TemplateSources, UploadedSpec };

export type Rendering = {
  readonly vendor: string;
  readonly model: string;
  readonly spec: RenderedSpec;
  readonly context: RenderContext;
  /** Whose own templates stand in for the product's. */
  readonly tenant: string;
  readonly fileKey: string | null;
  /** The text alone, neither packed nor encrypted: what people can read. */
  readonly plain?: boolean;
};

type NamePattern = { readonly vendor: string; readonly spec: FileSpec; readonly pattern: RegExp };

const PLACEHOLDERS: Record<string, string> = {
  // Twelve zeros stand for "every phone" in vendors' file names and are never a phone.
  '{mac}': '(?<mac>(?!0{12})[0-9a-f]{12})',
  '{model}': '[a-z0-9]+',
  '{nn}': '[0-9]{2}',
};

const FILE_NAME_MAX = 80;

function namePattern(name: string): RegExp {
  const escaped = name.replaceAll(/\{\w+\}|\./g, (part) => PLACEHOLDERS[part] ?? '\\.');
  return new RegExp(`^${escaped}$`, 'i');
}

const asFile = (body: Buffer, { contentType }: RenderedSpec): RenderedFile => ({
  body,
  contentType,
  digest: digestOf(body),
});

/** The folders of data, loaded. */
type Folders = {
  readonly vendors: ReadonlyMap<string, LoadedVendor>;
  readonly known: (vendor: string) => LoadedVendor;
  readonly patterns: readonly NamePattern[];
  readonly templates: readonly ProductTemplate[];
};

/**
 * Loads every folder below `root`, and opens the operator's own templates below `directory`.
 * @throws AppError `invalid` or TemplateError naming folder, file and line, when a folder is not in order
 */
export function loadVendors(root: string, directory: string | null = null): Vendors {
  const folders = loadFolders(root);
  const rules: OverlayRules = {
    check(vendor, file) {
      if (folders.templates.some((one) => one.vendor === folders.known(vendor).descriptor.id && one.file === file))
        return;
      throw new Error(`${vendor} has no template ${file} of a phone's own file`);
    },
    faultOf: openTrials(root).faultOf,
    compile: (vendor, file, source) => compileStandIn(folders.known(vendor), file, source),
  };
  if (directory === null) return vendorsOf(folders, emptyOverlay(rules), null);
  const { overlay, own } = openOverlay(directory, rules);
  return vendorsOf(folders, overlay, own);
}

function loadFolders(root: string): Folders {
  const folders = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const vendors = new Map(folders.map(({ name }) => [name, loadVendor(root, name)] as const));
  const patterns: NamePattern[] = [...vendors].flatMap(([vendor, { descriptor }]) =>
    descriptor.files.map((spec) => ({ vendor, spec, pattern: namePattern(spec.name) })),
  );
  const known = (vendor: string): LoadedVendor => {
    const loaded = vendors.get(vendor);
    if (loaded === undefined) throw new Error(`there is no vendor ${vendor}`);
    return loaded;
  };
  const templates = [...vendors.keys()].sort().flatMap((vendor) =>
    replaceableTemplates(known(vendor)).map((file): ProductTemplate => {
      const source = () => readFileSync(join(root, vendor, file), 'utf8');
      return { vendor, file, models: modelsOf(known(vendor), file), source };
    }),
  );
  return { vendors, known, patterns, templates };
}

/** What the product's template says of a file. */
function ours({ known }: Folders, vendor: string, family: string, spec: RenderedSpec, context: unknown): string {
  const template = known(vendor).templates.get(templateKey(family, spec));
  if (template === undefined) throw new Error(`assertion failed: ${vendor} has no template for ${spec.name}`);
  return template(context);
}

/** What the operator's template says, if there is one that may be used; else what ours says. */
function said(
  folders: Folders,
  overlay: Overlay,
  family: string,
  { vendor, spec, tenant }: Rendering,
  context: RenderContext,
) {
  const file = templateFileOf(spec, family);
  const product = ours(folders, vendor, family, spec, context);
  const own = overlay.find(tenant, vendor, file);
  if (own === null) return product;
  try {
    const theirs = own(context);
    sameWhereItCounts(folders.known(vendor), spec, product, theirs);
    return theirs;
  } catch (error) {
    overlay.reject(tenant, vendor, file, error instanceof Error ? error.message : String(error));
    return product;
  }
}

function vendorsOf(folders: Folders, overlay: Overlay, own: OwnDirectory | null): Vendors {
  const { vendors, known, patterns, templates } = folders;
  const makes = (vendor: string, model: string, spec: RenderedSpec) =>
    !spec.packed || known(vendor).descriptor.models[model]?.packed === true;
  return {
    ids: [...vendors.keys()].sort(),
    identify: (fileName) => (fileName.length > FILE_NAME_MAX ? [] : claimsOf(fileName, patterns)),
    readAgent: (userAgent) => readAgent(userAgent, vendors),
    findModel: (vendor, model) => findModel(vendors, vendor, model),
    models: (vendor) => Object.keys(known(vendor).descriptor.models),
    settings: (vendor) => known(vendor).descriptor.settings,
    dhcp: (vendor) => known(vendor).descriptor.dhcp,
    authentication: (vendor) => known(vendor).descriptor.authentication,
    srv: (vendor) => known(vendor).descriptor.srv,
    certificates: (vendor) => known(vendor).certificates,
    redirections: redirectionsOf(vendors),
    renderUpload: (service, context) => renderUpload(vendors, service, context),
    restarts: (vendor, line) => known(vendor).restarts.some((pattern) => pattern.test(line)),
    overriddenIn: ({ override }, content) =>
      override === null ? [] : parameterNamesIn(override.format, content.toString('utf8')),
    checkParameter: (vendor, name) => checkParameter(known(vendor).parameters, name),
    render: (rendering) => {
      const { vendor, model, spec, context: given, fileKey, plain = false } = rendering;
      const family = known(vendor).descriptor.models[model]?.family ?? '';
      const context = { ...given, parameters: holdable(known(vendor).rawNames.get(family), given.parameters) };
      const text = said(folders, overlay, family, rendering, context);
      const kept = keepLastOf(new Set(context.parameters.map(({ name }) => name)), text);
      const body = plain ? Buffer.from(kept, 'utf8') : wrap(kept, spec, { mac: context.phone.mac as Mac, fileKey });
      return asFile(body, spec);
    },
    renderShared: (vendor, spec) => asFile(Buffer.from(ours(folders, vendor, '', spec, {}), 'utf8'), spec),
    renderPhonebook: (vendor, spec, phonebook) =>
      asFile(Buffer.from(ours(folders, vendor, '', spec, phonebook), 'utf8'), spec),
    phonebookFor: (vendor, spec) => {
      const file = phonebookFile(known(vendor).descriptor, spec);
      return file === 'missing' ? null : file;
    },
    ownTemplates: overlay.files,
    refresh: async () => own?.refresh(),
    own,
    templates,
    templatesIn: sourcesIn,
    supposing: async (sources) => vendorsOf(folders, await overlay.supposing(sources), null),
    makes,
    fileNames: (vendor, model, mac) =>
      known(vendor)
        .descriptor.files.filter((spec) => spec.kind === 'rendered' && perPhone(spec) && makes(vendor, model, spec))
        .map(({ name }) => name.replace('{mac}', mac).replace('{model}', model.replaceAll(/[^A-Za-z0-9]/g, ''))),
  };
}

/** All services of all vendors. @throws Error when two vendors give a service the same name */
function redirectionsOf(vendors: ReadonlyMap<string, LoadedVendor>): VendorRedirection[] {
  const all = [...vendors].flatMap(([vendor, { redirections }]) =>
    [...redirections].map(([service, { facts }]) => ({ service, vendor, ...facts })),
  );
  all.sort((one, other) => (one.service < other.service ? -1 : 1));
  const twin = all.find(({ service }, index) => all[index + 1]?.service === service);
  if (twin !== undefined) throw new Error(`two vendors have a redirection service ${twin.service}`);
  return all;
}

function renderUpload(
  vendors: ReadonlyMap<string, LoadedVendor>,
  service: string,
  context: ExportContext,
): RenderedFile | null {
  const upload = [...vendors.values()].map((loaded) => loaded.redirections.get(service)?.upload).find(Boolean);
  if (!upload) return null;
  // RFC 4180 ends lines with CR LF; no value holds a line break.
  const body = Buffer.from(upload(context).replaceAll(/\r?\n/g, '\r\n'), 'utf8');
  return { body, contentType: 'text/csv; charset=utf-8', digest: digestOf(body) };
}

/** The raw parameters that the files of a family can hold. */
const holdable = (names: RegExp | undefined, parameters: RenderContext['parameters']) =>
  names === undefined ? parameters : parameters.filter(({ name }) => names.test(name));

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
  const { lines, keys, expansion, family } = model.facts;
  const types = keyTypesOf(loaded.descriptor, family);
  return { vendor, model: model.name, lines, keys, expansion, ...types, reservedValues };
}
