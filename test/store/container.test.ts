// The file of a backup: what goes in comes out, and whatever is cut off, changed, moved or added is found.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { AppError } from '../../src/domain/errors.ts';
import { openContainer, PART_BYTES, readHeader, type Sealing, writeContainer } from '../../src/store/container.ts';
import { temporaryFolder } from '../support/app.ts';

const KEY: Sealing = { kind: 'keyFile', key: Buffer.alloc(32, 7) };
const FACTS = {
  product: '0.1.0',
  schema: ['0001_init'],
  at: '2026-03-04T05:06:07.089Z',
  bytes: 1,
  sha256: '0'.repeat(64),
  counts: { tenants: 1, phones: 2, lines: 3, users: 4, auditEntries: 5 },
  includesKey: false,
};

function written(file: string, parts: readonly Buffer[], sealing = KEY): Buffer {
  const handle = openSync(file, 'wx', 0o600);
  writeContainer(handle, sealing, FACTS, parts);
  closeSync(handle);
  return readFileSync(file);
}

/** What comes out of a file; null when this does not open it. */
function read(file: string, sealings: readonly Sealing[] = [KEY]): Buffer[] | null {
  const handle = openSync(file, 'r');
  try {
    const opened = openContainer(handle, file, sealings);
    return opened === null ? null : [...opened.parts];
  } finally {
    closeSync(handle);
  }
}

/** The places where parts begin, and where the last one ends. */
function boundaries(bytes: Buffer): number[] {
  let at = 0;
  for (let line = 0; line < 3; line++) at = bytes.indexOf(10, at) + 1;
  const places = [at];
  while (at < bytes.length) {
    at += 4 + bytes.readUInt32BE(at);
    places.push(at);
  }
  return places;
}

function aFile(context: TestContext, parts: readonly Buffer[]): { file: string; bytes: Buffer } {
  const file = join(temporaryFolder(context), 'x.backup');
  return { file, bytes: written(file, parts) };
}

const PARTS = [Buffer.from('{}'), randomBytes(3_000), Buffer.alloc(5_000, 1), randomBytes(10)];

test('what goes in comes out, part by part, of any size up to the limit', (context) => {
  const folder = temporaryFolder(context);
  let number = 0;
  const part = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.integer({ min: 0, max: PART_BYTES }).map((length) => new Uint8Array(randomBytes(length))),
  );
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 4 }), (given) => {
      const parts = given.map((one) => Buffer.from(one));
      const file = join(folder, `${number++}`);
      written(file, parts);
      const found = read(file) ?? assert.fail('it opens');
      assert.equal(found.length, parts.length);
      for (const [index, one] of found.entries()) assert.ok(one.equals(parts[index] ?? Buffer.alloc(0)));
    }),
    { numRuns: 12 },
  );
});

test('the header says what is in it, and nothing of what was sealed stands in clear', (context) => {
  const secret = 'a password that nobody should read';
  const { file, bytes } = aFile(context, [Buffer.from(secret)]);
  const { salt, keyCheck, sealedWith, format, ...facts } = readHeader(file);
  assert.deepEqual(facts, FACTS);
  assert.deepEqual([format, sealedWith.kind], [1, 'keyFile']);
  assert.ok(!bytes.includes(secret));
  assert.ok(!bytes.includes(Buffer.alloc(32, 7)));
  assert.ok(salt !== keyCheck);
});

test('the same twice is sealed differently', (context) => {
  const one = aFile(context, PARTS).bytes;
  const other = aFile(context, PARTS).bytes;
  const bodies = [one, other].map((bytes) => bytes.subarray(boundaries(bytes)[0]));
  assert.ok(!bodies[0]?.equals(bodies[1] ?? Buffer.alloc(0)));
});

describe('what does not fit', () => {
  test('another key opens nothing, and is told from a broken file', (context) => {
    const { file } = aFile(context, PARTS);
    assert.equal(read(file, [{ kind: 'keyFile', key: Buffer.alloc(32, 8) }]), null);
    assert.equal(read(file, [{ kind: 'passphrase', text: 'correct horse battery' }]), null);
    assert.equal(read(file, [{ kind: 'keyFile', key: Buffer.alloc(32, 8) }, KEY])?.length, PARTS.length);
  });
  test('a passphrase opens what it has sealed, and another one does not', (context) => {
    const file = join(temporaryFolder(context), 'x.backup');
    const sealing: Sealing = { kind: 'passphrase', text: 'correct horse battery' };
    const bytes = written(file, PARTS, sealing);
    assert.equal(read(file, [sealing])?.length, PARTS.length);
    assert.equal(read(file, [{ kind: 'passphrase', text: 'correct horse batterz' }]), null);
    const { sealedWith } = readHeader(file);
    assert.ok(sealedWith.kind === 'passphrase' && sealedWith.scrypt.cost >= 2 ** 17);
    assert.ok(!bytes.includes('correct horse'));
  });
  test('something else is no backup, a newer container is said to be newer', (context) => {
    const file = join(temporaryFolder(context), 'x');
    for (const text of ['', 'SQLite format 3\0', '{}', 'homeport']) {
      writeFileSync(file, text);
      assert.throws(() => read(file), /is no backup of Homeport/);
    }
    writeFileSync(file, 'homeport backup 2\nwhatever');
    assert.throws(() => read(file), /written by a newer Homeport \(format 2\)/);
  });
  test('a header that asks for endless work is refused before it is done', (context) => {
    const file = join(temporaryFolder(context), 'x.backup');
    const bytes = written(file, PARTS, { kind: 'passphrase', text: 'correct horse battery' });
    for (const cost of ['1073741824', '131073']) {
      writeFileSync(file, bytes.toString('latin1').replace('"cost":131072', `"cost":${cost}`), 'latin1');
      assert.throws(() => read(file, [{ kind: 'passphrase', text: 'correct horse battery' }]), /damaged or cut off/);
    }
  });
});

describe('whoever touches it is found out', () => {
  const refusal = (file: string) => {
    try {
      const parts = read(file);
      return parts === null ? 'does not open' : 'opens';
    } catch (error) {
      assert.ok(error instanceof AppError, String(error));
      return error.message;
    }
  };
  test('each single byte that is changed', (context) => {
    const { file, bytes } = aFile(context, [Buffer.from('{}'), Buffer.from('some text'), Buffer.from('the end')]);
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed.writeUInt8(bytes.readUInt8(at) ^ 1, at);
      writeFileSync(file, changed);
      assert.notEqual(refusal(file), 'opens', `byte ${at}`);
    }
  });
  test('each length at which it is cut off', (context) => {
    const { file, bytes } = aFile(context, [Buffer.from('{}'), Buffer.from('some text'), Buffer.from('the end')]);
    const ends = boundaries(bytes);
    for (let length = 0; length < bytes.length; length++) {
      writeFileSync(file, bytes.subarray(0, length));
      const said = refusal(file);
      assert.notEqual(said, 'opens', `${length} bytes`);
      if (ends.slice(1).includes(length)) assert.match(said, new RegExp(`is cut off after ${length} bytes`));
    }
  });
  test('parts that are left out, swapped, doubled, or taken from another backup with the same key', (context) => {
    const { file, bytes } = aFile(context, PARTS);
    const other = aFile(context, PARTS).bytes;
    const split = (all: Buffer) => {
      const ends = boundaries(all);
      const parts = ends.slice(1).map((end, index) => all.subarray(ends[index], end));
      return { head: all.subarray(0, ends[0]), parts };
    };
    const [mine, theirs] = [split(bytes), split(other)];
    const [a, b, c, d] = mine.parts as [Buffer, Buffer, Buffer, Buffer];
    const arrangements: [string, Buffer[]][] = [
      ['left out', [a, c, d]],
      ['swapped', [a, c, b, d]],
      ['doubled', [a, b, b, c, d]],
      ['the last one twice', [a, b, c, d, d]],
      ['ends early', [a, b, c]],
      ['begins late', [b, c, d]],
      ['of another', [a, theirs.parts[1] ?? b, c, d]],
    ];
    for (const [what, parts] of arrangements) {
      writeFileSync(file, Buffer.concat([mine.head, ...parts]));
      assert.match(refusal(file), /damaged|cut off|added/, what);
    }
    writeFileSync(file, Buffer.concat([mine.head, ...theirs.parts]));
    assert.match(refusal(file), /damaged or was changed/);
    writeFileSync(file, Buffer.concat([bytes, Buffer.from('\0')]));
    assert.match(refusal(file), /damaged|cut off|added/);
  });
});
