// Tables of phones: a row is a line of a phone, rows with the same MAC address are one phone. The headings are ours or
// those of what people export elsewhere.
import { type Mac, macSchema } from '../domain/mac.ts';
import type { Phone } from '../domain/phone.ts';
import type { Vendors } from '../vendors/vendors.ts';
import { type Headings, readTable, type Table, type TableFault, type TableRow } from './csv.ts';

export type PhoneField =
  | 'mac'
  | 'tenant'
  | 'vendor'
  | 'model'
  | 'template'
  | 'enabled'
  | 'line'
  | 'user'
  | 'authUser'
  | 'password'
  | 'displayName'
  | 'label'
  | 'extension'
  | 'keys'
  | 'settings'
  | 'parameters';

const HEADINGS: Headings<PhoneField> = {
  mac: ['mac address', 'device address', 'device mac address', 'ethernet address'],
  tenant: ['tenant code', 'domain', 'domain name', 'customer', 'company', 'site name'],
  vendor: ['vender', 'manufacturer', 'brand', 'make', 'device vendor', 'phone vendor'],
  model: ['device model', 'phone model', 'phone type', 'product', 'product name', 'device type'],
  template: ['device template'],
  enabled: ['device enabled', 'active'],
  line: ['line number', 'account number', 'account'],
  user: ['user id', 'sip user', 'sip username', 'username', 'user name', 'register name', 'sip account'],
  authUser: ['auth id', 'auth name', 'auth username', 'authentication id', 'authentication user'],
  password: ['sip password', 'secret', 'auth password', 'register password', 'extension password'],
  displayName: ['caller id name', 'full name', 'name'],
  label: ['line label', 'device label'],
  extension: ['ext', 'extension number', 'number', 'assign extension'],
  keys: [],
  settings: [],
  parameters: [],
};

const LINE_FIELDS = ['user', 'authUser', 'password', 'displayName', 'label', 'extension'] as const;
const JSON_FIELDS = ['keys', 'settings', 'parameters'] as const;

/** A phone as a table gives it: fields that are not filled are left out. */
export type PhoneRows = {
  readonly mac: Mac;
  /** Where each of its lines stands in the table. */
  readonly rows: readonly number[];
  readonly fields: Readonly<Record<string, unknown>>;
  /** What is said of lines, and of which: 0 is the first. */
  readonly lines: readonly { readonly at: number; readonly said: Readonly<Record<string, string>> }[];
};

export type PhoneTable = Pick<Table<PhoneField>, 'columns' | 'ignored'> & {
  /** How many rows there are below the headings. */
  readonly rows: number;
  /** The MAC addresses in the order of the table. */
  readonly macs: readonly Mac[];
  readonly faults: readonly TableFault[];
  /** What the table says of a phone, and what is wrong with how it says it. */
  phone(mac: Mac): { readonly phone: PhoneRows; readonly faults: readonly TableFault[] };
};

/** Is this a table of phones? */
export const isPhoneTable = (text: string): boolean => readTable(text.slice(0, 4_000), HEADINGS).columns.has('mac');

const yes = new Set(['1', 'true', 'yes', 'on', 'enabled']);
const no = new Set(['0', 'false', 'no', 'off', 'disabled']);

function flag(cell: string): boolean | string {
  if (yes.has(cell.toLowerCase())) return true;
  return no.has(cell.toLowerCase()) ? false : cell;
}

/** A model under the name that people give it, also behind other words: `SIP-T46U`, `Maker VVX 450`. */
function findModel(vendors: Vendors, vendor: string, text: string): { vendor: string; model: string } | null {
  const words = text.split(/[\s_-]+/);
  for (let from = 0; from < words.length; from++) {
    const facts = vendors.findModel(vendor, words.slice(from).join(' '));
    if (facts !== null) return { vendor: facts.vendor, model: facts.model };
  }
  return null;
}

/** Vendor and model as they are spelt here: from their own columns, or from `vendor/model`, or from the model alone. */
function spelt(vendors: Vendors, cells: TableRow<PhoneField>['cells']): { vendor?: string; model?: string } {
  const [fromTemplate, ofTemplate] = cells.template?.split('/') ?? [];
  const [vendor, model] = [cells.vendor ?? fromTemplate, cells.model ?? ofTemplate];
  if (model === undefined) return vendor === undefined ? {} : { vendor };
  if (vendor !== undefined) return findModel(vendors, vendor, model) ?? { vendor, model };
  const [only, ...others] = vendors.ids.flatMap((id) => findModel(vendors, id, model) ?? []);
  return only !== undefined && others.length === 0 ? { vendor: only.vendor, model: only.model } : { model };
}

/** Reads a table of phones. What is wrong with it is told, not thrown. */
export function readPhoneTable(vendors: Vendors, text: string, tenant: string | null): PhoneTable {
  const { rows, columns, ignored, faults: found } = readTable(text, HEADINGS);
  const faults = [...found];
  const byMac = new Map<Mac, TableRow<PhoneField>[]>();
  for (const row of rows) {
    const mac = macSchema.safeParse(row.cells.mac ?? '');
    if (!mac.success)
      faults.push({ line: row.line, column: columns.get('mac') ?? null, message: 'must be a MAC address' });
    else if (byMac.has(mac.data)) byMac.get(mac.data)?.push(row);
    else byMac.set(mac.data, [row]);
  }
  const phone = (mac: Mac) => readGroup(vendors, { mac, tenant, columns }, byMac.get(mac) ?? []);
  return { rows: rows.length, columns, ignored, macs: [...byMac.keys()], faults, phone };
}

type GroupFacts = { readonly mac: Mac; readonly tenant: string | null; readonly columns: Table<PhoneField>['columns'] };

/** The rows of one phone as a phone. */
function readGroup(
  vendors: Vendors,
  { mac, tenant, columns }: GroupFacts,
  group: readonly TableRow<PhoneField>[],
): { phone: PhoneRows; faults: TableFault[] } {
  const sorted = group.toSorted((a, b) => Number(a.cells.line ?? 0) - Number(b.cells.line ?? 0));
  const first = Object.assign({}, ...group.toReversed().map(({ cells }) => cells)) as TableRow<PhoneField>['cells'];
  const faults = group.flatMap(({ line, cells }) => contradictions(line, cells, first, columns));
  const { vendor, model } = spelt(vendors, first);
  const json = JSON_FIELDS.flatMap((field) => readJson(first[field], field, group[0]?.line ?? 0, columns, faults));
  const fields = {
    ...(first.tenant === undefined ? (tenant === null ? {} : { tenant }) : { tenant: first.tenant }),
    ...(vendor === undefined ? {} : { vendor }),
    ...(model === undefined ? {} : { model }),
    ...(first.enabled === undefined ? {} : { enabled: flag(first.enabled) }),
    ...Object.fromEntries(json),
  };
  const spoken = sorted.filter(({ cells }) => LINE_FIELDS.some((field) => cells[field] !== undefined));
  const lines = spoken.map(({ cells }, index) => {
    return { at: Math.max(1, Number(cells.line) || index + 1) - 1, said: lineOf(cells) };
  });
  return { phone: { mac, rows: (spoken.length > 0 ? spoken : sorted).map(({ line }) => line), fields, lines }, faults };
}

/** The line of a row; who names an extension only has it as the SIP user. */
function lineOf(cells: TableRow<PhoneField>['cells']): Record<string, string> {
  const line = Object.fromEntries(
    LINE_FIELDS.flatMap((field) => (cells[field] === undefined ? [] : [[field, cells[field]]])),
  ) as Record<string, string>;
  return line.user === undefined && line.extension !== undefined ? { ...line, user: line.extension } : line;
}

/** Rows of one phone may not say two things of the phone itself. */
function contradictions(
  line: number,
  cells: TableRow<PhoneField>['cells'],
  first: TableRow<PhoneField>['cells'],
  columns: Table<PhoneField>['columns'],
): TableFault[] {
  return (['tenant', 'vendor', 'model', 'template', 'enabled', ...JSON_FIELDS] as const).flatMap((field) => {
    const [said, before] = [cells[field], first[field]];
    if (said === undefined || said === before) return [];
    return [
      { line, column: columns.get(field) ?? null, message: 'says something else than another row of this phone' },
    ];
  });
}

function readJson(
  cell: string | undefined,
  field: PhoneField,
  line: number,
  columns: Table<PhoneField>['columns'],
  faults: TableFault[],
): [string, unknown][] {
  if (cell === undefined) return [];
  try {
    return [[field, JSON.parse(cell)]];
  } catch {
    faults.push({ line, column: columns.get(field) ?? null, message: 'must be JSON' });
    return [];
  }
}

/** Where a field of a phone stands in the table, by its path in our words (`lines.1.password`). */
export function placeOf(table: PhoneTable, phone: PhoneRows, path: string): Pick<TableFault, 'line' | 'column'> {
  const [head = '', index, field] = path.split('.');
  const line = phone.rows[head === 'lines' ? Number(index ?? 0) : 0] ?? phone.rows[0] ?? 1;
  const name = (head === 'lines' ? (field ?? 'user') : head) as PhoneField;
  return { line, column: table.columns.get(name) ?? null };
}

/** The columns of our own table, in their order. */
export const PHONE_COLUMNS = [
  ...(['mac', 'tenant', 'vendor', 'model', 'enabled', 'line', ...LINE_FIELDS] as const),
  ...JSON_FIELDS,
] as const;

const filled = (value: object) => (Object.keys(value).length === 0 ? '' : JSON.stringify(value));

/** A phone as rows of our own table, one for each line; what is of the phone stands in the first. */
export function rowsOf(phone: Phone, password: (text: string) => string): string[][] {
  return phone.lines.map((line, index) => {
    const ofPhone = index === 0 ? [filled(phone.keys), filled(phone.settings), filled(phone.parameters)] : ['', '', ''];
    const cells = [line.user, line.authUser, password(line.password), line.displayName, line.label, line.extension];
    return [
      ...[phone.mac, phone.tenant, phone.vendor, phone.model, phone.enabled ? 'yes' : 'no', String(index + 1)],
      ...cells.map((cell) => cell ?? ''),
      ...ofPhone,
    ];
  });
}
