// What tenants demand of their phones, tokens that are replaced, phones' own credentials, and enrolment windows.
import type { Kysely } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  // Phones that are there already come with the token alone: whoever wants more says so.
  await db.schema
    .alterTable('tenant')
    .addColumn('proof', 'text', (column) => column.notNull().defaultTo('token'))
    .execute();
  await db.schema.alterTable('tenant').addColumn('token_made_at', 'text').execute();
  // Tokens that a newer one has replaced and that are good for a while; the newest stands with its tenant.
  await db.schema
    .createTable('old_token')
    .addColumn('token_hash', 'text', (column) => column.primaryKey())
    .addColumn('tenant', 'text', (column) => column.notNull().references('tenant.code').onDelete('cascade'))
    .addColumn('made_at', 'text')
    .addColumn('ends_at', 'text')
    .execute();
  await db.schema.createIndex('old_token_tenant').on('old_token').column('tenant').execute();
  // Which token a phone came with.
  await db.schema.alterTable('fetch').addColumn('token_id', 'text').execute();
  await db.schema
    .createTable('enrolment_window')
    .addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
    .addColumn('tenant', 'text', (column) => column.notNull().references('tenant.code').onDelete('cascade'))
    .addColumn('phones', 'text')
    .addColumn('opens_at', 'text', (column) => column.notNull())
    .addColumn('closes_at', 'text', (column) => column.notNull())
    .addColumn('networks', 'text', (column) => column.notNull())
    .addColumn('made_at', 'text', (column) => column.notNull())
    .addColumn('made_by', 'text', (column) => column.notNull())
    .execute();
  await db.schema.createIndex('enrolment_window_tenant').on('enrolment_window').column('tenant').execute();
  await db.schema
    .createTable('credential')
    .addColumn('mac', 'text', (column) => column.primaryKey().references('phone.mac').onDelete('cascade'))
    .addColumn('passwords_sealed', 'text', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('made_at', 'text', (column) => column.notNull())
    .addColumn('used_at', 'text')
    .addColumn('window_id', 'integer')
    .addColumn('handed_out_at', 'text')
    .addColumn('address', 'text')
    .addColumn('files', 'text', (column) => column.notNull())
    .addColumn('contested_at', 'text')
    .addColumn('contested_by', 'text')
    .execute();
}
