// Clients that open a door and stand in it: half a request, one byte now and then, silence in place of a handshake, answers
// that nobody reads. Good phones are served meanwhile, and everything bad is gone afterwards.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { get } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { type OpenDoor, openDoor, PHONE_LIMITS } from '../../src/http/listen.ts';
import { openProxies } from '../../src/http/proxies.ts';
import { temporaryFolder } from '../support/app.ts';
import { makeCertificate, noOpenssl } from '../support/certificates.ts';
import { cleanEnvironment, ROOT, start } from '../support/commands.ts';

/** Everything bad must be gone after that; by the limits it is after a quarter of a minute. */
/** The long form is `npm run soak`. */
const SLOW = Number(process.env.SOAK_SLOW ?? 1_800);
const GONE_WITHIN_MS = 90_000 + SLOW * 10;

/** Can a socket come from another address of this machine than 127.0.0.1? That is so on Linux. */
async function hasManyAddresses(): Promise<boolean> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect({
    port: (server.address() as AddressInfo).port,
    host: '127.0.0.1',
    localAddress: '127.7.7.7',
  });
  const [name] = await Promise.race([
    once(socket, 'connect').then(() => ['yes']),
    once(socket, 'error').then(() => ['no']),
  ]);
  socket.destroy();
  server.close();
  return name === 'yes';
}

const skip = noOpenssl() ?? ((await hasManyAddresses()) ? false : 'this machine has only one loopback address');

type Bad = { readonly socket: Socket; gone: boolean };

/** A bad client; what the server does to it is noted. */
function comeIn(port: number, from: string): Bad {
  const socket = connect({ host: '127.0.0.1', port, localAddress: from });
  const bad: Bad = { socket, gone: false };
  for (const event of ['close', 'end', 'error']) {
    socket.on(event, () => {
      bad.gone = true;
    });
  }
  socket.resume();
  return bad;
}

const rssOf = (pid: number | undefined): number => {
  const status = `/proc/${pid}/status`;
  if (!existsSync(status)) return 0;
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(status, 'utf8'))?.[1] ?? 0) * 1_024;
};

async function statusOf(url: string, from = '127.0.0.1'): Promise<number> {
  const request = get(url, { agent: false, localAddress: from });
  const [response] = await once(request, 'response');
  response.resume();
  await once(response, 'end');
  return response.statusCode;
}

async function startHouse(context: TestContext) {
  const folder = temporaryFolder(context);
  const { certFile, keyFile } = makeCertificate(folder, 'door', { subject: '/CN=localhost' });
  const env = cleanEnvironment({
    HOMEPORT_DATABASE_URL: `file:${join(folder, 'homeport.db')}`,
    ...{ HOMEPORT_DEMO: '1', HOMEPORT_PHONE_LISTEN: '127.0.0.1:0', HOMEPORT_ADMIN_LISTEN: '127.0.0.1:0' },
    ...{ HOMEPORT_PHONE_TLS_CERT: certFile, HOMEPORT_PHONE_TLS_KEY: keyFile, HOMEPORT_PHONE_TLS_LISTEN: '127.0.0.1:0' },
  });
  const running = start(process.execPath, [join(ROOT, 'src/homeport.js'), 'serve'], { cwd: ROOT, env });
  context.after(() => running.kill());
  let told = '';
  running.child.stderr?.on('data', (piece: Buffer) => {
    told += piece.toString();
  });
  const [, path = ''] = await running.line(/acme +pbxA +https:\/\/[\d.:]+(\/p\/\w+\/)/, 60_000);
  const until = Date.now() + 20_000;
  while (!/"listening"/.test(told) && Date.now() < until) await wait(50);
  const [, tls = '', plain = ''] = /"phones":\["https:\/\/[\d.]+:(\d+)","http:\/\/[\d.]+:(\d+)"\]/.exec(told) ?? [];
  return { pid: running.child.pid, tls: Number(tls), plain: Number(plain), path };
}

describe('slow clients', { skip }, () => {
  if (skip) return;

  test(`${SLOW} of them at once: good phones are served, and all of the bad are gone afterwards`, {
    timeout: 600_000,
  }, async (context) => {
    const { pid, tls, plain, path } = await startHouse(context);
    const file = `http://127.0.0.1:${plain}${path}805ec0a00001.cfg`;
    assert.equal(await statusOf(file), 200);
    const before = rssOf(pid);
    const bad: Bad[] = [];
    const dripping: Socket[] = [];
    for (let at = 0; at < SLOW; at += 1) {
      const from = `127.0.${1 + (at % 36)}.${1 + (at % 7)}`;
      const kind = (['half', 'silent', 'drip'] as const)[at % 3];
      const one = comeIn(kind === 'silent' ? tls : plain, from);
      bad.push(one);
      if (kind === 'half') one.socket.write('GET /p/x/y HTTP/1.1\r\nHost: x\r\n');
      if (kind === 'drip') dripping.push(one.socket);
      if (at % 100 === 99) await wait(20);
    }
    context.after(() => {
      for (const { socket } of bad) socket.destroy();
    });
    const drops = setInterval(() => {
      for (const socket of dripping) if (socket.writable) socket.write('X');
    }, 1_000);
    context.after(() => clearInterval(drops));
    const end = Date.now() + GONE_WITHIN_MS;
    let served = 0;
    let most = 0;
    while (bad.some(({ gone }) => !gone)) {
      assert.ok(Date.now() < end, `${bad.filter(({ gone }) => !gone).length} bad clients are still there`);
      assert.equal(await statusOf(file), 200, 'a good phone meanwhile');
      served += 1;
      most = Math.max(most, rssOf(pid));
      await wait(100);
    }
    assert.ok(served >= 5, `${served} good answers meanwhile`);
    assert.ok(most - before < 300 * 1_048_576, `${Math.round((most - before) / 1_048_576)} MiB more`);
    assert.equal(await statusOf(file), 200);
  });

  async function openTestDoor(
    context: TestContext,
    connectionsPerAddress: number,
    networks: string[] = [],
    limits = PHONE_LIMITS,
  ): Promise<OpenDoor & { url: string }> {
    const rules = { networks, header: 'x-forwarded-for', certificateHeader: null, secret: null };
    const door = await openDoor((_request, response) => response.end('ok'), {
      ...{ name: 'TEST', listen: { host: '127.0.0.1', port: 0 }, speaks: 'http', tls: null, asksCertificate: false },
      ...{ limits, proxies: openProxies(rules, Date.now), connectionsPerAddress },
    });
    context.after(() => door.close());
    return { ...door, url: `http://127.0.0.1:${door.port}/` };
  }

  test('one address has its number of connections, and another one is not concerned', async (context) => {
    const { port, url } = await openTestDoor(context, 8);
    const many = Array.from({ length: 50 }, () => comeIn(port, '127.0.0.66'));
    context.after(() => {
      for (const { socket } of many) socket.destroy();
    });
    const staying = () => many.filter(({ gone }) => !gone).length;
    while (staying() > 8) await wait(20);
    assert.equal(await statusOf(url), 200);
    await wait(200);
    assert.equal(staying(), 8);
  });

  test('behind the same address a good phone is served: who waits without asking makes room', async (context) => {
    const { port, url } = await openTestDoor(context, 8);
    const many = Array.from({ length: 8 }, () => comeIn(port, '127.0.0.66'));
    context.after(() => {
      for (const { socket } of many) socket.destroy();
    });
    await Promise.all(many.map(({ socket }) => once(socket, 'connect')));
    await wait(1_500);
    for (let time = 0; time < 4; time += 1) assert.equal(await statusOf(url, '127.0.0.66'), 200);
    assert.ok(many.filter(({ gone }) => !gone).length >= 4, 'no more than one goes for each that comes');
  });

  test('a proxy has as many times more', async (context) => {
    const { port } = await openTestDoor(context, 2, ['127.0.0.77']);
    const many = Array.from({ length: 100 }, () => comeIn(port, '127.0.0.77'));
    context.after(() => {
      for (const { socket } of many) socket.destroy();
    });
    await Promise.all(many.map(({ socket }) => once(socket, 'connect')));
    await wait(300);
    assert.equal(many.filter(({ gone }) => gone).length, 0);
  });

  test('an answer that nobody reads is not kept for ever', async (context) => {
    const limits = { ...PHONE_LIMITS, stillTimeout: 500 };
    const rules = { networks: [], header: 'x-forwarded-for', certificateHeader: null, secret: null };
    const large = Buffer.alloc(64 * 1_048_576);
    const door = await openDoor((_request, response) => response.end(large), {
      ...{ name: 'TEST', listen: { host: '127.0.0.1', port: 0 }, speaks: 'http', tls: null, asksCertificate: false },
      ...{ limits: limits as typeof PHONE_LIMITS, proxies: openProxies(rules, Date.now), connectionsPerAddress: 8 },
    });
    context.after(() => door.close());
    const socket = connect({ host: '127.0.0.1', port: door.port });
    context.after(() => socket.destroy());
    await once(socket, 'connect');
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await wait(3_000);
    let bytes = 0;
    socket.on('data', (piece: Buffer) => {
      bytes += piece.length;
    });
    await Promise.race([once(socket, 'close'), once(socket, 'error')]);
    assert.ok(bytes < large.length, `${bytes} bytes came`);
  });

  const refused: [name: string, bytes: string, status: number][] = [
    ['two lengths', 'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab', 400],
    [
      'a length and chunks',
      'PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    [
      'chunks of another kind',
      'PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n',
      400,
    ],
    ['a line break in a header', 'GET / HTTP/1.1\r\nHost: x\r\nX: a\n\rb\r\n\r\n', 400],
    ['no HTTP', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
    ['another kind of rubbish', 'HELO there\r\n\r\n', 400],
    ['a path of 20 KB', `GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431],
    ['a header of 20 KB', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
  ];
  for (const [name, bytes, status] of refused) {
    test(`${name}: ${status}, without a word more, and the connection is closed`, async (context) => {
      const { port, url } = await openTestDoor(context, 64);
      const socket = connect({ host: '127.0.0.1', port });
      socket.on('error', () => undefined);
      socket.write(bytes, 'latin1');
      const pieces: Buffer[] = [];
      socket.on('data', (piece: Buffer) => pieces.push(piece));
      await once(socket, 'close');
      const text = Buffer.concat(pieces).toString();
      assert.match(text, new RegExp(`^HTTP/1\\.1 ${status} [^\r]+\r\nContent-Length: 0\r\nConnection: close\r\n\r\n$`));
      assert.equal(await statusOf(url), 200, 'the next one is served');
    });
  }

  test('a phone of old without a Host header is answered', async (context) => {
    const { port } = await openTestDoor(context, 64);
    const socket = connect({ host: '127.0.0.1', port });
    socket.write('GET / HTTP/1.0\r\n\r\n');
    assert.match(Buffer.concat(await socket.toArray()).toString(), /^HTTP\/1\.1 200 /);
  });

  test('a connection ends after its hundred requests', async (context) => {
    const { port } = await openTestDoor(context, 64);
    const socket = connect({ host: '127.0.0.1', port });
    const asked = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
    let text = '';
    socket.on('data', (piece: Buffer) => {
      text += piece.toString();
      if (text.endsWith('ok') && !/Connection: close/i.test(text)) socket.write(asked);
    });
    socket.write(asked);
    await once(socket, 'close');
    assert.equal(text.split('HTTP/1.1 200').length - 1, 100);
  });
});
