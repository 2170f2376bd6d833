// Journey: what would phones get if something were otherwise? Nothing is written: reading goes on as if it were so.
import { ALL_TENANTS, type Scope } from '../domain/access.ts';
import { differenceOf, gather, type Impact } from '../domain/difference.ts';
import { FIRST_PAGE } from '../domain/page.ts';
import type { Phone } from '../domain/phone.ts';
import type { Pool } from '../domain/pool.ts';
import type { StoredLevel } from '../store/codec.ts';
import type { Reads } from '../store/store.ts';
import type { StoredTenant } from '../store/tenants.ts';
import { type House, renderedFor } from './serve-file.ts';

/** One thing that would be otherwise. */
export type Supposition =
  | { readonly tenant: StoredTenant }
  | { readonly pool: Pool }
  | { readonly level: StoredLevel }
  | { readonly phone: Phone };

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
  return reads;
}

/** The phones that a supposition can concern, page by page. */
async function* concerned(reads: Reads, supposed: Supposition): AsyncGenerator<Phone> {
  if ('phone' in supposed) {
    yield await reads.phones.get(ALL_TENANTS, supposed.phone.mac);
    return;
  }
  const filter = 'tenant' in supposed ? { tenant: supposed.tenant.code } : {};
  const scope: Scope = 'pool' in supposed ? await tenantsOn(reads, supposed.pool) : ALL_TENANTS;
  for (let after: string | null = null; ; ) {
    const page: Phone[] = await reads.phones.list(scope, { ...FIRST_PAGE, after, ...filter });
    for (const phone of page) if (isOf(phone, supposed)) yield phone;
    after = page.length === FIRST_PAGE.limit ? (page.at(-1)?.mac ?? null) : null;
    if (after === null) return;
  }
}

async function tenantsOn(reads: Reads, pool: Pool): Promise<Scope> {
  const codes = (await reads.tenants.placements()).filter((one) => one.pool === pool.name).map(({ tenant }) => tenant);
  return { kind: 'tenants', codes };
}

function isOf(phone: Phone, supposed: Supposition): boolean {
  if (!('level' in supposed)) return true;
  const { level, of } = supposed.level;
  if (level === 'vendor') return phone.vendor === of;
  return level !== 'model' || `${phone.vendor}/${phone.model}` === of;
}

/** What would change for phones. Secrets are masked; a secret that alone changes shows as no difference. */
export async function impactOf(house: House, reads: Reads, supposed: Supposition): Promise<Impact> {
  const otherwise = suppose(reads, supposed);
  const gathering = gather();
  for await (const phone of concerned(reads, supposed)) {
    const next = 'phone' in supposed ? supposed.phone : phone;
    const before = await renderedFor({ ...house, reads }, phone);
    const after = await renderedFor({ ...house, reads: otherwise }, next);
    const { removed, added } = differenceOf(before, after);
    const restarts = [...removed, ...added].some((line) => house.vendors.restarts(phone.vendor, line));
    gathering.add({ mac: phone.mac, vendor: phone.vendor, removed, added, restarts });
  }
  return gathering.impact();
}
