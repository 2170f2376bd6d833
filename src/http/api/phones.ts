// /api/v1/phones with their files, uploads and settings, /api/v1/fetches, and /api/v1/unclaimed: phones that ask with a
// tenant's token and that nobody has claimed.
import { z } from 'zod';
import { addPhones } from '../../app/batch.ts';
import { explainSettings } from '../../app/choose-settings.ts';
import { clearOverride, listOverrides } from '../../app/overrides.ts';
import { addPhone, adoptPhone, changePhone, forgetUnclaimed, previewPhone, removePhone } from '../../app/phones.ts';
import { filesFor } from '../../app/serve-file.ts';
import { notFound } from '../../domain/errors.ts';
import { type Mac, macSchema } from '../../domain/mac.ts';
import { parseWith } from '../../domain/parse.ts';
import { phoneSchema } from '../../domain/phone.ts';
import * as answers from './answers.ts';
import {
  type Call,
  fieldsOf,
  given,
  isPreview,
  listOf,
  lookedAt,
  newestOf,
  newestPage,
  newestQuery,
  operation,
  pageAnswer,
  pageOf,
  pageQuery,
  previewQuery,
} from './operation.ts';

const macOf = ({ param }: Pick<Call<unknown>, 'param'>): Mac => parseWith(macSchema, param('mac'), 'the MAC address');

const phoneOf = (call: Pick<Call<unknown>, 'param' | 'door' | 'actor'>) =>
  call.door.store.phones.get(call.actor.scope, macOf(call));

export const phoneOperations = [
  operation({
    id: 'listPhones',
    method: 'get',
    path: '/phones',
    summary:
      'Phones, in the order of their MAC addresses; search finds parts of a MAC address or of what a line is called',
    needs: 'look',
    query: z.object({
      ...pageQuery,
      tenant: z.string().optional(),
      vendor: z.string().optional(),
      model: z.string().optional(),
      search: z.string().min(1).max(100).optional(),
    }),
    answer: listOf(answers.phone),
    handle: async ({ door, actor, query }) => {
      const page = pageOf(query);
      const { limit: _limit, cursor: _cursor, ...filter } = query;
      const phones = await door.store.phones.list(actor.scope, { ...page, ...given(filter) });
      return { body: pageAnswer(phones, page, ({ mac }) => mac, answers.showPhone) };
    },
  }),
  operation({
    id: 'addPhone',
    method: 'post',
    path: '/phones',
    summary: 'Adds a phone',
    needs: 'tend',
    body: phoneSchema,
    status: 201,
    answer: answers.phone,
    handle: async ({ door, body, actor }) => ({ body: answers.showPhone(await addPhone(door, body, actor)) }),
  }),
  operation({
    id: 'addPhones',
    method: 'post',
    path: '/phones/batch',
    summary: 'Adds many phones, all of them or none',
    needs: 'tend',
    long: true,
    body: z.strictObject({ items: z.array(phoneSchema).readonly() }),
    status: 201,
    answer: listOf(answers.phone),
    handle: async (call) => {
      const { items } = parseWith(z.strictObject({ items: z.array(z.unknown()) }), fieldsOf(call), 'the phones');
      return { body: { items: (await addPhones(call.door, items, call.actor)).map(answers.showPhone), next: null } };
    },
  }),
  operation({
    id: 'getPhone',
    method: 'get',
    path: '/phones/{mac}',
    summary: 'One phone',
    needs: 'look',
    answer: answers.phone,
    handle: async (call) => {
      const phone = await phoneOf(call);
      return { body: answers.showPhone(phone), revision: phone.revision };
    },
  }),
  operation({
    id: 'changePhone',
    method: 'patch',
    path: '/phones/{mac}',
    summary: 'Changes a phone; a line without a password keeps the one at its place',
    needs: 'tend',
    body: phoneSchema,
    partial: true,
    query: previewQuery,
    preview: answers.impact,
    answer: answers.phone,
    handle: async (call) => {
      const revision = call.revision === undefined ? {} : { revision: call.revision };
      const changes = { ...fieldsOf(call), ...revision };
      if (isPreview(call.query)) return lookedAt(await previewPhone(call.door, macOf(call), changes, call.actor));
      const phone = await changePhone(call.door, macOf(call), changes, call.actor);
      return { body: answers.showPhone(phone), revision: phone.revision };
    },
  }),
  operation({
    id: 'removePhone',
    method: 'delete',
    path: '/phones/{mac}',
    summary: 'Removes a phone',
    needs: 'tend',
    answer: null,
    handle: async (call) => {
      await removePhone(call.door, macOf(call), call.actor, call.revision);
      return null;
    },
  }),
  operation({
    id: 'explainPhoneSettings',
    method: 'get',
    path: '/phones/{mac}/settings',
    summary: 'Where the settings of a phone come from',
    needs: 'look',
    query: z.object({ setting: z.string().optional() }),
    answer: listOf(answers.explanation),
    handle: async (call) => {
      const items = await explainSettings(call.door, macOf(call), call.actor, call.query.setting);
      return { body: { items, next: null } };
    },
  }),
];

export const phoneFileOperations = [
  operation({
    id: 'listPhoneFiles',
    method: 'get',
    path: '/phones/{mac}/files',
    summary: 'The files that a phone would get now',
    needs: 'look',
    answer: listOf(answers.madeFile),
    handle: async (call) => {
      const files = await filesFor(call.door, await phoneOf(call), { masked: false });
      const items = files.map(({ name, contentType, digest, body }) => {
        return { name, contentType, digest, bytes: body.length };
      });
      return { body: { items, next: null } };
    },
  }),
  operation({
    id: 'getPhoneFile',
    method: 'get',
    path: '/phones/{mac}/files/{name}',
    summary: 'A file that a phone would get now, with its secrets masked',
    needs: 'look',
    answer: null,
    answerTypes: ['text/plain', 'text/xml', 'application/octet-stream'],
    handle: async (call) => {
      const files = await filesFor(call.door, await phoneOf(call), { masked: true });
      const file = files.find(({ name }) => name === call.param('name'));
      if (file === undefined) throw notFound(`file ${call.param('name')} of phone ${call.param('mac')}`);
      return { type: file.contentType, content: file.body };
    },
  }),
  operation({
    id: 'listUploads',
    method: 'get',
    path: '/phones/{mac}/uploads',
    summary: 'What a phone has uploaded',
    needs: 'look',
    answer: listOf(answers.upload),
    handle: async (call) => {
      const { mac } = await phoneOf(call);
      return { body: { items: await call.door.store.uploads.list(mac), next: null } };
    },
  }),
  operation({
    id: 'listOverrides',
    method: 'get',
    path: '/phones/{mac}/overrides',
    summary: 'What people changed on the phone itself, and what of it breaks its way to the pool',
    needs: 'look',
    answer: listOf(answers.override),
    handle: async (call) => ({
      body: { items: await listOverrides(call.door, macOf(call), call.actor), next: null },
    }),
  }),
  operation({
    id: 'clearOverride',
    method: 'delete',
    path: '/phones/{mac}/overrides/{file}',
    summary: 'Clears an override: the phone gets an empty one from its next fetch on',
    needs: 'tend',
    answer: null,
    handle: async (call) => {
      await clearOverride(call.door, macOf(call), call.param('file'), call.actor);
      return null;
    },
  }),
  operation({
    id: 'listFetches',
    method: 'get',
    path: '/fetches',
    summary: 'What phones have fetched, newest first',
    needs: 'look',
    query: z.object({ ...newestQuery, mac: z.string().optional(), tenant: z.string().optional() }),
    answer: listOf(answers.fetched),
    handle: async ({ door, actor, query }) => {
      const { limit: _limit, cursor: _cursor, ...filter } = query;
      const items = await door.store.fetches.list(actor.scope, { ...newestOf(query), ...given(filter) });
      return { body: newestPage(items, query) };
    },
  }),
];

export const unclaimedOperations = [
  operation({
    id: 'listUnclaimed',
    method: 'get',
    path: '/unclaimed',
    summary: 'Phones that ask with a tenant’s token and that nobody has claimed',
    needs: 'look',
    query: z.object({ ...pageQuery, tenant: z.string().optional() }),
    answer: listOf(answers.unclaimed),
    handle: async ({ door, actor, query }) => {
      const page = pageOf(query);
      const strangers = await door.store.unclaimed.list(actor.scope, { ...page, ...given({ tenant: query.tenant }) });
      return {
        body: pageAnswer(
          strangers,
          page,
          ({ mac }) => mac,
          (stranger) => stranger,
        ),
      };
    },
  }),
  operation({
    id: 'adoptPhone',
    method: 'post',
    path: '/unclaimed/{mac}/adoption',
    summary: 'Makes an unclaimed phone a phone; what it said of itself fills in what is left out',
    needs: 'tend',
    body: phoneSchema,
    partial: true,
    status: 201,
    answer: answers.phone,
    handle: async (call) => {
      const phone = await adoptPhone(call.door, macOf(call), fieldsOf(call), call.actor);
      return { body: answers.showPhone(phone) };
    },
  }),
  operation({
    id: 'forgetUnclaimed',
    method: 'delete',
    path: '/unclaimed/{mac}',
    summary: 'Forgets an unclaimed phone until it asks again',
    needs: 'tend',
    answer: null,
    handle: async (call) => {
      await forgetUnclaimed(call.door, macOf(call), call.actor);
      return null;
    },
  }),
];
