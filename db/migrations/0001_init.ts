// The first schema. Text and integer columns only, so that every engine stores the same thing: times are ISO 8601 UTC,
// booleans 0 or 1, lists and settings JSON. Values in columns that end in `_sealed` are encrypted.
import type { Kysely } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('installation')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('value', 'text', (column) => column.notNull())
    .execute();
  await upServersAndPools(db);
  await upTenantsAndPhones(db);
  await upHistory(db);
}

async function upServersAndPools(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('server')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('host', 'text', (column) => column.notNull().unique())
    .addColumn('capacity', 'text')
    .addColumn('state', 'text', (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('pool')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('domain', 'text', (column) => column.notNull().unique())
    .addColumn('transports', 'text', (column) => column.notNull())
    .addColumn('ttl', 'integer', (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('pool_target')
    .addColumn('pool', 'text', (column) => column.notNull().references('pool.name').onDelete('cascade'))
    .addColumn('position', 'integer', (column) => column.notNull())
    .addColumn('server', 'text', (column) => column.notNull().references('server.name'))
    .addColumn('priority', 'integer', (column) => column.notNull())
    .addColumn('weight', 'integer', (column) => column.notNull())
    .addColumn('port', 'integer', (column) => column.notNull())
    .addPrimaryKeyConstraint('pool_target_key', ['pool', 'position'])
    .execute();
  await db.schema.createIndex('pool_target_server').on('pool_target').column('server').execute();
}

async function upTenantsAndPhones(db: Kysely<unknown>): Promise<void> {
  // What is chosen for all phones, for a vendor's and for a model's; tenants and phones hold their own.
  await db.schema
    .createTable('level')
    .addColumn('level', 'text', (column) => column.notNull())
    .addColumn('of', 'text', (column) => column.notNull())
    .addColumn('choices_sealed', 'text', (column) => column.notNull())
    .addColumn('revision', 'integer', (column) => column.notNull())
    .addPrimaryKeyConstraint('level_key', ['level', 'of'])
    .execute();
  await db.schema
    .createTable('tenant')
    .addColumn('code', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('pool', 'text', (column) => column.notNull().references('pool.name'))
    .addColumn('binding', 'text', (column) => column.notNull())
    .addColumn('sip_domain', 'text')
    .addColumn('weight', 'text')
    .addColumn('choices_sealed', 'text', (column) => column.notNull())
    .addColumn('token_hash', 'text', (column) => column.notNull().unique())
    .addColumn('token_sealed', 'text', (column) => column.notNull())
    .addColumn('revision', 'integer', (column) => column.notNull())
    .execute();
  await db.schema.createIndex('tenant_pool').on('tenant').column('pool').execute();
  await db.schema
    .createTable('phone')
    .addColumn('mac', 'text', (column) => column.primaryKey())
    .addColumn('tenant', 'text', (column) => column.notNull().references('tenant.code'))
    .addColumn('vendor', 'text', (column) => column.notNull())
    .addColumn('model', 'text', (column) => column.notNull())
    .addColumn('enabled', 'integer', (column) => column.notNull())
    .addColumn('choices_sealed', 'text', (column) => column.notNull())
    .addColumn('revision', 'integer', (column) => column.notNull())
    .execute();
  await db.schema.createIndex('phone_tenant').on('phone').columns(['tenant', 'mac']).execute();
  await db.schema
    .createTable('line')
    .addColumn('mac', 'text', (column) => column.notNull().references('phone.mac').onDelete('cascade'))
    .addColumn('position', 'integer', (column) => column.notNull())
    .addColumn('user', 'text', (column) => column.notNull())
    .addColumn('auth_user', 'text')
    .addColumn('password_sealed', 'text', (column) => column.notNull())
    .addColumn('display_name', 'text')
    .addColumn('label', 'text')
    .addPrimaryKeyConstraint('line_key', ['mac', 'position'])
    .execute();
}

async function upHistory(db: Kysely<unknown>): Promise<void> {
  // History outlives what it speaks of, so its rows hold names and refer to nothing.
  await db.schema
    .createTable('move')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('at', 'text', (column) => column.notNull())
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('from_pool', 'text', (column) => column.notNull())
    .addColumn('to_pool', 'text', (column) => column.notNull())
    .addColumn('phones', 'integer', (column) => column.notNull())
    .addColumn('actor', 'text', (column) => column.notNull())
    .execute();
  await db.schema.createIndex('move_tenant').on('move').columns(['tenant', 'id']).execute();
  await db.schema
    .createTable('fetch')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('at', 'text', (column) => column.notNull())
    .addColumn('mac', 'text', (column) => column.notNull())
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('method', 'text', (column) => column.notNull())
    .addColumn('file', 'text', (column) => column.notNull())
    .addColumn('status', 'integer', (column) => column.notNull())
    .addColumn('digest', 'text')
    .addColumn('address', 'text', (column) => column.notNull())
    .addColumn('user_agent', 'text', (column) => column.notNull())
    .addColumn('model', 'text')
    .addColumn('firmware', 'text')
    .execute();
  await db.schema.createIndex('fetch_mac').on('fetch').columns(['mac', 'id']).execute();
  await db.schema.createIndex('fetch_tenant').on('fetch').columns(['tenant', 'id']).execute();
  await db.schema
    .createTable('unclaimed')
    .addColumn('mac', 'text', (column) => column.primaryKey())
    .addColumn('tenant', 'text', (column) => column.notNull().references('tenant.code').onDelete('cascade'))
    .addColumn('vendor', 'text')
    .addColumn('model', 'text')
    .addColumn('firmware', 'text')
    .addColumn('address', 'text', (column) => column.notNull())
    .addColumn('file', 'text', (column) => column.notNull())
    .addColumn('first_at', 'text', (column) => column.notNull())
    .addColumn('last_at', 'text', (column) => column.notNull())
    .addColumn('requests', 'integer', (column) => column.notNull())
    .execute();
  await db.schema.createIndex('unclaimed_tenant').on('unclaimed').columns(['tenant', 'mac']).execute();
  await db.schema
    .createTable('upload')
    .addColumn('mac', 'text', (column) => column.notNull().references('phone.mac').onDelete('cascade'))
    .addColumn('file', 'text', (column) => column.notNull())
    .addColumn('at', 'text', (column) => column.notNull())
    .addColumn('content', 'text', (column) => column.notNull())
    .addColumn('bytes', 'integer', (column) => column.notNull())
    .addPrimaryKeyConstraint('upload_key', ['mac', 'file'])
    .execute();
}
