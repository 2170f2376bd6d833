// /api/v1/imports and /api/v1/exports: tables of phones and tenants.
import { z } from 'zod';
import { exportPhones, exportTenants } from '../../app/exports.ts';
import { importPhones } from '../../app/import-phones.ts';
import { importTenants } from '../../app/import-tenants.ts';
import { isPhoneTable } from '../../app/phone-table.ts';
import { bringState, exportState, stateSchema } from '../../app/state.ts';
import { may } from '../../domain/access.ts';
import { AppError, invalid } from '../../domain/errors.ts';
import * as answers from './answers.ts';
import { fieldsOf, listOf, operation } from './operation.ts';

const flag = z.enum(['0', '1']).optional();

export const importOperations = [
  operation({
    id: 'importTable',
    method: 'post',
    path: '/imports',
    summary: 'Brings in a table of phones (with a column mac) or of tenants (with a column code); preview=1 only looks',
    needs: 'tend',
    query: z.object({ preview: flag, skipBad: flag, tenant: z.string().optional() }),
    bodyTypes: ['text/csv'],
    answer: answers.importReport,
    handle: async ({ door, actor, body, query }) => {
      if (typeof body !== 'string') throw invalid('send a table as text/csv');
      const { preview, skipBad, tenant = null } = query;
      const options = { preview: preview === '1', skipBad: skipBad === '1', tenant };
      if (isPhoneTable(body)) return { body: await importPhones(door, body, options, actor) };
      if (!may(actor.role, 'operate')) throw new AppError('forbidden', `The role ${actor.role} may not add tenants.`);
      return { body: await importTenants(door, body, options, actor) };
    },
  }),
  operation({
    id: 'exportPhones',
    method: 'get',
    path: '/exports/phones',
    summary: 'All phones as a table; with reveal=1 and the right to own also their passwords',
    needs: 'look',
    query: z.object({ reveal: flag, tenant: z.string().optional() }),
    answer: null,
    answerTypes: ['text/csv'],
    handle: async ({ door, actor, query: { reveal, tenant = null } }) => {
      if (reveal === '1' && !may(actor.role, 'own')) {
        throw new AppError('forbidden', `The role ${actor.role} may not see passwords.`);
      }
      const content = await exportPhones(door, { reveal: reveal === '1', tenant }, actor);
      return { type: 'text/csv', content };
    },
  }),
  operation({
    id: 'exportTenants',
    method: 'get',
    path: '/exports/tenants',
    summary: 'All tenants as a table',
    needs: 'look',
    answer: null,
    answerTypes: ['text/csv'],
    handle: async ({ door, actor }) => ({ type: 'text/csv', content: await exportTenants(door, actor) }),
  }),
  operation({
    id: 'exportState',
    method: 'get',
    path: '/exports/state',
    summary: 'Everything that people have chosen, as one document; with reveal=1 and the right to own also the secrets',
    needs: 'lookAtFleet',
    query: z.object({ reveal: flag }),
    answer: answers.state,
    handle: async ({ door, actor, query: { reveal } }) => {
      if (reveal === '1' && !may(actor.role, 'own')) {
        throw new AppError('forbidden', `The role ${actor.role} may not see passwords.`);
      }
      return { body: await exportState(door, { reveal: reveal === '1' }, actor) };
    },
  }),
  operation({
    id: 'importState',
    method: 'post',
    path: '/imports/state',
    summary: 'What a document would change; with apply=1 does it, with prune=1 also removes what it does not name',
    needs: 'operate',
    query: z.object({ apply: flag, prune: flag }),
    body: stateSchema,
    long: true,
    answer: listOf(answers.step),
    handle: async (call) => {
      const { apply, prune } = call.query;
      const options = { apply: apply === '1', prune: prune === '1' };
      return { body: { items: await bringState(call.door, fieldsOf(call), options, call.actor), next: null } };
    },
  }),
];
