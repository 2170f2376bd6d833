// Sealed files open with the tool that the manuals name, openssl, and with fixed files made by it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { AppError } from '../../src/domain/errors.ts';
import { textFault } from '../../src/domain/text.ts';
import { saltFor, sealBlocks, sealPassword } from '../../src/vendors/seal.ts';
import { aLine, renderAll } from '../support/world.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const seal = (body: Uint8Array, password: string) => sealPassword(body, password, saltFor(body, password));

const rendered = [
  { vendor: 'grandstream', model: 'GXP2135' },
  { vendor: 'grandstream', model: 'HT802' },
  { vendor: 'yealink', model: 'T46U' },
].flatMap((phone) => [...renderAll({ phone: { ...phone, lines: [aLine({ password: 'Grüße & 密码 🔑' })] } }).values()]);
const bodies = rendered.map((text) => Buffer.from(text, 'utf8'));

const BLOCK_KEY_16 = 'Key-of-16-chars.';
const BLOCK_KEY_32 = '{Key:of=32,chars}[~#$%*+?@^_-.0]';

const isInvalid = (secret: string) => (error: unknown) =>
  error instanceof AppError && error.code === 'invalid' && !error.message.includes(secret);

describe('a file sealed with a password', () => {
  test('has the bytes that openssl writes', () => {
    // printf 'P47=pbxa.example.com\n' | openssl enc -aes-256-cbc -md md5 -k 'correct horse' -S 0001020304050607
    const expected = 'b14bafbb57d83108e03aede5ef5cafc21bb08370dc8aa57bee5f477a0b958ffd';
    const sealed = sealPassword(Buffer.from('P47=pbxa.example.com\n'), 'correct horse', hex('00 01 02 03 04 05 06 07'));
    assert.equal(sealed.toString('latin1', 0, 8), 'Salted__');
    assert.equal(sealed.toString('hex', 8), `0001020304050607${expected}`);
  });

  test('has the same bytes every time', () => {
    for (const body of bodies) assert.deepEqual(seal(body, 'hunter2'), seal(Buffer.from(body), 'hunter2'));
  });

  test('has another salt for another file and for another password', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ maxLength: 200 }), (one, other) => {
        const same = Buffer.from(one).equals(other);
        assert.equal(saltFor(one, 'hunter2').equals(saltFor(other, 'hunter2')), same);
        assert.equal(saltFor(one, 'hunter2').length, 8);
        assert.notDeepEqual(saltFor(one, 'hunter2'), saltFor(one, 'hunter3'));
      }),
    );
  });

  test('refuses a password that a phone cannot hold, and does not quote it', () => {
    const body = Buffer.from('x');
    for (const password of [' hunter2', 'hunter2\n', 'hun\0ter2', 'hunter2\ud800']) {
      assert.throws(() => saltFor(body, password), isInvalid(password));
      assert.throws(() => sealPassword(body, password, Buffer.alloc(8)), isInvalid(password));
    }
    assert.throws(() => seal(body, ''), /must not be empty/);
  });

  test('takes a salt of eight bytes only', () => {
    for (const bytes of [0, 7, 9, 16]) {
      assert.throws(() => sealPassword(Buffer.from('x'), 'hunter2', Buffer.alloc(bytes)), /assertion failed/);
    }
  });
});

describe('a file sealed in blocks', () => {
  const body = Buffer.from('account.1.label = 101\n');

  test('has the bytes that openssl writes', () => {
    // printf 'account.1.label = 101\n' | openssl enc -aes-128-ecb -K <the key in hexadecimal>, then with -aes-256-ecb
    const short = 'e50e3b70967a06fa46ad2949586898cbda95cf10631df88abc841860cc2a6ba6';
    const long = '255422bda1a265a2cbc74196e854399a31d2b48dd91c2eff7d601dbcc2df1e62';
    assert.equal(sealBlocks(body, BLOCK_KEY_16).toString('hex'), short);
    assert.equal(sealBlocks(body, BLOCK_KEY_32).toString('hex'), long);
  });

  test('always ends with padding, a whole block of it where nothing is left over', () => {
    for (const [plain, sealed] of [
      [0, 16],
      [1, 16],
      [15, 16],
      [16, 32],
      [17, 32],
    ] as const) {
      assert.equal(sealBlocks(Buffer.alloc(plain), BLOCK_KEY_16).length, sealed);
    }
  });

  test('has the same bytes every time', () => {
    for (const file of bodies) {
      assert.deepEqual(sealBlocks(file, BLOCK_KEY_16), sealBlocks(Buffer.from(file), BLOCK_KEY_16));
    }
  });

  test('takes every character that phones take, and no other', () => {
    const allowed = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:=?@[]^_{}~';
    for (let code = 0; code < 0x180; code++) {
      const character = String.fromCharCode(code);
      const key = `Key-of-16-chars${character}`;
      if (allowed.includes(character)) assert.equal(sealBlocks(body, key).length, 32);
      else assert.throws(() => sealBlocks(body, key), isInvalid(key), `U+${code.toString(16)}`);
    }
  });

  test('refuses a key of another length, and says how long it is', () => {
    for (const length of [0, 1, 15, 17, 24, 31, 33, 64]) {
      const key = 'k'.repeat(length);
      assert.throws(
        () => sealBlocks(body, key),
        (error: Error) => error instanceof AppError && error.message.endsWith(`this one has ${length}`),
      );
    }
    // Sixteen bytes in UTF-8, but not sixteen characters that a phone takes.
    assert.throws(() => sealBlocks(body, 'ä'.repeat(8)), isInvalid('ä'));
  });
});

const opensslIsHere = spawnSync('openssl', ['version']).status === 0;

describe('openssl', { skip: opensslIsHere ? false : 'skipped: openssl is not installed' }, () => {
  const openssl = (args: readonly string[], input: Buffer): Buffer => {
    const { status, stdout, stderr } = spawnSync('openssl', ['enc', '-d', ...args], { input });
    assert.equal(status, 0, String(stderr));
    return stdout;
  };
  const openPassword = (sealed: Buffer, password: string) =>
    openssl(['-aes-256-cbc', '-md', 'md5', '-k', password], sealed);
  const openBlocks = (sealed: Buffer, key: string) =>
    openssl([`-aes-${key.length * 8}-ecb`, '-K', Buffer.from(key).toString('hex')], sealed);

  const anyBody = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
  const anyPassword = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
    .map((text) => text.trim())
    .filter((text) => text !== '' && textFault(text) === null);
  const anyKey = fc
    .tuple(
      fc.constantFrom(16, 32),
      fc.array(fc.constantFrom(...'09AZaz#$%*+,-.:=?@[]^_{}~'), { minLength: 32, maxLength: 32 }),
    )
    .map(([length, characters]) => characters.slice(0, length).join(''));
  // Each run starts a process.
  const runs = { numRuns: 40 };

  test('opens rendered files, each as it was', () => {
    for (const body of bodies) {
      assert.deepEqual(openPassword(seal(body, 'correct horse & $taple'), 'correct horse & $taple'), body);
      assert.deepEqual(openBlocks(sealBlocks(body, BLOCK_KEY_16), BLOCK_KEY_16), body);
      assert.deepEqual(openBlocks(sealBlocks(body, BLOCK_KEY_32), BLOCK_KEY_32), body);
    }
  });

  test('opens any bytes under any password', () => {
    fc.assert(
      fc.property(anyBody, anyPassword, (body, password) => {
        assert.deepEqual(openPassword(seal(body, password), password), body);
      }),
      runs,
    );
  });

  test('opens any bytes under any key', () => {
    fc.assert(
      fc.property(anyBody, anyKey, (body, key) => {
        assert.deepEqual(openBlocks(sealBlocks(body, key), key), body);
      }),
      runs,
    );
  });

  test('opens files whose password looks like an option or a variable', () => {
    for (const password of ['-nosalt', '-', '$HOME', 'file:x', '%', '#;&<>"']) {
      assert.deepEqual(openPassword(seal(Buffer.from('P2=x'), password), password).toString(), 'P2=x');
    }
  });

  test('opens nothing with another password', () => {
    const body = bodies[0] ?? assert.fail('no rendered file');
    const { stdout } = spawnSync('openssl', ['enc', '-d', '-aes-256-cbc', '-md', 'md5', '-k', 'hunter3'], {
      input: seal(body, 'hunter2'),
    });
    assert.notDeepEqual(stdout, body);
  });
});
