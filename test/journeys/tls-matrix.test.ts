// Every way in which a phone can come, and what it proves: versions of TLS, with and without a server name, each kind of
// certificate, at each listener; through a proxy's header, and with forged ones.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request as ask } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect, type SecureVersion } from 'node:tls';
import { promisify } from 'node:util';
import { clientAddress, isSecure } from '../../src/http/address.ts';
import { type OpenDoor, openDoor, PHONE_LIMITS, type Place } from '../../src/http/listen.ts';
import type { ProxyRules } from '../../src/http/proxies.ts';
import { openTrust } from '../../src/http/trust.ts';
import { MAKER, makePki, noOpenssl, OTHER_MAKER, PHONE_MAC, type Pki } from '../support/certificates.ts';
import { vendors } from '../support/world.ts';

const SECRET = 'a-secret-of-the-proxy';
const VERSIONS: SecureVersion[] = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];
const SPOKEN = { https: ['TLSv1.2', 'TLSv1.3'], legacy: ['TLSv1', 'TLSv1.1', 'TLSv1.2'] } as const;

/** What each certificate proves. All that is not here proves nothing. */
const PROVES: Record<string, string> = {
  good: `${MAKER} ${PHONE_MAC}`,
  otherMaker: `${OTHER_MAKER} 64167fa00001`,
};

const skip = noOpenssl() ?? false;
const folder = mkdtempSync(join(tmpdir(), 'homeport-matrix-'));
after(() => rmSync(folder, { recursive: true, force: true }));

describe('who a phone is proven to be', { skip }, () => {
  if (skip) return;
  const pki: Pki = makePki(folder);
  const doors: Record<string, OpenDoor> = {};
  const refreshes: Record<string, (now: number) => void> = {};
  const rules = (more: Partial<ProxyRules>): ProxyRules => ({
    ...{ networks: [], header: 'x-forwarded-for', certificateHeader: null, secret: null },
    ...more,
  });

  const open = async (speaks: Place['speaks'], proxies: ProxyRules) => {
    const files = [pki.server, pki.serverRsa];
    const phoneTls = { certificates: files.map((made) => made.certFile), keys: files.map((made) => made.keyFile) };
    const trust = openTrust(
      { phoneTls, adminTls: null, phoneLegacyTlsListen: {}, phoneCas: pki.cas, proxies },
      vendors,
      Date.now,
    );
    refreshes[speaks] = trust.refresh;
    const listen = { host: '127.0.0.1', port: 0 };
    return openDoor(
      (request, response) => {
        const proof = trust.certificateOf(request);
        const who = proof === null ? 'nobody' : `${proof.vendor} ${proof.mac}`;
        response.end(JSON.stringify([who, clientAddress(request), isSecure(request)]));
      },
      {
        ...{ name: 'TEST', listen, speaks, tls: trust.phoneTls, proxies: trust.proxies, limits: PHONE_LIMITS },
        ...{ asksCertificate: trust.asksCertificate, connectionsPerAddress: 1_000 },
      },
    );
  };

  before(async () => {
    const networks = ['127.0.0.1'];
    doors.https = await open('https', rules({}));
    doors.legacy = await open('legacy', rules({}));
    doors.trusting = await open('http', rules({ networks, certificateHeader: 'client-cert' }));
    doors.secret = await open('http', rules({ networks, certificateHeader: 'client-cert', secret: SECRET }));
    doors.addressOnly = await open('http', rules({ networks }));
    doors.trustingNobody = await open('http', rules({}));
  });
  after(() => Promise.all(Object.values(doors).map((door) => door.close())));
  const portOf = (door: string) => doors[door]?.port ?? 0;

  /** What a handshake leads to: who one is, or that there is no way in. */
  async function handshake(
    door: string,
    more: { version: SecureVersion; name: boolean; phone: string; session?: Buffer; header?: string },
  ) {
    const shown = pki.phones[more.phone as keyof typeof pki.phones];
    const socket = connect({
      ...{ host: '127.0.0.1', port: portOf(door), rejectUnauthorized: false, ciphers: 'DEFAULT@SECLEVEL=0' },
      ...{ minVersion: more.version, maxVersion: more.version },
      ...(more.name ? { servername: 'localhost' } : {}),
      ...(shown === undefined ? {} : { cert: shown.cert, key: shown.key }),
      ...(more.session === undefined ? {} : { session: more.session }),
    });
    let session: Buffer | null = null;
    socket.on('session', (given: Buffer) => {
      session = given;
    });
    try {
      await once(socket, 'secureConnect');
      const pieces: Buffer[] = [];
      socket.on('data', (piece: Buffer) => pieces.push(piece));
      socket.write(`GET / HTTP/1.1\r\nHost: x\r\n${more.header ?? ''}Connection: close\r\n\r\n`);
      await once(socket, 'end');
      const [who] = JSON.parse(Buffer.concat(pieces).toString().split('\r\n\r\n')[1] ?? '[]') as [string];
      return { who, resumed: socket.isSessionReused(), session: session as Buffer | null };
    } catch {
      return { who: 'no way in', resumed: false, session: null };
    } finally {
      socket.destroy();
    }
  }

  for (const door of ['https', 'legacy'] as const) {
    test(`directly, at the ${door} listener`, async () => {
      const [found, expected]: Record<string, string>[] = [{}, {}];
      for (const version of VERSIONS) {
        for (const name of [true, false]) {
          for (const phone of ['none', ...Object.keys(pki.phones)]) {
            const row = `${version}, ${name ? 'a server name' : 'no server name'}, ${phone}`;
            const isSpoken = (SPOKEN[door] as readonly string[]).includes(version);
            Object.assign(expected ?? {}, { [row]: isSpoken ? (PROVES[phone] ?? 'nobody') : 'no way in' });
            Object.assign(found ?? {}, { [row]: (await handshake(door, { version, name, phone })).who });
          }
        }
      }
      assert.deepEqual(found, expected);
      assert.equal(Object.keys(found ?? {}).length, 4 * 2 * (1 + Object.keys(pki.phones).length));
    });

    test(`a session that is taken up again proves what it did, at the ${door} listener`, async () => {
      for (const version of SPOKEN[door]) {
        for (const phone of ['good', 'selfSigned', 'sha1']) {
          const first = await handshake(door, { version, name: true, phone });
          assert.ok(first.session !== null, `${version} hands out sessions`);
          const again = await handshake(door, { version, name: true, phone, session: first.session });
          assert.deepEqual([again.who, again.resumed], [PROVES[phone] ?? 'nobody', true], `${version} ${phone}`);
        }
      }
    });
  }

  test('a session lives for an hour at most, and its keys too', async () => {
    const client = ['s_client', '-connect', `127.0.0.1:${portOf('https')}`, '-tls1_2'];
    const { stdout } = await promisify(execFile)('sh', ['-c', `openssl ${client.join(' ')} </dev/null 2>&1`]);
    assert.match(stdout, /ticket lifetime hint: 3600 \(seconds\)/);
    const first = await handshake('https', { version: 'TLSv1.2', name: true, phone: 'good' });
    const session = first.session ?? Buffer.alloc(0);
    const again = async () =>
      (await handshake('https', { version: 'TLSv1.2', name: true, phone: 'good', session })).resumed;
    refreshes.https?.(Date.now() + 3_590_000);
    assert.equal(await again(), true);
    refreshes.https?.(Date.now() + 3_600_000);
    assert.equal(await again(), false);
  });

  test('both kinds of door certificates are there, and an old phone gets the RSA one', async () => {
    const subjectKey = (ciphers: string, port: number, maxVersion: SecureVersion) => {
      const socket = connect({
        host: '127.0.0.1',
        port,
        rejectUnauthorized: false,
        ciphers,
        maxVersion,
        minVersion: 'TLSv1',
      });
      return once(socket, 'secureConnect').then(() => {
        const { publicKey } = socket.getPeerX509Certificate() ?? {};
        socket.destroy();
        return publicKey?.asymmetricKeyType;
      });
    };
    assert.equal(await subjectKey('ECDHE-ECDSA-AES128-GCM-SHA256', portOf('https'), 'TLSv1.2'), 'ec');
    assert.equal(await subjectKey('ECDHE-RSA-AES128-GCM-SHA256', portOf('https'), 'TLSv1.2'), 'rsa');
    assert.equal(await subjectKey('AES128-SHA@SECLEVEL=0', portOf('legacy'), 'TLSv1'), 'rsa');
    await assert.rejects(subjectKey('AES128-SHA@SECLEVEL=0', portOf('https'), 'TLSv1'));
  });

  test('a header at a TLS listener proves nothing', async () => {
    const der = new X509Certificate(pki.phones.good.cert).raw.toString('base64');
    const header = `Client-Cert: :${der}:\r\n`;
    const { who } = await handshake('https', { version: 'TLSv1.3', name: true, phone: 'none', header });
    assert.equal(who, 'nobody');
  });

  const get = async (door: string, from: string, headers: Record<string, string>) => {
    const request = ask({ host: '127.0.0.1', port: portOf(door), localAddress: from, headers, agent: false }).end();
    const [response] = await once(request, 'response');
    const pieces: Buffer[] = await response.toArray();
    return JSON.parse(Buffer.concat(pieces).toString()) as [who: string, address: string, secure: boolean];
  };

  const forms: Record<string, (cert: string) => string> = {
    'RFC 9440': (cert) => `:${new X509Certificate(cert).raw.toString('base64')}:`,
    'base64 of DER': (cert) => new X509Certificate(cert).raw.toString('base64'),
    'escaped PEM': (cert) => encodeURIComponent(cert),
  };

  test('through a header: the same certificates prove the same, from a proxy of ours alone', async () => {
    const ways: [door: string, from: string, more: Record<string, string>, believed: boolean][] = [
      ['trusting', '127.0.0.1', {}, true],
      ['trusting', '127.0.0.2', {}, false],
      ['trustingNobody', '127.0.0.1', {}, false],
      ['addressOnly', '127.0.0.1', {}, false],
      ['secret', '127.0.0.1', { 'x-homeport-proxy-secret': SECRET }, true],
      ['secret', '127.0.0.1', {}, false],
      ['secret', '127.0.0.1', { 'x-homeport-proxy-secret': 'another-secret-it-is' }, false],
      ['secret', '127.0.0.2', { 'x-homeport-proxy-secret': SECRET }, false],
    ];
    const [found, expected]: Record<string, string>[] = [{}, {}];
    for (const [door, from, more, believed] of ways) {
      for (const [form, write] of Object.entries(forms)) {
        for (const [phone, { cert }] of Object.entries(pki.phones)) {
          const row = `${door} from ${from} ${JSON.stringify(more)}, ${form}, ${phone}`;
          const [who] = await get(door, from, { ...more, 'client-cert': write(cert) });
          Object.assign(found ?? {}, { [row]: who });
          Object.assign(expected ?? {}, { [row]: believed ? (PROVES[phone] ?? 'nobody') : 'nobody' });
        }
      }
    }
    assert.deepEqual(found, expected);
  });

  test('a client that writes the header before the proxy does gains nothing', async () => {
    const good = encodeURIComponent(pki.phones.good.cert);
    const own = encodeURIComponent(pki.phones.generic.cert);
    for (const value of [`${good}, ${own}`, `${own}, ${good}`, `${good}${own}`]) {
      assert.equal((await get('trusting', '127.0.0.1', { 'client-cert': value }))[0], 'nobody');
    }
  });

  test('the address and TLS of the client come along the same way', async () => {
    const headers = { 'x-forwarded-for': '198.51.100.1', 'x-forwarded-proto': 'https' };
    assert.deepEqual(await get('trusting', '127.0.0.1', headers), ['nobody', '198.51.100.1', true]);
    assert.deepEqual(await get('trusting', '127.0.0.2', headers), ['nobody', '127.0.0.2', false]);
    assert.deepEqual(await get('secret', '127.0.0.1', headers), ['nobody', '127.0.0.1', false]);
  });
});
