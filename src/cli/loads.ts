// `homeport loads`, `homeport planning`: what tenants weigh, and the rules for plans.
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { importLoads, listLoads, type TenantLoad } from '../app/loads.ts';
import { changePlanning } from '../app/planning.ts';
import { invalid } from '../domain/errors.ts';
import { isStale } from '../domain/measurement.ts';
import { FIRST_PAGE } from '../domain/page.ts';
import type { OpenHouse } from '../main.ts';
import { print, show, table } from './print.ts';
import type { Shell } from './shell.ts';
import { parseDocument, readInput } from './tables.ts';

type Output = { json?: boolean };

async function allLoads(house: OpenHouse): Promise<TenantLoad[]> {
  const loads: TenantLoad[] = [];
  for (let after: string | null = null; ; ) {
    const page = await listLoads(house, { ...FIRST_PAGE, after });
    loads.push(...page);
    after = page.length === FIRST_PAGE.limit ? (page.at(-1)?.tenant ?? null) : null;
    if (after === null) return loads;
  }
}

const sourceText = (load: TenantLoad) =>
  load.source === 'unknown' ? `${load.unit} unknown, so its phones` : `${load.source}${isStale(load) ? ', OLD' : ''}`;

const cell = (value: number | null) => (value === null ? '–' : String(value));

const loadsText = (loads: readonly TenantLoad[]) =>
  table(
    ['tenant', 'pool', 'load', 'from', 'phones', 'lines', 'calls', 'registrations', 'measured'],
    loads.map((load) => [
      ...[load.tenant, load.pool, String(load.weight), sourceText(load)],
      ...[String(load.phones), String(load.lines), cell(load.calls), cell(load.registrations)],
      load.measuredAt === null ? 'never' : `${load.measuredAt} by ${load.measuredBy}`,
    ]),
  );

/** Prints what tenants weigh, or takes up a table of measurements. */
const loads =
  ({ inHouse, actor }: Shell) =>
  (file: string | undefined, output: Output) =>
    inHouse(async (house) => {
      if (file === undefined) return show(await allLoads(house), output, loadsText);
      const report = await importLoads(house, readInput(file), actor());
      show(report, output, ({ measured, unknown }) =>
        [
          `the loads of ${measured} tenants are taken`,
          ...(unknown === 0 ? [] : [`of ${unknown} nothing was ever measured`]),
        ].join('\n'),
      );
    });

/** Prints the rules for plans, or changes those that a document names. */
const planning =
  ({ inHouse, actor }: Shell) =>
  (file: string | undefined, output: Output) =>
    inHouse(async (house) => {
      if (file !== undefined) {
        const changes = parseDocument(readInput(file));
        if (typeof changes !== 'object' || changes === null || Array.isArray(changes)) {
          throw invalid(`${file} holds no rules`);
        }
        await changePlanning(house, changes, actor());
      }
      const rules = await house.store.plans.planning();
      if (output.json) return print(JSON.stringify(rules, null, 2));
      process.stdout.write(stringify(rules, { aliasDuplicateObjects: false }));
    });

export function addLoadCommands(homeport: Command, shell: Shell): void {
  homeport
    .command('loads [file]')
    .description('print what tenants weigh, or take up measurements from a table (CSV, - for standard input)')
    .option('--json', 'print JSON, for programs')
    .action(loads(shell));
  homeport
    .command('planning [file]')
    .description(
      'print the rules for plans, or change those that a document names (YAML or JSON, - for standard input)',
    )
    .option('--json', 'print JSON, for programs')
    .action(planning(shell));
}
