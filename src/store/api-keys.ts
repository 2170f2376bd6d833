// Programs' keys in the database: the public id and a hash of the secret. The secret is random, so a fast hash is enough.
import type { Kysely, Selectable } from 'kysely';
import type { Role } from '../domain/access.ts';
import type { ApiKey } from '../domain/people.ts';
import type { Tables } from './schema.ts';

export type StoredApiKey = ApiKey & { readonly secretHash: string };

const toApiKey = (row: Selectable<Tables['api_key']>): StoredApiKey => ({
  id: row.id,
  name: row.name,
  role: row.role as Role,
  tenants: JSON.parse(row.tenants) as string[],
  secretHash: row.secret_hash,
  createdAt: row.created_at,
  createdBy: row.created_by,
  expiresAt: row.expires_at,
  lastUsedAt: row.last_used_at,
});

export const apiKeyReads = (db: Kysely<Tables>) => ({
  async list(): Promise<StoredApiKey[]> {
    return (await db.selectFrom('api_key').selectAll().orderBy('created_at').orderBy('id').execute()).map(toApiKey);
  },
  async find(id: string): Promise<StoredApiKey | null> {
    const row = await db.selectFrom('api_key').selectAll().where('id', '=', id).executeTakeFirst();
    return row === undefined ? null : toApiKey(row);
  },
});

export const apiKeyWrites = (db: Kysely<Tables>) => ({
  async add(key: StoredApiKey): Promise<void> {
    await db
      .insertInto('api_key')
      .values({
        id: key.id,
        name: key.name,
        role: key.role,
        tenants: JSON.stringify(key.tenants),
        secret_hash: key.secretHash,
        created_at: key.createdAt,
        created_by: key.createdBy,
        expires_at: key.expiresAt,
        last_used_at: key.lastUsedAt,
      })
      .execute();
  },
  async used(id: string, at: string): Promise<void> {
    await db.updateTable('api_key').set({ last_used_at: at }).where('id', '=', id).execute();
  },
  async remove(id: string): Promise<void> {
    await db.deleteFrom('api_key').where('id', '=', id).execute();
  },
});
