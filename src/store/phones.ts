// Phones and their lines in the database.
import { type Kysely, sql } from 'kysely';
import type { Scope } from '../domain/access.ts';
import { conflict, notFound } from '../domain/errors.ts';
import type { Mac } from '../domain/mac.ts';
import type { Page } from '../domain/page.ts';
import type { Line, Phone, PhoneInput } from '../domain/phone.ts';
import { fromLines, fromPhone, toPhone } from './codec.ts';
import type { Tables } from './schema.ts';
import { inScope } from './scope.ts';
import type { Secrets } from './secrets.ts';

/** Well below what SQLite takes as parameters of one statement. */
const LINES_AT_ONCE = 1_000;

export type PhoneFilter = {
  readonly tenant?: string;
  readonly vendor?: string;
  readonly model?: string;
  /** A part of the MAC address, or of what a line is called. */
  readonly search?: string;
};

/** Does the text stand in the MAC address, or in the user, a name or the extension of a line? */
const found = (text: string) => {
  const like = (value: string) => `%${value.replaceAll(/[\\%_]/g, '\\$&')}%`;
  const mac = text.replaceAll(/[:.\s-]/g, '').toLowerCase();
  const columns = ['user', 'display_name', 'label', 'extension'] as const;
  const inLine = columns.map((column) => sql`${sql.ref(`line.${column}`)} like ${like(text)} escape '\\'`);
  return sql<boolean>`(phone.mac like ${like(mac === '' ? text : mac)} escape '\\' or exists (
    select 1 from line where line.mac = phone.mac and (${sql.join(inLine, sql` or `)})))`;
};

const lineUsers = (db: Kysely<Tables>) => ({
  /** The enabled phones whose lines have these users, in any case; each user in lower case. */
  async ofUsers(users: readonly string[]): Promise<{ user: string; mac: Mac; tenant: string }[]> {
    const wanted = [...new Set(users.map((user) => user.toLowerCase()))];
    const found: { user: string; mac: Mac; tenant: string }[] = [];
    for (let at = 0; at < wanted.length; at += LINES_AT_ONCE) {
      const rows = await db
        .selectFrom('line')
        .innerJoin('phone', 'phone.mac', 'line.mac')
        .select(['line.user', 'phone.mac', 'phone.tenant'])
        .where('phone.enabled', '=', 1)
        .where(({ fn }) => fn<string>('lower', ['line.user']), 'in', wanted.slice(at, at + LINES_AT_ONCE))
        .orderBy('phone.mac')
        .execute();
      found.push(...rows.map(({ user, mac, tenant }) => ({ user: user.toLowerCase(), mac: mac as Mac, tenant })));
    }
    return found;
  },
});

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
    async list(scope: Scope, { after, limit, ...filter }: Page & PhoneFilter): Promise<Phone[]> {
      const { tenant, vendor, model, search } = filter;
      const rows = await select(scope)
        .$if(after !== null, (query) => query.where('mac', '>', after))
        .$if(tenant !== undefined, (query) => query.where('tenant', '=', tenant ?? ''))
        .$if(vendor !== undefined, (query) => query.where('vendor', '=', vendor ?? ''))
        .$if(model !== undefined, (query) => query.where('model', '=', model ?? ''))
        .$if(search !== undefined, (query) => query.where(found(search ?? '')))
        .orderBy('mac')
        .limit(limit)
        .execute();
      return withLines(rows);
    },
    /** How many phones there are within the scope. */
    async count(scope: Scope, { tenant, vendor }: Pick<PhoneFilter, 'tenant' | 'vendor'> = {}): Promise<number> {
      const row = await db
        .selectFrom('phone')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .where(inScope('phone.tenant', scope))
        .$if(tenant !== undefined, (query) => query.where('tenant', '=', tenant ?? ''))
        .$if(vendor !== undefined, (query) => query.where('vendor', '=', vendor ?? ''))
        .executeTakeFirst();
      return Number(row?.count ?? 0);
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
    ...lineUsers(db),
    async find(scope: Scope, mac: Mac): Promise<Phone | null> {
      const [phone] = await withLines(await select(scope).where('mac', '=', mac).execute());
      return phone ?? null;
    },
    /** Those of the phones that there are, in the order of their MAC addresses. */
    async findMany(scope: Scope, macs: readonly Mac[]): Promise<Phone[]> {
      if (macs.length === 0) return [];
      return withLines(await select(scope).where('mac', 'in', macs).orderBy('mac').execute());
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
    /** Adds phones, at most some hundreds at once. */
    async addMany(inputs: readonly PhoneInput[]): Promise<void> {
      if (inputs.length === 0) return;
      const phones = inputs.map((input) => ({ ...input, revision: 1 }));
      await db
        .insertInto('phone')
        .values(phones.map((phone) => fromPhone(phone, secrets)))
        .execute();
      const lines = phones.flatMap((phone) => fromLines(phone, secrets));
      for (let at = 0; at < lines.length; at += LINES_AT_ONCE) {
        await db
          .insertInto('line')
          .values(lines.slice(at, at + LINES_AT_ONCE))
          .execute();
      }
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
