// What DNS is told: addresses of servers, and transports that a pool says it does not offer. Where it is told, what was
// published there, and what checks have found.
import type { Kysely } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('server')
    .addColumn('addresses', 'text', (column) => column.notNull().defaultTo('[]'))
    .execute();
  await db.schema
    .alterTable('pool')
    .addColumn('deny_other_transports', 'integer', (column) => column.notNull().defaultTo(0))
    .execute();
  await db.schema
    .createTable('dns_target')
    .addColumn('zone', 'text', (column) => column.primaryKey())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('place', 'text', (column) => column.notNull())
    .addColumn('authorities', 'text', (column) => column.notNull())
    .addColumn('secret_sealed', 'text', (column) => column.notNull())
    .execute();
  // No foreign key: a name that was published is remembered until it is taken out of DNS, whatever becomes of its target.
  await db.schema
    .createTable('dns_published')
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('type', 'text', (column) => column.notNull())
    .addColumn('zone', 'text', (column) => column.notNull())
    .addColumn('at', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('dns_published_key', ['name', 'type'])
    .execute();
  await db.schema
    .createTable('dns_check')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('started_at', 'text', (column) => column.notNull())
    .addColumn('ended_at', 'text')
    .addColumn('fine', 'integer', (column) => column.notNull().defaultTo(0))
    .addColumn('drift', 'integer', (column) => column.notNull().defaultTo(0))
    .addColumn('unknown', 'integer', (column) => column.notNull().defaultTo(0))
    .addColumn('zones', 'text', (column) => column.notNull().defaultTo('[]'))
    .addColumn('pools', 'text', (column) => column.notNull().defaultTo('[]'))
    .execute();
  await db.schema
    .createTable('dns_verdict')
    .addColumn('pool', 'text', (column) => column.primaryKey())
    .addColumn('at', 'text', (column) => column.notNull())
    .addColumn('verdict', 'text', (column) => column.notNull())
    .execute();
}
