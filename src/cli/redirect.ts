// `homeport dhcp` and `homeport redirect`: how new phones find their tenant without anybody touching them.
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { dhcpFor } from '../app/dhcp.ts';
import {
  type ClaimReport,
  claimPhones,
  exportUpload,
  getService,
  listClaims,
  listServices,
  putAccount,
  releasePhones,
  removeAccount,
  type ShownService,
} from '../app/redirection.ts';
import { invalid } from '../domain/errors.ts';
import { print, show, table } from './print.ts';
import { confirm, type Shell } from './shell.ts';

type Output = { json?: boolean };

const CREDENTIALS_VARIABLE = 'HOMEPORT_REDIRECT_CREDENTIALS';

const dhcp =
  ({ inHouse, actor }: Shell) =>
  (tenant: string, options: Output) =>
    inHouse(async (house) => {
      const found = await dhcpFor(house, tenant, actor());
      show(found, options, () =>
        table(
          ['vendor', 'option', 'value', 'remarks'],
          found.flatMap(({ vendor, options: values }) =>
            values.map(({ option, suboption, value, hex, read, note }) => [
              vendor,
              suboption === null ? String(option) : `${option}, sub-option ${suboption}`,
              value,
              [hex && `hex ${hex}`, read === 'whenTold' && 'only when the phone is told', note]
                .filter(Boolean)
                .join('; '),
            ]),
          ),
        ),
      );
    });

const serviceRow = ({ service, vendor, name, api, upload, account }: ShownService) => [
  service,
  vendor,
  name,
  api ? 'yes' : 'no',
  upload === null ? 'no' : `yes (${upload.confidence})`,
  account?.baseUrl ?? 'none',
];

const showServices = (services: readonly ShownService[], options: Output) =>
  show(services, options, () =>
    table(['service', 'vendor', 'name', 'API', 'upload file', 'account'], services.map(serviceRow)),
  );

/** Credentials as JSON from the environment or standard input: what stands in arguments is seen by everybody. */
function givenCredentials(): unknown {
  const text = process.env[CREDENTIALS_VARIABLE] || (process.stdin.isTTY ? '' : readFileSync(0, 'utf8'));
  if (text === '') throw invalid(`give the credentials as JSON, in ${CREDENTIALS_VARIABLE} or on standard input`);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw invalid('the credentials are not JSON; give them as {"name": "value"}');
  }
}

type AccountOptions = Output & { set?: boolean; url?: string; remove?: boolean };

const account =
  ({ inHouse, actor }: Shell) =>
  (service: string, { set, url, remove, ...output }: AccountOptions) =>
    inHouse(async (house) => {
      if (remove) {
        await removeAccount(house, service, actor());
        return print(`the account at ${service} is forgotten; phones that it has claimed stay claimed`);
      }
      if (!set) {
        if (url !== undefined) throw invalid('--url belongs to --set: credentials are given for one URL');
        return showServices([await getService(house, service)], output);
      }
      const given = { credentials: givenCredentials() };
      const input = url === undefined ? given : { ...given, baseUrl: url };
      showServices([await putAccount(house, service, input, actor())], output);
    });

const upload =
  ({ inHouse, actor }: Shell) =>
  (tenant: string, service: string, options: Output) =>
    inHouse(async (house) => {
      const { fileName, contentType, body } = await exportUpload(house, { tenant, service }, actor());
      if (options.json) return print(JSON.stringify({ fileName, contentType, body: body.toString('utf8') }, null, 2));
      process.stdout.write(body);
    });

function showReport(report: ClaimReport, options: Output): void {
  show(report, options, ({ phones, done, failed, url }) =>
    [
      ...(phones.length === 0 ? [] : [table(['phone', 'outcome', 'reason'], phones.map(reportRow))]),
      `${done} phones done, ${failed} failed; the URL is ${url}`,
    ].join('\n'),
  );
  if (report.failed > 0) process.exitCode = 1;
}

const reportRow = ({ mac, outcome, reason }: ClaimReport['phones'][number]) => [mac, outcome, reason ?? ''];

const claim =
  ({ inHouse, actor }: Shell) =>
  (tenant: string, service: string, macs: string[], options: Output) =>
    inHouse(async (house) => {
      const input = macs.length === 0 ? {} : { macs };
      showReport(await claimPhones(house, { tenant, service }, input, actor()), options);
    });

const release =
  ({ inHouse, actor }: Shell) =>
  (tenant: string, service: string, macs: string[], { yes = false, ...options }: Output & { yes?: boolean }) =>
    inHouse(async (house) => {
      await confirm(tenant, `This releases ${macs.length} phones of tenant ${tenant} at ${service}.`, { yes });
      showReport(await releasePhones(house, { tenant, service }, { macs }, actor()), options);
    });

const claims =
  ({ inHouse, actor }: Shell) =>
  (tenant: string, service: string, options: Output) =>
    inHouse(async (house) => {
      const found = await listClaims(house, { tenant, service }, actor());
      show(found, options, () =>
        table(
          ['phone', 'sent to', 'remarks'],
          found.map(({ mac, url, here, right }) => {
            const wrong = url === null ? 'not claimed' : 'sent elsewhere';
            return [mac, url ?? '–', here ? (right ? '' : wrong) : 'no phone of the tenant any more'];
          }),
        ),
      );
    });

/** Adds the commands. */
export function addRedirectCommands(homeport: Command, shell: Shell): void {
  const json = ['--json', 'print JSON, for programs'] as const;
  homeport
    .command('dhcp <tenant>')
    .description('print the DHCP options that lead a tenant’s phones here')
    .option(...json)
    .action(dhcp(shell));
  const redirect = homeport
    .command('redirect')
    .description('the makers’ redirection services, which give a new phone its URL');
  redirect
    .command('services')
    .description('list the services and the accounts there')
    .option(...json)
    .action((options: Output) => shell.inHouse(async (house) => showServices(await listServices(house), options)));
  redirect
    .command('account <service>')
    .description('show the account at a service, or set it')
    .option('--set', `take credentials as JSON, from ${CREDENTIALS_VARIABLE} or standard input`)
    .option('--url <base>', 'where the API answers, when it is not the usual place')
    .option('--remove', 'forget the account')
    .option(...json)
    .action(account(shell));
  redirect
    .command('export <tenant> <service>')
    .description('print the file that is uploaded at the service’s portal')
    .option(...json)
    .action(upload(shell));
  redirect
    .command('claim <tenant> <service> [mac...]')
    .description('claim the tenant’s phones, all or those named, by the service’s API')
    .option(...json)
    .action(claim(shell));
  redirect
    .command('release <tenant> <service> <mac...>')
    .description('release phones at the service')
    .option('--yes', 'do not ask, for scripts')
    .option(...json)
    .action(release(shell));
  redirect
    .command('claims <tenant> <service>')
    .description('ask the service what it holds of the tenant')
    .option(...json)
    .action(claims(shell));
}
