// /api/v1/openapi.json: OpenAPI 3.1 made from the list of operations and the schemas that they are checked against.
import { z } from 'zod';
import * as answers from './answers.ts';
import { itemOf, type Operation, pathNames } from './operation.ts';

type Json = { [name: string]: unknown };

/** Schemas that have a name in the document. */
const NAMED: ReadonlyMap<z.ZodType, string> = new Map<z.ZodType, string>([
  [answers.server, 'Server'],
  [answers.pool, 'Pool'],
  [answers.checkedPool, 'CheckedPool'],
  [answers.tenant, 'Tenant'],
  [answers.phone, 'Phone'],
  [answers.move, 'Move'],
  [answers.moveReport, 'MoveReport'],
  [answers.movePreview, 'MovePreview'],
  [answers.impact, 'Impact'],
  [answers.level, 'Level'],
  [answers.setting, 'Setting'],
  [answers.explanation, 'Explanation'],
  [answers.fetched, 'Fetch'],
  [answers.token, 'Token'],
  [answers.enrolmentWindow, 'EnrolmentWindow'],
  [answers.enrolment, 'Enrolment'],
  [answers.unclaimed, 'Unclaimed'],
  [answers.contact, 'Contact'],
  [answers.user, 'User'],
  [answers.apiKey, 'ApiKey'],
  [answers.auditEntry, 'AuditEntry'],
  [answers.problem, 'Problem'],
]);

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _dialect, ...json } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return json;
}

function answerSchema(schema: z.ZodType): Json {
  const name = NAMED.get(schema);
  if (name !== undefined) return { $ref: `#/components/schemas/${name}` };
  const item = itemOf(schema);
  if (item === undefined) return jsonSchema(schema, 'output');
  const items = { type: 'array', items: answerSchema(item) };
  const next = { type: ['string', 'null'], description: 'The cursor of the next page, or null.' };
  return { type: 'object', properties: { items, next }, required: ['items', 'next'], additionalProperties: false };
}

function bodySchema({ body, partial }: Operation): Json {
  if (body === undefined) return {};
  const { required, ...json } = jsonSchema(body, 'input');
  const revision = { type: 'integer', description: 'The revision that was read; the same as If-Match.' };
  if (partial !== true) return { ...json, ...(required === undefined ? {} : { required }) };
  return { ...json, properties: { ...(json.properties as Json), revision } };
}

const IF_MATCH = {
  ...{ name: 'If-Match', in: 'header', required: false, schema: { type: 'string' } },
  description: 'The ETag that was read; a change that races gets 409.',
};

function parametersOf({ path, query, method }: Operation): Json[] {
  const named = pathNames(path).map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } }));
  const inPath = method === 'patch' ? [...named, IF_MATCH] : named;
  if (query === undefined) return inPath;
  const { properties = {}, required = [] } = jsonSchema(query, 'input') as { properties?: Json; required?: string[] };
  const inQuery = Object.entries(properties).map(([name, schema]) => {
    return { name, in: 'query', required: required.includes(name), schema };
  });
  return [...inPath, ...inQuery];
}

function responsesOf({ answer, answerTypes = [], status = 200, preview }: Operation): Json {
  const problem = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } };
  const failed = { description: 'What went wrong and what to do about it (RFC 9457).', content: problem };
  if (answer === null && answerTypes.length === 0) return { 204: { description: 'Done.' }, default: failed };
  const text = Object.fromEntries(answerTypes.map((type) => [type, { schema: { type: 'string' } }]));
  const json = answer === null ? {} : { 'application/json': { schema: answerSchema(answer) } };
  const done = { description: 'Done.', content: { ...json, ...text } };
  if (preview === undefined) return { [status]: done, default: failed };
  const shown = { 'application/json': { schema: answerSchema(preview) } };
  const looked = { description: 'What it would do; nothing is changed (preview=1).', content: shown };
  const both = {
    'application/json': { schema: { anyOf: [answerSchema(preview), ...(answer ? [answerSchema(answer)] : [])] } },
  };
  return status === 200
    ? { 200: { description: 'Done, or with preview=1 what it would do.', content: both }, default: failed }
    : { 200: looked, [status]: done, default: failed };
}

function describe(one: Operation): Json {
  const { id, summary, needs, bodyTypes = [], body } = one;
  const text = Object.fromEntries(bodyTypes.map((type) => [type, { schema: { type: 'string' } }]));
  const content = { ...(body === undefined ? {} : { 'application/json': { schema: bodySchema(one) } }), ...text };
  return {
    operationId: id,
    summary,
    description: needs === null ? 'For everybody.' : `Needs the right \`${needs}\`.`,
    tags: [one.path.split('/')[1] ?? ''],
    parameters: parametersOf(one),
    ...(Object.keys(content).length === 0 ? {} : { requestBody: { required: true, content } }),
    responses: responsesOf(one),
    ...(needs === null ? { security: [] } : {}),
  };
}

/** The whole document. */
export function openApi(operations: readonly Operation[]): Json {
  const paths: { [path: string]: Json } = {};
  for (const one of operations) paths[one.path] = { ...paths[one.path], [one.method]: describe(one) };
  const schemas = Object.fromEntries([...NAMED].map(([schema, name]) => [name, jsonSchema(schema, 'output')]));
  return {
    openapi: '3.1.0',
    info: {
      title: 'Homeport',
      version: '1',
      description: 'Phone provisioning: every phone gets its file, every file its tenant’s pool.',
    },
    servers: [{ url: '/api/v1' }],
    security: [{ key: [] }, { session: [] }],
    paths,
    components: {
      schemas,
      securitySchemes: {
        key: { type: 'http', scheme: 'bearer', description: 'A program’s key.' },
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: 'homeport_session',
          description: 'A person’s session. Where the door is reached over TLS, the name begins with `__Host-`.',
        },
      },
    },
  };
}
