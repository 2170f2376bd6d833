// Lists of any length: pages by a cursor, filters, search; and the audit in full, as a file.
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { parse } from 'csv-parse/sync';
import type { Response } from 'superagent';
import { exportAudit } from '../../src/app/export-audit.ts';
import { ALL_TENANTS } from '../../src/domain/access.ts';
import { CHAIN_START, followChain, type StoredAuditEntry } from '../../src/domain/audit.ts';
import { type App, startApp } from '../support/app.ts';

const JSON_LINES = 'application/x-ndjson';
const OWNER = { name: 'test', role: 'owner', scope: ALL_TENANTS, address: null } as const;

/** The keys of all items, page by page. */
async function everyPage(app: App, path: string, key: string, limit: number): Promise<unknown[]> {
  const keys: unknown[] = [];
  for (let cursor = ''; ; ) {
    const { body } = await app
      .api('get', `${path}${path.includes('?') ? '&' : '?'}limit=${limit}${cursor}`)
      .expect(200);
    assert.ok(body.items.length <= limit);
    keys.push(...body.items.map((item: Record<string, unknown>) => item[key]));
    if (body.next === null) return keys;
    cursor = `&cursor=${encodeURIComponent(body.next)}`;
  }
}

describe('tenants', () => {
  const add = async (app: App, tenants: readonly object[]) => {
    for (const tenant of tenants)
      await app
        .api('post', 'tenants')
        .send({ pool: 'pbxA', ...tenant })
        .expect(201);
  };
  const found = async (app: App, query: string) =>
    (await app.api('get', `tenants?${query}`).expect(200)).body.items.map(({ code }: { code: string }) => code);

  test('are found by a part of code, name or SIP domain, in any case', async (context) => {
    const app = await startApp(context);
    await add(app, [
      { code: 'north-1', name: 'Bäckerei Nord' },
      { code: 'south_1', name: '100% Süd' },
      { code: 'x', name: 'Y', binding: 'outboundProxy', sipDomain: 'sip.north.example' },
    ]);
    for (const [search, codes] of [
      ['NORTH', ['north-1', 'x']],
      ['bäckerei', ['north-1']],
      ['h.example', ['x']],
      ['100%', ['south_1']],
      // What SQL takes for a pattern is a letter like any other.
      ['%', ['south_1']],
      ['_', ['south_1']],
      ["'; drop table tenant; --", []],
      ['GLO', ['globex']],
      ['nothing', []],
    ] as const)
      assert.deepEqual(await found(app, `search=${encodeURIComponent(search)}`), codes, search);
    assert.deepEqual(await found(app, 'binding=outboundProxy'), ['x']);
    assert.deepEqual(await found(app, 'binding=registrar&pool=pbxA&search=o'), ['north-1', 'south_1']);
    assert.deepEqual(await found(app, 'pool=pbxB'), ['globex']);
    await app.api('get', 'tenants?search=').expect(422);
    const { body } = await app.api('get', 'tenants?binding=nonsense').expect(422);
    assert.deepEqual(
      body.errors.map(({ path }: { path: string }) => path),
      ['binding'],
    );
  });
  test('that are found come in pages, and only one’s own', async (context) => {
    const app = await startApp(context);
    const codes = Array.from({ length: 7 }, (_, index) => `north${index}`);
    await add(
      app,
      codes.map((code) => ({ code, name: 'N' })),
    );
    assert.deepEqual(await everyPage(app, 'tenants?search=north', 'code', 3), codes);
    const { key } = (
      await app
        .api('post', 'keys')
        .send({ name: 'k', role: 'tenantViewer', tenants: ['north3'] })
        .expect(201)
    ).body;
    const { items } = (await app.api('get', 'tenants?search=north', key).expect(200)).body;
    assert.deepEqual(
      items.map(({ code }: { code: string }) => code),
      ['north3'],
    );
  });
});

test('short lists come whole, or page by page in the order of their keys', async (context) => {
  const app = await startApp(context);
  await app.api('post', 'servers').send({ name: 'edge', host: 'edge.example.com' }).expect(201);
  const targets = [{ server: 'edge', priority: 10 }];
  await app.api('post', 'pools').send({ name: 'pbxAA', domain: 'pbxaa.example.com', targets }).expect(201);
  for (const name of ['eve', 'bob'])
    await app.api('post', 'users').send({ name, role: 'viewer', password: 'long enough for this' }).expect(201);
  for (const [path, key, expected] of [
    ['servers', 'name', ['edge', 'voip1', 'voip2']],
    ['pools', 'name', ['pbxA', 'pbxAA', 'pbxB']],
    ['users', 'name', ['bob', 'eve']],
  ] as const) {
    const { body } = await app.api('get', path).expect(200);
    assert.deepEqual(
      body.items.map((item: Record<string, unknown>) => item[key]),
      expected,
    );
    assert.equal(body.next, null);
    assert.deepEqual(await everyPage(app, path, key, 1), expected);
  }
});

describe('what happened, newest first', () => {
  test('moves and fetches come in pages', async (context) => {
    const app = await startApp(context);
    for (let index = 0; index < 5; index++)
      await app
        .api('post', 'tenants/acme/moves')
        .send({ pool: index % 2 === 0 ? 'pbxB' : 'pbxA' })
        .expect(201);
    const moves = await everyPage(app, 'tenants/acme/moves', 'id', 2);
    assert.deepEqual(moves, [5, 4, 3, 2, 1]);
    const folder = await app.folderOf('acme');
    for (let index = 0; index < 5; index++) await app.phone('get', `${folder}805ec0a00001.cfg`).expect(200);
    for (let tries = 0; (await everyPage(app, 'fetches', 'id', 100)).length < 5; tries++) {
      assert.ok(tries < 200, 'the fetches are written');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const fetches = (await everyPage(app, 'fetches?mac=805ec0a00001', 'id', 2)) as number[];
    assert.equal(new Set(fetches).size, 5);
    assert.deepEqual(
      fetches,
      fetches.toSorted((a, b) => b - a),
    );
  });
});

/** A house with a day of history: entries of three actors over known days. */
async function withHistory(context: TestContext) {
  const app = await startApp(context, { demo: '0' });
  const days = [
    '2026-01-30T10:00:00.000Z',
    '2026-01-31T00:00:00.000Z',
    '2026-01-31T23:59:59.999Z',
    '2026-02-01T00:00:00.000Z',
  ];
  for (const [index, at] of days.entries()) {
    const entry = { at, actor: `user:u${index % 2}`, address: '192.0.2.1', action: index < 2 ? 'a.add' : 'a.change' };
    const changes = [{ path: 'name', before: null, after: '=HYPERLINK("http://evil.example")' }];
    await app.house.store.transaction((tx) =>
      tx.audit.add({
        ...entry,
        subject: index === 0 ? '@SUM(1)' : `s${index}`,
        tenant: index === 3 ? 'acme' : null,
        changes,
      }),
    );
  }
  return app;
}

const asText = (answer: Response, done: (error: Error | null, text: string) => void): void => {
  const pieces: Buffer[] = [];
  const stream = answer as unknown as NodeJS.ReadableStream;
  stream.on('data', (piece: Buffer) => pieces.push(piece));
  stream.on('end', () => done(null, Buffer.concat(pieces).toString()));
};

const linesOf = (text: string) =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as StoredAuditEntry);

describe('the audit', () => {
  test('is filtered by actor, action, subject, tenant and time', async (context) => {
    const app = await withHistory(context);
    for (const [query, ids] of [
      ['actor=user:u1', [4, 2]],
      ['action=a.change', [4, 3]],
      ['subject=s2', [3]],
      ['tenant=acme', [4]],
      ['from=2026-01-31', [4, 3, 2]],
      // A day as an end is meant with all of its hours; a moment is not in it.
      ['to=2026-01-31', [3, 2, 1]],
      ['to=2026-01-31T23:59:59.999Z', [2, 1]],
      ['from=2026-01-31T00:00:00Z&to=2026-01-31T01:00:00%2B01:00', []],
      ['from=2026-01-31T01:00:00%2B01:00&to=2026-01-31', [3, 2]],
      ['from=2026-01-31&actor=user:u1&action=a.add', [2]],
    ] as const) {
      const { items } = (await app.api('get', `audit?${query}`).expect(200)).body;
      assert.deepEqual(
        items.map(({ id }: { id: number }) => id),
        ids,
        query,
      );
    }
    for (const wrong of ['from=yesterday', 'to=2026-13-01', 'from=2026-02-30']) {
      const { body } = await app.api('get', `audit?${wrong}`).expect(422);
      assert.deepEqual(
        body.errors.map(({ path }: { path: string }) => path),
        [wrong.split('=')[0]],
      );
    }
  });
  test('goes out as a table in which no cell is a formula', async (context) => {
    const app = await withHistory(context);
    const { text, type } = await app.api('get', 'exports/audit').expect(200);
    assert.equal(type, 'text/csv');
    const rows = parse(text, { columns: true }) as Record<string, string>[];
    assert.deepEqual(
      rows.map(({ id }) => id),
      ['1', '2', '3', '4'],
    );
    assert.equal(rows[0]?.subject, "'@SUM(1)");
    assert.deepEqual(JSON.parse(rows[0]?.changes ?? ''), [
      { path: 'name', before: null, after: '=HYPERLINK("http://evil.example")' },
    ]);
    for (const row of rows) for (const cell of Object.values(row)) assert.doesNotMatch(cell, /^[=+\-@\t\r]/);
    const some = await app.api('get', 'exports/audit?actor=user:u1&from=2026-02-01').expect(200);
    assert.deepEqual(
      (parse(some.text, { columns: true }) as Record<string, string>[]).map(({ id }) => id),
      ['4'],
    );
  });
  test('goes out as JSON lines whose chain can be followed', async (context) => {
    const app = await withHistory(context);
    const get = (query: string, accept?: string) => {
      const call = app.api('get', `exports/audit${query}`).buffer(true).parse(asText);
      return accept === undefined ? call : call.set('Accept', accept);
    };
    const { body, type } = await get('', JSON_LINES).expect(200);
    assert.equal(type, JSON_LINES);
    const entries = linesOf(body);
    const { fault, id } = followChain({ id: 0, hash: CHAIN_START }, entries);
    assert.deepEqual([fault, id], [null, (await app.house.store.audit.end()).id]);
    assert.equal((await get('?format=jsonl').expect(200)).body, body);
    assert.match((await get('?format=csv', JSON_LINES).expect(200)).body, /^id,at,actor/);
  });
  test('holds what the one who asks may see, and nothing that comes while it goes out', async (context) => {
    const app = await withHistory(context);
    await app.api('post', 'servers').send({ name: 'voip1', host: 'voip1.example.com' }).expect(201);
    const targets = [{ server: 'voip1', priority: 1 }];
    await app.api('post', 'pools').send({ name: 'p', domain: 'p.example.com', targets }).expect(201);
    await app.api('post', 'tenants').send({ code: 'acme', name: 'A', pool: 'p' }).expect(201);
    const wanted = { name: 'k', role: 'tenantViewer', tenants: ['acme'] };
    const { key } = (await app.api('post', 'keys').send(wanted).expect(201)).body;
    const { text } = await app.api('get', 'exports/audit', key).expect(200);
    const rows = parse(text, { columns: true }) as Record<string, string>[];
    assert.ok(rows.length >= 2 && rows.every(({ tenant }) => tenant === 'acme'));
    const going = exportAudit(app.house, { format: 'jsonl' }, OWNER);
    const { id } = await app.house.store.audit.end();
    let [out, shares] = ['', 0];
    for await (const piece of going) {
      out += piece;
      shares++;
      await app
        .api('patch', 'tenants/acme')
        .send({ name: `N${shares}` })
        .expect(200);
    }
    assert.equal(linesOf(out).length, id);
  });
  test('of any length goes out in pieces', async (context) => {
    const app = await startApp(context, { demo: '0' });
    const total = 1_203;
    await app.house.store.transaction(async (tx) => {
      for (let index = 0; index < total; index++) {
        const entry = { at: '2026-01-01T00:00:00.000Z', actor: 'x', address: null, action: 'a', subject: `${index}` };
        await tx.audit.add({ ...entry, tenant: null, changes: [] });
      }
    });
    const sizes: number[] = [];
    const told: number[] = [];
    for await (const piece of exportAudit(app.house, { format: 'jsonl' }, OWNER, (share) => told.push(share)))
      sizes.push(linesOf(piece).length);
    assert.deepEqual(sizes, [500, 500, 203]);
    assert.deepEqual([told.length, told.at(-1)], [3, 1]);
    assert.deepEqual(await everyPage(app, 'audit', 'subject', 400).then((all) => all.length), total);
  });
  test('with nothing in it is a heading', async (context) => {
    const app = await startApp(context, { demo: '0' });
    assert.equal(
      (await app.api('get', 'exports/audit').expect(200)).text,
      'id,at,actor,address,action,subject,tenant,changes,hash\n',
    );
  });
});

test('many phones at once may be a body of some megabytes', async (context) => {
  const app = await startApp(context);
  const items = Array.from({ length: 6_000 }, (_, index) => ({
    ...{ mac: `805e${(0x20000000 + index).toString(16)}`, tenant: 'acme', vendor: 'yealink', model: 'T46U' },
    lines: [{ user: `${index}-ACME`, password: 'x'.repeat(60), label: 'y'.repeat(30) }],
  }));
  // Refused for the last item alone: the body itself has been read.
  items.push({ ...items[0], mac: '805e30000000', model: 'T99' } as (typeof items)[number]);
  const { body } = await app.api('post', 'phones/batch').send({ items }).expect(422);
  assert.deepEqual(
    body.errors.map(({ path }: { path: string }) => path),
    ['items.6000.model'],
  );
});

describe('a change that races', () => {
  const things: [path: string, change: object][] = [
    ['servers/voip1', { capacity: 7 }],
    ['pools/pbxA', { ttl: 77 }],
    ['tenants/acme', { name: 'A' }],
    ['phones/805ec0a00001', { enabled: false }],
    ['users/anna', { enabled: false }],
    ['settings/installation', { settings: { mwi: true } }],
  ];
  for (const [path, change] of things) {
    test(`${path}: the second gets 409, by If-Match and by revision, and so does who removes it`, async (context) => {
      const app = await startApp(context);
      const anna = { name: 'anna', role: 'viewer', password: 'long enough for this' };
      await app.api('post', 'users').send(anna).expect(201);
      const tag = async () => (await app.api('get', path).expect(200)).headers.etag ?? '';
      const first = await tag();
      const changed = await app.api('patch', path).set('If-Match', first).send(change).expect(200);
      assert.equal(changed.headers.etag, await tag());
      assert.notEqual(changed.headers.etag, first);
      const { id } = await app.house.store.audit.end();
      const { body } = await app.api('patch', path).set('If-Match', first).send(change).expect(409);
      assert.match(body.detail, /changed.*(?:read|look) again|read it again/);
      await app
        .api('patch', path)
        .send({ ...change, revision: Number(first.replaceAll('"', '')) })
        .expect(409);
      if (!path.startsWith('settings')) await app.api('delete', path).set('If-Match', first).expect(409);
      assert.equal((await app.house.store.audit.end()).id, id, 'nothing was changed');
      await app
        .api('patch', path)
        .set('If-Match', await tag())
        .send(change)
        .expect(200);
    });
  }
  test('of a phonebook too', async (context) => {
    const app = await startApp(context);
    const put = (items: object[], tag: string) =>
      app.api('put', 'tenants/acme/contacts').set('If-Match', tag).send({ items });
    const { etag = '' } = (await app.api('get', 'tenants/acme/contacts').expect(200)).headers;
    await put([{ name: 'A', work: '1', mobile: null, home: null }], etag).expect(200);
    await put([], etag).expect(409);
    assert.equal((await app.api('get', 'tenants/acme/contacts')).body.items.length, 1);
  });
});
