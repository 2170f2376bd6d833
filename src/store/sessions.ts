// Sessions of people in the database, found by the hash of what stands in their cookie.
import type { Kysely } from 'kysely';
import type { Tables } from './schema.ts';

export type Session = {
  readonly idHash: string;
  readonly user: string;
  readonly createdAt: string;
  readonly seenAt: string;
  readonly address: string;
};

export const sessionReads = (db: Kysely<Tables>) => ({
  async find(idHash: string): Promise<Session | null> {
    const row = await db.selectFrom('session').selectAll().where('id_hash', '=', idHash).executeTakeFirst();
    if (row === undefined) return null;
    return { idHash, user: row.user, createdAt: row.created_at, seenAt: row.seen_at, address: row.address };
  },
});

export const sessionWrites = (db: Kysely<Tables>) => ({
  async add({ idHash, user, createdAt, seenAt, address }: Session): Promise<void> {
    const row = { id_hash: idHash, user, created_at: createdAt, seen_at: seenAt, address };
    await db.insertInto('session').values(row).execute();
  },
  async seen(idHash: string, at: string): Promise<void> {
    await db.updateTable('session').set({ seen_at: at }).where('id_hash', '=', idHash).execute();
  },
  async remove(idHash: string): Promise<void> {
    await db.deleteFrom('session').where('id_hash', '=', idHash).execute();
  },
  /** Ends all sessions of a user. */
  async removeOf(user: string): Promise<void> {
    await db.deleteFrom('session').where('user', '=', user).execute();
  },
  /** Forgets sessions that nobody has used since. */
  async removeUnseenSince(at: string): Promise<void> {
    await db.deleteFrom('session').where('seen_at', '<', at).execute();
  },
});
