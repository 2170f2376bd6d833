// Journeys of admins over the API: adding, changing, moving, and being told what is wrong.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import request from 'supertest';
import { type App, startApp } from '../support/app.ts';

const target = (server: string, priority: number) => ({ server, priority, weight: 10, port: 5060 });

const problem =
  (code: string) => (response: { type: string; body: { code?: string; status?: number }; status: number }) => {
    assert.equal(response.type, 'application/problem+json');
    assert.equal(response.body.code, code);
    assert.equal(response.body.status, response.status);
  };

describe('who comes in', () => {
  test('without the right key nobody, and nothing is said about what is there', async (context) => {
    const app = await startApp(context);
    for (const path of ['tenants', 'tenants/acme', 'tenants/nobody', 'nothing']) {
      const plain = await request(app.adminUrl).get(`/api/v1/${path}`).expect(401).expect(problem('unauthorized'));
      assert.match(plain.headers['www-authenticate'] ?? '', /^Bearer/);
      await request(app.adminUrl).get(`/api/v1/${path}`).set('Authorization', 'Bearer wrong').expect(401);
    }
  });
  test('when no key is set, no key fits', async (context) => {
    const app = await startApp(context, { HOMEPORT_API_KEY: '' });
    await app.api('get', 'tenants').expect(401);
  });
  test('health needs no key; readiness tells of a database that is gone', async (context) => {
    const app = await startApp(context);
    await request(app.adminUrl).get('/healthz').expect(200);
    await request(app.adminUrl).get('/readyz').expect(200);
    await app.house.store.close();
    await request(app.adminUrl).get('/healthz').expect(200);
    await request(app.adminUrl).get('/readyz').expect(503);
    await app.api('get', 'tenants').expect(500).expect(problem('internal'));
  });
  test('the admin door has no phone files', async (context) => {
    const app = await startApp(context);
    await request(app.adminUrl)
      .get(`${await app.folderOf('acme')}805ec0a00001.cfg`)
      .expect(404);
  });
});

describe('a move', () => {
  test('changes the placement, counts the revision and leaves a trace', async (context) => {
    const app = await startApp(context);
    const { body } = await app.api('post', 'tenants/acme/moves').send({ pool: 'pbxB', revision: 1 }).expect(201);
    assert.deepEqual(body, {
      tenant: 'acme',
      fromPool: 'pbxA',
      toPool: 'pbxB',
      fromServer: 'voip1',
      toServer: 'voip2',
      phones: 3,
      road: 'resync',
      next: 'the phones fetch their new files when they are told to, or by themselves within a day',
      revision: 2,
      warnings: [],
    });
    const tenant = (await app.api('get', 'tenants/acme').expect(200)).body;
    assert.deepEqual([tenant.pool, tenant.revision, tenant.weight], ['pbxB', 2, 3]);
    const [move] = (await app.api('get', 'tenants/acme/moves').expect(200)).body.items;
    assert.deepEqual([move.fromPool, move.toPool, move.actor, move.phones], ['pbxA', 'pbxB', 'key:first', 3]);
  });
  test('to the pool it is on, of nobody, to nowhere, or on an old revision is refused and changes nothing', async (context) => {
    const app = await startApp(context);
    await app.api('post', 'tenants/acme/moves').send({ pool: 'pbxA' }).expect(409).expect(problem('conflict'));
    await app.api('post', 'tenants/nobody/moves').send({ pool: 'pbxB' }).expect(404).expect(problem('not_found'));
    await app.api('post', 'tenants/acme/moves').send({ pool: 'pbxC' }).expect(404).expect(problem('not_found'));
    await app
      .api('post', 'tenants/acme/moves')
      .send({ pool: 'pbxB', revision: 7 })
      .expect(409)
      .expect(problem('conflict'));
    await app.api('post', 'tenants/acme/moves').set('If-Match', '"7"').send({ pool: 'pbxB' }).expect(409);
    await app.api('post', 'tenants/acme/moves').send({}).expect(422).expect(problem('invalid'));
    assert.equal((await app.api('get', 'tenants/acme')).body.revision, 1);
    assert.deepEqual((await app.api('get', 'tenants/acme/moves')).body.items, []);
  });
  test('to a pool with two equal servers is refused with the reasons', async (context) => {
    const app = await startApp(context);
    const pool = { name: 'flat', domain: 'flat.example.com', targets: [target('voip1', 10), target('voip2', 10)] };
    const added = await app.api('post', 'pools').send(pool).expect(201);
    assert.equal(added.body.warnings.length, 2, 'it may stand there, with the reasons why it carries nobody');
    const refused = await app.api('post', 'tenants/acme/moves').send({ pool: 'flat' }).expect(422);
    assert.match(refused.body.detail, /reachable on neither.*transfer fails/);
    await app.api('post', 'tenants').send({ code: 'new', name: 'New', pool: 'flat' }).expect(422);
  });
  test('two at once: one wins, the other is told', async (context) => {
    const app = await startApp(context);
    const order = () => app.api('post', 'tenants/acme/moves').send({ pool: 'pbxB', revision: 1 });
    const statuses = (await Promise.all([order(), order(), order()])).map(({ status }) => status);
    assert.deepEqual(statuses.sort(), [201, 409, 409]);
  });
});

describe('tenants', () => {
  test('a new one stands on its pool, with a token of its own', async (context) => {
    const app = await startApp(context);
    const { body } = await app
      .api('post', 'tenants')
      .send({ code: 'initech', name: 'Initech', pool: 'pbxA' })
      .expect(201);
    assert.match(body.provisioningUrl, /\/p\/[a-z2-7]{26}\/$/);
    assert.notEqual(new URL(body.provisioningUrl).pathname, await app.folderOf('acme'));
    await app.api('post', 'tenants').send({ code: 'initech', name: 'Again', pool: 'pbxA' }).expect(409);
  });
  test('the pool changes by a move only', async (context) => {
    const app = await startApp(context);
    const { body } = await app.api('patch', 'tenants/acme').send({ pool: 'pbxB' }).expect(422);
    assert.match(body.detail, /move/);
    for (const field of ['server', 'sipServer', 'outboundProxy', 'port', 'transport']) {
      const refused = await app
        .api('patch', 'tenants/acme')
        .send({ settings: { [field]: 'x' } })
        .expect(422);
      assert.match(JSON.stringify(refused.body.errors), /settings/);
    }
  });
  test('a change that races is refused', async (context) => {
    const app = await startApp(context);
    const { headers } = await app.api('get', 'tenants/acme').expect(200).expect('ETag', '"1"');
    await app
      .api('patch', 'tenants/acme')
      .set('If-Match', headers.etag ?? '')
      .send({ name: 'One' })
      .expect(200);
    await app
      .api('patch', 'tenants/acme')
      .set('If-Match', headers.etag ?? '')
      .send({ name: 'Two' })
      .expect(409);
    assert.equal((await app.api('get', 'tenants/acme')).body.name, 'One');
  });
  test('one with phones cannot be removed', async (context) => {
    const app = await startApp(context);
    await app.api('delete', 'tenants/acme').expect(409);
    for (const mac of ['805ec0a00001', '64167fa00001', 'c074ada00001'])
      await app.api('delete', `phones/${mac}`).expect(204);
    await app.api('delete', 'tenants/acme').expect(204);
    await app.api('get', 'tenants/acme').expect(404);
  });
  test('lists come in pages', async (context) => {
    const app = await startApp(context);
    const first = (await app.api('get', 'tenants?limit=1').expect(200)).body;
    const second = (await app.api('get', `tenants?limit=1&cursor=${first.next}`).expect(200)).body;
    assert.deepEqual(
      [...first.items, ...second.items].map(({ code }) => code),
      ['acme', 'globex'],
    );
    const filtered = (await app.api('get', 'tenants?pool=pbxB').expect(200)).body;
    assert.deepEqual(
      filtered.items.map(({ code }: { code: string }) => code),
      ['globex'],
    );
    assert.equal(filtered.next, null);
    await app.api('get', 'tenants?limit=0').expect(422);
  });
});

describe('pools and servers', () => {
  test('a pool that carries tenants keeps its domain, stays fit and cannot be removed', async (context) => {
    const app = await startApp(context);
    await app.api('patch', 'pools/pbxA').send({ domain: 'other.example.com' }).expect(409);
    await app
      .api('patch', 'pools/pbxA')
      .send({ targets: [target('voip1', 10), target('voip2', 10)] })
      .expect(422);
    await app.api('delete', 'pools/pbxA').expect(409);
    await app.api('delete', 'servers/voip1').expect(409);
    const changed = await app
      .api('patch', 'pools/pbxA')
      .send({ ttl: 60, targets: [target('voip1', 5)] })
      .expect(200);
    assert.match(changed.body.warnings.join(), /no backup/);
  });
  test('a target must be a known server: typing errors are found', async (context) => {
    const app = await startApp(context);
    const pool = { name: 'pbxC', domain: 'pbxc.example.com', targets: [target('voip1', 10), target('viop2', 20)] };
    const { body } = await app.api('post', 'pools').send(pool).expect(422);
    assert.deepEqual(body.errors, [{ path: 'targets.1.server', message: 'there is no server viop2; add it first' }]);
    await app.api('get', 'pools/pbxC').expect(404);
  });
  test('names, hosts and domains are nobody else’s', async (context) => {
    const app = await startApp(context);
    await app.api('post', 'servers').send({ name: 'voip1', host: 'x.example.com' }).expect(409);
    await app.api('post', 'servers').send({ name: 'voip3', host: 'VOIP1.example.com.' }).expect(409);
    await app
      .api('post', 'pools')
      .send({ name: 'x', domain: 'pbxa.example.com', targets: [target('voip1', 1)] })
      .expect(409);
    await app.api('post', 'servers').send({ name: 'voip3', host: 'voip3.example.com', capacity: 500 }).expect(201);
    await app.api('patch', 'servers/voip3').send({ state: 'draining' }).expect(200);
    const { body } = await app.api('get', 'servers/voip3').expect(200);
    const server = { name: 'voip3', host: 'voip3.example.com', addresses: [], capacity: 500, state: 'draining' };
    assert.deepEqual(body, { ...server, primaryOf: { tenants: 0, phones: 0, codes: [] } });
    await app.api('delete', 'servers/voip3').expect(204);
  });
  test('the records of a pool come as JSON and as a zone file', async (context) => {
    const app = await startApp(context);
    const json = (await app.api('get', 'pools/pbxA/records').expect(200)).body.records;
    assert.deepEqual(
      json.map(({ type }: { type: string }) => type),
      ['NAPTR', 'SRV', 'SRV'],
    );
    const zone = await app
      .api('get', 'pools/pbxA/records')
      .set('Accept', 'text/dns')
      .expect(200)
      .expect('Content-Type', /^text\/dns/);
    assert.match(zone.text, /^_sip\._udp\.pbxa\.example\.com\. 300 IN SRV 10 10 5060 voip1\.example\.com\.$/m);
  });
});

describe('phones', () => {
  const phone = (changes: object = {}) => ({
    mac: '80:5E:C0:00:00:99',
    tenant: 'acme',
    vendor: 'Yealink',
    model: 't54w',
    lines: [{ user: '199', password: 's3cret&<>"' }],
    ...changes,
  });
  const secrets = async (app: App, mac: string) => {
    const { body } = await app.phone('get', `${await app.folderOf('acme')}${mac}.cfg`).expect(200);
    return (body as Buffer).toString();
  };

  test('a new phone is served at once; its password goes in and never comes out', async (context) => {
    const app = await startApp(context);
    const { body } = await app.api('post', 'phones').send(phone()).expect(201);
    assert.deepEqual([body.mac, body.vendor, body.model], ['805ec0000099', 'yealink', 'T54W']);
    assert.deepEqual(body.lines, [{ user: '199', authUser: null, displayName: null, label: null, extension: null }]);
    assert.match(await secrets(app, '805ec0000099'), /account\.1\.password = s3cret&<>"\n/);
    for (const path of [
      'phones',
      'phones/805ec0000099',
      'phones/805ec0000099/files',
      'phones/805ec0000099/files/805ec0000099.cfg',
    ]) {
      const answer = await app.api('get', path).expect(200);
      assert.ok(!(answer.text ?? '').includes('s3cret'), path);
    }
  });
  test('the files that people see are those the phone gets, but for the secrets', async (context) => {
    const app = await startApp(context);
    const { body } = await app.api('get', 'phones/64167fa00001/files').expect(200);
    const folder = await app.folderOf('acme');
    assert.equal(body.items.length, 3);
    for (const { name, digest, bytes, contentType } of body.items) {
      const served = await app
        .phone('get', folder + name)
        .expect(200)
        .expect('Content-Type', contentType);
      assert.equal(served.headers.etag, `"${digest}"`);
      assert.equal((served.body as Buffer).length, bytes);
      const seen = await app.api('get', `phones/64167fa00001/files/${name}`).expect(200);
      const masked = (served.body as Buffer).toString().replaceAll(/(auth\.password=")[^"]+/g, '$1********');
      assert.equal(seen.text, masked);
    }
    await app.api('get', 'phones/64167fa00001/files/nothing.cfg').expect(404);
  });
  test('a change keeps the passwords it does not name', async (context) => {
    const app = await startApp(context);
    await app.api('post', 'phones').send(phone()).expect(201);
    await app
      .api('patch', 'phones/805ec0000099')
      .send({ lines: [{ user: '199', label: 'Desk' }] })
      .expect(200);
    assert.match(await secrets(app, '805ec0000099'), /label = Desk\n(?:.*\n)*account\.1\.password = s3cret&<>"\n/);
    await app
      .api('patch', 'phones/805ec0000099')
      .send({ lines: [{ user: '199', password: 'other' }] })
      .expect(200);
    assert.match(await secrets(app, '805ec0000099'), /password = other\n/);
    await app.api('patch', 'phones/805ec0000099').set('If-Match', '"1"').send({ enabled: false }).expect(409);
  });
  const wrong: [string, object, RegExp][] = [
    ['a line break in a password', { lines: [{ user: '1', password: 'geheim\nx' }] }, /lines\.0\.password.*line break/],
    ['a control character in a label', { lines: [{ user: '1', password: 'p', label: 'a\u0007' }] }, /lines\.0\.label/],
    [
      'a vendor that is not there',
      { vendor: 'nobody' },
      /no vendor nobody; there are grandstream, polycom, snom, yealink/,
    ],
    ['a model that is not there', { model: 'T99' }, /has no model T99 here; there are .*T46U/],
    [
      'more lines than the model has',
      { model: 'T19P_E2', lines: [1, 2].map(() => ({ user: '1', password: 'p' })) },
      /has 1 lines/,
    ],
    ['a server of its own', { server: 'evil.example.com' }, /server/],
    ['no MAC address', { mac: 'nonsense' }, /mac/],
    ['a word that the phone would obey', { lines: [{ user: '1', password: '%NULL%' }] }, /lines\.0\.password/],
  ];
  for (const [name, changes, why] of wrong) {
    test(`${name} is refused, and nothing is stored`, async (context) => {
      const app = await startApp(context);
      const { body } = await app.api('post', 'phones').send(phone(changes)).expect(422).expect(problem('invalid'));
      assert.match(body.detail, why);
      assert.ok(body.errors.length > 0);
      assert.ok(!JSON.stringify(body).includes('geheim'));
      assert.equal((await app.api('get', 'phones')).body.items.length, 6);
    });
  }
  const searches: [query: string, macs: string[]][] = [
    ['vendor=polycom', ['64167fa00001', '64167fa00002']],
    ['vendor=yealink&tenant=acme', ['805ec0a00001']],
    ['model=VVX 450&tenant=globex', ['64167fa00002']],
    ['search=C0:74:AD', ['c074ada00001', 'c074ada00002']],
    ['search=103-ac', ['c074ada00001']],
    ['search=102', ['64167fa00001', '64167fa00002']],
    ['search=%25', []],
    ['search=_', []],
    ["search='", []],
    ['vendor=nobody', []],
  ];
  for (const [query, macs] of searches) {
    test(`found by ${query}`, async (context) => {
      const app = await startApp(context);
      const { items } = (await app.api('get', `phones?${query}`).expect(200)).body;
      assert.deepEqual(
        items.map(({ mac }: { mac: string }) => mac),
        macs,
      );
    });
  }
  test('a phone belongs to one tenant', async (context) => {
    const app = await startApp(context);
    await app
      .api('post', 'phones')
      .send(phone({ mac: '805ec0a00001', tenant: 'globex' }))
      .expect(409);
    await app.api('patch', 'phones/805ec0a00001').send({ tenant: 'globex' }).expect(422);
    await app
      .api('post', 'phones')
      .send(phone({ tenant: 'nobody' }))
      .expect(404);
  });
  test('a body that is no JSON is told so', async (context) => {
    const app = await startApp(context);
    const answer = await app.api('post', 'phones').set('Content-Type', 'application/json').send('{"mac":');
    assert.equal(answer.status, 400);
    problem('invalid')(answer);
    await app.api('get', 'nothing').expect(404).expect(problem('not_found'));
  });
});
