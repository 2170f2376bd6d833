// nginx and HAProxy in front, set up as the operator's guide says: what they give on is believed, what clients write is not.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as askPlain } from 'node:http';
import { Agent, request as ask } from 'node:https';
import { type AddressInfo, connect as connectPlain, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { connect } from 'node:tls';
import { readConfig } from '../../src/config.ts';
import { type Serving, serve } from '../../src/main.ts';
import { API_KEY } from '../support/app.ts';
import { type Made, makePki, noOpenssl, PHONE_MAC, type Pki } from '../support/certificates.ts';
import { ROOT } from '../support/commands.ts';
import { findProgram, needsPrograms } from '../support/system-packages.ts';

const SECRET = 'the secret of the proxy';
/** Where clients come from; the proxies are 127.0.0.1. */
const CLIENT = '127.0.0.9';

const guide = readFileSync(join(ROOT, 'docs/operators-guide.md'), 'utf8');
const recipe = (language: string) => new RegExp(`\`\`\`${language}\n([^]+?)\`\`\``).exec(guide)?.[1] ?? '';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function untilOpen(port: number, child: ChildProcess, said: () => string): Promise<void> {
  for (const end = Date.now() + 30_000; ; await wait(50)) {
    const socket = connectPlain(port, '127.0.0.1');
    const isOpen = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(
        () => false,
        () => false,
      ),
    ]).catch(() => false);
    socket.destroy();
    if (isOpen) return;
    assert.ok(Date.now() < end && child.exitCode === null, `the proxy does not come up: ${said()}`);
  }
}

type Shape = { readonly pki: Pki; readonly folder: string; readonly port: number; readonly house: Serving };
type Front = { readonly name: string; readonly arguments: (shape: Shape) => string[] };

const portOf = (url: string) => new URL(url).port;

const FRONTS: Front[] = [
  {
    name: 'nginx',
    arguments({ pki, folder, port, house }) {
      const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
        (kind) => `${kind}_temp_path ${join(folder, kind)};`,
      );
      const servers = recipe('nginx')
        .replaceAll('listen 443', `listen 127.0.0.1:${port}`)
        .replace(/\S+prov\.pem/, pki.server.certFile)
        .replace(/\S+prov\.key/, pki.server.keyFile)
        .replace(/\S+homeport\.pem/, pki.serverRsa.certFile)
        .replace(/\S+homeport\.key/, pki.serverRsa.keyFile)
        .replace(/\S+phone-cas\.pem/, join(folder, 'cas.pem'))
        .replace('127.0.0.1:8080', `127.0.0.1:${portOf(house.phonesUrl)}`)
        .replace('127.0.0.1:8081', `127.0.0.1:${portOf(house.adminUrl)}`);
      const user = process.getuid?.() === 0 ? 'user root;' : '';
      const main = `${user} daemon off; pid ${join(folder, 'pid')}; error_log stderr; worker_processes 1;`;
      const file = join(folder, 'nginx.conf');
      writeFileSync(file, `${main}\nevents {}\nhttp { access_log off; ${temporary.join(' ')}\n${servers}\n}\n`);
      return ['-p', folder, '-c', file];
    },
  },
  {
    name: 'haproxy',
    arguments({ pki, folder, port, house }) {
      const pem = join(folder, 'haproxy.pem');
      writeFileSync(pem, `${pki.serverRsa.cert}\n${pki.serverRsa.key}`);
      const text = recipe('haproxy')
        .replace('bind :443', `bind 127.0.0.1:${port}`)
        .replace(/\S+prov\.pem/, pem)
        .replace(/\S+phone-cas\.pem/, join(folder, 'cas.pem'))
        .replace('127.0.0.1:8080', `127.0.0.1:${portOf(house.phonesUrl)}`);
      const file = join(folder, 'haproxy.cfg');
      const defaults = 'defaults\n    timeout connect 5s\n    timeout client 30s\n    timeout server 30s\n';
      writeFileSync(file, `global\n    maxconn 500\n${defaults}${text}`);
      return ['-f', file, '-db'];
    },
  },
];

for (const front of FRONTS) {
  const { name } = front;
  const skip = noOpenssl() ?? needsPrograms({ [name]: name });
  describe(`${name} in front`, { skip }, () => {
    if (skip) return;
    const folder = mkdtempSync(join(tmpdir(), `homeport-${name}-`));
    const pki = makePki(folder);
    let house: Serving;
    let child: ChildProcess;
    let port = 0;
    let token = '';

    before(async () => {
      writeFileSync(join(folder, 'cas.pem'), [pki.root, pki.issuing, pki.otherRoot].map(({ cert }) => cert).join('\n'));
      mkdirSync(join(folder, 'data'));
      house = await serve(
        readConfig({
          HOMEPORT_DATABASE_URL: `file:${join(folder, 'data/homeport.db')}`,
          ...{ HOMEPORT_PHONE_LISTEN: '127.0.0.1:0', HOMEPORT_ADMIN_LISTEN: '127.0.0.1:0', HOMEPORT_DEMO: '1' },
          ...{ HOMEPORT_API_KEY: API_KEY, HOMEPORT_LOG_LEVEL: 'silent', HOMEPORT_PHONE_CAS: pki.cas },
          ...{ HOMEPORT_TRUSTED_PROXIES: '127.0.0.1', HOMEPORT_PROXY_CERTIFICATE: 'X-Client-Cert' },
          HOMEPORT_PROXY_SECRET: SECRET,
        }),
      );
      port = await freePort();
      let said = '';
      child = spawn(findProgram(name) ?? name, front.arguments({ pki, folder, port, house }), { stdio: 'pipe' });
      for (const stream of [child.stdout, child.stderr]) {
        stream?.on('data', (piece: Buffer) => {
          said += piece.toString();
        });
      }
      await untilOpen(port, child, () => said);
      const tenant = await direct(house.adminUrl, '/api/v1/tenants/acme', { Authorization: `Bearer ${API_KEY}` });
      token = new URL(JSON.parse(tenant.body).provisioningUrl).pathname;
    });
    after(async () => {
      child.kill('SIGTERM');
      await Promise.race([once(child, 'exit'), wait(5_000)]);
      child.kill('SIGKILL');
      await house.close();
      rmSync(folder, { recursive: true, force: true });
    });

    const direct = async (url: string, path: string, headers: Record<string, string>) => {
      const request = askPlain(url + path, { headers, agent: false, localAddress: CLIENT }).end();
      const [response] = await once(request, 'response');
      return { status: response.statusCode, body: Buffer.concat(await response.toArray()).toString() };
    };

    /** A request at the proxy, from a client with this certificate. */
    const fetch = async (path: string, shown: Made | null, headers: Record<string, string> = {}, more = {}) => {
      const identity = shown === null ? {} : { cert: shown.cert, key: shown.key };
      const options = { rejectUnauthorized: false, agent: false, localAddress: CLIENT, headers, ...identity, ...more };
      const request = ask(`https://127.0.0.1:${port}${path}`, options).end();
      const [response] = await once(request, 'response');
      const body = Buffer.concat(await response.toArray()).toString();
      return { status: response.statusCode as number, headers: response.headers, body };
    };
    const own = `/${PHONE_MAC}.cfg`;
    const statusOf = async (...asked: Parameters<typeof fetch>) => (await fetch(...asked)).status;
    const escaped = (made: Made) => encodeURIComponent(made.cert);

    test('a phone with a good certificate is proven, each with its own file; no other certificate proves one', async () => {
      const { good, ...others } = pki.phones;
      assert.equal(await statusOf(own, good), 200);
      assert.equal(await statusOf('/805ec0a00002.cfg', good), 404);
      const wrong = Object.entries(others).filter(([kind]) => kind !== 'otherMaker');
      for (const [kind, shown] of [...wrong, ['none', null] as const]) {
        const status = await statusOf(own, shown).catch(() => 'cut off');
        assert.ok(status === 404 || status === 400 || status === 'cut off', `${kind}: ${status}`);
      }
      assert.equal(await statusOf(own, pki.phones.selfSigned), 404, 'asked otherwise, not refused by the proxy');
    });

    test('a session that is taken up again proves what it did, until the phone is disabled', async () => {
      const { cert, key } = pki.phones.good;
      const visit = async (session?: Buffer) => {
        const socket = connect({
          ...{ host: '127.0.0.1', port, localAddress: CLIENT, rejectUnauthorized: false, maxVersion: 'TLSv1.2' },
          ...{ cert, key, ...(session === undefined ? {} : { session }) },
        });
        let given = session;
        socket.on('session', (next: Buffer) => {
          given = next;
        });
        await once(socket, 'secureConnect');
        const resumed = socket.isSessionReused();
        socket.write(`GET ${own} HTTP/1.1\r\nHost: prov.example.com\r\nConnection: close\r\n\r\n`);
        const text = Buffer.concat(await socket.toArray()).toString();
        return { status: Number(text.slice(9, 12)), resumed, session: given };
      };
      const first = await visit();
      const again = await visit(first.session);
      assert.deepEqual([first.status, again.status, again.resumed], [200, 200, true]);
      const json = { Authorization: `Bearer ${API_KEY}`, 'Content-Type': 'application/json' };
      const enable = async (enabled: boolean) => {
        const request = askPlain(`${house.adminUrl}/api/v1/phones/${PHONE_MAC}`, { method: 'PATCH', headers: json });
        const [response] = await once(request.end(JSON.stringify({ enabled })), 'response');
        assert.equal(response.resume().statusCode, 200);
      };
      await enable(false);
      const disabled = await visit(first.session);
      await enable(true);
      assert.deepEqual([disabled.status, disabled.resumed], [404, true]);
      assert.equal((await visit(first.session)).status, 200);
    });

    test('what a client writes into the headers is worth nothing, through the proxy and past it', async () => {
      const { good, selfSigned, otherMaker } = pki.phones;
      const der = good.cert.replaceAll(/-----[^-]+-----|\s/g, '');
      for (const value of [escaped(good), der, `:${der}:`]) {
        const forged = { 'X-Client-Cert': value, 'X-Homeport-Proxy-Secret': SECRET, 'X-Forwarded-For': '127.0.0.1' };
        for (const shown of [null, selfSigned, otherMaker]) assert.equal(await statusOf(own, shown, forged), 404);
        assert.equal((await direct(house.phonesUrl, own, forged)).status, 404, 'past the proxy, even with the secret');
      }
    });

    test('a phone without a certificate is served by its token, also a hundred times and more', async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 4 });
      const all = Array.from({ length: 300 }, () => statusOf(`${token}${PHONE_MAC}.cfg`, null, {}, { agent }));
      const found = new Set(await Promise.all(all));
      agent.destroy();
      assert.deepEqual([...found], [200]);
    });

    test('the address that is written down is the client’s, whatever it says of itself', async () => {
      const forged = { 'X-Forwarded-For': '198.51.100.1', Forwarded: 'for=198.51.100.2' };
      assert.equal(await statusOf(`${token}${PHONE_MAC}.cfg`, null, { ...forged, 'User-Agent': 'the one' }), 200);
      const headers = { Authorization: `Bearer ${API_KEY}` };
      const looked = async () => {
        const { body } = await direct(house.adminUrl, `/api/v1/fetches?mac=${PHONE_MAC}`, headers);
        const items: { userAgent: string; address: string }[] = JSON.parse(body).items;
        return items.find(({ userAgent }) => userAgent === 'the one')?.address;
      };
      for (const end = Date.now() + 30_000; Date.now() < end && (await looked()) === undefined; ) await wait(100);
      assert.equal(await looked(), CLIENT);
    });

    if (name === 'nginx') {
      test('the admin door behind it: sessions are for TLS alone, and the history names the client', async () => {
        const more = { servername: 'homeport.example.com' };
        const headers = { Host: 'homeport.example.com', Authorization: `Bearer ${API_KEY}` };
        const entered = await fetch('/api/v1/tenants', null, headers, more);
        assert.equal(entered.status, 200);
        assert.match(String(entered.headers['strict-transport-security']), /^max-age=/);
        const json = { ...headers, 'Content-Type': 'application/json', 'X-Forwarded-For': '198.51.100.1' };
        const request = ask(`https://127.0.0.1:${port}/api/v1/servers`, {
          ...{ method: 'POST', rejectUnauthorized: false, agent: false, localAddress: CLIENT, headers: json },
          ...more,
        });
        request.end(JSON.stringify({ name: 'voip9', host: 'voip9.example.com', capacity: 10 }));
        const [response] = await once(request, 'response');
        assert.equal(response.resume().statusCode, 201);
        const audit = await fetch('/api/v1/audit', null, headers, more);
        assert.equal(JSON.parse(audit.body).items[0].address, CLIENT);
      });
    }
  });
}
