// /api/v1/templates: the product's templates and the operator's own, what a change of them would do, and changing them.
import { z } from 'zod';
import { listTemplates, previewTemplate, putTemplate, removeTemplate, showTemplate } from '../../app/own-templates.ts';
import { invalid, notFound } from '../../domain/errors.ts';
import { PLACE_FAULT, readPlace, type TemplatePlace } from '../../domain/own-template.ts';
import { parseWith } from '../../domain/parse.ts';
import * as answers from './answers.ts';
import { type Call, fieldsOf, listOf, operation } from './operation.ts';

const SOURCE_MAX = 200_000;
const source = z.string().max(SOURCE_MAX, `must have at most ${SOURCE_MAX} characters`);
const sourceBody = z.strictObject({ source });
const writeBody = z.strictObject({
  source,
  revision: z.number().int().optional().describe('The revision that was read; the same as If-Match.'),
});
const previewBody = z.strictObject({ file: z.string().max(300), source: source.nullable() });

const templateState = z.enum(['served', 'last good', 'not used']);

const template = z.strictObject({
  file: z.string(),
  origin: z.enum(['product', 'own']),
  vendor: z.string().nullable(),
  /** Null stands for all tenants. */
  tenant: z.string().nullable(),
  /** `replaced`: a template of the product that an own one for all tenants stands in for. */
  state: z.enum([...templateState.options, 'replaced']),
  fault: z.string().nullable(),
});

const templateText = z.strictObject({
  file: z.string(),
  vendor: z.string(),
  tenant: z.string().nullable(),
  /** The models whose files it makes. */
  models: z.array(z.string()).readonly(),
  product: z.string(),
  own: z
    .strictObject({
      source: z.string(),
      digest: z.string(),
      bytes: z.number().int(),
      state: templateState,
      fault: z.string().nullable(),
    })
    .nullable(),
  writable: z.boolean(),
  revision: z.number().int(),
});

const templatePreview = z.strictObject({
  file: z.string(),
  action: z.enum(['add', 'change', 'remove']),
  /** Would it be used? */
  accepted: z.boolean(),
  /** What phones would be made from; null for a template that goes. */
  state: templateState.nullable(),
  fault: z.string().nullable(),
  warning: z.string().nullable(),
  impact: answers.impact,
});

type PlaceOf = (param: Call<unknown>['param']) => TemplatePlace;

/** @throws AppError `not_found` for a path that no template can have */
function placeIn(text: string): TemplatePlace {
  const place = readPlace(text);
  if (place === null) throw notFound('a template of this name');
  return place;
}

const templateAt = (id: string, path: string, whose: string, placeOf: PlaceOf) => [
  operation({
    id: `get${id}`,
    method: 'get',
    path,
    summary: `A template’s text: the product’s, and the own one that stands in for it for ${whose}`,
    needs: 'lookAtFleet',
    answer: templateText,
    handle: async ({ door, param, actor }) => {
      const template = await showTemplate(door, placeOf(param), actor);
      return { body: template, revision: template.revision };
    },
  }),
  operation({
    id: `put${id}`,
    method: 'put',
    path,
    summary: `Writes an own template for ${whose}; phones get what it says at once. One that would not be used is refused`,
    needs: 'operate',
    body: writeBody,
    answer: templateText,
    handle: async (call) => {
      const body = parseWith(sourceBody, fieldsOf(call), 'the template');
      const order = { place: placeOf(call.param), source: body.source, revision: call.revision };
      const template = await putTemplate(call.door, order, call.actor);
      return { body: template, revision: template.revision };
    },
  }),
  operation({
    id: `remove${id}`,
    method: 'delete',
    path,
    summary: `Removes an own template for ${whose}; the product’s holds again`,
    needs: 'operate',
    answer: null,
    handle: async ({ door, param, revision, actor }) => {
      await removeTemplate(door, { place: placeOf(param), revision }, actor);
      return null;
    },
  }),
];

export const templateOperations = [
  operation({
    id: 'listTemplates',
    method: 'get',
    path: '/templates',
    summary: 'The product’s templates and the operator’s own, with what is wrong with those that are not used',
    needs: 'lookAtFleet',
    query: z.object({ origin: z.enum(['product', 'own']).optional(), vendor: z.string().optional() }),
    answer: listOf(template),
    handle: async ({ door, query: { origin, vendor } }) => {
      const all = listTemplates(door);
      const items = all.filter((one) => (origin ?? one.origin) === one.origin && (vendor ?? one.vendor) === one.vendor);
      return { body: { items, next: null } };
    },
  }),
  operation({
    id: 'previewTemplate',
    method: 'post',
    path: '/templates/previews',
    summary:
      'Whether an own template would be used, and what phones would get; source null is its removal. Changes nothing',
    needs: 'operate',
    body: previewBody,
    answer: templatePreview,
    handle: async (call) => {
      const { file, source: text } = parseWith(previewBody, fieldsOf(call), 'the template');
      const place = readPlace(file);
      if (place === null) throw invalid(`file ${PLACE_FAULT}`, [{ path: 'file', message: PLACE_FAULT }]);
      return { body: await previewTemplate(call.door, { place, source: text }, call.actor) };
    },
  }),
  ...templateAt('Template', '/templates/{vendor}/{file}', 'all tenants', (param) =>
    placeIn(`${param('vendor')}/${param('file')}`),
  ),
  ...templateAt('TenantTemplate', '/templates/tenants/{code}/{vendor}/{file}', 'a tenant', (param) =>
    placeIn(`tenants/${param('code')}/${param('vendor')}/${param('file')}`),
  ),
];
