// Servers in the database.
import type { Kysely } from 'kysely';
import { notFound } from '../domain/errors.ts';
import type { Server } from '../domain/server.ts';
import { fromServer, toServer } from './codec.ts';
import type { Tables } from './schema.ts';

export const serverReads = (db: Kysely<Tables>) => ({
  async list(): Promise<Server[]> {
    return (await db.selectFrom('server').selectAll().orderBy('name').execute()).map(toServer);
  },
  /** @throws AppError `not_found` */
  async get(name: string): Promise<Server> {
    const row = await db.selectFrom('server').selectAll().where('name', '=', name).executeTakeFirst();
    if (row === undefined) throw notFound(`server ${name}`);
    return toServer(row);
  },
});

export const serverWrites = (db: Kysely<Tables>) => ({
  async add(server: Server): Promise<void> {
    await db.insertInto('server').values(fromServer(server)).execute();
  },
  async replace(server: Server): Promise<void> {
    await db.updateTable('server').set(fromServer(server)).where('name', '=', server.name).execute();
  },
  async remove(name: string): Promise<void> {
    await db.deleteFrom('server').where('name', '=', name).execute();
  },
});
