// The OpenAPI document: it is valid, it describes what is there, and a client made from it alone can work.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { type Document, OpenAPIClientAxios } from 'openapi-client-axios';
import request from 'supertest';
import { ROLES } from '../../src/domain/access.ts';
import { OPERATIONS } from '../../src/http/api/operations.ts';
import { API_KEY, startApp } from '../support/app.ts';
import { DOCUMENT } from '../support/openapi.ts';

test('the document is valid OpenAPI 3.1', async () => {
  const validator = new Validator();
  const { valid, errors } = await validator.validate(structuredClone(DOCUMENT));
  assert.ok(valid, JSON.stringify(errors)?.slice(0, 2_000));
  assert.equal(validator.version, '3.1');
});

test('a document with a fault is refused, so the check above can fail', async () => {
  const broken = structuredClone(DOCUMENT) as { paths: { [path: string]: unknown } };
  broken.paths['/phones'] = { get: { responses: 'none' } };
  assert.equal((await new Validator().validate(broken)).valid, false);
});

test('every operation has a name of its own, words, a right and an answer', () => {
  const ids = OPERATIONS.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  const places = OPERATIONS.map(({ method, path }) => `${method} ${path.replaceAll(/\{\w+\}/g, '{}')}`);
  assert.equal(new Set(places).size, places.length, 'no operation hides another');
  for (const { id, summary, method, body } of OPERATIONS) {
    assert.ok(summary.length > 5, id);
    if (method === 'put' || method === 'patch') assert.ok(body, `${id} says what its body is`);
  }
});

test('everybody may read the document, and it says what is served', async (context) => {
  const app = await startApp(context);
  const { body } = await request(app.adminUrl).get('/api/v1/openapi.json').expect(200);
  assert.deepEqual(body, DOCUMENT);
  assert.ok(JSON.stringify(body).includes('settings'));
});

test('a client generated from the document adds, changes, moves and reads', async (context) => {
  const app = await startApp(context);
  const definition = (await (await fetch(`${app.adminUrl}/api/v1/openapi.json`)).json()) as Document;
  const api = new OpenAPIClientAxios({
    definition: { ...definition, servers: [{ url: `${app.adminUrl}/api/v1` }] },
    axiosConfigDefaults: { headers: { Authorization: `Bearer ${API_KEY}` }, validateStatus: () => true },
  });
  const client = await api.init();
  const call = async (id: string, parameters: object | null = null, body?: object) => {
    const method = client[id];
    assert.ok(method, `the client has ${id}`);
    const { status, data } = await method(parameters as never, body as never);
    return { status, data };
  };
  const added = await call('addTenant', null, { code: 'initech', name: 'Initech', pool: 'pbxA' });
  assert.deepEqual([added.status, added.data.pool, added.data.revision], [201, 'pbxA', 1]);
  const line = { user: '201-INITECH', password: 'very secret' };
  const phone = { mac: '805ec0a000aa', tenant: 'initech', vendor: 'yealink', model: 'T46U', lines: [line] };
  assert.equal((await call('addPhone', null, phone)).status, 201);
  const changed = await call('changePhone', { mac: phone.mac }, { enabled: false });
  assert.deepEqual([changed.status, changed.data.enabled], [200, false]);
  const moved = await call('moveTenant', { code: 'initech' }, { pool: 'pbxB', revision: 1 });
  assert.deepEqual([moved.status, moved.data.toServer], [201, 'voip2']);
  const listed = await call('listPhones', { tenant: 'initech' });
  assert.deepEqual(
    listed.data.items.map(({ mac }: { mac: string }) => mac),
    [phone.mac],
  );
  assert.equal((await call('getTenant', { code: 'nobody' })).status, 404);
  assert.equal((await call('removePhone', { mac: phone.mac })).status, 204);
});

test('there are five roles, and the document names the right of each operation', () => {
  assert.equal(ROLES.length, 5);
  for (const methods of Object.values(DOCUMENT.paths))
    for (const operation of Object.values(methods))
      assert.match(
        (operation as unknown as { description: string }).description,
        /^(?:Needs the right `|For everybody)/,
      );
});
