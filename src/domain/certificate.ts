// Which phone a maker's certificate speaks of. The chain is judged elsewhere; without it none of this says anything.
import type { Mac } from './mac.ts';

/** Where the MAC address stands in the subjects of a vendor's certificates. */
export type SubjectRule = {
  /** The attribute by its short name, such as `CN` or `serialNumber`. */
  readonly attribute: string;
  /** Finds it in a value; the group `mac` holds it, separators allowed. Has the flags `g` and `i`. */
  readonly pattern: RegExp;
};

export type CertificateRules = {
  readonly subjects: readonly SubjectRule[];
  /** The first six digits of the MAC addresses that the vendor gives to phones, as far as known. */
  readonly ouis: readonly string[];
  /** Are these all? Then any other is refused; else only those that are known as another vendor's. */
  readonly ouisComplete: boolean;
};

/** What there is to say of a certificate that a door uses, or that vouches for phones. */
export type CertificateFacts = {
  /** What it is, at the beginning of a sentence: `the certificate /etc/homeport/tls.pem`. */
  readonly what: string;
  /** Null when it cannot be read. */
  readonly expires: Date | null;
  /** Why it cannot be used; null when it can. */
  readonly fault: string | null;
  /** The file of its private key, when others can read that; else null. */
  readonly openKey: string | null;
};

/** A certificate's subject: attribute → value, or values where it stands more than once. */
export type Subject = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Is it an address that a maker has given to one device? A generic certificate carries zeros, or one made up. */
function isOfOneDevice(mac: string): boolean {
  const first = Number.parseInt(mac.slice(0, 2), 16);
  const isGroup = (first & 1) === 1;
  const isMadeUp = (first & 2) === 2;
  return !isGroup && !isMadeUp && !/^0{6}|(?:0{6}|f{6})$/.test(mac);
}

/** The one MAC address in a subject; null when there is none, more than one, or one that is no single device's. */
export function macOfSubject(subject: Subject, rules: readonly SubjectRule[]): Mac | null {
  const found = new Set<string>();
  for (const { attribute, pattern } of rules) {
    for (const value of [subject[attribute] ?? []].flat()) {
      for (const { groups } of value.matchAll(pattern)) {
        if (groups?.mac !== undefined) found.add(groups.mac.replaceAll(/[^0-9a-f]/gi, '').toLowerCase());
      }
    }
  }
  const [mac, ...others] = found;
  if (mac === undefined || others.length > 0 || !/^[0-9a-f]{12}$/.test(mac) || !isOfOneDevice(mac)) return null;
  return mac as Mac;
}

/** May a vendor's certificate speak of this address? `all` holds the rules of every vendor. */
export function mayNameMac(vendor: string, mac: Mac, all: ReadonlyMap<string, CertificateRules>): boolean {
  const oui = mac.slice(0, 6);
  const own = all.get(vendor);
  if (own === undefined) return false;
  if (own.ouis.includes(oui)) return true;
  return !own.ouisComplete && [...all.values()].every(({ ouis }) => !ouis.includes(oui));
}
