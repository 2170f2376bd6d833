// /api/v1/tenants with their moves and contacts.

import { z } from 'zod';
import { moveTenants } from '../../app/batch.ts';
import { loadsOf } from '../../app/loads.ts';
import { moveOrderSchema, moveTenant, previewMove } from '../../app/move-tenant.ts';
import { importContacts, listContacts, replaceContacts } from '../../app/phonebook.ts';
import { revisionOf } from '../../app/revision.ts';
import { addTenant, changeTenant, previewTenant, removeTenant } from '../../app/tenants.ts';
import type { Actor } from '../../domain/access.ts';
import { contactsSchema } from '../../domain/contact.ts';
import { notFound } from '../../domain/errors.ts';
import { parseWith } from '../../domain/parse.ts';
import { ROADS } from '../../domain/roads.ts';
import { BINDINGS, type TenantInput, tenantSchema } from '../../domain/tenant.ts';
import type { StoredTenant } from '../../store/tenants.ts';
import * as answers from './answers.ts';
import type { AdminDoor } from './door.ts';
import {
  fieldsOf,
  given,
  isPreview,
  listOf,
  lookedAt,
  newestOf,
  newestPage,
  newestQuery,
  operation,
  pageAnswer,
  pageOf,
  pageQuery,
  previewQuery,
} from './operation.ts';

const moveSchema = z.strictObject({
  pool: z.string(),
  road: z.enum(ROADS).optional(),
  revision: z.number().int().optional(),
});

/** Tenants as they are shown, each with its load. */
async function shownWith(door: AdminDoor, actor: Actor, tenants: readonly StoredTenant[]) {
  const codes = tenants.map(({ code }) => code);
  const loads = await door.store.snapshot((reads) => loadsOf(reads, codes, door.now()));
  return tenants.flatMap((tenant) => {
    const load = loads.get(tenant.code);
    if (load === undefined) return [];
    const { tenant: _tenant, pool: _pool, ...shown } = load;
    return [answers.showTenant(door.publicUrl, actor, tenant, shown)];
  });
}

/** @throws AppError `not_found` for a tenant that was removed in between */
async function shownOne(door: AdminDoor, actor: Actor, tenant: StoredTenant) {
  const [shown] = await shownWith(door, actor, [tenant]);
  if (shown === undefined) throw notFound(`tenant ${tenant.code}`);
  return shown;
}

export const tenantOperations = [
  operation({
    id: 'listTenants',
    method: 'get',
    path: '/tenants',
    summary: 'Tenants, in the order of their codes; search finds parts of a code, a name or a SIP domain',
    needs: 'look',
    query: z.object({
      ...pageQuery,
      pool: z.string().optional(),
      binding: z.enum(BINDINGS).optional(),
      search: z.string().min(1).max(100).optional(),
    }),
    answer: listOf(answers.tenant),
    handle: async ({ door, actor, query }) => {
      const page = pageOf(query);
      const { limit: _limit, cursor: _cursor, ...filter } = query;
      const tenants = await door.store.tenants.list(actor.scope, { ...page, ...given(filter) });
      const shown = await shownWith(door, actor, tenants);
      return {
        body: pageAnswer(
          shown,
          page,
          ({ code }) => code,
          (tenant) => tenant,
        ),
      };
    },
  }),
  operation({
    id: 'addTenant',
    method: 'post',
    path: '/tenants',
    summary: 'Adds a tenant',
    needs: 'operate',
    body: tenantSchema,
    status: 201,
    answer: answers.tenant,
    handle: async ({ door, body, actor }) => ({
      body: await shownOne(door, actor, await addTenant(door, body, actor)),
    }),
  }),
  operation({
    id: 'getTenant',
    method: 'get',
    path: '/tenants/{code}',
    summary: 'One tenant',
    needs: 'look',
    answer: answers.tenant,
    handle: async ({ door, param, actor }) => {
      const tenant = await door.store.tenants.get(actor.scope, param('code'));
      return { body: await shownOne(door, actor, tenant), revision: tenant.revision };
    },
  }),
  operation({
    id: 'changeTenant',
    method: 'patch',
    path: '/tenants/{code}',
    summary: 'Changes a tenant, but for its pool: that is a move',
    needs: 'tend',
    body: tenantSchema,
    partial: true,
    query: previewQuery,
    preview: answers.impact,
    answer: answers.tenant,
    handle: async (call) => {
      const changes = { ...(fieldsOf(call) as Partial<TenantInput>), revision: call.revision };
      if (isPreview(call.query)) {
        return lookedAt(await previewTenant(call.door, call.param('code'), changes, call.actor));
      }
      const tenant = await changeTenant(call.door, call.param('code'), changes, call.actor);
      return { body: await shownOne(call.door, call.actor, tenant), revision: tenant.revision };
    },
  }),
  operation({
    id: 'removeTenant',
    method: 'delete',
    path: '/tenants/{code}',
    summary: 'Removes a tenant that has no phones',
    needs: 'operate',
    answer: null,
    handle: async ({ door, param, actor, revision }) => {
      await removeTenant(door, param('code'), actor, revision);
      return null;
    },
  }),
  operation({
    id: 'listMoves',
    method: 'get',
    path: '/tenants/{code}/moves',
    summary: 'The moves of a tenant, newest first',
    needs: 'look',
    query: z.object(newestQuery),
    answer: listOf(answers.move),
    handle: async ({ door, param, actor, query }) => {
      const tenant = await door.store.tenants.get(actor.scope, param('code'));
      return { body: newestPage(await door.store.moves.list(tenant.code, newestOf(query)), query) };
    },
  }),
  operation({
    id: 'moveTenant',
    method: 'post',
    path: '/tenants/{code}/moves',
    summary: 'Moves a tenant to another pool; with preview=1 tells what that would do',
    needs: 'operate',
    body: moveSchema,
    query: previewQuery,
    preview: answers.movePreview,
    status: 201,
    answer: answers.moveReport,
    handle: async (call) => {
      const chosen = parseWith(moveSchema, fieldsOf(call), 'the move');
      const order = { tenant: call.param('code'), ...chosen, revision: call.revision };
      if (isPreview(call.query)) return lookedAt(await previewMove(call.door, order, call.actor));
      return { body: await moveTenant(call.door, order, call.actor) };
    },
  }),
];

const movesSchema = z.strictObject({ items: z.array(moveOrderSchema).readonly() });

export const moveOperations = [
  operation({
    id: 'moveTenants',
    method: 'post',
    path: '/moves',
    summary: 'Moves many tenants, all of them or none',
    needs: 'operate',
    body: movesSchema,
    status: 201,
    answer: listOf(answers.moveReport),
    handle: async (call) => {
      const { items } = parseWith(movesSchema, fieldsOf(call), 'the moves');
      return { body: { items: await moveTenants(call.door, items, call.actor), next: null } };
    },
  }),
];

export const contactOperations = [
  operation({
    id: 'listContacts',
    method: 'get',
    path: '/tenants/{code}/contacts',
    summary: 'What stands in a tenant’s phonebook beside the lines of its phones',
    needs: 'look',
    answer: listOf(answers.contact),
    handle: async ({ door, param, actor }) => {
      const items = await listContacts(door, param('code'), actor);
      return { body: { items, next: null }, revision: revisionOf(items) };
    },
  }),
  operation({
    id: 'replaceContacts',
    method: 'put',
    path: '/tenants/{code}/contacts',
    summary: 'Replaces the contacts: a JSON object with items, or a table (text/csv) with name, work, mobile, home',
    needs: 'tend',
    body: z.strictObject({ items: contactsSchema }),
    bodyTypes: ['text/csv'],
    answer: listOf(answers.contact),
    handle: async (call) => {
      const { door, param, actor, body } = call;
      const items =
        typeof body === 'string'
          ? await importContacts(door, param('code'), body, actor, call.revision)
          : await replaceContacts(door, param('code'), fieldsOf(call).items, actor, call.revision);
      return { body: { items, next: null }, revision: revisionOf(items) };
    },
  }),
];
