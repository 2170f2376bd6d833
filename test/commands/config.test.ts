import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { localUrl, networkUrl, readConfig } from '../../src/config.ts';

describe('the environment', () => {
  test('with nothing set, everything has a place and the demo world is wanted', () => {
    const config = readConfig({});
    assert.deepEqual(config, {
      databaseUrl: 'file:data/homeport.db',
      keyFile: 'data/homeport.key',
      phoneListen: { host: '0.0.0.0', port: 8080 },
      phoneTls: null,
      phoneTlsListen: null,
      phoneLegacyTlsListen: null,
      phoneCas: null,
      adminListen: { host: '127.0.0.1', port: 8081 },
      adminTls: null,
      proxies: { networks: [], header: 'x-forwarded-for', certificateHeader: null, secret: null },
      connectionsPerAddress: 64,
      basicWithoutTls: false,
      sweepMacs: 50,
      publicUrl: null,
      adminUrl: null,
      demo: true,
      apiKey: null,
      templates: null,
      firmware: null,
      backups: null,
      backupKeyFile: null,
      backupIncludesKey: false,
      isConfigured: false,
      logLevel: 'info',
    });
  });
  test('whoever names a database or a URL gets no demo world, unless asked', () => {
    assert.equal(readConfig({ HOMEPORT_DATABASE_URL: 'file:/var/lib/homeport/x.db' }).demo, false);
    assert.equal(readConfig({ HOMEPORT_PUBLIC_URL: 'https://prov.example.com/' }).demo, false);
    assert.equal(readConfig({ HOMEPORT_ADMIN_URL: 'https://homeport.example.com' }).demo, false);
    assert.equal(readConfig({ HOMEPORT_DATABASE_URL: 'file:x.db', HOMEPORT_DEMO: '1' }).demo, true);
    assert.equal(readConfig({ HOMEPORT_DEMO: '0' }).demo, false);
    assert.equal(readConfig({ HOMEPORT_PHONE_LISTEN: '127.0.0.1:0' }).demo, true);
  });
  test('the key stands beside the database, unless it is told where', () => {
    assert.equal(readConfig({ HOMEPORT_DATABASE_URL: 'file:/srv/x/y.db' }).keyFile, '/srv/x/homeport.key');
    assert.equal(readConfig({ HOMEPORT_KEY_FILE: '/etc/k' }).keyFile, '/etc/k');
  });
  test('URLs lose the slash at their end', () => {
    const { publicUrl, adminUrl } = readConfig({
      HOMEPORT_PUBLIC_URL: 'http://prov.example.com//',
      HOMEPORT_ADMIN_URL: 'https://homeport.example.com/',
    });
    assert.deepEqual([publicUrl, adminUrl], ['http://prov.example.com', 'https://homeport.example.com']);
  });
  test('every mistake is told, not only the first, and no secret with it', () => {
    const wrong = {
      HOMEPORT_DATABASE_URL: 'mysql://x',
      HOMEPORT_PHONE_LISTEN: '8080',
      HOMEPORT_ADMIN_LISTEN: 'localhost:99999',
      HOMEPORT_PUBLIC_URL: 'ftp://x',
      HOMEPORT_ADMIN_URL: 'homeport.example.com',
      HOMEPORT_DEMO: 'yes',
      HOMEPORT_API_KEY: 'short-secret',
    };
    assert.throws(
      () => readConfig(wrong),
      (error: Error) =>
        Object.keys(wrong).every((name) => error.message.includes(name)) && !error.message.includes('short-secret'),
    );
  });
  test('addresses of the sixth generation', () => {
    assert.deepEqual(readConfig({ HOMEPORT_PHONE_LISTEN: '[::1]:9' }).phoneListen, { host: '::1', port: 9 });
    assert.equal(localUrl({ host: '::1', port: 9 }), 'http://[::1]:9');
    assert.equal(localUrl({ host: '::', port: 9 }), 'http://127.0.0.1:9');
  });
  test('a listener on every address is reached at a real one', () => {
    assert.match(networkUrl({ host: '0.0.0.0', port: 9 }), /^http:\/\/(?!0\.)[\d.]+:9$/);
    assert.equal(networkUrl({ host: '10.0.0.5', port: 9 }), 'http://10.0.0.5:9');
  });
});
