// /api/v1/session, /api/v1/users, /api/v1/keys and /api/v1/audit: who comes in, and what they did.
import { z } from 'zod';
import { AUDIT_FORMATS, exportAudit } from '../../app/export-audit.ts';
import { addApiKey, addUser, changeUser, removeApiKey, removeUser } from '../../app/people.ts';
import { revisionOf } from '../../app/revision.ts';
import { signIn, signOut } from '../../app/sign-in.ts';
import type { Actor } from '../../domain/access.ts';
import { auditFilterFields } from '../../domain/audit.ts';
import { notFound } from '../../domain/errors.ts';
import { parseWith } from '../../domain/parse.ts';
import { apiKeySchema, passwordSchema, userSchema } from '../../domain/people.ts';
import type { StoredApiKey } from '../../store/api-keys.ts';
import { clientAddress } from '../address.ts';
import { clearSession, sessionOf, setSession } from '../session.ts';
import * as answers from './answers.ts';
import {
  fieldsOf,
  given,
  listOf,
  newestOf,
  newestPage,
  newestQuery,
  operation,
  shortAnswer,
  shortQuery,
} from './operation.ts';

const [CSV, JSON_LINES] = ['text/csv', 'application/x-ndjson'];

const signInSchema = z.strictObject({ name: z.string().max(64), password: z.string().max(256) });
const newUserSchema = z.strictObject({ ...userSchema.unwrap().shape, password: passwordSchema });

const showActor = ({ name, role, scope }: Actor) => ({
  name,
  role,
  tenants: scope.kind === 'tenants' ? scope.codes : [],
});
const showKey = ({ secretHash: _hash, ...key }: StoredApiKey) => key;

export const sessionOperations = [
  operation({
    id: 'signIn',
    method: 'post',
    path: '/session',
    summary: 'Signs a person in; the session stands in a cookie',
    needs: null,
    body: signInSchema,
    status: 201,
    answer: answers.whoIAm,
    handle: async ({ door, body, request, response }) => {
      const given = parseWith(signInSchema, body, 'the sign-in');
      const { session, user } = await signIn(door, door.attempts, given, clientAddress(request));
      setSession(door, response, session);
      return { body: { name: `user:${user.name}`, role: user.role, tenants: user.tenants } };
    },
  }),
  operation({
    id: 'getSession',
    method: 'get',
    path: '/session',
    summary: 'Who I am',
    needs: 'look',
    answer: answers.whoIAm,
    handle: async ({ actor }) => ({ body: showActor(actor) }),
  }),
  operation({
    id: 'signOut',
    method: 'delete',
    path: '/session',
    summary: 'Ends the session',
    needs: 'look',
    answer: null,
    handle: async ({ door, actor, request, response }) => {
      const session = sessionOf(door, request);
      if (session !== null) await signOut(door, session, actor);
      clearSession(door, response);
      return null;
    },
  }),
];

export const userOperations = [
  operation({
    id: 'listUsers',
    method: 'get',
    path: '/users',
    summary: 'People who may come in',
    needs: 'own',
    query: shortQuery,
    answer: listOf(answers.user),
    handle: async ({ door, query }) => ({
      body: shortAnswer(await door.store.users.list(), query, ({ name }) => name),
    }),
  }),
  operation({
    id: 'addUser',
    method: 'post',
    path: '/users',
    summary: 'Adds a person',
    needs: 'own',
    body: newUserSchema,
    status: 201,
    answer: answers.user,
    handle: async ({ door, body, actor }) => ({ body: await addUser(door, body, actor) }),
  }),
  operation({
    id: 'getUser',
    method: 'get',
    path: '/users/{name}',
    summary: 'One person',
    needs: 'own',
    answer: answers.user,
    handle: async ({ door, param }) => {
      const user = await door.store.users.find(param('name'));
      if (user === null) throw notFound(`user ${param('name')}`);
      return { body: user, revision: revisionOf(user) };
    },
  }),
  operation({
    id: 'changeUser',
    method: 'patch',
    path: '/users/{name}',
    summary: 'Changes a person; a new password or another role ends all sessions',
    needs: 'own',
    body: newUserSchema,
    partial: true,
    answer: answers.user,
    handle: async (call) => {
      const changes = { ...fieldsOf(call), revision: call.revision };
      const user = await changeUser(call.door, call.param('name'), changes, call.actor);
      return { body: user, revision: revisionOf(user) };
    },
  }),
  operation({
    id: 'removeUser',
    method: 'delete',
    path: '/users/{name}',
    summary: 'Removes a person',
    needs: 'own',
    answer: null,
    handle: async ({ door, param, actor, revision }) => {
      await removeUser(door, param('name'), actor, revision);
      return null;
    },
  }),
  operation({
    id: 'listKeys',
    method: 'get',
    path: '/keys',
    summary: 'Programs’ keys, without the keys themselves',
    needs: 'own',
    query: shortQuery,
    answer: listOf(answers.apiKey),
    handle: async ({ door, query }) => ({
      body: shortAnswer((await door.store.apiKeys.list()).map(showKey), query, ({ id }) => id),
    }),
  }),
  operation({
    id: 'addKey',
    method: 'post',
    path: '/keys',
    summary: 'Makes a key; it is in this answer and never again',
    needs: 'own',
    body: apiKeySchema,
    status: 201,
    answer: answers.newApiKey,
    handle: async ({ door, body, actor }) => ({ body: await addApiKey(door, body, actor) }),
  }),
  operation({
    id: 'removeKey',
    method: 'delete',
    path: '/keys/{id}',
    summary: 'Removes a key',
    needs: 'own',
    answer: null,
    handle: async ({ door, param, actor }) => {
      await removeApiKey(door, param('id'), actor);
      return null;
    },
  }),
];

export const auditOperations = [
  operation({
    id: 'listAudit',
    method: 'get',
    path: '/audit',
    summary: 'Who changed what, newest first',
    needs: 'look',
    query: z.object({
      ...newestQuery,
      ...auditFilterFields,
    }),
    answer: listOf(answers.auditEntry),
    handle: async ({ door, actor, query }) => {
      const { limit: _limit, cursor: _cursor, ...filter } = query;
      const items = await door.store.audit.list(actor.scope, { ...newestOf(query), ...given(filter) });
      return { body: newestPage(items, query) };
    },
  }),
  operation({
    id: 'exportAudit',
    method: 'get',
    path: '/exports/audit',
    summary:
      'The audit in full, oldest first: a table, or JSON lines with Accept: application/x-ndjson or format=jsonl',
    needs: 'look',
    query: z.object({ format: z.enum(AUDIT_FORMATS).optional(), ...auditFilterFields }),
    answer: null,
    answerTypes: [CSV, JSON_LINES],
    handle: async ({ door, actor, request, query: { format, ...filter } }) => {
      const wanted = format ?? (request.accepts([CSV, JSON_LINES]) === JSON_LINES ? 'jsonl' : 'csv');
      const stream = exportAudit(door, { format: wanted, ...given(filter) }, actor);
      return { type: wanted === 'jsonl' ? JSON_LINES : CSV, stream };
    },
  }),
];
