// Plans, what became of them, and measured loads. A move names the plan that it was made by, and its road.
import type { Kysely } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('tenant_load')
    .addColumn('tenant', 'text', (column) => column.primaryKey().references('tenant.code').onDelete('cascade'))
    .addColumn('calls', 'text')
    .addColumn('registrations', 'text')
    .addColumn('source', 'text', (column) => column.notNull())
    .addColumn('measured_at', 'text', (column) => column.notNull())
    .execute();
  // Never used again after it is deleted: people name plans by their number.
  await db.schema
    .createTable('plan')
    .addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('belongs_to', 'integer', (column) => column.references('plan.id').onDelete('cascade'))
    .addColumn('digest', 'text', (column) => column.notNull())
    .addColumn('revision', 'integer', (column) => column.notNull())
    .addColumn('snapshot', 'text')
    .addColumn('summary', 'text', (column) => column.notNull())
    .addColumn('contents', 'text', (column) => column.notNull())
    .addColumn('proposed_at', 'text', (column) => column.notNull())
    .addColumn('proposed_by', 'text', (column) => column.notNull())
    .addColumn('expires_at', 'text')
    .addColumn('approved_at', 'text')
    .addColumn('approved_by', 'text')
    .addColumn('applied_at', 'text')
    .addColumn('applied_by', 'text')
    .addColumn('outcome', 'text')
    .execute();
  await db.schema.createIndex('plan_belongs_to').on('plan').column('belongs_to').execute();
  await db.schema
    .alterTable('move')
    .addColumn('plan', 'integer', (column) => column.references('plan.id').onDelete('set null'))
    .execute();
  await db.schema.alterTable('move').addColumn('road', 'text').execute();
  await db.schema.createIndex('move_plan').on('move').column('plan').execute();
}
