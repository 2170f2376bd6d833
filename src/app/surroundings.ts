// What a house should know of how it was set up, so that it can tell what is doubtful about it.
import type { BackupPlan } from '../domain/backup.ts';
import type { CertificateFacts } from '../domain/certificate.ts';

export type Surroundings = {
  /** Has somebody said how phones reach the phones' door? Otherwise it is guessed from the listener. */
  readonly publicUrlIsSet: boolean;
  /** Where people and programs come in, and the URL that they use; null when nobody has said. */
  readonly adminHost: string;
  readonly adminUrl: string | null;
  /** Does the admin door speak TLS itself? */
  readonly adminSpeaksTls: boolean;
  /** Looks at the certificates of the doors and of the makers' CAs. */
  readonly certificates: () => readonly CertificateFacts[];
  /** Is there a listener for phones that speak old TLS alone? */
  readonly legacyTlsIsOpen: boolean;
  /** Is there a first API key in the environment? */
  readonly firstKeyIsSet: boolean;
  /** Does somebody run this in earnest, or only try it? */
  readonly isConfigured: boolean;
  /** Directories that the program reads from, by the variable that names them. */
  readonly directories: Readonly<Record<string, string>>;
  /** Backups that the server makes by itself; null when nobody has asked for any. */
  readonly backups: BackupPlan | null;
  /** Codes of the demo world's tenants. */
  readonly demoTenants: readonly string[];
};
