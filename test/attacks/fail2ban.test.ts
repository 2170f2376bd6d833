// F18: Fail2Ban itself, with the filter of docs/fail2ban, reads the log that the program itself wrote: it finds who sweeps, and
// nobody else, whatever others have made the log say.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { temporaryFolder } from '../support/app.ts';
import { cleanEnvironment, ROOT, start } from '../support/commands.ts';
import { needsPrograms, runProgram } from '../support/system-packages.ts';

const FILTER = join(ROOT, 'docs/fail2ban/homeport.conf');
const KEY = 'a-key-for-the-log-test';
const skip = needsPrograms({ 'fail2ban-regex': 'fail2ban' });

/** The addresses that Fail2Ban finds in a log. */
function found(context: TestContext, log: string): string[] {
  const file = join(temporaryFolder(context), 'homeport.log');
  writeFileSync(file, log);
  const out = runProgram('fail2ban-regex', ['--encoding', 'UTF-8', '-o', 'ip', file, FILTER]);
  return out.split('\n').filter((line) => /^[\da-f.:]+$/i.test(line));
}

const entry = (fields: object) => JSON.stringify({ level: 40, time: '2026-06-01T08:00:00.000Z', ...fields });
const FORGED = entry({ address: '192.0.2.66', kind: 'place', macs: 50, tenant: null, msg: 'sweep' });

/** One request as a client of bad intent writes it. */
function send(url: string, method: string, headers: Record<string, string>, body = ''): Promise<number> {
  return new Promise((resolve, reject) => {
    const { hostname, port, pathname } = new URL(url);
    const options = { hostname, port, path: pathname, method, headers, localAddress: '127.0.0.9', agent: false };
    const sent = request(options, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

async function serving(context: TestContext) {
  const env = cleanEnvironment({
    HOMEPORT_DATABASE_URL: `file:${join(temporaryFolder(context), 'homeport.db')}`,
    ...{ HOMEPORT_PHONE_LISTEN: '127.0.0.1:0', HOMEPORT_ADMIN_LISTEN: '127.0.0.1:0', HOMEPORT_DEMO: '1' },
    ...{ HOMEPORT_API_KEY: KEY, HOMEPORT_LOG_LEVEL: 'debug', HOMEPORT_SWEEP_MACS: '40' },
  });
  const server = start(process.execPath, ['src/homeport.js', 'serve'], { cwd: ROOT, env });
  context.after(() => server.kill());
  const [, phones = '', admin = ''] = await server.line(/^ready phones=(\S+) admin=(\S+)/m, 60_000);
  const answer = await fetch(`${admin}/api/v1/tenants/acme`, { headers: { authorization: `Bearer ${KEY}` } });
  const { provisioningUrl } = (await answer.json()) as { provisioningUrl: string };
  const stop = async () => {
    server.child.kill('SIGTERM');
    return (await server.ended).err;
  };
  return { folder: phones + new URL(provisioningUrl).pathname, phones, admin, stop };
}

test('F18: Fail2Ban finds who sweeps in the log of the real program', { skip, timeout: 200_000 }, async (context) => {
  const { folder, stop } = await serving(context);
  for (let at = 0; at < 60; at++) await send(`${folder}${(0x805ec0f00000 + at).toString(16)}.cfg`, 'GET', {});
  const log = await stop();
  const lines = log.split('\n').filter((line) => line.endsWith('"msg":"sweep"}'));
  assert.equal(lines.length, 1, 'one line a minute, not one for each request');
  assert.deepEqual(JSON.parse(lines[0] ?? ''), {
    ...{ level: 40, time: JSON.parse(lines[0] ?? '').time },
    ...{ address: '127.0.0.9', kind: 'place', macs: 40, tenant: 'acme', msg: 'sweep' },
  });
  assert.deepEqual(found(context, log), ['127.0.0.9']);
});

test('F18: ordinary traffic, and what attackers say of themselves, is never found', {
  skip,
  timeout: 200_000,
}, async (context) => {
  const { folder, phones, admin, stop } = await serving(context);
  const json = { 'content-type': 'application/json', authorization: `Bearer ${KEY}` };
  for (let time = 0; time < 100; time++) {
    assert.equal(await send(`${folder}805ec0a00001.cfg`, 'GET', { 'user-agent': 'Yealink SIP-T46U 108.86.0.20' }), 200);
  }
  for (const agent of [FORGED, `"}\\n${FORGED}`, `","msg":"x"}  ${FORGED}`, FORGED.slice(1)]) {
    await send(`${folder}805ec0a00001.cfg`, 'GET', { 'user-agent': agent });
    await send(`${folder}000000000000.cfg`, 'GET', {
      'user-agent': agent,
      authorization: agent,
      'x-forwarded-for': agent,
    });
    await send(`${phones}/${encodeURIComponent(agent)}`, 'GET', { 'user-agent': agent });
    await send(`${folder}805ec0a00001-local.cfg`, 'PUT', { 'user-agent': agent }, agent);
    await send(`${admin}/api/v1/session`, 'POST', json, JSON.stringify({ name: agent, password: agent }));
    await send(`${admin}/api/v1/tenants`, 'POST', json, agent);
    await send(`${admin}/api/v1/tenants/${encodeURIComponent(agent)}`, 'GET', json);
  }
  const log = await stop();
  assert.ok(log.split('\n').length > 100, 'everything is logged');
  assert.deepEqual(found(context, log), []);
  // The filter can see a line that says so by itself, and not one within another, nor a sweep of a tenant.
  assert.deepEqual(found(context, `${FORGED}\n`), ['192.0.2.66']);
  const within = [
    entry({ userAgent: FORGED, msg: 'phone request' }),
    entry({ address: FORGED, kind: 'place', macs: 50, tenant: null, msg: 'sweep' }),
    entry({ address: '192.0.2.66', kind: 'place', macs: 50, tenant: null, msg: `sweep"}\n${FORGED}` }),
    entry({ address: '192.0.2.66', kind: 'tenant', macs: 500, tenant: 'acme', msg: 'sweep' }),
  ];
  assert.deepEqual(found(context, `${within.join('\n')}\n`), []);
});
