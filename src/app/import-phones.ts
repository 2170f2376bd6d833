// Journey: a table of phones is brought in, all of it or, where somebody says so, what is good of it.
import { type Actor, ALL_TENANTS } from '../domain/access.ts';
import { AppError, invalid } from '../domain/errors.ts';
import type { Mac } from '../domain/mac.ts';
import { keepMaskedParameters } from '../domain/parameters.ts';
import { parseWith } from '../domain/parse.ts';
import { type Phone, type PhoneInput, phoneSchema } from '../domain/phone.ts';
import { keepMasked } from '../domain/settings.ts';
import type { Unclaimed } from '../domain/unclaimed.ts';
import type { Reads, Tx } from '../store/store.ts';
import { note } from './audit.ts';
import type { TableFault } from './csv.ts';
import type { Progress } from './impact.ts';
import type { Inventory } from './inventory.ts';
import { checkNotMasked } from './not-masked.ts';
import { type PhoneRows, type PhoneTable, placeOf, readPhoneTable } from './phone-table.ts';
import { fitted } from './phones.ts';
import { sameValue } from './same.ts';

const AT_ONCE = 200;

export type ImportOptions = {
  /** Look only. */
  readonly preview: boolean;
  /** Leave out what is wrong instead of refusing all. */
  readonly skipBad: boolean;
  /** The tenant of rows that name none. */
  readonly tenant: string | null;
};

export type ImportReport = {
  readonly rows: number;
  /** Rows without a fault. */
  readonly good: number;
  readonly faults: readonly TableFault[];
  readonly added: number;
  readonly changed: number;
  readonly unchanged: number;
  /** Phones that the table names without a line: they wait among the unclaimed ones. */
  readonly expected: number;
  /** Headings that say nothing to us. */
  readonly ignored: readonly string[];
};

/** What becomes of some of the phones. */
type Decided = {
  readonly add: PhoneInput[];
  readonly change: { readonly before: Phone; readonly after: PhoneInput }[];
  readonly expect: Unclaimed[];
};

/** What has become of all phones so far. */
type Sum = {
  added: number;
  changed: number;
  unchanged: number;
  expected: number;
  faults: TableFault[];
  bad: Set<number>;
};

/**
 * Brings in phones.
 * @throws AppError `invalid` with every fault by line and column, unless they are to be left out; nothing is written then
 */
export async function importPhones(
  house: Inventory,
  text: string,
  options: ImportOptions,
  actor: Actor,
  progress: Progress = () => undefined,
): Promise<ImportReport> {
  const table = readPhoneTable(house.vendors, text, options.tenant);
  if (!table.columns.has('mac')) throw invalid('the table has no column of MAC addresses; name one "mac"');
  if (options.preview) {
    return house.store.snapshot((reads) => eachPiece(house, reads, table, actor, async () => undefined, progress));
  }
  return house.store.transaction(async (tx) => {
    // Nothing is kept when a fault comes later: the whole transaction is taken back then.
    const report = await eachPiece(house, tx, table, actor, (piece) => write(tx, piece), progress);
    if (report.faults.length > 0 && !options.skipBad) throw refused(report);
    const { added, changed, expected } = report;
    const after = { rows: report.rows, added, changed, expected };
    await note(tx, house, actor, { action: 'phones.import', subject: 'phones', before: null, after });
    return report;
  });
}

const FAULTS_SHOWN = 1_000;

function refused({ faults, rows, good }: ImportReport): AppError {
  const shown = faults.slice(0, FAULTS_SHOWN).map(({ line, column, message }) => ({
    path: column === null ? `line ${line}` : `line ${line}, column ${column}`,
    message,
  }));
  const list = shown.slice(0, 3).map(({ path, message }) => `${path}: ${message}`);
  const rest = faults.length > 3 ? ` … and ${faults.length - 3} more` : '';
  return invalid(`${rows - good} of ${rows} rows are wrong, nothing was written: ${list.join('; ')}${rest}`, shown);
}

/** Decides and keeps piece by piece, so that memory does not grow with the table. */
async function eachPiece(
  house: Inventory,
  reads: Reads,
  table: PhoneTable,
  actor: Actor,
  keep: (piece: Decided) => Promise<void>,
  progress: Progress,
): Promise<ImportReport> {
  const sum: Sum = {
    ...{ added: 0, changed: 0, unchanged: 0, expected: 0 },
    ...{ faults: [...table.faults], bad: new Set(table.faults.map(({ line }) => line)) },
  };
  const tenants = new Set((await reads.tenants.placements()).map(({ tenant }) => tenant));
  const visible = (code: string) =>
    tenants.has(code) && (actor.scope.kind === 'all' || actor.scope.codes.includes(code));
  const at = house.now().toISOString();
  for (let from = 0; from < table.macs.length; from += AT_ONCE) {
    const macs = table.macs.slice(from, from + AT_ONCE);
    const stored = new Map((await reads.phones.findMany(ALL_TENANTS, macs)).map((phone) => [phone.mac, phone]));
    const piece: Decided = { add: [], change: [], expect: [] };
    for (const mac of macs) decideOne(house, { table, visible, at }, mac, stored.get(mac), piece, sum);
    await keep(piece);
    sum.added += piece.add.length;
    sum.changed += piece.change.length;
    sum.expected += piece.expect.length;
    progress((from + macs.length) / table.macs.length);
  }
  const { faults, bad, ...counts } = sum;
  const good = table.rows - bad.size;
  return {
    ...counts,
    rows: table.rows,
    good,
    faults: faults.toSorted((a, b) => a.line - b.line),
    ignored: table.ignored,
  };
}

type Circumstances = {
  readonly table: PhoneTable;
  readonly visible: (tenant: string) => boolean;
  readonly at: string;
};

function decideOne(
  { vendors }: Inventory,
  { table, visible, at }: Circumstances,
  mac: Mac,
  stored: Phone | undefined,
  piece: Decided,
  sum: Sum,
): void {
  const { phone: rows, faults } = table.phone(mac);
  sum.faults.push(...faults);
  for (const { line } of faults) sum.bad.add(line);
  if (rows.rows.some((line) => sum.bad.has(line))) return;
  const fault = (path: string, message: string): void => {
    sum.faults.push({ ...placeOf(table, rows, path), message });
    for (const line of rows.rows) sum.bad.add(line);
  };
  const tenant = String(rows.fields.tenant ?? stored?.tenant ?? '');
  const wrong = tenantFault(tenant, stored, visible);
  if (wrong !== null) {
    fault('tenant', wrong);
    return;
  }
  if (rows.lines.length === 0 && stored === undefined) {
    const { vendor, model } = rows.fields as { vendor?: string; model?: string };
    const seen = { vendor: vendor ?? null, model: model ?? null, firmware: null, address: '', file: '', requests: 0 };
    piece.expect.push({ mac, tenant, ...seen, firstAt: at, lastAt: at });
    return;
  }
  try {
    const after = fitted(vendors, parseWith(phoneSchema, merged(rows, stored), 'the phone'));
    if (stored === undefined) checkNotMasked('the phone', after);
    if (stored === undefined) piece.add.push(after);
    else if (sameAs(stored, after)) sum.unchanged++;
    else
      piece.change.push({
        before: stored,
        after: {
          ...after,
          settings: keepMasked(stored.settings, after.settings),
          parameters: keepMaskedParameters(stored.parameters, after.parameters),
        },
      });
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    if (error.faults.length === 0) fault('mac', error.message);
    for (const { path, message } of error.faults) fault(path, message);
  }
}

/** Why a phone cannot be brought in for a tenant, or null. Another tenant's phone is told from no phone to nobody. */
function tenantFault(tenant: string, stored: Phone | undefined, visible: (tenant: string) => boolean): string | null {
  if (tenant === '') return 'names no tenant; add a column or say which tenant is meant';
  if (!visible(tenant)) return `there is no tenant ${tenant}`;
  return stored === undefined || stored.tenant === tenant ? null : 'is a phone already; it cannot be added here';
}

/** What the table says laid over what is stored: lines and fields that it does not name stay as they are. */
function merged(rows: PhoneRows, stored: Phone | undefined): object {
  if (stored === undefined) return { mac: rows.mac, ...rows.fields, lines: rows.lines.map(({ said }) => said) };
  const { revision: _revision, ...before } = stored;
  const lines: object[] = [...before.lines];
  for (const { at, said } of rows.lines) {
    if (at > lines.length) lines.push(said);
    else lines[at] = { ...lines[at], ...said };
  }
  return { ...before, ...rows.fields, lines };
}

const sameAs = ({ revision: _revision, ...before }: Phone, after: PhoneInput) => sameValue(before, after);

async function write(tx: Tx, { add, change, expect }: Decided): Promise<void> {
  await tx.phones.addMany(add);
  await tx.unclaimed.removeMany(add.map(({ mac }) => mac));
  for (const { before, after } of change) await tx.phones.replace(after, before.revision);
  for (const stranger of expect) await tx.unclaimed.expect(stranger);
}
