// `homeport enrol`, `homeport credential` and `homeport token`: how phones prove that they are who they say.
import type { Command } from 'commander';
import { type Enrolment, enrolmentOf, listEnrolments, renewCredential } from '../app/credentials.ts';
import { closeWindow, listWindows, openWindow, reopenPhone, type SeenWindow } from '../app/enrolment.ts';
import { endToken, listTokens, phonesWithToken, rotateToken } from '../app/tokens.ts';
import { readDuration } from '../domain/duration.ts';
import { REOPEN_MINUTES, WINDOW_MINUTES } from '../domain/enrolment.ts';
import { invalid } from '../domain/errors.ts';
import { type Mac, macSchema } from '../domain/mac.ts';
import { FIRST_PAGE } from '../domain/page.ts';
import { parseWith } from '../domain/parse.ts';
import type { TokenFacts } from '../domain/token.ts';
import { print, show, table } from './print.ts';
import type { Shell } from './shell.ts';

type Output = { json?: boolean };
type WindowOptions = Output & { for?: string; from?: string[]; phone?: string[] };

const JSON_OPTION = ['--json', 'print JSON, for programs'] as const;
const MINUTE_MS = 60_000;

const macOf = (text: string): Mac => parseWith(macSchema, text, 'the MAC address');

/** Minutes of `90m`, `24h`, `7d`. @throws AppError `invalid` */
function minutesOf(text: string): number {
  const ms = readDuration(text);
  if (ms === null) throw invalid(`${text} is no length of time, such as 90m, 24h or 7d`);
  return ms / MINUTE_MS;
}

const orderOf = ({ for: length, from, phone }: WindowOptions) => ({
  ...(length === undefined ? {} : { minutes: minutesOf(length) }),
  ...(from === undefined ? {} : { networks: from }),
  ...(phone === undefined ? {} : { phones: phone }),
});

const WINDOW_HEAD = ['window', 'phones', 'opens', 'closes', 'from', 'by'];

const windowRow = ({ id, phones, opensAt, closesAt, networks, madeBy }: SeenWindow) => [
  String(id),
  phones === null ? 'all that have not proven themselves' : phones.join(' '),
  opensAt,
  closesAt,
  networks.length === 0 ? 'anywhere' : networks.join(' '),
  madeBy,
];

const windowText = (window: SeenWindow) =>
  `window ${window.id} of tenant ${window.tenant} is open until ${window.closesAt}: each phone gets its files once, then it proves itself`;

const PHONE_HEAD = ['phone', 'state', 'handed out', 'to', 'used', 'also asked for by'];

const phoneRow = ({ mac, state, handedOutAt, address, usedAt, contested }: Enrolment) => [
  mac,
  state,
  handedOutAt ?? '',
  address ?? '',
  usedAt ?? '',
  contested?.address ?? '',
];

/** Every page of a list. */
async function everything<Item extends { mac: Mac }>(list: (after: string | null) => Promise<Item[]>): Promise<Item[]> {
  const all: Item[] = [];
  for (let after: string | null = null; ; ) {
    const page = await list(after);
    all.push(...page);
    after = page.length === FIRST_PAGE.limit ? (page.at(-1)?.mac ?? null) : null;
    if (after === null) return all;
  }
}

function enrolCommands(homeport: Command, { inHouse, actor }: Shell): void {
  const enrol = homeport
    .command('enrol')
    .description('windows in which phones get their files and their credential, once');
  const length = (minutes: number) =>
    ['--for <time>', `how long: 90m, 24h, 7d at most; ${minutes}m if not said`] as const;
  const from = ['--from <network...>', 'only from these networks, such as 192.0.2.0/24'] as const;
  enrol
    .command('open <tenant>')
    .description('open a window for a tenant’s phones that have not proven themselves')
    .option(...length(WINDOW_MINUTES))
    .option(...from)
    .option('--phone <mac...>', 'only these phones, also if they have proven themselves before')
    .option(...JSON_OPTION)
    .action((tenant: string, options: WindowOptions) =>
      inHouse(async (house) => show(await openWindow(house, tenant, orderOf(options), actor()), options, windowText)),
    );
  enrol
    .command('phone <mac>')
    .description('let one phone come again, as after a factory reset')
    .option(...length(REOPEN_MINUTES))
    .option(...from)
    .option(...JSON_OPTION)
    .action((mac: string, options: WindowOptions) =>
      inHouse(async (house) =>
        show(await reopenPhone(house, macOf(mac), orderOf(options), actor()), options, windowText),
      ),
    );
  enrol
    .command('list <tenant>')
    .description('windows that are open or to come')
    .option(...JSON_OPTION)
    .action((tenant: string, options: Output) =>
      inHouse(async (house) =>
        show(await listWindows(house, tenant, actor()), options, (all) => table(WINDOW_HEAD, all.map(windowRow))),
      ),
    );
  enrol
    .command('close <tenant> <window>')
    .description('close a window now')
    .action((tenant: string, window: string) =>
      inHouse(async (house) => {
        await closeWindow(house, tenant, Number(window), actor());
        print(`window ${window} is closed`);
      }),
    );
  enrol
    .command('status <tenant> [mac]')
    .description('how far phones have come: pending, handed out, enrolled')
    .option(...JSON_OPTION)
    .action((tenant: string, mac: string | undefined, options: Output) =>
      inHouse(async (house) => {
        const phones =
          mac === undefined
            ? await everything((after) => listEnrolments(house, tenant, { ...FIRST_PAGE, after }, actor()))
            : [await enrolmentOf(house, macOf(mac), actor())];
        show(phones, options, (all) => table(PHONE_HEAD, all.map(phoneRow)));
      }),
    );
}

const TOKEN_HEAD = ['token', 'made', 'ends', ''];

const tokenRow = ({ id, madeAt, endsAt, newest }: TokenFacts) => [
  id,
  madeAt ?? '',
  newest ? '' : (endsAt ?? 'when somebody ends it'),
  newest ? 'in the provisioning URL' : 'old',
];

function tokenCommands(homeport: Command, { inHouse, actor }: Shell): void {
  const token = homeport
    .command('token')
    .description('tokens in the provisioning URL of a tenant, by their public names');
  const shown = (tokens: TokenFacts[], options: Output) =>
    show(tokens, options, (all) => table(TOKEN_HEAD, all.map(tokenRow)));
  token
    .command('list <tenant>')
    .option(...JSON_OPTION)
    .action((tenant: string, options: Output) =>
      inHouse(async (house) => shown(await listTokens(house, tenant, actor()), options)),
    );
  token
    .command('rotate <tenant>')
    .description('make a new one; the one before stays good until it is ended, or for a time')
    .option('--keep-old <time>', 'how long the old one stays good: 90m, 24h, 7d')
    .option(...JSON_OPTION)
    .action((tenant: string, { keepOld, ...options }: Output & { keepOld?: string }) =>
      inHouse(async (house) => {
        const ends = keepOld === undefined ? null : house.now().getTime() + minutesOf(keepOld) * MINUTE_MS;
        const order = { oldEndsAt: ends === null ? null : new Date(ends).toISOString() };
        shown(await rotateToken(house, tenant, order, actor()), options);
      }),
    );
  token
    .command('end <tenant> <token>')
    .description('end an old one now')
    .option(...JSON_OPTION)
    .action((tenant: string, id: string, options: Output) =>
      inHouse(async (house) => shown(await endToken(house, tenant, id, actor()), options)),
    );
  token
    .command('phones <tenant> <token>')
    .description('phones that came last with this token')
    .option(...JSON_OPTION)
    .action((tenant: string, id: string, options: Output) =>
      inHouse(async (house) => {
        const of = { tenant, id };
        const phones = await everything((after) => phonesWithToken(house, of, { ...FIRST_PAGE, after }, actor()));
        show(phones, options, (all) =>
          table(
            ['phone', 'at'],
            all.map(({ mac, at }) => [mac, at]),
          ),
        );
      }),
    );
}

export function addEnrolmentCommands(homeport: Command, shell: Shell): void {
  enrolCommands(homeport, shell);
  tokenCommands(homeport, shell);
  homeport
    .command('credential')
    .description('what a phone proves itself with when it fetches; "homeport reveal" shows it')
    .command('renew <mac>')
    .description('make a new password; the old one is good until the phone has used the new one')
    .option(...JSON_OPTION)
    .action((mac: string, options: Output) =>
      shell.inHouse(async (house) => {
        const renewed = await renewCredential(house, macOf(mac), shell.actor());
        show(renewed, options, () => `phone ${renewed.mac} finds its new password in its next file`);
      }),
    );
}
