// /api/v1/servers and /api/v1/pools.
import { z } from 'zod';
import { failoverNow } from '../../app/failover.ts';
import {
  addPool,
  addServer,
  type CheckedPool,
  changePool,
  changeServer,
  previewPool,
  removePool,
  removeServer,
} from '../../app/inventory.ts';
import { poolSchema } from '../../domain/pool.ts';
import { serverSchema } from '../../domain/server.ts';
import { recordsOf, zoneLine } from '../../domain/srv.ts';
import * as answers from './answers.ts';
import { fieldsOf, isPreview, listOf, lookedAt, operation, previewQuery } from './operation.ts';

const showPool = ({ pool, warnings }: CheckedPool) => ({ ...pool, warnings });

export const serverOperations = [
  operation({
    id: 'listServers',
    method: 'get',
    path: '/servers',
    summary: 'All servers',
    needs: 'lookAtFleet',
    answer: listOf(answers.server),
    handle: async ({ door }) => ({ body: { items: await door.store.servers.list(), next: null } }),
  }),
  operation({
    id: 'addServer',
    method: 'post',
    path: '/servers',
    summary: 'Adds a server',
    needs: 'operate',
    body: serverSchema,
    status: 201,
    answer: answers.server,
    handle: async ({ door, body, actor }) => ({ body: await addServer(door, body, actor) }),
  }),
  operation({
    id: 'getServer',
    method: 'get',
    path: '/servers/{name}',
    summary: 'One server',
    needs: 'lookAtFleet',
    answer: answers.server,
    handle: async ({ door, param }) => ({ body: await door.store.servers.get(param('name')) }),
  }),
  operation({
    id: 'changeServer',
    method: 'patch',
    path: '/servers/{name}',
    summary: 'Changes a server',
    needs: 'operate',
    body: serverSchema,
    partial: true,
    answer: answers.server,
    handle: async (call) => ({
      body: await changeServer(call.door, call.param('name'), fieldsOf(call), call.actor),
    }),
  }),
  operation({
    id: 'removeServer',
    method: 'delete',
    path: '/servers/{name}',
    summary: 'Removes a server that is in no pool',
    needs: 'operate',
    answer: null,
    handle: async ({ door, param, actor }) => {
      await removeServer(door, param('name'), actor);
      return null;
    },
  }),
];

export const failoverOperations = [
  operation({
    id: 'getFailover',
    method: 'get',
    path: '/failover',
    summary: 'The load of every server now, and with each other server lost',
    needs: 'lookAtFleet',
    answer: answers.failover,
    handle: async ({ door }) => ({ body: { servers: await failoverNow(door) } }),
  }),
];

export const poolOperations = [
  operation({
    id: 'listPools',
    method: 'get',
    path: '/pools',
    summary: 'All pools',
    needs: 'lookAtFleet',
    answer: listOf(answers.pool),
    handle: async ({ door }) => ({ body: { items: await door.store.pools.list(), next: null } }),
  }),
  operation({
    id: 'addPool',
    method: 'post',
    path: '/pools',
    summary: 'Adds a pool',
    needs: 'operate',
    body: poolSchema,
    status: 201,
    answer: answers.checkedPool,
    handle: async ({ door, body, actor }) => ({ body: showPool(await addPool(door, body, actor)) }),
  }),
  operation({
    id: 'getPool',
    method: 'get',
    path: '/pools/{name}',
    summary: 'One pool',
    needs: 'lookAtFleet',
    answer: answers.pool,
    handle: async ({ door, param }) => ({ body: await door.store.pools.get(param('name')) }),
  }),
  operation({
    id: 'changePool',
    method: 'patch',
    path: '/pools/{name}',
    summary: 'Changes a pool',
    needs: 'operate',
    body: poolSchema,
    partial: true,
    query: previewQuery,
    preview: answers.impact,
    answer: answers.checkedPool,
    handle: async (call) => {
      const [name, changes] = [call.param('name'), fieldsOf(call)];
      if (isPreview(call.query)) return lookedAt(await previewPool(call.door, name, changes));
      return { body: showPool(await changePool(call.door, name, changes, call.actor)) };
    },
  }),
  operation({
    id: 'removePool',
    method: 'delete',
    path: '/pools/{name}',
    summary: 'Removes a pool that carries no tenant',
    needs: 'operate',
    answer: null,
    handle: async ({ door, param, actor }) => {
      await removePool(door, param('name'), actor);
      return null;
    },
  }),
  operation({
    id: 'getPoolRecords',
    method: 'get',
    path: '/pools/{name}/records',
    summary: 'The DNS records that should exist for a pool; as lines of a zone file with Accept: text/dns',
    needs: 'lookAtFleet',
    query: z.object({}),
    answer: answers.records,
    answerTypes: ['text/dns'],
    handle: async ({ door, param, request }) => {
      const records = recordsOf(await door.store.pools.get(param('name')), await door.store.servers.list());
      return request.accepts(['application/json', 'text/dns']) === 'text/dns'
        ? { type: 'text/dns', content: `${records.map(zoneLine).join('\n')}\n` }
        : { body: { records } };
    },
  }),
];
