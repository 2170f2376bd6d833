// Certificates and keys from files: what is refused, and what happens when they change under a running door.
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { openTls, tlsFacts, watch } from '../../src/http/tls.ts';
import { log } from '../../src/log.ts';
import { makeCertificate, noOpenssl } from '../support/certificates.ts';

const skip = noOpenssl() ?? false;
const folder = mkdtempSync(join(tmpdir(), 'homeport-tls-files-'));
after(() => rmSync(folder, { recursive: true, force: true }));

describe('files of a door', { skip }, () => {
  if (skip) return;
  const one = makeCertificate(folder, 'one', { subject: '/CN=one' });
  const two = makeCertificate(folder, 'two', { subject: '/CN=two', days: [-9, -1] });
  const rubbish = join(folder, 'rubbish.pem');
  const locked = join(folder, 'locked.pem');
  writeFileSync(rubbish, 'nothing of use');
  writeFileSync(locked, '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n');

  const refusals: [name: string, cert: string, key: string, said: RegExp][] = [
    ['no certificate file', join(folder, 'gone.pem'), one.keyFile, /^\S+gone\.pem does not exist$/],
    ['no key file', one.certFile, join(folder, 'gone.key'), /^\S+gone\.key does not exist$/],
    ['a directory', folder, one.keyFile, /cannot be read \(EISDIR\)$/],
    [
      'the key of another certificate',
      one.certFile,
      two.keyFile,
      /two\.key is the key of another certificate than \S+one\.pem$/,
    ],
    ['no certificate in it', rubbish, one.keyFile, /rubbish\.pem holds no certificate in PEM form/],
    ['no key in it', one.certFile, rubbish, /rubbish\.pem holds no private key in PEM form/],
    ['the two files mixed up', one.keyFile, one.certFile, /one\.key holds no certificate/],
    ['a key behind a passphrase', one.certFile, locked, /locked\.pem is locked by a passphrase/],
  ];
  for (const [name, cert, key, said] of refusals) {
    test(`${name}: refused in one line, without what stands in the file`, () => {
      const files = { certificates: [cert], keys: [key] };
      const fault = (error: Error) => {
        assert.match(error.message, said);
        return !error.message.includes('\n') && !error.message.includes('nothing of use');
      };
      assert.throws(() => openTls(files, null, 0), fault);
      const [facts] = tlsFacts(files);
      assert.match(facts?.fault ?? '', said);
    });
  }

  test('a key that others can read is told, one for its owner alone is not; the date is told', () => {
    const files = { certificates: [one.certFile, two.certFile], keys: [one.keyFile, two.keyFile] };
    chmodSync(one.keyFile, 0o644);
    chmodSync(two.keyFile, 0o600);
    const facts = tlsFacts(files);
    assert.deepEqual(
      facts.map(({ openKey, fault, expires }) => [openKey, fault, (expires?.getTime() ?? 0) > Date.now()]),
      [
        [one.keyFile, null, true],
        [null, null, false],
      ],
    );
  });

  test('files are taken up when they are at rest; broken ones are told once and change nothing', (context) => {
    const file = join(folder, 'watched');
    const told: string[] = [];
    for (const level of ['info', 'error'] as const) context.mock.method(log, level, () => void told.push(level));
    let at = 1_000;
    const write = (text: string) => {
      writeFileSync(file, text);
      at += 10;
      utimesSync(file, at, at);
    };
    let text = 'first';
    const make = () => {
      if (text === 'broken') throw new Error('it is broken');
      return text;
    };
    write(text);
    const watched = watch(() => [file], make);
    const look = (times = 1) => {
      for (let time = 0; time < times; time += 1) watched.refresh();
      return watched.current();
    };
    assert.equal(look(3), 'first');
    text = 'second';
    write('half');
    assert.equal(look(), 'first', 'just written');
    write(text);
    assert.equal(look(), 'first', 'written again');
    assert.equal(look(), 'second', 'at rest');
    text = 'broken';
    write(text);
    assert.equal(look(5), 'second');
    assert.deepEqual(told, ['info', 'error']);
    text = 'third';
    write(text);
    assert.equal(look(2), 'third');
    rmSync(file);
    text = 'broken';
    assert.equal(look(5), 'third');
    assert.deepEqual(told, ['info', 'error', 'info', 'error']);
  });
});
