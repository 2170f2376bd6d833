// Accounts at redirection services; the credentials are sealed.
import type { Kysely } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('redirection_account')
    .addColumn('service', 'text', (column) => column.primaryKey())
    .addColumn('base_url', 'text', (column) => column.notNull())
    .addColumn('credentials_sealed', 'text', (column) => column.notNull())
    .execute();
}
