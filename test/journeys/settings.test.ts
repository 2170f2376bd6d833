// Journeys of settings and raw parameters: chosen at every level, seen in the files, explained, and refused where they
// would point a phone elsewhere.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type App, startApp } from '../support/app.ts';
import { cleanEnvironment, ROOT, run } from '../support/commands.ts';
import { readAttributes, readElements, readLinesFormat } from '../support/readers.ts';

const fileOf = async (app: App, tenant: string, name: string) =>
  ((await app.phone('get', (await app.folderOf(tenant)) + name).expect(200)).body as Buffer).toString();

const yealink = async (app: App, tenant: string, mac: string) =>
  readLinesFormat(await fileOf(app, tenant, `${mac}.cfg`));

describe('levels', () => {
  test('each more special level wins, null goes back, and only the phones below a level change', async (context) => {
    const app = await startApp(context);
    const expires = async () => [
      (await yealink(app, 'acme', '805ec0a00001')).get('account.1.sip_server.1.expires'),
      (await yealink(app, 'globex', '805ec0a00002')).get('account.1.sip_server.1.expires'),
      readAttributes(await fileOf(app, 'acme', '64167fa00001-lines.cfg')).get('reg.1.server.1.expires'),
    ];
    const choose = (path: string, registerExpiresS: number | null) =>
      app.api('patch', path).send({ settings: { registerExpiresS } }).expect(200);
    assert.deepEqual(await expires(), ['300', '300', '300']);
    await choose('settings/installation', 600);
    assert.deepEqual(await expires(), ['600', '600', '600']);
    await choose('settings/vendors/yealink', 660);
    assert.deepEqual(await expires(), ['660', '660', '600']);
    await choose('settings/models/yealink/t46u', 720);
    assert.deepEqual(await expires(), ['720', '720', '600']);
    await choose('tenants/acme', 780);
    assert.deepEqual(await expires(), ['780', '720', '780']);
    await choose('phones/805ec0a00001', 840);
    assert.deepEqual(await expires(), ['840', '720', '780']);
    await choose('phones/805ec0a00001', null);
    assert.deepEqual(await expires(), ['300', '720', '780']);
  });

  test('a level that races is refused, one of a vendor or model that is not there is not found', async (context) => {
    const app = await startApp(context);
    const first = await app.api('get', 'settings/installation').expect(200).expect('ETag', '"0"');
    assert.deepEqual(first.body.settings, {});
    await app
      .api('patch', 'settings/installation')
      .set('If-Match', '"0"')
      .send({ settings: { keepAliveS: 20 } })
      .expect(200);
    await app
      .api('patch', 'settings/installation')
      .set('If-Match', '"0"')
      .send({ settings: { keepAliveS: 40 } })
      .expect(409);
    await app.api('get', 'settings/vendors/nobody').expect(404);
    await app.api('patch', 'settings/models/yealink/T99').send({ settings: {} }).expect(404);
    await app
      .api('patch', 'settings/installation')
      .send({ settings: { keepAliveS: 1 } })
      .expect(422);
    await app
      .api('patch', 'settings/installation')
      .send({ settings: { nonsense: 1 } })
      .expect(422);
  });

  test('the catalogue tells programs and pages what can be chosen', async (context) => {
    const app = await startApp(context);
    const { items } = (await app.api('get', 'settings').expect(200)).body;
    const language = items.find(({ name }: { name: string }) => name === 'language');
    assert.ok(language.value.enum.includes('de') && language.title !== '' && language.fallback === null);
    assert.equal(items.find(({ name }: { name: string }) => name === 'adminPassword').secret, true);
  });

  test('explain tells where a value comes from, over the API and on the command line', async (context) => {
    const app = await startApp(context);
    await app
      .api('patch', 'settings/installation')
      .send({ settings: { registerExpiresS: 600, adminPassword: 'geheim12' } })
      .expect(200);
    await app
      .api('patch', 'tenants/acme')
      .send({ settings: { registerExpiresS: 120 } })
      .expect(200);
    const { body } = await app.api('get', 'phones/805ec0a00001/settings?setting=registerExpiresS').expect(200);
    assert.deepEqual(body.items, [
      {
        setting: 'registerExpiresS',
        value: 120,
        from: 'tenant acme',
        levels: [
          { level: 'product', says: 300 },
          { level: 'installation', says: 600 },
          { level: 'tenant acme', says: 120 },
        ],
      },
    ]);
    const all = (await app.api('get', 'phones/805ec0a00001/settings').expect(200)).text;
    assert.ok(all.includes('********') && !all.includes('geheim12'));
    await app.api('get', 'phones/805ec0a00001/settings?setting=nonsense').expect(422);
    const options = { cwd: ROOT, env: cleanEnvironment({ HOMEPORT_DATABASE_URL: `file:${app.folder}/homeport.db` }) };
    const said = await run('node', ['src/homeport.js', 'explain', '805ec0a00001', 'registerExpiresS'], options);
    assert.match(said.out, /registerExpiresS +120 +tenant acme +product: 300, installation: 600, tenant acme: 120/);
    assert.equal((await run('node', ['src/homeport.js', 'explain', '805ec0a00001', 'nonsense'], options)).code, 1);
  });

  test('a secret setting goes in and never comes out, and stays when it comes back masked', async (context) => {
    const app = await startApp(context);
    await app
      .api('patch', 'tenants/acme')
      .send({ settings: { adminPassword: 'geheim12' } })
      .expect(200);
    const { body } = await app.api('get', 'tenants/acme').expect(200);
    assert.equal(body.settings.adminPassword, '********');
    await app
      .api('patch', 'tenants/acme')
      .send({ settings: { ...body.settings, keepAliveS: 20 } })
      .expect(200);
    assert.ok((await fileOf(app, 'acme', '805ec0a00001.cfg')).includes('geheim12'));
    for (const path of [
      'tenants',
      'tenants/acme',
      'phones/805ec0a00001/settings',
      'phones/805ec0a00001/files/805ec0a00001.cfg',
    ]) {
      assert.ok(!(await app.api('get', path).expect(200)).text.includes('geheim12'), path);
    }
  });
});

describe('raw parameters', () => {
  const parameters = {
    yealink: { 'account.1.sip_server.1.retry_counts': '5', 'features.caller_name_type_on_dialing': '2' },
    polycom: { 'reg.1.server.1.retryMaxCount': '5', 'up.oneTouchVoiceMail': '1' },
    grandstream: { 'account.1.sip.registrationFailureRetryWaitTime': '60', P138: '90' },
  };

  test('they stand in the file once, in place of what the template says', async (context) => {
    const app = await startApp(context);
    await app.api('patch', 'tenants/acme').send({ parameters }).expect(200);
    const files = {
      yealink: await yealink(app, 'acme', '805ec0a00001'),
      polycom: readAttributes(await fileOf(app, 'acme', '64167fa00001-lines.cfg')),
      grandstream: readElements(await fileOf(app, 'acme', 'cfgc074ada00001.xml')),
    };
    for (const [vendor, names] of Object.entries(parameters)) {
      for (const [name, value] of Object.entries(names)) {
        // The numbered name is for models that know no others; this one's file cannot hold it.
        if (name === 'P138') assert.equal(files.grandstream.get(name), undefined);
        else assert.equal(files[vendor as keyof typeof files].get(name), value, name);
      }
    }
    const other = await yealink(app, 'globex', '805ec0a00002');
    assert.equal(other.get('account.1.sip_server.1.retry_counts'), '3');
  });

  test('the most special level wins, and null takes one back', async (context) => {
    const app = await startApp(context);
    const name = 'features.caller_name_type_on_dialing';
    const value = async () => (await yealink(app, 'acme', '805ec0a00001')).get(name);
    await app
      .api('patch', 'settings/vendors/yealink')
      .send({ parameters: { yealink: { [name]: '1' } } })
      .expect(200);
    assert.equal(await value(), '1');
    await app
      .api('patch', 'phones/805ec0a00001')
      .send({ parameters: { yealink: { [name]: '3' } } })
      .expect(200);
    assert.equal(await value(), '3');
    await app
      .api('patch', 'phones/805ec0a00001')
      .send({ parameters: { yealink: { [name]: null } } })
      .expect(200);
    assert.equal(await value(), undefined);
  });

  const reserved: [string, string][] = [
    ['yealink', 'account.1.sip_server.1.address'],
    ['yealink', 'account.1.sip_server.1.port'],
    ['yealink', 'account.3.sip_server.2.transport_type'],
    ['yealink', 'account.1.outbound_proxy.1.address'],
    ['yealink', 'account.1.password'],
    ['yealink', 'static.auto_provision.server.url'],
    ['polycom', 'reg.1.server.1.address'],
    ['polycom', 'reg.2.outboundProxy.port'],
    ['polycom', 'voIpProt.server.1.transport'],
    ['polycom', 'device.prov.serverName'],
    ['grandstream', 'P47'],
    ['grandstream', 'P48'],
    ['grandstream', 'P103'],
    ['grandstream', 'P1702'],
    ['grandstream', 'account.1.sip.server.1.address'],
    ['grandstream', 'P237'],
  ];
  test('no level can write a server, port, transport, proxy, provisioning URL or credential', async (context) => {
    const app = await startApp(context);
    for (const [vendor, name] of reserved) {
      for (const path of [
        'settings/installation',
        `settings/vendors/${vendor}`,
        'tenants/acme',
        'phones/805ec0a00001',
      ]) {
        const { body } = await app
          .api('patch', path)
          .send({ parameters: { [vendor]: { [name]: 'evil.example.com' } } })
          .expect(422);
        assert.equal(body.errors[0].path, `parameters.${vendor}.${name}`);
        assert.ok(body.errors[0].message.length > name.length + 10, 'with a reason');
      }
    }
    for (const tenant of ['acme', 'globex']) {
      const digit = tenant === 'acme' ? '1' : '2';
      assert.ok(!(await fileOf(app, tenant, `805ec0a0000${digit}.cfg`)).includes('evil'));
    }
  });

  test('a name that nobody knows is kept with a warning that names the nearest', async (context) => {
    const app = await startApp(context);
    const sent = { parameters: { yealink: { 'features.caller_name_type_on_dialling': '1' } } };
    const { body } = await app.api('patch', 'settings/vendors/yealink').send(sent).expect(200);
    assert.match(body.warnings.join(), /features\.caller_name_type_on_dialing/);
    await app
      .api('patch', 'settings/installation')
      .send({ parameters: { nobody: { x: '1' } } })
      .expect(422);
    await app
      .api('patch', 'settings/installation')
      .send({ parameters: { yealink: { 'a b': '1' } } })
      .expect(422);
    await app
      .api('patch', 'settings/installation')
      .send({ parameters: { yealink: { 'features.x': 'a\nb' } } })
      .expect(422);
  });
});

describe('unclaimed phones', () => {
  const agent = 'Yealink SIP-T54W 96.86.0.70 80:5e:c0:00:00:77';
  const wait = () => new Promise((resolve) => setTimeout(resolve, 250));

  test('one that comes with a tenant’s token is listed, adopted and served', async (context) => {
    const app = await startApp(context);
    const folder = await app.folderOf('acme');
    for (const file of ['805ec0000077.boot', '805ec0000077.cfg'])
      await app
        .phone('get', folder + file)
        .set('User-Agent', agent)
        .expect(404);
    await wait();
    await app.phone('get', `${folder}805ec0000077.cfg`).expect(404);
    await wait();
    const { items } = (await app.api('get', 'unclaimed').expect(200)).body;
    assert.equal(items.length, 1);
    const [{ firstAt, lastAt, ...seen }] = items;
    assert.deepEqual(seen, {
      mac: '805ec0000077',
      tenant: 'acme',
      vendor: 'yealink',
      model: 'T54W',
      firmware: '96.86.0.70',
      address: '127.0.0.1',
      file: '805ec0000077.cfg',
      requests: 3,
    });
    assert.ok(firstAt < lastAt);
    await app.api('post', 'unclaimed/805ec0000077/adoption').send({}).expect(422);
    const adopted = await app
      .api('post', 'unclaimed/805ec0000077/adoption')
      .send({ lines: [{ user: '177', password: 'p' }] })
      .expect(201);
    assert.deepEqual([adopted.body.tenant, adopted.body.vendor, adopted.body.model], ['acme', 'yealink', 'T54W']);
    assert.match(await fileOf(app, 'acme', '805ec0000077.cfg'), /user_name = 177/);
    assert.deepEqual((await app.api('get', 'unclaimed').expect(200)).body.items, []);
  });

  test('one without a token, or that belongs to another tenant, leaves no trace', async (context) => {
    const app = await startApp(context);
    await app
      .phone('get', `/p/${'a'.repeat(26)}/805ec0000077.cfg`)
      .set('User-Agent', agent)
      .expect(404);
    await app.phone('get', '/805ec0000077.cfg').set('User-Agent', agent).expect(404);
    await app
      .phone('get', `${await app.folderOf('globex')}805ec0a00001.cfg`)
      .set('User-Agent', agent)
      .expect(404);
    await wait();
    assert.deepEqual((await app.api('get', 'unclaimed').expect(200)).body.items, []);
    await app.api('post', 'unclaimed/805ec0000077/adoption').send({}).expect(404);
  });

  test('one whose tenant is removed, or that is claimed, before it is written stands in nobody’s way', async (context) => {
    const app = await startApp(context);
    const { body } = await app.api('post', 'tenants').send({ code: 'gone', name: 'Gone', pool: 'pbxA' }).expect(201);
    const gone = new URL(body.provisioningUrl).pathname;
    const { store } = app.house;
    const acme = await app.folderOf('acme');
    // While somebody else writes, nothing is written: the sightings wait.
    await store.transaction(async (tx) => {
      await Promise.race([fetch(`${app.phonesUrl}${gone}805ec0000071.cfg`), wait()]);
      await tx.tenants.remove('gone');
    });
    await app.phone('get', `${acme}805ec0000072.cfg`).expect(404);
    await wait();
    await app.phone('get', `${acme}805ec0000073.cfg`).expect(404);
    await app.api('post', 'phones').send({
      mac: '805ec0000073',
      tenant: 'acme',
      vendor: 'yealink',
      model: 'T46U',
      lines: [{ user: '1', password: 'p' }],
    });
    await wait();
    const { items } = (await app.api('get', 'unclaimed').expect(200)).body;
    assert.deepEqual(
      items.map(({ mac, requests }: Record<string, unknown>) => [mac, requests]),
      [['805ec0000072', 1]],
    );
  });

  test('one can be dismissed, and what a name alone says is kept', async (context) => {
    const app = await startApp(context);
    await app.phone('get', `${await app.folderOf('globex')}cfgc074ad000077.xml`).expect(404);
    await wait();
    const [seen] = (await app.api('get', 'unclaimed?tenant=globex').expect(200)).body.items;
    assert.deepEqual([seen.vendor, seen.model], ['grandstream', null]);
    await app.api('delete', 'unclaimed/c074ad000077').expect(204);
    await app.api('delete', 'unclaimed/c074ad000077').expect(404);
  });
});
