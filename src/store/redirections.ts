// The accounts at redirection services in the database.
import type { Kysely } from 'kysely';
import type { RedirectionAccount } from '../domain/redirection.ts';
import { fromRedirectionAccount, toRedirectionAccount } from './codec.ts';
import type { Tables } from './schema.ts';
import type { Secrets } from './secrets.ts';

export const redirectionReads = (db: Kysely<Tables>, secrets: Secrets) => ({
  /** The account at a service, or null when there is none. */
  async find(service: string): Promise<RedirectionAccount | null> {
    const query = db.selectFrom('redirection_account').selectAll().where('service', '=', service);
    const row = await query.executeTakeFirst();
    return row === undefined ? null : toRedirectionAccount(row, secrets);
  },
});

export const redirectionWrites = (db: Kysely<Tables>, secrets: Secrets) => ({
  /** Adds the account, or replaces the one that is there. */
  async put(account: RedirectionAccount): Promise<void> {
    const { service, ...values } = fromRedirectionAccount(account, secrets);
    await db
      .insertInto('redirection_account')
      .values({ service, ...values })
      .onConflict((conflict) => conflict.column('service').doUpdateSet(values))
      .execute();
  },
  async remove(service: string): Promise<void> {
    await db.deleteFrom('redirection_account').where('service', '=', service).execute();
  },
});
