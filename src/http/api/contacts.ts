// /api/v1/tenants/{code}/contacts: what stands in a tenant's phonebook beside the lines of its phones.
import { Router, text } from 'express';
import { importContacts, listContacts, replaceContacts } from '../../app/phonebook.ts';
import type { AdminDoor } from './door.ts';

const TABLE_BYTES_MAX = '5mb';

export function contactsApi(door: AdminDoor): Router {
  const router = Router();
  const path = '/tenants/:code/contacts';
  router.get(path, async (request, response) => {
    response.json({ items: await listContacts(door, request.params.code, response.locals.actor), next: null });
  });
  router.put(path, text({ type: 'text/csv', limit: TABLE_BYTES_MAX }), async (request, response) => {
    const { code } = request.params;
    const { actor } = response.locals;
    const contacts = request.is('text/csv')
      ? await importContacts(door, code, request.body as string, actor)
      : await replaceContacts(door, code, (request.body as { items?: unknown } | undefined)?.items, actor);
    response.json({ items: contacts, next: null });
  });
  return router;
}
