// Journey: the audit goes out in full, in pages, so that memory does not grow with it.
import { stringify } from 'csv-stringify/sync';
import type { Actor } from '../domain/access.ts';
import type { StoredAuditEntry } from '../domain/audit.ts';
import type { AuditFilter } from '../store/audit.ts';
import type { Store } from '../store/store.ts';

/** A table for people, or JSON with an entry a line, hashes and all, for programs. */
export const AUDIT_FORMATS = ['csv', 'jsonl'] as const;
export type AuditFormat = (typeof AUDIT_FORMATS)[number];

const ENTRIES_AT_ONCE = 500;

const COLUMNS = ['id', 'at', 'actor', 'address', 'action', 'subject', 'tenant', 'changes', 'hash'] as const;

/** This table is for looking at, never for reading in again: no cell of it may be one that a spreadsheet calculates. */
const asRows = (rows: readonly (readonly string[])[]) =>
  stringify(
    rows.map((row) => [...row]),
    { escape_formulas: true },
  );

const cellsOf = ({ id, changes, address, tenant, ...entry }: StoredAuditEntry) => {
  const texts = {
    ...entry,
    id: String(id),
    address: address ?? '',
    tenant: tenant ?? '',
    changes: JSON.stringify(changes),
  };
  return COLUMNS.map((column) => texts[column]);
};

/** The order of the fields is that of the columns, whatever order the database has. */
const lineOf = (entry: StoredAuditEntry) =>
  `${JSON.stringify(Object.fromEntries(COLUMNS.map((column) => [column, entry[column]])))}\n`;

/**
 * All entries that the actor sees and that match, oldest first, in pieces of text. What is added while it runs is not in it.
 */
export async function* exportAudit(
  { store }: { readonly store: Store },
  { format, ...filter }: AuditFilter & { readonly format: AuditFormat },
  actor: Actor,
  progress: (share: number) => void = () => undefined,
): AsyncGenerator<string> {
  const { id: last } = await store.audit.end();
  if (format === 'csv') yield asRows([COLUMNS]);
  for (let after = 0; ; ) {
    const page = await store.audit.between(actor.scope, { ...filter, after, last, limit: ENTRIES_AT_ONCE });
    if (page.length > 0) yield format === 'csv' ? asRows(page.map(cellsOf)) : page.map(lineOf).join('');
    after = page.at(-1)?.id ?? last;
    progress(last === 0 ? 1 : after / last);
    if (page.length < ENTRIES_AT_ONCE) return;
  }
}
