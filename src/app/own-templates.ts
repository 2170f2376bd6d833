// Journeys: an operator's own templates. What there is, what a change of them would do to phones, and changing them.
import type { Actor } from '../domain/access.ts';
import type { Impact } from '../domain/difference.ts';
import { contentRevision, digestOf } from '../domain/digest.ts';
import { AppError, invalid, notFound } from '../domain/errors.ts';
import { placeText, readPlace, type TemplatePlace } from '../domain/own-template.ts';
import type { Reads, Tx } from '../store/store.ts';
import type { OverlayFile, OwnDirectory, ProductTemplate, TemplateSources, Vendors } from '../vendors/vendors.ts';
import { note } from './audit.ts';
import { impactOf, type Progress } from './impact.ts';
import { checkRevision } from './revision.ts';
import type { House } from './serve-file.ts';

type Changing = House & { readonly now: () => Date };

/** A template of the product, or one of the operator's own, and what becomes of it. */
export type TemplateFacts = {
  readonly file: string;
  readonly origin: 'product' | 'own';
  /** Null for an own file that stands where no template belongs. */
  readonly vendor: string | null;
  readonly tenant: string | null;
  /** `replaced`: an own template for all tenants stands in for it. */
  readonly state: OverlayFile['state'] | 'replaced';
  readonly fault: string | null;
};

/** The product's templates that own ones may stand in for, then the operator's own. */
export function listTemplates({ vendors }: Pick<House, 'vendors'>): TemplateFacts[] {
  const own = vendors.ownTemplates();
  const used = new Set(own.filter(({ state }) => state !== 'not used').map(({ file }) => file));
  const ours = vendors.templates.map(({ vendor, file: name }): TemplateFacts => {
    const file = placeText({ tenant: null, vendor, file: name });
    const state = used.has(file) ? 'replaced' : 'served';
    return { file, origin: 'product', vendor, tenant: null, state, fault: null };
  });
  const theirs = own.map(({ file, state, fault }): TemplateFacts => {
    const { vendor = null, tenant = null } = readPlace(file) ?? {};
    return { file, origin: 'own', vendor, tenant, state, fault };
  });
  return [...ours, ...theirs];
}

/** A template with its text: the product's, and the own one that stands in for it. */
export type TemplateText = {
  readonly file: string;
  readonly vendor: string;
  readonly tenant: string | null;
  /** The models whose files it makes. */
  readonly models: readonly string[];
  readonly product: string;
  readonly own: (Fingerprint & Pick<OverlayFile, 'state' | 'fault'> & { readonly source: string }) | null;
  /** May an own one be written here? */
  readonly writable: boolean;
  /** What `If-Match` is held against: 0 while there is no own one. */
  readonly revision: number;
};

type Fingerprint = { readonly digest: string; readonly bytes: number };

function fingerprint(source: string): Fingerprint {
  const bytes = Buffer.from(source, 'utf8');
  return { digest: digestOf(bytes), bytes: bytes.length };
}

/** @throws AppError `not_found` for a file that no own template may stand in for */
function productTemplate(vendors: Vendors, { vendor, file }: TemplatePlace): ProductTemplate {
  const found = vendors.templates.find((one) => one.vendor === vendor && one.file === file);
  if (found === undefined) throw notFound(`template ${vendor}/${file}`);
  return found;
}

/** The template's place with its tenant, who must be there. @throws AppError `not_found` */
async function checkTenant(reads: Reads, { tenant }: TemplatePlace, actor: Actor): Promise<void> {
  if (tenant !== null) await reads.tenants.get(actor.scope, tenant);
}

async function textOf({ vendors }: Pick<House, 'vendors'>, place: TemplatePlace): Promise<TemplateText> {
  const { models, source } = productTemplate(vendors, place);
  await vendors.refresh();
  const file = placeText(place);
  const own = vendors.own?.source(place) ?? null;
  const { state = 'not used', fault = null } = vendors.ownTemplates().find((one) => one.file === file) ?? {};
  return {
    ...{ file, vendor: place.vendor, tenant: place.tenant, models, product: source() },
    own: own === null ? null : { source: own, ...fingerprint(own), state, fault },
    writable: vendors.own?.isWritable() ?? false,
    revision: contentRevision(own),
  };
}

/** One template with its text. @throws AppError `not_found` for a template or tenant that is not there */
export async function showTemplate(house: House, place: TemplatePlace, actor: Actor): Promise<TemplateText> {
  await checkTenant(house.store, place, actor);
  return textOf(house, place);
}

/** What would become of a template if it were changed. */
export type TemplateVerdict = {
  readonly file: string;
  readonly action: 'add' | 'change' | 'remove';
  readonly accepted: boolean;
  /** What phones would be made from afterwards; null for a template that goes. */
  readonly state: OverlayFile['state'] | null;
  readonly fault: string | null;
  /** What is doubtful about it. */
  readonly warning: string | null;
};

export type TemplatesPreview = { readonly files: readonly TemplateVerdict[]; readonly impact: Impact };

/**
 * A template that real values prove wrong is not used from then on, so phones are looked at again without it; an own
 * template for all tenants may come to light behind it, and then nothing more.
 */
const PASSES_MAX = 3;

const faultsIn = (vendors: Vendors) => vendors.ownTemplates().filter(({ fault }) => fault !== null).length;

async function previewIn(
  house: House,
  reads: Reads,
  sources: TemplateSources,
  progress?: Progress,
): Promise<TemplatesPreview> {
  // A copy on both sides: what is only looked at can reject nothing that is served.
  const served = await house.vendors.supposing(new Map());
  const supposed = await house.vendors.supposing(sources);
  const places = [...sources.keys()].flatMap((file) => readPlace(file) ?? []);
  let impact: Impact = { phones: 0, changed: 0, restarting: 0, groups: [] };
  for (let pass = 0; pass < PASSES_MAX && places.length > 0; pass++) {
    const before = faultsIn(served) + faultsIn(supposed);
    impact = await impactOf({ ...house, vendors: served }, reads, { templates: supposed, places }, progress);
    if (faultsIn(served) + faultsIn(supposed) === before) break;
  }
  const known = new Set(served.ownTemplates().map(({ file }) => file));
  const after = new Map(supposed.ownTemplates().map((one) => [one.file, one]));
  const files: TemplateVerdict[] = [];
  for (const [file, source] of sources) {
    const { state = null, fault = null } = after.get(file) ?? {};
    const action = source === null ? 'remove' : known.has(file) ? 'change' : 'add';
    files.push({ file, action, accepted: fault === null, state, fault, warning: await doubtOf(reads, file) });
  }
  return { files, impact };
}

async function doubtOf(reads: Reads, file: string): Promise<string | null> {
  const tenant = readPlace(file)?.tenant ?? null;
  return tenant === null || (await reads.tenants.exists(tenant)) ? null : `there is no tenant ${tenant}`;
}

/**
 * What phones would get if an own template were changed or, with null, removed; nothing is changed.
 * @throws AppError `invalid` for a place where no template can stand, `not_found` for a tenant who is not there
 */
export async function previewTemplate(
  house: House,
  change: { readonly place: TemplatePlace; readonly source: string | null },
  actor: Actor,
  progress?: Progress,
): Promise<TemplateVerdict & { readonly impact: Impact }> {
  return house.store.study(async (reads) => {
    await checkTenant(reads, change.place, actor);
    const sources = new Map([[placeText(change.place), change.source]]);
    const { files, impact } = await previewIn(house, reads, sources, progress);
    const [verdict] = files;
    if (verdict === undefined) throw new Error('assertion failed: a template has no verdict');
    return { ...verdict, impact };
  });
}

/**
 * What phones would get if another directory were that of the own templates; nothing is changed.
 * @throws AppError `invalid` when the directory cannot be read
 */
export async function previewDirectory(
  house: House,
  directory: string,
  progress?: Progress,
): Promise<TemplatesPreview> {
  const { vendors } = house;
  await vendors.refresh();
  const [now, then] = [vendors.own?.sources() ?? new Map<string, string>(), vendors.templatesIn(directory)];
  const differing = [...new Set([...now.keys(), ...then.keys()])]
    .sort()
    .filter((file) => now.get(file) !== then.get(file));
  const sources = new Map(differing.map((file) => [file, then.get(file) ?? null]));
  return house.store.study((reads) => previewIn(house, reads, sources, progress));
}

/** @throws AppError `unavailable` when nobody has named a directory */
function ownDirectory({ own }: Vendors): OwnDirectory {
  if (own !== null) return own;
  throw new AppError(
    'unavailable',
    'there is no directory of own templates; name one in HOMEPORT_TEMPLATES and start again',
  );
}

type TemplateOrder = {
  readonly place: TemplatePlace;
  /** The revision that the caller has read; left out, whatever there is. */
  readonly revision?: number | undefined;
};

/** Writes or removes the file with its audit entry: one is never kept without the other. */
async function put(house: Changing, { place, revision }: TemplateOrder, source: string | null, actor: Actor) {
  const own = ownDirectory(house.vendors);
  productTemplate(house.vendors, place);
  const file = placeText(place);
  let undo = async (): Promise<void> => undefined;
  try {
    await house.store.transaction(async (tx: Tx) => {
      await checkTenant(tx, place, actor);
      const present = own.source(place);
      if (source === null && present === null) throw notFound(`own template ${file}`);
      checkRevision(`template ${file}`, revision, contentRevision(present));
      const [before, after] = [present, source].map((text) => (text === null ? null : fingerprint(text ?? '')));
      const action = source === null ? 'template.remove' : 'template.change';
      const deed = { action, subject: file, tenant: place.tenant, before: before ?? null, after: after ?? null };
      await note(tx, house, actor, deed);
      // Last, so that nothing but the end of the transaction can fail once the file is there.
      undo = await own.put(place, source);
    });
  } catch (error) {
    await undo();
    throw error;
  }
}

/**
 * Writes an own template; phones get what it says at once.
 * @throws AppError `invalid` when it would not be used, for the samples or for a phone that there is; `conflict` when it has
 *   changed since `revision`; `unavailable` when the directory cannot be written
 */
export async function putTemplate(
  house: Changing,
  order: TemplateOrder & { readonly source: string },
  actor: Actor,
): Promise<TemplateText> {
  ownDirectory(house.vendors);
  productTemplate(house.vendors, order.place);
  const { fault } = await previewTemplate(house, order, actor);
  if (fault !== null) {
    throw invalid(`${placeText(order.place)} would not be used: ${fault}`, [{ path: 'source', message: fault }]);
  }
  await put(house, order, order.source, actor);
  return textOf(house, order.place);
}

/** Removes an own template. @throws AppError `not_found` when there is none, `conflict` and `unavailable` as above */
export const removeTemplate = (house: Changing, order: TemplateOrder, actor: Actor): Promise<void> =>
  put(house, order, null, actor);
