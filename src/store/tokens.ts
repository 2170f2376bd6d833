// Tokens of tenants in the database: the newest stands with its tenant, those before it by themselves, as hashes.
import { type Kysely, sql } from 'kysely';
import type { Mac } from '../domain/mac.ts';
import type { Proof } from '../domain/proof.ts';
import { hashToken, type TokenFacts, tokenId } from '../domain/token.ts';
import { tokenPlace } from './codec.ts';
import type { Tables } from './schema.ts';
import type { Secrets } from './secrets.ts';

/** A token that is good, and whose it is. */
export type FoundToken = { readonly id: string; readonly tenant: string; readonly proof: Proof };

/** When a phone came with a token last. */
export type TokenUse = { readonly mac: Mac; readonly at: string };

export const tokenReads = (db: Kysely<Tables>) => ({
  /** The tenant that a token is good for at this moment (ISO 8601, UTC). A wrong token costs as much as a right one. */
  async find(token: string, at: string): Promise<FoundToken | null> {
    const hash = hashToken(token);
    const { rows } = await sql<{ tenant: string; proof: string }>`
      select code as tenant, proof from tenant where token_hash = ${hash}
      union all
      select tenant.code as tenant, tenant.proof from old_token join tenant on tenant.code = old_token.tenant
        where old_token.token_hash = ${hash} and (ends_at is null or ends_at > ${at})`.execute(db);
    const [row] = rows;
    return row === undefined ? null : { id: tokenId(hash), tenant: row.tenant, proof: row.proof as Proof };
  },
  /** The tokens of a tenant that are good at this moment, the newest first. */
  async list(tenant: string, at: string): Promise<TokenFacts[]> {
    const newest = await db
      .selectFrom('tenant')
      .select(['token_hash', 'token_made_at'])
      .where('code', '=', tenant)
      .execute();
    const old = await db
      .selectFrom('old_token')
      .selectAll()
      .where('tenant', '=', tenant)
      .where((where) => where.or([where('ends_at', 'is', null), where('ends_at', '>', at)]))
      .orderBy(sql`made_at is null`)
      .orderBy('made_at', 'desc')
      .execute();
    return [
      ...newest.map((row) => ({
        ...{ id: tokenId(row.token_hash), madeAt: row.token_made_at },
        ...{ endsAt: null, newest: true },
      })),
      ...old.map((row) => ({
        ...{ id: tokenId(row.token_hash), madeAt: row.made_at },
        ...{ endsAt: row.ends_at, newest: false },
      })),
    ];
  },
  /** The phones of a tenant whose last fetch with a token was with this one, in the order of their MAC addresses. */
  async phones(
    tenant: string,
    id: string,
    { after, limit }: { after: string | null; limit: number },
  ): Promise<TokenUse[]> {
    const last = db
      .selectFrom('fetch')
      .select(({ fn }) => fn.max('fetch.id').as('id'))
      .where('tenant', '=', tenant)
      .where('token_id', 'is not', null)
      .groupBy('mac');
    const rows = await db
      .selectFrom('fetch')
      .innerJoin('phone', 'phone.mac', 'fetch.mac')
      .select(['fetch.mac', 'fetch.at'])
      .where('fetch.id', 'in', last)
      .where('fetch.token_id', '=', id)
      .where('phone.tenant', '=', tenant)
      .$if(after !== null, (query) => query.where('fetch.mac', '>', after ?? ''))
      .orderBy('fetch.mac')
      .limit(limit)
      .execute();
    return rows.map(({ mac, at }) => ({ mac: mac as Mac, at }));
  },
});

export const tokenWrites = (db: Kysely<Tables>, secrets: Secrets) => ({
  /** Gives a tenant a new token. The one before stays good until `oldEndsAt` (ISO 8601, UTC), or until it is ended. */
  async replace(
    tenant: string,
    token: string,
    { at, oldEndsAt }: { at: string; oldEndsAt: string | null },
  ): Promise<void> {
    await db
      .insertInto('old_token')
      .columns(['token_hash', 'tenant', 'made_at', 'ends_at'])
      .expression((build) =>
        build
          .selectFrom('tenant')
          .select(['token_hash', 'code', 'token_made_at', build.val(oldEndsAt).as('ends_at')])
          .where('code', '=', tenant),
      )
      .execute();
    const token_sealed = secrets.seal(token, tokenPlace(tenant));
    await db
      .updateTable('tenant')
      .set({ token_hash: hashToken(token), token_sealed, token_made_at: at })
      .where('code', '=', tenant)
      .execute();
  },
  /** Ends an old token. */
  async end(tenant: string, id: string): Promise<void> {
    await db
      .deleteFrom('old_token')
      .where('tenant', '=', tenant)
      .where(sql<boolean>`substr(token_hash, 1, ${id.length}) = ${id}`)
      .execute();
  },
  /** Forgets old tokens that have ended. */
  async forget(at: string): Promise<void> {
    await db.deleteFrom('old_token').where('ends_at', '<=', at).execute();
  },
});
