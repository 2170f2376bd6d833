// Every migration, in order. Only the store reads this folder.
import type { Migration } from 'kysely/migration';
import * as init from './0001_init.ts';
import * as keysAndContacts from './0002_keys_and_contacts.ts';
import * as redirection from './0003_redirection.ts';
import * as accessAndAudit from './0004_access_and_audit.ts';

export const migrations: Record<string, Migration> = {
  '0001_init': init,
  '0002_keys_and_contacts': keysAndContacts,
  '0003_redirection': redirection,
  '0004_access_and_audit': accessAndAudit,
};
