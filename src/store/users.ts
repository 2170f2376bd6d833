// People who come in, in the database. Passwords are kept as hashes of argon2id, made elsewhere.
import type { Kysely, Selectable } from 'kysely';
import type { Role } from '../domain/access.ts';
import type { User } from '../domain/people.ts';
import type { Tables } from './schema.ts';

export type StoredUser = User & { readonly createdAt: string };

const toUser = ({ role, tenants, enabled, ...row }: Selectable<Tables['user']>): StoredUser => ({
  name: row.name,
  role: role as Role,
  tenants: JSON.parse(tenants) as string[],
  enabled: enabled === 1,
  createdAt: row.created_at,
});

const fromUser = ({ name, role, tenants, enabled }: User) => ({
  name,
  role,
  tenants: JSON.stringify(tenants),
  enabled: enabled ? 1 : 0,
});

export const userReads = (db: Kysely<Tables>) => ({
  async list(): Promise<StoredUser[]> {
    return (await db.selectFrom('user').selectAll().orderBy('name').execute()).map(toUser);
  },
  async find(name: string): Promise<StoredUser | null> {
    const row = await db.selectFrom('user').selectAll().where('name', '=', name).executeTakeFirst();
    return row === undefined ? null : toUser(row);
  },
  /** The hash of the password; null when there is no such user. */
  async passwordHash(name: string): Promise<string | null> {
    const query = db.selectFrom('user').select('password_hash').where('name', '=', name);
    return (await query.executeTakeFirst())?.password_hash ?? null;
  },
});

export const userWrites = (db: Kysely<Tables>) => ({
  async add(user: User, passwordHash: string, createdAt: string): Promise<void> {
    const row = { ...fromUser(user), password_hash: passwordHash, created_at: createdAt };
    await db.insertInto('user').values(row).execute();
  },
  /** Changes the user, and the password when a hash is given. */
  async replace(user: User, passwordHash: string | null): Promise<void> {
    const password = passwordHash === null ? {} : { password_hash: passwordHash };
    await db
      .updateTable('user')
      .set({ ...fromUser(user), ...password })
      .where('name', '=', user.name)
      .execute();
  },
  async remove(name: string): Promise<void> {
    await db.deleteFrom('user').where('name', '=', name).execute();
  },
});
