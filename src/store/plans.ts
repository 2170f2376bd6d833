// Plans and the rules for them in the database. The oldest go: first those that nobody applied.
import type { Kysely, Selectable } from 'kysely';
import { conflict, notFound } from '../domain/errors.ts';
import type { PlanContents, PlanKind, PlanOutcome, PlanRecord, PlanSummary, WholePlan } from '../domain/plan-record.ts';
import { NEW_PLANNING, type Planning, type PlanningInput } from '../domain/planning.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import type { Tables } from './schema.ts';

const PLANNING = 'planning';
/** How many applied plans are kept, and how many that were only proposed. */
const APPLIED_KEPT = 1_000;
const PROPOSED_KEPT = 200;

const COLUMNS = [
  ...(['id', 'kind', 'belongs_to', 'digest', 'revision', 'summary', 'proposed_at', 'proposed_by'] as const),
  ...(['expires_at', 'approved_at', 'approved_by', 'applied_at', 'applied_by', 'outcome'] as const),
] as const;

type Row = Selectable<Tables['plan']>;

const toRecord = (row: Omit<Row, 'contents' | 'snapshot'>): PlanRecord => ({
  ...{ id: row.id, kind: row.kind as PlanKind, belongsTo: row.belongs_to, digest: row.digest, revision: row.revision },
  summary: JSON.parse(row.summary) as PlanSummary,
  ...{ proposedAt: row.proposed_at, proposedBy: row.proposed_by, expiresAt: row.expires_at },
  ...{ approvedAt: row.approved_at, approvedBy: row.approved_by },
  ...{ appliedAt: row.applied_at, appliedBy: row.applied_by },
  outcome: row.outcome === null ? null : (JSON.parse(row.outcome) as PlanOutcome),
});

export type NewPlan = Omit<WholePlan, 'id' | 'approvedAt' | 'approvedBy' | 'appliedAt' | 'appliedBy' | 'outcome'>;

type Newest = { readonly before: number | null; readonly limit: number };

export const planReads = (db: Kysely<Tables>) => ({
  /** How plans are made; what nobody has chosen is as it is from the start, at revision 0. */
  async planning(): Promise<Planning> {
    const query = db.selectFrom('installation').select('value').where('name', '=', PLANNING);
    const row = await query.executeTakeFirst();
    return row === undefined ? NEW_PLANNING : { ...NEW_PLANNING, ...(JSON.parse(row.value) as Planning) };
  },
  /** Plans, newest first. Choices stand beside their plan, and what would take one back beside that, until applied. */
  async list({ before, limit }: Newest): Promise<PlanRecord[]> {
    const rows = await db
      .selectFrom('plan')
      .select(COLUMNS)
      .where((where) => where.or([where('kind', '=', 'plan'), where('applied_at', 'is not', null)]))
      .$if(before !== null, (query) => query.where('id', '<', before ?? 0))
      .orderBy('id', 'desc')
      .limit(limit)
      .execute();
    return rows.map(toRecord);
  },
  /** @throws AppError `not_found` */
  async get(id: number): Promise<WholePlan> {
    const row = await db.selectFrom('plan').selectAll().where('id', '=', id).executeTakeFirst();
    if (row === undefined) throw notFound(`plan ${id}`);
    return {
      ...toRecord(row),
      contents: JSON.parse(row.contents) as PlanContents,
      snapshot: row.snapshot === null ? null : (JSON.parse(row.snapshot) as Snapshot),
    };
  },
  /** What stands beside a plan: other ones to choose, or the one that takes it back. */
  async beside(id: number, kind: PlanKind): Promise<PlanRecord[]> {
    const query = db.selectFrom('plan').select(COLUMNS).where('belongs_to', '=', id).where('kind', '=', kind);
    return (await query.orderBy('id').execute()).map(toRecord);
  },
});

export const planWrites = (db: Kysely<Tables>) => ({
  /**
   * Replaces the rules for plans; `revision` is the one that was read.
   * @throws AppError `conflict` when somebody else changed them since
   */
  async putPlanning(input: PlanningInput, revision: number): Promise<Planning> {
    const before = await planReads(db).planning();
    if (before.revision !== revision) {
      throw conflict(`the rules for plans have changed since revision ${revision}; read them again`);
    }
    const planning = { ...input, revision: revision + 1 };
    const value = JSON.stringify(planning);
    await db
      .insertInto('installation')
      .values({ name: PLANNING, value })
      .onConflict((taken) => taken.column('name').doUpdateSet({ value }))
      .execute();
    return planning;
  },
  /** Adds a plan. @returns its number */
  async add({ contents, snapshot, summary, ...plan }: NewPlan): Promise<number> {
    const { id } = await db
      .insertInto('plan')
      .values({
        ...{ kind: plan.kind, belongs_to: plan.belongsTo, digest: plan.digest, revision: plan.revision },
        snapshot: snapshot === null ? null : JSON.stringify(snapshot),
        ...{ summary: JSON.stringify(summary), contents: JSON.stringify(contents) },
        ...{ proposed_at: plan.proposedAt, proposed_by: plan.proposedBy, expires_at: plan.expiresAt },
      })
      .returning('id')
      .executeTakeFirstOrThrow();
    return id;
  },
  async approve(id: number, at: string, by: string): Promise<void> {
    await db.updateTable('plan').set({ approved_at: at, approved_by: by }).where('id', '=', id).execute();
  },
  /** Writes down that a plan was applied. @throws AppError `conflict` when it was already */
  async apply(id: number, outcome: PlanOutcome, { at, by }: { at: string; by: string }): Promise<void> {
    const { numUpdatedRows } = await db
      .updateTable('plan')
      .set({ applied_at: at, applied_by: by, outcome: JSON.stringify(outcome), snapshot: null })
      .where('id', '=', id)
      .where('applied_at', 'is', null)
      .executeTakeFirst();
    if (numUpdatedRows !== 1n) throw conflict(`plan ${id} is applied already`);
  },
  /** Forgets what expired plans were made from, and the oldest plans beyond what is kept. */
  async forgetOld(now: string): Promise<void> {
    await db.updateTable('plan').set({ snapshot: null }).where('expires_at', '<=', now).execute();
    for (const applied of [true, false]) {
      const kept = applied ? APPLIED_KEPT : PROPOSED_KEPT;
      const oldest = await db
        .selectFrom('plan')
        .select('id')
        .where('applied_at', applied ? 'is not' : 'is', null)
        .$if(!applied, (query) => query.where('kind', '=', 'plan'))
        .orderBy('id', 'desc')
        .offset(kept)
        .limit(1)
        .executeTakeFirst();
      if (oldest === undefined) continue;
      await db
        .deleteFrom('plan')
        .where('id', '<=', oldest.id)
        .where('applied_at', applied ? 'is not' : 'is', null)
        .$if(!applied, (query) => query.where('kind', '=', 'plan'))
        .execute();
    }
  },
});
