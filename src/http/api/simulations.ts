// /api/v1/simulations and /api/v1/lints: what phones make of the records, and what is doubtful about them.
import { lintFleet } from '../../app/lints.ts';
import { simulate } from '../../app/simulate.ts';
import { simulationSchema } from '../../domain/simulation.ts';
import * as answers from './answers.ts';
import { fieldsOf, listOf, operation } from './operation.ts';

export const simulationOperations = [
  operation({
    id: 'simulate',
    method: 'post',
    path: '/simulations',
    summary: 'The share of phones that each server gets while some are lost; nothing is changed',
    needs: 'lookAtFleet',
    body: simulationSchema,
    answer: answers.simulation,
    handle: async (call) => ({ body: await simulate(call.door, fieldsOf(call)) }),
  }),
  operation({
    id: 'listLints',
    method: 'get',
    path: '/lints',
    summary: 'What is doubtful about servers and pools, errors first',
    needs: 'lookAtFleet',
    answer: listOf(answers.lint),
    handle: async ({ door }) => ({ body: { items: await lintFleet(door), next: null } }),
  }),
];
