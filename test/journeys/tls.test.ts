// The doors over TLS in a whole house: both of them, side by side with HTTP, with certificates that change while it serves,
// and phones that prove themselves by their maker's certificate.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFileSync, cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get as getPlain } from 'node:http';
import { Agent, request as ask, type RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { connect, type SecureVersion } from 'node:tls';
import { API_KEY, startApp, temporaryFolder } from '../support/app.ts';
import { MAKER, type Made, makePki, noOpenssl, OTHER_MAKER, PHONE_MAC } from '../support/certificates.ts';

const skip = noOpenssl() ?? false;
const folder = mkdtempSync(join(tmpdir(), 'homeport-tls-'));
after(() => rmSync(folder, { recursive: true, force: true }));

type Answer = { status: number; headers: Record<string, unknown>; body: string };

async function call(url: string, options: RequestOptions = {}, body?: string): Promise<Answer> {
  const request = ask(url, { rejectUnauthorized: false, agent: false, ...options }).end(body);
  const [response] = await once(request, 'response');
  const pieces: Buffer[] = await response.toArray();
  return { status: response.statusCode, headers: response.headers, body: Buffer.concat(pieces).toString() };
}

const statusOfPlain = async (url: string): Promise<number> => {
  const [response] = await once(getPlain(url, { agent: false }), 'response');
  response.resume();
  return response.statusCode;
};

/** The name in the certificate that a door shows, or null when it cannot be entered with this version. */
async function shownAt(url: string, version: SecureVersion = 'TLSv1.3'): Promise<string | null> {
  const { hostname: host, port } = new URL(url);
  const limits = { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' };
  const socket = connect({ host, port: Number(port), rejectUnauthorized: false, ...limits });
  try {
    await once(socket, 'secureConnect');
    return socket.getPeerX509Certificate()?.subject ?? null;
  } catch {
    return null;
  } finally {
    socket.destroy();
  }
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 60_000;
  while (!(await isSo())) {
    assert.ok(Date.now() < end, `waited a minute for: ${what}`);
    await wait(200);
  }
}

describe('TLS', { skip }, () => {
  if (skip) return;
  const pki = makePki(folder);
  const phoneFiles = {
    HOMEPORT_PHONE_TLS_CERT: `${pki.server.certFile}, ${pki.serverRsa.certFile}`,
    HOMEPORT_PHONE_TLS_KEY: `${pki.server.keyFile}, ${pki.serverRsa.keyFile}`,
  };
  const adminFiles = { HOMEPORT_ADMIN_TLS_CERT: pki.server.certFile, HOMEPORT_ADMIN_TLS_KEY: pki.server.keyFile };
  const authorized = { Authorization: `Bearer ${API_KEY}` };

  test('without certificates both doors speak HTTP, as ever', async (context) => {
    const app = await startApp(context);
    assert.match(`${app.phonesUrl} ${app.adminUrl}`, /^http:\/\/127\.0\.0\.1:\d+ http:\/\/127\.0\.0\.1:\d+$/);
    assert.deepEqual(app.phoneUrls, [app.phonesUrl]);
  });

  test('both doors over TLS; URLs say so, the session is for TLS alone', async (context) => {
    const app = await startApp(context, { ...phoneFiles, ...adminFiles });
    assert.match(`${app.phonesUrl} ${app.adminUrl}`, /^https:\/\/127\.0\.0\.1:\d+ https:\/\/127\.0\.0\.1:\d+$/);
    assert.equal(app.publicUrl, app.phonesUrl);
    const tenant = await call(`${app.adminUrl}/api/v1/tenants/acme`, { headers: authorized });
    const { provisioningUrl } = JSON.parse(tenant.body);
    assert.ok(provisioningUrl.startsWith(`${app.phonesUrl}/p/`));
    assert.equal((await call(`${provisioningUrl}${PHONE_MAC}.cfg`)).status, 200);
    assert.match(String(tenant.headers['strict-transport-security']), /^max-age=\d+$/);
    const user = JSON.stringify({ name: 'carol', role: 'viewer', password: 'correct horse battery' });
    const json = { ...authorized, 'Content-Type': 'application/json' };
    assert.equal((await call(`${app.adminUrl}/api/v1/users`, { method: 'POST', headers: json }, user)).status, 201);
    const session = JSON.stringify({ name: 'carol', password: 'correct horse battery' });
    const headers = { 'Content-Type': 'application/json', 'Sec-Fetch-Site': 'same-origin' };
    const entered = await call(`${app.adminUrl}/api/v1/session`, { method: 'POST', headers }, session);
    assert.match(String(entered.headers['set-cookie']), /^__Host-homeport_session=.+; Secure/);
    for (const url of [app.phonesUrl, app.adminUrl]) {
      assert.equal(await shownAt(url, 'TLSv1.2'), 'CN=localhost');
      assert.equal(await shownAt(url, 'TLSv1.1'), null);
    }
  });

  test('HTTP, TLS and old TLS side by side; phones are sent to TLS, old TLS stays where it is', async (context) => {
    const app = await startApp(context, {
      ...phoneFiles,
      HOMEPORT_PHONE_TLS_LISTEN: '127.0.0.1:0',
      HOMEPORT_PHONE_LEGACY_TLS_LISTEN: '127.0.0.1:0',
    });
    const [tls = '', plain = '', legacy = ''] = app.phoneUrls;
    assert.deepEqual([app.phonesUrl, app.publicUrl], [tls, tls]);
    assert.match(app.adminUrl, /^http:/);
    const path = `${await app.folderOf('acme')}${PHONE_MAC}.cfg`;
    const old = { ciphers: 'AES128-SHA@SECLEVEL=0', minVersion: 'TLSv1', maxVersion: 'TLSv1' } as const;
    assert.deepEqual(
      [
        await statusOfPlain(plain + path),
        (await call(tls + path)).status,
        (await call(legacy + path, old)).status,
        await call(tls + path, old).catch(() => 'no way in'),
      ],
      [200, 200, 200, 'no way in'],
    );
  });

  test('new certificates are taken up without a restart; broken ones leave the old, and nobody is cut off', async (context) => {
    const place = temporaryFolder(context);
    const [cert, key] = [join(place, 'tls.pem'), join(place, 'tls.key')];
    const put = (made: Made) => {
      copyFileSync(made.keyFile, key);
      copyFileSync(made.certFile, cert);
    };
    put(pki.server);
    const app = await startApp(context, { HOMEPORT_PHONE_TLS_CERT: cert, HOMEPORT_PHONE_TLS_KEY: key });
    const path = `${await app.folderOf('acme')}${PHONE_MAC}.cfg`;
    assert.equal(await shownAt(app.phonesUrl), 'CN=localhost');
    const { hostname: host, port } = new URL(app.phonesUrl);
    const staying = connect({ host, port: Number(port), rejectUnauthorized: false });
    await once(staying, 'secureConnect');
    staying.on('error', () => undefined);
    put(pki.root);
    await until('the new certificate', async () => (await shownAt(app.phonesUrl)) === 'O=Maker\nCN=Maker Root CA');
    writeFileSync(key, 'not a key');
    await wait(5_000);
    assert.equal(await shownAt(app.phonesUrl), 'O=Maker\nCN=Maker Root CA');
    assert.equal((await call(app.phonesUrl + path)).status, 200);
    put(pki.serverRsa);
    await until('the mended certificate', async () => (await shownAt(app.phonesUrl)) === 'CN=localhost');
    staying.destroy();
  });

  test('a phone with its maker’s certificate needs no token; its state is looked at with each request', async (context) => {
    const app = await startApp(context, { ...phoneFiles, HOMEPORT_PHONE_CAS: pki.cas });
    const { hostname: host, port } = new URL(app.phonesUrl);
    /** A request on a connection of its own, which takes up the session before if there is one. */
    const fetch = async (file: string, shown: Made | null, session?: Buffer) => {
      const socket = connect({
        ...{ host, port: Number(port), rejectUnauthorized: false, maxVersion: 'TLSv1.2' },
        ...(shown === null ? {} : { cert: shown.cert, key: shown.key }),
        ...(session === undefined ? {} : { session }),
      });
      let given = session;
      socket.on('session', (next: Buffer) => {
        given = next;
      });
      await once(socket, 'secureConnect');
      const resumed = socket.isSessionReused();
      socket.write(`GET /${file} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      const text = Buffer.concat(await socket.toArray()).toString();
      return { status: Number(text.slice(9, 12)), resumed, session: given };
    };
    const { good, otherMaker, otherCa, selfSigned, expired } = pki.phones;
    const own = await fetch(`${PHONE_MAC}.cfg`, good);
    assert.deepEqual([own.status, own.resumed], [200, false]);
    const again = await fetch(`${PHONE_MAC}.cfg`, good, own.session);
    assert.deepEqual([again.status, again.resumed], [200, true]);
    assert.equal((await fetch('805ec0a00002.cfg', good)).status, 404, 'the file of another phone');
    for (const shown of [null, otherMaker, otherCa, selfSigned, expired]) {
      assert.equal((await fetch(`${PHONE_MAC}.cfg`, shown)).status, 404);
    }
    await app.api('patch', `phones/${PHONE_MAC}`).send({ enabled: false }).expect(200);
    const disabled = await fetch(`${PHONE_MAC}.cfg`, good, own.session);
    assert.deepEqual([disabled.status, disabled.resumed], [404, true]);
    await app.api('patch', `phones/${PHONE_MAC}`).send({ enabled: true }).expect(200);
    const enabled = await fetch(`${PHONE_MAC}.cfg`, good, own.session);
    assert.deepEqual([enabled.status, enabled.resumed], [200, true]);
  });

  test('a CA that is taken away vouches for nobody any more, nor for connections that are open', async (context) => {
    const cas = join(temporaryFolder(context), 'cas');
    cpSync(pki.cas, cas, { recursive: true });
    const app = await startApp(context, { ...phoneFiles, HOMEPORT_PHONE_CAS: cas });
    const { cert, key } = pki.phones.good;
    // One connection, as long as it lasts: nothing is judged at the handshake alone.
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    context.after(() => agent.destroy());
    const status = async () => (await call(`${app.phonesUrl}/${PHONE_MAC}.cfg`, { cert, key, agent })).status;
    assert.equal(await status(), 200);
    rmSync(join(cas, MAKER, 'maker.pem'));
    await until('the CA to be forgotten', async () => (await status()) === 404);
    copyFileSync(pki.otherRoot.certFile, join(cas, MAKER, 'stolen.pem'));
    await wait(5_000);
    assert.equal(await status(), 404);
    rmSync(join(cas, OTHER_MAKER, 'other.pem'));
    rmSync(join(cas, MAKER, 'stolen.pem'));
    writeFileSync(join(cas, MAKER, 'maker.pem'), `${pki.root.cert}\n${pki.issuing.cert}`);
    await until('the CA to be back', async () => (await status()) === 200);
  });
});
