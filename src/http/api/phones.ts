// /api/v1/phones with their files and uploads, and /api/v1/fetches.
import { type Response, Router } from 'express';
import { addPhone, changePhone, removePhone } from '../../app/inventory.ts';
import { clearOverride, listOverrides } from '../../app/overrides.ts';
import { filesFor } from '../../app/serve-file.ts';
import { notFound } from '../../domain/errors.ts';
import { type Mac, macSchema } from '../../domain/mac.ts';
import { parseWith } from '../../domain/parse.ts';
import type { Phone } from '../../domain/phone.ts';
import { maskSettings } from '../../domain/settings.ts';
import type { AdminDoor } from './door.ts';
import { changesOf, filterOf, pageAnswer, pageOf } from './requests.ts';

/** A phone as programs may see it: passwords go in and never come out. */
export const showPhone = ({ lines, settings, ...phone }: Phone) => ({
  ...phone,
  settings: maskSettings(settings),
  lines: lines.map(({ password: _password, ...line }) => line),
});

const macOf = (text: string): Mac => parseWith(macSchema, text, 'the MAC address');

export function phonesApi(door: AdminDoor): Router {
  const { store } = door;
  const router = Router();
  const get = (response: Response, mac: string) => store.phones.get(response.locals.actor.scope, macOf(mac));
  router.get('/phones', async (request, response) => {
    const page = pageOf(request);
    const phones = await store.phones.list(response.locals.actor.scope, { ...page, ...filterOf(request, 'tenant') });
    response.json(pageAnswer(phones, page, ({ mac }) => mac, showPhone));
  });
  router.post('/phones', async (request, response) => {
    response.status(201).json(showPhone(await addPhone(door, request.body, response.locals.actor)));
  });
  router.get('/phones/:mac', async (request, response) => {
    const phone = await get(response, request.params.mac);
    response.set('ETag', `"${phone.revision}"`).json(showPhone(phone));
  });
  router.patch('/phones/:mac', async (request, response) => {
    const phone = await changePhone(door, macOf(request.params.mac), changesOf(request), response.locals.actor);
    response.set('ETag', `"${phone.revision}"`).json(showPhone(phone));
  });
  router.delete('/phones/:mac', async (request, response) => {
    await removePhone(door, macOf(request.params.mac), response.locals.actor);
    response.status(204).end();
  });
  router.get('/phones/:mac/files', async (request, response) => {
    const files = await filesFor(door, await get(response, request.params.mac), { masked: false });
    const items = files.map(({ name, contentType, digest, body }) => ({
      name,
      contentType,
      digest,
      bytes: body.length,
    }));
    response.json({ items, next: null });
  });
  router.get('/phones/:mac/files/:name', async (request, response) => {
    const files = await filesFor(door, await get(response, request.params.mac), { masked: true });
    const file = files.find(({ name }) => name === request.params.name);
    if (file === undefined) throw notFound(`file ${request.params.name} of phone ${request.params.mac}`);
    response.type(file.contentType).send(file.body);
  });
  router.get('/phones/:mac/uploads', async (request, response) => {
    const phone = await get(response, request.params.mac);
    response.json({ items: await store.uploads.list(phone.mac), next: null });
  });
  router.get('/phones/:mac/overrides', async (request, response) => {
    const overrides = await listOverrides(door, macOf(request.params.mac), response.locals.actor);
    response.json({ items: overrides, next: null });
  });
  router.delete('/phones/:mac/overrides/:file', async (request, response) => {
    await clearOverride(door, macOf(request.params.mac), request.params.file, response.locals.actor);
    response.status(204).end();
  });
  router.get('/fetches', async (request, response) => {
    const { limit } = pageOf(request);
    const filter = { limit, ...filterOf(request, 'mac'), ...filterOf(request, 'tenant') };
    response.json({ items: await store.fetches.list(response.locals.actor.scope, filter), next: null });
  });
  return router;
}
