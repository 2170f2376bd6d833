// /api/v1/tenants/{code}/dhcp, and redirection services: accounts, upload files, claims.
import { z } from 'zod';
import { dhcpFor } from '../../app/dhcp.ts';
import {
  claimPhones,
  exportUpload,
  getService,
  listClaims,
  listServices,
  putAccount,
  releasePhones,
  removeAccount,
} from '../../app/redirection.ts';
import { claimSchema, releaseSchema } from '../../domain/redirection.ts';
import { listOf, operation } from './operation.ts';

const dhcpValue = z.strictObject({
  option: z.number().int(),
  suboption: z.number().int().nullable(),
  value: z.string(),
  /** The bytes of option 43. */
  hex: z.string().nullable(),
  read: z.enum(['always', 'whenTold']),
  note: z.string().nullable(),
});
const vendorDhcp = z.strictObject({ vendor: z.string(), options: z.array(dhcpValue).readonly() });

const service = z.strictObject({
  service: z.string(),
  name: z.string(),
  vendor: z.string(),
  /** Is it reached by its API? */
  api: z.boolean(),
  upload: z.strictObject({ confidence: z.string(), note: z.string() }).nullable(),
  baseUrls: z.array(z.string()).readonly(),
  /** Credentials go in and never come out. */
  account: z.strictObject({ baseUrl: z.string(), credentials: z.record(z.string(), z.literal('set')) }).nullable(),
});

const account = z.strictObject({ baseUrl: z.string().optional(), credentials: z.record(z.string(), z.string()) });

const phoneReport = z.strictObject({
  mac: z.string(),
  outcome: z.enum(['claimed', 'unchanged', 'moved', 'released', 'failed']),
  reason: z.string().nullable(),
});
const report = z.strictObject({
  tenant: z.string(),
  service: z.string(),
  url: z.string(),
  done: z.number().int(),
  failed: z.number().int(),
  phones: z.array(phoneReport).readonly(),
});

const claim = z.strictObject({ mac: z.string(), url: z.string().nullable(), here: z.boolean(), right: z.boolean() });

const OF_TENANT = '/tenants/{code}/redirections/{service}';

export const redirectionOperations = [
  operation({
    id: 'getDhcp',
    method: 'get',
    path: '/tenants/{code}/dhcp',
    summary: 'The DHCP options that lead a tenant’s phones here, by vendor, in the order in which phones read them',
    needs: 'tend',
    answer: listOf(vendorDhcp),
    handle: async ({ door, param, actor }) => ({
      body: { items: await dhcpFor(door, param('code'), actor), next: null },
    }),
  }),
  operation({
    id: 'listRedirections',
    method: 'get',
    path: '/redirections',
    summary: 'Redirection services and the accounts there',
    needs: 'lookAtFleet',
    answer: listOf(service),
    handle: async ({ door }) => ({ body: { items: await listServices(door), next: null } }),
  }),
  operation({
    id: 'getRedirection',
    method: 'get',
    path: '/redirections/{service}',
    summary: 'One redirection service and the account there',
    needs: 'lookAtFleet',
    answer: service,
    handle: async ({ door, param }) => ({ body: await getService(door, param('service')) }),
  }),
  operation({
    id: 'putRedirectionAccount',
    method: 'put',
    path: '/redirections/{service}',
    summary: 'Sets the account at a redirection service',
    needs: 'own',
    body: account,
    answer: service,
    handle: async ({ door, param, body, actor }) => ({ body: await putAccount(door, param('service'), body, actor) }),
  }),
  operation({
    id: 'removeRedirectionAccount',
    method: 'delete',
    path: '/redirections/{service}',
    summary: 'Forgets the account at a redirection service',
    needs: 'own',
    answer: null,
    handle: async ({ door, param, actor }) => {
      await removeAccount(door, param('service'), actor);
      return null;
    },
  }),
  operation({
    id: 'exportRedirection',
    method: 'get',
    path: OF_TENANT,
    summary: 'The file that people upload at the service’s portal',
    needs: 'tend',
    answer: null,
    answerTypes: ['text/csv'],
    handle: async ({ door, param, actor, response }) => {
      const order = { tenant: param('code'), service: param('service') };
      const file = await exportUpload(door, order, actor);
      response.attachment(file.fileName);
      return { type: file.contentType, content: file.body };
    },
  }),
  operation({
    id: 'claimPhones',
    method: 'post',
    path: OF_TENANT,
    summary: 'Claims the tenant’s phones of that vendor, all or those named, for its provisioning URL',
    needs: 'operate',
    body: claimSchema,
    answer: report,
    handle: async ({ door, param, body, actor }) => {
      const order = { tenant: param('code'), service: param('service') };
      return { body: await claimPhones(door, order, body, actor) };
    },
  }),
  operation({
    id: 'releasePhones',
    method: 'delete',
    path: OF_TENANT,
    summary: 'Releases phones at the service',
    needs: 'operate',
    body: releaseSchema,
    status: 200,
    answer: report,
    handle: async ({ door, param, body, actor }) => {
      const order = { tenant: param('code'), service: param('service') };
      return { body: await releasePhones(door, order, body, actor) };
    },
  }),
  operation({
    id: 'listClaims',
    method: 'get',
    path: `${OF_TENANT}/claims`,
    summary: 'What the service holds of the tenant, asked now',
    needs: 'operate',
    answer: listOf(claim),
    handle: async ({ door, param, actor }) => {
      const order = { tenant: param('code'), service: param('service') };
      return { body: { items: await listClaims(door, order, actor), next: null } };
    },
  }),
];
