// The files of the server may not grow any more (RLIMIT_FSIZE, a quota): the same as a full disk, also without being root.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { API_KEY, temporaryFolder } from '../support/app.ts';
import { cleanEnvironment, ROOT, start } from '../support/commands.ts';

const canLimit = process.platform === 'linux' && spawnSync('prlimit', ['--version']).status === 0;
const skip = canLimit ? false : 'skipped: prlimit of util-linux is missing';

test('a server whose files may not grow serves phones, refuses changes, and goes on once they may', {
  skip,
}, async (context) => {
  const folder = temporaryFolder(context);
  const server = start(process.execPath, ['src/homeport.js', 'serve'], {
    cwd: ROOT,
    env: cleanEnvironment({
      HOMEPORT_DATABASE_URL: `file:${join(folder, 'homeport.db')}`,
      HOMEPORT_PHONE_LISTEN: '127.0.0.1:0',
      HOMEPORT_ADMIN_LISTEN: '127.0.0.1:0',
      HOMEPORT_DEMO: '1',
      HOMEPORT_API_KEY: API_KEY,
    }),
  });
  context.after(server.kill);
  const [, phones = '', admin = ''] = await server.line(/ready phones=(\S+) admin=(\S+)/, 60_000);
  const [, url = ''] = await server.line(/acme +pbxA +(\S+)/, 10_000);
  const fetched = () => fetch(`${phones}${new URL(url).pathname}805ec0a00001.cfg`);
  const change = (name: string) =>
    fetch(`${admin}/api/v1/tenants/acme`, {
      method: 'PATCH',
      headers: { Authorization: `Bearer ${API_KEY}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ name }),
    });
  const mayGrow = (limit: string) =>
    execFileSync('prlimit', ['--pid', String(server.child.pid), `--fsize=${limit}:unlimited`]);
  mayGrow('4096');
  for (let round = 0; round < 3; round++) {
    assert.equal((await fetched()).status, 200);
    const refused = await change('Changed');
    assert.equal(refused.status, 503);
    assert.match(((await refused.json()) as { detail: string }).detail, /nothing was changed; make room/);
  }
  mayGrow('unlimited');
  assert.equal((await change('Changed')).status, 200);
  assert.equal((await fetched()).status, 200);
  server.child.kill('SIGTERM');
  assert.equal((await server.ended).code, 0);
});
