// The contacts of tenants' phonebooks in the database.
import type { Kysely } from 'kysely';
import type { Contact } from '../domain/contact.ts';
import type { Tables } from './schema.ts';

const ROWS_AT_ONCE = 500;

export const contactReads = (db: Kysely<Tables>) => ({
  /** The contacts of a tenant, in the order in which somebody brought them. */
  async list(tenant: string): Promise<Contact[]> {
    const columns = ['name', 'work', 'mobile', 'home'] as const;
    return db.selectFrom('contact').select(columns).where('tenant', '=', tenant).orderBy('position').execute();
  },
});

export const contactWrites = (db: Kysely<Tables>) => ({
  async replace(tenant: string, contacts: readonly Contact[]): Promise<void> {
    await db.deleteFrom('contact').where('tenant', '=', tenant).execute();
    const rows = contacts.map((contact, position) => ({ tenant, position, ...contact }));
    for (let at = 0; at < rows.length; at += ROWS_AT_ONCE) {
      await db
        .insertInto('contact')
        .values(rows.slice(at, at + ROWS_AT_ONCE))
        .execute();
    }
  },
});
