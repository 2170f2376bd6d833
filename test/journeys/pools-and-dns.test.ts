// Pools as DNS and phones see them, through the doors: records in every form, lints, simulations, tenants' own names.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { checkHouse } from '../../src/app/check.ts';
import { desiredRecords } from '../../src/app/records.ts';
import { zoneLine } from '../../src/domain/srv.ts';
import { parseZoneText } from '../../src/domain/zone-text.ts';
import { type App, startApp } from '../support/app.ts';

const BASE = 't.example.com';
const MACS = ['805ec0a00001', '64167fa00001', 'c074ada00001'];

const entries = async (app: App) => (await app.house.store.audit.end()).id;

/** What all phones of acme are served now, as one text. */
async function servedTo(app: App): Promise<string> {
  const texts: string[] = [];
  for (const mac of MACS) {
    const { items } = (await app.api('get', `phones/${mac}/files`).expect(200)).body;
    for (const { name } of items) {
      const file = await app.api('get', `phones/${mac}/files/${name}`).expect(200);
      texts.push(file.text ?? file.body.toString());
    }
  }
  return texts.join('\n');
}

describe('records', () => {
  test('all of them, in one order, one by one and in sets; the same in a zone file', async (context) => {
    const app = await startApp(context);
    await app
      .api('patch', 'servers/voip1')
      .send({ addresses: ['192.0.2.1', '2001:DB8::1'] })
      .expect(200);
    const { body } = await app.api('get', 'records').expect(200);
    const zone = await app.api('get', 'records').set('Accept', 'text/dns').expect(200);
    assert.equal(zone.type, 'text/dns');
    assert.equal(zone.text, `${body.records.map(zoneLine).join('\n')}\n`);
    assert.equal(
      zone.text,
      [
        'pbxa.example.com. 300 IN NAPTR 10 10 "s" "SIP+D2U" "" _sip._udp.pbxa.example.com.',
        '_sip._udp.pbxa.example.com. 300 IN SRV 10 10 5060 voip1.example.com.',
        '_sip._udp.pbxa.example.com. 300 IN SRV 20 10 5060 voip2.example.com.',
        'pbxb.example.com. 300 IN NAPTR 10 10 "s" "SIP+D2U" "" _sip._udp.pbxb.example.com.',
        '_sip._udp.pbxb.example.com. 300 IN SRV 10 10 5060 voip2.example.com.',
        '_sip._udp.pbxb.example.com. 300 IN SRV 20 10 5060 voip1.example.com.',
        'voip1.example.com. 300 IN A 192.0.2.1',
        'voip1.example.com. 300 IN AAAA 2001:db8::1',
        '',
      ].join('\n'),
    );
    assert.deepEqual(parseZoneText(zone.text, 'example.com'), body.records);
    assert.deepEqual(body.sets['_sip._udp.pbxa.example.com SRV'], {
      zone: null,
      name: '_sip._udp.pbxa.example.com',
      fqdn: '_sip._udp.pbxa.example.com',
      type: 'SRV',
      ttl: 300,
      values: ['10 10 5060 voip1.example.com.', '20 10 5060 voip2.example.com.'],
    });
  });
  test('of a zone alone, with names inside of it; for octoDNS a zone must be named', async (context) => {
    const app = await startApp(context);
    const { body } = await app.api('get', 'records?zone=pbxa.example.com').expect(200);
    assert.deepEqual(
      Object.values(body.sets as Record<string, { zone: string; name: string }>).map(({ zone, name }) => [zone, name]),
      [
        ['pbxa.example.com', '_sip._udp'],
        ['pbxa.example.com', ''],
      ],
    );
    const yaml = await app.api('get', 'records?zone=Example.com.').set('Accept', 'application/yaml').expect(200);
    assert.deepEqual(Object.keys(parse(yaml.text)), ['_sip._udp.pbxa', '_sip._udp.pbxb', 'pbxa', 'pbxb']);
    await app.api('get', 'records').set('Accept', 'application/yaml').expect(422);
    assert.deepEqual((await app.api('get', 'records?zone=example.org').expect(200)).body, { records: [], sets: {} });
  });
  test('a pool may say that it does not offer its other transports', async (context) => {
    const app = await startApp(context);
    await app.api('patch', 'pools/pbxA').send({ denyOtherTransports: true }).expect(200);
    const { text } = await app.api('get', 'pools/pbxA/records').set('Accept', 'text/dns').expect(200);
    assert.match(text, /^_sips\._tcp\.pbxa\.example\.com\. 300 IN SRV 0 0 0 \.$/m);
    assert.equal((await app.api('get', 'pools/pbxA').expect(200)).body.denyOtherTransports, true);
  });
});

describe('lints', () => {
  test('the demo world has none; a change that makes one shows it, and check tells it', async (context) => {
    const app = await startApp(context, { HOMEPORT_PUBLIC_URL: 'https://prov.example.com' });
    assert.deepEqual((await app.api('get', 'lints').expect(200)).body, { items: [], next: null });
    await app.api('patch', 'pools/pbxA').send({ ttl: 86_400 }).expect(200);
    await app.api('patch', 'servers/voip2').send({ state: 'down' }).expect(200);
    const { items } = (await app.api('get', 'lints').expect(200)).body;
    assert.deepEqual(
      items.map(({ severity, code, subject }: Record<string, string>) => [severity, code, subject]),
      [
        ['error', 'bad-primary', 'pool pbxB'],
        ['warning', 'slow-ttl', 'pool pbxA'],
      ],
    );
    await app.api('patch', 'installation').send({ promisedMoveS: 86_400 }).expect(200);
    assert.equal((await app.api('get', 'lints').expect(200)).body.items.length, 1);
    const findings = await checkHouse(app.house);
    assert.ok(findings.some(({ code, severity }) => code === 'pool.bad-primary' && severity === 'error'));
  });
});

describe('simulations', () => {
  const manual = [
    { server: 'bigbox', priority: 10, weight: 60 },
    { server: 'smallbox1', priority: 10, weight: 20 },
    { server: 'smallbox2', priority: 10, weight: 10 },
    { server: 'smallbox2', priority: 10, weight: 10, port: 5066 },
    { server: 'backupbox', priority: 20, weight: 0 },
  ];
  test('the manual’s records without a stored pool, by the RFC and by each vendor’s phones', async (context) => {
    const app = await startApp(context);
    const before = await entries(app);
    const { body } = await app.api('post', 'simulations').send({ targets: manual, draws: 20_000 }).expect(200);
    assert.deepEqual(
      body.shares.map(({ server, port, share }: Record<string, unknown>) => [server, port, share]),
      [
        ['bigbox', 5060, 0.6],
        ['smallbox1', 5060, 0.2],
        ['smallbox2', 5060, 0.1],
        ['smallbox2', 5066, 0.1],
      ],
    );
    assert.deepEqual(Object.keys(body.byVendor), ['grandstream', 'polycom', 'snom', 'yealink']);
    assert.deepEqual(
      body.byVendor.yealink.map(({ share }: { share: number }) => share),
      [1, 0, 0, 0],
    );
    assert.deepEqual(body.byVendor.polycom, body.shares);
    assert.equal(body.behaviour.yealink.confidence, 'H');
    assert.equal(body.mixed, null);
    for (const [at, { share }] of body.draws.shares.entries())
      assert.ok(Math.abs(share - body.shares[at].share) < 0.02);
    const down = ['bigbox', 'smallbox1', 'smallbox2'];
    const last = await app.api('post', 'simulations').send({ targets: manual, down }).expect(200);
    assert.deepEqual(last.body.shares, [{ server: 'backupbox', port: 5060, share: 1 }]);
    assert.deepEqual([last.body.draws, last.body.strays], [null, null]);
    assert.equal(await entries(app), before, 'a question changes nothing');
  });
  test('a pool with its own mixture of phones, and strays where they are asked for', async (context) => {
    const app = await startApp(context);
    const { body } = await app.api('post', 'simulations').send({ pool: 'pbxA', down: [], strays: 0.1 }).expect(200);
    assert.deepEqual(body.shares, [{ server: 'voip1', port: 5060, share: 1 }]);
    assert.deepEqual(body.mixed, body.shares);
    assert.deepEqual(body.strays.shares, [
      { server: 'voip1', port: 5060, share: 0.9 },
      { server: 'voip2', port: 5060, share: 0.1 },
    ]);
    const targets = [
      { server: 'voip1', priority: 10, weight: 60 },
      { server: 'voip2', priority: 10, weight: 40 },
    ];
    await app.api('post', 'tenants/acme/moves').send({ pool: 'pbxB' }).expect(201);
    await app.api('patch', 'pools/pbxA').send({ targets }).expect(200);
    assert.equal((await app.api('post', 'simulations').send({ pool: 'pbxA' }).expect(200)).body.mixed, null);
  });
  test('a server that is down is lost anyhow; one that nobody knows is refused by its name', async (context) => {
    const app = await startApp(context);
    await app.api('patch', 'servers/voip1').send({ state: 'down' }).expect(200);
    const { body } = await app.api('post', 'simulations').send({ pool: 'pbxA' }).expect(200);
    assert.deepEqual([body.down, body.shares], [['voip1'], [{ server: 'voip2', port: 5060, share: 1 }]]);
    const refused = await app
      .api('post', 'simulations')
      .send({ pool: 'pbxA', down: ['voip9'] })
      .expect(422);
    assert.match(refused.body.detail, /no server voip9/);
    assert.deepEqual(refused.body.errors[0].path, 'down.0');
    await app
      .api('post', 'simulations')
      .send({ targets: manual, down: ['voip1'] })
      .expect(422);
    await app.api('post', 'simulations').send({ pool: 'nowhere' }).expect(404);
    await app.api('post', 'simulations').send({}).expect(422);
    await app.api('post', 'simulations').send({ pool: 'pbxA', targets: manual }).expect(422);
    await app
      .api('post', 'simulations')
      .send({ targets: [...manual, manual[0]] })
      .expect(422);
  });
});

describe('tenants’ own names', () => {
  const choose = (app: App, tenantDomains: string | null) => app.api('patch', 'installation').send({ tenantDomains });

  test('off, phones carry the pool’s domain; on, the tenant’s name, which has the pool’s records', async (context) => {
    const app = await startApp(context);
    const off = await servedTo(app);
    assert.match(off, /pbxa\.example\.com/);
    const before = await entries(app);
    const shown = await app.api('patch', 'installation?preview=1').send({ tenantDomains: BASE }).expect(200);
    assert.deepEqual([shown.body.phones, shown.body.changed], [6, 6]);
    assert.equal(await servedTo(app), off, 'looking changes nothing');
    assert.equal(await entries(app), before);
    await choose(app, BASE).expect(200);
    assert.equal(await entries(app), before + 1);
    assert.equal(await servedTo(app), off.replaceAll('pbxa.example.com', 'acme.t.example.com'));
    const lines = (await app.house.store.snapshot(desiredRecords)).map(zoneLine);
    assert.ok(lines.includes('_sip._udp.acme.t.example.com. 300 IN SRV 10 10 5060 voip1.example.com.'));
    assert.ok(lines.includes('_sip._udp.pbxa.example.com. 300 IN SRV 10 10 5060 voip1.example.com.'));
    assert.equal(lines.length, 12);
    await choose(app, null).expect(200);
    assert.equal(await servedTo(app), off);
  });
  test('can be published before phones carry them', async (context) => {
    const app = await startApp(context);
    const off = await servedTo(app);
    await app.api('patch', 'installation').send({ tenantDomains: BASE, phonesCarry: 'pool' }).expect(200);
    assert.equal(await servedTo(app), off);
    const names = (await app.house.store.snapshot(desiredRecords)).map(({ name }) => name);
    assert.ok(names.includes('_sip._udp.acme.t.example.com'));
    const { body } = await app.api('post', 'tenants/acme/moves?preview=1').send({ pool: 'pbxB' }).expect(200);
    assert.equal(body.roads[0].open, false);
    await app.api('patch', 'installation').send({ phonesCarry: 'tenant' }).expect(200);
    assert.equal(await servedTo(app), off.replaceAll('pbxa.example.com', 'acme.t.example.com'));
  });
  test('a move changes records and not one byte of a file', async (context) => {
    const app = await startApp(context);
    await choose(app, BASE).expect(200);
    const files = await servedTo(app);
    const of = async () =>
      (await app.house.store.snapshot(desiredRecords)).map(zoneLine).filter((line) => /\.t\./.test(line));
    const before = await of();
    const preview = await app.api('post', 'tenants/acme/moves?preview=1').send({ pool: 'pbxB' }).expect(200);
    assert.equal(preview.body.impact.changed, 0);
    await app.api('post', 'tenants/acme/moves').send({ pool: 'pbxB' }).expect(201);
    assert.equal(await servedTo(app), files);
    const after = await of();
    const gone = before.filter((line) => !after.includes(line));
    assert.deepEqual(gone, [
      '_sip._udp.acme.t.example.com. 300 IN SRV 10 10 5060 voip1.example.com.',
      '_sip._udp.acme.t.example.com. 300 IN SRV 20 10 5060 voip2.example.com.',
    ]);
  });
  test('a move that is looked at shows both roads with their times', async (context) => {
    const app = await startApp(context);
    const roads = async () => {
      const { body } = await app.api('post', 'tenants/acme/moves?preview=1').send({ pool: 'pbxB' }).expect(200);
      return body.roads.map(({ road, open, toldS, worstS }: Record<string, unknown>) => [road, open, toldS, worstS]);
    };
    assert.deepEqual(await roads(), [
      ['dns', false, null, null],
      ['resync', true, 0, 86_400],
    ]);
    await app
      .api('patch', `phones/${MACS[0]}`)
      .send({ settings: { poll: 'off', registerExpiresS: 900 } })
      .expect(200);
    assert.deepEqual((await roads())[1], ['resync', true, 0, null]);
    await choose(app, BASE).expect(200);
    assert.deepEqual(await roads(), [
      ['dns', true, 1_200, 1_200],
      ['resync', true, 300, 1_200],
    ]);
  });
  test('a move takes the road that was chosen, where it is open, and keeps it', async (context) => {
    const app = await startApp(context);
    const move = (pool: string, road?: string) =>
      app.api('post', 'tenants/acme/moves').send({ pool, ...(road === undefined ? {} : { road }) });
    const kept = async () =>
      (await app.api('get', 'tenants/acme/moves').expect(200)).body.items.map(({ road }: { road: string }) => road);
    const refused = await move('pbxB', 'dns').expect(409);
    assert.match(refused.body.detail, /cannot be moved by DNS here/);
    await move('pbxB', 'walk').expect(422);
    assert.deepEqual(await kept(), []);
    assert.equal((await move('pbxB').expect(201)).body.road, 'resync');
    await choose(app, BASE).expect(200);
    assert.match((await move('pbxA').expect(201)).body.next, /^publish the records/);
    assert.match((await move('pbxB', 'resync').expect(201)).body.next, /let the phones restart$/);
    assert.deepEqual(await kept(), ['resync', 'dns', 'resync']);
    const { body } = await app.api('get', 'audit?action=tenant.move').expect(200);
    assert.deepEqual(body.items.length, 3);
  });
  test('nothing else may stand where the tenants’ names are, neither before nor after', async (context) => {
    const app = await startApp(context);
    const before = await entries(app);
    const taken = await choose(app, 'example.com').expect(409);
    assert.match(taken.body.detail, /would look like a tenant under example\.com/);
    assert.equal(await entries(app), before);
    await choose(app, BASE).expect(200);
    const targets = [{ server: 'voip1', priority: 1 }];
    await app.api('post', 'pools').send({ name: 'x', domain: 'acme.t.example.com', targets }).expect(409);
    await app.api('post', 'servers').send({ name: 'x', host: 'x.t.example.com' }).expect(409);
    await app.api('patch', 'servers/voip1').send({ host: 'voip1.t.example.com' }).expect(409);
    await app.api('post', 'servers').send({ name: 'x', host: 'x.example.com' }).expect(201);
  });
  test('a code that is no label has a name of its own, and two that differ in case have two', async (context) => {
    const app = await startApp(context);
    await choose(app, BASE).expect(200);
    for (const code of ['ACME', 'Acme_1'])
      await app.api('post', 'tenants').send({ code, name: 'A', pool: 'pbxA' }).expect(201);
    const names = (await app.house.store.snapshot(desiredRecords)).flatMap(({ type, name }) =>
      type === 'NAPTR' ? [name] : [],
    );
    const own = names.filter((name) => name.endsWith(BASE));
    assert.equal(new Set(own).size, 4);
    assert.ok(own.some((name) => /^acme-1-x-[a-z2-7]{12}\.t\./.test(name)));
  });
  test('with the pool as outbound proxy the tenant’s name is the proxy, and its SIP domain stays', async (context) => {
    const app = await startApp(context);
    await app
      .api('patch', 'tenants/acme')
      .send({ binding: 'outboundProxy', sipDomain: 'sip.acme.example' })
      .expect(200);
    await choose(app, BASE).expect(200);
    const served = await servedTo(app);
    assert.match(served, /sip\.acme\.example/);
    assert.match(served, /acme\.t\.example\.com/);
    assert.doesNotMatch(served, /pbxa/);
  });
});

describe('the installation', () => {
  test('starts with everything off, counts its changes and refuses a write that races', async (context) => {
    const app = await startApp(context);
    const read = await app.api('get', 'installation').expect(200);
    assert.deepEqual(read.body, { tenantDomains: null, phonesCarry: 'tenant', promisedMoveS: 3_600, revision: 0 });
    const first = await app
      .api('patch', 'installation')
      .set('If-Match', read.headers.etag ?? '')
      .send({ promisedMoveS: 600 });
    assert.deepEqual([first.status, first.body.revision], [200, 1]);
    await app.api('patch', 'installation').send({ promisedMoveS: 700, revision: 0 }).expect(409);
    await app.api('patch', 'installation').send({ promisedMoveS: 1 }).expect(422);
    await app.api('patch', 'installation').send({ tenantDomains: '192.0.2.1' }).expect(422);
    await app.api('patch', 'installation').send({ nobody: 1 }).expect(422);
    assert.deepEqual((await app.api('get', 'installation').expect(200)).body, { ...first.body });
    const { items } = (await app.api('get', 'audit?limit=1').expect(200)).body;
    assert.deepEqual(
      [items[0].action, items[0].changes],
      ['installation.change', [{ path: 'promisedMoveS', before: 3_600, after: 600 }]],
    );
  });
  test('is part of the document of everything, and of nothing that is not said', async (context) => {
    const app = await startApp(context);
    await app.api('patch', 'installation').send({ tenantDomains: BASE }).expect(200);
    const { body: state } = await app.api('get', 'exports/state').expect(200);
    assert.deepEqual(state.installation, { tenantDomains: BASE, phonesCarry: 'tenant', promisedMoveS: 3_600 });
    const bring = async (document: object) =>
      (await app.api('post', 'imports/state?apply=1').send(document).expect(200)).body.items;
    assert.deepEqual(await bring(state), []);
    const steps = await bring({ homeport: 1, installation: { tenantDomains: null } });
    assert.deepEqual(
      steps.map(({ action }: { action: string }) => action),
      ['installation.change'],
    );
    assert.deepEqual(await bring({ homeport: 1 }), []);
    assert.equal((await app.api('get', 'installation').expect(200)).body.tenantDomains, null);
  });
});
