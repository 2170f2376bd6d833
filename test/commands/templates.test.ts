// Templates, lists and the audit at the command line.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { temporaryFolder } from '../support/app.ts';
import { cleanEnvironment, ROOT, run } from '../support/commands.ts';
import { TEMPLATES } from '../support/world.ts';

const DESK = 'yealink/desk.cfg.hbs';
const LINE = 'features.power_saving.enable = 0';
const product = readFileSync(join(TEMPLATES, DESK), 'utf8');

async function house(context: TestContext) {
  const folder = temporaryFolder(context);
  const own = join(folder, 'own');
  mkdirSync(own);
  const database = `file:${join(folder, 'x.db')}`;
  const env = cleanEnvironment({ HOMEPORT_DATABASE_URL: database, HOMEPORT_TEMPLATES: own });
  const homeport = (...args: string[]) => run(process.execPath, ['src/homeport.js', ...args], { cwd: ROOT, env });
  assert.equal((await homeport('demo')).code, 0);
  return { folder, own, homeport };
}

test('a template is listed, shown, looked at, written and removed', async (context) => {
  const { folder, own, homeport } = await house(context);
  assert.equal((await homeport('template', 'show', DESK)).out, product);
  const file = join(folder, 'new.hbs');
  writeFileSync(file, `${product}${LINE}\n`);
  const looked = await homeport('template', 'preview', DESK, '--source', file);
  assert.equal(looked.code, 0, looked.err);
  assert.match(looked.out, /^add yealink\/desk\.cfg\.hbs: served\n\n2 of 2 phones would get something else\n/);
  assert.match(looked.out, /2 yealink phones:\n\+ features\.power_saving\.enable = 0\n$/);
  assert.ok(!existsSync(join(own, DESK)));
  assert.equal((await homeport('template', 'put', DESK, '--source', file)).code, 0);
  assert.equal(readFileSync(join(own, DESK), 'utf8'), `${product}${LINE}\n`);
  assert.match(
    (await homeport('template')).out,
    /yealink\/desk\.cfg\.hbs +product +replaced\n(?:.*\n)*.*desk\.cfg\.hbs +own +served/,
  );
  const gone = JSON.parse((await homeport('template', 'preview', DESK, '--remove', '--json')).out);
  assert.deepEqual([gone.action, gone.impact.changed, gone.impact.groups[0].removed], ['remove', 2, [LINE]]);
  writeFileSync(file, `${product}account.1.sip_server.1.port = 5060\n`);
  const refused = await homeport('template', 'preview', DESK, '--source', file);
  assert.deepEqual([refused.code, /last good: .*port/.test(refused.out)], [1, true]);
  const kept = await homeport('template', 'put', DESK, '--source', file);
  assert.deepEqual([kept.code, /would not be used: .*port/.test(kept.err)], [1, true]);
  assert.equal((await homeport('template', 'remove', DESK)).code, 0);
  assert.ok(!existsSync(join(own, DESK)));
  const { out } = await homeport('audit', '--subject', DESK, '--json');
  assert.deepEqual(
    JSON.parse(out).map(({ action }: { action: string }) => action),
    ['template.remove', 'template.change'],
  );
  for (const wrong of [['preview'], ['preview', DESK], ['preview', DESK, '--directory', own], ['show', '../x.hbs']])
    assert.equal((await homeport('template', ...wrong)).code, 1, wrong.join(' '));
  assert.equal((await homeport('template', 'put', DESK)).code, 2);
});

test('a checkout is looked at before it is deployed', async (context) => {
  const { folder, homeport } = await house(context);
  const checkout = join(folder, 'checkout');
  const tenants = join(checkout, 'tenants/acme', DESK);
  mkdirSync(dirname(tenants), { recursive: true });
  writeFileSync(tenants, `${product}${LINE}\n`);
  const looked = await homeport('template', 'preview', '--directory', checkout);
  assert.equal(looked.code, 0, looked.err);
  assert.match(looked.out, /^add tenants\/acme\/yealink\/desk\.cfg\.hbs: served\n\n1 of 1 phones would/);
  writeFileSync(tenants, '{{#if');
  const broken = await homeport('template', 'preview', '--directory', checkout, '--json');
  assert.deepEqual([broken.code, JSON.parse(broken.out).files[0].accepted], [1, false]);
  assert.equal((await homeport('template', 'preview', '--directory', join(folder, 'nowhere'))).code, 1);
});

test('lists are searched, and the audit is written to a file', async (context) => {
  const { folder, homeport } = await house(context);
  const codes = async (...args: string[]) =>
    JSON.parse((await homeport('tenants', '--json', ...args)).out).map(({ code }: { code: string }) => code);
  assert.deepEqual(await codes('--search', 'GLO'), ['globex']);
  assert.deepEqual(await codes('--pool', 'pbxA', '--binding', 'registrar'), ['acme']);
  assert.equal((await homeport('tenants', '--binding', 'nonsense')).code, 2);
  const phones = JSON.parse((await homeport('phones', '--json', '--vendor', 'polycom', '--search', '102')).out);
  assert.ok(phones.every(({ vendor }: { vendor: string }) => vendor === 'polycom') && phones.length > 0);
  const [csv, jsonl] = [join(folder, 'audit.csv'), join(folder, 'audit.jsonl')];
  assert.equal((await homeport('audit', '--csv', csv, '--action', 'tenant.add')).code, 0);
  assert.match(readFileSync(csv, 'utf8'), /^id,at,actor,.*\n(?:\d+,.*,tenant\.add,.*\n){2}$/);
  assert.equal((await homeport('audit', '--jsonl', jsonl)).code, 0);
  const lines = readFileSync(jsonl, 'utf8').trim().split('\n');
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).id),
    lines.map((_, index) => index + 1),
  );
  assert.equal((await homeport('audit', '--jsonl', '-', '--from', '2000-01-01', '--to', '2000-01-02')).out, '');
  assert.equal((await homeport('audit', '--csv', join(folder, 'no', 'such.csv'))).code, 1);
  assert.equal((await homeport('audit', '--csv', csv, '--jsonl', jsonl)).code, 1);
});
