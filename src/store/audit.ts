// The audit in the database: entries are only ever added. The last id and hash are kept sealed beside them, so that taking
// entries off the end is found too.
import type { Kysely } from 'kysely';
import type { Scope } from '../domain/access.ts';
import { type AuditEntry, CHAIN_START, type Change, chainHash, type StoredAuditEntry } from '../domain/audit.ts';
import type { Tables } from './schema.ts';
import { inScope } from './scope.ts';
import type { Secrets } from './secrets.ts';

const HEAD = 'audit_head';
const HEAD_PLACE = 'installation|audit_head';

export type AuditFilter = {
  readonly limit: number;
  /** Only entries before this one, newest first; null begins with the newest. */
  readonly before: number | null;
  readonly tenant?: string;
  readonly actor?: string;
  readonly action?: string;
  readonly subject?: string;
};

const toEntry = ({ changes, ...row }: Tables['audit']): StoredAuditEntry => ({
  ...row,
  id: Number(row.id),
  changes: JSON.parse(changes) as Change[],
});

export type ChainEnd = { readonly id: number; readonly hash: string };

export const auditReads = (db: Kysely<Tables>, secrets: Secrets) => ({
  /** Entries within the scope, newest first. */
  async list(scope: Scope, { limit, before, ...filter }: AuditFilter): Promise<StoredAuditEntry[]> {
    let query = db.selectFrom('audit').selectAll().where(inScope('audit.tenant', scope));
    if (before !== null) query = query.where('id', '<', before);
    for (const [column, value] of Object.entries(filter)) {
      if (value !== undefined) query = query.where(column as 'tenant', '=', value);
    }
    return (await query.orderBy('id', 'desc').limit(limit).execute()).map(toEntry);
  },
  /** Entries after one, oldest first: for following the chain. */
  async after(id: number, limit: number): Promise<StoredAuditEntry[]> {
    const query = db.selectFrom('audit').selectAll().where('id', '>', id).orderBy('id').limit(limit);
    return (await query.execute()).map(toEntry);
  },
  /** The end of the chain as it was last written. @throws Error when it was changed by somebody without the key */
  async end(): Promise<ChainEnd> {
    const query = db.selectFrom('installation').select('value').where('name', '=', HEAD);
    const sealed = (await query.executeTakeFirst())?.value;
    return sealed === undefined
      ? { id: 0, hash: CHAIN_START }
      : (JSON.parse(secrets.open(sealed, HEAD_PLACE)) as ChainEnd);
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
