// What is wrong with certificates, proxies and places is said in one line, and the server does not start.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { readConfig } from '../../src/config.ts';
import { AppError } from '../../src/domain/errors.ts';
import { serve } from '../../src/main.ts';
import { makeCertificate, noOpenssl } from '../support/certificates.ts';
import { cleanEnvironment, ROOT, run, start } from '../support/commands.ts';

const skip = noOpenssl() ?? false;
const folder = mkdtempSync(join(tmpdir(), 'homeport-faults-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const taken = createServer().listen(0, '127.0.0.1');
after(() => taken.close());
const takenPort = () => (taken.address() as { port: number }).port;

const environment = (name: string, more: Record<string, string>) =>
  cleanEnvironment({
    HOMEPORT_DATABASE_URL: `file:${join(folder, `${name.replaceAll(/\W/g, '')}.db`)}`,
    ...{ HOMEPORT_PHONE_LISTEN: '127.0.0.1:0', HOMEPORT_ADMIN_LISTEN: '127.0.0.1:0', HOMEPORT_LOG_LEVEL: 'error' },
    ...more,
  });
const homeport = (verb: string, name: string, more: Record<string, string>, ...options: string[]) => {
  const command = [join(ROOT, 'src/homeport.js'), verb, ...options];
  return run(process.execPath, command, { cwd: ROOT, env: environment(name, more) });
};

describe('wrong configuration', { skip }, () => {
  if (skip) return;
  const one = makeCertificate(folder, 'one', { subject: '/CN=one' });
  const two = makeCertificate(folder, 'two', { subject: '/CN=two', days: [-9, -1] });
  const cas = join(folder, 'cas');
  mkdirSync(join(cas, 'yealink'), { recursive: true });
  writeFileSync(join(cas, 'yealink', 'ca.pem'), 'rubbish');
  const tls = (certFile: string, keyFile: string) => ({
    HOMEPORT_PHONE_TLS_CERT: certFile,
    HOMEPORT_PHONE_TLS_KEY: keyFile,
  });

  const refusals: [name: string, more: Record<string, string>, said: RegExp][] = [
    ['a key file that is not there', tls(one.certFile, '/nowhere.key'), /\/nowhere\.key does not exist/],
    [
      'the key of another certificate',
      tls(one.certFile, two.keyFile),
      /two\.key is the key of another certificate than/,
    ],
    [
      'more certificates than keys',
      tls(`${one.certFile},${two.certFile}`, one.keyFile),
      /must name as many files.*2 and 1/,
    ],
    [
      'a certificate without a key',
      { HOMEPORT_PHONE_TLS_CERT: one.certFile },
      /HOMEPORT_PHONE_TLS_KEY must name as many/,
    ],
    [
      'TLS of the admin door',
      { HOMEPORT_ADMIN_TLS_CERT: '/x.pem', HOMEPORT_ADMIN_TLS_KEY: '/x' },
      /\/x\.pem does not exist/,
    ],
    [
      'a TLS place without certificate',
      { HOMEPORT_PHONE_TLS_LISTEN: '127.0.0.1:0' },
      /TLS_LISTEN needs HOMEPORT_PHONE_TLS_CERT/,
    ],
    [
      'old TLS without RSA',
      { ...tls(one.certFile, one.keyFile), HOMEPORT_PHONE_LEGACY_TLS_LISTEN: '127.0.0.1:0' },
      /needs a certificate with an RSA key/,
    ],
    ['an old TLS place alone', { HOMEPORT_PHONE_LEGACY_TLS_LISTEN: '127.0.0.1:0' }, /LEGACY_TLS_LISTEN needs/],
    ['CA files that are none', { HOMEPORT_PHONE_CAS: cas }, /ca\.pem holds no certificate in PEM form/],
    ['no directory of CA files', { HOMEPORT_PHONE_CAS: '/nowhere' }, /\/nowhere does not exist/],
    ['everybody as proxy', { HOMEPORT_TRUSTED_PROXIES: '0.0.0.0/0' }, /0\.0\.0\.0\/0 is too wide: at least \/8/],
    ['half of everybody', { HOMEPORT_TRUSTED_PROXIES: '10.0.0.1,128.0.0.0/1' }, /128\.0\.0\.0\/1 is too wide/],
    ['everybody of IPv6', { HOMEPORT_TRUSTED_PROXIES: '::/0' }, /::\/0 is too wide: at least \/32/],
    ['true as proxy', { HOMEPORT_TRUSTED_PROXIES: 'true' }, /true is no address and no network/],
    [
      'a certificate from nobody',
      { HOMEPORT_PROXY_CERTIFICATE: 'Client-Cert' },
      /HOMEPORT_PROXY_CERTIFICATE needs HOMEPORT_TRUSTED_PROXIES/,
    ],
    [
      'a certificate that nobody verifies',
      { HOMEPORT_PROXY_CERTIFICATE: 'Client-Cert', HOMEPORT_TRUSTED_PROXIES: '10.0.0.1' },
      /needs HOMEPORT_PHONE_CAS/,
    ],
    ['another header', { HOMEPORT_PROXY_HEADER: 'X-Real-IP' }, /must be X-Forwarded-For or Forwarded/],
    [
      'a short secret',
      { HOMEPORT_PROXY_SECRET: 'short-secret', HOMEPORT_TRUSTED_PROXIES: '::1' },
      /at least 16 characters/,
    ],
    ['no connections', { HOMEPORT_CONNECTIONS_PER_ADDRESS: '0' }, /must be a number from 1/],
    [
      'an address of another machine',
      { HOMEPORT_PHONE_LISTEN: '192.0.2.1:8080' },
      /192\.0\.2\.1 port 8080 is no address of this machine/,
    ],
  ];
  for (const [name, more, said] of refusals) {
    test(`${name}: refused in one line, and nothing is open`, async () => {
      const refused = async () => {
        const serving = await serve(readConfig({ ...environment(name, more), HOMEPORT_LOG_LEVEL: 'silent' }));
        await serving.close();
      };
      await assert.rejects(refused, (error: Error) => {
        assert.ok(error instanceof AppError, String(error));
        assert.match(error.message, said);
        return !/\n|short-secret|rubbish/.test(error.message);
      });
    });
  }

  test('on the command line it is one line, exit 1 and no line for programs', async () => {
    const [fault, message] = [tls(one.certFile, two.keyFile), `${two.keyFile} is the key of another certificate than`];
    const { code, out, err } = await homeport('serve', 'line', fault);
    assert.deepEqual([code, out, err], [1, '', `homeport: ${message} ${one.certFile}\n`]);
  });

  test('a port that is taken, at either door', async () => {
    for (const name of ['HOMEPORT_PHONE_LISTEN', 'HOMEPORT_ADMIN_LISTEN']) {
      const place = { [name]: `127.0.0.1:${takenPort()}`, HOMEPORT_LOG_LEVEL: 'silent' };
      await assert.rejects(serve(readConfig(environment('taken', place))), {
        code: 'unavailable',
        message: `${name}: 127.0.0.1 port ${takenPort()} is taken by another program: stop it, or choose another port`,
      });
    }
  });

  test('a key that others can read is told and used, and the line for programs says https', async (context) => {
    chmodSync(one.keyFile, 0o644);
    context.after(() => chmodSync(one.keyFile, 0o600));
    const more = { ...tls(one.certFile, one.keyFile), HOMEPORT_LOG_LEVEL: 'warn' };
    const both = { ...more, HOMEPORT_ADMIN_TLS_CERT: one.certFile, HOMEPORT_ADMIN_TLS_KEY: one.keyFile };
    const command = [join(ROOT, 'src/homeport.js'), 'serve'];
    const running = start(process.execPath, command, { cwd: ROOT, env: environment('open key', both) });
    context.after(() => running.kill());
    const [line] = await running.line(/^ready .*$/m, 60_000);
    assert.match(line, /^ready phones=https:\/\/127\.0\.0\.1:\d+ admin=https:\/\/127\.0\.0\.1:\d+$/);
    running.child.kill('SIGTERM');
    const { code, err } = await running.ended;
    assert.equal(code, 0);
    assert.match(err, /one\.key".*others than its owner can read a private key/);
  });

  test('check tells of certificates: how long, expired, broken, and of keys that others can read', async () => {
    chmodSync(one.keyFile, 0o644);
    const more = {
      ...tls(`${one.certFile},${two.certFile}`, `${one.keyFile},${two.keyFile}`),
      HOMEPORT_PHONE_LEGACY_TLS_LISTEN: '127.0.0.1:0',
      ...{ HOMEPORT_ADMIN_TLS_CERT: '/nowhere.pem', HOMEPORT_ADMIN_TLS_KEY: '/nowhere.key', HOMEPORT_PHONE_CAS: cas },
    };
    const { out } = await homeport('check', 'checked', more, '--json');
    chmodSync(one.keyFile, 0o600);
    const findings: { code: string; message: string; severity: string }[] = JSON.parse(out);
    const found = findings
      .filter(({ code }) => /^certificate\.|^door\.legacy/.test(code))
      .map(
        ({ code, severity, message }) =>
          `${severity} ${code}: ${message.replaceAll(`${folder}/`, '').replace(/\d{4}-\d\d-\d\d/, 'DAY')}`,
      );
    assert.deepEqual(found.sort(), [
      'error certificate.broken: the CA files in cas cannot be used: cas/yealink/ca.pem holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)',
      'error certificate.broken: the certificate /nowhere.pem cannot be used: /nowhere.pem does not exist',
      'ok certificate.valid: the certificate one.pem is valid until DAY',
      'warning certificate.expired: the certificate two.pem has expired on DAY',
      'warning certificate.key: others than its owner can read the private key one.key',
      'warning door.legacy: HOMEPORT_PHONE_LEGACY_TLS_LISTEN is open: what passes there, passwords too, is weakly encrypted',
    ]);
  });
});

test('every place of the phones has its URL, and phones are sent to TLS where there is any', () => {
  const tls = { HOMEPORT_PHONE_TLS_CERT: 'a.pem, b.pem', HOMEPORT_PHONE_TLS_KEY: 'a.key,b.key' };
  const config = readConfig({
    ...tls,
    HOMEPORT_TRUSTED_PROXIES: '10.0.0.0/8, ::1',
    HOMEPORT_PROXY_HEADER: 'Forwarded',
  });
  assert.deepEqual(config.phoneTls, { certificates: ['a.pem', 'b.pem'], keys: ['a.key', 'b.key'] });
  assert.deepEqual(config.proxies, {
    networks: ['10.0.0.0/8', '::1'],
    header: 'forwarded',
    certificateHeader: null,
    secret: null,
  });
});
