// TLS of the doors: certificates and keys from files, the makers' CA files, and how a door takes up what has changed
// without a restart. Files that are no good are told once; until they are, what was good is used.
import { createPrivateKey, type KeyObject, randomBytes, type X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import type { Server } from 'node:https';
import { join } from 'node:path';
import type { SecureContextOptions } from 'node:tls';
import type { CertificateFacts } from '../domain/certificate.ts';
import { invalid } from '../domain/errors.ts';
import { log } from '../log.ts';
import { type Authorities, certificatesIn, checkAuthorities } from './client-certificate.ts';

/** Files in PEM form: certificates with their chains, and their private keys in the same order. */
export type TlsFiles = { readonly certificates: readonly string[]; readonly keys: readonly string[] };

/** What a listener speaks: `legacy` is TLS 1.0 to 1.2 with weak ciphers. */
export type Speaks = 'http' | 'https' | 'legacy';

/** A session may be taken up again for an hour, in seconds; its keys change as often. */
export const SESSION_TIMEOUT_S = 3_600;
export const HANDSHAKE_TIMEOUT_MS = 5_000;

const VERSIONS: Record<Exclude<Speaks, 'http'>, SecureContextOptions> = {
  https: { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' },
  // OpenSSL speaks TLS 1.0 and 1.1 at security level 0 only, and there it accepts weak keys and SHA-1 as well. That is why
  // these phones have a listener of their own.
  legacy: {
    minVersion: 'TLSv1',
    maxVersion: 'TLSv1.2',
    ciphers: 'ECDHE-RSA-AES256-SHA:ECDHE-RSA-AES128-SHA:AES256-SHA:AES128-SHA:@SECLEVEL=0',
  },
};

/** Reads a file. @throws AppError `invalid` naming it */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw invalid(`${file} ${code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`}`);
  }
}

function keyIn(file: string): KeyObject {
  const pem = read(file);
  if (pem.includes('ENCRYPTED')) throw invalid(`${file} is locked by a passphrase, which nobody could type at a start`);
  try {
    return createPrivateKey(pem);
  } catch {
    throw invalid(`${file} holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)`);
  }
}

type Pair = { readonly file: string; readonly cert: string; readonly key: string; readonly leaf: X509Certificate };

/** Reads certificates and keys. @throws AppError `invalid` naming the file that is no good, and why */
function readPairs({ certificates, keys }: TlsFiles): Pair[] {
  return certificates.map((file, at) => {
    const keyFile = keys[at] ?? '';
    const cert = read(file);
    const [leaf] = certificatesIn(cert, file);
    const key = keyIn(keyFile);
    if (leaf?.checkPrivateKey(key) !== true) throw invalid(`${keyFile} is the key of another certificate than ${file}`);
    return { file, cert, key: key.export({ type: 'pkcs8', format: 'pem' }).toString(), leaf };
  });
}

const CA_FILE = /\.(?:pem|crt|cer)$/i;

/** The CA files in `<directory>/<vendor>/`. */
function caFiles(directory: string, vendors: readonly string[]): { vendor: string; file: string }[] {
  if (!existsSync(directory)) throw invalid(`${directory} does not exist: HOMEPORT_PHONE_CAS must be a directory`);
  const folders = readdirSync(directory, { withFileTypes: true }).filter((entry) => !entry.isFile());
  const unknown = folders.find(({ name }) => !name.startsWith('.') && !vendors.includes(name));
  if (unknown !== undefined) {
    throw invalid(`${join(directory, unknown.name)} is no vendor's folder; vendors are ${vendors.join(', ')}`);
  }
  return folders.flatMap(({ name: vendor }) =>
    vendors.includes(vendor)
      ? readdirSync(join(directory, vendor))
          .filter((name) => CA_FILE.test(name))
          .sort()
          .map((name) => ({ vendor, file: join(directory, vendor, name) }))
      : [],
  );
}

/**
 * Reads the makers' CA files.
 * @throws AppError `invalid` for a folder of no vendor, a file that is no certificate, or a CA in two folders
 */
export function readAuthorities(directory: string, vendors: readonly string[]): Authorities {
  const authorities = new Map<string, X509Certificate[]>();
  for (const { vendor, file } of caFiles(directory, vendors)) {
    authorities.set(vendor, [...(authorities.get(vendor) ?? []), ...certificatesIn(read(file), file)]);
  }
  checkAuthorities(authorities);
  return authorities;
}

/** What changes when a file does; a link counts as what it leads to. */
const markOf = (files: readonly string[]): string =>
  files
    .map((file) => {
      const { mtimeMs = 0, size = 0, ino = 0 } = statSync(file, { throwIfNoEntry: false }) ?? {};
      return `${file} ${mtimeMs} ${size} ${ino}`;
    })
    .join('\n');

export type Watched<Value> = {
  current(): Value;
  /** Takes up files that have changed and have been at rest since the last look; tells once when they are no good. */
  refresh(): void;
};

/**
 * Something made of files, kept as it was while they are no good. Files are written one after the other, so they are taken
 * up when two looks in a row have found them the same.
 * @throws AppError `invalid` when they are no good now
 */
export function watch<Value>(files: () => readonly string[], make: () => Value): Watched<Value> {
  const look = () => {
    try {
      return markOf(files());
    } catch (error) {
      return String(error);
    }
  };
  let taken = look();
  let seen = taken;
  let value = make();
  return {
    current: () => value,
    refresh() {
      const mark = look();
      const isAtRest = mark === seen;
      seen = mark;
      if (mark === taken || !isAtRest) return;
      taken = mark;
      try {
        value = make();
        log.info('certificates have changed and are taken up');
      } catch (error) {
        const { message } = error as Error;
        log.error({ fault: message }, 'certificates have changed and are no good; those from before are used on');
      }
    },
  };
}

export const watchAuthorities = (directory: string, vendors: readonly string[]): Watched<Authorities> =>
  watch(
    () => caFiles(directory, vendors).map(({ file }) => file),
    () => readAuthorities(directory, vendors),
  );

export type Tls = {
  /** What a server is made with; `null` asks clients for no certificate. */
  options(speaks: Exclude<Speaks, 'http'>): SecureContextOptions;
  /** Gives a server what has changed, from now on. */
  serve(server: Server, speaks: Exclude<Speaks, 'http'>): void;
  /** Takes up files that have changed, and changes the keys of sessions in time. `now` is milliseconds. */
  refresh(now: number): void;
};

/**
 * Opens certificates and keys for the servers of a door. With `authorities` clients are asked for certificates; `needsRsa`
 * where old phones come in.
 * @throws AppError `invalid` naming the file that is no good, and why
 */
export function openTls(
  files: TlsFiles,
  authorities: Watched<Authorities> | null,
  now: number,
  { needsRsa = false }: { needsRsa?: boolean } = {},
): Tls {
  const pairs = watch(
    () => [...files.certificates, ...files.keys],
    () => {
      const all = readPairs(files);
      if (!needsRsa || all.some(({ leaf }) => leaf.publicKey.asymmetricKeyType === 'rsa')) return all;
      throw invalid('HOMEPORT_PHONE_LEGACY_TLS_LISTEN needs a certificate with an RSA key: old phones know no other');
    },
  );
  const servers: { server: Server; speaks: Exclude<Speaks, 'http'> }[] = [];
  const options = (speaks: Exclude<Speaks, 'http'>): SecureContextOptions => {
    // Old phones know RSA alone, so each listener may have certificates of both kinds.
    const [cert, key] = [pairs.current().map((pair) => pair.cert), pairs.current().map((pair) => pair.key)];
    const cas = [...(authorities?.current().values() ?? [])].flat().map(String);
    return { ...VERSIONS[speaks], cert, key, ca: cas, sessionTimeout: SESSION_TIMEOUT_S };
  };
  let [used, usedCas] = [pairs.current(), authorities?.current()];
  let keysSince = now;
  return {
    options,
    serve: (server, speaks) => void servers.push({ server, speaks }),
    refresh(at) {
      pairs.refresh();
      if (used !== pairs.current() || usedCas !== authorities?.current()) {
        [used, usedCas, keysSince] = [pairs.current(), authorities?.current(), at];
        for (const { server, speaks } of servers) server.setSecureContext(options(speaks));
      } else if (at - keysSince >= SESSION_TIMEOUT_S * 1_000) {
        keysSince = at;
        const keys = randomBytes(48);
        for (const { server } of servers) server.setTicketKeys(keys);
      }
    },
  };
}

/** What there is to say of the files of a door. */
export function tlsFacts({ certificates, keys }: TlsFiles): CertificateFacts[] {
  return certificates.map((file, at) => {
    const keyFile = keys[at] ?? '';
    const mode = statSync(keyFile, { throwIfNoEntry: false })?.mode ?? 0;
    const openKey = (mode & 0o077) === 0 ? null : keyFile;
    const what = `the certificate ${file}`;
    try {
      const [pair] = readPairs({ certificates: [file], keys: [keyFile] });
      return { what, expires: pair?.leaf.validToDate ?? null, fault: null, openKey };
    } catch (error) {
      return { what, expires: null, fault: (error as Error).message, openKey };
    }
  });
}

/** What there is to say of the makers' CA files. */
export function authorityFacts(directory: string, vendors: readonly string[]): CertificateFacts[] {
  try {
    return [...readAuthorities(directory, vendors)].flatMap(([vendor, certificates]) =>
      certificates.map(({ subject, validToDate }) => ({
        what: `the CA ${subject.split('\n').at(-1)} of ${vendor} phones`,
        expires: validToDate,
        fault: null,
        openKey: null,
      })),
    );
  } catch (error) {
    return [{ what: `the CA files in ${directory}`, expires: null, fault: (error as Error).message, openKey: null }];
  }
}
