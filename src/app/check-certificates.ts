// What `homeport check` asks about TLS: the certificates of the doors and of the makers' CAs, and weak TLS.
import { error, type Finding, ok, warning } from '../domain/finding.ts';
import type { Checked, Question } from './check.ts';

const DAY_MS = 86_400_000;
/** Those who renew by themselves do so 30 days before the end; what is not renewed by then never will be. */
const DAYS_LEAST = 21;

function certificateFindings({ surroundings, now }: Checked): Finding[] {
  return surroundings.certificates().flatMap(({ what, expires, fault, openKey }): Finding[] => {
    const findings: Finding[] = [];
    if (openKey !== null) {
      const message = `others than its owner can read the private key ${openKey}`;
      findings.push(warning('certificate.key', message, `chmod 600 ${openKey}; if others have read it, get a new one`));
    }
    if (fault !== null || expires === null) {
      const message = `${what} cannot be used: ${fault ?? 'it has no date'}`;
      return [
        ...findings,
        error('certificate.broken', message, 'mend the file; a server that runs uses the one from before'),
      ];
    }
    const days = Math.floor((expires.getTime() - now().getTime()) / DAY_MS);
    const until = expires.toISOString().slice(0, 10);
    const remedy = 'put a new one in its place: a server that runs takes it up by itself';
    if (days < 0) return [...findings, warning('certificate.expired', `${what} has expired on ${until}`, remedy)];
    if (days < DAYS_LEAST) {
      return [...findings, warning('certificate.ends', `${what} expires on ${until}, in ${days} days`, remedy)];
    }
    return [...findings, ok('certificate.valid', `${what} is valid until ${until}`)];
  });
}

function legacyFindings({ surroundings }: Checked): Finding[] {
  if (!surroundings.legacyTlsIsOpen) return [];
  const message = 'HOMEPORT_PHONE_LEGACY_TLS_LISTEN is open: what passes there, passwords too, is weakly encrypted';
  return [warning('door.legacy', message, 'replace the phones that need it, then unset it')];
}

export const certificateQuestions: readonly Question[] = [
  { code: 'certificate', about: 'certificates', ask: certificateFindings },
  { code: 'door.legacy', about: 'old TLS', ask: legacyFindings },
];
