// `homeport connection`, `homeport simulate phones`: what they print, what they never print, and how they end.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type App, startApp } from '../support/app.ts';
import { AMI_PORT, AMI_SECRET, AMI_USER, needsAsterisk, startAsterisk } from '../support/asterisk.ts';
import { cleanEnvironment, ROOT, run } from '../support/commands.ts';

const homeport = (app: App, args: string[], more: Record<string, string> = {}) =>
  run('node', ['src/homeport.js', ...args], {
    cwd: ROOT,
    env: cleanEnvironment({
      HOMEPORT_DATABASE_URL: `file:${join(app.folder, 'homeport.db')}`,
      HOMEPORT_PUBLIC_URL: 'https://prov.example.com',
      ...more,
    }),
  });

describe('connection', () => {
  const SECRET = 'ami-secret-word';
  const given = {
    HOMEPORT_PBX_CONNECTION: `{"kind":"asterisk","host":"127.0.0.1","port":9,"user":"us","secret":"${SECRET}"}`,
  };

  test('is set, shown without its secret, tried, and forgotten', async (context) => {
    const app = await startApp(context);
    const set = await homeport(app, ['connection', 'voip1', '--set', '--json'], given);
    assert.deepEqual([set.code, JSON.parse(set.out).secret], [0, 'set'], set.err);
    const tried = await homeport(app, ['connection', 'voip1', '--try']);
    assert.deepEqual([tried.code, tried.out], [1, '']);
    assert.match(tried.err, /cannot be reached by its connection: ECONNREFUSED/);
    assert.equal((await homeport(app, ['connection', 'voip1', '--remove'])).code, 0);
    assert.equal((await homeport(app, ['connection', 'voip1'])).code, 1);
    assert.doesNotMatch(JSON.stringify([set, tried]), new RegExp(SECRET));
  });

  test('that is no JSON is refused without a word of it', async (context) => {
    const app = await startApp(context);
    const bad = await homeport(app, ['connection', 'voip1', '--set'], {
      HOMEPORT_PBX_CONNECTION: `{"secret":"${SECRET}"`,
    });
    assert.equal(bad.code, 1);
    assert.doesNotMatch(bad.err, new RegExp(SECRET));
  });

  test('to a real Asterisk says who answers', { skip: needsAsterisk() }, async (context) => {
    const app = await startApp(context);
    const { address: host } = await startAsterisk(context, { name: 'command', address: '127.0.65.1', accounts: [] });
    const connection = { kind: 'asterisk', host, port: AMI_PORT, user: AMI_USER, secret: AMI_SECRET };
    await app.api('put', 'servers/voip1/connection').send(connection).expect(200);
    const tried = await homeport(app, ['connection', 'voip1', '--try', '--json']);
    assert.deepEqual([tried.code, JSON.parse(tried.out)], [0, { registrations: 0, inUse: 0 }], tried.err);
  });
});

describe('simulate phones', () => {
  test('lets every phone of the installation boot at its own door, and the door has seen them', async (context) => {
    const app = await startApp(context);
    const ended = await homeport(app, ['simulate', 'phones', '--url', app.phonesUrl, '--json']);
    assert.equal(ended.code, 0, ended.err);
    const { phones, skipped } = JSON.parse(ended.out) as { phones: { mac: string; files: number }[]; skipped: number };
    assert.deepEqual([phones.length, skipped, phones.every(({ files }) => files > 0)], [6, 0, true]);
    const macs = new Set<string>();
    while (macs.size < 6) {
      for (const { mac } of (await app.api('get', 'fetches?limit=100').expect(200)).body.items) macs.add(mac);
    }
    assert.deepEqual([...macs].sort(), phones.map(({ mac }) => mac).sort());
  });

  test('sends no token to another door, and needs both halves of registering', async (context) => {
    const app = await startApp(context);
    const foreign = await homeport(app, ['simulate', 'phones', '--url', 'http://192.0.2.1:8080']);
    assert.deepEqual([foreign.code, foreign.out], [1, '']);
    assert.match(foreign.err, /own door alone/);
    const half = await homeport(app, ['simulate', 'phones', '--url', app.phonesUrl, '--register', '127.0.0.1']);
    assert.match(half.err, /belong together/);
    const { body } = await app.api('get', 'fetches').expect(200);
    assert.deepEqual(body.items, []);
  });
});
