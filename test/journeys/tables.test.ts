// Tables of phones and tenants: what people bring, what is told of it, and that it comes back as it went out.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parse } from 'csv-parse/sync';
import { type App, startApp } from '../support/app.ts';

const bring = (app: App, table: string, query = '') =>
  app.api('post', `imports${query}`).set('Content-Type', 'text/csv').send(table);

const phoneCount = async (app: App) => (await app.api('get', 'phones?limit=1000')).body.items.length;

const good = [
  'MAC Address,Tenant,Vendor,Model,Line,SIP User,Password,Label',
  '80:5E:C0:00:00:11,acme,Yealink,SIP-T46U,1,111-ACME,"p,w1",Desk',
  '80-5e-c0-00-00-11,acme,Yealink,SIP-T46U,2,112-ACME,pw2,',
  '0004F2000012,acme,polycom,vvx_450,1,113-ACME,pw3,Lobby',
].join('\n');

describe('a table of phones', () => {
  test('is brought in: a row is a line, rows with one MAC address are one phone', async (context) => {
    const app = await startApp(context);
    const { body } = await bring(app, good).expect(200);
    assert.deepEqual([body.rows, body.good, body.added, body.faults], [3, 3, 2, []]);
    const phone = (await app.api('get', 'phones/805ec0000011').expect(200)).body;
    assert.deepEqual([phone.vendor, phone.model, phone.lines.length], ['yealink', 'T46U', 2]);
    assert.deepEqual(
      [phone.lines[0].user, phone.lines[0].label, phone.lines[1].user],
      ['111-ACME', 'Desk', '112-ACME'],
    );
    const file = (await app.phone('get', `${await app.folderOf('acme')}805ec0000011.cfg`).expect(200)).body.toString();
    assert.match(file, /account\.1\.password = p,w1\n/);
    assert.match(file, /account\.2\.password = pw2\n/);
    assert.equal((await app.api('get', 'phones/0004f2000012')).body.model, 'VVX 450');
    const [entry] = (await app.api('get', 'audit?limit=1')).body.items;
    assert.deepEqual([entry.action, entry.actor], ['phones.import', 'key:first']);
    assert.ok(!JSON.stringify(entry).includes('pw2'));
  });
  test('that is looked at writes nothing', async (context) => {
    const app = await startApp(context);
    const { body } = await bring(app, good, '?preview=1').expect(200);
    assert.deepEqual([body.added, await phoneCount(app)], [2, 6]);
  });
  test('changes what is there: what it does not say stays', async (context) => {
    const app = await startApp(context);
    await bring(app, good).expect(200);
    const { body } = await bring(app, 'mac,line,label\n805ec0000011,2,Door').expect(200);
    assert.equal(body.changed, 1);
    const labels = (await app.api('get', 'phones/805ec0000011')).body.lines.map(
      ({ label }: { label: string }) => label,
    );
    assert.deepEqual(labels, ['Desk', 'Door'], 'a line that is not named stays as it is');
    const table = 'mac,line,user,label\n805ec0000011,1,111-ACME,Window\n805ec0000011,2,112-ACME,';
    const again = (await bring(app, table).expect(200)).body;
    assert.deepEqual([again.added, again.changed, again.unchanged], [0, 1, 0]);
    const file = (await app.phone('get', `${await app.folderOf('acme')}805ec0000011.cfg`)).body.toString();
    assert.match(file, /account\.1\.label = Window\n/);
    assert.match(file, /account\.1\.password = p,w1\n/, 'the password is the one it had');
    assert.deepEqual((await bring(app, table).expect(200)).body.unchanged, 1);
  });
  const wrong: [what: string, rows: string[], places: string[]][] = [
    ['no MAC address', ['nonsense,acme,yealink,T46U,1,1,p,'], ['line 2, column 1']],
    ['a model that is not there', ['805ec0000011,acme,yealink,T99,1,1,p,'], ['line 2, column 4']],
    ['a tenant that is not there', ['805ec0000011,nobody,yealink,T46U,1,1,p,'], ['line 2, column 2']],
    ['no password', ['805ec0000011,acme,yealink,T46U,1,1,,'], ['line 2, column 7']],
    [
      'a line break in the second line’s label',
      ['805ec0000011,acme,yealink,T46U,1,1,p,', '805ec0000011,acme,yealink,T46U,2,2,p,"a\u0007b"'],
      ['line 3, column 8'],
    ],
    [
      'two rows that contradict each other',
      ['805ec0000011,acme,yealink,T46U,1,1,p,', '805ec0000011,globex,yealink,T46U,2,2,p,'],
      ['line 3, column 2'],
    ],
    ['a phone of another tenant', ['805ec0a00002,acme,yealink,T46U,1,1,p,'], ['line 2, column 2']],
  ];
  for (const [what, rows, places] of wrong) {
    test(`${what}: told by line and column, and nothing is written`, async (context) => {
      const app = await startApp(context);
      const table = [good.split('\n')[0], ...rows, '805ec0000099,acme,yealink,T46U,1,9,p,'].join('\n');
      const { body } = await bring(app, table).expect(422);
      assert.deepEqual(
        body.errors.map(({ path }: { path: string }) => path),
        places,
      );
      assert.equal(await phoneCount(app), 6);
      const skipped = (await bring(app, table, '?skipBad=1').expect(200)).body;
      assert.equal(skipped.added, 1, 'what is good of it, where somebody says so');
      assert.ok(skipped.faults.length > 0);
      await app.api('get', 'phones/805ec0000099').expect(200);
    });
  }
  test('without a column of MAC addresses is refused with a sentence', async (context) => {
    const app = await startApp(context);
    const { body } = await bring(app, 'name,number\na,1').expect(422);
    assert.match(body.detail, /code/);
    await app.api('post', 'imports').send({ rows: [] }).expect(415);
  });
  test('as FusionPBX exports its devices', async (context) => {
    const app = await startApp(context);
    const table = [
      'device_address,device_label,device_vendor,device_template,device_enabled,domain_name,line_number,server_address,label,display_name,user_id,auth_id,password,sip_port,sip_transport',
      '805ec0000021,Front,yealink,yealink/t46u,true,acme,1,pbx.example.com,101,Front desk,101,101,geheim1,5060,udp',
      '64167f000022,Back,polycom,polycom/vvx_450,false,acme,1,pbx.example.com,102,Back office,102,,geheim2,5060,udp',
    ].join('\n');
    const { body } = await bring(app, table).expect(200);
    assert.deepEqual([body.added, body.faults], [2, []]);
    assert.ok(
      body.ignored.includes('server_address') && body.ignored.includes('sip_port'),
      'a server is never taken over',
    );
    const phone = (await app.api('get', 'phones/64167f000022')).body;
    assert.deepEqual([phone.model, phone.enabled, phone.lines[0].displayName], ['VVX 450', false, 'Back office']);
  });
  test('of MAC addresses alone: the phones wait to be adopted', async (context) => {
    const app = await startApp(context);
    const table = 'MAC,SN,Model\n80:5E:C0:00:00:31,310,T46U\nC0:74:AD:00:00:32,,GRP2614';
    const { body } = await bring(app, table, '?tenant=acme').expect(200);
    assert.deepEqual([body.added, body.expected, body.ignored], [0, 2, ['SN']]);
    const { items } = (await app.api('get', 'unclaimed?tenant=acme')).body;
    assert.deepEqual(
      items.map(({ mac, vendor, model }: { mac: string; vendor: string; model: string }) => [mac, vendor, model]),
      [
        ['805ec0000031', 'yealink', 'T46U'],
        ['c074ad000032', 'grandstream', 'GRP2614'],
      ],
    );
    const line = { user: '1', password: 'p' };
    await app
      .api('post', 'unclaimed/805ec0000031/adoption')
      .send({ lines: [line] })
      .expect(201);
  });
});

describe('out and in again', () => {
  test('phones come back as they were, with everything they say', async (context) => {
    const app = await startApp(context);
    const awkward = {
      user: '=1+1',
      password: 'a"b,c;d\'<>&',
      displayName: 'Müller, "Anna"',
      label: '@x',
      extension: '*5',
    };
    const rich = {
      ...{ mac: '805ec0000041', tenant: 'acme', vendor: 'yealink', model: 'T46U', enabled: false },
      lines: [awkward, { user: '2', password: 'p2' }],
      keys: [{ position: 1, type: 'blf', value: '102', label: 'A, "B"' }],
      settings: { language: 'de', codecs: ['g722'], adminPassword: 'Tr0ub4dor' },
      parameters: { yealink: { 'features.power_saving.enable': '0' } },
    };
    await app.api('post', 'phones').send(rich).expect(201);
    const { text } = await app.api('get', 'exports/phones?reveal=1').expect(200);
    const state = async (one: App) => {
      const phones = (await one.api('get', 'phones?limit=1000')).body.items;
      return phones.map(({ revision: _revision, ...phone }: { revision: number }) => phone);
    };
    const before = await state(app);
    const files = async (one: App, mac: string) => (await one.api('get', `phones/${mac}/files`)).body.items;
    const other = await startApp(context, { demo: '1', HOMEPORT_PUBLIC_URL: app.publicUrl });
    for (const { mac } of await state(other)) await other.api('delete', `phones/${mac}`).expect(204);
    const { body } = await bring(other, text).expect(200);
    assert.deepEqual([body.added, body.faults], [7, []]);
    assert.deepEqual(await state(other), before);
    const passwords = (await other.api('get', 'exports/phones?reveal=1').expect(200)).text;
    assert.equal(passwords, text);
    assert.equal((await files(other, '805ec0000041')).length, (await files(app, '805ec0000041')).length);
    const [entry] = (await app.api('get', 'audit?action=phones.reveal')).body.items;
    assert.equal(entry.actor, 'key:first');
  });
  test('without reveal there are no secrets, and bringing it back changes nothing', async (context) => {
    const app = await startApp(context);
    await app
      .api('patch', 'phones/805ec0a00001')
      .send({ settings: { adminPassword: 'Tr0ub4dor' } })
      .expect(200);
    const { text } = await app.api('get', 'exports/phones').expect(200);
    assert.ok(!text.includes('Tr0ub4dor'));
    const column = (parse(text, { columns: true }) as { password: string }[]).map(({ password }) => password);
    assert.ok(column.length === 6 && column.every((password) => password === ''));
    const { body } = await bring(app, text).expect(200);
    assert.deepEqual([body.added, body.changed, body.unchanged], [0, 1, 5], 'a masked secret is kept');
    const file = (await app.phone('get', `${await app.folderOf('acme')}805ec0a00001.cfg`)).body.toString();
    assert.match(file, /Tr0ub4dor/);
  });
  test('a masked secret cannot make a new phone', async (context) => {
    const app = await startApp(context);
    const line = { user: '1', password: 'p' };
    const phone = { mac: '805ec0000042', tenant: 'acme', vendor: 'yealink', model: 'T46U', lines: [line] };
    const { body } = await app
      .api('post', 'phones')
      .send({ ...phone, settings: { adminPassword: '********' } })
      .expect(422);
    assert.deepEqual(
      body.errors.map(({ path }: { path: string }) => path),
      ['settings.adminPassword'],
    );
    const table = 'mac,tenant,vendor,model,user,password\n805ec0000042,acme,yealink,T46U,1,********';
    assert.deepEqual((await bring(app, table).expect(422)).body.errors[0].path, 'line 2, column 6');
  });
  test('tenants: added, changed and moved by their table', async (context) => {
    const app = await startApp(context);
    const table = 'code,name,pool,weight\nacme,Acme Ltd,pbxB,7.5\nnew,,pbxA,\nglobex,Globex,pbxB,';
    const looked = (await bring(app, table, '?preview=1').expect(200)).body;
    assert.deepEqual([looked.added, looked.changed, looked.unchanged], [1, 1, 1]);
    assert.equal((await app.api('get', 'tenants/acme')).body.pool, 'pbxA');
    await bring(app, table).expect(200);
    const acme = (await app.api('get', 'tenants/acme')).body;
    assert.deepEqual([acme.name, acme.pool, acme.weight], ['Acme Ltd', 'pbxB', 7.5]);
    assert.equal((await app.api('get', 'tenants/new')).body.name, 'new');
    const { text } = await app.api('get', 'exports/tenants').expect(200);
    assert.equal((await bring(app, text).expect(200)).body.unchanged, 3);
  });
  test('a row of tenants that fails leaves nothing behind, also where the others are taken', async (context) => {
    const app = await startApp(context);
    const table = 'code,name,pool\nacme,Renamed,nowhere\nfine,Fine,pbxA';
    await bring(app, table).expect(422);
    await app.api('get', 'tenants/fine').expect(404);
    const { body } = await bring(app, table, '?skipBad=1').expect(200);
    assert.deepEqual([body.added, body.faults.map(({ line }: { line: number }) => line)], [1, [2]]);
    assert.equal((await app.api('get', 'tenants/acme')).body.name, 'Acme', 'not half of the row');
  });
});

describe('many at once', () => {
  test('moves: all or none', async (context) => {
    const app = await startApp(context);
    const swap = [
      { tenant: 'acme', pool: 'pbxB', revision: 1 },
      { tenant: 'globex', pool: 'pbxA' },
    ];
    const { body: refused } = await app
      .api('post', 'moves')
      .send({ items: [...swap, { tenant: 'x', pool: 'pbxA' }] })
      .expect(422);
    assert.deepEqual(
      refused.errors.map(({ path }: { path: string }) => path),
      ['items.2'],
    );
    assert.equal((await app.api('get', 'tenants/acme')).body.pool, 'pbxA');
    const { body } = await app.api('post', 'moves').send({ items: swap }).expect(201);
    assert.deepEqual(
      body.items.map(({ toServer }: { toServer: string }) => toServer),
      ['voip2', 'voip1'],
    );
    assert.equal((await app.api('get', 'audit?action=tenant.move')).body.items.length, 2);
  });
  test('phones: all or none, the faults of each', async (context) => {
    const app = await startApp(context);
    const phone = (mac: string, changes: object = {}) => ({
      ...{ mac, tenant: 'acme', vendor: 'yealink', model: 'T46U' },
      ...{ lines: [{ user: '1', password: 'p' }], ...changes },
    });
    const items = [phone('805ec0000051'), phone('805ec0000052', { model: 'T99' }), phone('805ec0000051')];
    const { body } = await app.api('post', 'phones/batch').send({ items }).expect(422);
    assert.deepEqual(
      body.errors.map(({ path }: { path: string }) => path),
      ['items.1.model', 'items.2'],
    );
    assert.equal(await phoneCount(app), 6);
    await app
      .api('post', 'phones/batch')
      .send({ items: [phone('805ec0000051'), phone('805ec0000053')] })
      .expect(201);
    assert.equal(await phoneCount(app), 8);
  });
});
