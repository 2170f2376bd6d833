// `homeport dns`, `homeport dns records`, `homeport dns lint`, `homeport simulate`: what the pools say to phones and to DNS.
import { type Command, InvalidArgumentError, Option } from 'commander';
import { lintFleet } from '../app/lints.ts';
import { desiredRecords, octoDnsText, poolRecords, recordDocument, recordsIn, zoneText } from '../app/records.ts';
import { type Simulation, simulate } from '../app/simulate.ts';
import type { Share } from '../domain/failover.ts';
import { parseWith } from '../domain/parse.ts';
import { NOT_OFFERED, type SrvRecord } from '../domain/srv.ts';
import { hostNameSchema } from '../domain/text.ts';
import { parseZoneText } from '../domain/zone-text.ts';
import type { OpenHouse } from '../main.ts';
import { print, show, table } from './print.ts';
import type { Shell } from './shell.ts';
import { readInput } from './tables.ts';

type Output = { json?: boolean };

const FORMATS = ['zone', 'yaml', 'json'] as const;
type Format = (typeof FORMATS)[number];
type RecordFlags = { format: Format; zone?: string };

const recordsFor = ({ store }: OpenHouse, pool: string | undefined) =>
  store.snapshot((reads) => (pool === undefined ? desiredRecords(reads) : poolRecords(reads, pool)));

/** `homeport dns [pool]`: the lines to publish, or with --json the records one by one. */
const showLines = (shell: Shell) => (pool: string | undefined, options: Output) =>
  shell.inHouse(async (house) =>
    show(await recordsFor(house, pool), options, (records) => zoneText(records).trimEnd()),
  );

const showRecords =
  (shell: Shell) =>
  (pool: string | undefined, { format, zone: zoneName }: RecordFlags) =>
    shell.inHouse(async (house) => {
      const zone = zoneName === undefined ? undefined : parseWith(hostNameSchema, zoneName, '--zone');
      const records = recordsIn(await recordsFor(house, pool), zone);
      if (format === 'json') return print(JSON.stringify(recordDocument(records, zone), null, 2));
      process.stdout.write(format === 'zone' ? zoneText(records) : octoDnsText(records, zone));
    });

const lint = (shell: Shell) => (options: Output) =>
  shell.inHouse(async (house) => {
    const lints = await lintFleet(house);
    show(lints, options, () =>
      lints.length === 0
        ? 'nothing is doubtful'
        : lints
            .map(({ severity, code, subject, message, remedy }) =>
              [`${severity}: ${subject}: ${code}`, `  ${message}`, `  remedy: ${remedy}`].join('\n'),
            )
            .join('\n'),
    );
    if (lints.some(({ severity }) => severity === 'error')) process.exitCode = 1;
  });

type SimulateFlags = Output & {
  down?: string;
  draws?: number;
  seed?: number;
  strays?: number;
  zoneFile?: string;
  owner?: string;
};

/** The targets that the SRV records of a zone file name. */
function targetsIn(text: string, owner: string | undefined) {
  const isMeant = (record: SrvRecord) => owner === undefined || record.name === owner.toLowerCase().replace(/\.$/, '');
  return parseZoneText(text).flatMap((record) => {
    if (record.type !== 'SRV' || record.target === NOT_OFFERED || !isMeant(record)) return [];
    const { target: server, priority, weight, port } = record;
    return [{ server, priority, weight, port }];
  });
}

const simulateIt = (shell: Shell) => (pool: string | undefined, flags: SimulateFlags) =>
  shell.inHouse(async (house) => {
    const { down = '', draws, seed, strays, zoneFile, owner, ...output } = flags;
    const order = {
      ...(pool === undefined ? {} : { pool }),
      ...(zoneFile === undefined ? {} : { targets: targetsIn(readInput(zoneFile), owner) }),
      ...{ draws, seed, strays },
      down: down.split(',').filter((name) => name !== ''),
    };
    show(await simulate(house, order), output, simulationText);
  });

const percent = (share: number) => `${Math.round(share * 10_000) / 100} %`;

function simulationText({ shares, byVendor, mixed, down, behaviour, strays, draws }: Simulation): string {
  if (shares.length === 0) return `no server is left: ${down.join(', ')} are lost`;
  const all = strays?.shares ?? shares;
  const cell = (list: readonly Share[] | null, { server, port }: Share) =>
    percent(list?.find((one) => one.server === server && one.port === port)?.share ?? 0);
  const vendors = Object.keys(byVendor);
  const columns: [string, (one: Share) => string][] = [
    ['RFC 2782', (one) => cell(shares, one)],
    ...vendors.map((vendor): [string, (one: Share) => string] => [
      `${vendor} (${behaviour[vendor]?.confidence})`,
      (one) => cell(byVendor[vendor] ?? null, one),
    ]),
  ];
  if (mixed !== null) columns.push(['its phones', (one) => cell(mixed, one)]);
  if (strays !== null)
    columns.push([`with ${percent(strays.rate)} strays`, (one) => cell(strays.mixed ?? strays.shares, one)]);
  if (draws !== null) columns.push([`${draws.count} draws`, (one) => cell(draws.shares, one)]);
  const rows = all.map((one) => [one.server, String(one.port), ...columns.map(([, value]) => value(one))]);
  const heading = ['server', 'port', ...columns.map(([title]) => title)];
  return [...(down.length === 0 ? [] : [`lost: ${down.join(', ')}`]), table(heading, rows)].join('\n');
}

export function numberFlag(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('must be a number');
  return value;
}

/** Adds the commands. @returns `homeport dns`, to which others add theirs */
export function addPoolCommands(homeport: Command, shell: Shell): Command {
  const dns = homeport
    .command('dns [pool]')
    .description('print the records that should be published')
    .option('--json', 'print JSON, for programs')
    .action(showLines(shell));
  dns
    .command('records [pool]')
    .description('print the records for other tools: a zone file, a file of octoDNS, or JSON for Terraform')
    .addOption(new Option('--format <format>', 'how').choices(FORMATS).default('zone'))
    .option('--zone <name>', 'only those in this zone, such as example.com')
    .action(showRecords(shell));
  dns
    .command('lint')
    .description('tell what is doubtful about servers and pools; ends with 1 when there is an error')
    .option('--json', 'print JSON, for programs')
    .action((_options: Output, command: Command) => lint(shell)(command.optsWithGlobals()));
  homeport
    .command('simulate [pool]')
    .description('tell the share of phones that each server gets, also with servers lost')
    .option('--down <servers>', 'the servers that are lost, with commas between them')
    .option('--draws <number>', 'also let so many phones choose at random', numberFlag)
    .option('--seed <number>', 'the same seed gives the same draws', numberFlag)
    .option('--strays <share>', 'the part of the phones that is on its next server, such as 0.1', numberFlag)
    .option('--zone-file <file>', 'the SRV records of a zone file instead of a pool (- for standard input)')
    .option('--owner <name>', 'of the zone file only the records of this name')
    .option('--json', 'print JSON, for programs')
    .action(simulateIt(shell));
  return dns;
}
