// The file of a backup: a header in clear that is sealed against changes, then parts of at most 1 MiB, each compressed and
// encrypted (AES-256-GCM). The parts are numbered and the last one is marked, so one that is missing, moved, cut off or
// added is found. The whole is read and written part by part, so memory does not grow with the database.
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  hkdfSync,
  randomBytes,
  scryptSync,
} from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { BACKUP_FORMAT, type BackupHeader, backupHeaderSchema } from '../domain/backup.ts';
import { invalid } from '../domain/errors.ts';

export const PART_BYTES = 1_048_576;
/** What deflate adds at most to what cannot be compressed, and the tag. */
const SEALED_PART_BYTES_MAX = PART_BYTES + 1_024;
const TAG_BYTES = 16;
const SALT_BYTES = 32;
const KEY_BYTES = 32;
const MAGIC = 'homeport backup ';
const HEADER_BYTES_MAX = 65_536;
const COMPRESSION = { level: 1 } as const;

/** 128 MiB and some tenths of a second for each passphrase that somebody tries (OWASP's first choice for scrypt). */
const SCRYPT = { cost: 2 ** 17, blockSize: 8, parallelization: 1 } as const;

/** What a backup is sealed with, and opened with. */
export type Sealing =
  | { readonly kind: 'keyFile'; readonly key: Buffer }
  | { readonly kind: 'passphrase'; readonly text: string };

type Keys = { readonly check: string; readonly header: Buffer; readonly bodyFor: (head: string) => Buffer };

function keysOf(sealing: Sealing, { salt, sealedWith }: Pick<BackupHeader, 'salt' | 'sealedWith'>): Keys {
  const bytes = Buffer.from(salt, 'base64');
  const secret = sealing.kind === 'keyFile' ? sealing.key : stretched(sealing.text, bytes, sealedWith);
  const derive = (purpose: string) =>
    Buffer.from(hkdfSync('sha256', secret, bytes, `homeport backup ${purpose}`, KEY_BYTES));
  return {
    check: derive('check').toString('base64'),
    header: derive('header'),
    bodyFor: (head) => derive(`body ${createHash('sha256').update(head).digest('hex')}`),
  };
}

/** The last one, so that a backup that is read right after it was written costs the work once. */
let lastStretched: { readonly passphrase: string; readonly salt: Buffer; readonly key: Buffer } | null = null;

function stretched(passphrase: string, salt: Buffer, sealedWith: BackupHeader['sealedWith']): Buffer {
  const { cost, blockSize, parallelization } = sealedWith.kind === 'passphrase' ? sealedWith.scrypt : SCRYPT;
  const maxmem = 256 * cost * blockSize;
  if (lastStretched?.passphrase !== passphrase || !lastStretched.salt.equals(salt)) {
    const key = scryptSync(passphrase, salt, KEY_BYTES, { cost, blockSize, parallelization, maxmem });
    lastStretched = { passphrase, salt, key };
  }
  return lastStretched.key;
}

/** Each part has its own nonce, because each file has its own key: the number of the part, and whether it is the last. */
function nonceOf(part: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(part, 4);
  nonce.writeUInt8(isLast ? 1 : 0, 11);
  return nonce;
}

export type HeaderFacts = Omit<BackupHeader, 'format' | 'salt' | 'keyCheck' | 'sealedWith'>;

/** Writes a whole container into an open file. `parts` are of at most 1 MiB each and at least one. */
export function writeContainer(
  handle: number,
  sealing: Sealing,
  facts: HeaderFacts,
  parts: Iterable<Buffer>,
): BackupHeader {
  const salt = randomBytes(SALT_BYTES).toString('base64');
  const sealedWith: BackupHeader['sealedWith'] =
    sealing.kind === 'keyFile' ? { kind: 'keyFile' } : { kind: 'passphrase', scrypt: SCRYPT };
  const keys = keysOf(sealing, { salt, sealedWith });
  const header: BackupHeader = { format: BACKUP_FORMAT, ...facts, sealedWith, salt, keyCheck: keys.check };
  const head = `${MAGIC}${BACKUP_FORMAT}\n${JSON.stringify(header)}\n`;
  const seal = createHmac('sha256', keys.header).update(head).digest('base64');
  writeAll(handle, Buffer.from(`${head}${seal}\n`));
  const key = keys.bodyFor(head);
  let waiting: Buffer | null = null;
  let number = 0;
  for (const part of parts) {
    if (waiting !== null) writeAll(handle, sealedPart(key, number++, waiting, false));
    waiting = part;
  }
  if (waiting === null) throw new Error('assertion failed: a backup has parts');
  writeAll(handle, sealedPart(key, number, waiting, true));
  return header;
}

function sealedPart(key: Buffer, number: number, part: Buffer, isLast: boolean): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonceOf(number, isLast));
  const sealed = [cipher.update(deflateRawSync(part, COMPRESSION)), cipher.final(), cipher.getAuthTag()];
  const length = Buffer.alloc(4);
  length.writeUInt32BE(sealed.reduce((sum, { length: bytes }) => sum + bytes, 0));
  return Buffer.concat([length, ...sealed]);
}

function writeAll(handle: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(handle, bytes, at);
}

type Head = { readonly header: BackupHeader; readonly head: string; readonly seal: string; readonly bodyAt: number };

function readHead(handle: number, file: string): Head {
  const bytes = Buffer.alloc(HEADER_BYTES_MAX);
  const text = bytes.subarray(0, readUpTo(handle, bytes, 0)).toString('latin1');
  const groups = /^homeport backup (?<format>\d{1,6})\n(?<json>[^\n]*)\n(?<seal>[\w+/]{43}=)\n/.exec(text)?.groups;
  const format = Number(/^homeport backup (\d{1,6})\n/.exec(text)?.[1]);
  if (format > BACKUP_FORMAT) {
    throw invalid(`${file} was written by a newer Homeport (format ${format}); use that version to restore it`);
  }
  const parsed = backupHeaderSchema.safeParse(parseJson(groups?.json));
  if (groups === undefined || !parsed.success) {
    throw invalid(
      text.startsWith(MAGIC)
        ? `${file} is damaged or cut off at its beginning; take another backup`
        : `${file} is no backup of Homeport`,
    );
  }
  const head = `${MAGIC}${groups.format}\n${groups.json}\n`;
  return { header: parsed.data, head, seal: groups.seal ?? '', bodyAt: head.length + (groups.seal ?? '').length + 1 };
}

function parseJson(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return null;
  }
}

/** Reads until the buffer is full or the file ends. @returns how many bytes */
function readUpTo(handle: number, buffer: Buffer, position: number): number {
  let read = 0;
  while (read < buffer.length) {
    const more = readSync(handle, buffer, read, buffer.length - read, position + read);
    if (more === 0) break;
    read += more;
  }
  return read;
}

/** What stands in front of a backup, without proof that nobody has changed it. @throws AppError `invalid` */
export function readHeader(file: string): BackupHeader {
  const handle = openSync(file, 'r');
  try {
    return readHead(handle, file).header;
  } finally {
    closeSync(handle);
  }
}

export type Opened = {
  readonly header: BackupHeader;
  /** The parts in their order, each proven before it is given. @throws AppError `invalid` at one that is not as written */
  readonly parts: Generator<Buffer>;
};

/**
 * Opens a backup with the first of these that fits.
 * @returns null when none fits
 * @throws AppError `invalid` when the file is no backup, or its header was changed
 */
export function openContainer(handle: number, file: string, sealings: readonly Sealing[]): Opened | null {
  const { header, head, seal, bodyAt } = readHead(handle, file);
  for (const sealing of sealings) {
    if (sealing.kind !== header.sealedWith.kind) continue;
    const keys = keysOf(sealing, header);
    if (keys.check !== header.keyCheck) continue;
    if (createHmac('sha256', keys.header).update(head).digest('base64') !== seal) {
      throw invalid(`${file} was changed at its beginning; take another backup`);
    }
    return { header, parts: partsOf(handle, file, keys.bodyFor(head), bodyAt) };
  }
  return null;
}

function* partsOf(handle: number, file: string, key: Buffer, bodyAt: number): Generator<Buffer> {
  const { size } = fstatSync(handle);
  const broken = (why: string) => invalid(`${file} ${why}; take another backup`);
  const length = Buffer.alloc(4);
  const sealed = Buffer.alloc(SEALED_PART_BYTES_MAX);
  let at = bodyAt;
  for (let number = 0; ; number++) {
    if (readUpTo(handle, length, at) < 4) throw broken(`is cut off after ${size} bytes`);
    const bytes = length.readUInt32BE();
    if (bytes < TAG_BYTES || bytes > SEALED_PART_BYTES_MAX) throw broken(`is damaged at byte ${at}`);
    if (readUpTo(handle, sealed.subarray(0, bytes), at + 4) < bytes) throw broken(`is cut off after ${size} bytes`);
    at += 4 + bytes;
    const isEnd = at === size;
    const part = openedPart(key, number, sealed.subarray(0, bytes), isEnd);
    if (part !== null) yield part;
    else if (openedPart(key, number, sealed.subarray(0, bytes), !isEnd) === null) {
      throw broken(`is damaged or was changed before byte ${at}`);
    } else throw broken(isEnd ? `is cut off after ${size} bytes` : `has something added after byte ${at}`);
    if (isEnd) return;
  }
}

function openedPart(key: Buffer, number: number, sealed: Buffer, isLast: boolean): Buffer | null {
  const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(number, isLast), { authTagLength: TAG_BYTES });
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  try {
    const packed = Buffer.concat([decipher.update(sealed.subarray(0, -TAG_BYTES)), decipher.final()]);
    return inflateRawSync(packed, { maxOutputLength: PART_BYTES });
  } catch {
    return null;
  }
}
