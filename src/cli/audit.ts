// `homeport audit`: who changed what, on the screen or in full as a file.
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { z } from 'zod';
import { type AuditFormat, exportAudit } from '../app/export-audit.ts';
import { ALL_TENANTS } from '../domain/access.ts';
import { auditFilterFields } from '../domain/audit.ts';
import { invalid } from '../domain/errors.ts';
import { parseWith } from '../domain/parse.ts';
import type { OpenHouse } from '../main.ts';
import { printError, progressBar, show, table } from './print.ts';
import type { Shell } from './shell.ts';

type Flags = { limit: string; json?: boolean; csv?: string; jsonl?: string } & { [filter: string]: unknown };

const filterSchema = z.object(auditFilterFields);
type Filter = { [Name in keyof z.output<typeof filterSchema>]?: string };

const valueText = (value: unknown) =>
  value === null ? '–' : typeof value === 'string' ? value : JSON.stringify(value);

const SHOWN_MAX = 1_000;
const CHANGES_SHOWN = 3;

async function showLatest({ store }: OpenHouse, filter: Filter, { limit, json }: Flags): Promise<void> {
  const wanted = Math.min(Math.max(1, Number(limit) || 50), SHOWN_MAX);
  const entries = await store.audit.list(ALL_TENANTS, { limit: wanted, before: null, ...filter });
  const rows = entries.map(({ at, actor, action, subject, changes }) => {
    const said = changes.map(({ path, before, after }) => `${path}: ${valueText(before)} → ${valueText(after)}`);
    const more = said.length > CHANGES_SHOWN ? ' …' : '';
    return [at, actor, action, subject, said.slice(0, CHANGES_SHOWN).join('; ') + more];
  });
  show(entries, { json }, () => table(['when', 'who', 'what', 'to', 'changes'], rows));
}

/** Writes all entries into a file, or to standard output for `-`. @throws AppError `invalid` when it cannot be written */
async function writeAll(
  shell: Shell,
  house: OpenHouse,
  { format, file, ...filter }: Filter & { format: AuditFormat; file: string },
): Promise<void> {
  const bar = progressBar();
  const pieces = Readable.from(exportAudit(house, { format, ...filter }, shell.actor(), bar.show));
  try {
    if (file === '-') await pipeline(pieces, process.stdout, { end: false });
    else await pipeline(pieces, createWriteStream(file, { mode: 0o600 }));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw invalid(`${file} cannot be written: ${message}`);
  } finally {
    bar.end();
  }
  if (file !== '-') printError(`the audit is in ${file}`);
}

export function addAuditCommands(homeport: Command, shell: Shell): void {
  homeport
    .command('audit')
    .description('who changed what, newest first; or all of it, oldest first, as a file')
    .option('--tenant <code>', 'only what concerns this tenant')
    .option('--actor <name>', 'only what this one did, such as user:anna or key:sync')
    .option('--action <name>', 'only what was done so, such as tenant.move')
    .option('--subject <name>', 'only what was done to this')
    .option('--from <moment>', 'only from this day or moment on, ISO 8601')
    .option('--to <moment>', 'only until the end of this day, or before this moment')
    .option('--limit <number>', 'how many to show', '50')
    .option('--csv <file>', 'all of it as a table (- for standard output)')
    .option('--jsonl <file>', 'all of it as JSON, an entry a line, with the hashes of the chain')
    .option('--json', 'print JSON, for programs')
    .action((flags: Flags) =>
      shell.inHouse(async (house) => {
        const parsed = parseWith(filterSchema, flags, 'the filter');
        const filter: Filter = Object.fromEntries(Object.entries(parsed).filter(([, value]) => value !== undefined));
        const { csv, jsonl } = flags;
        if (csv !== undefined && jsonl !== undefined) throw invalid('give --csv or --jsonl, not both');
        if (csv !== undefined) return writeAll(shell, house, { ...filter, format: 'csv', file: csv });
        if (jsonl !== undefined) return writeAll(shell, house, { ...filter, format: 'jsonl', file: jsonl });
        return showLatest(house, filter, flags);
      }),
    );
}
