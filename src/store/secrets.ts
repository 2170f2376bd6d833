// Secrets at rest: AES-256-GCM under a key that lives in a file of its own, so that a copied database is useless alone.
// A rotation puts the next key beside the file in use (`.new`) and keeps the one before it (`.old-<date>`).
import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from 'node:crypto';
import {
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { AppError } from '../domain/errors.ts';

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const VERSION = '1.';

/** Seals and opens texts. `place` is bound into the seal: a sealed value copied to another row does not open. */
export type Secrets = {
  seal(text: string, place: string): string;
  /** @throws Error when the key is another one or the value was changed */
  open(sealed: string, place: string): string;
};

export function secretsWith(bytes: Buffer): Secrets {
  // Made once: for bytes Node would make it for every value, which takes longer than the cipher.
  const key = createSecretKey(bytes);
  return {
    seal(text, place) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(place));
      const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
      return VERSION + sealed.toString('base64url');
    },
    open(sealed, place) {
      if (!sealed.startsWith(VERSION)) throw new Error('a sealed value has an unknown version');
      const parts = Buffer.from(sealed.slice(VERSION.length), 'base64url');
      const decipher = createDecipheriv('aes-256-gcm', key, parts.subarray(0, NONCE_BYTES), {
        authTagLength: TAG_BYTES,
      });
      decipher.setAAD(Buffer.from(place)).setAuthTag(parts.subarray(-TAG_BYTES));
      return decipher.update(parts.subarray(NONCE_BYTES, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
    },
  };
}

const unavailable = (message: string) => new AppError('unavailable', message);

/**
 * Reads the key file.
 * @throws AppError `unavailable` when it is missing, readable by others, or not a key
 */
export function readKey(file: string): Buffer {
  if (!existsSync(file)) {
    throw unavailable(
      `the key file ${file} is missing, and without it the secrets in the database cannot be read; ` +
        'bring it back from the backup or point HOMEPORT_KEY_FILE at it',
    );
  }
  if (isOpenToOthers(file)) {
    throw unavailable(`the key file ${file} can be read by others; run: chmod 600 ${file}`);
  }
  const key = Buffer.from(readFileSync(file, 'utf8').trim(), 'base64');
  if (key.length !== KEY_BYTES) throw unavailable(`the key file ${file} does not hold a key of ${KEY_BYTES} bytes`);
  return key;
}

const isOpenToOthers = (file: string) => process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0;

const PASSPHRASE_LEAST = 16;

/**
 * Reads the passphrase of backups: the file without the blank space around it.
 * @throws AppError `unavailable` when it is missing, readable by others, or shorter than 16 characters
 */
export function readPassphrase(file: string): string {
  if (!existsSync(file)) throw unavailable(`the file ${file}, which should hold the passphrase of backups, is missing`);
  if (isOpenToOthers(file))
    throw unavailable(`the passphrase in ${file} can be read by others; run: chmod 600 ${file}`);
  const text = readFileSync(file, 'utf8').trim();
  if (text.length < PASSPHRASE_LEAST) {
    throw unavailable(
      `the passphrase in ${file} has ${text.length} characters; at least ${PASSPHRASE_LEAST} are needed`,
    );
  }
  return text;
}

/** A change of names in a folder survives a power cut only when the folder itself is written. */
export function syncFolder(folder: string): void {
  if (process.platform === 'win32') return;
  const handle = openSync(folder, 'r');
  fsyncSync(handle);
  closeSync(handle);
}

/** Writes a file that is not there yet, for its owner alone, and waits until it is on the disk. */
function writeNew(file: string, text: string): void {
  const handle = openSync(file, 'wx', 0o600);
  try {
    writeSync(handle, text);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  syncFolder(dirname(file));
}

const keyText = (key: Buffer) => `${key.toString('base64')}\n`;

/** Makes a new key file with mode 0600, unless another process has just made one. */
export function makeKey(file: string): void {
  mkdirSync(dirname(file), { recursive: true });
  try {
    writeNew(file, keyText(randomBytes(KEY_BYTES)));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** The file itself where its name is a link: a link stays one. */
const realFile = (file: string) => (existsSync(file) ? realpathSync(file) : file);

const nextKeyFile = (file: string) => `${realFile(file)}.new`;

/** Writes beside a key file, with the same owner: the server may run as somebody else than whoever rotates the key. */
function writeBeside(keyFile: string, file: string, text: string): void {
  writeNew(file, text);
  const { uid, gid } = statSync(keyFile);
  if (process.getuid?.() === 0) chownSync(file, uid, gid);
}

/** Makes the next key, in the place of one that a rotation has left behind. Only under the database's write lock. */
export function makeNextKey(keyFile: string): Buffer {
  const key = randomBytes(KEY_BYTES);
  rmSync(nextKeyFile(keyFile), { force: true });
  writeBeside(keyFile, nextKeyFile(keyFile), keyText(key));
  return key;
}

/** Does this key still stand in the file of the next one? */
export const isNextKey = (keyFile: string, key: Buffer): boolean =>
  existsSync(nextKeyFile(keyFile)) && readKey(nextKeyFile(keyFile)).equals(key);

export const removeNextKey = (keyFile: string): void => rmSync(nextKeyFile(keyFile), { force: true });

function oldKeyFiles(keyFile: string): string[] {
  const real = realFile(keyFile);
  const files = readdirSync(dirname(real)).filter((file) => file.startsWith(`${basename(real)}.old-`));
  return files.sort().map((file) => join(dirname(real), file));
}

/**
 * Puts the next key into the place of the one in use, which is kept under its date. Cut off anywhere, it can be done again.
 * @returns where the old key is kept, or null when there was none any more
 */
export function swapKeys(keyFile: string, at: Date): string | null {
  const real = realFile(keyFile);
  let kept: string | null = null;
  if (existsSync(real)) {
    const text = readFileSync(real, 'utf8');
    kept = oldKeyFiles(real).find((file) => readFileSync(file, 'utf8') === text) ?? null;
    if (kept === null) {
      kept = `${real}.old-${at.toISOString().replaceAll(':', '')}`;
      while (existsSync(kept)) kept += '+';
      writeBeside(real, kept, text);
    }
  }
  renameSync(nextKeyFile(real), real);
  syncFolder(dirname(real));
  return kept;
}

const CANARY_PLACE = 'installation|canary';
const CANARY = /^the key fits(?: since (?<since>\S+))?$/;

/** A known text, sealed: whoever opens it has the right key. It tells since when the key is in use. */
export const sealCanary = (secrets: Secrets, since: Date): string =>
  secrets.seal(`the key fits since ${since.toISOString()}`, CANARY_PLACE);

export type FittingKey = {
  readonly file: string;
  readonly secrets: Secrets;
  /** Since when the key is in use, ISO 8601; null for one that is older than this note. */
  readonly since: string | null;
};

function tryKey(file: string, canary: string): FittingKey | null {
  const secrets = secretsWith(readKey(file));
  try {
    const text = CANARY.exec(secrets.open(canary, CANARY_PLACE));
    return text && { file, secrets, since: text.groups?.since ?? null };
  } catch {
    // That is how another key shows.
    return null;
  }
}

/** Does this file hold the key? One that cannot be read, or is none, does not. */
function fits(file: string, canary: string): boolean {
  try {
    return tryKey(file, canary) !== null;
  } catch {
    return false;
  }
}

/** The files in which the key may stand: its own, and, while a rotation ends or after one was cut off, that of the next. */
const keyFiles = (keyFile: string) => (existsSync(nextKeyFile(keyFile)) ? [keyFile, nextKeyFile(keyFile)] : [keyFile]);

/** Every file in which a key of this installation may stand: the one in use, the next, the old ones. */
export const everyKeyFile = (keyFile: string): string[] =>
  existsSync(dirname(keyFile))
    ? [keyFile, nextKeyFile(keyFile), ...oldKeyFiles(keyFile).reverse()].filter((file) => existsSync(file))
    : [];

/** The file among these whose key a canary was sealed with; null when it is none of them. */
export const fittingFile = (files: readonly string[], canary: string): string | null =>
  files.find((file) => fits(file, canary)) ?? null;

/** Writes down a key for its owner alone, in a folder of ours. */
export const writeKey = (file: string, key: Buffer): void => writeNew(file, keyText(key));

/**
 * Lays a key beside the one in use, as a rotation does, so that whoever opens the database finds the one that fits; `swapKeys`
 * puts it in its place. Where no key is in use, it becomes that. @returns whether it has to be swapped
 */
export function layKey(keyFile: string, key: Buffer): boolean {
  if (!existsSync(keyFile)) {
    mkdirSync(dirname(keyFile), { recursive: true });
    writeNew(keyFile, keyText(key));
    return false;
  }
  if (Buffer.from(readFileSync(keyFile, 'utf8').trim(), 'base64').equals(key)) return false;
  if (existsSync(nextKeyFile(keyFile))) {
    throw unavailable(
      `${nextKeyFile(keyFile)} holds a key that is not in use: a rotation was cut off; start Homeport once, or move it away`,
    );
  }
  writeBeside(keyFile, nextKeyFile(keyFile), keyText(key));
  return true;
}

/**
 * Finds the key that a canary was sealed with.
 * @throws AppError `unavailable` that says what to do
 */
export function findKey(keyFile: string, canary: string): FittingKey {
  const refusals: unknown[] = [];
  for (const file of keyFiles(keyFile)) {
    try {
      const found = tryKey(file, canary);
      if (found !== null) return found;
    } catch (error) {
      refusals.push(error);
    }
  }
  if (refusals.length > 0) throw refusals[0];
  const older = oldKeyFiles(keyFile).find((file) => fits(file, canary));
  throw unavailable(
    `the key file ${keyFile} is not the one this database was sealed with; point HOMEPORT_KEY_FILE at ` +
      (older === undefined ? 'the right one' : `the older key that it was sealed with: ${older}`),
  );
}

export type Keyring = {
  /** For reading. When another process has rotated the key meanwhile, the new one is taken from its file. */
  readonly secrets: Secrets;
  /**
   * For writing: the key that fits this canary, as it stands in the database now.
   * @throws AppError `unavailable` when the key was rotated and the new one cannot be had
   */
  fit(canary: string): FittingKey;
};

/** @throws AppError `unavailable` when no key fits */
export function keyringOf(keyFile: string, canary: string): Keyring {
  let seen = canary;
  let writing = findKey(keyFile, canary);
  let reading = writing.secrets;
  return {
    secrets: {
      seal: () => {
        throw new Error('assertion failed: only a transaction seals');
      },
      open(sealed, place) {
        try {
          return reading.open(sealed, place);
        } catch (error) {
          const found = openWithAny(keyFile, sealed, place);
          if (found === null) throw error;
          reading = found.secrets;
          return found.text;
        }
      },
    },
    fit(now) {
      if (now !== seen) {
        writing = findKey(keyFile, now);
        reading = writing.secrets;
        seen = now;
      }
      return writing;
    },
  };
}

function openWithAny(keyFile: string, sealed: string, place: string): { secrets: Secrets; text: string } | null {
  for (const file of keyFiles(keyFile)) {
    try {
      const secrets = secretsWith(readKey(file));
      return { secrets, text: secrets.open(sealed, place) };
    } catch {
      // Not this one.
    }
  }
  return null;
}

/** What an operator should know of the key file and of those beside it. */
export type KeyFacts = {
  readonly file: string;
  /** ISO 8601: since when the key is in use; of older ones when the file was written. */
  readonly since: string;
  /** Does it lie in the same folder as the database? */
  readonly besideDatabase: boolean;
  /** May others than the owner write in its folder, and so put another file in its place? */
  readonly replaceable: boolean;
  /** A next key that is not in use: a rotation is going on or was cut off. */
  readonly unfinished: string | null;
  readonly old: readonly { readonly file: string; readonly openToOthers: boolean }[];
};

export function keyFacts({ file, since }: FittingKey, keyFile: string, databaseFile: string): KeyFacts {
  const folder = dirname(realFile(keyFile));
  const { mode } = statSync(folder);
  // In a folder with the sticky bit only the owner of a file may replace it.
  const replaceable = process.platform !== 'win32' && (mode & 0o022) !== 0 && (mode & 0o1000) === 0;
  const [next] = keyFiles(keyFile).slice(1);
  return {
    file,
    since: since ?? statSync(file).mtime.toISOString(),
    besideDatabase: realpathSync(folder) === realpathSync(dirname(databaseFile)),
    replaceable,
    unfinished: next === undefined || next === file ? null : next,
    old: oldKeyFiles(keyFile).map((one) => ({ file: one, openToOthers: isOpenToOthers(one) })),
  };
}
