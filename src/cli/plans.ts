// `homeport plan`, `plans`, `approve`, `apply`: which tenants should move where, looked at and then done.
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Application, applyPlan } from '../app/apply-plan.ts';
import { approvePlan, getPlan, type LookedAt, proposePlan, shownPlan, shownRecord } from '../app/plans.ts';
import { invalid } from '../domain/errors.ts';
import type { ServerLoad } from '../domain/failover.ts';
import { LOAD_UNITS } from '../domain/load.ts';
import { PAGE_MAX } from '../domain/page.ts';
import { type PlanRecord, planState } from '../domain/plan-record.ts';
import { show, table } from './print.ts';
import { confirm, type Shell } from './shell.ts';
import { parseDocument, readInput } from './tables.ts';

type Output = { json?: boolean };

const percent = (share: number | null) => (share === null ? '–' : `${Math.round(share * 1_000) / 10} %`);
const round = (load: number) => String(Math.round(load * 100) / 100);

/** The highest load with one server lost, and which that is. */
function worstLost({ whenLost }: ServerLoad): string {
  const [most] = Object.entries(whenLost).toSorted(([, one], [, other]) => other - one);
  return most === undefined ? '–' : `${round(most[1])} (${most[0]})`;
}

function loadTable(before: readonly ServerLoad[], after: readonly ServerLoad[]): string {
  const then = new Map(after.map((one) => [one.server, one]));
  const names = [...new Set([...before, ...after].map(({ server }) => server))];
  const was = new Map(before.map((one) => [one.server, one]));
  const ratio = (one: ServerLoad | undefined) =>
    one === undefined || one.capacity === null ? '–' : percent(one.load / one.capacity);
  const isOver = ({ load, capacity, whenLost }: ServerLoad) =>
    capacity !== null && Math.max(load, ...Object.values(whenLost)) > capacity * (1 + 1e-9);
  return table(
    ['server', 'capacity', 'load before', '', 'after', '', 'at worst, with one lost', ''],
    names.map((name) => {
      const [old, now] = [was.get(name), then.get(name)];
      const capacity = (now ?? old)?.capacity ?? null;
      return [
        ...[name, capacity === null ? 'not said' : String(capacity)],
        ...[
          old === undefined ? '–' : round(old.load),
          ratio(old),
          now === undefined ? '–' : round(now.load),
          ratio(now),
        ],
        ...[now === undefined ? '–' : worstLost(now), now !== undefined && isOver(now) ? 'TOO MUCH' : ''],
      ];
    }),
  );
}

function gapText({ contents }: LookedAt): string {
  const { gap, mode, proven, achieved } = contents.plan;
  if (proven) return 'proven: no plan is more even, and none as even moves fewer phones';
  const even =
    gap.worst === null
      ? 'no capacity is known'
      : `worst load ${percent(achieved.worst)}, at most ${percent(gap.worst)} above the best there can be`;
  return `${mode} plan: ${even}; phones moved at most ${percent(gap.phones)} above the fewest`;
}

const headOf = (plan: LookedAt) => {
  const { id, digest, state, expiresAt, proposedBy, proposedAt, approvedBy, appliedAt, appliedBy, belongsTo, kind } =
    plan;
  const by = [
    `proposed by ${proposedBy} at ${proposedAt}`,
    ...(approvedBy === null ? [] : [`approved by ${approvedBy}`]),
    ...(appliedAt === null ? [] : [`applied by ${appliedBy} at ${appliedAt}`]),
  ];
  return [
    `plan ${id} (${digest}), ${state}${state === 'open' && expiresAt !== null ? ` until ${expiresAt}` : ''}`,
    ...(kind === 'rollback' ? [`takes plan ${belongsTo} back`] : []),
    by.join(', '),
  ];
};

function choicesText({ choices }: LookedAt): string[] {
  if (choices.length === 0) return [];
  const rows = choices.map((one) => {
    const { tenants, phones, worstAfter } = one.summary;
    return [String(one.id), percent(worstAfter), String(phones), String(tenants)];
  });
  return ['', 'less even, with fewer moves:', table(['plan', 'worst load', 'phones', 'tenants'], rows)];
}

function planText(plan: LookedAt): string {
  const { moves, refused, infeasible, before, after, notes } = plan.contents.plan;
  const { servers, add } = plan.contents.surroundings;
  const cells = moves.map(({ tenant, from, to, phones, weight, reason }) => [
    ...[tenant, from, to, String(phones), round(weight), reason],
  ]);
  const phones = moves.reduce((sum, move) => sum + move.phones, 0);
  return [
    ...headOf(plan),
    ...infeasible.map(({ message }) => `not possible: ${message}`),
    '',
    ...(moves.length === 0 ? [] : [table(['tenant', 'from', 'to', 'phones', 'load', 'why'], cells)]),
    `${moves.length} tenants with ${phones} phones move`,
    ...servers.map(({ server, from, to }) => `server ${server} becomes ${to}; it is ${from}`),
    ...[...add.servers, ...add.pools].map(({ name }) => `${name} is added`),
    ...refused.map(({ tenant, reason }) => `tenant ${tenant} stays: it ${reason}`),
    ...['', loadTable(before, after), gapText(plan)],
    ...notes.map((note) => `note: ${note}`),
    ...choicesText(plan),
    ...(plan.rollback === null ? [] : ['', `to take it back: homeport apply ${plan.rollback.id}`]),
  ].join('\n');
}

/** What is to be done now, where something is. */
function nextText(plan: LookedAt): string {
  const { plan: made, surroundings } = plan.contents;
  const isEmpty = made.moves.length + surroundings.servers.length + surroundings.add.pools.length === 0;
  if (plan.state !== 'open' || !plan.summary.feasible || isEmpty) return '';
  const first = plan.needsApproval ? `, after somebody else has approved it: homeport approve ${plan.id}` : '';
  return `\nnothing was changed; to do it: homeport apply ${plan.id}${first}`;
}

function showPlan(plan: LookedAt, output: Output): void {
  show(shownPlan(plan), output, () => `${planText(plan)}${nextText(plan)}`);
}

type PlanFlags = Output & {
  drain?: string;
  bringBack?: string;
  remove?: string;
  exact?: boolean;
  fast?: boolean;
  maxPhones?: number;
  maxTenants?: number;
  maxShare?: number;
  evenness?: number;
  strays?: number;
  survive?: string;
  balance?: string;
  first?: string;
  load?: string;
  order?: string;
  choices?: boolean;
};

const names = (text: string | undefined) => (text ?? '').split(',').filter((name) => name !== '');
const defined = (fields: object) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

function baseOf(file: string | undefined): Record<string, object> {
  if (file === undefined) return {};
  const order = parseDocument(readInput(file));
  if (typeof order !== 'object' || order === null || Array.isArray(order)) throw invalid(`${file} holds no order`);
  return order as Record<string, object>;
}

/** The order that flags make, on top of the one in a file. */
function orderOf(flags: PlanFlags): object {
  const { order: file, exact, fast, maxPhones, maxTenants, maxShare, choices } = flags;
  if (exact && fast) throw invalid('a plan is exact or fast, not both');
  const { evenness, strays, survive, balance, first, load } = flags;
  const base = baseOf(file);
  const servers = { drain: names(flags.drain), bringBack: names(flags.bringBack), remove: names(flags.remove) };
  return {
    ...base,
    ...Object.fromEntries(Object.entries(servers).filter(([, list]) => list.length > 0)),
    goals: { ...base.goals, ...defined({ evenness, strays, survive, balance, first, load }) },
    limits: { ...base.limits, ...defined({ phones: maxPhones, tenants: maxTenants, share: maxShare }) },
    ...(exact ? { mode: 'exact' } : fast ? { mode: 'fast' } : {}),
    ...(choices === false ? { choices } : {}),
  };
}

const propose =
  ({ inHouse, actor }: Shell) =>
  (flags: PlanFlags) =>
    inHouse(async (house) => {
      const plan = await proposePlan(house, orderOf(flags), actor());
      showPlan(plan, flags);
      if (!plan.summary.feasible) process.exitCode = 1;
    });

const listText = (plans: readonly PlanRecord[], now: Date) =>
  table(
    ['plan', 'state', 'proposed', 'by', 'applied', 'by', 'tenants', 'phones', 'worst load'],
    plans.map((plan) => {
      const { id, kind, belongsTo, proposedAt, proposedBy, appliedAt, appliedBy, outcome, summary } = plan;
      return [
        ...[String(id), `${planState(plan, now)}${kind === 'rollback' ? `, takes back ${belongsTo}` : ''}`],
        ...[proposedAt, proposedBy, appliedAt ?? '', appliedBy ?? ''],
        ...[String((outcome ?? summary).tenants), String((outcome ?? summary).phones)],
        `${percent(summary.worstBefore)} → ${percent(summary.worstAfter)}`,
      ];
    }),
  );

const listPlans =
  ({ inHouse }: Shell) =>
  (id: number | undefined, output: Output) =>
    inHouse(async (house) => {
      if (id !== undefined) return showPlan(await getPlan(house, id), output);
      const plans = await house.store.plans.list({ before: null, limit: PAGE_MAX });
      const now = house.now();
      show(
        plans.map((one) => shownRecord(one, now)),
        output,
        () => listText(plans, now),
      );
    });

const approve =
  ({ inHouse, actor }: Shell) =>
  (id: number, { yes, digest, ...output }: Output & { yes?: boolean; digest?: string }) =>
    inHouse(async (house) => {
      const plan = await getPlan(house, id);
      if (!output.json) showPlan(plan, output);
      await confirm(String(id), `This approves plan ${id}.`, { yes: yes === true });
      showPlan(await approvePlan(house, id, { digest: digest ?? plan.digest }, actor()), output);
    });

type ApplyFlags = Output & { yes?: boolean; force?: boolean; only?: string; digest?: string };

const applicationText = ({ plan, tenants, phones, servers, moves, rollback }: Application) =>
  [
    `plan ${plan} is applied: ${tenants} tenants with ${phones} phones are moved`,
    ...(moves.length === 0 ? [] : [`in this order: ${moves.join(', ')}`]),
    ...servers.map(({ server, to }) => `server ${server} is ${to} now`),
    ...(rollback === null ? [] : [`to take it back: homeport apply ${rollback}`]),
  ].join('\n');

/** What is typed before so many phones move: their number, or the tenant's code when it is one. */
function questionFor(plan: LookedAt, only: readonly string[]): [string, string] {
  const moves = plan.contents.plan.moves.filter(({ tenant }) => only.length === 0 || only.includes(tenant));
  const phones = moves.reduce((sum, move) => sum + move.phones, 0);
  const [first] = moves;
  if (moves.length === 1 && first !== undefined) {
    return [first.tenant, `This moves ${phones} phones of tenant ${first.tenant} to pool ${first.to}.`];
  }
  return [String(phones), `This moves ${phones} phones of ${moves.length} tenants.`];
}

const apply =
  ({ inHouse, actor }: Shell) =>
  (id: number, { yes, force = false, only, digest, ...output }: ApplyFlags) =>
    inHouse(async (house) => {
      const plan = await getPlan(house, id);
      if (!output.json) showPlan(plan, output);
      const moves = names(only);
      const [typed, what] = questionFor(plan, moves);
      await confirm(typed, what, { yes: yes === true });
      const wish = { digest: digest ?? plan.digest, force, ...(moves.length === 0 ? {} : { moves }) };
      show(await applyPlan(house, id, wish, actor()), output, (done) => `\n${applicationText(done)}`);
    });

function numberFlag(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('must be a number');
  return value;
}

function idArgument(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError('must be the number of a plan');
  return Number(text);
}

const json = ['--json', 'print JSON, for programs'] as const;

function addPlan(homeport: Command, shell: Shell): void {
  homeport
    .command('plan')
    .description('make a plan: which tenants should move where, and why; nothing is moved')
    .option('--drain <servers>', 'empty these servers for maintenance, with commas between them')
    .option('--bring-back <servers>', 'use these servers again, with those who stood there before')
    .option('--remove <servers>', 'empty these servers for good')
    .option('--exact', 'the best plan, proven, as far as the time allows')
    .option('--fast', 'a good plan at once')
    .option('--max-phones <number>', 'move at most so many phones', numberFlag)
    .option('--max-tenants <number>', 'move at most so many tenants', numberFlag)
    .option('--max-share <share>', 'move at most this share of all phones, like 0.1', numberFlag)
    .option('--evenness <share>', 'worst loads that differ by no more count as equal, like 0.05', numberFlag)
    .option(
      '--strays <share>',
      'the share of phones that normally stands on the second best server, like 0.1',
      numberFlag,
    )
    .addOption(new Option('--survive <loss>', 'whether capacities hold with a server lost').choices(['none', 'one']))
    .addOption(new Option('--balance <state>', 'which state is made even').choices(['normal', 'lost']))
    .addOption(new Option('--first <goal>', 'what comes first').choices(['even', 'few']))
    .addOption(new Option('--load <unit>', 'what loads are counted in').choices(LOAD_UNITS))
    .option('--order <file>', 'the whole order as JSON or YAML (- for standard input); flags go before it')
    .option('--no-choices', 'do not also make plans that are less even, with fewer moves')
    .option(...json)
    .action(propose(shell));
}

export function addPlanCommands(homeport: Command, shell: Shell): void {
  addPlan(homeport, shell);
  homeport
    .command('plans')
    .description('list plans, newest first, or show one')
    .argument('[plan]', 'its number', idArgument)
    .option(...json)
    .action(listPlans(shell));
  homeport
    .command('approve')
    .description('approve a plan that somebody else has proposed')
    .argument('<plan>', 'its number', idArgument)
    .option('--digest <digest>', 'only if the plan is still this one')
    .option('--yes', 'do not ask, for scripts')
    .option(...json)
    .action(approve(shell));
  homeport
    .command('apply')
    .description('apply a plan after showing it again')
    .argument('<plan>', 'its number', idArgument)
    .option('--only <tenants>', 'make only the moves of these tenants, with commas between them')
    .option('--force', 'although it moves more phones at once than the rules allow')
    .option('--digest <digest>', 'only if the plan is still this one')
    .option('--yes', 'do not ask, for scripts')
    .option(...json)
    .action(apply(shell));
}
