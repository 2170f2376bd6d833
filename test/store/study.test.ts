// A long look at the database: what it reads is of one moment, and nobody waits for its end.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startApp } from '../support/app.ts';

test('others read and write while somebody studies, and the study sees nothing of it', async (context) => {
  const app = await startApp(context);
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  let begin = (): void => undefined;
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const study = app.house.store.study(async (reads) => {
    const before = (await reads.servers.get('voip1')).capacity;
    begin();
    await ended;
    return [before, (await reads.servers.get('voip1')).capacity];
  });
  await begun;
  await app.api('patch', 'servers/voip1').send({ capacity: 7 }).expect(200);
  await app.phone('get', `${await app.folderOf('acme')}805ec0a00001.cfg`).expect(200);
  end();
  assert.deepEqual(await study, [null, null]);
  assert.equal((await app.api('get', 'servers/voip1')).body.capacity, 7);
});

test('a study that fails leaves nothing open', async (context) => {
  const app = await startApp(context);
  for (let index = 0; index < 3; index++) {
    await assert.rejects(
      app.house.store.study(async (reads) => reads.servers.get('nobody')),
      /nobody/,
    );
  }
  assert.equal((await app.house.store.study(async (reads) => reads.servers.list())).length, 2);
});
