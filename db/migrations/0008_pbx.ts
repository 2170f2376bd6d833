// How programs reach the PBX servers; the secrets are sealed.
import type { Kysely } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('pbx_connection')
    .addColumn('server', 'text', (column) => column.primaryKey().references('server.name').onDelete('cascade'))
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('place', 'text', (column) => column.notNull())
    .addColumn('secret_sealed', 'text', (column) => column.notNull())
    .execute();
}
