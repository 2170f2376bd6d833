// Certificates for tests, made by openssl when a test needs them: CAs, phones, doors, and all kinds of bad ones.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type Made = { readonly cert: string; readonly key: string; readonly certFile: string; readonly keyFile: string };

export type Wanted = {
  /** As openssl writes it: `/O=Maker/CN=805EC0A00001`. */
  readonly subject: string;
  /** Who signs; nobody else than itself when it is not there. */
  readonly by?: Made;
  readonly key?: 'p256' | 'rsa2048' | 'rsa1024' | 'rsa3072';
  readonly hash?: 'sha256' | 'sha1';
  readonly ca?: boolean;
  readonly usage?: 'clientAuth' | 'serverAuth';
  /** Valid from and until, in days from now. */
  readonly days?: readonly [from: number, until: number];
  /** DNS names and addresses of a server: `DNS:localhost,IP:127.0.0.1`. */
  readonly names?: string;
};

const openssl = (args: readonly string[]) => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] });

/** Why certificates cannot be made here; null when they can. */
export function noOpenssl(): string | null {
  try {
    openssl(['version']);
    return null;
  } catch {
    return 'openssl is missing';
  }
}

/** `20260131000000Z`, as `openssl ca` reads it. */
const stamp = (days: number) =>
  `${new Date(Date.now() + days * 86_400_000).toISOString().replaceAll(/[-:T]|\.\d+/g, '')}`;

/** Makes a key and a certificate in `folder`, under `name`. */
export function makeCertificate(folder: string, name: string, wanted: Wanted): Made {
  const { subject, by, key = 'p256', hash = 'sha256', ca = false, usage, days = [-1, 30], names } = wanted;
  const [keyFile, request, certFile] = ['key', 'csr', 'pem'].map((end) => join(folder, `${name}.${end}`)) as [
    string,
    string,
    string,
  ];
  const algorithm =
    key === 'p256'
      ? ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256']
      : ['-algorithm', 'RSA', '-pkeyopt', `rsa_keygen_bits:${key.slice(3)}`];
  openssl(['genpkey', ...algorithm, '-out', keyFile]);
  openssl(['req', '-new', '-key', keyFile, '-subj', subject, '-out', request]);
  const settings = join(folder, `${name}.cnf`);
  const database = join(folder, `${name}-ca`);
  mkdirSync(database);
  writeFileSync(join(database, 'index.txt'), '');
  const extensions = [
    `basicConstraints=critical,CA:${ca ? 'TRUE' : 'FALSE'}`,
    ...(ca ? ['keyUsage=keyCertSign,cRLSign'] : []),
    ...(usage === undefined ? [] : [`extendedKeyUsage=${usage}`]),
    ...(names === undefined ? [] : [`subjectAltName=${names}`]),
  ];
  writeFileSync(
    settings,
    `[ca]\ndefault_ca=it\n[it]\ndatabase=${join(database, 'index.txt')}\nnew_certs_dir=${database}\nrand_serial=yes\npolicy=any\n[any]\nO=optional\nCN=optional\nOU=optional\nserialNumber=optional\n[ext]\n${extensions.join('\n')}\n`,
  );
  const signer = by === undefined ? ['-selfsign', '-keyfile', keyFile] : ['-cert', by.certFile, '-keyfile', by.keyFile];
  const dates = ['-startdate', stamp(days[0]), '-enddate', stamp(days[1])];
  openssl(
    ['ca', '-batch', '-notext', '-preserveDN', '-config', settings, '-extensions', 'ext', '-md', hash].concat([
      ...signer,
      ...dates,
      '-in',
      request,
      '-out',
      certFile,
    ]),
  );
  return { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8'), certFile, keyFile };
}

/** The MAC address of the demo world's first phone, whose vendor is the first of the two makers. */
export const PHONE_MAC = '805ec0a00001';
export const MAKER = 'yealink';
export const OTHER_MAKER = 'polycom';

export type Pki = {
  /** `HOMEPORT_PHONE_CAS` */
  readonly cas: string;
  readonly root: Made;
  readonly issuing: Made;
  readonly otherRoot: Made;
  readonly server: Made;
  readonly serverRsa: Made;
  /** Certificates that phones may show, by what is to be said of them. */
  readonly phones: Readonly<Record<PhoneCertificate, Made>>;
};

export const BAD = ['expired', 'notYet', 'sha1', 'rsa1024', 'selfSigned', 'otherCa', 'generic', 'byAPhone'] as const;
export type PhoneCertificate = 'good' | (typeof BAD)[number] | 'otherMaker' | 'forServers' | 'twoPhones' | 'zeros';

/** Two makers with their CAs, the certificates of a door, and phones good and bad. */
export function makePki(folder: string): Pki {
  const cas = join(folder, 'cas');
  for (const maker of [MAKER, OTHER_MAKER]) mkdirSync(join(cas, maker), { recursive: true });
  const make = (name: string, wanted: Wanted) => makeCertificate(folder, name, wanted);
  const root = make('root', { subject: '/O=Maker/CN=Maker Root CA', ca: true, key: 'rsa2048' });
  const issuing = make('issuing', { subject: '/O=Maker/CN=Maker Issuing CA', ca: true, by: root });
  const otherRoot = make('other', { subject: '/O=Other/CN=Other Root CA', ca: true });
  writeFileSync(join(cas, MAKER, 'maker.pem'), `${root.cert}\n${issuing.cert}`);
  writeFileSync(join(cas, OTHER_MAKER, 'other.pem'), otherRoot.cert);
  const subject = `/O=Maker/CN=${PHONE_MAC.toUpperCase()}`;
  const phone = (name: PhoneCertificate, wanted: Partial<Wanted> = {}) =>
    make(name, { subject, by: issuing, usage: 'clientAuth', ...wanted });
  const good = phone('good', { key: 'rsa2048' });
  const phones = {
    good,
    expired: phone('expired', { days: [-30, -1] }),
    notYet: phone('notYet', { days: [2, 30] }),
    sha1: phone('sha1', { hash: 'sha1' }),
    rsa1024: phone('rsa1024', { key: 'rsa1024' }),
    selfSigned: make('selfSigned', { subject }),
    otherCa: phone('otherCa', { by: otherRoot }),
    generic: phone('generic', { subject: '/O=Maker/CN=generic' }),
    byAPhone: phone('byAPhone', { by: good }),
    otherMaker: phone('otherMaker', { by: otherRoot, subject: '/O=Other/CN=64167F-A00001' }),
    forServers: phone('forServers', { usage: 'serverAuth' }),
    twoPhones: phone('twoPhones', { subject: '/O=Maker/CN=805EC0A00001 805EC0A00002' }),
    zeros: phone('zeros', { subject: '/O=Maker/CN=805EC0000000' }),
  };
  const names = 'DNS:localhost,IP:127.0.0.1';
  const server = make('server', { subject: '/CN=localhost', names });
  const serverRsa = make('serverRsa', { subject: '/CN=localhost', names, key: 'rsa2048' });
  return { cas, root, issuing, otherRoot, server, serverRsa, phones };
}
