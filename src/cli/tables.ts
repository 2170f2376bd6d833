// `homeport import` and `homeport export`: tables of phones and tenants.
import { readFileSync } from 'node:fs';
import { Argument, type Command } from 'commander';
import { parse, stringify } from 'yaml';
import { exportPhones, exportTenants } from '../app/exports.ts';
import { type ImportReport, importPhones } from '../app/import-phones.ts';
import { importTenants } from '../app/import-tenants.ts';
import { isPhoneTable } from '../app/phone-table.ts';
import { bringState, exportState, type Step } from '../app/state.ts';
import type { Actor } from '../domain/access.ts';
import { invalid } from '../domain/errors.ts';
import type { OpenHouse } from '../main.ts';
import { printError, show, withBar } from './print.ts';
import { confirm, type Shell } from './shell.ts';

type ImportFlags = {
  json?: boolean;
  preview?: boolean;
  skipBad?: boolean;
  tenant?: string;
  plan?: boolean;
  apply?: boolean;
  prune?: boolean;
  yes?: boolean;
};
type ExportFlags = { reveal?: boolean; tenant?: string; json?: boolean };

/** The text of a file, or of standard input for `-`. @throws AppError `invalid` when it cannot be read */
export function readInput(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    throw invalid(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const FAULTS_SHOWN = 50;

function reportText(report: ImportReport, preview: boolean): string {
  const { rows, good, faults, added, changed, unchanged, expected, ignored } = report;
  const would = preview ? 'would be ' : '';
  return [
    `${rows} rows, ${good} of them good`,
    `${added} ${would}added, ${changed} ${would}changed, ${unchanged} as they were`,
    ...(expected > 0
      ? [`${expected} phones without a line ${preview ? 'would wait' : 'wait'} among the unclaimed ones`]
      : []),
    ...(ignored.length > 0 ? [`columns that say nothing here: ${ignored.join(', ')}`] : []),
    ...faults
      .slice(0, FAULTS_SHOWN)
      .map(({ line, column, message }) => `line ${line}${column === null ? '' : `, column ${column}`}: ${message}`),
    ...(faults.length > FAULTS_SHOWN ? [`… and ${faults.length - FAULTS_SHOWN} more faults`] : []),
  ].join('\n');
}

async function bringTable(shell: Shell, house: OpenHouse, text: string, flags: ImportFlags): Promise<void> {
  const { preview = false, skipBad = false, tenant, ...output } = flags;
  const options = { preview, skipBad, tenant: tenant ?? null };
  const bring = isPhoneTable(text) ? importPhones : importTenants;
  const report = await withBar((bar) => bring(house, text, options, shell.actor(), bar));
  show(report, output, (one) => reportText(one, preview));
  if (report.faults.length > 0) process.exitCode = 1;
}

const valueText = (value: unknown) =>
  value === null ? '–' : typeof value === 'string' ? value : JSON.stringify(value);

function stepsText(steps: readonly Step[], applied: boolean): string {
  if (steps.length === 0) return 'everything is as the document says';
  const lines = steps.flatMap(({ action, subject, changes }) => [
    `${action} ${subject}`,
    ...changes.map(({ path, before, after }) => `    ${path}: ${valueText(before)} → ${valueText(after)}`),
  ]);
  return [...lines, '', `${steps.length} steps ${applied ? 'done' : 'to do; --apply does them'}`].join('\n');
}

/** The document is YAML, which JSON is too. @throws AppError `invalid` when it is neither */
export function parseDocument(text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw invalid(`the document cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function bringDocument(shell: Shell, house: OpenHouse, text: string, flags: ImportFlags): Promise<void> {
  const { apply = false, prune = false, yes = false, ...output } = flags;
  const document = parseDocument(text);
  if (apply && prune) await confirm('prune', 'This removes whatever the document does not name.', { yes });
  const steps = await withBar((bar) => bringState(house, document, { apply, prune }, shell.actor(), bar));
  show(steps, output, (all) => stepsText(all, apply));
}

const bringIn = (shell: Shell) => (file: string, flags: ImportFlags) =>
  shell.inHouse(async (house) => {
    const text = readInput(file);
    const isDocument = /\.(?:ya?ml|json)$/i.test(file) || flags.plan === true || flags.apply === true;
    await (isDocument ? bringDocument : bringTable)(shell, house, text, flags);
  });

async function textOf(house: OpenHouse, actor: Actor, what: string, flags: ExportFlags): Promise<string> {
  const { reveal = false, tenant, json = false } = flags;
  if (what === 'phones') {
    return withBar((bar) => exportPhones(house, { reveal, tenant: tenant ?? null }, actor, bar));
  }
  if (what === 'tenants') return exportTenants(house, actor);
  const state = await exportState(house, { reveal }, actor);
  return json ? `${JSON.stringify(state, null, 2)}\n` : stringify(state, { aliasDuplicateObjects: false });
}

const sendOut =
  ({ inHouse, actor }: Shell) =>
  (what: string, flags: ExportFlags) =>
    inHouse(async (house) => {
      process.stdout.write(await textOf(house, actor(), what, flags));
      if (what !== 'tenants' && !flags.reveal) printError('the passwords are left out; --reveal puts them in');
    });

export function addTableCommands(homeport: Command, shell: Shell): void {
  homeport
    .command('import <file>')
    .description(
      'bring in a table (CSV, - for standard input) of phones, with a column mac, or tenants, with a column code',
    )
    .option('--preview', 'tell what would be done and what is wrong, and do nothing')
    .option('--skip-bad', 'leave out rows with a fault instead of refusing all')
    .option('--tenant <code>', 'the tenant of phones whose rows name none')
    .option('--plan', 'of a document: tell what would be done, and do nothing; that is what it does anyway')
    .option('--apply', 'of a document: do it')
    .option('--prune', 'of a document: remove what it does not name')
    .option('--yes', 'do not ask, for scripts')
    .option('--json', 'print JSON, for programs')
    .action(bringIn(shell));
  homeport
    .command('export')
    .addArgument(new Argument('<what>', 'what').choices(['phones', 'tenants', 'state']))
    .description('print phones or tenants as a table, or everything as a document, that import reads again')
    .option('--json', 'the document as JSON instead of YAML')
    .option('--reveal', 'with passwords in clear; it is written down who did')
    .option('--tenant <code>', 'only phones of this tenant')
    .action(sendOut(shell));
}
