// What every list and every write of the API has in common.
import type { Request } from 'express';
import { z } from 'zod';
import { invalid } from '../../domain/errors.ts';
import { PAGE_MAX, type Page } from '../../domain/page.ts';
import { parseWith } from '../../domain/parse.ts';

const LIMIT_DEFAULT = 100;

const pageSchema = z.object({
  limit: z.coerce.number().int().min(1).max(PAGE_MAX).default(LIMIT_DEFAULT),
  cursor: z.string().max(200).optional(),
});

/** The page that a list request asks for. @throws AppError `invalid` */
export function pageOf(request: Request): Page {
  const { limit, cursor } = parseWith(pageSchema, request.query, 'the query');
  return { limit, after: cursor === undefined ? null : Buffer.from(cursor, 'base64url').toString('utf8') };
}

/** A page of a list as programs read it; `next` is the cursor of the page after it, or null. */
export function pageAnswer<Item>(
  items: readonly Item[],
  { limit }: Page,
  key: (item: Item) => string,
  show: (item: Item) => object,
) {
  const last = items.length === limit ? items.at(-1) : undefined;
  const next = last === undefined ? null : Buffer.from(key(last), 'utf8').toString('base64url');
  return { items: items.map(show), next };
}

/** A filter of a list, when it is given once. */
export function filterOf<Name extends string>(request: Request, name: Name): { [Key in Name]?: string } {
  const value = request.query[name];
  return typeof value === 'string' && value !== '' ? ({ [name]: value } as { [Key in Name]?: string }) : {};
}

/** The body of a write with the revision that `If-Match` names. @throws AppError `invalid` */
export function changesOf(request: Request): { [field: string]: unknown; revision?: number } {
  const body: unknown = request.body;
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw invalid('send a JSON object');
  const tag = request.get('if-match');
  if (tag === undefined || tag === '*') return revisionChecked(body);
  const revision = /^(?:W\/)?"(\d{1,15})"$/.exec(tag)?.[1];
  if (revision === undefined) throw invalid('If-Match must be the ETag of an earlier answer');
  return { ...body, revision: Number(revision) };
}

function revisionChecked(body: object): { [field: string]: unknown; revision?: number } {
  const { revision } = parseWith(z.object({ revision: z.number().int().optional() }), body, 'the body');
  return revision === undefined ? { ...body } : { ...body, revision };
}
