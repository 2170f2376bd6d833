// The key is changed for a new one: everything is sealed anew, at every moment exactly one key fits, and whoever else works
// on the database goes on.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { verifyAudit } from '../../src/app/check.ts';
import { rotateSecrets } from '../../src/app/rotate-secrets.ts';
import { ALL_TENANTS } from '../../src/domain/access.ts';
import { renewed } from '../../src/domain/enrolment.ts';
import { FIRST_PAGE } from '../../src/domain/page.ts';
import { log } from '../../src/log.ts';
import { SEALED_COLUMNS, SEALED_VALUES } from '../../src/store/codec.ts';
import { makeNextKey, readKey, secretsWith } from '../../src/store/secrets.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { temporaryFolder } from '../support/app.ts';
import { aLine, anAssignablePool, aPhone, aTenant } from '../support/world.ts';

log.level = 'silent';

const ACTOR = { name: 'cli:test', role: 'owner', scope: ALL_TENANTS, address: null } as const;
const NOW = new Date('2026-03-04T05:06:07.089Z');
const LATER = new Date('2026-03-05T06:07:08.090Z');
const PHONES = 1_200;

const macOf = (number: number) => `805ec0${number.toString(16).padStart(6, '0')}`;
const keyIn = (folder: string) => join(folder, 'x.key');
const fileIn = (folder: string) => join(folder, 'x.db');
const openIn = (folder: string, keyFile = keyIn(folder)) => openStore({ url: `file:${fileIn(folder)}`, keyFile });

async function opened(context: TestContext, folder: string, keyFile?: string): Promise<Store> {
  const store = await openIn(folder, keyFile);
  context.after(() => store.close());
  return store;
}

/** A database with something in every sealed column, and more phones than fit into a page. */
async function filled(context: TestContext, phones = PHONES): Promise<{ store: Store; folder: string }> {
  const folder = temporaryFolder(context);
  const store = await opened(context, folder);
  await store.transaction(async (tx) => {
    for (const name of ['voip1', 'voip2'])
      await tx.servers.add({ name, host: `${name}.example.com`, addresses: [], capacity: null, state: 'active' });
    await tx.pools.add(anAssignablePool());
    await tx.tenants.add(aTenant(), anAssignablePool(), 'token-of-acme');
    await tx.levels.put({
      level: 'installation',
      of: '',
      settings: { adminPassword: 'of-all-phones' },
      parameters: {},
      revision: 0,
    });
    const credentials = { accessKeyId: 'id', accessKeySecret: 'secret-of-account' };
    await tx.redirections.put({ service: 'ymcs', baseUrl: 'https://example.com', credentials });
    await tx.dns.putTarget({
      ...{ kind: 'powerdns', zone: 'example.com', authorities: [], serverId: 'localhost' },
      ...{ baseUrl: 'https://dns.example.com', apiKey: 'secret-of-dns' },
    });
    await tx.connections.put({
      ...{ kind: 'freeswitch', server: 'voip1', host: 'voip1.example.com', port: 8021, profiles: ['internal'] },
      secret: 'secret-of-pbx',
    });
    for (let number = 0; number < phones; number++) {
      const lines = [aLine({ password: `password-${number}` }), aLine({ user: '2', password: `second-${number}` })];
      await tx.phones.add(aPhone({ mac: macOf(number), lines, settings: { userPassword: `user-${number}` } }));
      const credential = renewed(null, `credential-${number}`, NOW.toISOString());
      await tx.credentials.put(aPhone({ mac: macOf(number) }).mac, credential);
    }
  });
  const house = { store, now: () => NOW };
  await rotateSecrets(house, ACTOR);
  return { store, folder };
}

/** Every value of the database that looks sealed: `table.column` → values. */
function sealedIn(folder: string): Map<string, string[]> {
  const file = new Database(fileIn(folder), { readonly: true });
  const found = new Map<string, string[]>();
  const tables = file.prepare("select name from sqlite_master where type = 'table'").pluck().all() as string[];
  for (const table of tables) {
    for (const row of file.prepare(`select * from "${table}"`).all() as Record<string, unknown>[]) {
      for (const [column, value] of Object.entries(row)) {
        if (typeof value !== 'string' || !/^1\.[\w-]{38,}$/.test(value)) continue;
        const place = table === 'installation' ? `installation.${row.name}` : `${table}.${column}`;
        found.set(place, [...(found.get(place) ?? []), value]);
      }
    }
  }
  file.close();
  return found;
}

/** Do the secrets say what they said, all of them? */
async function checkSecrets(store: Store, phones = PHONES): Promise<void> {
  let after: string | null = null;
  let number = 0;
  for (;;) {
    const page: Awaited<ReturnType<Store['phones']['list']>> = await store.phones.list(ALL_TENANTS, {
      ...FIRST_PAGE,
      after,
    });
    for (const phone of page) {
      const said = [...phone.lines.map(({ password }) => password), phone.settings.userPassword];
      assert.deepEqual(said, [`password-${number}`, `second-${number}`, `user-${number}`]);
      number++;
    }
    if (page.length < FIRST_PAGE.limit) break;
    after = page.at(-1)?.mac ?? null;
  }
  assert.equal(number, phones);
  assert.equal((await store.tenants.get(ALL_TENANTS, 'acme')).token, 'token-of-acme');
  assert.equal((await store.levels.get('installation', '')).settings.adminPassword, 'of-all-phones');
  assert.equal((await store.redirections.find('ymcs'))?.credentials.accessKeySecret, 'secret-of-account');
  const target = await store.dns.target('example.com');
  assert.equal(target.kind === 'powerdns' && target.apiKey, 'secret-of-dns');
  assert.equal((await verifyAudit({ store })).fault, null);
}

/** Which of the two files that may hold the key holds one that opens the canary. */
function fitting(folder: string): string[] {
  const canary = sealedIn(folder).get('installation.canary')?.[0] ?? assert.fail('a canary');
  return ['x.key', 'x.key.new'].filter((name) => {
    if (!existsSync(join(folder, name))) return false;
    try {
      secretsWith(readKey(join(folder, name))).open(canary, 'installation|canary');
      return true;
    } catch {
      return false;
    }
  });
}

describe('the list of sealed values', () => {
  test('has every column of the database that ends in _sealed, with its primary key', async (context) => {
    const { folder } = await filled(context, 1);
    const file = new Database(fileIn(folder), { readonly: true });
    context.after(() => file.close());
    const columns = file
      .prepare(
        `select t.name as "table", c.name as "column", c.pk from sqlite_master t join pragma_table_info(t.name) c
         where t.type = 'table' order by t.name, c.pk, c.cid`,
      )
      .all() as { table: string; column: string; pk: number }[];
    const sealed = columns
      .filter(({ column }) => column.endsWith('_sealed'))
      .map((one) => `${one.table}.${one.column}`);
    const listed = Object.entries(SEALED_COLUMNS).flatMap(([table, { places }]) =>
      Object.keys(places).map((column) => `${table}.${column}`),
    );
    assert.deepEqual(listed.sort(), sealed.sort());
    for (const [table, { key }] of Object.entries(SEALED_COLUMNS)) {
      const primary = columns.filter((one) => one.table === table && one.pk > 0).map(({ column }) => column);
      assert.deepEqual([...key], primary, table);
    }
  });
  test('has everything that is sealed in a filled database', async (context) => {
    const { folder } = await filled(context, 1);
    const columns = Object.entries(SEALED_COLUMNS).flatMap(([table, { places }]) =>
      Object.keys(places).map((column) => `${table}.${column}`),
    );
    const values = ['canary', ...SEALED_VALUES].map((name) => `installation.${name}`);
    assert.deepEqual([...sealedIn(folder).keys()].sort(), [...columns, ...values].sort());
  });
});

describe('a rotation', () => {
  test('seals everything anew, and the old key opens nothing any more', async (context) => {
    const { store, folder } = await filled(context);
    await store.transaction((tx) => tx.phones.add(aPhone({ mac: macOf(PHONES) })));
    const before = sealedIn(folder);
    await store.transaction((tx) => tx.phones.remove(aPhone({ mac: macOf(PHONES) }).mac));
    const left = sealedIn(folder);
    const oldKey = readFileSync(keyIn(folder), 'utf8');
    const seen: string[] = [];
    const { values, oldKeyFile } = await rotateSecrets({ store, now: () => LATER }, ACTOR, ({ step, done, total }) => {
      assert.ok(done <= total);
      if (seen.at(-1) !== step) seen.push(step);
    });
    assert.deepEqual(seen, ['prepare', 'seal', 'swap']);
    await checkSecrets(store);
    const after = sealedIn(folder);
    const flat = (found: Map<string, string[]>) => [...found.values()].flat();
    assert.equal(values, flat(left).length);
    assert.equal(flat(after).length, values);
    const stale = new Set(flat(before));
    assert.deepEqual(
      flat(after).filter((value) => stale.has(value)),
      [],
    );
    assert.equal(readFileSync(oldKeyFile ?? '', 'utf8'), oldKey);
    assert.notEqual(readFileSync(keyIn(folder), 'utf8'), oldKey);
    for (const file of [keyIn(folder), oldKeyFile ?? '']) assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.deepEqual(fitting(folder), ['x.key']);
    assert.ok(!existsSync(`${keyIn(folder)}.new`));
    assert.equal(statSync(`${fileIn(folder)}-wal`).size, 0);
    await store.close();
    await checkSecrets(await opened(context, folder));
    // Not in free pages either, also of what was deleted before.
    const bytes = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'latin1'));
    assert.ok(bytes.some((text) => text.includes(after.get('line.password_sealed')?.[7] ?? '?')));
    for (const value of flat(before)) assert.ok(!bytes.some((text) => text.includes(value)), value);
  });
  test('is written down, once, in the same transaction', async (context) => {
    const { store } = await filled(context, 1);
    const entries = await store.audit.list(ALL_TENANTS, { limit: 9, before: null });
    assert.deepEqual(
      entries.map(({ action, actor, at, changes }) => [action, actor, at, changes.map(({ path }) => path)]),
      [['secrets.rotate', 'cli:test', NOW.toISOString(), ['values']]],
    );
    const failing = store.rotateKey({ now: LATER, also: () => Promise.reject(new Error('no room for the entry')) });
    await assert.rejects(failing, /no room/);
    await checkSecrets(store, 1);
  });
  test('takes in what changes while it prepares', async (context) => {
    const { store, folder } = await filled(context);
    const before = secretsWith(readKey(keyIn(folder)));
    const file = new Database(fileIn(folder));
    context.after(() => file.close());
    let changed = false;
    const set = file.prepare('update line set password_sealed = ? where mac = ? and position = ?');
    await rotateSecrets({ store, now: () => LATER }, ACTOR, ({ step, done, total }) => {
      if (changed || step !== 'prepare' || done < total) return;
      changed = true;
      for (const number of [0, 600, 1_199])
        set.run(before.seal('changed', `line|${macOf(number)}|1`), macOf(number), 1);
      file.prepare('delete from phone where mac = ?').run(macOf(5));
    });
    assert.ok(changed);
    for (const number of [0, 600, 1_199]) {
      const { lines } = await store.phones.get(ALL_TENANTS, aPhone({ mac: macOf(number) }).mac);
      assert.deepEqual([lines[0]?.password, lines[1]?.password], [`password-${number}`, 'changed']);
    }
    assert.equal(await store.phones.find(ALL_TENANTS, aPhone({ mac: macOf(5) }).mac), null);
  });
  test('refuses a damaged value, names it, and leaves everything as it was', async (context) => {
    const { store, folder } = await filled(context, 3);
    const file = new Database(fileIn(folder));
    context.after(() => file.close());
    const set = file.prepare('update line set password_sealed = ? where mac = ? and position = 1');
    const good = file.prepare('select password_sealed from line where mac = ? and position = 1').pluck();
    const kept = good.get(macOf(1)) as string;
    set.run(good.get(macOf(2)) as string, macOf(1));
    const before = sealedIn(folder);
    await assert.rejects(rotateSecrets({ store, now: () => LATER }, ACTOR), {
      code: 'unavailable',
      message: new RegExp(`line\\|${macOf(1)}\\|1 does not open`),
    });
    assert.deepEqual(sealedIn(folder), before);
    assert.ok(!existsSync(`${keyIn(folder)}.new`));
    set.run(kept, macOf(1));
    await rotateSecrets({ store, now: () => LATER }, ACTOR);
    await checkSecrets(store, 3);
  });
  test('gives way to another one that has made its key meanwhile, and leaves that key alone', async (context) => {
    const { store, folder } = await filled(context, 3);
    let other: Buffer | undefined;
    const rotation = rotateSecrets({ store, now: () => LATER }, ACTOR, ({ step }) => {
      if (step === 'prepare') other ??= makeNextKey(keyIn(folder));
    });
    await assert.rejects(rotation, { code: 'conflict' });
    assert.deepEqual(readKey(`${keyIn(folder)}.new`), other);
    assert.deepEqual(fitting(folder), ['x.key']);
    await checkSecrets(store, 3);
  });
  test('an old database asks for its old key by name', async (context) => {
    const { store, folder } = await filled(context, 3);
    await store.close();
    copyFileSync(fileIn(folder), join(folder, 'backup.db'));
    const again = await openIn(folder);
    const { oldKeyFile } = await rotateSecrets({ store: again, now: () => LATER }, ACTOR);
    await again.close();
    const open = (keyFile: string) => openStore({ url: `file:${join(folder, 'backup.db')}`, keyFile });
    await assert.rejects(open(keyIn(folder)), (error: Error) => error.message.endsWith(`: ${oldKeyFile}`));
    const restored = await open(oldKeyFile ?? '');
    context.after(() => restored.close());
    await checkSecrets(restored, 3);
  });
});

/** Runs code with `store` open on the folder, in a process of its own. */
function child(folder: string, code: string) {
  const root = join(import.meta.dirname, '../..');
  const whole = `
    import { openStore } from '${root}/src/store/store.ts';
    import { aPhone, aLine } from '${root}/test/support/world.ts';
    const store = await openStore({ url: 'file:${fileIn(folder)}', keyFile: '${keyIn(folder)}' });
    const die = () => process.kill(process.pid, 'SIGKILL');
    ${code}`;
  return spawn(process.execPath, ['--input-type=module-typescript', '-e', whole], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

describe('a rotation that is cut off', () => {
  const ALSO = 'also: async () => undefined';
  const points: Record<string, { code: string; fits: string }> = {
    'before anything is prepared': {
      code: `await store.rotateKey({ now: new Date(), ${ALSO}, progress: die })`,
      fits: 'x.key',
    },
    'while it prepares': {
      code: `await store.rotateKey({ now: new Date(), ${ALSO}, progress: ({ done }) => { if (done > 900) die(); } })`,
      fits: 'x.key',
    },
    'while it seals': {
      code: `await store.rotateKey({ now: new Date(), ${ALSO}, progress: (p) => { if (p.step === 'seal' && p.done === 5) die(); } })`,
      fits: 'x.key',
    },
    'before it commits': {
      code: 'await store.rotateKey({ now: new Date(), also: async () => die() })',
      fits: 'x.key',
    },
    'before it swaps the files': {
      code: `await store.rotateKey({ now: new Date(), ${ALSO}, progress: ({ step }) => { if (step === 'swap') die(); } })`,
      fits: 'x.key.new',
    },
  };
  for (const [when, { code, fits }] of Object.entries(points)) {
    test(`${when}: exactly one key fits, and the next start finds it`, async (context) => {
      const { store, folder } = await filled(context);
      await store.close();
      const oldKey = readFileSync(keyIn(folder), 'utf8');
      const running = child(folder, code);
      const [, signal] = await once(running, 'exit');
      assert.equal(signal, 'SIGKILL');
      assert.deepEqual(fitting(folder), [fits]);
      const next = await opened(context, folder);
      await checkSecrets(next);
      assert.deepEqual(fitting(folder), ['x.key'], 'what was cut off is brought to its end');
      const kept = readdirSync(folder).filter((name) => readFileSync(join(folder, name), 'utf8') === oldKey);
      assert.equal(kept.length, 1, 'the old key is there, once');
      await rotateSecrets({ store: next, now: () => LATER }, ACTOR);
      await checkSecrets(next);
    });
  }
  test('is brought to its end by the next rotation of somebody who was there all the while', async (context) => {
    const { store, folder } = await filled(context, 3);
    const running = child(folder, points['before it swaps the files']?.code ?? '');
    await once(running, 'exit');
    await checkSecrets(store, 3);
    assert.deepEqual(fitting(folder), ['x.key.new']);
    await rotateSecrets({ store, now: () => LATER }, ACTOR);
    assert.deepEqual(fitting(folder), ['x.key']);
    assert.equal(readdirSync(folder).filter((name) => name.includes('.old-')).length, 3);
    await checkSecrets(store, 3);
  });
  test('between keeping the old key and putting the new one in place: it is kept once', async (context) => {
    const { store, folder } = await filled(context, 3);
    await store.close();
    const running = child(folder, points['before it swaps the files']?.code ?? '');
    await once(running, 'exit');
    const kept = `${keyIn(folder)}.old-2026-01-01`;
    writeFileSync(kept, readFileSync(keyIn(folder)), { mode: 0o600 });
    const before = readdirSync(folder).filter((name) => name.includes('.old-')).length;
    await checkSecrets(await opened(context, folder), 3);
    assert.equal(readdirSync(folder).filter((name) => name.includes('.old-')).length, before);
    assert.deepEqual(fitting(folder), ['x.key']);
  });
});

describe('others on the same database', () => {
  test('read and write with the new key from then on, without being told', async (context) => {
    const { store, folder } = await filled(context, 3);
    const other = await opened(context, folder);
    await rotateSecrets({ store, now: () => LATER }, ACTOR);
    await checkSecrets(other, 3);
    await other.transaction((tx) => tx.phones.add(aPhone({ mac: macOf(77), lines: [aLine({ password: 'later' })] })));
    await other.ping();
    const read = await store.phones.get(ALL_TENANTS, aPhone({ mac: macOf(77) }).mac);
    assert.equal(read.lines[0]?.password, 'later');
  });
  test('refuse to write when the new key cannot be had', async (context) => {
    const { store, folder } = await filled(context, 3);
    const elsewhere = join(folder, 'elsewhere');
    mkdirSync(elsewhere);
    copyFileSync(keyIn(folder), join(elsewhere, 'x.key'));
    const other = await opened(context, folder, join(elsewhere, 'x.key'));
    await other.ping();
    await rotateSecrets({ store, now: () => LATER }, ACTOR);
    const add = () => other.transaction((tx) => tx.phones.add(aPhone({ mac: macOf(77) })));
    await assert.rejects(add, { code: 'unavailable', message: /not the one this database was sealed with/ });
    await assert.rejects(other.ping(), { code: 'unavailable' });
    await assert.rejects(other.phones.get(ALL_TENANTS, aPhone({ mac: macOf(0) }).mac));
    await checkSecrets(store, 3);
    // Once it is put there, all is well again.
    copyFileSync(keyIn(folder), join(elsewhere, 'x.key'));
    await add();
    assert.ok(await store.phones.get(ALL_TENANTS, aPhone({ mac: macOf(77) }).mac));
  });
  test('a process that writes all the while leaves nothing under the old key', async (context) => {
    const { store, folder } = await filled(context, 300);
    const oldKeys = [secretsWith(readKey(keyIn(folder)))];
    const writer = child(
      folder,
      `let stop = false;
      process.on('SIGTERM', () => { stop = true; });
      for (let number = 0x100000; !stop; number++) {
        const mac = '805ec0' + number.toString(16);
        await store.transaction((tx) => tx.phones.add(aPhone({ mac, lines: [aLine({ password: 'of ' + mac })] })));
        process.stdout.write(mac + '\\n');
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      await store.close();`,
    );
    context.after(() => writer.kill('SIGKILL'));
    let said = '';
    writer.stdout.on('data', (piece: Buffer) => {
      said += piece.toString();
    });
    const written = () => said.split('\n').length - 1;
    const more = async (count: number) => {
      for (const until = written() + count; written() < until; ) {
        assert.equal(writer.exitCode, null, 'the writer lives');
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    await more(5);
    for (let round = 0; round < 3; round++) {
      await rotateSecrets({ store, now: () => new Date(LATER.getTime() + round) }, ACTOR);
      await more(5);
      oldKeys.push(secretsWith(readKey(keyIn(folder))));
    }
    writer.kill('SIGTERM');
    const [code] = await once(writer, 'exit');
    assert.equal(code, 0);
    const last = oldKeys.pop();
    const file = new Database(fileIn(folder), { readonly: true });
    context.after(() => file.close());
    const lines = file.prepare('select mac, position, password_sealed as sealed from line').all() as {
      mac: string;
      position: number;
      sealed: string;
    }[];
    assert.equal(lines.length, 600 + written());
    for (const { mac, position, sealed } of lines) {
      const place = `line|${mac}|${position}`;
      assert.match(last?.open(sealed, place) ?? '', /^(password-|second-|of )/);
      for (const key of oldKeys) assert.throws(() => key.open(sealed, place));
    }
  });
});
