// The failover view by the command line and by the API: the same numbers.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { startApp } from '../support/app.ts';
import { cleanEnvironment, ROOT, run } from '../support/commands.ts';

test('the matrix is printed to people, and to programs as the API gives it', async (context) => {
  const app = await startApp(context);
  await app.api('patch', 'servers/voip1').send({ capacity: 5 }).expect(200);
  const { body } = await app.api('get', 'failover/matrix?lost=2&strays=0.1').expect(200);
  assert.deepEqual(
    body.states.map(({ lost, unborne, returning }: Record<string, unknown>) => [lost, unborne, returning]),
    [
      [[], 0, 0],
      [['voip1'], 0, 3],
      [['voip2'], 0, 3],
      [['voip1', 'voip2'], 6, 6],
    ],
  );
  assert.deepEqual(body.states[2].cells[0], { server: 'voip1', capacity: 5, load: 6, ratio: 1.2, over: true, more: 3 });
  assert.match(body.mirrors[0].sentence, /pbxA and pbxB mirror each other.*6 in all, but voip1 bears only 5/);
  await app.api('get', 'failover/matrix?lost=3').expect(422);
  await app.api('get', 'failover/matrix?strays=0.9').expect(422);

  const options = {
    cwd: ROOT,
    env: cleanEnvironment({ HOMEPORT_DATABASE_URL: `file:${join(app.folder, 'homeport.db')}` }),
  };
  const homeport = (...args: string[]) => run('node', ['src/homeport.js', ...args], options);
  const json = await homeport('failover', '--two', '--strays', '0.1', '--json');
  assert.deepEqual(JSON.parse(json.out), body);
  const { out, code } = await homeport('failover');
  assert.equal(code, 0);
  assert.match(out, /voip2 +voip1 +6 +5 +120 % +TOO MUCH/);
  assert.match(out, /when voip2 returns, a load of 3 comes back at once/);
  assert.equal((await homeport('failover', '--strays', 'many')).code, 1);
});
