// /api/v1/plans: a plan is proposed, looked at, approved and applied.
import { z } from 'zod';
import { applicationSchema, appliedPlan, applyPlan } from '../../app/apply-plan.ts';
import { approvalSchema, approvePlan, getPlan, proposePlan, shownPlan, shownRecord } from '../../app/plans.ts';
import { parseWith } from '../../domain/parse.ts';
import { planOrderSchema } from '../../domain/plan/goals.ts';
import { PLAN_KINDS, PLAN_STATES } from '../../domain/plan-record.ts';
import { SERVER_STATES } from '../../domain/server.ts';
import * as answers from './answers.ts';
import { fieldsOf, listOf, newestOf, newestPage, newestQuery, operation } from './operation.ts';

const id = z.number().int();
const moment = z.iso.datetime();
const count = z.number().int();

const summary = z.strictObject({
  tenants: count,
  phones: count,
  /** The highest load of a server by its capacity; null when no capacity is known. */
  worstBefore: z.number().nullable(),
  worstAfter: z.number().nullable(),
  feasible: z.boolean(),
});

const serverChange = z.strictObject({ server: z.string(), from: z.enum(SERVER_STATES), to: z.enum(SERVER_STATES) });

const outcome = z.strictObject({
  /** Tenants in the order in which they were moved. */
  moves: z.array(z.string()).readonly(),
  tenants: count,
  phones: count,
  forced: z.boolean(),
  servers: z.array(serverChange).readonly(),
  /** Servers that were not in use any more when the tenants moved. */
  emptied: z.array(z.string()).readonly(),
  after: answers.serverLoads,
  /** The plan that takes this one back. */
  rollback: id.nullable(),
});

const shortFields = {
  id,
  kind: z.enum(PLAN_KINDS),
  state: z.enum(PLAN_STATES),
  belongsTo: id.nullable(),
  digest: z.string(),
  revision: z.number().int(),
  summary,
  proposedAt: moment,
  proposedBy: z.string(),
  expiresAt: moment.nullable(),
  approvedAt: moment.nullable(),
  approvedBy: z.string().nullable(),
  appliedAt: moment.nullable(),
  appliedBy: z.string().nullable(),
};
const short = z.strictObject(shortFields);

const achieved = z.strictObject({ worst: z.number().nullable(), phones: z.number(), tenants: z.number() });

const plan = z.strictObject({
  ...shortFields,
  needsApproval: z.boolean(),
  mode: z.enum(['fast', 'exact']),
  /** Did the exact mode prove that nothing is better? */
  proven: z.boolean().nullable(),
  moves: z
    .array(
      z.strictObject({
        tenant: z.string(),
        from: z.string(),
        to: z.string(),
        weight: z.number(),
        phones: count,
        reason: z.string(),
      }),
    )
    .readonly(),
  refused: z.array(z.strictObject({ tenant: z.string(), reason: z.string() })).readonly(),
  infeasible: z
    .array(z.strictObject({ constraint: z.string(), by: z.number(), proven: z.boolean(), message: z.string() }))
    .readonly(),
  before: answers.serverLoads,
  after: answers.serverLoads,
  achieved,
  /** Nothing that keeps the limits is below this. */
  bound: achieved,
  gap: z.strictObject({ worst: z.number().nullable(), phones: z.number() }),
  notes: z.array(z.string()).readonly(),
  /** What the application changes beside the moves. */
  servers: z.array(serverChange).readonly(),
  add: z.strictObject({ servers: z.array(answers.server).readonly(), pools: z.array(answers.pool).readonly() }),
  order: z.unknown(),
  choices: z.array(short).readonly(),
  rollback: short.nullable(),
  outcome: outcome.nullable(),
});

const application = z.strictObject({
  plan: id,
  digest: z.string(),
  appliedAt: moment,
  appliedBy: z.string(),
  ...outcome.shape,
  rollbackDigest: z.string().nullable(),
});

const idSchema = z.strictObject({ id: z.coerce.number().int().min(1) });
const idIn = (param: (name: string) => string) => parseWith(idSchema, { id: param('id') }, 'the path').id;

export const planOperations = [
  operation({
    id: 'listPlans',
    method: 'get',
    path: '/plans',
    summary: 'Plans, newest first: who proposed, approved and applied them, and what they reach',
    needs: 'lookAtFleet',
    query: z.object(newestQuery),
    answer: listOf(short),
    handle: async ({ door, query }) => {
      const now = door.now();
      const plans = await door.store.plans.list(newestOf(query));
      return {
        body: newestPage(
          plans.map((one) => shownRecord(one, now)),
          query,
        ),
      };
    },
  }),
  operation({
    id: 'proposePlan',
    method: 'post',
    path: '/plans',
    summary: 'Makes a plan: which tenants should move where, with reasons, loads and bounds; nothing is moved',
    needs: 'operate',
    body: z.strictObject({ ...planOrderSchema.unwrap().shape, choices: z.boolean().default(true) }),
    status: 201,
    answer: plan,
    handle: async (call) => ({
      body: shownPlan(await proposePlan(call.door, fieldsOf(call), call.actor)),
    }),
  }),
  operation({
    id: 'getPlan',
    method: 'get',
    path: '/plans/{id}',
    summary: 'A plan with its moves, its loads before and after, and what became of it',
    needs: 'lookAtFleet',
    answer: plan,
    handle: async ({ door, param }) => ({ body: shownPlan(await getPlan(door, idIn(param))) }),
  }),
  operation({
    id: 'approvePlan',
    method: 'post',
    path: '/plans/{id}/approval',
    summary: 'Approves a plan that somebody else has proposed',
    needs: 'operate',
    body: approvalSchema,
    status: 201,
    answer: plan,
    handle: async (call) => {
      const approved = await approvePlan(call.door, idIn(call.param), fieldsOf(call), call.actor);
      return { body: shownPlan(approved) };
    },
  }),
  operation({
    id: 'getApplication',
    method: 'get',
    path: '/plans/{id}/application',
    summary: 'What the application of a plan did: its moves in their order',
    needs: 'lookAtFleet',
    answer: application,
    handle: async ({ door, param }) => ({ body: await appliedPlan(door, idIn(param)) }),
  }),
  operation({
    id: 'applyPlan',
    method: 'post',
    path: '/plans/{id}/application',
    summary: 'Applies a plan as it was shown, all of it or the moves that are named; one that takes another back too',
    needs: 'operate',
    body: applicationSchema,
    status: 201,
    answer: application,
    handle: async (call) => ({ body: await applyPlan(call.door, idIn(call.param), fieldsOf(call), call.actor) }),
  }),
];
