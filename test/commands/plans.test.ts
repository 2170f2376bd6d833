// `homeport plan`, `plans`, `approve`, `apply`, `loads`, `planning`: what they print and how they end.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { temporaryFolder } from '../support/app.ts';
import { cleanEnvironment, type Ended, ROOT, run } from '../support/commands.ts';

type Shell = { readonly folder: string; readonly homeport: (...args: string[]) => Promise<Ended> };

async function demo(context: TestContext): Promise<Shell> {
  const folder = temporaryFolder(context);
  const env = cleanEnvironment({ HOMEPORT_DATABASE_URL: `file:${join(folder, 'homeport.db')}` });
  const homeport = (...args: string[]) =>
    run(process.execPath, ['src/homeport.js', ...args], { cwd: ROOT, env }).then((ended) => ended);
  assert.equal((await homeport('demo')).code, 0);
  return { folder, homeport };
}

describe('homeport plan and apply', () => {
  test('print who moves and why, the loads, the gap, and what to type next', async (context) => {
    const { homeport } = await demo(context);
    const { code, out } = await homeport('plan', '--drain', 'voip1');
    assert.equal(code, 0);
    assert.match(out, /^plan 1 \([0-9a-f]{32}\), open until /);
    assert.match(out, /acme +pbxA +pbxB +3 +3 +must leave pool pbxA, whose server voip1 is not in use/);
    assert.match(out, /1 tenants with 3 phones move\nserver voip1 becomes draining; it is active/);
    assert.match(out, /voip2 +not said +3 +– +6 +–/);
    assert.match(out, /proven: no plan is more even/);
    assert.match(out, /nothing was changed; to do it: homeport apply 1$/m);
    assert.match((await homeport('tenants')).out, /acme +pbxA/);
  });
  test('refuse too many phones without --force, do it with it, and take it back', async (context) => {
    const { homeport } = await demo(context);
    const plan = JSON.parse((await homeport('plan', '--drain', 'voip1', '--fast', '--json')).out);
    assert.deepEqual([plan.moves.length, plan.mode, plan.choices], [1, 'fast', []]);
    const refused = await homeport('apply', '1', '--yes');
    assert.equal(refused.code, 1);
    assert.match(refused.err, /moves 3 of 6 phones at once, 50 %, and the limit is 30 %/);
    const other = await homeport('apply', '1', '--yes', '--force', '--digest', 'another');
    assert.deepEqual([other.code, /not the digest/.test(other.err)], [1, true]);
    const done = await homeport('apply', '1', '--yes', '--force');
    assert.equal(done.code, 0);
    assert.match(done.out, /plan 1 is applied: 1 tenants with 3 phones are moved\nin this order: acme/);
    assert.match(done.out, /server voip1 is draining now\nto take it back: homeport apply 2/);
    assert.match((await homeport('tenants')).out, /acme +pbxB/);
    assert.equal((await homeport('apply', '2', '--yes', '--force')).code, 0);
    assert.match((await homeport('tenants')).out, /acme +pbxA/);
    const { out } = await homeport('plans');
    assert.match(out, /^2 +applied, takes back 1 /m);
    assert.match(out, /^1 +applied /m);
    assert.match((await homeport('plans', '1')).out, /to take it back: homeport apply 2/);
    const [newest] = JSON.parse((await homeport('plans', '--json')).out);
    assert.deepEqual([newest.id, newest.kind, newest.state], [2, 'rollback', 'applied']);
  });
  test('end with 1 for a plan that cannot be, and with 2 for wrong use', async (context) => {
    const { homeport, folder } = await demo(context);
    const limited = await homeport('plan', '--drain', 'voip1', '--max-phones', '2', '--fast');
    assert.equal(limited.code, 1);
    assert.match(limited.out, /not possible: .*2 phones/);
    assert.equal((await homeport('plan', '--exact', '--fast')).code, 1);
    assert.equal((await homeport('plan', '--drain', 'voip9')).code, 1);
    assert.equal((await homeport('plan', '--max-phones', 'many')).code, 2);
    assert.equal((await homeport('apply', 'first')).code, 2);
    assert.equal((await homeport('apply', '77', '--yes')).code, 1);
    const file = join(folder, 'order.yaml');
    writeFileSync(file, 'drain: [voip1]\ngoals:\n  pins:\n    - {tenant: acme}\n');
    const pinned = JSON.parse((await homeport('plan', '--order', file, '--json')).out);
    assert.deepEqual(
      pinned.refused.map(({ tenant }: { tenant: string }) => tenant),
      ['acme'],
    );
  });
});

describe('homeport loads and planning', () => {
  test('take measurements from a table and rules from a document, and print both', async (context) => {
    const { homeport, folder } = await demo(context);
    assert.match((await homeport('loads')).out, /acme +pbxA +3 +phones +3 +3 +– +– +never/);
    const table = join(folder, 'loads.csv');
    writeFileSync(table, 'tenant,calls,source\nacme,12,voip1\n');
    const taken = await homeport('loads', table);
    assert.match(taken.out, /loads of 1 tenants are taken\nof 1 nothing was ever measured/);
    const rules = join(folder, 'rules.yaml');
    writeFileSync(rules, 'load: calls\npins:\n  - {tenant: acme}\n');
    const { code, out } = await homeport('planning', rules);
    assert.equal(code, 0);
    assert.match(out, /^load: calls$/m);
    const { out: loads } = await homeport('loads');
    assert.match(loads, /acme +pbxA +12 +calls .*by voip1/);
    assert.match(loads, /globex +pbxB +3 +calls unknown, so its phones/);
    assert.equal(JSON.parse((await homeport('planning', '--json')).out).pins[0].tenant, 'acme');
    writeFileSync(rules, 'pins:\n  - {tenant: nobody}\n');
    const wrong = await homeport('planning', rules);
    assert.deepEqual([wrong.code, /what does not exist: tenant nobody/.test(wrong.err)], [1, true]);
  });
});
