// Journeys: a tenant gets a new token for its provisioning URL, and old ones end. The old one can stay good meanwhile:
// phones come with the URL that they were given until somebody gives them another.
import { z } from 'zod';
import type { Actor } from '../domain/access.ts';
import { conflict, invalid, notFound } from '../domain/errors.ts';
import type { Page } from '../domain/page.ts';
import { parseWith } from '../domain/parse.ts';
import { type TokenFacts, tokenText } from '../domain/token.ts';
import type { Store, Tx } from '../store/store.ts';
import type { TokenUse } from '../store/tokens.ts';
import { note } from './audit.ts';

type House = {
  readonly store: Store;
  readonly now: () => Date;
  readonly random: (bytes: number) => Buffer;
};

/** 128 random bits. */
export const TOKEN_BYTES = 16;
/** So many may be good beside the newest. */
const OLD_MAX = 10;

export const newTokenSchema = z
  .strictObject({
    /** When the present token ends, ISO 8601; null when somebody will end it. */
    oldEndsAt: z.iso.datetime().nullable().default(null),
  })
  .readonly();

/** The tokens of a tenant that are good, the newest first. @throws AppError `not_found` for a tenant outside the scope */
export async function listTokens({ store, now }: House, tenant: string, actor: Actor): Promise<TokenFacts[]> {
  return store.snapshot(async (reads) => {
    const { code } = await reads.tenants.get(actor.scope, tenant);
    return reads.tokens.list(code, now().toISOString());
  });
}

/** The phones that came last with this token. @throws AppError `not_found` for a token that is not good */
export async function phonesWithToken(
  { store, now }: House,
  { tenant, id }: { readonly tenant: string; readonly id: string },
  page: Page,
  actor: Actor,
): Promise<TokenUse[]> {
  return store.snapshot(async (reads) => {
    const { code } = await reads.tenants.get(actor.scope, tenant);
    const known = await reads.tokens.list(code, now().toISOString());
    if (!known.some((token) => token.id === id)) throw notFound(`token ${id} of tenant ${code}`);
    return reads.tokens.phones(code, id, page);
  });
}

/**
 * Gives a tenant a new token; its provisioning URL has it from now on.
 * @throws AppError `conflict` when too many old ones are still good, `invalid` for an end that is past
 */
export async function rotateToken(house: House, tenant: string, input: unknown, actor: Actor): Promise<TokenFacts[]> {
  const { oldEndsAt } = parseWith(newTokenSchema, input, 'the order');
  return house.store.transaction(async (tx) => {
    const { code } = await tx.tenants.get(actor.scope, tenant);
    const at = house.now().toISOString();
    if (oldEndsAt !== null && Date.parse(oldEndsAt) <= Date.parse(at)) {
      throw invalid('the old token would end in the past; to end it at once, end it after the new one is made');
    }
    await tx.tokens.forget(at);
    const before = await tx.tokens.list(code, at);
    if (before.length > OLD_MAX) throw conflict(`tenant ${code} has ${OLD_MAX} old tokens; end some first`);
    const order = { at, oldEndsAt: oldEndsAt === null ? null : new Date(oldEndsAt).toISOString() };
    await tx.tokens.replace(code, tokenText(house.random(TOKEN_BYTES)), order);
    return noted(tx, house, { action: 'token.rotate', tenant: code, before }, actor);
  });
}

/**
 * Ends an old token now.
 * @throws AppError `not_found` for one that is not good, `conflict` for the newest
 */
export async function endToken(house: House, tenant: string, id: string, actor: Actor): Promise<TokenFacts[]> {
  return house.store.transaction(async (tx) => {
    const { code } = await tx.tenants.get(actor.scope, tenant);
    const before = await tx.tokens.list(code, house.now().toISOString());
    const token = before.find((one) => one.id === id);
    if (token === undefined) throw notFound(`token ${id} of tenant ${code}`);
    if (token.newest) throw conflict(`token ${id} is the one in the provisioning URL; make a new one first`);
    await tx.tokens.end(code, id);
    return noted(tx, house, { action: 'token.end', tenant: code, before }, actor);
  });
}

/** Writes down which tokens were good and which are; by their public names. */
async function noted(
  tx: Tx,
  house: House,
  { action, tenant, before }: { action: string; tenant: string; before: readonly TokenFacts[] },
  actor: Actor,
): Promise<TokenFacts[]> {
  const after = await tx.tokens.list(tenant, house.now().toISOString());
  const byId = (tokens: readonly TokenFacts[]) =>
    Object.fromEntries(
      tokens.map(({ id, endsAt, newest }) => [id, newest ? 'newest' : `old, until ${endsAt ?? 'ended'}`]),
    );
  await note(tx, house, actor, { action, subject: tenant, tenant, before: byId(before), after: byId(after) });
  return after;
}
