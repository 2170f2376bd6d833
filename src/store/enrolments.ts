// Credentials of phones and enrolment windows in the database.
import { randomBytes } from 'node:crypto';
import { type Kysely, type Selectable, sql } from 'kysely';
import type { Credential, EnrolmentWindow } from '../domain/enrolment.ts';
import type { Mac } from '../domain/mac.ts';
import type { Page } from '../domain/page.ts';
import type { Proof } from '../domain/proof.ts';
import { fromCredential, fromWindow, toCredential, toWindow } from './codec.ts';
import type { Tables } from './schema.ts';
import { type Secrets, secretsWith } from './secrets.ts';

/** What decides about a phone's files. */
export type Claimant = {
  readonly mac: Mac;
  readonly tenant: string;
  readonly vendor: string;
  readonly model: string;
  readonly enabled: boolean;
  /** What the phone's tenant demands. */
  readonly proof: Proof;
  readonly credential: Credential | null;
};

type CredentialRow = Selectable<Tables['credential']>;
type Joined = CredentialRow & {
  phone: string;
  tenant: string;
  vendor: string;
  model: string;
  enabled: number;
  proof: string;
};

const NOBODYS = secretsWith(randomBytes(32));
const SEAL_OF_NOBODY = NOBODYS.seal(JSON.stringify({ password: '-'.repeat(32), old: null }), 'nobody');

/** Opens a seal of nobody's: a phone that is not there costs as much as one that is. */
const openNothing = () => void JSON.parse(NOBODYS.open(SEAL_OF_NOBODY, 'nobody'));

export const credentialReads = (db: Kysely<Tables>, secrets: Secrets) => ({
  /** What decides about a phone's files, in one query; null when there is no such phone. */
  async claimant(mac: Mac): Promise<Claimant | null> {
    const { rows } = await sql<Joined>`
      select credential.*, phone.mac as phone, phone.tenant, phone.vendor, phone.model, phone.enabled, tenant.proof
      from phone join tenant on tenant.code = phone.tenant left join credential on credential.mac = phone.mac
      where phone.mac = ${mac}`.execute(db);
    const [row] = rows;
    const hasCredential = row !== undefined && row.passwords_sealed !== null;
    if (!hasCredential) openNothing();
    if (row === undefined) return null;
    const { tenant, vendor, model, enabled, proof } = row;
    const credential = hasCredential ? toCredential({ ...row, mac }, secrets) : null;
    return { ...{ mac, tenant, vendor, model }, enabled: enabled === 1, proof: proof as Proof, credential };
  },
  async find(mac: Mac): Promise<Credential | null> {
    const row = await db.selectFrom('credential').selectAll().where('mac', '=', mac).executeTakeFirst();
    return row === undefined ? null : toCredential(row, secrets);
  },
  /** The phones of a tenant in the order of their MAC addresses, each with its credential if it has one. */
  async list(tenant: string, { after, limit }: Page): Promise<{ mac: Mac; credential: Credential | null }[]> {
    const { rows } = await sql<Joined>`
      select credential.*, phone.mac as phone from phone left join credential on credential.mac = phone.mac
      where phone.tenant = ${tenant} and phone.mac > ${after ?? ''} order by phone.mac limit ${limit}`.execute(db);
    return rows.map((row) => {
      const mac = row.phone as Mac;
      return { mac, credential: row.passwords_sealed === null ? null : toCredential({ ...row, mac }, secrets) };
    });
  },
  /** Has any tenant phones that prove themselves by a credential? */
  async areUsed(): Promise<boolean> {
    const query = db.selectFrom('tenant').select('code').where('proof', '=', 'credential').limit(1);
    return (await query.executeTakeFirst()) !== undefined;
  },
});

export const credentialWrites = (db: Kysely<Tables>, secrets: Secrets) => ({
  async put(mac: Mac, credential: Credential): Promise<void> {
    const row = fromCredential(mac, credential, secrets);
    const { mac: _mac, ...values } = row;
    await db
      .insertInto('credential')
      .values(row)
      .onConflict((conflict) => conflict.column('mac').doUpdateSet(values))
      .execute();
  },
  /**
   * Begins the hand-out of a window, unless another has begun it or a later one: one statement decides.
   * @returns whether this one has it
   */
  async begin(mac: Mac, credential: Credential): Promise<boolean> {
    const row = fromCredential(mac, credential, secrets);
    const { mac: _mac, ...values } = row;
    const begun = await db
      .insertInto('credential')
      .values(row)
      .onConflict((conflict) =>
        conflict
          .column('mac')
          .doUpdateSet(values)
          .where(sql<boolean>`credential.window_id is null or credential.window_id < excluded.window_id`),
      )
      .returning('mac')
      .execute();
    return begun.length === 1;
  },
  /** Adds a file to a hand-out, unless another has changed it since. @returns whether this one has it */
  async goOn(mac: Mac, window: number, before: readonly string[], file: string): Promise<boolean> {
    const given = await db
      .updateTable('credential')
      .set({ files: JSON.stringify([...before, file]) })
      .where('mac', '=', mac)
      .where('state', '=', 'handedOut')
      .where('window_id', '=', window)
      .where('files', '=', JSON.stringify(before))
      .returning('mac')
      .execute();
    return given.length === 1;
  },
  /** Writes down that a phone has used its present password: the one before is good no more. */
  async used(mac: Mac, password: string, at: string): Promise<void> {
    const row = await db.selectFrom('credential').selectAll().where('mac', '=', mac).executeTakeFirst();
    if (row === undefined) return;
    const credential = toCredential(row, secrets);
    if (credential.password !== password) return;
    const next = { ...credential, state: 'enrolled' as const, old: null, usedAt: credential.usedAt ?? at };
    await this.put(mac, next);
  },
  /** Writes down who else asked, the first one in a hand-out. */
  async contest(mac: Mac, { at, address }: { at: string; address: string }): Promise<void> {
    await db
      .updateTable('credential')
      .set({ contested_at: at, contested_by: address })
      .where('mac', '=', mac)
      .where('state', '=', 'handedOut')
      .where('contested_at', 'is', null)
      .execute();
  },
});

export const enrolmentReads = (db: Kysely<Tables>) => ({
  /** The windows of a tenant that are open at this moment (ISO 8601, UTC). */
  async open(tenant: string, at: string): Promise<EnrolmentWindow[]> {
    // Asked with every request of a phone, so it is not built anew each time.
    const { rows } = await sql<Selectable<Tables['enrolment_window']>>`
      select * from enrolment_window where tenant = ${tenant} and opens_at <= ${at} and closes_at > ${at} order by id`.execute(
      db,
    );
    return rows.map(toWindow);
  },
  /** The windows of a tenant, or of all tenants, that are not closed at this moment. */
  async list(tenant: string | null, at: string): Promise<EnrolmentWindow[]> {
    const rows = await db
      .selectFrom('enrolment_window')
      .selectAll()
      .$if(tenant !== null, (query) => query.where('tenant', '=', tenant ?? ''))
      .where('closes_at', '>', at)
      .orderBy('id')
      .execute();
    return rows.map(toWindow);
  },
});

export const enrolmentWrites = (db: Kysely<Tables>) => ({
  async add(window: Omit<EnrolmentWindow, 'id'>): Promise<EnrolmentWindow> {
    const row = await db
      .insertInto('enrolment_window')
      .values(fromWindow(window))
      .returningAll()
      .executeTakeFirstOrThrow();
    return toWindow(row);
  },
  async close(id: number, at: string): Promise<void> {
    await db.updateTable('enrolment_window').set({ closes_at: at }).where('id', '=', id).execute();
  },
});
