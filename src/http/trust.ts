// Whom the doors believe: their own certificates and keys, the makers' CAs, and proxies, as the configuration names them.
import type { CertificateFacts, CertificateRules } from '../domain/certificate.ts';
import { log } from '../log.ts';
import type { Vendors } from '../vendors/vendors.ts';
import { type CertificateReader, certificateReader } from './client-certificate.ts';
import { openProxies, type Proxies, type ProxyRules } from './proxies.ts';
import { authorityFacts, openTls, type Tls, type TlsFiles, tlsFacts, watchAuthorities } from './tls.ts';

export type TrustConfig = {
  readonly phoneTls: TlsFiles | null;
  readonly adminTls: TlsFiles | null;
  /** Null when no phones come in by old TLS. */
  readonly phoneLegacyTlsListen: object | null;
  /** The directory of the makers' CA files. */
  readonly phoneCas: string | null;
  readonly proxies: ProxyRules;
};

export type Trust = {
  readonly phoneTls: Tls | null;
  readonly adminTls: Tls | null;
  readonly proxies: Proxies;
  /** Are phones asked for their certificates? */
  readonly asksCertificate: boolean;
  /** The phone that a request's certificate proves. */
  readonly certificateOf: CertificateReader;
  /** Takes up files that have changed. `now` is milliseconds. */
  refresh(now: number): void;
};

/** Everything there is to say of the certificates that a configuration names. */
export const trustFacts = (
  { phoneTls, adminTls, phoneCas }: Pick<TrustConfig, 'phoneTls' | 'adminTls' | 'phoneCas'>,
  vendors: Vendors,
): CertificateFacts[] => [
  ...(phoneTls === null ? [] : tlsFacts(phoneTls)),
  ...(adminTls === null ? [] : tlsFacts(adminTls)),
  ...(phoneCas === null ? [] : authorityFacts(phoneCas, vendors.ids)),
];

/**
 * Reads what the configuration names. `now` gives milliseconds.
 * @throws AppError `invalid` naming the file that is no good, and why
 */
export function openTrust(config: TrustConfig, vendors: Vendors, now: () => number): Trust {
  const { phoneCas } = config;
  const authorities = phoneCas === null ? null : watchAuthorities(phoneCas, vendors.ids);
  const needsRsa = config.phoneLegacyTlsListen !== null;
  const phoneTls = config.phoneTls === null ? null : openTls(config.phoneTls, authorities, now(), { needsRsa });
  const adminTls = config.adminTls === null ? null : openTls(config.adminTls, null, now());
  for (const { openKey } of trustFacts({ ...config, phoneCas: null }, vendors)) {
    if (openKey !== null) log.warn({ file: openKey }, 'others than its owner can read a private key: chmod 600');
  }
  return {
    phoneTls,
    adminTls,
    proxies: openProxies(config.proxies, now),
    asksCertificate: authorities !== null,
    certificateOf: certificateReader(authorities, rulesOf(vendors), now),
    refresh(at) {
      authorities?.refresh();
      phoneTls?.refresh(at);
      adminTls?.refresh(at);
    },
  };
}

function rulesOf(vendors: Vendors): ReadonlyMap<string, CertificateRules> {
  const pairs = vendors.ids.map((vendor) => [vendor, vendors.certificates(vendor)] as const);
  return new Map(pairs.flatMap(([vendor, rules]) => (rules === null ? [] : [[vendor, rules] as const])));
}
