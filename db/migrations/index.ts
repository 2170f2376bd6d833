// Every migration, in order. Only the store reads this folder.
import type { Migration } from 'kysely/migration';
import * as init from './0001_init.ts';
import * as keysAndContacts from './0002_keys_and_contacts.ts';
import * as redirection from './0003_redirection.ts';
import * as accessAndAudit from './0004_access_and_audit.ts';
import * as proofs from './0005_proofs.ts';
import * as dns from './0006_dns.ts';
import * as plans from './0007_plans.ts';
import * as pbx from './0008_pbx.ts';

export const migrations: Record<string, Migration> = {
  '0001_init': init,
  '0002_keys_and_contacts': keysAndContacts,
  '0003_redirection': redirection,
  '0004_access_and_audit': accessAndAudit,
  '0005_proofs': proofs,
  '0006_dns': dns,
  '0007_plans': plans,
  '0008_pbx': pbx,
};
