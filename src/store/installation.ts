// What is chosen for the whole installation, in the database: one row of the table of the same name.
import type { Kysely } from 'kysely';
import { conflict } from '../domain/errors.ts';
import { type Installation, type InstallationInput, NEW_INSTALLATION } from '../domain/installation.ts';
import type { Tables } from './schema.ts';

const ROW = 'choices';

export const installationReads = (db: Kysely<Tables>) => ({
  /** What is chosen; what nobody has chosen is as it is from the start, at revision 0. */
  async get(): Promise<Installation> {
    const row = await db.selectFrom('installation').select('value').where('name', '=', ROW).executeTakeFirst();
    return row === undefined ? NEW_INSTALLATION : { ...NEW_INSTALLATION, ...(JSON.parse(row.value) as Installation) };
  },
});

export const installationWrites = (db: Kysely<Tables>) => ({
  /**
   * Replaces what is chosen; `revision` is the one that was read.
   * @throws AppError `conflict` when somebody else changed it since
   */
  async put(input: InstallationInput, revision: number): Promise<Installation> {
    const before = await installationReads(db).get();
    if (before.revision !== revision) {
      throw conflict(`the installation has changed since revision ${revision}; read it again`);
    }
    const { tenantDomains, phonesCarry, promisedMoveS } = input;
    const installation = { tenantDomains, phonesCarry, promisedMoveS, revision: revision + 1 };
    const value = JSON.stringify(installation);
    await db
      .insertInto('installation')
      .values({ name: ROW, value })
      .onConflict((taken) => taken.column('name').doUpdateSet({ value }))
      .execute();
    return installation;
  },
});
