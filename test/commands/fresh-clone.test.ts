// The first two commands of a newcomer: a clone without node_modules, on whatever Node the machine has.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { missingPackages } from '../../src/setup.js';
import { temporaryFolder } from '../support/app.ts';
import { cleanEnvironment, ROOT, run, start } from '../support/commands.ts';

/** What git would clone, with what is not committed yet. */
function cloneInto(folder: string): void {
  const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: ROOT });
  for (const file of files.toString().split('\0')) {
    if (file === '' || !existsSync(join(ROOT, file))) continue;
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    cpSync(join(ROOT, file), join(folder, file));
  }
}

const version = (node: string) => execFileSync(node, ['--version'], { encoding: 'utf8' }).slice(1);

/** The machine's own Node, when it is too old to run the program itself. */
function oldNode(): string | null {
  for (const folder of (cleanEnvironment().PATH ?? '').split(':')) {
    const node = join(folder, 'node');
    if (existsSync(node) && Number(version(node).split('.')[0]) < 22) return node;
  }
  return null;
}

const isClone = existsSync(join(ROOT, '.git'));
const skip = isClone ? false : 'skipped: this is no git checkout, so there is nothing to clone';

test('npm start alone installs, serves the demo world, and a move reaches its phones', {
  skip,
  timeout: 240_000,
}, async (context) => {
  const folder = temporaryFolder(context);
  cloneInto(folder);
  assert.ok(!existsSync(join(folder, 'node_modules')));
  const ports = { HOMEPORT_PHONE_LISTEN: '127.0.0.1:0', HOMEPORT_ADMIN_LISTEN: '127.0.0.1:0' };
  const options = { cwd: folder, env: cleanEnvironment({ ...ports, npm_config_prefer_offline: 'true' }) };
  const serving = start('npm', ['start'], options);
  context.after(() => serving.kill());
  await serving.line(/^ready phones=\S+ admin=\S+$/m, 180_000);
  const urls = { acme: '', globex: '' };
  for (const tenant of ['acme', 'globex'] as const) {
    urls[tenant] = (await serving.line(new RegExp(`^${tenant} +\\S+ +(\\S+)$`, 'm'), 5_000))[1] ?? '';
  }
  const get = async (tenant: 'acme' | 'globex', file: string) => (await fetch(urls[tenant] + file)).text();
  const files = (digit: number) => [
    `805ec0a0000${digit}.cfg`,
    `64167fa0000${digit}-lines.cfg`,
    `cfgc074ada0000${digit}.xml`,
  ];
  for (const file of files(1)) assert.match(await get('acme', file), /pbxa\.example\.com/);
  for (const file of files(2)) assert.match(await get('globex', file), /pbxb\.example\.com/);
  const globexBefore = await Promise.all(files(2).map((file) => get('globex', file)));
  const moved = await run('npx', ['homeport', 'move', 'acme', 'pbxB'], options);
  assert.equal(moved.code, 0, moved.err);
  for (const file of files(1)) {
    const text = await get('acme', file);
    assert.match(text, /pbxb\.example\.com/);
    assert.doesNotMatch(text, /pbxa/);
  }
  assert.deepEqual(await Promise.all(files(2).map((file) => get('globex', file))), globexBefore);
  serving.child.kill('SIGTERM');
  assert.equal((await serving.ended).code, 0, 'npm passes SIGTERM on and ends as the server ends');
  assert.ok(readdirSync(join(folder, 'data')).includes('homeport.db'));
  await sentenceWithoutPinnedNode(context, folder);
});

test('npm test alone installs, checks and runs the tests', { skip, timeout: 240_000 }, async (context) => {
  const folder = temporaryFolder(context);
  cloneInto(folder);
  // Of the tests only one stays, which says that it ran: all of them would start themselves without end.
  // The benchmarks read instances that stand among the tests.
  for (const name of ['test', 'bench']) rmSync(join(folder, name), { recursive: true });
  mkdirSync(join(folder, 'test'));
  const lines = [`import { test } from 'node:test';`, '', `test('the one that stays', () => undefined);`, ''];
  writeFileSync(join(folder, 'test/one.test.ts'), lines.join('\n'));
  const env = cleanEnvironment({ npm_config_prefer_offline: 'true' });
  const { code, out, err } = await run('npm', ['test'], { cwd: folder, env });
  assert.equal(code, 0, out + err);
  assert.match(err, /^homeport: installing \d+ missing packages/m);
  assert.match(out, /the one that stays/);
  assert.match(out, /pass 1\b/);
});

/** On a Node that is too old, and without the one that comes along: one sentence and code 1. */
async function sentenceWithoutPinnedNode(context: TestContext, folder: string): Promise<void> {
  const node = oldNode();
  if (node === null) {
    context.diagnostic('skipped: no Node below 22 on this machine to be refused');
    return;
  }
  for (const name of readdirSync(join(folder, 'node_modules'))) {
    if (name.startsWith('node-linux-')) rmSync(join(folder, 'node_modules', name), { recursive: true });
  }
  const commands = [
    ['src/homeport.js', 'serve'],
    ['src/setup.js', '--dev'],
  ];
  for (const command of commands) {
    const { code, out, err } = await run(node, command, { cwd: folder, env: cleanEnvironment() });
    assert.equal(code, 1);
    assert.equal(out, '');
    assert.match(err, /^homeport: Node \S+ is too old and .*install Node 24 and start again\.\n$/);
  }
}

test('a command ends where node_modules is a link to another folder', async (context) => {
  const folder = temporaryFolder(context);
  for (const name of ['src', 'db', 'templates', 'package.json', 'package-lock.json'])
    cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const command = start('node', ['src/homeport.js', '--help'], { cwd: folder, env: cleanEnvironment() });
  // Kills the whole group after the limit: a command that handed itself over again and again would fill the machine.
  const limit = setTimeout(() => command.kill(), 15_000);
  const { code, out, err } = await command.ended;
  clearTimeout(limit);
  assert.equal(code, 0, err);
  assert.match(out, /Usage: homeport/);
});

test('what is missing is what is locked and not there, or there in another version', (context) => {
  const root = temporaryFolder(context);
  const lock = (packages: object) => JSON.stringify({ packages });
  mkdirSync(join(root, 'node_modules'));
  const locked = {
    '': { name: 'x' },
    'node_modules/a': { version: '1.0.0' },
    'node_modules/b': { version: '2.0.0', dev: true },
    'node_modules/c': { version: '3.0.0', optional: true },
  };
  writeFileSync(join(root, 'package-lock.json'), lock(locked));
  assert.deepEqual(missingPackages({ withDev: false, root }), ['node_modules/a']);
  assert.deepEqual(missingPackages({ withDev: true, root }), ['node_modules/a', 'node_modules/b']);
  writeFileSync(join(root, 'node_modules/.package-lock.json'), lock({ 'node_modules/a': { version: '1.0.1' } }));
  assert.deepEqual(missingPackages({ withDev: false, root }), ['node_modules/a']);
  writeFileSync(join(root, 'node_modules/.package-lock.json'), lock({ 'node_modules/a': { version: '1.0.0' } }));
  assert.deepEqual(missingPackages({ withDev: false, root }), []);
});
