// The audit in the database: entries are only ever added. The last id and hash are kept sealed beside them, so that taking
// entries off the end is found too.
import type { Kysely } from 'kysely';
import type { Scope } from '../domain/access.ts';
import { type AuditEntry, CHAIN_START, type Change, chainHash, type StoredAuditEntry } from '../domain/audit.ts';
import { AppError } from '../domain/errors.ts';
import type { Tables } from './schema.ts';
import { inScope } from './scope.ts';
import type { Secrets } from './secrets.ts';

const HEAD = 'audit_head';
const HEAD_PLACE = 'installation|audit_head';

export type AuditFilter = {
  readonly tenant?: string;
  readonly actor?: string;
  readonly action?: string;
  readonly subject?: string;
  /** ISO 8601 in UTC: entries of this moment and later. */
  readonly from?: string;
  /** Entries before this moment. */
  readonly to?: string;
};

export type AuditPage = AuditFilter & {
  readonly limit: number;
  /** Only entries before this one, newest first; null begins with the newest. */
  readonly before: number | null;
};

const toEntry = ({ changes, ...row }: Tables['audit']): StoredAuditEntry => ({
  ...row,
  id: Number(row.id),
  changes: JSON.parse(changes) as Change[],
});

export type ChainEnd = { readonly id: number; readonly hash: string };

const matching = (db: Kysely<Tables>, scope: Scope, { tenant, actor, action, subject, from, to }: AuditFilter) =>
  db
    .selectFrom('audit')
    .selectAll()
    .where(inScope('audit.tenant', scope))
    .$if(tenant !== undefined, (query) => query.where('tenant', '=', tenant ?? ''))
    .$if(actor !== undefined, (query) => query.where('actor', '=', actor ?? ''))
    .$if(action !== undefined, (query) => query.where('action', '=', action ?? ''))
    .$if(subject !== undefined, (query) => query.where('subject', '=', subject ?? ''))
    .$if(from !== undefined, (query) => query.where('at', '>=', from ?? ''))
    .$if(to !== undefined, (query) => query.where('at', '<', to ?? ''));

export const auditReads = (db: Kysely<Tables>, secrets: Secrets) => ({
  /** Entries within the scope, newest first. */
  async list(scope: Scope, { limit, before, ...filter }: AuditPage): Promise<StoredAuditEntry[]> {
    const query = matching(db, scope, filter).$if(before !== null, (some) => some.where('id', '<', before ?? 0));
    return (await query.orderBy('id', 'desc').limit(limit).execute()).map(toEntry);
  },
  /** Entries within the scope after one and up to another, oldest first: for reading all of them, page by page. */
  async between(
    scope: Scope,
    { after, last, limit, ...filter }: AuditFilter & { after: number; last: number; limit: number },
  ): Promise<StoredAuditEntry[]> {
    const query = matching(db, scope, filter).where('id', '>', after).where('id', '<=', last);
    return (await query.orderBy('id').limit(limit).execute()).map(toEntry);
  },
  /** Entries after one, oldest first: for following the chain. */
  async after(id: number, limit: number): Promise<StoredAuditEntry[]> {
    const query = db.selectFrom('audit').selectAll().where('id', '>', id).orderBy('id').limit(limit);
    return (await query.execute()).map(toEntry);
  },
  /** The newest entry of an action on a subject; null when there is none. */
  async latest({ action, subject }: { action: string; subject: string }): Promise<StoredAuditEntry | null> {
    const query = db.selectFrom('audit').selectAll().where('subject', '=', subject).where('action', '=', action);
    const row = await query.orderBy('id', 'desc').limit(1).executeTakeFirst();
    return row === undefined ? null : toEntry(row);
  },
  /** The end of the chain as it was last written. @throws AppError `internal` when it was changed without the key */
  async end(): Promise<ChainEnd> {
    const query = db.selectFrom('installation').select('value').where('name', '=', HEAD);
    const sealed = (await query.executeTakeFirst())?.value;
    if (sealed === undefined) return { id: 0, hash: CHAIN_START };
    try {
      return JSON.parse(secrets.open(sealed, HEAD_PLACE)) as ChainEnd;
    } catch {
      throw new AppError('internal', 'the end of the audit was rewritten without the key; run: homeport check');
    }
  },
});

export const auditWrites = (db: Kysely<Tables>, secrets: Secrets) => ({
  async add(entry: AuditEntry): Promise<void> {
    const previous = await auditReads(db, secrets).end();
    const id = previous.id + 1;
    const hash = chainHash(previous.hash, id, entry);
    await db
      .insertInto('audit')
      .values({ ...entry, id, hash, changes: JSON.stringify(entry.changes) })
      .execute();
    const value = secrets.seal(JSON.stringify({ id, hash }), HEAD_PLACE);
    await db
      .insertInto('installation')
      .values({ name: HEAD, value })
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
      .execute();
  },
});
