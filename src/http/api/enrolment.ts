// /api/v1/tenants/{code}/tokens, /enrolments and /credentials, /api/v1/phones/{mac}/enrolment and /credential: how phones
// prove that they are who they say.
import { z } from 'zod';
import { enrolmentOf, listEnrolments, renewCredential } from '../../app/credentials.ts';
import { closeWindow, listWindows, openWindow, reopenPhone } from '../../app/enrolment.ts';
import { endToken, listTokens, newTokenSchema, phonesWithToken, rotateToken } from '../../app/tokens.ts';
import { reopenSchema, windowSchema } from '../../domain/enrolment.ts';
import { type Mac, macSchema } from '../../domain/mac.ts';
import { parseWith } from '../../domain/parse.ts';
import * as answers from './answers.ts';
import { type Call, fieldsOf, listOf, operation, pageAnswer, pageOf, pageQuery } from './operation.ts';

const macOf = ({ param }: Pick<Call<unknown>, 'param'>): Mac => parseWith(macSchema, param('mac'), 'the MAC address');

const idOf = ({ param }: Pick<Call<unknown>, 'param'>): number =>
  parseWith(z.coerce.number().int().positive(), param('id'), 'the number of the window');

/** The body of a write that may be left out. */
const bodyOf = (call: Call<unknown>): object => (call.body === undefined ? {} : fieldsOf(call));

export const tokenOperations = [
  operation({
    id: 'listTokens',
    method: 'get',
    path: '/tenants/{code}/tokens',
    summary: 'The tokens with which a tenant’s phones may come, the newest first; never the tokens themselves',
    needs: 'look',
    answer: listOf(answers.token),
    handle: async ({ door, param, actor }) => ({
      body: { items: await listTokens(door, param('code'), actor), next: null },
    }),
  }),
  operation({
    id: 'rotateToken',
    method: 'post',
    path: '/tenants/{code}/tokens',
    summary: 'Gives a tenant a new token; the one before stays good until oldEndsAt, or until it is ended',
    needs: 'operate',
    body: newTokenSchema,
    status: 201,
    answer: listOf(answers.token),
    handle: async (call) => ({
      body: { items: await rotateToken(call.door, call.param('code'), bodyOf(call), call.actor), next: null },
    }),
  }),
  operation({
    id: 'endToken',
    method: 'delete',
    path: '/tenants/{code}/tokens/{id}',
    summary: 'Ends an old token now',
    needs: 'operate',
    answer: null,
    handle: async ({ door, param, actor }) => {
      await endToken(door, param('code'), param('id'), actor);
      return null;
    },
  }),
  operation({
    id: 'listPhonesWithToken',
    method: 'get',
    path: '/tenants/{code}/tokens/{id}/phones',
    summary: 'The phones whose last fetch was with this token',
    needs: 'look',
    query: z.object(pageQuery),
    answer: listOf(answers.tokenUse),
    handle: async ({ door, param, actor, query }) => {
      const page = pageOf(query);
      const uses = await phonesWithToken(door, { tenant: param('code'), id: param('id') }, page, actor);
      return {
        body: pageAnswer(
          uses,
          page,
          ({ mac }) => mac,
          (use) => use,
        ),
      };
    },
  }),
];

export const enrolmentOperations = [
  operation({
    id: 'listEnrolmentWindows',
    method: 'get',
    path: '/tenants/{code}/enrolments',
    summary: 'Enrolment windows that are open or to come',
    needs: 'look',
    answer: listOf(answers.enrolmentWindow),
    handle: async ({ door, param, actor }) => ({
      body: { items: await listWindows(door, param('code'), actor), next: null },
    }),
  }),
  operation({
    id: 'openEnrolmentWindow',
    method: 'post',
    path: '/tenants/{code}/enrolments',
    summary: 'Opens a window: phones that have not proven themselves get their files and their credential, once',
    needs: 'tend',
    body: windowSchema,
    status: 201,
    answer: answers.enrolmentWindow,
    handle: async (call) => ({
      body: await openWindow(call.door, call.param('code'), bodyOf(call), call.actor),
    }),
  }),
  operation({
    id: 'closeEnrolmentWindow',
    method: 'delete',
    path: '/tenants/{code}/enrolments/{id}',
    summary: 'Closes a window now',
    needs: 'tend',
    answer: null,
    handle: async (call) => {
      await closeWindow(call.door, call.param('code'), idOf(call), call.actor);
      return null;
    },
  }),
  operation({
    id: 'listEnrolments',
    method: 'get',
    path: '/tenants/{code}/credentials',
    summary: 'How far each phone of a tenant has come: pending, handed out, enrolled; never a password',
    needs: 'look',
    query: z.object(pageQuery),
    answer: listOf(answers.enrolment),
    handle: async ({ door, param, actor, query }) => {
      const page = pageOf(query);
      const phones = await listEnrolments(door, param('code'), page, actor);
      return {
        body: pageAnswer(
          phones,
          page,
          ({ mac }) => mac,
          (phone) => phone,
        ),
      };
    },
  }),
  operation({
    id: 'getEnrolment',
    method: 'get',
    path: '/phones/{mac}/enrolment',
    summary: 'How far a phone has come: pending, handed out, enrolled',
    needs: 'look',
    answer: answers.enrolment,
    handle: async (call) => ({ body: await enrolmentOf(call.door, macOf(call), call.actor) }),
  }),
  operation({
    id: 'reopenEnrolment',
    method: 'post',
    path: '/phones/{mac}/enrolment',
    summary: 'Lets one phone come again without its credential, as after a factory reset',
    needs: 'tend',
    body: reopenSchema,
    status: 201,
    answer: answers.enrolmentWindow,
    handle: async (call) => ({ body: await reopenPhone(call.door, macOf(call), bodyOf(call), call.actor) }),
  }),
  operation({
    id: 'renewCredential',
    method: 'post',
    path: '/phones/{mac}/credential',
    summary: 'Gives a phone a new password for its fetches; the old one is good until the new one has been used',
    needs: 'tend',
    answer: answers.enrolment,
    handle: async (call) => ({ body: await renewCredential(call.door, macOf(call), call.actor) }),
  }),
];
