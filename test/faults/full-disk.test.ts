// The disk is full, after each number of pages: phones get their files, writes say what is wrong and change nothing, and when
// there is room again all goes on without a restart.
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { checkHouse, verifyAudit } from '../../src/app/check.ts';
import { AppError } from '../../src/domain/errors.ts';
import { type App, startApp, temporaryFolder } from '../support/app.ts';
import { backUp, houseIn, PUBLIC_URL } from '../support/backups.ts';
import { type Disk, noSmallDisk, smallDisk } from '../support/disk.ts';

const MAC = '805ec0a00001';
const MIB = 1_048_576;

type Place = {
  readonly app: App;
  readonly disk: Disk;
  readonly file: string;
  readonly keyFile: string;
  readonly folder: string;
};

/** A house whose database lies on a small disk; its key lies elsewhere. */
async function onSmallDisk(context: TestContext): Promise<Place> {
  const disk = smallDisk(context, 4 * MIB);
  const file = join(disk.folder, 'homeport.db');
  const keyFile = join(temporaryFolder(context), 'homeport.key');
  const app = await startApp(context, {
    HOMEPORT_DATABASE_URL: `file:${file}`,
    HOMEPORT_KEY_FILE: keyFile,
    HOMEPORT_PUBLIC_URL: PUBLIC_URL,
  });
  return { app, disk, file, keyFile, folder: await app.folderOf('acme') };
}

/** Empties the journal, so that each page that is written next needs room. */
function emptyJournal(file: string): void {
  const raw = new Database(file);
  raw.pragma('wal_checkpoint(truncate)');
  raw.close();
}

function integrity(file: string): unknown {
  const raw = new Database(file, { readonly: true });
  try {
    return raw.pragma('integrity_check', { simple: true });
  } finally {
    raw.close();
  }
}

const label = (text: string) => ({ lines: [{ user: '101-ACME', password: 'a fixed password', label: text }] });

describe('on a full disk', { skip: noSmallDisk }, () => {
  test('phones are served, and changes are refused with a reason until there is room', async (context) => {
    const { app, disk, file, folder } = await onSmallDisk(context);
    const before = (await app.phone('get', `${folder}${MAC}.cfg`).expect(200)).body.toString();
    await app.api('post', 'users').send({ name: 'ada', role: 'owner', password: 'long enough for this' }).expect(201);
    emptyJournal(file);
    disk.leave(0);
    for (let round = 0; round < 3; round++) {
      assert.equal((await app.phone('get', `${folder}${MAC}.cfg`).expect(200)).body.toString(), before);
      const refused = await app.api('patch', `phones/${MAC}`).send(label('changed')).expect(503);
      assert.equal(refused.body.code, 'unavailable');
      assert.match(refused.body.detail, /disk.* full.*nothing was changed; make room/);
      assert.match(refused.headers['retry-after'] ?? '', /^\d+$/);
      await app.api('get', `phones/${MAC}`).expect(200);
      const { status } = await app.api('post', 'session').send({ name: 'ada', password: 'long enough for this' });
      assert.equal(status, 503);
    }
    disk.free();
    await app.api('patch', `phones/${MAC}`).send(label('changed')).expect(200);
    const after = (await app.phone('get', `${folder}${MAC}.cfg`).expect(200)).body.toString();
    assert.ok(after.includes('changed') && !before.includes('changed'));
    assert.equal((await verifyAudit(app.house)).fault, null);
    assert.equal(integrity(file), 'ok');
  });

  test('at each page a change is done or not done, never by halves', async (context) => {
    const { app, disk, file } = await onSmallDisk(context);
    const items = (round: number) =>
      Array.from({ length: 25 }, (_, index) => ({
        mac: `805ec1${String(round * 100 + index).padStart(6, '0')}`,
        ...{ tenant: 'acme', vendor: 'yealink', model: 'T46U', lines: [{ user: '1', password: 'x'.repeat(40) }] },
      }));
    const state = async () => {
      const { items: phones } = (await app.api('get', 'phones?limit=1000').expect(200)).body;
      return { phones: phones.length, entries: (await app.house.store.audit.end()).id };
    };
    const seen = { done: 0, refused: 0 };
    for (let pages = 0; pages < 60; pages += pages < 20 ? 1 : 4) {
      disk.free();
      emptyJournal(file);
      const before = await state();
      disk.leave(pages);
      const { status, body } = await app.api('post', 'phones/batch').send({ items: items(pages) });
      const after = await state();
      if (status < 300) {
        assert.equal(after.phones, before.phones + 25, `${pages} pages`);
        assert.ok(after.entries > before.entries);
        seen.done++;
      } else {
        assert.equal(status, 503, JSON.stringify(body));
        assert.match(body.detail, /disk/, `${pages} pages`);
        assert.deepEqual(after, before, `${pages} pages`);
        seen.refused++;
      }
    }
    disk.free();
    assert.ok(seen.done > 3 && seen.refused > 10, JSON.stringify(seen));
    assert.equal((await verifyAudit(app.house)).fault, null);
    assert.equal(integrity(file), 'ok');
  });

  test('records of fetches wait for room, and arrive', async (context) => {
    const { app, disk, file, folder } = await onSmallDisk(context);
    const count = async () => (await app.api('get', `fetches?mac=${MAC}`).expect(200)).body.items.length as number;
    const until = async (wanted: number) => {
      for (let tries = 0; tries < 400 && (await count()) < wanted; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
      return count();
    };
    emptyJournal(file);
    disk.leave(0);
    for (let fetch = 0; fetch < 5; fetch++) await app.phone('get', `${folder}${MAC}.cfg`).expect(200);
    assert.equal(await count(), 0);
    disk.free();
    assert.equal(await until(5), 5);
  });

  test('a backup is refused with a reason and leaves nothing; check tells how little room there is', async (context) => {
    const { app, disk } = await onSmallDisk(context);
    disk.leave(20);
    const target = join(temporaryFolder(context), 'x.backup');
    await assert.rejects(backUp(app.house, target), (error: unknown) => {
      assert.ok(error instanceof AppError && error.code === 'unavailable', String(error));
      assert.match(error.message, /needs \d+ MiB in .*are free; make room|no room|disk.* full/);
      return true;
    });
    assert.ok(!existsSync(target));
    assert.deepEqual(
      readdirSync(disk.folder).filter((name) => name.startsWith('.')),
      [],
    );
    const findings = await checkHouse(app.house);
    assert.ok(findings.some(({ code, severity }) => code === 'room.none' && severity === 'error'));
    assert.ok(!findings.some(({ severity }) => severity === 'unknown'), JSON.stringify(findings));
  });

  test('a start needs no room but for the files beside the database, and says so without it', async (context) => {
    const { app, disk, keyFile } = await onSmallDisk(context);
    await app.close();
    const environment = { HOMEPORT_KEY_FILE: keyFile };
    disk.leave(0);
    await assert.rejects(houseIn(context, disk.folder, environment), (error: unknown) => {
      assert.ok(error instanceof AppError && /room|full|cannot be opened/.test(error.message), String(error));
      return true;
    });
    disk.leave(16);
    const house = await houseIn(context, disk.folder, environment);
    assert.equal((await house.store.servers.list()).length, 2);
  });
});
