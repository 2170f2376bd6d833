// Journey: what would phones get if something were otherwise? Nothing is written: reading goes on as if it were so.
import { setImmediate as othersFirst } from 'node:timers/promises';
import { ALL_TENANTS, type Scope } from '../domain/access.ts';
import { type Changed, differenceOf, gather, type Impact } from '../domain/difference.ts';
import type { Installation } from '../domain/installation.ts';
import { concerns, type TemplatePlace } from '../domain/own-template.ts';
import { FIRST_PAGE } from '../domain/page.ts';
import type { Phone } from '../domain/phone.ts';
import type { Pool } from '../domain/pool.ts';
import type { StoredLevel } from '../store/codec.ts';
import type { Reads } from '../store/store.ts';
import type { StoredTenant } from '../store/tenants.ts';
import type { Vendors } from '../vendors/vendors.ts';
import { type House, type Look, type NamedFile, type ReadingHouse, renderedFor } from './serve-file.ts';

/** One thing that would be otherwise. */
export type Supposition =
  | { readonly tenant: StoredTenant }
  | { readonly pool: Pool }
  | { readonly level: StoredLevel }
  | { readonly phone: Phone }
  | { readonly installation: Installation }
  /** Templates of an operator's own: the vendors as they would be, and where the templates stand that are otherwise. */
  | { readonly templates: Vendors; readonly places: readonly TemplatePlace[] };

/** After so many phones others have their turn: a few milliseconds. */
const AT_ONCE = 10;

/** Told after each piece of the work, from 0 to 1. */
export type Progress = (share: number) => void;

/** The same reads, as if something were otherwise. */
export function suppose(reads: Reads, supposed: Supposition): Reads {
  if ('tenant' in supposed) {
    const { tenant } = supposed;
    const get: Reads['tenants']['get'] = async (scope, code) =>
      code === tenant.code ? tenant : reads.tenants.get(scope, code);
    return { ...reads, tenants: { ...reads.tenants, get } };
  }
  if ('pool' in supposed) {
    const { pool } = supposed;
    const get: Reads['pools']['get'] = async (name) => (name === pool.name ? pool : reads.pools.get(name));
    return { ...reads, pools: { ...reads.pools, get } };
  }
  if ('level' in supposed) {
    const { level } = supposed;
    const get: Reads['levels']['get'] = async (name, of) =>
      name === level.level && of === level.of ? level : reads.levels.get(name, of);
    return { ...reads, levels: { ...reads.levels, get } };
  }
  if ('installation' in supposed) {
    return { ...reads, installation: { ...reads.installation, get: async () => supposed.installation } };
  }
  return reads;
}

/** Asks once for what has a key. */
function once<Value>(): (key: string, ask: () => Promise<Value>) => Promise<Value> {
  const known = new Map<string, Promise<Value>>();
  return (key, ask) => {
    const value = known.get(key) ?? ask();
    known.set(key, value);
    return value;
  };
}

/** The same reads, but what many phones share is asked for once: a snapshot stays as it is. */
export function remembering(reads: Reads): Reads {
  const [tenants, pools, levels] = [once<StoredTenant>(), once<Pool>(), once<StoredLevel>()];
  const tenant: Reads['tenants']['get'] = (scope, code) => {
    const ask = () => reads.tenants.get(scope, code);
    return scope.kind === 'all' ? tenants(code, ask) : ask();
  };
  const pool: Reads['pools']['get'] = (name) => pools(name, () => reads.pools.get(name));
  const level: Reads['levels']['get'] = (name, of) => levels(`${name}|${of}`, () => reads.levels.get(name, of));
  return {
    ...reads,
    tenants: { ...reads.tenants, get: tenant },
    pools: { ...reads.pools, get: pool },
    levels: { ...reads.levels, get: level },
  };
}

/** Which phones a supposition can concern, as far as the store can tell. */
async function filterFor(reads: Reads, supposed: Supposition) {
  const only = (values: readonly (string | null)[]) => (new Set(values).size === 1 ? (values[0] ?? null) : null);
  const [tenant, vendor] =
    'templates' in supposed
      ? [only(supposed.places.map((place) => place.tenant)), only(supposed.places.map((place) => place.vendor))]
      : ['tenant' in supposed ? supposed.tenant.code : null, null];
  const scope: Scope = 'pool' in supposed ? await tenantsOn(reads, supposed.pool) : ALL_TENANTS;
  return { scope, filter: { ...(tenant === null ? {} : { tenant }), ...(vendor === null ? {} : { vendor }) } };
}

/** The phones that a supposition can concern, page by page. */
async function* concerned(reads: Reads, supposed: Supposition, progress: Progress): AsyncGenerator<Phone> {
  if ('phone' in supposed) {
    yield await reads.phones.get(ALL_TENANTS, supposed.phone.mac);
    return;
  }
  const { scope, filter } = await filterFor(reads, supposed);
  const total = await reads.phones.count(scope, filter);
  for (let [after, done]: [string | null, number] = [null, 0]; ; ) {
    const page: Phone[] = await reads.phones.list(scope, { ...FIRST_PAGE, after, ...filter });
    for (const phone of page) if (isOf(phone, supposed)) yield phone;
    done += page.length;
    progress(total === 0 ? 1 : Math.min(1, done / total));
    after = page.length === FIRST_PAGE.limit ? (page.at(-1)?.mac ?? null) : null;
    if (after === null) return;
  }
}

async function tenantsOn(reads: Reads, pool: Pool): Promise<Scope> {
  const codes = (await reads.tenants.placements()).filter((one) => one.pool === pool.name).map(({ tenant }) => tenant);
  return { kind: 'tenants', codes };
}

function isOf(phone: Phone, supposed: Supposition): boolean {
  if ('templates' in supposed) return supposed.places.some((place) => concerns(place, phone));
  if (!('level' in supposed)) return true;
  const { level, of } = supposed.level;
  if (level === 'vendor') return phone.vendor === of;
  return level !== 'model' || `${phone.vendor}/${phone.model}` === of;
}

const marks = (files: readonly NamedFile[]) => files.map(({ name, digest }) => `${name} ${digest}`).join('\n');
const texts = (files: readonly NamedFile[]) => files.map(({ name, body }) => ({ name, text: body.toString('utf8') }));

type Sides = { readonly before: ReadingHouse; readonly after: ReadingHouse };

/** What changes for one phone. */
async function changeOf({ before, after }: Sides, phone: Phone, next: Phone): Promise<Changed> {
  const { mac, vendor } = phone;
  const bothSides = async (look: Look) => [
    await renderedFor(before, phone, look),
    await renderedFor(after, next, look),
  ];
  const [was = [], is = []] = await bothSides('served');
  if (marks(was) === marks(is)) return { mac, vendor, removed: [], added: [], changed: false, restarts: false };
  const compare = async (look: Look) => {
    const [old = [], now = []] = await bothSides(look);
    return differenceOf(texts(old), texts(now));
  };
  const { removed, added } = await compare('masked');
  // Where a secret alone changes, its lines decide about the restart, and are not shown.
  const decisive = removed.length + added.length > 0 ? { removed, added } : await compare('clear');
  const lines = [...decisive.removed, ...decisive.added];
  const restarts = lines.some((line) => before.vendors.restarts(vendor, line));
  return { mac, vendor, removed, added, changed: true, restarts };
}

/**
 * What would change for phones. Secrets are masked; where they alone change, that is said and not what. It may take minutes
 * for very many phones, so the reads come from `study`, and everybody else goes on meanwhile.
 */
export async function impactOf(
  house: House,
  reads: Reads,
  supposed: Supposition,
  progress: Progress = () => undefined,
): Promise<Impact> {
  const remembered = remembering(reads);
  const vendors = 'templates' in supposed ? supposed.templates : house.vendors;
  const sides = {
    before: { ...house, reads: remembered },
    after: { ...house, vendors, reads: suppose(remembered, supposed) },
  };
  const gathering = gather();
  let looked = 0;
  for await (const phone of concerned(remembered, supposed, progress)) {
    if (++looked % AT_ONCE === 0) await othersFirst();
    gathering.add(await changeOf(sides, phone, 'phone' in supposed ? supposed.phone : phone));
  }
  return gathering.impact();
}
