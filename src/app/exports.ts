// Journey: what is in the house goes out as tables, loss-free when the passwords go along.
import { stringify } from 'csv-stringify/sync';
import type { Actor } from '../domain/access.ts';
import { FIRST_PAGE } from '../domain/page.ts';
import { maskParameters } from '../domain/parameters.ts';
import { maskSettings } from '../domain/settings.ts';
import { note } from './audit.ts';
import type { Progress } from './impact.ts';
import type { Inventory } from './inventory.ts';
import { PHONE_COLUMNS, rowsOf } from './phone-table.ts';

/** A cell that a spreadsheet would calculate is left as it is: the table is for reading in again, byte by byte. */
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  stringify([[...head], ...rows.map((row) => [...row])]);

/**
 * The phones that the actor sees, as a table that can be read in again. Passwords and secret settings are in it only when
 * they are asked for, and then it is written down who did.
 */
export async function exportPhones(
  house: Inventory,
  { reveal, tenant }: { readonly reveal: boolean; readonly tenant: string | null },
  actor: Actor,
  progress: Progress = () => undefined,
): Promise<string> {
  const pieces: string[] = [table(PHONE_COLUMNS, [])];
  let phones = 0;
  await house.store.snapshot(async (reads) => {
    const filter = tenant === null ? {} : { tenant: (await reads.tenants.get(actor.scope, tenant)).code };
    const total = await reads.phones.count(actor.scope, filter);
    for (let after: string | null = null; ; ) {
      const page = await reads.phones.list(actor.scope, { ...FIRST_PAGE, after, ...filter });
      const shown = reveal
        ? page
        : page.map((phone) => ({
            ...phone,
            settings: maskSettings(phone.settings),
            parameters: maskParameters(phone.parameters),
          }));
      const rows = shown.flatMap((phone) => rowsOf(phone, (password) => (reveal ? password : '')));
      if (rows.length > 0) pieces.push(stringify(rows));
      phones += page.length;
      progress(phones / Math.max(1, total));
      after = page.length === FIRST_PAGE.limit ? (page.at(-1)?.mac ?? null) : null;
      if (after === null) break;
    }
  });
  if (reveal) {
    await house.store.transaction((tx) =>
      note(tx, house, actor, { action: 'phones.reveal', subject: 'phones', tenant, before: null, after: { phones } }),
    );
  }
  return pieces.join('');
}

const TENANT_COLUMNS = [
  'code',
  'name',
  'pool',
  'binding',
  'sipDomain',
  'weight',
  'proof',
  'settings',
  'parameters',
] as const;

const filled = (value: object) => (Object.keys(value).length === 0 ? '' : JSON.stringify(value));

/** The tenants that the actor sees, as a table that can be read in again. Secret settings are masked. */
export async function exportTenants({ store }: Pick<Inventory, 'store'>, actor: Actor): Promise<string> {
  const rows: string[][] = [];
  for (let after: string | null = null; ; ) {
    const page = await store.tenants.list(actor.scope, { ...FIRST_PAGE, after });
    for (const { code, name, pool, binding, sipDomain, weight, proof, settings, parameters } of page) {
      const facts = [code, name, pool, binding, sipDomain ?? '', weight === null ? '' : String(weight), proof];
      rows.push([...facts, filled(maskSettings(settings)), filled(maskParameters(parameters))]);
    }
    after = page.length === FIRST_PAGE.limit ? (page.at(-1)?.code ?? null) : null;
    if (after === null) return table(TENANT_COLUMNS, rows);
  }
}
