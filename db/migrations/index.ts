// Every migration, in order. Only the store reads this folder.
import type { Migration } from 'kysely/migration';
import * as init from './0001_init.ts';
import * as keysAndContacts from './0002_keys_and_contacts.ts';

export const migrations: Record<string, Migration> = {
  '0001_init': init,
  '0002_keys_and_contacts': keysAndContacts,
};
