// `homeport tenants`, `homeport phones`: what there is, as long as it may be.
import { type Command, Option } from 'commander';
import { type Config, publicUrlOf } from '../config.ts';
import { ALL_TENANTS } from '../domain/access.ts';
import { FIRST_PAGE } from '../domain/page.ts';
import { maskParameters } from '../domain/parameters.ts';
import { maskSettings } from '../domain/settings.ts';
import { BINDINGS, provisioningUrl } from '../domain/tenant.ts';
import type { OpenHouse } from '../main.ts';
import { show, table } from './print.ts';

type Listing = {
  readonly inHouse: <Result>(work: (house: OpenHouse, config: Config) => Promise<Result>) => Promise<Result>;
};
type Output = { json?: boolean };
type TenantFlags = { search?: string; pool?: string; binding?: (typeof BINDINGS)[number] };
type PhoneFlags = { tenant?: string; vendor?: string; model?: string; search?: string };

/** All pages of a list. */
async function all<Item>(
  list: (after: string | null) => Promise<Item[]>,
  key: (item: Item) => string,
): Promise<Item[]> {
  const items: Item[] = [];
  for (let after: string | null = null; ; ) {
    const page: Item[] = await list(after);
    items.push(...page);
    const last = page.length === FIRST_PAGE.limit ? page.at(-1) : undefined;
    if (last === undefined) return items;
    after = key(last);
  }
}

const listTenants =
  ({ inHouse }: Listing) =>
  ({ json, ...filter }: Output & TenantFlags) =>
    inHouse(async ({ store }, config) => {
      const found = await all(
        (after) => store.tenants.list(ALL_TENANTS, { ...FIRST_PAGE, after, ...filter }),
        ({ code }) => code,
      );
      const tenants = found.map(({ token, ...tenant }) => ({
        ...tenant,
        settings: maskSettings(tenant.settings),
        parameters: maskParameters(tenant.parameters),
        provisioningUrl: provisioningUrl(publicUrlOf(config), token),
      }));
      show(tenants, { json }, () =>
        table(
          ['tenant', 'pool', 'phones', 'provisioning URL'],
          tenants.map((tenant) => [tenant.code, tenant.pool, String(tenant.phones), tenant.provisioningUrl]),
        ),
      );
    });

const listPhones =
  ({ inHouse }: Listing) =>
  ({ json, ...filter }: Output & PhoneFlags) =>
    inHouse(async ({ store }) => {
      const found = await all(
        (after) => store.phones.list(ALL_TENANTS, { ...FIRST_PAGE, after, ...filter }),
        ({ mac }) => mac,
      );
      const phones = found.map(({ lines, ...phone }) => ({
        ...phone,
        settings: maskSettings(phone.settings),
        parameters: maskParameters(phone.parameters),
        lines: lines.map(({ password: _password, ...line }) => line),
      }));
      const rows = phones.map(({ mac, tenant, vendor, model, lines }) => {
        return [mac, tenant, vendor, model, lines.map(({ user }) => user).join(' ')];
      });
      show(phones, { json }, () => table(['phone', 'tenant', 'vendor', 'model', 'lines'], rows));
    });

export function addListCommands(homeport: Command, listing: Listing): void {
  homeport
    .command('tenants')
    .description('list tenants, their pools and provisioning URLs')
    .option('--search <text>', 'only those with this in their code, name or SIP domain')
    .option('--pool <name>', 'only those on this pool')
    .addOption(new Option('--binding <binding>', 'only those that are bound so').choices(BINDINGS))
    .option('--json', 'print JSON, for programs')
    .action(listTenants(listing));
  homeport
    .command('phones')
    .description('list phones')
    .option('--tenant <code>', 'only those of this tenant')
    .option('--vendor <name>', 'only those of this vendor')
    .option('--model <name>', 'only those of this model')
    .option('--search <text>', 'only those with this in their MAC address or in what a line is called')
    .option('--json', 'print JSON, for programs')
    .action(listPhones(listing));
}
