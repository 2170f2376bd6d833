// Journeys: how programs reach the PBX servers. Secrets go in and never come out.
import type { Actor } from '../domain/access.ts';
import { invalid, notFound } from '../domain/errors.ts';
import { parseWith } from '../domain/parse.ts';
import {
  type PbxConnection,
  pbxConnectionSchema,
  type ShownConnection,
  shownConnection,
} from '../domain/pbx-connection.ts';
import type { Reads, Store } from '../store/store.ts';
import { note } from './audit.ts';

type House = { readonly store: Store; readonly now: () => Date };

async function connectionOf(reads: Reads, server: string): Promise<PbxConnection> {
  await reads.servers.get(server);
  const connection = await reads.connections.find(server);
  if (connection === null) throw notFound(`a connection to server ${server}`);
  return connection;
}

/** The connection to a server. @throws AppError `not_found` for an unknown server, and where there is none */
export const getConnection = ({ store }: Pick<House, 'store'>, server: string): Promise<ShownConnection> =>
  store.snapshot(async (reads) => shownConnection(await connectionOf(reads, server)));

/**
 * Sets the connection to a server as a whole, secret and all: a secret is only ever used at the place that it was given for.
 * @throws AppError `not_found` for an unknown server, `invalid` with every wrong field
 */
export async function putConnection(
  house: House,
  server: string,
  input: object,
  actor: Actor,
): Promise<ShownConnection> {
  const connection = parseWith(pbxConnectionSchema, { server, ...input }, 'the connection');
  if (connection.server !== server) throw invalid(`the connection is for server ${server}, not ${connection.server}`);
  await house.store.transaction(async (tx) => {
    await tx.servers.get(server);
    const old = await tx.connections.find(server);
    await tx.connections.put(connection);
    const [before, after] = [old && shownConnection(old), { ...shownConnection(connection), credentials: 'set anew' }];
    await note(tx, house, actor, { action: 'server.connection', subject: server, before, after });
  });
  return shownConnection(connection);
}

/** Forgets the connection to a server. @throws AppError `not_found` */
export async function removeConnection(house: House, server: string, actor: Actor): Promise<void> {
  await house.store.transaction(async (tx) => {
    const before = shownConnection(await connectionOf(tx, server));
    await tx.connections.remove(server);
    await note(tx, house, actor, { action: 'server.connection', subject: server, before, after: null });
  });
}
