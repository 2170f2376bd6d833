// Connections to PBX servers in the database.
import type { Kysely } from 'kysely';
import type { PbxConnection } from '../domain/pbx-connection.ts';
import { fromPbxConnection, toPbxConnection } from './codec.ts';
import type { Tables } from './schema.ts';
import type { Secrets } from './secrets.ts';

export const connectionReads = (db: Kysely<Tables>, secrets: Secrets) => ({
  /** All connections, in the order of their servers. */
  async list(): Promise<PbxConnection[]> {
    const rows = await db.selectFrom('pbx_connection').selectAll().orderBy('server').execute();
    return rows.map((row) => toPbxConnection(row, secrets));
  },
  /** The connection to a server, or null when there is none. */
  async find(server: string): Promise<PbxConnection | null> {
    const row = await db.selectFrom('pbx_connection').selectAll().where('server', '=', server).executeTakeFirst();
    return row === undefined ? null : toPbxConnection(row, secrets);
  },
});

export const connectionWrites = (db: Kysely<Tables>, secrets: Secrets) => ({
  /** Adds the connection to a server, or replaces the one that is there. */
  async put(connection: PbxConnection): Promise<void> {
    const { server, ...values } = fromPbxConnection(connection, secrets);
    await db
      .insertInto('pbx_connection')
      .values({ server, ...values })
      .onConflict((conflict) => conflict.column('server').doUpdateSet(values))
      .execute();
  },
  async remove(server: string): Promise<void> {
    await db.deleteFrom('pbx_connection').where('server', '=', server).execute();
  },
});
