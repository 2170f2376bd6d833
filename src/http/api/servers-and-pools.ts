// /api/v1/servers and /api/v1/pools.
import { Router } from 'express';
import {
  addPool,
  addServer,
  type CheckedPool,
  changePool,
  changeServer,
  removePool,
  removeServer,
} from '../../app/inventory.ts';
import { recordsOf, zoneLine } from '../../domain/srv.ts';
import type { AdminDoor } from './door.ts';
import { changesOf } from './requests.ts';

const showPool = ({ pool, warnings }: CheckedPool) => ({ ...pool, warnings });

export function serversAndPoolsApi(door: AdminDoor): Router {
  const { store } = door;
  const router = Router();
  router.get('/servers', async (_request, response) => {
    response.json({ items: await store.servers.list(), next: null });
  });
  router.post('/servers', async (request, response) => {
    response.status(201).json(await addServer(door, request.body));
  });
  router.get('/servers/:name', async (request, response) => {
    response.json(await store.servers.get(request.params.name));
  });
  router.patch('/servers/:name', async (request, response) => {
    response.json(await changeServer(door, request.params.name, changesOf(request)));
  });
  router.delete('/servers/:name', async (request, response) => {
    await removeServer(door, request.params.name);
    response.status(204).end();
  });
  router.get('/pools', async (_request, response) => {
    response.json({ items: await store.pools.list(), next: null });
  });
  router.post('/pools', async (request, response) => {
    response.status(201).json(showPool(await addPool(door, request.body)));
  });
  router.get('/pools/:name', async (request, response) => {
    response.json(await store.pools.get(request.params.name));
  });
  router.patch('/pools/:name', async (request, response) => {
    response.json(showPool(await changePool(door, request.params.name, changesOf(request))));
  });
  router.delete('/pools/:name', async (request, response) => {
    await removePool(door, request.params.name);
    response.status(204).end();
  });
  router.get('/pools/:name/records', async (request, response) => {
    const records = recordsOf(await store.pools.get(request.params.name), await store.servers.list());
    response.format({
      'application/json': () => response.json({ records }),
      'text/dns': () => response.send(`${records.map(zoneLine).join('\n')}\n`),
    });
  });
  return router;
}
