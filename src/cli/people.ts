// `homeport user`, `homeport key`, `homeport audit` and `homeport check`: who may come in, what they did, and whether all
// is well.
import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { checkHouse } from '../app/check.ts';
import { addApiKey, addUser, changeUser, removeApiKey, removeUser } from '../app/people.ts';
import { ALL_TENANTS, ROLES } from '../domain/access.ts';
import { invalid } from '../domain/errors.ts';
import { print, show, table } from './print.ts';
import type { Shell } from './shell.ts';

type Output = { json?: boolean };
type Holder = Output & { role?: string; tenant?: string[]; expires?: string };

const PASSWORD_VARIABLE = 'HOMEPORT_USER_PASSWORD';

/** A password is read where nobody else sees it: from a variable or standard input, never from the command itself. */
function readPassword(): string {
  const given = process.env[PASSWORD_VARIABLE];
  if (given !== undefined && given !== '') return given;
  if (process.stdin.isTTY) {
    throw invalid(`give the password in ${PASSWORD_VARIABLE} or on standard input: homeport user … < file`);
  }
  return readFileSync(0, 'utf8').replace(/\r?\n$/, '');
}

const holderOf = ({ role, tenant }: Holder) => ({ ...(role ? { role } : {}), ...(tenant ? { tenants: tenant } : {}) });

const PEOPLE = ['name', 'role', 'tenants', 'comes in'];

function userCommands(homeport: Command, { inHouse, actor }: Shell): void {
  const user = homeport.command('user').description('people who may come in at the admin door');
  const roles = () => new Option('--role <role>', 'what they may do').choices(ROLES);
  user
    .command('list', { isDefault: true })
    .option('--json', 'print JSON, for programs')
    .action((options: Output) =>
      inHouse(async ({ store }) => {
        const users = await store.users.list();
        const rows = users.map(({ name, role, tenants, enabled }) => [
          name,
          role,
          tenants.join(' '),
          enabled ? 'yes' : 'no',
        ]);
        show(users, options, () => table(PEOPLE, rows));
      }),
    );
  user
    .command('add <name>')
    .description(`add somebody; the password comes from ${PASSWORD_VARIABLE} or standard input`)
    .addOption(roles().makeOptionMandatory())
    .option('--tenant <code...>', 'the tenants of a tenantAdmin or tenantViewer')
    .action((name: string, options: Holder) =>
      inHouse(async (house) => {
        const added = await addUser(house, { name, ...holderOf(options), password: readPassword() }, actor());
        print(`${added.name} may come in as ${added.role}`);
      }),
    );
  user
    .command('change <name>')
    .description('change a role, or with --password the password')
    .addOption(roles())
    .option('--tenant <code...>', 'the tenants of a tenantAdmin or tenantViewer')
    .option('--password', `a new password, from ${PASSWORD_VARIABLE} or standard input`)
    .action((name: string, { password, ...options }: Holder & { password?: true }) =>
      inHouse(async (house) => {
        const changes = { ...holderOf(options), ...(password ? { password: readPassword() } : {}) };
        const changed = await changeUser(house, name, changes, actor());
        print(`${changed.name} is ${changed.role}`);
      }),
    );
  user
    .command('remove <name>')
    .description('let somebody in no more')
    .action((name: string) =>
      inHouse(async (house) => {
        await removeUser(house, name, actor());
        print(`${name} may not come in any more`);
      }),
    );
}

function keyCommands(homeport: Command, { inHouse, actor }: Shell): void {
  const key = homeport.command('key').description('programs’ keys to the API');
  key
    .command('list', { isDefault: true })
    .option('--json', 'print JSON, for programs')
    .action((options: Output) =>
      inHouse(async ({ store }) => {
        const keys = (await store.apiKeys.list()).map(({ secretHash: _hash, ...shown }) => shown);
        const rows = keys.map(({ id, name, role, expiresAt, lastUsedAt }) => {
          return [id, name, role, expiresAt ?? 'never', lastUsedAt ?? 'never'];
        });
        show(keys, options, () => table(['key', 'for', 'role', 'expires', 'last used'], rows));
      }),
    );
  key
    .command('add <purpose>')
    .description('make a key; it is printed once and never again')
    .addOption(new Option('--role <role>', 'what it may do').choices(ROLES).makeOptionMandatory())
    .option('--tenant <code...>', 'the tenants of a tenantAdmin or tenantViewer')
    .option('--expires <time>', 'until when it is good, such as 2027-01-01T00:00:00Z')
    .option('--json', 'print JSON, for programs')
    .action((name: string, options: Holder) =>
      inHouse(async (house) => {
        const expiry = options.expires === undefined ? {} : { expiresAt: options.expires };
        const added = await addApiKey(house, { name, ...holderOf(options), ...expiry }, actor());
        show(added, options, () => added.key);
      }),
    );
  key
    .command('remove <id>')
    .description('make a key good for nothing')
    .action((id: string) =>
      inHouse(async (house) => {
        await removeApiKey(house, id, actor());
        print(`key ${id} is good for nothing any more`);
      }),
    );
}

const valueText = (value: unknown) =>
  value === null ? '–' : typeof value === 'string' ? value : JSON.stringify(value);

function historyCommands(homeport: Command, { inHouse }: Shell): void {
  homeport
    .command('audit')
    .description('who changed what, newest first')
    .option('--tenant <code>', 'only what concerns this tenant')
    .option('--subject <name>', 'only what was done to this')
    .option('--limit <number>', 'how many', '50')
    .option('--json', 'print JSON, for programs')
    .action((options: Output & { tenant?: string; subject?: string; limit: string }) =>
      inHouse(async ({ store }) => {
        const { tenant, subject } = options;
        const filter = { ...(tenant ? { tenant } : {}), ...(subject ? { subject } : {}) };
        const limit = Math.min(Math.max(1, Number(options.limit) || 50), 1_000);
        const entries = await store.audit.list(ALL_TENANTS, { limit, before: null, ...filter });
        const rows = entries.map(({ at, actor, action, subject: to, changes }) => {
          const said = changes.map(({ path, before, after }) => `${path}: ${valueText(before)} → ${valueText(after)}`);
          return [at, actor, action, to, said.slice(0, 3).join('; ') + (said.length > 3 ? ' …' : '')];
        });
        show(entries, options, () => table(['when', 'who', 'what', 'to', 'changes'], rows));
      }),
    );
  homeport
    .command('check')
    .description('tell what is unsafe or unwell, with the remedy; ends with 1 when there is a fault')
    .option('--json', 'print JSON, for programs')
    .action((options: Output) =>
      inHouse(async (house) => {
        const findings = await checkHouse(house);
        const rows = findings.map(({ level, what, remedy }) => [level, what, remedy ?? '']);
        show(findings, options, () => table(['', 'what', 'remedy'], rows));
        if (findings.some(({ level }) => level === 'fault')) process.exitCode = 1;
      }),
    );
}

export function addPeopleCommands(homeport: Command, shell: Shell): void {
  userCommands(homeport, shell);
  keyCommands(homeport, shell);
  historyCommands(homeport, shell);
}
