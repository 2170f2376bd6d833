// Phones and their lines in the database.
import type { Kysely } from 'kysely';
import type { Scope } from '../domain/access.ts';
import { conflict, notFound } from '../domain/errors.ts';
import type { Mac } from '../domain/mac.ts';
import type { Page } from '../domain/page.ts';
import type { Line, Phone, PhoneInput } from '../domain/phone.ts';
import { fromLines, fromPhone, toPhone } from './codec.ts';
import type { Tables } from './schema.ts';
import { inScope } from './scope.ts';
import type { Secrets } from './secrets.ts';

export const phoneReads = (db: Kysely<Tables>, secrets: Secrets) => {
  const select = (scope: Scope) => db.selectFrom('phone').selectAll().where(inScope('phone.tenant', scope));
  const withLines = async (rows: Tables['phone'][]): Promise<Phone[]> => {
    const macs = rows.map((row) => row.mac);
    const lines = await db
      .selectFrom('line')
      .selectAll()
      .where('mac', 'in', macs)
      .orderBy('mac')
      .orderBy('position')
      .execute();
    const byMac = Map.groupBy(lines, (line) => line.mac);
    return rows.map((row) => toPhone(row, byMac.get(row.mac) ?? [], secrets));
  };
  return {
    async list(scope: Scope, { after, limit, tenant }: Page & { tenant?: string }): Promise<Phone[]> {
      const rows = await select(scope)
        .$if(after !== null, (query) => query.where('mac', '>', after))
        .$if(tenant !== undefined, (query) => query.where('tenant', '=', tenant ?? ''))
        .orderBy('mac')
        .limit(limit)
        .execute();
      return withLines(rows);
    },
    /** What the lines of a tenant's enabled phones are called, in the order of the phones. */
    async names(tenant: string): Promise<Pick<Line, 'user' | 'displayName' | 'label' | 'extension'>[]> {
      return db
        .selectFrom('line')
        .innerJoin('phone', 'phone.mac', 'line.mac')
        .select(['line.user', 'line.display_name as displayName', 'line.label', 'line.extension'])
        .where('phone.tenant', '=', tenant)
        .where('phone.enabled', '=', 1)
        .orderBy('line.mac')
        .orderBy('line.position')
        .execute();
    },
    async find(scope: Scope, mac: Mac): Promise<Phone | null> {
      const [phone] = await withLines(await select(scope).where('mac', '=', mac).execute());
      return phone ?? null;
    },
    /** @throws AppError `not_found`, also for a phone outside the scope */
    async get(scope: Scope, mac: Mac): Promise<Phone> {
      const phone = await this.find(scope, mac);
      if (phone === null) throw notFound(`phone ${mac}`);
      return phone;
    },
  };
};

export const phoneWrites = (db: Kysely<Tables>, secrets: Secrets) => {
  const addLines = (phone: Phone) => db.insertInto('line').values(fromLines(phone, secrets)).execute();
  return {
    async add(input: PhoneInput): Promise<Phone> {
      const phone = { ...input, revision: 1 };
      await db.insertInto('phone').values(fromPhone(phone, secrets)).execute();
      await addLines(phone);
      return phone;
    },
    /**
     * Replaces the phone; `revision` is the one that was read.
     * @throws AppError `conflict` when somebody else changed the phone since
     */
    async replace(input: PhoneInput, revision: number): Promise<Phone> {
      const phone = { ...input, revision: revision + 1 };
      const { numUpdatedRows } = await db
        .updateTable('phone')
        .set(fromPhone(phone, secrets))
        .where('mac', '=', phone.mac)
        .where('revision', '=', revision)
        .executeTakeFirst();
      if (numUpdatedRows !== 1n) {
        throw conflict(`phone ${phone.mac} has changed since revision ${revision}; read it again`);
      }
      await db.deleteFrom('line').where('mac', '=', phone.mac).execute();
      await addLines(phone);
      return phone;
    },
    async remove(mac: Mac): Promise<void> {
      await db.deleteFrom('phone').where('mac', '=', mac).execute();
    },
  };
};
