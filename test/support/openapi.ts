// Holds answers of the API against its own OpenAPI document.
import assert from 'node:assert/strict';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { openApi } from '../../src/http/api/openapi.ts';
import { OPERATIONS } from '../../src/http/api/operations.ts';

type Json = { [name: string]: unknown };
type Media = { schema: Json };
type DocumentedResponse = { content?: { [type: string]: Media } };
type Documented = { operationId: string; responses: { [status: string]: DocumentedResponse } };

// What a program reads: the document after it went through JSON.
export const DOCUMENT = JSON.parse(JSON.stringify(openApi(OPERATIONS))) as {
  paths: { [path: string]: { [method: string]: Documented } };
};

const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats.default(ajv);
ajv.addSchema({ $id: 'openapi', ...DOCUMENT });

const patterns = Object.keys(DOCUMENT.paths).map((path) => ({
  path,
  pattern: new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`),
}));

/** The operation that a request is for; null when there is none. Paths without names go before those with. */
function operationFor(method: string, path: string): Documented | null {
  const fits = patterns.filter(({ path: one, pattern }) => pattern.test(path) && DOCUMENT.paths[one]?.[method]);
  const [best] = fits.sort((a, b) => a.path.split('{').length - b.path.split('{').length);
  return best === undefined ? null : (DOCUMENT.paths[best.path]?.[method] ?? null);
}

/** Inner references of the document, as they are called from outside of it. */
const outside = (schema: Json): Json =>
  JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"openapi#/components/')) as Json;

const compiled = new Map<string, ReturnType<typeof ajv.compile>>();

/** Is this answer one that the document promises? */
export function checkAnswer(
  method: string,
  path: string,
  answer: { status: number; type: string; body: unknown; text?: string },
): void {
  const operation = operationFor(method, path);
  if (operation === null) {
    assert.ok(answer.status >= 400, `${method} ${path} is not in the document`);
    return;
  }
  const { responses, operationId } = operation;
  const status = answer.status in responses ? String(answer.status) : 'default';
  if (status === 'default') assert.ok(answer.status >= 400, `${operationId} may not answer ${answer.status}`);
  const content = responses[status]?.content;
  if (content === undefined) {
    assert.equal(answer.text ?? '', '', `${operationId} has an empty answer`);
    return;
  }
  const media = content[answer.type];
  assert.ok(media, `${operationId} may not answer ${answer.status} as ${answer.type}`);
  if (!/[/+]json$/.test(answer.type)) return;
  const key = `${operationId} ${status} ${answer.type}`;
  const validate = compiled.get(key) ?? ajv.compile(outside(media.schema));
  compiled.set(key, validate);
  assert.ok(validate(answer.body), `${key}: ${ajv.errorsText(validate.errors)}`);
}
