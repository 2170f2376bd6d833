// The command line: the same journeys as the API, over the same database. Exit 0 done, 1 refused or failed, 2 wrong use.
import { userInfo } from 'node:os';
import { Command, CommanderError } from 'commander';
import { explainSettings } from '../app/choose-settings.ts';
import { loadDemo } from '../app/load-demo.ts';
import { type MovePreview, moveOrderSchema, moveTenant, previewMove } from '../app/move-tenant.ts';
import { importContacts, listContacts } from '../app/phonebook.ts';
import { revealFiles } from '../app/reveal.ts';
import { filesFor } from '../app/serve-file.ts';
import { type Config, readConfig } from '../config.ts';
import { type Actor, ALL_TENANTS } from '../domain/access.ts';
import { AppError, notFound } from '../domain/errors.ts';
import type { ServerLoad } from '../domain/failover.ts';
import { macSchema } from '../domain/mac.ts';
import { parseWith } from '../domain/parse.ts';
import type { Road } from '../domain/roads.ts';
import { log } from '../log.ts';
import { DEMO_WORLD, type OpenHouse, openHouse } from '../main.ts';
import { addBackupCommands } from './backup.ts';
import { addDnsCommands } from './dns.ts';
import { addEnrolmentCommands } from './enrolment.ts';
import { addFailoverCommand } from './failover.ts';
import { addListCommands } from './lists.ts';
import { addLoadCommands } from './loads.ts';
import { addPbxCommands } from './pbx.ts';
import { addPeopleCommands } from './people.ts';
import { addPlanCommands } from './plans.ts';
import { addPoolCommands } from './pools.ts';
import { impactText, print, printError, show, table, withBar } from './print.ts';
import { addRedirectCommands } from './redirect.ts';
import { addSecretCommands } from './secrets.ts';
import { serveUntilStopped } from './serve.ts';
import { confirm } from './shell.ts';
import { addPhoneSimulation } from './simulate-phones.ts';
import { addTableCommands, readInput } from './tables.ts';
import { addTemplateCommands } from './templates.ts';

type Output = { json?: boolean };

const actor = (): Actor => ({
  name: `cli:${userInfo().username}`,
  role: 'owner',
  scope: ALL_TENANTS,
  address: null,
});

/** Runs `work` with an open house and closes it afterwards. */
async function inHouse<Result>(work: (house: OpenHouse, config: Config) => Promise<Result>): Promise<Result> {
  const config = readConfig(process.env);
  const house = await openHouse({ ...config, logLevel: 'warn' });
  try {
    return await work(house, config);
  } finally {
    await house.close();
  }
}

async function renderFiles(
  macText: string,
  name: string | undefined,
  options: Output & { reveal?: boolean },
): Promise<void> {
  await inHouse(async (house) => {
    const mac = parseWith(macSchema, macText, 'the MAC address');
    const made = options.reveal
      ? await revealFiles(house, mac, actor())
      : await filesFor(house, await house.store.phones.get(ALL_TENANTS, mac), { masked: true });
    const files = made.filter((file) => name === undefined || file.name === name);
    if (files.length === 0) throw notFound(`file ${name} of phone ${mac}`);
    const shown = files.map((file) => ({
      name: file.name,
      contentType: file.contentType,
      body: file.body.toString('utf8'),
    }));
    show(shown, options, () =>
      shown.map((file) => (name === undefined ? `# ${file.name}\n${file.body}` : file.body.trimEnd())).join('\n'),
    );
  });
}

type MoveOptions = Output & { preview?: boolean; yes?: boolean; road?: string };

const loadText = (loads: readonly ServerLoad[]) =>
  table(
    ['server', 'load', 'capacity', 'when another is lost'],
    loads.map(({ server, load, capacity, whenLost }) => [
      server,
      String(load),
      capacity === null ? 'not said' : String(capacity),
      Object.entries(whenLost)
        .map(([lost, then]) => `${lost}: ${then}`)
        .join(', '),
    ]),
  );

const roadText = ({ road, open, toldS, worstS, because }: Road) => {
  const worst = worstS === null ? 'no bound' : `${worstS} s at worst`;
  return `by ${road}: ${open ? `${toldS} s for phones that obey, ${worst}` : 'not possible'}; ${because}`;
};

const previewText = (shown: MovePreview) =>
  [
    `tenant ${shown.tenant} would move from pool ${shown.fromPool} to ${shown.toPool}:`,
    `${shown.phones} phones with ${shown.lines} lines from server ${shown.fromServer} to ${shown.toServer}`,
    ...shown.warnings.map((warning) => `warning: ${warning}`),
    '',
    'before:',
    loadText(shown.before),
    'after:',
    loadText(shown.after),
    ...shown.roads.map(roadText),
    '',
    impactText(shown.impact),
  ].join('\n');

async function move(tenant: string, pool: string, options: MoveOptions): Promise<void> {
  const order = parseWith(moveOrderSchema, { tenant, pool, road: options.road }, 'the move');
  await inHouse(async (house) => {
    if (options.preview) {
      const shown = await withBar((bar) => previewMove(house, order, actor(), bar));
      return show(shown, options, previewText);
    }
    await confirm(tenant, `This moves all phones of tenant ${tenant} to pool ${pool}.`, options);
    const report = await moveTenant(house, order, actor());
    show(report, options, ({ warnings, ...moved }) =>
      [
        `tenant ${moved.tenant} moved from pool ${moved.fromPool} to ${moved.toPool}`,
        `its ${moved.phones} phones go from server ${moved.fromServer} to ${moved.toServer} when they have learnt of it: ${moved.next}`,
        ...warnings.map((warning) => `warning: ${warning}`),
      ].join('\n'),
    );
  });
}

async function explain(macText: string, setting: string | undefined, options: Output): Promise<void> {
  await inHouse(async (house) => {
    const explained = await explainSettings(house, parseWith(macSchema, macText, 'the MAC address'), actor(), setting);
    const say = (value: unknown) => (value === null ? '–' : String(value));
    show(explained, options, () =>
      table(
        ['setting', 'value', 'comes from', 'what each level says'],
        explained.map(({ setting: name, value, from, levels }) => [
          name,
          say(value),
          from,
          levels.map(({ level, says }) => `${level}: ${say(says)}`).join(', '),
        ]),
      ),
    );
  });
}

/** Prints a tenant's contacts, or replaces them by the table in a file (`-` is standard input). */
async function contacts(tenant: string, file: string | undefined, options: Output): Promise<void> {
  await inHouse(async (house) => {
    const items =
      file === undefined
        ? await listContacts(house, tenant, actor())
        : await importContacts(house, tenant, readInput(file), actor());
    const cells = items.map(({ name, work, mobile, home }) => [name, work ?? '', mobile ?? '', home ?? '']);
    show(items, options, () => table(['name', 'work', 'mobile', 'home'], cells));
  });
}

async function demo(): Promise<void> {
  await inHouse((house) => loadDemo(house, DEMO_WORLD, actor()));
  print('the demo world is loaded; "homeport tenants" shows where its phones fetch');
}

function program(): Command {
  const homeport = new Command('homeport').description(
    'Phone provisioning: every phone gets its file, every file its tenant’s pool.',
  );
  const json = ['--json', 'print JSON, for programs'] as const;
  homeport.exitOverride().showHelpAfterError();
  homeport
    .command('serve')
    .description('open the phones’ door and the admin door; SIGTERM drains and ends')
    .action(() => serveUntilStopped(readConfig(process.env)));
  addListCommands(homeport, { inHouse });
  homeport
    .command('render <mac> [file]')
    .description('print the files a phone would get now')
    .option('--reveal', 'with the passwords in clear instead of ********; that is written down')
    .option(...json)
    .action(renderFiles);
  homeport
    .command('explain <mac> [setting]')
    .description('tell where the settings of a phone come from')
    .option(...json)
    .action(explain);
  homeport
    .command('move <tenant> <pool>')
    .description('move a tenant to another pool')
    .option('--preview', 'tell what the move would do, and do nothing')
    .option('--road <road>', 'dns or resync: how its phones learn of it, where tenants have names of their own')
    .option('--yes', 'do not ask, for scripts')
    .option(...json)
    .action(move);
  homeport
    .command('contacts <tenant> [file]')
    .description('print the contacts of a tenant’s phonebook, or replace them by a CSV file (- for standard input)')
    .option(...json)
    .action(contacts);
  addDnsCommands(addPoolCommands(homeport, { inHouse, actor }), { inHouse, actor });
  addPhoneSimulation(homeport, { inHouse, actor });
  addFailoverCommand(homeport, { inHouse });
  addPlanCommands(homeport, { inHouse, actor });
  addLoadCommands(homeport, { inHouse, actor });
  addTableCommands(homeport, { inHouse, actor });
  addPeopleCommands(homeport, { inHouse, actor });
  addTemplateCommands(homeport, { inHouse, actor });
  addPbxCommands(homeport, { inHouse, actor });
  addRedirectCommands(homeport, { inHouse, actor });
  addSecretCommands(homeport, { inHouse, actor });
  addEnrolmentCommands(homeport, { inHouse, actor });
  addBackupCommands(homeport, { inHouse, actor });
  homeport.command('demo').description('load the demo world into an empty database').action(demo);
  return homeport;
}

/** Runs one command and sets the exit code of the process. */
export async function runCli(args: readonly string[]): Promise<void> {
  try {
    await program().parseAsync(args, { from: 'user' });
  } catch (error) {
    process.exitCode = exitCodeOf(error);
  }
}

const WRONG_USE = 2;

function exitCodeOf(error: unknown): number {
  // Commander has printed its help or its complaint by itself.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : WRONG_USE;
  if (error instanceof AppError) {
    printError(error.message);
    return 1;
  }
  log.fatal({ error }, 'the command failed');
  return 1;
}
