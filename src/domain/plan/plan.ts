// The planner: which tenants should move where, with a reason for each, and how far that is from the best there can be.
import { failoverOf, type Placement } from '../failover.ts';
import { weightOf } from '../load.ts';
import { Field } from './assignment.ts';
import {
  type Achieved,
  evennessFor,
  type Fleet,
  type Gap,
  type Infeasible,
  type Plan,
  type PlannedMove,
  type PlanOrder,
} from './goals.ts';
import { type Problem, problemOf } from './problem.ts';
import { type Budget, type Found, measure, NO_BUDGET, rowLoads, type Solved, solveEven, solveFew } from './solve.ts';
import { orderSteps, type Step } from './steps.ts';

/** Everything that a mode needs to plan; the same for each of them. */
export type Task = {
  readonly given: Fleet;
  readonly order: PlanOrder;
  readonly problem: Problem;
  readonly field: Field;
  readonly budget: Budget;
  readonly first: 'even' | 'few';
  /** Share by which worst ratios may differ and count as equal. */
  readonly evenness: number;
};

/**
 * The task that an order sets. The order of the lists plays no part.
 * @throws AppError `invalid` for names that do not exist and for orders that contradict themselves
 */
export function taskOf(given: Fleet, order: PlanOrder, now: Date): Task {
  const problem = problemOf(given, order, now);
  const { phones, tenants, share } = order.limits;
  const all = problem.tenants.reduce((sum, tenant) => sum + tenant.phones, 0);
  const most = Math.min(
    phones ?? Number.POSITIVE_INFINITY,
    share === null ? Number.POSITIVE_INFINITY : Math.floor(share * all + 1e-9),
  );
  const limited = most !== Number.POSITIVE_INFINITY || tenants !== null;
  const emptied = order.drain.length + order.remove.length > 0;
  return {
    ...{ given, order, problem, field: new Field(problem) },
    evenness: evennessFor(order.goals, problem.tenants.length),
    budget: limited ? { phones: most, tenants: tenants ?? Number.POSITIVE_INFINITY } : NO_BUDGET,
    first: order.goals.first ?? (emptied ? 'few' : 'even'),
  };
}

/** The fast answer to a task, as numbers. */
export function solveFast({ problem, field, evenness, budget, first }: Task): Solved {
  const solve = first === 'few' ? solveFew : solveEven;
  return solve(problem, field, evenness, budget);
}

/**
 * A plan by greedy choice and local search, with its distance from proven bounds. The same input gives the same plan.
 * @throws AppError `invalid` for names that do not exist and for orders that contradict themselves
 */
export function planFast(given: Fleet, order: PlanOrder, now: Date): Plan {
  const task = taskOf(given, order, now);
  if (task.problem.infeasible.length > 0) return impossiblePlan(task, task.problem.infeasible);
  const solved = solveFast(task);
  if (solved.found === null) return impossiblePlan(task, [whyNot(task, solved)]);
  return planOf(task, solved, { mode: 'fast', proven: null });
}

/** How even and how cheap plans are offered: shares by which the worst ratio may be above the lowest. */
const EVENNESS_STEPS = [0.02, 0.05, 0.1, 0.25, 0.5, 1];

/** A few plans to choose from, the most even first; each of the others moves fewer phones. */
export function choicesOf(given: Fleet, order: PlanOrder, now: Date): Plan[] {
  const plans: Plan[] = [];
  const least = evennessFor(order.goals, given.tenants.length);
  for (const step of [least, ...EVENNESS_STEPS]) {
    if (step < least) continue;
    const goals = { ...order.goals, evenness: step, first: 'even' as const };
    const plan = planFast(given, { ...order, goals }, now);
    const last = plans.at(-1);
    if (plan.infeasible.length > 0) return plans.length === 0 ? [plan] : plans;
    if (last === undefined || plan.achieved.phones < last.achieved.phones) plans.push(plan);
    if (plan.achieved.phones === 0) break;
  }
  return plans;
}

const placementsOf = ({ tenants }: Pick<Fleet, 'tenants'>): Placement[] =>
  tenants.map(({ tenant, pool, load }) => ({ tenant, pool, weight: weightOf(load) }));

const viewsOf = ({ given, order, problem }: Task, at: ReadonlyMap<string, string>) => {
  const [servers, pools] = [
    [...given.servers, ...order.add.servers],
    [...given.pools, ...order.add.pools],
  ];
  const placements = placementsOf(problem);
  const moved = placements.map((one) => ({ ...one, pool: at.get(one.tenant) ?? one.pool }));
  const sorted = servers.toSorted((one, other) => (one.name < other.name ? -1 : 1));
  const { strays } = order.goals;
  return {
    before: failoverOf(sorted, pools, placements, strays),
    after: failoverOf(problem.servers, pools, moved, strays),
  };
};

/** Bounds are rounded down a little, so that they hold: what is no more above one than that is at it. */
const ROUNDED = 1e-8;
const shareOver = (value: number, bound: number) =>
  value <= bound * (1 + ROUNDED) ? 0 : bound > 0 ? value / bound - 1 : 1;

/** The numbers as a plan that people can read. */
export function planOf(
  task: Task,
  { found, worstBound, phonesBound }: Solved & { found: Found | null },
  { mode, proven }: Pick<Plan, 'mode' | 'proven'>,
): Plan {
  if (found === null) throw new Error('assertion failed: only what was found can be a plan');
  const { problem, field } = task;
  const { steps, unsafe } = orderSteps(problem, field, found.at);
  const moves = movesOf(task, found, steps);
  const hasCapacity = problem.servers.some(({ capacity }) => capacity !== null);
  const tenantOf = ({ tenant }: Step) => problem.tenants[tenant]?.tenant ?? '';
  const achieved: Achieved = { worst: hasCapacity ? found.worst : null, phones: found.phones, tenants: found.tenants };
  const bound: Achieved = {
    worst: hasCapacity ? worstBound : null,
    phones: phonesBound,
    tenants: phonesBound > 0 ? 1 : 0,
  };
  const gap: Gap = {
    worst: hasCapacity ? shareOver(found.worst, worstBound) : null,
    phones: shareOver(found.phones, phonesBound),
  };
  return {
    ...{ mode, proven, moves, refused: problem.refused, infeasible: [], achieved, bound, gap },
    ...viewsOf(task, new Map(moves.map(({ tenant, to }) => [tenant, to]))),
    notes: [
      ...problem.notes,
      ...uncoveredNotes(task, found.at),
      ...(unsafe.length === 0
        ? []
        : [
            `no order of the moves keeps every limit all the time: it is broken for a while by ${unsafe.map(tenantOf).join(', ')}`,
          ]),
    ],
  };
}

/** Pools that carry tenants and have no server left when their primary is lost. */
function uncoveredNotes({ problem: { pools, servers, items } }: Task, at: Int32Array): string[] {
  const active = new Set(servers.filter(({ state }) => state === 'active').map(({ name }) => name));
  const used = new Set(items.map((_, item) => at[item] ?? -1));
  return pools.flatMap(({ name, targets }, index) => {
    const left = new Set(targets.filter(({ server }) => active.has(server)).map(({ server }) => server));
    return used.has(index) && left.size < 2
      ? [
          `pool ${name} has no backup server in use: when ${[...left].join() || 'its server'} is lost, its tenants have no service`,
        ]
      : [];
  });
}

const percent = (ratio: number) => `${Math.round(ratio * 1000) / 10} %`;

function movesOf({ problem, field }: Task, found: Found, steps: readonly Step[]): PlannedMove[] {
  const { tenants, pools, items, rows, leaves } = problem;
  const [start, end] = [rowLoads(problem, field.homes), rowLoads(problem, found.at)];
  const together = new Set(items.flatMap(({ members }) => (members.length > 1 ? members : [])));
  const rowsAt = pools.map(() => [] as number[]);
  rows.forEach((row, index) => {
    for (const pool of row.pools) rowsAt[pool]?.push(index);
  });
  const reasonFor = ({ tenant, from, to }: Step): string => {
    const must = leaves[tenant];
    if (typeof must === 'string') return must;
    if (together.has(tenant)) return `stands together with others of its group on pool ${pools[to]?.name}`;
    let best = '';
    let most = 0;
    for (const index of rowsAt[from] ?? []) {
      const row = rows[index];
      const [load, then] = [start[index] ?? 0, end[index] ?? 0];
      if (row === undefined || then >= load) continue;
      const when = row.lost === null ? '' : `with ${row.lost} lost, `;
      if (load > row.capacity * (1 + 1e-9) && load / row.capacity + 1e6 > most) {
        most = load / row.capacity + 1e6;
        best = `${when}server ${row.server} would bear ${round(load)} of ${round(row.capacity)}`;
      } else if (row.evenBy > 0 && load / row.evenBy > most) {
        most = load / row.evenBy;
        best = `takes load off server ${row.server}: ${when}${percent(load / row.evenBy)} before, ${percent(then / row.evenBy)} after all moves`;
      }
    }
    return best || `makes room on pool ${pools[from]?.name} for others`;
  };
  return steps.flatMap((step) => {
    const one = tenants[step.tenant];
    const [from, to] = [pools[step.from]?.name, pools[step.to]?.name];
    if (one === undefined || from === undefined || to === undefined) return [];
    return [{ tenant: one.tenant, from, to, weight: weightOf(one.load), phones: one.phones, reason: reasonFor(step) }];
  });
}

const round = (load: number) => Math.round(load * 100) / 100;

/** A plan that moves nobody, with why. */
export function impossiblePlan(task: Task, infeasible: readonly Infeasible[]): Plan {
  const { problem, field } = task;
  const { worst } = measure(problem, field.homes);
  const known = problem.servers.some(({ capacity }) => capacity !== null) ? worst : null;
  const achieved = { worst: known, phones: 0, tenants: 0 };
  return {
    ...{ mode: 'fast', proven: null, moves: [], refused: problem.refused, infeasible },
    ...{ achieved, bound: achieved, gap: { worst: known === null ? null : 0, phones: 0 }, notes: problem.notes },
    ...viewsOf(task, new Map()),
  };
}

/** What stands in the way of every plan, and what would help at least. */
export function whyNot(task: Task, { phonesBound, impossible }: Solved): Infeasible {
  const { problem, field, budget } = task;
  const relaxed = relaxedOf(problem);
  const hard = solveEven(relaxed, field.problem === relaxed ? field : new Field(relaxed), 0, NO_BUDGET);
  const needed = hard.found?.worst ?? Number.POSITIVE_INFINITY;
  if (needed <= 1 + 1e-9) {
    const free = solveFew(problem, field, 0, NO_BUDGET).found;
    const [phones, tenants] = [free?.phones ?? phonesBound, free?.tenants ?? 0];
    const by = phones > budget.phones ? phones - budget.phones : Math.max(0, tenants - budget.tenants);
    const limit = [
      ...(budget.phones === Number.POSITIVE_INFINITY ? [] : [`${budget.phones} phones`]),
      ...(budget.tenants === Number.POSITIVE_INFINITY ? [] : [`${budget.tenants} tenants`]),
    ].join(' and ');
    const message =
      `the limit of ${limit} is too small: the plan that moves least moves ${phones} phones of ${tenants} tenants. ` +
      'Allow that many, or give up a goal.';
    return { constraint: 'limits', by, proven: impossible, message };
  }
  return tooSmall(problem, hard, field);
}

/** The problem in which capacities are what is to be kept low: how far above them is needed. */
function relaxedOf(problem: Problem): Problem {
  const infinite = Number.POSITIVE_INFINITY;
  const rows = problem.rows.map((row) => ({
    ...row,
    capacity: infinite,
    evenBy: row.capacity === infinite ? 0 : row.capacity,
  }));
  return { ...problem, rows };
}

function tooSmall(problem: Problem, { found, worstBound }: Solved, field: Field): Infeasible {
  const at = found?.at ?? field.homes;
  const loads = rowLoads(problem, at);
  let [row, most] = [-1, 0];
  problem.rows.forEach(({ capacity, lost: gone }, index) => {
    // Of two that are as bad the one with a server lost: the other comes of it.
    const ratio = ((loads[index] ?? 0) / capacity) * (gone === null ? 1 : 1 + ROUNDED);
    if (ratio > most) [row, most] = [index, ratio];
  });
  const { server = '', lost = null, capacity = 0 } = problem.rows[row] ?? {};
  const by = (loads[row] ?? 0) - capacity;
  const state = lost === null ? '' : ` with ${lost} lost`;
  return {
    constraint: lost === null ? 'capacity' : 'lost',
    by,
    proven: worstBound > 1 + 1e-9,
    message:
      `even in the best distribution that was found, server ${server} would bear ${round(loads[row] ?? 0)} of ` +
      `${capacity}${state}, ${round(by)} too much. Give every server ${percent((loads[row] ?? 0) / capacity - 1)} more capacity` +
      `${lost === null ? ', or move load elsewhere' : ', or do without this goal (survive: none)'}.`,
  };
}
