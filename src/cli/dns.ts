// `homeport dns publish`, `check`, `drift`, `history`, `targets`, `target` and `resolvers`: what DNS is told and what it answers.
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { checkDns, type Drift, dnsDrift } from '../app/check-dns.ts';
import { listTargets, putDnsSettings, putTarget, removeTarget } from '../app/dns-targets.ts';
import { type DnsPlan, type Publication, planPublication, publish } from '../app/publish-dns.ts';
import type { RecordChange, Rrset } from '../domain/dns-change.ts';
import type { DnsSettings, ShownTarget } from '../domain/dns-target.ts';
import { invalid } from '../domain/errors.ts';
import { PAGE_MAX } from '../domain/page.ts';
import { print, show, table } from './print.ts';
import type { Shell } from './shell.ts';

type Output = { json?: boolean };

const TARGET_VARIABLE = 'HOMEPORT_DNS_TARGET';

const setLines = (mark: string, set: Rrset | null) =>
  (set?.values ?? []).map((value) => `  ${mark} ${set?.name}. ${set?.ttl} IN ${set?.type} ${value}`);

const changeText = ({ action, name, type, before, after }: RecordChange) =>
  [`${action} ${name} ${type}`, ...setLines('-', before), ...setLines('+', after)].join('\n');

function planText({ digest, zones, elsewhere }: DnsPlan): string {
  const lines = zones.flatMap(({ zone, existing, changes, tooMuch, fault }) => [
    `zone ${zone}: ${fault ?? `${existing} record sets are published, ${changes.length} changes`}`,
    ...changes.map(changeText),
    ...(tooMuch === null ? [] : [`not without --force: ${tooMuch}`]),
  ]);
  const count = zones.reduce((sum, { changes }) => sum + changes.length, 0);
  const end = count === 0 ? 'nothing is to be changed' : `nothing was changed; to do it: --apply ${digest}`;
  return [
    ...(zones.length === 0 ? ['there is no target yet: "homeport dns target <zone> --set"'] : lines),
    ...(elsewhere.length === 0 ? [] : [`in no target's zone: ${elsewhere.join(', ')}`]),
    end,
  ].join('\n');
}

const publicationText = ({ zones }: Publication) =>
  zones
    .flatMap(({ zone, outcome, done, changes, why, servers }) => [
      `zone ${zone}: ${outcome}, ${done} of ${changes} changes done${why === null ? '' : `: ${why}`}`,
      ...servers.map((one) => `  ${one.server}: ${one.state}${one.why === null ? '' : ` (${one.why})`}`),
    ])
    .join('\n');

type PublishFlags = Output & { apply?: string; force?: boolean };

const publishIt =
  ({ inHouse, actor }: Shell) =>
  ({ apply, force = false, ...output }: PublishFlags) =>
    inHouse(async (house) => {
      if (apply === undefined) {
        const plan = await planPublication(house);
        show(plan, output, planText);
        if (plan.zones.some(({ fault }) => fault !== null)) process.exitCode = 1;
        return;
      }
      const publication = await publish(house, { digest: apply, force }, actor());
      show(publication, output, publicationText);
      if (publication.failed > 0) process.exitCode = 1;
    });

function driftText({ at, zones, pools }: Drift): string {
  const servers = zones.flatMap(({ zone, servers: list }) =>
    list.map(({ server, state, why, serial }) => [
      ...[zone, server, why === null ? state : `${state}: ${why}`, serial === null ? '' : String(serial)],
    ]),
  );
  const reasons = pools.flatMap(({ pool, state, reasons: list, more, remaining }) => [
    `pool ${pool}: ${state}`,
    ...list.map(({ server, why }) => `  ${server === null ? '' : `${server}: `}${why}`),
    ...(more === 0 ? [] : [`  and ${more} more`]),
    ...remaining
      .filter(({ of }) => of === 'resolver')
      .map((one) => `  ${one.server} keeps its answer for ${one.ttl} s`),
  ]);
  return [
    at === null ? 'DNS has not been checked yet: "homeport dns check"' : `checked at ${at}`,
    ...(servers.length === 0 ? [] : [table(['zone', 'server', 'state', 'serial'], servers)]),
    ...reasons,
  ].join('\n');
}

/** Prints what is known and ends with 1 unless every pool is fine. */
function showDrift(drift: Drift, output: Output): void {
  show(drift, output, driftText);
  if (drift.pools.some(({ state }) => state !== 'fine')) process.exitCode = 1;
}

const checkIt =
  ({ inHouse, actor }: Shell) =>
  (output: Output) =>
    inHouse(async (house) => {
      await checkDns(house, actor());
      showDrift(await dnsDrift(house), output);
    });

const history =
  ({ inHouse }: Shell) =>
  (output: Output) =>
    inHouse(async ({ store }) => {
      const checks = await store.dns.checks({ before: null, limit: PAGE_MAX });
      show(checks, output, () =>
        table(
          ['ended', 'fine', 'drift', 'unknown', 'pools that are not fine'],
          checks.map(({ endedAt, fine, drift, unknown, pools }) => [
            ...[endedAt, String(fine), String(drift), String(unknown)],
            pools.map(({ pool, state }) => `${pool} (${state})`).join(', '),
          ]),
        ),
      );
    });

const placeText = (target: ShownTarget) =>
  target.kind === 'rfc2136' ? `${target.server.address} port ${target.server.port}` : target.baseUrl;

const showTargets = (targets: readonly ShownTarget[], output: Output) =>
  show(targets, output, () =>
    table(
      ['zone', 'kind', 'place', 'key'],
      targets.map((one) => [
        ...[one.zone, one.kind, placeText(one)],
        one.kind === 'rfc2136' ? `${one.key.name} (${one.key.algorithm})` : 'set',
      ]),
    ),
  );

/** A target as JSON from the environment or standard input: what stands in arguments is seen by everybody. */
function givenTarget(): object {
  const text = process.env[TARGET_VARIABLE] || (process.stdin.isTTY ? '' : readFileSync(0, 'utf8'));
  if (text === '') throw invalid(`give the target as JSON, in ${TARGET_VARIABLE} or on standard input`);
  try {
    return JSON.parse(text) as object;
  } catch {
    throw invalid('the target is not JSON; give it as {"kind": "rfc2136", "server": {…}, "key": {…}}');
  }
}

const setTarget =
  ({ inHouse, actor }: Shell) =>
  (zone: string, { set, remove, ...output }: Output & { set?: boolean; remove?: boolean }) =>
    inHouse(async (house) => {
      if (remove) {
        await removeTarget(house, zone, actor());
        return print(`the target of zone ${zone} is forgotten; what is published there stays`);
      }
      if (set) return showTargets([await putTarget(house, zone, givenTarget(), actor())], output);
      showTargets(
        (await listTargets(house)).filter((one) => one.zone === zone),
        output,
      );
    });

/** `192.0.2.1`, `192.0.2.1:5353` or `[2001:db8::1]:5353`. */
function serverIn(text: string): { address: string; port?: number } {
  const match = /^(?:\[(?<v6>[^\]]+)\]|(?<v4>[^:]+))(?::(?<port>\d{1,5}))?$/.exec(text);
  const address = match?.groups?.v6 ?? match?.groups?.v4 ?? text;
  return match?.groups?.port === undefined ? { address } : { address, port: Number(match.groups.port) };
}

const settingsText = ({ resolvers, checkEveryS }: DnsSettings) =>
  [
    `resolvers: ${resolvers.map(({ address, port }) => `${address} port ${port}`).join(', ') || 'none'}`,
    checkEveryS === 0 ? 'checked only when somebody asks' : `checked every ${checkEveryS} s`,
  ].join('\n');

const resolvers =
  ({ inHouse, actor }: Shell) =>
  (servers: string[], { every, none, ...output }: Output & { every?: string; none?: boolean }) =>
    inHouse(async (house) => {
      const old = await house.store.dns.settings();
      if (servers.length === 0 && every === undefined && !none) return show(old, output, settingsText);
      const list = none ? [] : servers.length === 0 ? old.resolvers : servers.map(serverIn);
      const checkEveryS = every === undefined ? old.checkEveryS : Number(every);
      show(await putDnsSettings(house, { resolvers: list, checkEveryS }, actor()), output, settingsText);
    });

/** Adds the commands to `homeport dns`. Its own `--json` is taken wherever it stands. */
export function addDnsCommands(dns: Command, shell: Shell): void {
  const json = ['--json', 'print JSON, for programs'] as const;
  const all =
    <Flags extends Output>(run: (flags: Flags) => Promise<void>) =>
    (_flags: Flags, command: Command) =>
      run(command.optsWithGlobals<Flags>());
  dns
    .command('publish')
    .description('tell what would be changed in DNS, or with --apply change it')
    .option('--apply <digest>', 'do what was shown with this digest')
    .option('--force', 'also when more would change than is taken for meant')
    .option(...json)
    .action(all<PublishFlags>(publishIt(shell)));
  dns
    .command('check')
    .description('ask the servers of all zones and all resolvers now; ends with 1 unless every pool is fine')
    .option(...json)
    .action(all<Output>(checkIt(shell)));
  dns
    .command('drift')
    .description('tell what the last check found; ends with 1 unless every pool is fine')
    .option(...json)
    .action(all<Output>((output) => shell.inHouse(async (house) => showDrift(await dnsDrift(house), output))));
  dns
    .command('history')
    .description('list what checks found, newest first')
    .option(...json)
    .action(all<Output>(history(shell)));
  dns
    .command('targets')
    .description('list where records are published')
    .option(...json)
    .action(all<Output>((output) => shell.inHouse(async (house) => showTargets(await listTargets(house), output))));
  dns
    .command('target <zone>')
    .description('show where a zone is published, or set it')
    .option('--set', `take the target as JSON, from ${TARGET_VARIABLE} or standard input`)
    .option('--remove', 'forget the target; what is published stays')
    .option(...json)
    .action((zone: string, _flags: Output, command: Command) => setTarget(shell)(zone, command.optsWithGlobals()));
  dns
    .command('resolvers [address...]')
    .description('show or choose the resolvers that are asked, as 192.0.2.1 or [2001:db8::1]:5353')
    .option('--every <seconds>', 'how often is checked; 0 only when somebody asks')
    .option('--none', 'ask no resolver any more')
    .option(...json)
    .action((servers: string[], _flags: Output, command: Command) =>
      resolvers(shell)(servers, command.optsWithGlobals()),
    );
}
