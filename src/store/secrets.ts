// Secrets at rest: AES-256-GCM under a key that lives in a file of its own, so that a copied database is useless alone.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
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

export function secretsWith(key: Buffer): Secrets {
  return {
    seal(text, place) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(place));
      const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
      return VERSION + sealed.toString('base64url');
    },
    open(sealed, place) {
      if (!sealed.startsWith(VERSION)) throw new Error('a sealed value has an unknown version');
      const bytes = Buffer.from(sealed.slice(VERSION.length), 'base64url');
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES), {
        authTagLength: TAG_BYTES,
      });
      decipher.setAAD(Buffer.from(place)).setAuthTag(bytes.subarray(-TAG_BYTES));
      return decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
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
  if (process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0) {
    throw unavailable(`the key file ${file} can be read by others; run: chmod 600 ${file}`);
  }
  const key = Buffer.from(readFileSync(file, 'utf8').trim(), 'base64');
  if (key.length !== KEY_BYTES) throw unavailable(`the key file ${file} does not hold a key of ${KEY_BYTES} bytes`);
  return key;
}

/** Makes a new key file with mode 0600, unless another process has just made one. */
export function makeKey(file: string): void {
  mkdirSync(dirname(file), { recursive: true });
  try {
    const handle = openSync(file, 'wx', 0o600);
    writeSync(handle, `${randomBytes(KEY_BYTES).toString('base64')}\n`);
    closeSync(handle);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
