// /api/v1/planning and /api/v1/loads: the rules for plans, and what tenants weigh.
import { z } from 'zod';
import { getLoad, importLoads, listLoads, putLoad, putLoads, removeLoad } from '../../app/loads.ts';
import { changePlanning } from '../../app/planning.ts';
import { measurementSchema, measurementsSchema } from '../../domain/measurement.ts';
import { planningSchema } from '../../domain/planning.ts';
import * as answers from './answers.ts';
import { fieldsOf, listOf, operation, pageAnswer, pageOf, pageQuery } from './operation.ts';

const loadReport = z.strictObject({ measured: z.number().int(), unknown: z.number().int() });

export const planningOperations = [
  operation({
    id: 'getPlanning',
    method: 'get',
    path: '/planning',
    summary: 'The rules for all plans: what loads are counted in, pins, exclusions, groups, windows, limits',
    needs: 'lookAtFleet',
    answer: answers.planning,
    handle: async ({ door }) => {
      const planning = await door.store.plans.planning();
      return { body: planning, revision: planning.revision };
    },
  }),
  operation({
    id: 'changePlanning',
    method: 'patch',
    path: '/planning',
    summary: 'Changes the rules for plans; shareMax and approval only for an owner',
    needs: 'operate',
    body: planningSchema,
    partial: true,
    long: true,
    answer: answers.planning,
    handle: async (call) => {
      const changes = { ...fieldsOf(call), revision: call.revision };
      const planning = await changePlanning(call.door, changes, call.actor);
      return { body: planning, revision: planning.revision };
    },
  }),
  operation({
    id: 'listLoads',
    method: 'get',
    path: '/loads',
    summary: 'What every tenant weighs, where the number comes from and how old it is',
    needs: 'lookAtFleet',
    query: z.object(pageQuery),
    answer: listOf(answers.tenantLoad),
    handle: async ({ door, query }) => {
      const page = pageOf(query);
      const loads = await listLoads(door, page);
      return {
        body: pageAnswer(
          loads,
          page,
          ({ tenant }) => tenant,
          (load) => load,
        ),
      };
    },
  }),
  operation({
    id: 'putLoads',
    method: 'put',
    path: '/loads',
    summary:
      'What was measured of many tenants: JSON with items, or a table (text/csv) with tenant, calls, registrations',
    needs: 'operate',
    body: measurementsSchema,
    bodyTypes: ['text/csv'],
    long: true,
    answer: loadReport,
    handle: async (call) => {
      const { door, body, actor } = call;
      if (typeof body === 'string') return { body: await importLoads(door, body, actor) };
      return { body: await putLoads(door, fieldsOf(call), actor) };
    },
  }),
  operation({
    id: 'getLoad',
    method: 'get',
    path: '/tenants/{code}/load',
    summary: 'What a tenant weighs',
    needs: 'look',
    answer: answers.tenantLoad,
    handle: async ({ door, param, actor }) => ({ body: await getLoad(door, param('code'), actor) }),
  }),
  operation({
    id: 'putLoad',
    method: 'put',
    path: '/tenants/{code}/load',
    summary: 'What was measured of a tenant: the most calls at once, registrations',
    needs: 'operate',
    body: measurementSchema,
    answer: answers.tenantLoad,
    handle: async (call) => ({ body: await putLoad(call.door, call.param('code'), fieldsOf(call), call.actor) }),
  }),
  operation({
    id: 'removeLoad',
    method: 'delete',
    path: '/tenants/{code}/load',
    summary: 'Forgets what was measured of a tenant',
    needs: 'operate',
    answer: null,
    handle: async ({ door, param, actor }) => {
      await removeLoad(door, param('code'), actor);
      return null;
    },
  }),
];
