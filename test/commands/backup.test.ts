// `homeport backup` and `homeport restore` as people run them, with a server that runs, and one that does not.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { startApp, temporaryFolder } from '../support/app.ts';
import { PASSPHRASE, PUBLIC_URL, passphraseFile } from '../support/backups.ts';
import { cleanEnvironment, ROOT, run } from '../support/commands.ts';

const homeport = (folder: string, args: readonly string[], more: Record<string, string> = {}) =>
  run('node', ['src/homeport.js', ...args], {
    cwd: ROOT,
    env: cleanEnvironment({
      HOMEPORT_DATABASE_URL: `file:${join(folder, 'homeport.db')}`,
      HOMEPORT_PUBLIC_URL: PUBLIC_URL,
      ...more,
    }),
  });

const start = (context: TestContext) => startApp(context, { HOMEPORT_PUBLIC_URL: PUBLIC_URL });

test('one file and a passphrase bring everything to a clean host; a server that runs is not disturbed', async (context) => {
  const app = await start(context);
  const secret = passphraseFile(context);
  const file = join(app.folder, 'all.backup');
  const taken = await homeport(app.folder, ['backup', file, '--passphrase-file', secret, '--include-key']);
  assert.equal(taken.code, 0, taken.err);
  assert.match(taken.out, /all\.backup is written and verified: 2 tenants, 6 phones with 6 lines, 0 people/);
  assert.match(taken.out, /a restore needs the passphrase and nothing else/);
  await app.api('get', 'tenants').expect(200);
  const running = await homeport(app.folder, ['restore', file, '--passphrase-file', secret, '--force']);
  assert.deepEqual([running.code, running.out], [1, '']);
  assert.match(running.err, /^homeport: .* is open in (?:another process|process \d+)/);

  const host = temporaryFolder(context);
  const restored = await homeport(host, ['restore', file, '--passphrase-file', secret, '--json']);
  assert.equal(restored.code, 0, restored.err);
  const report = JSON.parse(restored.out);
  assert.deepEqual([report.restored, report.keyFrom, report.header.counts.phones], [true, null, 6]);
  for (const { out, err } of [taken, running, restored]) assert.ok(!`${out}${err}`.includes(PASSPHRASE));
  const check = await homeport(host, ['check', '--json']);
  assert.equal(check.code, 0, check.out);
  assert.ok(JSON.parse(check.out).every(({ severity }: { severity: string }) => severity !== 'error'));
});

test('without a place it goes where the server puts its own; programs get JSON without what could open it', async (context) => {
  const app = await start(context);
  const directory = join(app.folder, 'elsewhere');
  const { code, out } = await homeport(app.folder, ['backup', '--json'], { HOMEPORT_BACKUP_DIR: directory });
  assert.equal(code, 0);
  const made = JSON.parse(out);
  assert.deepEqual(
    readdirSync(directory).map((name) => join(directory, name)),
    [made.file],
  );
  assert.deepEqual([made.counts.tenants, made.includesKey, made.sealedWith], [2, false, { kind: 'keyFile' }]);
  assert.ok(!('salt' in made || 'keyCheck' in made));
  const beside = await homeport(app.folder, ['backup']);
  assert.match(beside.out, /backups\/homeport-\d{8}T\d{6}\.\d{3}Z\.backup is written/);
  assert.match(beside.out, /needs the key file, which is not in it/);
});

test('what is refused ends with 1 and one sentence, and leaves nothing', async (context) => {
  const app = await start(context);
  await app.close();
  const file = join(app.folder, 'x.backup');
  const open = join(app.folder, 'open');
  writeFileSync(open, PASSPHRASE, { mode: 0o644 });
  const cases: [args: string[], said: RegExp][] = [
    [['backup', file, '--include-key'], /only under a passphrase/],
    [['backup', file, '--passphrase-file', open], /can be read by others; run: chmod 600/],
    [['backup', file, '--passphrase-file', passphraseFile(context, 'short')], /has 5 characters; at least 16/],
    [['backup', file, '--passphrase-file', join(app.folder, 'none')], /is missing/],
    [['restore', join(app.folder, 'homeport.db'), '--force'], /is no backup of Homeport/],
    [['restore', join(app.folder, 'none')], /there is no file/],
  ];
  for (const [args, said] of cases) {
    const { code, out, err } = await homeport(app.folder, args);
    assert.deepEqual([code, out], [1, ''], args.join(' '));
    assert.match(err, said);
    assert.equal(err.trim().split('\n').length, 1, err);
  }
  assert.ok(!existsSync(file));
  assert.equal((await homeport(app.folder, ['restore'])).code, 2);
});

test('a restore says what it keeps aside; --check changes nothing', async (context) => {
  const app = await start(context);
  const file = join(app.folder, 'x.backup');
  await app.close();
  assert.equal((await homeport(app.folder, ['backup', file])).code, 0);
  const before = readdirSync(app.folder).sort();
  const check = await homeport(app.folder, ['restore', file, '--check']);
  assert.equal(check.code, 0, check.err);
  assert.match(check.out, /can be restored: 2 tenants.*\nits audit is whole: \d+ entries\nnothing was put in place/);
  assert.deepEqual(readdirSync(app.folder).sort(), before);
  const refused = await homeport(app.folder, ['restore', file]);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /holds an installation already; with --force/);
  const done = await homeport(app.folder, ['restore', file, '--yes']);
  assert.equal(done.code, 0, done.err);
  assert.match(done.out, /the database that was there is kept as .*before-restore-/);
});
