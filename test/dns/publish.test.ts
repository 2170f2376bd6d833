// Publishing to real servers: what is wanted is there afterwards, all of it, and nothing else was touched.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type App, startApp } from '../support/app.ts';
import { needsPrograms } from '../support/system-packages.ts';
import {
  BIND,
  changeByHand,
  dig,
  KEY,
  KNOT,
  type Server,
  startBind,
  startKnot,
  startResolver,
  ZONE,
  zoneOf,
} from './servers.ts';

const target = ({ address, port }: Server, changes: object = {}) => ({
  ...{ kind: 'rfc2136', server: { address, port }, authorities: [{ address, port }], key: KEY },
  ...changes,
});

const putTarget = (app: App, server: Server, changes: object = {}) =>
  app.api('put', `dns/targets/${ZONE}`).send(target(server, changes)).expect(200);

const planOf = async (app: App) => (await app.api('get', 'dns/plan').expect(200)).body;

/** Shows the plan and applies it. */
async function publishAll(app: App, more: object = {}) {
  const { digest } = await planOf(app);
  return (
    await app
      .api('post', 'dns/publications')
      .send({ digest, ...more })
      .expect(201)
  ).body;
}

const check = async (app: App) => {
  await app.api('post', 'dns/checks').expect(201);
  const { body } = await app.api('get', 'dns/drift').expect(200);
  return body as { pools: { pool: string; state: string; reasons: { why: string; server: string | null }[] }[] };
};

const states = ({ pools }: Awaited<ReturnType<typeof check>>) =>
  Object.fromEntries(pools.map((one) => [one.pool, one.state]));

const DEMO = {
  'pbxa.example.com NAPTR': ['10 10 "s" "SIP+D2U" "" _sip._udp.pbxa.example.com.'],
  'pbxb.example.com NAPTR': ['10 10 "s" "SIP+D2U" "" _sip._udp.pbxb.example.com.'],
  '_sip._udp.pbxa.example.com SRV': ['10 10 5060 voip1.example.com.', '20 10 5060 voip2.example.com.'],
  '_sip._udp.pbxb.example.com SRV': ['10 10 5060 voip2.example.com.', '20 10 5060 voip1.example.com.'],
};

const audits = async (app: App, action: string) => (await app.api('get', `audit?action=${action}`)).body.items.length;

describe('with BIND 9', { skip: needsPrograms(BIND) }, () => {
  test('the demo pools are published, answered, found changed by hand, and healed', async (context) => {
    const bind = await startBind(context);
    const resolver = await startResolver(context, bind);
    const app = await startApp(context);
    await putTarget(app, bind);
    await app
      .api('put', 'dns/settings')
      .send({ resolvers: [resolver] })
      .expect(200);
    const before = zoneOf(bind);

    const plan = await planOf(app);
    assert.deepEqual(
      plan.zones[0].changes.map(({ action, name, type }: Record<string, string>) => `${action} ${name} ${type}`),
      [
        ...['create _sip._udp.pbxa.example.com SRV', 'create _sip._udp.pbxb.example.com SRV'],
        ...['create pbxa.example.com NAPTR', 'create pbxb.example.com NAPTR'],
      ],
    );
    assert.deepEqual(zoneOf(bind), before, 'a plan changes nothing');
    assert.equal(states(await check(app)).pbxA, 'drift');

    const { zones } = await publishAll(app);
    assert.deepEqual([zones[0].outcome, zones[0].done, zones[0].servers[0].state], ['published', 4, 'same']);
    for (const [key, values] of Object.entries(DEMO)) {
      const [name = '', type = ''] = key.split(' ');
      assert.deepEqual(dig(bind, name, type), values, key);
    }
    const published = zoneOf(bind);
    assert.deepEqual(
      published.filter((line) => before.includes(line)),
      before,
      'nothing else was touched',
    );
    assert.equal(published.length, before.length + 6);

    const drifted = await check(app);
    // The resolver remembers what it was told before the publication: that there is nothing.
    assert.ok(drifted.pools.every(({ state }) => state === 'drift'));
    assert.ok(drifted.pools.every(({ reasons }) => reasons.every(({ server }) => server?.startsWith('resolver'))));
    const fresh = await startResolver(context, bind);
    await app
      .api('put', 'dns/settings')
      .send({ resolvers: [fresh] })
      .expect(200);
    assert.deepEqual(states(await check(app)), { pbxA: 'fine', pbxB: 'fine' });

    changeByHand(bind, 'update delete _sip._udp.pbxa.example.com. SRV 10 10 5060 voip1.example.com.');
    const found = await check(app);
    assert.deepEqual(states(found), { pbxA: 'drift', pbxB: 'fine' });
    assert.match(found.pools[0]?.reasons[0]?.why ?? '', /pbxa.*SRV lacks "10 10 5060 voip1\.example\.com\."/);

    const healing = await planOf(app);
    assert.deepEqual(
      healing.zones[0].changes.map(({ action }: { action: string }) => action),
      ['update'],
    );
    await publishAll(app);
    assert.deepEqual(zoneOf(bind), published);
    assert.deepEqual(states(await check(app)), { pbxA: 'fine', pbxB: 'fine' });
    const again = await publishAll(app);
    assert.deepEqual([again.zones[0].outcome, again.zones[0].done], ['unchanged', 0]);
    assert.equal(await audits(app, 'dns.publish'), 3);
  });

  test('what is not wanted any more is taken out, and only what was ours', async (context) => {
    const bind = await startBind(context);
    const app = await startApp(context);
    await putTarget(app, bind);
    const before = zoneOf(bind);
    await app
      .api('patch', 'pools/pbxA')
      .send({ transports: ['udp', 'tls'], ttl: 60 })
      .expect(200);
    await app
      .api('patch', 'servers/voip1')
      .send({ addresses: ['192.0.2.1', '2001:DB8:0::1'] })
      .expect(200);
    changeByHand(bind, 'update add _sip._tcp.pbxa.example.com. 60 SRV 1 1 5060 www.example.com.');
    await publishAll(app);
    assert.deepEqual(dig(bind, '_sips._tcp.pbxa.example.com', 'SRV').length, 2);
    assert.deepEqual(dig(bind, 'voip1.example.com', 'AAAA'), ['2001:db8::1']);
    const found = await check(app);
    assert.match(found.pools[0]?.reasons[0]?.why ?? '', /_sip\._tcp\.pbxa.* the pool does not offer it/);

    await app
      .api('patch', 'pools/pbxA')
      .send({ transports: ['udp'], ttl: 300 })
      .expect(200);
    await app.api('patch', 'servers/voip1').send({ addresses: [] }).expect(200);
    await publishAll(app);
    assert.deepEqual(dig(bind, '_sips._tcp.pbxa.example.com', 'SRV'), []);
    assert.deepEqual(
      dig(bind, '_sip._tcp.pbxa.example.com', 'SRV'),
      ['1 1 5060 www.example.com.'],
      'that was never ours',
    );
    const others = before.filter((line) => !line.startsWith('voip1.'));
    assert.deepEqual(
      zoneOf(bind).filter((line) => others.includes(line)),
      others,
    );
  });

  test('a record that changes between plan and application is not written over', async (context) => {
    const bind = await startBind(context);
    const app = await startApp(context);
    await putTarget(app, bind);
    await publishAll(app);
    await app.api('patch', 'pools/pbxA').send({ ttl: 60 }).expect(200);
    const { digest } = await planOf(app);
    changeByHand(bind, 'update add _sip._udp.pbxa.example.com. 300 SRV 30 1 5060 www.example.com.');
    const before = zoneOf(bind);
    const { body } = await app.api('post', 'dns/publications').send({ digest }).expect(409);
    assert.match(body.detail, /not what was shown.*look at the plan again/);
    assert.deepEqual(zoneOf(bind), before);
    assert.equal(await audits(app, 'dns.publish'), 1);
  });

  test('more than 30 % of ten sets or more is refused with the figures, and done when forced', async (context) => {
    const bind = await startBind(context);
    const app = await startApp(context);
    await putTarget(app, bind);
    for (const name of ['pbxC', 'pbxD', 'pbxE']) {
      const targets = [{ server: 'voip1', priority: 10 }];
      await app
        .api('post', 'pools')
        .send({ name, domain: `${name}.example.com`, targets })
        .expect(201);
    }
    await publishAll(app);
    await app.api('patch', 'pools/pbxA').send({ ttl: 60 }).expect(200);
    await app.api('patch', 'pools/pbxB').send({ ttl: 60 }).expect(200);
    const before = zoneOf(bind);
    const { digest, zones } = await planOf(app);
    assert.match(
      zones[0].tooMuch,
      /4 of 10 published record sets would change and 0 would go: 40 %, more than the 30 %/,
    );
    const { body } = await app.api('post', 'dns/publications').send({ digest }).expect(409);
    assert.equal(body.code, 'unsafe');
    assert.match(body.detail, /4 of 10 .* 40 %/);
    assert.deepEqual(zoneOf(bind), before);
    await app.api('post', 'dns/publications').send({ digest, force: true }).expect(201);
    assert.equal(zoneOf(bind).filter((line) => / 60 IN/.test(line)).length, 6);
  });

  const WRONG = Buffer.from('another key of the same length!!').toString('base64');
  const keys: [string, object, RegExp][] = [
    [
      'secret',
      { ...KEY, secret: WRONG },
      /refuses the signature of the TSIG key homeport-key: its secret is another one/,
    ],
    ['name', { ...KEY, name: 'nobody-key' }, /does not know the TSIG key nobody-key with hmac-sha256/],
    ['algorithm', { ...KEY, algorithm: 'hmac-sha512' }, /does not know the TSIG key homeport-key with hmac-sha512/],
    [
      'right',
      { ...KEY, name: 'reader-key', secret: WRONG },
      /does not let the TSIG key reader-key change zone example\.com/,
    ],
  ];
  for (const [what, key, sentence] of keys) {
    test(`a TSIG key with the wrong ${what} is told in a sentence, and nothing is changed`, async (context) => {
      const bind = await startBind(context, { keys: [KEY, { ...KEY, name: 'reader-key', secret: WRONG }] });
      const app = await startApp(context);
      await putTarget(app, bind, { key });
      const before = zoneOf(bind);
      const { digest } = await planOf(app);
      const { body } = await app.api('post', 'dns/publications').send({ digest }).expect(409);
      assert.match(body.detail, sentence);
      assert.ok(!JSON.stringify(body).includes((key as typeof KEY).secret));
      assert.deepEqual(zoneOf(bind), before);
      assert.equal(await audits(app, 'dns.publish'), 0);
    });
  }

  test('HMAC-SHA512 signs as well', async (context) => {
    const key = { ...KEY, algorithm: 'hmac-sha512' as const };
    const bind = await startBind(context, { keys: [key] });
    const app = await startApp(context);
    await putTarget(app, bind, { key });
    assert.equal((await publishAll(app)).zones[0].outcome, 'published');
    assert.deepEqual(dig(bind, '_sip._udp.pbxa.example.com', 'SRV'), DEMO['_sip._udp.pbxa.example.com SRV']);
  });

  test('names that are aliases are not planned upon', async (context) => {
    const bind = await startBind(context);
    const app = await startApp(context);
    await putTarget(app, bind);
    changeByHand(bind, 'update add _sip._udp.pbxa.example.com. 60 CNAME www.example.com.');
    const { zones } = await planOf(app);
    assert.match(zones[0].fault, /_sip\._udp\.pbxa\.example\.com as an alias of www\.example\.com/);
    assert.deepEqual(zones[0].changes, []);
    const found = await check(app);
    assert.match(found.pools[0]?.reasons[0]?.why ?? '', /alias of www\.example\.com/);
  });

  test('many tenants’ own names go in several updates, and all of them arrive', async (context) => {
    const bind = await startBind(context);
    const app = await startApp(context);
    await putTarget(app, bind);
    await app.api('patch', 'installation').send({ tenantDomains: 't.example.com' }).expect(200);
    const tenants = Array.from({ length: 400 }, (_, index) => `t${index},Tenant,pbxA`).join('\n');
    await app.api('post', 'imports').type('text/csv').send(`code,name,pool\n${tenants}`).expect(200);
    const { zones } = await publishAll(app);
    assert.deepEqual([zones[0].outcome, zones[0].done], ['published', 4 + 2 * 402]);
    assert.equal(zoneOf(bind).filter((line) => /\.t\.example\.com\. .* SRV /.test(line)).length, 2 * 402);
    assert.deepEqual(states(await check(app)), { pbxA: 'fine', pbxB: 'fine' });
  });
});

test('publishing to Knot, and the same again', { skip: needsPrograms(KNOT) }, async (context) => {
  const knot = await startKnot(context);
  const app = await startApp(context);
  await putTarget(app, knot);
  const { zones } = await publishAll(app);
  assert.deepEqual([zones[0].outcome, zones[0].done], ['published', 4]);
  for (const [key, values] of Object.entries(DEMO)) {
    const [name = '', type = ''] = key.split(' ');
    assert.deepEqual(dig(knot, name, type), values, key);
  }
  await app.api('patch', 'pools/pbxA').send({ ttl: 60 }).expect(200);
  const { body } = await app
    .api('post', 'dns/publications')
    .send({ digest: (await planOf(app)).digest })
    .expect(201);
  assert.equal(body.zones[0].done, 2);
  assert.deepEqual((await planOf(app)).zones[0].changes, []);
});

test('a secondary that takes over from the primary is asked too', {
  skip: needsPrograms({ ...BIND, ...KNOT }),
}, async (context) => {
  const bind = await startBind(context);
  const knot = await startKnot(context, bind);
  const app = await startApp(context);
  await putTarget(app, bind, { authorities: [knot] });
  // Nobody notifies it, so it is behind: that is told, and it is no failure.
  const { zones, failed } = await publishAll(app);
  assert.equal(failed, 0);
  assert.deepEqual(
    zones[0].servers.map(({ state }: { state: string }) => state),
    ['behind', 'same'],
  );
  assert.equal(states(await check(app)).pbxA, 'drift');
});
