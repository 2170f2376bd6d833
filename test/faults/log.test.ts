// A log that cannot be written costs nobody anything but the log.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../support/app.ts';
import { cleanEnvironment, ROOT, start } from '../support/commands.ts';

const skip = existsSync('/dev/full') ? false : 'skipped: there is no /dev/full, on which every write fails';

test('a server whose log is on a full disk serves, and ends as it is told', { skip }, async (context) => {
  const folder = temporaryFolder(context);
  const server = start('sh', ['-c', 'exec "$0" src/homeport.js serve 2>/dev/full', process.execPath], {
    cwd: ROOT,
    env: cleanEnvironment({
      HOMEPORT_DATABASE_URL: `file:${join(folder, 'homeport.db')}`,
      HOMEPORT_PHONE_LISTEN: '127.0.0.1:0',
      HOMEPORT_ADMIN_LISTEN: '127.0.0.1:0',
      HOMEPORT_DEMO: '1',
      HOMEPORT_LOG_LEVEL: 'debug',
    }),
  });
  context.after(server.kill);
  const [, phones = '', admin = ''] = await server.line(/ready phones=(\S+) admin=(\S+)/, 60_000);
  const [, url = ''] = await server.line(/acme +pbxA +(\S+)/, 10_000);
  const path = new URL(url).pathname;
  for (let round = 0; round < 50; round++) {
    assert.equal((await fetch(`${phones}${path}805ec0a00001.cfg`)).status, 200);
    assert.equal((await fetch(`${admin}/api/v1/tenants`)).status, 401);
  }
  server.child.kill('SIGTERM');
  assert.equal((await server.ended).code, 0);
});
