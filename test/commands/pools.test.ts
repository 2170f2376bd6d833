// `homeport dns`, `dns records`, `dns lint`, `simulate`: what they print, and how they end.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { parse } from 'yaml';
import { startApp } from '../support/app.ts';
import { cleanEnvironment, ROOT, run } from '../support/commands.ts';

const homeport = (folder: string, ...args: string[]) =>
  run('node', ['src/homeport.js', ...args], {
    cwd: ROOT,
    env: cleanEnvironment({
      HOMEPORT_DATABASE_URL: `file:${join(folder, 'homeport.db')}`,
      HOMEPORT_PUBLIC_URL: 'https://prov.example.com',
    }),
  });

const demo = async (context: TestContext) => startApp(context);

describe('dns', () => {
  test('prints the lines of all pools, or of one, and records for programs', async (context) => {
    const { folder } = await demo(context);
    const all = await homeport(folder, 'dns');
    assert.equal(all.out.trim().split('\n').length, 6, all.err);
    const one = JSON.parse((await homeport(folder, 'dns', 'pbxB', '--json')).out);
    assert.deepEqual(
      one.map(({ type }: { type: string }) => type),
      ['NAPTR', 'SRV', 'SRV'],
    );
    assert.equal((await homeport(folder, 'dns', 'nowhere')).code, 1);
  });
  test('records: a zone file, a file of octoDNS, a map for Terraform', async (context) => {
    const { folder } = await demo(context);
    const zone = await homeport(folder, 'dns', 'records');
    assert.equal(zone.out, (await homeport(folder, 'dns')).out);
    const yaml = await homeport(folder, 'dns', 'records', 'pbxA', '--format', 'yaml', '--zone', 'example.com');
    assert.deepEqual(Object.keys(parse(yaml.out)), ['_sip._udp.pbxa', 'pbxa']);
    const json = JSON.parse(
      (await homeport(folder, 'dns', 'records', '--format', 'json', '--zone', 'example.com')).out,
    );
    assert.equal(json.sets['pbxa.example.com NAPTR'].name, 'pbxa');
    assert.equal(json.records.length, 6);
    const nameless = await homeport(folder, 'dns', 'records', '--format', 'yaml');
    assert.deepEqual([nameless.code, nameless.out], [1, '']);
    assert.match(nameless.err, /name it/);
    assert.equal((await homeport(folder, 'dns', 'records', '--format', 'xml')).code, 2);
  });
  test('lint: nothing is doubtful, or it is told; 1 when there is an error', async (context) => {
    const app = await demo(context);
    const well = await homeport(app.folder, 'dns', 'lint');
    assert.deepEqual([well.code, well.out], [0, 'nothing is doubtful\n'], well.err);
    await app.api('patch', 'pools/pbxA').send({ ttl: 86_400 }).expect(200);
    const warned = await homeport(app.folder, 'dns', 'lint');
    assert.equal(warned.code, 0);
    assert.match(warned.out, /^warning: pool pbxA: slow-ttl\n {2}.*86400 s.*\n {2}remedy: /);
    await app.api('patch', 'servers/voip1').send({ state: 'down' }).expect(200);
    const failed = await homeport(app.folder, 'dns', 'lint', '--json');
    assert.equal(failed.code, 1);
    assert.equal(JSON.parse(failed.out)[0].code, 'bad-primary');
  });
});

describe('simulate', () => {
  test('a pool, with servers lost', async (context) => {
    const { folder } = await demo(context);
    const { out, code } = await homeport(folder, 'simulate', 'pbxA', '--down', 'voip1', '--strays', '0.1');
    assert.equal(code, 0);
    assert.match(
      out,
      /^lost: voip1\nserver +port +RFC 2782 .*its phones +with 10 % strays\nvoip2 +5060( +100 %){7}\n$/,
    );
    const json = JSON.parse(
      (await homeport(folder, 'simulate', 'pbxA', '--draws', '100', '--seed', '7', '--json')).out,
    );
    assert.deepEqual(json.draws, { count: 100, seed: 7, shares: [{ server: 'voip1', port: 5060, share: 1 }] });
    const none = await homeport(folder, 'simulate', 'pbxA', '--down', 'voip1,voip2');
    assert.equal(none.out, 'no server is left: voip1, voip2 are lost\n');
  });
  test('the lines of the manual page as they are, by each maker’s phones', async (context) => {
    const { folder } = await demo(context);
    const file = join(folder, 'manual.zone');
    const lines = [
      '10 60 5060 bigbox.example.com.',
      '10 20 5060 smallbox1.example.com.',
      '10 10 5060 smallbox2.example.com.',
      '10 10 5066 smallbox2.example.com.',
      '20 0 5060 backupbox.example.com.',
    ];
    writeFileSync(file, lines.map((line) => `_sip._udp.example.com. 86400 IN SRV ${line}\n`).join(''));
    const { out, err } = await homeport(folder, 'simulate', '--zone-file', file);
    const shares = out
      .split('\n')
      .slice(1, -1)
      .map((line) => line.split(/ {2,}/));
    assert.deepEqual(
      shares.map(([server, , rfc, , , , yealink]) => [server, rfc, yealink]),
      [
        ['bigbox.example.com', '60 %', '100 %'],
        ['smallbox1.example.com', '20 %', '0 %'],
        ['smallbox2.example.com', '10 %', '0 %'],
        ['smallbox2.example.com', '10 %', '0 %'],
      ],
      err,
    );
  });
  test('refuses what is not there with 1, and wrong use with 2', async (context) => {
    const { folder } = await demo(context);
    const unknown = await homeport(folder, 'simulate', 'pbxA', '--down', 'voip9');
    assert.deepEqual([unknown.code, unknown.out], [1, '']);
    assert.match(unknown.err, /no server voip9/);
    assert.equal((await homeport(folder, 'simulate')).code, 1);
    assert.equal((await homeport(folder, 'simulate', 'pbxA', '--draws', 'many')).code, 2);
  });
});
