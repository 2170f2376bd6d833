// /api/v1/dns: where records are published, what would be published and is, and what the world answers.
import { z } from 'zod';
import { checkDns, dnsDrift } from '../../app/check-dns.ts';
import { getTarget, listTargets, putDnsSettings, putTarget, removeTarget } from '../../app/dns-targets.ts';
import { planPublication, publicationSchema, publish } from '../../app/publish-dns.ts';
import { dnsServerSchema, dnsSettingsSchema, dnsTargetSchema } from '../../domain/dns-target.ts';
import { DNS_STATES } from '../../domain/dns-verdict.ts';
import { fieldsOf, listOf, operation, pageAnswer, pageOf, pageQuery, shortAnswer, shortQuery } from './operation.ts';

const moment = z.iso.datetime();
const servers = z.array(dnsServerSchema).readonly();
const set = z.literal('set');

/** Secrets go in and never come out. */
const shownTarget = z.discriminatedUnion('kind', [
  z.strictObject({
    ...{ zone: z.string(), kind: z.literal('rfc2136'), authorities: servers, server: dnsServerSchema },
    key: z.strictObject({ name: z.string(), algorithm: z.string(), secret: set }),
  }),
  z.strictObject({
    ...{ zone: z.string(), kind: z.literal('powerdns'), authorities: servers },
    ...{ baseUrl: z.string(), serverId: z.string(), apiKey: set },
  }),
]);

const recordSet = z.strictObject({
  ...{ name: z.string(), type: z.string(), ttl: z.number().int() },
  values: z.array(z.string()).readonly(),
});

const change = z.strictObject({
  action: z.enum(['create', 'update', 'delete']),
  ...{ name: z.string(), type: z.string(), before: recordSet.nullable(), after: recordSet.nullable() },
});

const plan = z.strictObject({
  /** Send it back to apply what was shown. */
  digest: z.string(),
  zones: z
    .array(
      z.strictObject({
        ...{ zone: z.string(), kind: z.string(), existing: z.number().int() },
        changes: z.array(change).readonly(),
        tooMuch: z.string().nullable(),
        /** Why nobody knows what is published in the zone. */
        fault: z.string().nullable(),
      }),
    )
    .readonly(),
  /** Names that no target's zone holds. */
  elsewhere: z.array(z.string()).readonly(),
});

const publication = z.strictObject({
  ...{ digest: z.string(), failed: z.number().int() },
  zones: z
    .array(
      z.strictObject({
        zone: z.string(),
        outcome: z.enum(['published', 'unchanged', 'failed']),
        ...{ changes: z.number().int(), done: z.number().int(), why: z.string().nullable() },
        servers: z
          .array(
            z.strictObject({
              server: z.string(),
              state: z.enum(['same', 'behind', 'unknown']),
              why: z.string().nullable(),
            }),
          )
          .readonly(),
      }),
    )
    .readonly(),
});

const verdict = {
  ...{ pool: z.string(), state: z.enum(DNS_STATES) },
  reasons: z
    .array(
      z.strictObject({
        state: z.enum(['drift', 'unknown']),
        ...{ server: z.string().nullable(), name: z.string(), why: z.string() },
      }),
    )
    .readonly(),
  /** Reasons that are not listed. */
  more: z.number().int(),
  /** Seconds for which a server may still tell what it told now. */
  remaining: z
    .array(z.strictObject({ server: z.string(), of: z.enum(['authority', 'resolver']), ttl: z.number().int() }))
    .readonly(),
};

const zones = z
  .array(
    z.strictObject({
      zone: z.string(),
      servers: z
        .array(
          z.strictObject({
            ...{ server: z.string(), state: z.string(), why: z.string().nullable() },
            serial: z.number().int().nullable(),
          }),
        )
        .readonly(),
    }),
  )
  .readonly();

const drift = z.strictObject({
  /** When the last check ended; null before the first. */
  at: moment.nullable(),
  zones,
  pools: z.array(z.strictObject({ ...verdict, at: moment.nullable() })).readonly(),
});

const check = z.strictObject({
  ...{ id: z.number().int(), startedAt: moment, endedAt: moment },
  ...{ fine: z.number().int(), drift: z.number().int(), unknown: z.number().int() },
  zones,
  pools: z.array(z.strictObject(verdict)).readonly(),
});

const targetOperations = [
  operation({
    id: 'listDnsTargets',
    method: 'get',
    path: '/dns/targets',
    summary: 'Where records are published',
    needs: 'lookAtFleet',
    query: shortQuery,
    answer: listOf(shownTarget),
    handle: async ({ door, query }) => ({ body: shortAnswer(await listTargets(door), query, ({ zone }) => zone) }),
  }),
  operation({
    id: 'getDnsTarget',
    method: 'get',
    path: '/dns/targets/{zone}',
    summary: 'Where the records of one zone are published',
    needs: 'lookAtFleet',
    answer: shownTarget,
    handle: async ({ door, param }) => ({ body: await getTarget(door, param('zone')) }),
  }),
  operation({
    id: 'putDnsTarget',
    method: 'put',
    path: '/dns/targets/{zone}',
    summary: 'Sets where the records of a zone are published, with the secret',
    needs: 'own',
    body: dnsTargetSchema,
    partial: true,
    answer: shownTarget,
    handle: async (call) => ({
      body: await putTarget(call.door, call.param('zone'), fieldsOf(call), call.actor),
    }),
  }),
  operation({
    id: 'removeDnsTarget',
    method: 'delete',
    path: '/dns/targets/{zone}',
    summary: 'Forgets where the records of a zone are published; what is published stays',
    needs: 'own',
    answer: null,
    handle: async ({ door, param, actor }) => {
      await removeTarget(door, param('zone'), actor);
      return null;
    },
  }),
  operation({
    id: 'getDnsSettings',
    method: 'get',
    path: '/dns/settings',
    summary: 'Which resolvers are asked, and how often',
    needs: 'lookAtFleet',
    answer: dnsSettingsSchema,
    handle: async ({ door }) => ({ body: await door.store.dns.settings() }),
  }),
  operation({
    id: 'putDnsSettings',
    method: 'put',
    path: '/dns/settings',
    summary: 'Chooses the resolvers that are asked, and how often',
    needs: 'operate',
    body: dnsSettingsSchema,
    answer: dnsSettingsSchema,
    handle: async (call) => ({ body: await putDnsSettings(call.door, fieldsOf(call), call.actor) }),
  }),
];

export const dnsOperations = [
  ...targetOperations,
  operation({
    id: 'getDnsPlan',
    method: 'get',
    path: '/dns/plan',
    summary: 'What a publication would change now, read from the servers that take changes; changes nothing',
    needs: 'operate',
    answer: plan,
    handle: async ({ door }) => ({ body: await planPublication(door) }),
  }),
  operation({
    id: 'publishDns',
    method: 'post',
    path: '/dns/publications',
    summary: 'Publishes what the plan with this digest showed',
    needs: 'operate',
    body: publicationSchema,
    status: 201,
    answer: publication,
    handle: async (call) => ({ body: await publish(call.door, fieldsOf(call), call.actor) }),
  }),
  operation({
    id: 'getDnsDrift',
    method: 'get',
    path: '/dns/drift',
    summary: 'Published against intended records by pool, as the last check found them',
    needs: 'lookAtFleet',
    answer: drift,
    handle: async ({ door }) => ({ body: await dnsDrift(door) }),
  }),
  operation({
    id: 'listDnsChecks',
    method: 'get',
    path: '/dns/checks',
    summary: 'What checks found, newest first',
    needs: 'lookAtFleet',
    query: z.object(pageQuery),
    answer: listOf(check),
    handle: async ({ door, query }) => {
      const page = pageOf(query);
      const before = page.after === null ? null : Number(page.after);
      const checks = await door.store.dns.checks({ before, limit: page.limit });
      return {
        body: pageAnswer(
          checks,
          page,
          ({ id }) => String(id),
          (one) => one,
        ),
      };
    },
  }),
  operation({
    id: 'checkDns',
    method: 'post',
    path: '/dns/checks',
    summary: 'Asks the servers of all zones and all resolvers now',
    needs: 'operate',
    status: 201,
    answer: check,
    handle: async ({ door, actor }) => ({ body: await checkDns(door, actor) }),
  }),
];
