// Journeys of operators with templates of their own: what they may say, what they may not, and that phones never wait.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { type App, startApp, temporaryFolder } from '../support/app.ts';
import { TEMPLATES } from '../support/world.ts';

const ours = (file: string) => join(TEMPLATES, file);

async function withOwn(context: TestContext): Promise<{ app: App; own: string }> {
  const own = temporaryFolder(context);
  return { app: await startApp(context, { HOMEPORT_TEMPLATES: own }), own };
}

/** Writes an own template: the product's with a change. */
function write(own: string, file: string, source: string): void {
  mkdirSync(dirname(join(own, file)), { recursive: true });
  writeFileSync(join(own, file), source);
}

const product = async (file: string) => (await import('node:fs/promises')).readFile(ours(file), 'utf8');

const served = async (app: App, tenant: string, file: string) =>
  ((await app.phone('get', (await app.folderOf(tenant)) + file).expect(200)).body as Buffer).toString();

const state = async (app: App) => {
  await app.house.vendors.refresh();
  const { items } = (await app.api('get', 'templates?origin=own').expect(200)).body;
  return items.map(({ file, state: stands, fault }: Record<string, string | null>) => ({ file, state: stands, fault }));
};

const DESK = 'yealink/desk.cfg.hbs';

test('an own template stands in for the product’s, for all tenants or for one', async (context) => {
  const { app, own } = await withOwn(context);
  const source = await product(DESK);
  write(own, DESK, `${source}features.power_saving.enable = 0\n`);
  write(own, `tenants/globex/${DESK}`, `${source}features.power_saving.enable = 1\n`);
  assert.deepEqual(await state(app), [
    { file: `tenants/globex/${DESK}`, state: 'served', fault: null },
    { file: DESK, state: 'served', fault: null },
  ]);
  assert.match(await served(app, 'acme', '805ec0a00001.cfg'), /features\.power_saving\.enable = 0\n/);
  assert.match(await served(app, 'globex', '805ec0a00002.cfg'), /features\.power_saving\.enable = 1\n/);
  rmSync(join(own, DESK));
  rmSync(join(own, 'tenants'), { recursive: true });
  assert.deepEqual(await state(app), []);
  assert.doesNotMatch(await served(app, 'acme', '805ec0a00001.cfg'), /power_saving/);
});

describe('what an own template may not do', () => {
  const cases: [name: string, file: string, change: (source: string) => string, why: RegExp][] = [
    [
      'name a port',
      DESK,
      (text) => text.replace('sip_server.1.port = 0', 'sip_server.1.port = 5060'),
      /sip_server\.1\.port/,
    ],
    ['leave SRV out', DESK, (text) => text.replace(/^account.*transport_type.*\n/m, ''), /transport_type/],
    [
      'name a server',
      DESK,
      (text) => text.replaceAll('{{../sip.registrar}}', 'evil.example.com'),
      /sip_server\.1\.address/,
    ],
    [
      'add a second server',
      DESK,
      (text) => text.replace('sip_server.2.address = %NULL%', 'sip_server.2.address = b.example.com'),
      /sip_server\.2\.address/,
    ],
    [
      'say a server twice',
      DESK,
      (text) => `${text}account.1.sip_server.1.address = evil.example.com\n`,
      /sip_server\.1\.address/,
    ],
    [
      'do it for one binding only',
      DESK,
      (text) => `${text}{{#if sip.outboundProxy}}\naccount.1.outbound_proxy.2.address = e.example.com\n{{/if}}\n`,
      /outbound_proxy/,
    ],
    [
      'do it when a setting is there',
      DESK,
      (text) => `${text}{{#if settings.language}}\naccount.1.sip_server.1.port = 5060\n{{/if}}\n`,
      /sip_server\.1\.port/,
    ],
    ['spoil the first line', DESK, (text) => `\n${text}`, /first line/],
    [
      'use a name that is not there',
      DESK,
      (text) => `${text}x = {{nothing}}\n`,
      /desk\.cfg\.hbs:\d+: the context has no nothing/,
    ],
    ['use a helper that is not there', DESK, (text) => `${text}x = {{upper phone.mac}}\n`, /only helper/],
    ['print without encoding', DESK, (text) => `${text}x = {{{phone.mac}}}\n`, /encoding/],
    ['be no template', DESK, (text) => `${text}{{#if`, /Parse error/],
    ['be no XML', 'polycom/lines.cfg.hbs', (text) => text.replace('</polycomConfig>', ''), /not closed/],
    [
      'hide a server on a line with others',
      'grandstream/grp.xml.hbs',
      (text) =>
        text.replace(
          '</config>',
          '<item name="x">1</item><item name="account.1.sip.server.1.address">e</item></config>',
        ),
      /sip\.server\.1\.address/,
    ],
    [
      'hide a server in a comment trick',
      'grandstream/grp.xml.hbs',
      (text) => text.replace('</config>', '<!-- x --></config>'),
      /plain element/,
    ],
    ['stand in for what is not there', 'yealink/nothing.hbs', (text) => text, /no template nothing\.hbs/],
    ['stand in for nobody', 'nobody/desk.cfg.hbs', (text) => text, /no vendor nobody/],
  ];
  for (const [name, file, change, why] of cases) {
    test(name, async (context) => {
      const { app, own } = await withOwn(context);
      const before = await served(app, 'acme', '805ec0a00001.cfg');
      const source = await product(file).catch(() => product(DESK));
      write(own, file, change(source));
      const [{ state: stands, fault }] = await state(app);
      assert.equal(stands, 'not used');
      assert.match(fault, why);
      assert.equal(await served(app, 'acme', '805ec0a00001.cfg'), before);
    });
  }
});

test('a template that is broken later leaves its last good version in service', async (context) => {
  const { app, own } = await withOwn(context);
  const source = await product(DESK);
  write(own, DESK, `${source}features.power_saving.enable = 0\n`);
  await state(app);
  const good = await served(app, 'acme', '805ec0a00001.cfg');
  write(own, DESK, `${source}features.power_saving.enable = {{nothing}}\n`);
  const [entry] = await state(app);
  assert.equal(entry.state, 'last good');
  assert.match(entry.fault, /nothing/);
  assert.equal(await served(app, 'acme', '805ec0a00001.cfg'), good);
  write(own, DESK, `${source}features.power_saving.enable = 10\n`);
  assert.deepEqual(await state(app), [{ file: DESK, state: 'served', fault: null }]);
  assert.match(await served(app, 'acme', '805ec0a00001.cfg'), /enable = 10\n/);
});

test('what no sample shows is caught when it is served, and the phone gets the product’s file', async (context) => {
  const { app, own } = await withOwn(context);
  const before = await served(app, 'acme', '805ec0a00001.cfg');
  // Only a phone with raw parameters sees this line.
  write(own, DESK, `${await product(DESK)}{{#each parameters}}\naccount.1.sip_server.1.port = 5060\n{{/each}}\n`);
  assert.equal((await state(app))[0].state, 'served');
  await app
    .api('patch', 'tenants/acme')
    .send({ parameters: { yealink: { 'features.x': '1' } } })
    .expect(200);
  const text = await served(app, 'acme', '805ec0a00001.cfg');
  assert.doesNotMatch(text, /port = 5060/);
  assert.ok(text.length >= before.length);
  const [entry] = (await app.api('get', 'templates?origin=own').expect(200)).body.items;
  assert.equal(entry.state, 'not used');
  assert.match(entry.fault, /sip_server\.1\.port/);
});

test('every template of the product may stand in for itself', async (context) => {
  const { app, own } = await withOwn(context);
  for (const vendor of app.house.vendors.ids) cpSync(ours(vendor), join(own, vendor), { recursive: true });
  const shared = ['common.cfg.hbs', 'packed.xml.hbs', 'phonebook.xml.hbs', 'directory.xml.hbs'];
  for (const { file, state: stands, fault } of await state(app)) {
    const isShared = shared.some((name) => file.endsWith(name)) || file.includes('/redirection-');
    if (isShared) assert.match(fault, /phone's own file/);
    else assert.equal(stands, 'served', `${file}: ${fault}`);
  }
});

test('a directory that is not there stops the start', async (context) => {
  await assert.rejects(startApp(context, { HOMEPORT_TEMPLATES: '/nowhere/at/all' }), /does not exist/);
});
