// F5, F9: malformed requests by the thousand at the phones' door of a process of its own, while good phones are served. The
// long form is `npm run soak`.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../support/app.ts';
import { cleanEnvironment, ROOT, start } from '../support/commands.ts';

const REQUESTS = Number(process.env.SOAK_MALFORMED ?? 10_000);
const SOCKETS = 24;
const SEED = Number(process.env.SOAK_SEED ?? 20_261);
const MEGABYTE = 1_048_576;
/** What the process may keep: it dies when it needs more. */
const HEAP_MIB_MAX = 256;
const RESIDENT_BYTES_MAX = 400 * MEGABYTE;

/** Mulberry32: the same requests for the same seed. */
function chance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const METHODS = [
  'GET',
  'HEAD',
  'PUT',
  'POST',
  'DELETE',
  'TRACE',
  'CONNECT',
  'get',
  'G\u0000T',
  'PROPFIND',
  'X'.repeat(300),
  '',
];
const PIECES = [
  ...[
    '/',
    '//',
    '..',
    '../..',
    '%2e%2e%2f',
    '..%5c',
    '\\',
    '%00',
    '%0d%0a',
    '%',
    '%zz',
    '\u0000',
    '\r',
    '\t',
    ';',
    '?',
    '#',
    '*',
  ],
  ...[
    'p/',
    'etc/passwd',
    '805ec0a00001.cfg',
    'cfg805ec0a00001.xml',
    '000000000000.cfg',
    '__proto__',
    'constructor',
    '{{7*7}}',
  ],
  ...[
    '$' + '{jndi:ldap://x}',
    '<script>',
    "' OR 1=1--",
    'http://evil.example.com/',
    'é',
    '\u202e',
    '.env',
    'phpmyadmin',
    'a'.repeat(500),
  ],
];
const VERSIONS = ['HTTP/1.1', 'HTTP/1.0', 'HTTP/0.9', 'HTTP/2.0', 'HTTP/9', 'HTTPS/1.1', 'http/1.1', ''];
const HEADERS = [
  'Host: x',
  'Host: x\r\nHost: y',
  'Content-Length: 5\r\nContent-Length: 6',
  'Content-Length: 5\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding: chunked, chunked',
  'Transfer-Encoding: \u000bchunked',
  'Content-Length: -1',
  'Content-Length: 99999999999999999999',
  'Content-Length: 1e3',
  ' folded: x',
  ': empty',
  'No-Colon',
  'X: \u0000',
  `X: ${'y'.repeat(9_000)}`,
  'Authorization: Digest username="805ec0a00001", nonce="", response=""',
  'Authorization: Basic %%%',
  `Authorization: Digest ${'a="b",'.repeat(500)}`,
  'Range: bytes=0-0,0-0,0-0,-1',
  'If-None-Match: "',
  'Expect: 100-continue',
  'Upgrade: websocket\r\nConnection: Upgrade',
  'User-Agent: \u001b[31m<img src=x>',
];
const WHOLE = [
  '\u0016\u0003\u0001\u0002\u0000\u0001',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  '\r\n\r\n\r\n',
  'GET',
  '\u0000'.repeat(400),
];

/** One malformed request, or one that is well formed and asks for what is not there. */
function malformed(random: () => number): string {
  const pick = <Item>(list: readonly Item[]): Item => list[Math.floor(random() * list.length)] as Item;
  if (random() < 0.05) return pick(WHOLE);
  // Most get past the parser, to the door itself.
  const isPlain = random() < 0.6;
  const path = Array.from({ length: 1 + Math.floor(random() * 4) }, () => pick(PIECES)).join('');
  const headers = Array.from({ length: Math.floor(random() * 3) }, () => pick(HEADERS));
  const body =
    random() < 0.2 ? pick(['hello', '5\r\nhello\r\n0\r\n\r\n', 'zz\r\n', '0\r\n\r\nGET / HTTP/1.1\r\n\r\n']) : '';
  const [method, version] = isPlain ? [pick(METHODS.slice(0, 6)), 'HTTP/1.1'] : [pick(METHODS), pick(VERSIONS)];
  const target = isPlain ? `/${path.replaceAll(/[^\x21-\x7e]/g, '')}` : path;
  return `${method} ${target} ${version}\r\n${['Host: phones', ...headers].join('\r\n')}\r\n\r\n${body}`;
}

/** Sends requests over one socket after the other; counts the answers by status. */
async function attack(port: number, next: () => string | null, statuses: Map<string, number>): Promise<void> {
  for (let request = next(); request !== null; request = next()) {
    const text: string = request;
    await new Promise<void>((done) => {
      const socket = connect({ host: '127.0.0.1', port });
      let answer = '';
      socket.setTimeout(20_000, () => {
        statuses.set('no answer', (statuses.get('no answer') ?? 0) + 1);
        socket.destroy();
      });
      socket.on('data', (piece) => {
        answer += piece.toString('latin1');
        // What waits for more of a request would wait for its time limit: nobody sends more.
        socket.end();
      });
      socket.on('error', () => undefined);
      socket.on('close', () => {
        for (const [, status = ''] of answer.matchAll(/HTTP\/1\.1 (\d{3}) /g))
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
        done();
      });
      socket.write(text, 'latin1');
      // Half a request ends here, so that the server sees that no more comes.
      setTimeout(() => socket.end(), 50).unref();
    });
  }
}

const residentBytes = (pid: number) =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 'NaN') * 1_024;

const skip = process.platform === 'linux' ? false : 'reads the memory of a process from /proc';

test(`F5, F9: ${REQUESTS} malformed requests break nothing, and good phones are served`, {
  skip,
  timeout: 3_600_000,
}, async (context) => {
  const folder = temporaryFolder(context);
  const env = cleanEnvironment({
    HOMEPORT_DATABASE_URL: `file:${join(folder, 'homeport.db')}`,
    HOMEPORT_PHONE_LISTEN: '127.0.0.1:0',
    HOMEPORT_ADMIN_LISTEN: '127.0.0.1:0',
    HOMEPORT_DEMO: '1',
    HOMEPORT_API_KEY: 'a-key-for-the-malformed-test',
    NODE_OPTIONS: `--max-old-space-size=${HEAP_MIB_MAX}`,
  });
  const server = start(process.execPath, ['src/homeport.js', 'serve'], { cwd: ROOT, env });
  context.after(() => server.kill());
  const [, phonesUrl = '', adminUrl = ''] = await server.line(/^ready phones=(\S+) admin=(\S+)/m, 60_000);
  const tenant = await fetch(`${adminUrl}/api/v1/tenants/acme`, {
    headers: { authorization: 'Bearer a-key-for-the-malformed-test' },
  });
  const { provisioningUrl } = (await tenant.json()) as { provisioningUrl: string };
  const good = `${phonesUrl}${new URL(provisioningUrl).pathname}805ec0a00001.cfg`;
  const port = Number(new URL(phonesUrl).port);
  const expected = await (await fetch(good)).text();
  assert.match(expected, /account\.1\.enable/);

  const random = chance(SEED);
  const statuses = new Map<string, number>();
  let left = REQUESTS;
  const next = () => (left-- > 0 ? malformed(random) : null);
  const all = () => Promise.all(Array.from({ length: SOCKETS }, () => attack(port, next, statuses)));
  let isAttacked = true;
  const phone = async () => {
    let served = 0;
    while (isAttacked) {
      const answer = await fetch(good);
      assert.equal(answer.status, 200);
      assert.equal(await answer.text(), expected);
      served++;
      await new Promise((rest) => setTimeout(rest, 20));
    }
    return served;
  };
  const phones = [phone(), phone()];
  await all();
  isAttacked = false;
  const served = (await Promise.all(phones)).reduce((sum, count) => sum + count, 0);

  const counted = [...statuses]
    .map(([status, count]) => `${status}: ${count}`)
    .sort()
    .join(', ');
  context.diagnostic(`seed ${SEED}; ${counted}; good answers meanwhile: ${served}`);
  assert.deepEqual(
    [...statuses.keys()].filter((status) => /^5|no answer/.test(status)),
    [],
    counted,
  );
  assert.ok((statuses.get('400') ?? 0) > 0 && (statuses.get('404') ?? 0) > 0, counted);
  assert.ok(served > 0);
  const resident = residentBytes(server.child.pid ?? 0);
  assert.ok(resident < RESIDENT_BYTES_MAX, `${Math.round(resident / MEGABYTE)} MiB`);
  assert.equal(server.child.exitCode, null);
});
