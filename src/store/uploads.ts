// What phones upload (logs, overrides, directories, call lists), the latest content of each file.
import type { Kysely } from 'kysely';
import type { Mac } from '../domain/mac.ts';
import type { Tables } from './schema.ts';

export type Upload = { readonly mac: Mac; readonly file: string; readonly at: string; readonly content: Buffer };
export type UploadFacts = { readonly file: string; readonly at: string; readonly bytes: number };

export const uploadReads = (db: Kysely<Tables>) => ({
  async find(mac: Mac, file: string): Promise<Upload | null> {
    const query = db.selectFrom('upload').selectAll().where('mac', '=', mac).where('file', '=', file);
    const row = await query.executeTakeFirst();
    return row === undefined ? null : { mac, file, at: row.at, content: Buffer.from(row.content, 'base64') };
  },
  async list(mac: Mac): Promise<UploadFacts[]> {
    return db.selectFrom('upload').select(['file', 'at', 'bytes']).where('mac', '=', mac).orderBy('file').execute();
  },
});

export const uploadWrites = (db: Kysely<Tables>) => ({
  async put({ mac, file, at, content }: Upload): Promise<void> {
    const values = { at, content: content.toString('base64'), bytes: content.length };
    await db
      .insertInto('upload')
      .values({ mac, file, ...values })
      .onConflict((conflict) => conflict.columns(['mac', 'file']).doUpdateSet(values))
      .execute();
  },
});
