// Tables at the command line: a preview, a real import, what goes out, and how much memory a hundred thousand phones take.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { temporaryFolder } from '../support/app.ts';
import { cleanEnvironment, ROOT, run } from '../support/commands.ts';

const PEAK =
  "process.on('exit', () => console.error('peak', Math.round(process.resourceUsage().maxRSS / 1024), 'MiB'));";

async function house(context: TestContext) {
  const folder = temporaryFolder(context);
  const env = cleanEnvironment({ HOMEPORT_DATABASE_URL: `file:${join(folder, 'x.db')}` });
  const homeport = (...args: string[]) =>
    run(
      process.execPath,
      ['--import', `data:text/javascript,${encodeURIComponent(PEAK)}`, 'src/homeport.js', ...args],
      {
        cwd: ROOT,
        env,
      },
    );
  assert.equal((await homeport('demo')).code, 0);
  return { folder, homeport };
}

test('import looks, refuses, leaves out, and brings in; export gives it back', async (context) => {
  const { folder, homeport } = await house(context);
  const file = join(folder, 'phones.csv');
  const head = 'mac,tenant,vendor,model,user,password';
  writeFileSync(
    file,
    `${head}\n805ec0000061,acme,yealink,T46U,161-ACME,hidden1\nnonsense,acme,yealink,T46U,1,hidden2\n`,
  );
  const looked = await homeport('import', file, '--preview');
  assert.equal(looked.code, 1);
  assert.match(looked.out, /2 rows, 1 of them good\n1 would be added.*\nline 3, column 1: must be a MAC address/s);
  const refused = await homeport('import', file);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /1 of 2 rows are wrong, nothing was written: line 3, column 1/);
  assert.ok(!`${looked.out}${looked.err}${refused.out}${refused.err}`.includes('hidden'));
  const taken = await homeport('import', file, '--skip-bad', '--json');
  assert.deepEqual([JSON.parse(taken.out).added, taken.code], [1, 1]);
  const plain = await homeport('export', 'phones', '--tenant', 'acme');
  assert.match(plain.out, /805ec0000061,acme,yealink,T46U,yes,1,161-ACME,,,/);
  assert.match(plain.err, /passwords are left out/);
  assert.match((await homeport('export', 'phones', '--reveal')).out, /161-ACME,,hidden1/);
  assert.match((await homeport('audit', '--limit', '1')).out, /phones\.reveal/);
  assert.match((await homeport('export', 'tenants')).out, /^code,name,pool,.*\nacme,Acme,pbxA/);
  assert.match((await homeport('import', join(folder, 'nothing.csv'))).err, /nothing\.csv cannot be read/);
  assert.equal((await homeport('export', 'nonsense')).code, 2);
});

test('a hundred thousand phones come in with less than 512 MiB', { timeout: 280_000 }, async (context) => {
  const { folder, homeport } = await house(context);
  const file = join(folder, 'phones.csv');
  const rows = Array.from({ length: 100_000 }, (_, index) => {
    const mac = `805e${(0x10000000 + index).toString(16)}`;
    return `${mac},${index % 2 ? 'acme' : 'globex'},yealink,T46U,1,${index}-X,secret-${index},Desk ${index}`;
  });
  writeFileSync(file, `mac,tenant,vendor,model,line,user,password,label\n${rows.join('\n')}\n`);
  const { code, out, err } = await homeport('import', file, '--json');
  assert.equal(code, 0, err);
  assert.equal(JSON.parse(out).added, 100_000);
  const peak = Number(/peak (\d+) MiB/.exec(err)?.[1]);
  context.diagnostic(`peak ${peak} MiB`);
  assert.ok(peak > 50 && peak < 512, `${peak} MiB`);
  const tenants = JSON.parse((await homeport('tenants', '--json')).out) as { phones: number }[];
  assert.deepEqual(
    tenants.map(({ phones }) => phones),
    [50_003, 50_003],
  );
});

test('everything as a document: export, plan, apply', async (context) => {
  const { folder, homeport } = await house(context);
  const { out } = await homeport('export', 'state');
  assert.match(out, /^homeport: 1\nservers:\n/);
  assert.ok(!out.includes('password'));
  const file = join(folder, 'state.yaml');
  writeFileSync(file, out.replace('name: Acme', 'name: Acme Ltd'));
  const planned = await homeport('import', file, '--plan');
  assert.match(planned.out, /^tenant\.change acme\n {4}name: Acme → Acme Ltd\n\n1 steps to do; --apply does them\n$/);
  assert.match((await homeport('import', file, '--apply')).out, /1 steps done/);
  assert.match((await homeport('import', file)).out, /everything is as the document says/);
  writeFileSync(file, 'homeport: [');
  const broken = await homeport('import', file);
  assert.deepEqual([broken.code, /document cannot be read/.test(broken.err)], [1, true]);
});
