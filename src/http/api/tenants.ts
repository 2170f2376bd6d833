// /api/v1/tenants with their moves.
import { Router } from 'express';
import { z } from 'zod';
import { addTenant, changeTenant, removeTenant } from '../../app/inventory.ts';
import { moveTenant } from '../../app/move-tenant.ts';
import { PAGE_MAX } from '../../domain/page.ts';
import { parseWith } from '../../domain/parse.ts';
import { maskSettings } from '../../domain/settings.ts';
import { provisioningUrl, type TenantInput } from '../../domain/tenant.ts';
import type { StoredTenant } from '../../store/tenants.ts';
import type { AdminDoor } from './door.ts';
import { changesOf, filterOf, pageAnswer, pageOf } from './requests.ts';

const moveSchema = z.strictObject({ pool: z.string(), revision: z.number().int().optional() });

export function tenantsApi(door: AdminDoor): Router {
  const { store } = door;
  const router = Router();
  const show = ({ token, weight, phones, settings, ...tenant }: StoredTenant) => ({
    ...tenant,
    settings: maskSettings(settings),
    weight: weight ?? phones,
    phones,
    provisioningUrl: provisioningUrl(door.publicUrl, token),
  });
  router.get('/tenants', async (request, response) => {
    const page = pageOf(request);
    const tenants = await store.tenants.list(response.locals.actor.scope, { ...page, ...filterOf(request, 'pool') });
    response.json(pageAnswer(tenants, page, ({ code }) => code, show));
  });
  router.post('/tenants', async (request, response) => {
    response.status(201).json(show(await addTenant(door, request.body, response.locals.actor)));
  });
  router.get('/tenants/:code', async (request, response) => {
    const tenant = await store.tenants.get(response.locals.actor.scope, request.params.code);
    response.set('ETag', `"${tenant.revision}"`).json(show(tenant));
  });
  router.patch('/tenants/:code', async (request, response) => {
    const changes = changesOf(request) as Partial<TenantInput>;
    const tenant = await changeTenant(door, request.params.code, changes, response.locals.actor);
    response.set('ETag', `"${tenant.revision}"`).json(show(tenant));
  });
  router.delete('/tenants/:code', async (request, response) => {
    await removeTenant(door, request.params.code, response.locals.actor);
    response.status(204).end();
  });
  router.get('/tenants/:code/moves', async (request, response) => {
    const tenant = await store.tenants.get(response.locals.actor.scope, request.params.code);
    response.json({ items: await store.moves.list(tenant.code, PAGE_MAX), next: null });
  });
  router.post('/tenants/:code/moves', async (request, response) => {
    const order = parseWith(moveSchema, changesOf(request), 'the move');
    const move = await moveTenant(door, { tenant: request.params.code, ...order }, response.locals.actor);
    response.status(201).json(move);
  });
  return router;
}
