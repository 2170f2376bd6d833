// `homeport connection`: how programs reach the PBX of a server, and whether they do.
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { getConnection, putConnection, removeConnection } from '../app/pbx-connections.ts';
import { AppError, invalid, notFound } from '../domain/errors.ts';
import type { ShownConnection } from '../domain/pbx-connection.ts';
import type { OpenHouse } from '../main.ts';
import { print, show, table } from './print.ts';
import type { Shell } from './shell.ts';

const CONNECTION_VARIABLE = 'HOMEPORT_PBX_CONNECTION';
const TRY_MS = 15_000;

type Options = { json?: boolean; set?: boolean; remove?: boolean; try?: boolean };

/** A connection as JSON, from the environment or standard input: what stands in arguments is seen by everybody. */
function givenConnection(): object {
  const text = process.env[CONNECTION_VARIABLE] || (process.stdin.isTTY ? '' : readFileSync(0, 'utf8'));
  if (text === '') throw invalid(`give the connection as JSON, in ${CONNECTION_VARIABLE} or on standard input`);
  let read: unknown = null;
  try {
    read = JSON.parse(text);
  } catch {
    // The text may hold a secret, so nothing of it is quoted.
  }
  if (typeof read !== 'object' || read === null || Array.isArray(read)) {
    throw invalid('the connection is not a JSON object; give it as {"kind": "asterisk", "host": …}');
  }
  return read;
}

const shown = (connection: ShownConnection) =>
  table(
    ['field', 'value'],
    Object.entries(connection).map(([name, value]) => [
      name,
      typeof value === 'string' || typeof value === 'number' ? String(value) : JSON.stringify(value),
    ]),
  );

type Tried = { readonly registrations: number; readonly inUse: number | null };

/** Connects once, counts who is registered, and leaves. @throws AppError `unavailable` with the reason */
async function tryOut({ store, openPbx }: OpenHouse, server: string): Promise<Tried> {
  const connection = await store.connections.find(server);
  if (connection === null) throw notFound(`a connection to server ${server}`);
  let tell: (reason: string | null) => void = () => undefined;
  const told = new Promise<string | null>((resolve) => (tell = resolve));
  const pbx = openPbx(connection, {
    state: (state) => state.kind !== 'connecting' && tell(state.kind === 'up' ? null : state.reason),
    ...{ registered: () => undefined, unregistered: () => undefined, inUse: () => undefined },
  });
  const timer = setTimeout(() => tell(`nothing within ${TRY_MS / 1_000} s`), TRY_MS);
  try {
    const reason = await told;
    if (reason !== null)
      throw new AppError('unavailable', `server ${server} cannot be reached by its connection: ${reason}`);
    if (connection.kind === 'sip') return { registrations: 0, inUse: null };
    const registrations = (await pbx.contacts()).length;
    const inUse = await pbx.usersInUse().catch(() => null);
    return { registrations, inUse: inUse?.size ?? null };
  } finally {
    clearTimeout(timer);
    await pbx.close();
  }
}

const connection =
  ({ inHouse, actor }: Shell) =>
  (server: string, { set, remove, try: tries, ...output }: Options) =>
    inHouse(async (house) => {
      if (remove) {
        await removeConnection(house, server, actor());
        return print(`the connection to server ${server} is forgotten`);
      }
      if (set) await putConnection(house, server, givenConnection(), actor());
      if (!tries) return show(await getConnection(house, server), output, shown);
      const found = await tryOut(house, server);
      show(found, output, ({ registrations, inUse }) =>
        inUse === null
          ? `server ${server} answers: ${registrations} registrations; it does not tell of calls`
          : `server ${server} answers: ${registrations} registrations, ${inUse} users in a call`,
      );
    });

/** Adds `connection` to the program. */
export function addPbxCommands(program: Command, shell: Shell): void {
  program
    .command('connection <server>')
    .description('how the PBX of a server is reached: asterisk, kamailio, freeswitch or sip')
    .option('--set', `set it, from JSON in ${CONNECTION_VARIABLE} or on standard input`)
    .option('--remove', 'forget it')
    .option('--try', 'connect now, and say who answers')
    .option('--json', 'print JSON')
    .action(connection(shell));
}
