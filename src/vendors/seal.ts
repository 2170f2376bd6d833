// Sealed files: how is a configuration file encrypted so that the phone it is made for can open it?
//
// What it is worth: obfuscation, not a defence. Both schemes are as weak as phones demand (MD5 once; equal blocks stay
// equal), nothing notices a changed file, and the phone mostly gets its key over the same road as its files. It keeps
// passwords out of the sight of caches, captures and curious people on plain HTTP. HTTPS and a token per phone protect;
// this does not.
import { createCipheriv, createHash, createHmac } from 'node:crypto';
import { invalid } from '../domain/errors.ts';
import { textFault } from '../domain/text.ts';

const SALTED = Buffer.from('Salted__', 'ascii');
const SALT_BYTES = 8;
const KEY_BYTES = 32;
const IV_BYTES = 16;

/**
 * Encrypts a file under a password as `openssl enc -aes-256-cbc -md md5 -k password` does (XML Provisioning Guide,
 * 2011; SIP Device Provisioning Guide, 2012). The guides name no digest; they are older than OpenSSL 1.1, whose
 * forerunners took MD5, and that newer phones take SHA-256 is not established.
 * @throws AppError `invalid` for a password that is empty or that cannot be written into a phone
 */
export function sealPassword(body: Uint8Array, password: string, salt: Uint8Array): Buffer {
  checkPassword(password);
  if (salt.length !== SALT_BYTES) throw new Error(`assertion failed: a salt has ${SALT_BYTES} bytes`);
  const derived = derivedBytes(Buffer.from(password, 'utf8'), salt, KEY_BYTES + IV_BYTES);
  const cipher = createCipheriv('aes-256-cbc', derived.subarray(0, KEY_BYTES), derived.subarray(KEY_BYTES));
  return Buffer.concat([SALTED, salt, cipher.update(body), cipher.final()]);
}

/**
 * The salt of a file: eight bytes that the file itself and the password decide.
 *
 * A random salt would give other bytes at every request, and phones compare digests: they take a file with other bytes
 * for a new configuration and apply it again. So equal files must have equal bytes. Files that differ get different
 * salts, and with them different keys, so nobody sees that two of them begin alike. The password keys the digest, so
 * that the salt, which stands in the open, does not let people without it check a guess at the text.
 * @throws AppError `invalid` for the same passwords as sealPassword
 */
export function saltFor(body: Uint8Array, password: string): Buffer {
  checkPassword(password);
  return createHmac('sha256', password).update(body).digest().subarray(0, SALT_BYTES);
}

function checkPassword(password: string): void {
  if (password === '') throw invalid('the password of encrypted files must not be empty');
  const fault = textFault(password);
  if (fault !== null) throw invalid(`the password of encrypted files ${fault}`);
}

/** OpenSSL's EVP_BytesToKey, MD5, one iteration: each digest covers the one before, the password and the salt. */
function derivedBytes(password: Uint8Array, salt: Uint8Array, length: number): Buffer {
  let last = Buffer.alloc(0);
  let derived = last;
  while (derived.length < length) {
    last = createHash('md5').update(last).update(password).update(salt).digest();
    derived = Buffer.concat([derived, last]);
  }
  return derived.subarray(0, length);
}

/** By the length of the key. The mode has no salt and no chaining; equal files have equal bytes by themselves. */
const BLOCK_CIPHERS: Readonly<Record<number, string>> = { 16: 'aes-128-ecb', 32: 'aes-256-ecb' };
// Administrator's Guide for SIP phones, "Encrypting and Decrypting Files".
const KEY_ALPHABET = /^[0-9A-Za-z#$%*+,\-.:=?@[\]^_{}~]*$/;

/**
 * Encrypts a file block by block under a key that the phone already holds: AES in ECB mode with PKCS#7 padding over
 * the whole file, the "compatibility mode" of the vendor's encryption tool. A key of 16 characters gives AES-128, which
 * is what that tool makes; one of 32, which the Administrator's Guide allows, gives AES-256, which no phone has tried.
 *
 * The `_Security.enc` file, which brings the key along, wrapped under a key that is the same in all phones, is left out
 * on purpose: that key is not in our sources, and a file that anyone can unwrap would give the real key away.
 * @throws AppError `invalid` for a key of another length or with other characters than phones take
 */
export function sealBlocks(body: Uint8Array, key: string): Buffer {
  if (!KEY_ALPHABET.test(key)) {
    throw invalid(
      'the key of encrypted files holds a character that phones do not take; ' +
        'use letters A to Z and a to z, digits and # $ % * + , - . : = ? @ [ ] ^ _ { } ~',
    );
  }
  const cipherName = BLOCK_CIPHERS[key.length];
  if (cipherName === undefined) {
    throw invalid(`the key of encrypted files must have 16 or 32 characters; this one has ${key.length}`);
  }
  const cipher = createCipheriv(cipherName, Buffer.from(key, 'ascii'), null);
  return Buffer.concat([cipher.update(body), cipher.final()]);
}
