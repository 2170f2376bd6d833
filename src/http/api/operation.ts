// An operation of the API as data: what it needs, takes and answers. The routes, the rights, the checks and the OpenAPI
// document all come from the same list, so none of them can say something else than the others.
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Request, RequestHandler, Response } from 'express';
import { Router } from 'express';
import { z } from 'zod';
import { type Actor, may, type Right } from '../../domain/access.ts';
import { AppError, invalid } from '../../domain/errors.ts';
import { PAGE_MAX, type Page } from '../../domain/page.ts';
import { parseWith } from '../../domain/parse.ts';
import { log } from '../../log.ts';
import { readersFor } from '../bodies.ts';
import { called } from '../follow.ts';
import type { AdminDoor } from './door.ts';

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';

/** What an operation is given. The body is as it came: the journey parses it, so every door says the same of it. */
export type Call<Query> = {
  readonly door: AdminDoor;
  readonly actor: Actor;
  /** What stands in the path, by name. */
  readonly param: (name: string) => string;
  readonly query: Query;
  readonly body: unknown;
  /** The revision that the caller has read: from `If-Match`, or `revision` in the body. */
  readonly revision: number | undefined;
  readonly request: Request;
  readonly response: Response;
};

export type Reply<Body> =
  | { readonly body: Body; readonly status?: number; readonly revision?: number }
  /** Something else than JSON. */
  | { readonly type: string; readonly content: string | Buffer }
  /** The same in pieces, for what may be longer than memory should hold. */
  | { readonly type: string; readonly stream: AsyncIterable<string> };

type Spec<Query extends z.ZodType, Answer extends z.ZodType> = {
  /** The name that generated clients call it by. */
  readonly id: string;
  readonly method: Method;
  /** With names in braces: `/tenants/{code}`. */
  readonly path: string;
  readonly summary: string;
  /** What the caller must be allowed; null for everybody, also without a key. */
  readonly needs: Right | null;
  readonly query?: Query;
  /** What the body is checked against. */
  readonly body?: z.ZodType;
  /** Does the body name only what changes? */
  readonly partial?: boolean;
  /** May the body be a whole house? Otherwise JSON ends at 1 MiB. */
  readonly long?: boolean;
  /** Content types that the body may have beside JSON; without a `body` instead of it. */
  readonly bodyTypes?: readonly string[];
  /** The status of a good answer; 200 unless it says something else. */
  readonly status?: number;
  /** With `?preview=1` nothing is changed, and this is answered. */
  readonly preview?: z.ZodType;
  /** What the answer looks like; null for an empty one. */
  readonly answer: Answer | null;
  /** Content types that the answer may have beside JSON. */
  readonly answerTypes?: readonly string[];
  readonly handle: (call: Call<z.output<Query>>) => Promise<Reply<z.input<Answer>> | null>;
};

export type Operation = Omit<Spec<z.ZodType, z.ZodType>, 'handle'> & {
  readonly handle: (call: Call<never>) => Promise<Reply<unknown> | null>;
};

const noQuery = z.object({});

/** The query of operations that can be looked at first. */
export const previewQuery = z.object({ preview: z.enum(['0', '1']).optional() });

/** Is this call to be looked at only? */
export const isPreview = ({ preview }: { preview?: '0' | '1' | undefined }): boolean => preview === '1';

export const operation = <Query extends z.ZodType = typeof noQuery, Answer extends z.ZodType = z.ZodType>(
  spec: Spec<Query, Answer>,
): Operation => spec as unknown as Operation;

/** The names that stand in braces in a path. */
export const pathNames = (path: string): string[] => [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);

/** The body of a write with the revision that `If-Match` names. @throws AppError `invalid` */
function revisionOf(request: Request): number | undefined {
  const tag = request.get('if-match');
  const inBody = (request.body as { revision?: unknown } | undefined)?.revision;
  if (tag === undefined || tag === '*') {
    if (inBody === undefined) return undefined;
    return parseWith(z.object({ revision: z.number().int() }), { revision: inBody }, 'the body').revision;
  }
  const revision = /^(?:W\/)?"(\d{1,15})"$/.exec(tag)?.[1];
  if (revision === undefined) throw invalid('If-Match must be the ETag of an earlier answer');
  return Number(revision);
}

/** The JSON object that a write was given, without its revision. @throws AppError `invalid` */
export function fieldsOf({ body }: Pick<Call<unknown>, 'body'>): { [field: string]: unknown } {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw invalid('send a JSON object');
  const { revision: _revision, ...fields } = body as { [field: string]: unknown };
  return fields;
}

/** Stands for whoever asks for what needs nothing. */
const NOBODY: Actor = { name: 'nobody', role: 'tenantViewer', scope: { kind: 'tenants', codes: [] }, address: null };

export const notSignedIn = () =>
  new AppError('unauthorized', 'Send an API key: "Authorization: Bearer <key>". HOMEPORT_API_KEY sets the first one.');

/** Who asks. @throws AppError `unauthorized` for nobody, `forbidden` for somebody without the right */
export function allowed(actor: Actor | undefined, needs: Right): Actor {
  if (actor === undefined) throw notSignedIn();
  if (!may(actor.role, needs)) throw new AppError('forbidden', `The role ${actor.role} may not do this.`);
  return actor;
}

function handlerOf(door: AdminDoor, { needs, query = noQuery, status = 200, handle }: Operation): RequestHandler {
  return async (request, response) => {
    const actor = needs === null ? NOBODY : allowed(response.locals.actor, needs);
    const reply = await handle({
      door,
      actor,
      param: (name) => String(request.params[name] ?? ''),
      query: parseWith(query, request.query, 'the query') as never,
      body: request.body,
      revision: revisionOf(request),
      request,
      response,
    });
    if (reply === null) return void response.status(204).end();
    if ('stream' in reply) return sendPieces(response.status(status).type(reply.type), reply.stream);
    if ('content' in reply) return void response.status(status).type(reply.type).send(reply.content);
    if (reply.revision !== undefined) response.set('ETag', `"${reply.revision}"`);
    response.status(reply.status ?? status).json(reply.body);
  };
}

/** Sends as fast as it is read. What has begun cannot become a problem any more: an answer that breaks off says so itself. */
async function sendPieces(response: Response, pieces: AsyncIterable<string>): Promise<void> {
  try {
    await pipeline(Readable.from(pieces), response);
  } catch (error) {
    if (!response.headersSent) throw error;
    const wentAway = (error as { code?: unknown } | null)?.code === 'ERR_STREAM_PREMATURE_CLOSE';
    if (!wentAway) log.error({ error, request: response.locals.requestId }, 'an answer broke off');
    response.destroy();
  }
}

/** Lets only those go on who may; before the body is read, so that strangers cannot make us read a long one. */
const onlyFor =
  (needs: Right | null): RequestHandler =>
  (_request, response, next) => {
    if (needs !== null) allowed(response.locals.actor, needs);
    next();
  };

/** The routes of operations. Whoever has not come in by then gets no further than what needs nothing. */
export function routesOf(door: AdminDoor, operations: readonly Operation[], recognize: RequestHandler): Router {
  const router = Router();
  for (const one of operations) {
    const path = one.path.replaceAll(/\{(\w+)\}/g, ':$1');
    const { long = false, bodyTypes: types = [] } = one;
    const json = one.body !== undefined || (types.length === 0 && one.method !== 'get');
    const readers = readersFor({ json, long, types, open: one.needs === null });
    router[one.method](path, called(one.id), recognize, onlyFor(one.needs), ...readers, handlerOf(door, one));
  }
  return router;
}

const LIMIT_DEFAULT = 100;

/** What every list takes: how many, and from where. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(PAGE_MAX).default(LIMIT_DEFAULT),
  cursor: z.string().max(200).optional(),
};

/** The page that a list is asked for. */
export const pageOf = ({ limit, cursor }: { limit: number; cursor?: string | undefined }): Page => ({
  limit,
  after: cursor === undefined ? null : Buffer.from(cursor, 'base64url').toString('utf8'),
});

/** What lists take that are ordered by time, the newest first; the cursor is the id of the last entry that was read. */
export const newestQuery = { limit: pageQuery.limit, cursor: z.coerce.number().int().min(1).optional() };

type NewestQuery = { readonly limit: number; readonly cursor?: number | undefined };

/** The page that such a list is asked for. */
export const newestOf = ({ limit, cursor = null }: NewestQuery | { limit: number; cursor?: null }) => ({
  limit,
  before: cursor,
});

/** The answer of such a list. */
export function newestPage<Item extends { readonly id: number }>(items: readonly Item[], { limit }: NewestQuery) {
  const last = items.length === limit ? items.at(-1) : undefined;
  return { items, next: last === undefined ? null : String(last.id) };
}

const pages = new WeakMap<z.ZodType, z.ZodType>();

/** A page of a list as programs read it; `next` is the cursor of the page after it, or null. */
export function listOf<Item extends z.ZodType>(item: Item) {
  const page = z.strictObject({ items: z.array(item).readonly(), next: z.string().nullable() });
  pages.set(page, item);
  return page;
}

/** The items of a schema made by `listOf`. */
export const itemOf = (schema: z.ZodType): z.ZodType | undefined => pages.get(schema);

export function pageAnswer<Item, Shown>(
  items: readonly Item[],
  { limit }: Page,
  key: (item: Item) => string,
  show: (item: Item) => Shown,
): { items: Shown[]; next: string | null } {
  const last = items.length === limit ? items.at(-1) : undefined;
  const next = last === undefined ? null : Buffer.from(key(last), 'utf8').toString('base64url');
  return { items: items.map(show), next };
}

/** What lists take that are short enough to be read whole: all of it, unless less is asked for. */
export const shortQuery = z.object({ ...pageQuery, limit: pageQuery.limit.removeDefault().default(PAGE_MAX) });

/** A page of such a list, in the order of its keys. */
export function shortAnswer<Item>(
  items: readonly Item[],
  query: z.output<typeof shortQuery>,
  key: (item: Item) => string,
) {
  const page = pageOf(query);
  const sorted = items.toSorted((one, other) => (key(one) < key(other) ? -1 : 1));
  const rest = sorted.filter((item) => page.after === null || key(item) > page.after);
  return pageAnswer(rest.slice(0, page.limit), page, key, (item) => item);
}

/** The query without what was not given: exact optional properties know no undefined. */
export const given = <Fields extends object>(fields: Fields): { [Name in keyof Fields]?: NonNullable<Fields[Name]> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;

/** The answer to a call that was only looked at: always 200, and of another shape than the one of the deed. */
export const lookedAt = (body: unknown) => ({ body: body as never, status: 200 });
