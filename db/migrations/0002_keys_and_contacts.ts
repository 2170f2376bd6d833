// Line keys of phones, extensions of lines, contacts of tenants.
import type { Kysely } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('phone')
    .addColumn('keys', 'text', (column) => column.notNull().defaultTo('[]'))
    .execute();
  await db.schema.alterTable('line').addColumn('extension', 'text').execute();
  await db.schema
    .createTable('contact')
    .addColumn('tenant', 'text', (column) => column.notNull().references('tenant.code').onDelete('cascade'))
    .addColumn('position', 'integer', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('work', 'text')
    .addColumn('mobile', 'text')
    .addColumn('home', 'text')
    .addPrimaryKeyConstraint('contact_key', ['tenant', 'position'])
    .execute();
}
