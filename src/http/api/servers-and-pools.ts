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
  serverInUse,
} from '../../app/inventory.ts';
import { poolRecords } from '../../app/records.ts';
import { revisionOf } from '../../app/revision.ts';
import { poolSchema } from '../../domain/pool.ts';
import { serverSchema } from '../../domain/server.ts';
import * as answers from './answers.ts';
import {
  fieldsOf,
  isPreview,
  listOf,
  lookedAt,
  operation,
  previewQuery,
  shortAnswer,
  shortQuery,
} from './operation.ts';
import { RECORD_TYPES, recordReply } from './records.ts';

const showPool = ({ pool, warnings }: CheckedPool) => ({ ...pool, warnings });

export const serverOperations = [
  operation({
    id: 'listServers',
    method: 'get',
    path: '/servers',
    summary: 'All servers',
    needs: 'lookAtFleet',
    query: shortQuery,
    answer: listOf(answers.server),
    handle: async ({ door, query }) => ({
      body: shortAnswer(await door.store.servers.list(), query, ({ name }) => name),
    }),
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
    summary: 'One server, with the tenants whose phones normally register there',
    needs: 'lookAtFleet',
    answer: answers.serverInUse,
    handle: async ({ door, param }) => {
      const { server, primaryOf } = await serverInUse(door, param('name'));
      return { body: { ...server, primaryOf }, revision: revisionOf(server) };
    },
  }),
  operation({
    id: 'changeServer',
    method: 'patch',
    path: '/servers/{name}',
    summary: 'Changes a server; one that is emptied goes down when nobody is left, or with force=1',
    needs: 'operate',
    body: serverSchema,
    partial: true,
    query: z.object({ force: z.enum(['0', '1']).optional() }),
    answer: answers.server,
    handle: async (call) => {
      const changes = { ...fieldsOf(call), revision: call.revision, force: call.query.force === '1' };
      const server = await changeServer(call.door, call.param('name'), changes, call.actor);
      return { body: server, revision: revisionOf(server) };
    },
  }),
  operation({
    id: 'removeServer',
    method: 'delete',
    path: '/servers/{name}',
    summary: 'Removes a server that is in no pool',
    needs: 'operate',
    answer: null,
    handle: async ({ door, param, actor, revision }) => {
      await removeServer(door, param('name'), actor, revision);
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
    query: shortQuery,
    answer: listOf(answers.pool),
    handle: async ({ door, query }) => ({
      body: shortAnswer(await door.store.pools.list(), query, ({ name }) => name),
    }),
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
    handle: async ({ door, param }) => {
      const pool = await door.store.pools.get(param('name'));
      return { body: pool, revision: revisionOf(pool) };
    },
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
      const [name, changes] = [call.param('name'), { ...fieldsOf(call), revision: call.revision }];
      if (isPreview(call.query)) return lookedAt(await previewPool(call.door, name, changes));
      const changed = await changePool(call.door, name, changes, call.actor);
      return { body: showPool(changed), revision: revisionOf(changed.pool) };
    },
  }),
  operation({
    id: 'removePool',
    method: 'delete',
    path: '/pools/{name}',
    summary: 'Removes a pool that carries no tenant',
    needs: 'operate',
    answer: null,
    handle: async ({ door, param, actor, revision }) => {
      await removePool(door, param('name'), actor, revision);
      return null;
    },
  }),
  operation({
    id: 'getPoolRecords',
    method: 'get',
    path: '/pools/{name}/records',
    summary: 'The DNS records that should exist for a pool; as lines of a zone file with Accept: text/dns',
    needs: 'lookAtFleet',
    answer: answers.records,
    answerTypes: RECORD_TYPES,
    handle: async ({ door, param, request }) =>
      recordReply(await door.store.snapshot((reads) => poolRecords(reads, param('name'))), undefined, request),
  }),
];
