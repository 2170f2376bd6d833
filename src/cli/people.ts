// `homeport user`, `homeport key` and `homeport check`: who may come in, and whether all is well.
import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { checkHouse } from '../app/check.ts';
import { addApiKey, addUser, changeUser, removeApiKey, removeUser } from '../app/people.ts';
import { ROLES } from '../domain/access.ts';
import { invalid } from '../domain/errors.ts';
import { addAuditCommands } from './audit.ts';
import { print, show, table } from './print.ts';
import { confirm, type Shell } from './shell.ts';

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
    .option('--yes', 'do not ask, for scripts')
    .action((name: string, { yes = false }: { yes?: boolean }) =>
      inHouse(async (house) => {
        await confirm(name, `This lets ${name} in no more.`, { yes });
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
    .option('--yes', 'do not ask, for scripts')
    .action((id: string, { yes = false }: { yes?: boolean }) =>
      inHouse(async (house) => {
        await confirm(id, `Whoever uses key ${id} comes in no more.`, { yes });
        await removeApiKey(house, id, actor());
        print(`key ${id} is good for nothing any more`);
      }),
    );
}

function checkCommand(homeport: Command, { inHouse }: Shell): void {
  homeport
    .command('check')
    .description('tell what is unsafe or unwell, with the remedy; ends with 1 when there is an error')
    .option('--json', 'print JSON, for programs')
    .action((options: Output) =>
      inHouse(async (house) => {
        const findings = await checkHouse(house);
        const rows = findings.map(({ severity, message, remedy }) => [severity, message, remedy ?? '']);
        show(findings, options, () => table(['', 'what', 'remedy'], rows));
        if (findings.some(({ severity }) => severity === 'error')) process.exitCode = 1;
      }),
    );
}

export function addPeopleCommands(homeport: Command, shell: Shell): void {
  userCommands(homeport, shell);
  keyCommands(homeport, shell);
  addAuditCommands(homeport, shell);
  checkCommand(homeport, shell);
}
