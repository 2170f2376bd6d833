// Changing own templates: looking first, over the API and at the command line, and writing what has been looked at.
import assert from 'node:assert/strict';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { previewDirectory } from '../../src/app/own-templates.ts';
import { type App, startApp, temporaryFolder } from '../support/app.ts';
import { TEMPLATES } from '../support/world.ts';

const DESK = 'yealink/desk.cfg.hbs';
const LINE = 'features.power_saving.enable = 0';
const GRP = 'grandstream/grp.xml.hbs';
const product = (file: string) => readFileSync(join(TEMPLATES, file), 'utf8');
const changed = (line = LINE) => `${product(DESK)}${line}\n`;

async function withOwn(context: TestContext): Promise<{ app: App; own: string }> {
  const own = temporaryFolder(context);
  return { app: await startApp(context, { HOMEPORT_TEMPLATES: own }), own };
}

function write(own: string, file: string, source: string): void {
  mkdirSync(dirname(join(own, file)), { recursive: true });
  writeFileSync(join(own, file), source);
}

const served = async (app: App, tenant: string, file: string) =>
  ((await app.phone('get', (await app.folderOf(tenant)) + file).expect(200)).body as Buffer).toString();

const everyFile = (own: string) => readdirSync(own, { recursive: true, encoding: 'utf8' }).sort();

/** Looks at a change, and makes sure that it changes nothing. */
async function look(app: App, own: string, file: string, source: string | null) {
  const state = async () => [
    ...[await served(app, 'acme', '805ec0a00001.cfg'), await served(app, 'globex', '805ec0a00002.cfg')],
    ...[everyFile(own), app.house.vendors.ownTemplates(), await app.house.store.audit.end()],
  ];
  const before = await state();
  const { body } = await app.api('post', 'templates/previews').send({ file, source }).expect(200);
  assert.deepEqual(await state(), before, 'looking changes nothing');
  return body;
}

describe('a template that is looked at', () => {
  test('tells which phones would get other bytes, in groups of the same change, and which restart', async (context) => {
    const { app, own } = await withOwn(context);
    const shown = await look(app, own, DESK, `${changed()}static.network.vlan.internet_port_enable = 1\n`);
    assert.deepEqual(
      [shown.file, shown.action, shown.accepted, shown.state, shown.fault, shown.warning],
      [DESK, 'add', true, 'served', null, null],
    );
    assert.deepEqual(shown.impact, {
      phones: 2,
      changed: 2,
      restarting: 2,
      groups: [
        {
          vendor: 'yealink',
          phones: 2,
          restarts: true,
          hidden: false,
          removed: [],
          added: [LINE, 'static.network.vlan.internet_port_enable = 1'],
          examples: ['805ec0a00001', '805ec0a00002'],
        },
      ],
    });
    const { impact } = await look(app, own, DESK, changed());
    assert.deepEqual([impact.restarting, impact.groups[0].restarts], [0, false]);
    assert.equal((await look(app, own, DESK, product(DESK))).impact.changed, 0, 'a copy of the product’s');
  });
  test('of one tenant concerns that tenant’s phones alone', async (context) => {
    const { app, own } = await withOwn(context);
    const { impact } = await look(app, own, `tenants/globex/${DESK}`, changed());
    assert.deepEqual([impact.phones, impact.changed, impact.groups[0].examples], [1, 1, ['805ec0a00002']]);
  });
  test('is compared with what is served now: other own templates stay as they are', async (context) => {
    const { app, own } = await withOwn(context);
    write(own, DESK, changed());
    write(own, `tenants/acme/${DESK}`, changed('features.power_saving.enable = 1'));
    await app.house.vendors.refresh();
    const shown = await look(app, own, DESK, changed('features.power_saving.enable = 10'));
    assert.deepEqual([shown.action, shown.impact.phones, shown.impact.changed], ['change', 2, 1]);
    assert.deepEqual(shown.impact.groups[0].examples, ['805ec0a00002']);
    const gone = await look(app, own, `tenants/acme/${DESK}`, null);
    assert.deepEqual([gone.action, gone.accepted, gone.state], ['remove', true, null]);
    assert.deepEqual(
      [gone.impact.groups[0].removed, gone.impact.groups[0].added],
      [['features.power_saving.enable = 1'], [LINE]],
    );
  });
  test('that would not be used is told why, and what phones get then', async (context) => {
    const { app, own } = await withOwn(context);
    const broken = changed().replace('sip_server.1.port = 0', 'sip_server.1.port = 5060');
    const fresh = await look(app, own, DESK, broken);
    assert.deepEqual([fresh.accepted, fresh.state, fresh.impact.changed], [false, 'not used', 0]);
    assert.match(fresh.fault, /sip_server\.1\.port/);
    write(own, DESK, changed());
    await app.house.vendors.refresh();
    const later = await look(app, own, DESK, `${changed()}{{nothing}}`);
    assert.deepEqual([later.accepted, later.state, later.impact.changed], [false, 'last good', 0]);
    const { body } = await app
      .api('post', 'templates/previews')
      .send({ file: '../../etc/passwd.hbs', source: '' })
      .expect(422);
    assert.deepEqual(
      body.errors.map(({ path }: { path: string }) => path),
      ['file'],
    );
    await app
      .api('post', 'templates/previews')
      .send({ file: `tenants/nobody/${DESK}`, source: '' })
      .expect(404);
    const unknown = await look(app, own, 'yealink/nothing.hbs', '');
    assert.match(unknown.fault, /no template nothing\.hbs/);
  });
  test('is tried on the phones that there are, not on samples alone', async (context) => {
    const { app, own } = await withOwn(context);
    await app
      .api('patch', 'tenants/acme')
      .send({ parameters: { yealink: { 'features.x': '1' } } })
      .expect(200);
    // Only a phone with raw parameters shows this line.
    const source = `${changed()}{{#each parameters}}\naccount.1.sip_server.1.port = 5060\n{{/each}}\n`;
    const shown = await look(app, own, DESK, source);
    assert.deepEqual([shown.accepted, shown.state, shown.impact.changed], [false, 'not used', 0]);
    assert.match(shown.fault, /sip_server\.1\.port/);
    const { body } = await app.api('put', `templates/${DESK}`).send({ source }).expect(422);
    assert.deepEqual(
      body.errors.map(({ path }: { path: string }) => path),
      ['source'],
    );
    assert.deepEqual(everyFile(own), []);
  });
  test('can be looked at where no directory is named', async (context) => {
    const app = await startApp(context);
    const { body } = await app.api('post', 'templates/previews').send({ file: DESK, source: changed() }).expect(200);
    assert.deepEqual([body.accepted, body.impact.changed], [true, 2]);
    const { body: refused } = await app.api('put', `templates/${DESK}`).send({ source: changed() }).expect(503);
    assert.match(refused.detail, /HOMEPORT_TEMPLATES/);
  });
});

describe('a whole directory that is looked at', () => {
  test('is compared with what is served: what comes, changes and goes', async (context) => {
    const { app, own } = await withOwn(context);
    write(own, DESK, changed());
    write(own, GRP, product(GRP));
    await app.house.vendors.refresh();
    const other = temporaryFolder(context);
    write(other, `tenants/acme/${DESK}`, changed('features.power_saving.enable = 1'));
    write(other, `tenants/nobody/${DESK}`, changed());
    write(other, GRP, product(GRP));
    write(other, 'polycom/lines.cfg.hbs', 'nothing at all');
    write(other, 'elsewhere.hbs', '');
    const before = app.house.vendors.ownTemplates();
    const { files, impact } = await previewDirectory(app.house, other);
    assert.deepEqual(
      files.map(({ file, action, accepted, state, warning }) => [file, action, accepted, state, warning]),
      [
        ['elsewhere.hbs', 'add', false, 'not used', null],
        ['polycom/lines.cfg.hbs', 'add', false, 'not used', null],
        [`tenants/acme/${DESK}`, 'add', true, 'served', null],
        [`tenants/nobody/${DESK}`, 'add', true, 'served', 'there is no tenant nobody'],
        [DESK, 'remove', true, null, null],
      ],
    );
    assert.deepEqual([impact.phones, impact.changed], [4, 2]);
    const changes = impact.groups.map(({ removed, added, examples }) => [removed, added, examples]);
    assert.deepEqual(changes.sort(), [
      [[LINE], [], ['805ec0a00002']],
      [[LINE], ['features.power_saving.enable = 1'], ['805ec0a00001']],
    ]);
    assert.deepEqual(app.house.vendors.ownTemplates(), before);
  });
  test('that is the same has nothing to tell, and one that is not there is refused', async (context) => {
    const { app, own } = await withOwn(context);
    write(own, DESK, changed());
    const other = temporaryFolder(context);
    cpSync(own, other, { recursive: true });
    const { files, impact } = await previewDirectory(app.house, other);
    assert.deepEqual([files, impact.phones, impact.changed], [[], 0, 0]);
    await assert.rejects(previewDirectory(app.house, '/nowhere/at/all'), /cannot be read/);
  });
});

describe('a template that is written', () => {
  test('holds at once, for all tenants or for one, and is written down without its text', async (context) => {
    const { app, own } = await withOwn(context);
    const secret = 'security.user_password = admin:Tr0ub4dor';
    const { body, headers } = await app
      .api('put', `templates/${DESK}`)
      .send({ source: changed(secret) })
      .expect(200);
    assert.deepEqual(
      [body.own.source, body.own.state, body.own.bytes, body.writable, body.product],
      [changed(secret), 'served', Buffer.byteLength(changed(secret)), true, product(DESK)],
    );
    assert.equal(headers.etag, `"${body.revision}"`);
    assert.ok(body.models.includes('T46U'));
    assert.equal(readFileSync(join(own, DESK), 'utf8'), changed(secret));
    assert.ok((await served(app, 'acme', '805ec0a00001.cfg')).includes(secret));
    await app.api('put', `templates/tenants/globex/${DESK}`).send({ source: changed() }).expect(200);
    assert.ok((await served(app, 'globex', '805ec0a00002.cfg')).includes(LINE));
    assert.deepEqual(everyFile(own), [
      ...['tenants', 'tenants/globex', 'tenants/globex/yealink', `tenants/globex/${DESK}`],
      ...['yealink', DESK],
    ]);
    const entries = (await app.api('get', 'audit?action=template.change').expect(200)).body.items;
    assert.deepEqual(
      entries.map(({ subject, tenant }: { subject: string; tenant: string }) => [subject, tenant]),
      [
        [`tenants/globex/${DESK}`, 'globex'],
        [DESK, null],
      ],
    );
    assert.deepEqual(
      entries[1].changes.map(({ path }: { path: string }) => path),
      ['bytes', 'digest'],
    );
    assert.ok(!JSON.stringify(entries).includes('Tr0ub4dor'));
    const { items } = (await app.api('get', 'templates?vendor=yealink').expect(200)).body;
    const states = Object.fromEntries(
      items.map(({ origin, file, state }: Record<string, string>) => [`${origin} ${file}`, state]),
    );
    assert.equal(states[`product ${DESK}`], 'replaced');
    assert.equal(states[`own tenants/globex/${DESK}`], 'served');
  });
  test('and removed leaves the product’s', async (context) => {
    const { app, own } = await withOwn(context);
    const before = await served(app, 'acme', '805ec0a00001.cfg');
    await app.api('put', `templates/${DESK}`).send({ source: changed() }).expect(200);
    await app.api('delete', `templates/${DESK}`).expect(204);
    assert.equal(await served(app, 'acme', '805ec0a00001.cfg'), before);
    assert.ok(!existsSync(join(own, DESK)));
    await app.api('delete', `templates/${DESK}`).expect(404);
    const { body } = await app.api('get', `templates/${DESK}`).expect(200);
    assert.deepEqual([body.own, body.revision], [null, 0]);
  });
  test('but would not be used is refused: nothing is written, nothing is noted', async (context) => {
    const { app, own } = await withOwn(context);
    const { id } = await app.house.store.audit.end();
    for (const source of ['{{#if', changed('account.1.sip_server.1.port = 5060'), 'x'.repeat(200_001)]) {
      await app.api('put', `templates/${DESK}`).send({ source }).expect(422);
    }
    await app.api('put', `templates/${DESK}`).send({}).expect(422);
    await app.api('put', 'templates/yealink/nothing.hbs').send({ source: '' }).expect(404);
    await app.api('put', 'templates/nobody/desk.cfg.hbs').send({ source: '' }).expect(404);
    await app.api('put', `templates/tenants/nobody/${DESK}`).send({ source: changed() }).expect(404);
    for (const path of ['..%2f..%2fx/desk.cfg.hbs', 'yealink/..%2fdesk.cfg.hbs', 'tenants/%2e%2e/yealink/desk.cfg.hbs'])
      await app.api('put', `templates/${path}`).send({ source: changed() }).expect(404);
    assert.deepEqual([everyFile(own), (await app.house.store.audit.end()).id], [[], id]);
  });
  test('by two at once: the second, who has read an older one, is told', async (context) => {
    const { app } = await withOwn(context);
    const { revision } = (await app.api('get', `templates/${DESK}`).expect(200)).body;
    await app.api('put', `templates/${DESK}`).send({ source: changed(), revision }).expect(200);
    await app
      .api('put', `templates/${DESK}`)
      .set('If-Match', `"${revision}"`)
      .send({ source: changed('x.y = 1') })
      .expect(409);
    await app.api('delete', `templates/${DESK}`).set('If-Match', '"1"').expect(409);
    assert.ok((await served(app, 'acme', '805ec0a00001.cfg')).includes(LINE));
  });
  test('never through a link that leads out of the directory', async (context) => {
    const { app, own } = await withOwn(context);
    const outside = temporaryFolder(context);
    symlinkSync(outside, join(own, 'yealink'));
    const { id } = await app.house.store.audit.end();
    await app.api('put', `templates/${DESK}`).send({ source: changed() }).expect(409);
    assert.deepEqual([readdirSync(outside), (await app.house.store.audit.end()).id], [[], id]);
  });
  test('where nobody may write: told so, and nothing is noted', {
    skip: process.getuid?.() === 0 && 'root may write everywhere',
  }, async (context) => {
    const { app, own } = await withOwn(context);
    chmodSync(own, 0o555);
    context.after(() => chmodSync(own, 0o755));
    const { id } = await app.house.store.audit.end();
    await app.api('put', `templates/${DESK}`).send({ source: changed() }).expect(503);
    assert.equal((await app.house.store.audit.end()).id, id);
  });
  test('where a file stands in the way: told so, and nothing is noted', async (context) => {
    const { app, own } = await withOwn(context);
    writeFileSync(join(own, 'yealink'), '');
    const { id } = await app.house.store.audit.end();
    await app.api('put', `templates/${DESK}`).send({ source: changed() }).expect(503);
    assert.equal((await app.house.store.audit.end()).id, id);
    rmSync(join(own, 'yealink'));
    await app.api('put', `templates/${DESK}`).send({ source: changed() }).expect(200);
  });
  test('and not noted is taken back', async (context) => {
    const { app, own } = await withOwn(context);
    await app.api('put', `templates/${DESK}`).send({ source: changed() }).expect(200);
    const before = await served(app, 'acme', '805ec0a00001.cfg');
    const file = new Database(join(app.folder, 'homeport.db'));
    context.after(() => file.close());
    // A fault that shows at the end of the transaction alone.
    file.exec(`create table broken (name text references server(name) deferrable initially deferred);
      create trigger break after insert on audit begin insert into broken values ('nobody'); end`);
    await app
      .api('put', `templates/${DESK}`)
      .send({ source: changed('x.y = 1') })
      .expect(500);
    assert.equal(readFileSync(join(own, DESK), 'utf8'), changed());
    assert.equal(await served(app, 'acme', '805ec0a00001.cfg'), before);
  });
});
