// Journey: a table of tenants is brought in, all of it or nothing. Who stands on another pool than before is moved.
import type { Actor } from '../domain/access.ts';
import { AppError, invalid } from '../domain/errors.ts';
import type { TenantInput } from '../domain/tenant.ts';
import { allOrNothing } from './all-or-nothing.ts';
import { type Headings, readTable, type TableFault, type TableRow } from './csv.ts';
import type { Progress } from './impact.ts';
import type { ImportOptions, ImportReport } from './import-phones.ts';
import type { Inventory } from './inventory.ts';
import { moveTenant } from './move-tenant.ts';
import { addTenant, changeTenant } from './tenants.ts';

type TenantField = 'code' | 'name' | 'pool' | 'binding' | 'sipDomain' | 'weight' | 'proof' | 'settings' | 'parameters';

const HEADINGS: Headings<TenantField> = {
  code: ['tenant', 'tenant code'],
  name: ['tenant name', 'company', 'customer', 'description'],
  pool: ['sip pool', 'server pool'],
  binding: [],
  sipDomain: ['domain', 'domain name'],
  weight: ['load'],
  proof: [],
  settings: [],
  parameters: [],
};

function fieldsOf({ cells }: TableRow<TenantField>): Record<string, unknown> {
  const { weight, settings, parameters, ...texts } = cells;
  return {
    ...texts,
    ...(weight === undefined ? {} : { weight: Number(weight) }),
    ...(settings === undefined ? {} : { settings: JSON.parse(settings) as unknown }),
    ...(parameters === undefined ? {} : { parameters: JSON.parse(parameters) as unknown }),
  };
}

/** Adds, changes or moves the tenant of a row. */
async function bringIn(house: Inventory, row: TableRow<TenantField>, actor: Actor) {
  const { pool, ...fields } = fieldsOf(row);
  const code = String(fields.code ?? '');
  if (!(await house.store.tenants.exists(code))) {
    await addTenant(house, { ...fields, ...(pool === undefined ? {} : { pool }), name: fields.name ?? code }, actor);
    return 'added';
  }
  const before = await house.store.tenants.get(actor.scope, code);
  const after = await changeTenant(house, code, fields as Partial<TenantInput>, actor);
  if (pool === undefined || pool === before.pool) return unchanged(before, after) ? 'unchanged' : 'changed';
  await moveTenant(house, { tenant: code, pool: String(pool) }, actor);
  return 'changed';
}

const unchanged = (before: object, after: object) =>
  JSON.stringify({ ...before, revision: 0 }) === JSON.stringify({ ...after, revision: 0 });

/**
 * Brings in tenants.
 * @throws AppError `invalid` with every fault by line; nothing is written then
 */
export async function importTenants(
  house: Inventory,
  text: string,
  { preview, skipBad }: ImportOptions,
  actor: Actor,
  progress: Progress = () => undefined,
): Promise<ImportReport> {
  const { rows, columns, ignored, faults: found } = readTable(text, HEADINGS);
  if (!columns.has('code')) throw invalid('the table has no column of tenants’ codes; name one "code"');
  const faults: TableFault[] = [...found];
  const counts = { added: 0, changed: 0, unchanged: 0, expected: 0 };
  const report = await allOrNothing<Inventory, ImportReport>(house, async (inside, tx) => {
    for (const [index, row] of rows.entries()) {
      progress((index + 1) / rows.length);
      try {
        counts[await tx.attempt(() => bringIn(inside, row, actor))]++;
      } catch (error) {
        faults.push(...faultsOf(error, row, columns));
      }
    }
    const bad = new Set(faults.map(({ line }) => line));
    const result = { rows: rows.length, good: rows.length - bad.size, faults, ...counts, ignored };
    return { keep: !preview && (faults.length === 0 || skipBad), result };
  });
  if (preview || faults.length === 0 || skipBad) return report;
  const shown = faults.map(({ line, column, message }) => {
    return { path: column === null ? `line ${line}` : `line ${line}, column ${column}`, message };
  });
  throw invalid(`${shown.length} faults, nothing was written: ${shown[0]?.path}: ${shown[0]?.message}`, shown);
}

function faultsOf(
  error: unknown,
  { line }: TableRow<TenantField>,
  columns: ReadonlyMap<TenantField, number>,
): TableFault[] {
  if (error instanceof SyntaxError) return [{ line, column: null, message: 'settings and parameters must be JSON' }];
  if (!(error instanceof AppError)) throw error;
  if (error.faults.length === 0) return [{ line, column: null, message: error.message }];
  return error.faults.map(({ path, message }) => {
    const column = columns.get(path.split('.')[0] as TenantField) ?? null;
    return { line, column, message };
  });
}
