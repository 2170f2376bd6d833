// /api/v1/servers/{name}/connection and …/registrations, /phones/{mac}/registrations, /convergence.
import { z } from 'zod';
import { convergence, phoneRegistrations, serverRegistrations } from '../../app/convergence.ts';
import { getConnection, putConnection, removeConnection } from '../../app/pbx-connections.ts';
import { PLACES } from '../../domain/convergence.ts';
import { macSchema } from '../../domain/mac.ts';
import { parseWith } from '../../domain/parse.ts';
import { PBX_KINDS, pbxConnectionSchema, SIP_DRIVERS, SIP_TRANSPORTS, SIP_WAYS } from '../../domain/pbx-connection.ts';
import { fieldsOf, operation, pageOf, pageQuery } from './operation.ts';

const moment = z.iso.datetime();
const set = z.literal('set');
const place = { server: z.string(), host: z.string(), port: z.number().int() };
const tls = z.strictObject({ ca: z.string().nullable() }).nullable();

/** Secrets go in and never come out. */
const shownConnection = z.discriminatedUnion('kind', [
  z.strictObject({
    ...{ ...place, kind: z.literal('asterisk'), tls, user: z.string(), secret: set },
    driver: z.enum(SIP_DRIVERS),
  }),
  z.strictObject({
    ...{ ...place, kind: z.literal('kamailio'), tls, path: z.string(), table: z.string() },
    ...{ user: z.string().nullable(), secret: set.nullable() },
  }),
  z.strictObject({
    ...{ ...place, kind: z.literal('freeswitch'), secret: set, profiles: z.array(z.string()).readonly() },
  }),
  z.strictObject({
    ...{ ...place, kind: z.literal('sip'), transport: z.enum(SIP_TRANSPORTS), way: z.enum(SIP_WAYS) },
  }),
]);

const registration = {
  ...{ server: z.string(), user: z.string(), uri: z.string(), address: z.string().nullable() },
  userAgent: z.string().nullable(),
  /** When it ends, in milliseconds since 1970; null when the server does not say. */
  expiresAt: z.number().nullable(),
  since: moment,
  /** Null where the server does not tell of calls. */
  inUse: z.boolean().nullable(),
};

const watch = z.strictObject({
  ...{ server: z.string(), kind: z.enum(PBX_KINDS), state: z.enum(['connecting', 'up', 'down']) },
  ...{ reason: z.string().nullable(), since: moment, readAt: moment.nullable(), unread: z.string().nullable() },
  ...{ registrations: z.number().int(), inUse: z.number().int().nullable() },
});

const cursorOf = (last: string | null) => (last === null ? null : Buffer.from(last, 'utf8').toString('base64url'));
const count = z.number().int();

export const registrationOperations = [
  operation({
    id: 'getConnection',
    method: 'get',
    path: '/servers/{name}/connection',
    summary: 'How the PBX of a server is reached',
    needs: 'lookAtFleet',
    answer: shownConnection,
    handle: async ({ door, param }) => ({ body: await getConnection(door, param('name')) }),
  }),
  operation({
    id: 'putConnection',
    method: 'put',
    path: '/servers/{name}/connection',
    summary: 'Sets how the PBX of a server is reached, secret and all',
    needs: 'own',
    body: pbxConnectionSchema,
    partial: true,
    answer: shownConnection,
    handle: async (call) => ({
      body: await putConnection(call.door, call.param('name'), fieldsOf(call), call.actor),
    }),
  }),
  operation({
    id: 'removeConnection',
    method: 'delete',
    path: '/servers/{name}/connection',
    summary: 'Forgets how the PBX of a server is reached',
    needs: 'own',
    answer: null,
    handle: async ({ door, param, actor }) => {
      await removeConnection(door, param('name'), actor);
      return null;
    },
  }),
  operation({
    id: 'listRegistrations',
    method: 'get',
    path: '/servers/{name}/registrations',
    summary: 'Who is registered at a server, as its PBX tells, and the state of the connection to it',
    needs: 'lookAtFleet',
    query: z.object(pageQuery),
    answer: z.strictObject({
      connection: watch.nullable(),
      items: z
        .array(
          z.strictObject({
            ...registration,
            phone: z.strictObject({ mac: z.string(), tenant: z.string() }).nullable(),
          }),
        )
        .readonly(),
      next: z.string().nullable(),
    }),
    handle: async ({ door, param, query }) => {
      const { last, ...found } = await serverRegistrations(door, param('name'), pageOf(query));
      return { body: { ...found, next: cursorOf(last) } };
    },
  }),
  operation({
    id: 'getPhoneRegistrations',
    method: 'get',
    path: '/phones/{mac}/registrations',
    summary: 'Where a phone is registered, line by line, and whether that is the primary of its tenant’s pool',
    needs: 'look',
    answer: z.strictObject({
      ...{ mac: z.string(), tenant: z.string(), primary: z.string(), place: z.enum(PLACES) },
      lines: z
        .array(z.strictObject({ user: z.string(), registrations: z.array(z.strictObject(registration)).readonly() }))
        .readonly(),
    }),
    handle: async ({ door, param, actor }) => {
      const mac = parseWith(macSchema, param('mac'), 'the MAC address');
      return { body: await phoneRegistrations(door, mac, actor) };
    },
  }),
  operation({
    id: 'getConvergence',
    method: 'get',
    path: '/convergence',
    summary: 'How far the phones of each tenant have come: fetched, registered, on the primary',
    needs: 'look',
    query: z.object(pageQuery),
    answer: z.strictObject({
      tenants: z
        .array(
          z.strictObject({
            ...{ tenant: z.string(), pool: z.string(), primary: z.string(), phones: count, fetched: count },
            ...{ registered: count, onPrimary: count, elsewhere: count, silent: count, unknown: count },
            converged: z.boolean(),
          }),
        )
        .readonly(),
      next: z.string().nullable(),
    }),
    handle: async ({ door, query, actor }) => {
      const { tenants, last } = await convergence(door, pageOf(query), actor);
      return { body: { tenants, next: cursorOf(last) } };
    },
  }),
];
