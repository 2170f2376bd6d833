// /api/v1/unclaimed: phones that ask with a tenant's token and that nobody has claimed; adopting one makes it a phone.
import { Router } from 'express';
import { adoptPhone } from '../../app/inventory.ts';
import { type Mac, macSchema } from '../../domain/mac.ts';
import { parseWith } from '../../domain/parse.ts';
import type { AdminDoor } from './door.ts';
import { showPhone } from './phones.ts';
import { changesOf, filterOf, pageAnswer, pageOf } from './requests.ts';

const macOf = (text: string): Mac => parseWith(macSchema, text, 'the MAC address');

export function unclaimedApi(door: AdminDoor): Router {
  const { store } = door;
  const router = Router();
  router.get('/unclaimed', async (request, response) => {
    const page = pageOf(request);
    const strangers = await store.unclaimed.list(response.locals.actor.scope, {
      ...page,
      ...filterOf(request, 'tenant'),
    });
    response.json(
      pageAnswer(
        strangers,
        page,
        ({ mac }) => mac,
        (stranger) => stranger,
      ),
    );
  });
  router.post('/unclaimed/:mac/adoption', async (request, response) => {
    const phone = await adoptPhone(door, macOf(request.params.mac), changesOf(request), response.locals.actor);
    response.status(201).json(showPhone(phone));
  });
  router.delete('/unclaimed/:mac', async (request, response) => {
    const mac = macOf(request.params.mac);
    await store.transaction(async (tx) => {
      await tx.unclaimed.get(response.locals.actor.scope, mac);
      await tx.unclaimed.remove(mac);
    });
    response.status(204).end();
  });
  return router;
}
