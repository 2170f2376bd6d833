// Backups that the server takes by itself: when, how many are kept, what becomes of a failure, and who is told.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import request from 'supertest';
import { keepBackups } from '../../src/app/backup.ts';
import { checkHouse } from '../../src/app/check.ts';
import { backupName, backupTime } from '../../src/domain/backup.ts';
import { AppError } from '../../src/domain/errors.ts';
import { log } from '../../src/log.ts';
import { type App, startApp, temporaryFolder } from '../support/app.ts';
import { backUp, configIn, OPERATOR, PASSPHRASE, passphraseFile, restoreIn } from '../support/backups.ts';

log.level = 'silent';

const DAY_MS = 86_400_000;
const START = Date.parse('2026-03-28T12:00:00.000Z');

/** A keeper with clocks that the test sets. */
async function keeper(context: TestContext, { keep = 3 }: { keep?: number } = {}) {
  const app = await startApp(context);
  const directory = join(app.folder, 'backups');
  const clock = { now: START, steady: 0, passphrase: null as string | null };
  const open = () =>
    keepBackups({
      store: app.house.store,
      now: () => new Date(clock.now),
      steady: () => clock.steady,
      plan: { directory, everyMs: DAY_MS, keep },
      wish: { includeKey: false, product: '0.1.0' },
      passphrase: () => clock.passphrase,
      actor: OPERATOR,
    });
  const kept = open();
  context.after(() => kept.close());
  await kept.tick();
  const pass = async (ms: number, wallMs = ms) => {
    clock.steady += ms;
    clock.now += wallMs;
    await kept.tick();
  };
  const names = () => readdirSync(directory).filter((name) => backupTime(name) !== null);
  return { app, directory, clock, kept, open, pass, names };
}

describe('the clock', () => {
  test('one is taken at the start, then one a day, and the oldest go', async (context) => {
    const { names, pass, kept } = await keeper(context);
    assert.equal(names().length, 1);
    await pass(DAY_MS - 1);
    assert.equal(names().length, 1);
    const seen = new Set(names());
    await pass(1);
    for (let day = 0; day < 3; day++) {
      for (const name of names()) seen.add(name);
      await pass(DAY_MS);
    }
    for (const name of names()) seen.add(name);
    assert.equal(seen.size, 5);
    assert.deepEqual(names(), [...seen].sort().slice(-3));
    assert.deepEqual(kept.state(), { lastAt: new Date(START + 4 * DAY_MS), failures: 0 });
  });
  test('a start takes none when the last one is young enough', async (context) => {
    const { names, clock, open, kept } = await keeper(context);
    await kept.close();
    clock.now += DAY_MS / 2;
    const again = open();
    context.after(() => again.close());
    await again.tick();
    assert.equal(names().length, 1);
    assert.deepEqual(again.state().lastAt, new Date(START));
  });
  test('a clock that jumps takes neither many nor none, and never takes away the newest', async (context) => {
    const { names, pass } = await keeper(context);
    for (const jump of [DAY_MS, -3 * DAY_MS, 365 * DAY_MS, -400 * DAY_MS]) {
      const before = names();
      await pass(1_000, jump);
      assert.deepEqual(names(), before, `a jump of ${jump} ms`);
    }
    for (const jump of [DAY_MS, -3 * DAY_MS, 365 * DAY_MS, -400 * DAY_MS, -DAY_MS]) {
      const before = names();
      await pass(DAY_MS, jump);
      const made = names().filter((name) => !before.includes(name));
      assert.equal(made.length, 1, `a jump of ${jump} ms`);
      assert.ok(names().length <= 3);
    }
  });
  test('foreign files in the directory stay', async (context) => {
    const { directory, names, pass } = await keeper(context, { keep: 1 });
    writeFileSync(join(directory, 'before-upgrade.backup'), 'x');
    writeFileSync(join(directory, 'homeport-notes.txt'), 'x');
    await pass(DAY_MS);
    await pass(DAY_MS);
    assert.equal(names().length, 1);
    assert.ok(
      existsSync(join(directory, 'before-upgrade.backup')) && existsSync(join(directory, 'homeport-notes.txt')),
    );
  });
});

describe('a failure', () => {
  test('keeps the backups that are there, is told by check and metrics, and the next success ends it', async (context) => {
    const { app, directory, clock, names, pass, kept } = await keeper(context, { keep: 1 });
    const before = names();
    // A directory that is none: nothing can be written there.
    const aside = `${directory}.aside`;
    renameSync(directory, aside);
    writeFileSync(directory, 'not a directory');
    await pass(DAY_MS);
    assert.equal(kept.state().failures, 1);
    await pass(60_000);
    assert.equal(kept.state().failures, 1, 'it waits before it tries again');
    rmSync(directory);
    renameSync(aside, directory);
    assert.deepEqual(names(), before);
    const failure = await app.house.store.backups.failure();
    assert.ok(failure !== null && failure.reason.length > 5);
    const codes = async () =>
      (await checkHouse({ ...app.house, now: () => new Date(clock.now) })).map(({ code }) => code);
    assert.ok((await codes()).includes('backup.failed'));
    await pass(15 * 60_000);
    assert.equal(await app.house.store.backups.failure(), null);
    assert.ok(!(await codes()).includes('backup.failed'));
    assert.equal(names().length, 1);
    assert.notDeepEqual(names(), before);
  });
  test('a passphrase that cannot be read is one', async (context) => {
    const app = await startApp(context);
    const kept = keepBackups({
      ...{ store: app.house.store, now: () => new Date(START), steady: () => 0, actor: OPERATOR },
      plan: { directory: join(app.folder, 'backups'), everyMs: DAY_MS, keep: 2 },
      wish: { includeKey: true, product: '0.1.0' },
      passphrase: () => {
        throw new AppError('unavailable', 'the file with the passphrase is missing');
      },
    });
    context.after(() => kept.close());
    await kept.tick();
    assert.deepEqual(kept.state(), { lastAt: null, failures: 1 });
    assert.equal((await app.house.store.backups.failure())?.reason, 'the file with the passphrase is missing');
    assert.deepEqual(readdirSync(join(app.folder, 'backups')), []);
  });
});

async function waitFor<Value>(look: () => Promise<Value | null>): Promise<Value> {
  for (let tries = 0; tries < 500; tries++) {
    const found = await look();
    if (found !== null) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return assert.fail('it never came');
}

const scrape = async (app: App, name: string): Promise<number | null> => {
  const { text } = await request(app.adminUrl).get('/metrics').expect(200);
  const value = new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1];
  return value === undefined ? null : Number(value);
};

describe('the server', () => {
  test('takes a backup by itself, tells its age, and the backup restores everything with its passphrase', async (context) => {
    const directory = join(temporaryFolder(context), 'backups');
    const file = passphraseFile(context);
    const app = await startApp(context, {
      HOMEPORT_BACKUP_DIR: directory,
      HOMEPORT_BACKUP_KEY_FILE: file,
      HOMEPORT_BACKUP_INCLUDE_KEY: '1',
    });
    const last = await waitFor(() => app.house.store.backups.last());
    const age = await waitFor(() => scrape(app, 'homeport_backup_age_seconds'));
    assert.ok(age >= 0 && age < 600);
    assert.equal(await scrape(app, 'homeport_backup_failures_total'), 0);
    const [name = ''] = readdirSync(directory);
    assert.equal(last.file, join(directory, name));
    const host = temporaryFolder(context);
    const { header } = await restoreIn(host, join(directory, name), { passphrase: PASSPHRASE });
    assert.equal(header.counts.tenants, 2);
  });
  test('takes none where nobody has asked for any, and still tells the age of the one somebody took', async (context) => {
    const app = await startApp(context);
    assert.equal(await scrape(app, 'homeport_backup_age_seconds'), null);
    await backUp(app.house, join(app.folder, 'x.backup'));
    const kept = keepBackups({
      ...{ store: app.house.store, now: app.house.now, steady: () => 0, actor: OPERATOR, plan: null },
      wish: { includeKey: false, product: '0.1.0' },
      passphrase: () => null,
    });
    context.after(() => kept.close());
    await kept.tick();
    assert.equal(kept.state().lastAt?.toISOString(), (await app.house.store.backups.last())?.at);
  });
});

test('the environment is checked, every mistake in it by name', () => {
  const refused = (more: Record<string, string>, said: RegExp) => assert.throws(() => configIn('/x', more), said);
  refused({ HOMEPORT_BACKUP_EVERY: '24h' }, /HOMEPORT_BACKUP_EVERY needs HOMEPORT_BACKUP_DIR/);
  refused({ HOMEPORT_BACKUP_KEEP: '3' }, /HOMEPORT_BACKUP_KEEP needs HOMEPORT_BACKUP_DIR/);
  refused({ HOMEPORT_BACKUP_INCLUDE_KEY: '1' }, /HOMEPORT_BACKUP_INCLUDE_KEY needs HOMEPORT_BACKUP_KEY_FILE/);
  refused({ HOMEPORT_BACKUP_DIR: '/b', HOMEPORT_BACKUP_EVERY: '10' }, /HOMEPORT_BACKUP_EVERY: .*such as 90m/);
  refused({ HOMEPORT_BACKUP_DIR: '/b', HOMEPORT_BACKUP_EVERY: '4m' }, /at least 5 minutes/);
  refused({ HOMEPORT_BACKUP_DIR: '/b', HOMEPORT_BACKUP_KEEP: '0' }, /HOMEPORT_BACKUP_KEEP: must be a number from 1/);
  assert.equal(configIn('/x').backups, null);
  assert.deepEqual(configIn('/x', { HOMEPORT_BACKUP_DIR: '/b' }).backups, {
    directory: '/b',
    everyMs: DAY_MS,
    keep: 14,
  });
});

test('check tells of a directory of backups that is empty, open to others, or on the disk of the database', async (context) => {
  const app = await startApp(context);
  const directory = join(app.folder, 'backups');
  mkdirSync(directory, { mode: 0o700 });
  const plan = { directory, everyMs: DAY_MS, keep: 2 };
  const house = { ...app.house, surroundings: { ...app.house.surroundings, backups: plan } };
  const codes = async (days = 0) => {
    const now = () => new Date(Date.now() + days * DAY_MS);
    const findings = await checkHouse({ ...house, now });
    return findings.filter(({ code }) => /^backup|^mode/.test(code)).map(({ code, severity }) => `${severity} ${code}`);
  };
  assert.deepEqual(await codes(), ['error backup.missing']);
  const file = join(directory, backupName(new Date()));
  await backUp(app.house, file);
  assert.deepEqual(await codes(), ['warning backup.beside', 'ok backup.fresh']);
  assert.deepEqual(await codes(3), ['error backup.old', 'warning backup.beside']);
  chmodSync(file, 0o644);
  chmodSync(directory, 0o777);
  assert.deepEqual(await codes(), [
    'error mode.backups',
    'warning backup.beside',
    'warning mode.backup',
    'ok backup.fresh',
  ]);
  rmSync(file);
  assert.deepEqual(await codes(), ['error backup.gone', 'ok backup.fresh']);
});
