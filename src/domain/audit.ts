// The audit: who changed what, when and from where. Entries are chained by hashes, so one that is changed or taken out
// later is found; secrets are masked before they are compared, so none can stand in it.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Actor } from './access.ts';
import { isSecretName } from './parameters.ts';
import { MASK, SETTINGS } from './settings.ts';

/** One value that changed: where it stands (`lines.0.label`), what it was and what it is; null for nothing. */
export type Change = { readonly path: string; readonly before: unknown; readonly after: unknown };

export type AuditEntry = {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly actor: string;
  readonly address: string | null;
  /** What was done: `tenant.move`, `phone.change`. */
  readonly action: string;
  /** To what: a tenant's code, a MAC address, a pool's name. */
  readonly subject: string;
  /** The tenant that it concerns, if it concerns one. */
  readonly tenant: string | null;
  readonly changes: readonly Change[];
};

export type StoredAuditEntry = AuditEntry & { readonly id: number; readonly hash: string };

const SECRET_FIELDS = new Set(['password', 'token', 'secret', ...secretSettings()]);

function secretSettings(): string[] {
  return Object.entries(SETTINGS).flatMap(([name, { secret }]) => (secret ? [name] : []));
}

/** May the value under this path be a secret? A secret is a field of that name, or a raw parameter that may hold one. */
function isSecret(path: readonly string[]): boolean {
  const field = path.at(-1) ?? '';
  return (
    SECRET_FIELDS.has(field) || (path[0] === 'parameters' && path.length > 2 && isSecretName(path.slice(2).join('.')))
  );
}

type Leaf = { readonly secret: boolean; readonly value: unknown };

function leavesOf(value: unknown, path: readonly string[], into: Map<string, Leaf>): void {
  const isBranch = typeof value === 'object' && value !== null && Object.keys(value).length > 0;
  if (!isBranch) {
    into.set(path.join('.'), { secret: isSecret(path), value });
    return;
  }
  for (const [name, inner] of Object.entries(value)) leavesOf(inner, [...path, name], into);
}

const masked = ({ secret, value }: Leaf) => (secret && value !== null && value !== undefined ? MASK : (value ?? null));

/** Everything that differs between two states of a thing, in the order of the paths; null is a thing that is not there. */
export function changesBetween(before: object | null, after: object | null): Change[] {
  const [old, now] = [new Map<string, Leaf>(), new Map<string, Leaf>()];
  if (before !== null) leavesOf(before, [], old);
  if (after !== null) leavesOf(after, [], now);
  const nothing: Leaf = { secret: false, value: null };
  return [...new Set([...old.keys(), ...now.keys()])].sort().flatMap((path) => {
    const [was, is] = [old.get(path) ?? nothing, now.get(path) ?? nothing];
    const same = JSON.stringify(was.value ?? null) === JSON.stringify(is.value ?? null);
    return same ? [] : [{ path, before: masked(was), after: masked(is) }];
  });
}

/** An entry of what an actor did. */
export const entryOf = (
  { name, address }: Actor,
  at: Date,
  what: Pick<AuditEntry, 'action' | 'subject' | 'tenant' | 'changes'>,
): AuditEntry => ({ at: at.toISOString(), actor: name, address, ...what });

/** What stands before the first entry. */
export const CHAIN_START = '0'.repeat(64);

/** The hash of an entry: SHA-256 over the hash of the entry before it and everything that the entry says. */
export function chainHash(previous: string, id: number, entry: AuditEntry): string {
  const { at, actor, address, action, subject, tenant, changes } = entry;
  const text = JSON.stringify([previous, id, at, actor, address, action, subject, tenant, changes]);
  return createHash('sha256').update(text).digest('hex');
}

/**
 * Follows the chain through entries in their order.
 * @returns the hash of the last one, or what is wrong with the first that does not fit
 */
export function followChain(
  from: { readonly id: number; readonly hash: string },
  entries: readonly StoredAuditEntry[],
): { readonly id: number; readonly hash: string; readonly fault: string | null } {
  let { id, hash } = from;
  for (const entry of entries) {
    if (entry.id !== id + 1) return { id, hash, fault: `entry ${id + 1} is missing` };
    if (chainHash(hash, entry.id, entry) !== entry.hash) return { id, hash, fault: `entry ${entry.id} was changed` };
    ({ id, hash } = entry);
  }
  return { id, hash, fault: null };
}

const DAY_MS = 86_400_000;
const moment = z.union([z.iso.datetime({ offset: true }), z.iso.date()], 'must be a day or a moment, ISO 8601');
const isDay = (text: string) => !text.includes('T');

/** What entries may be looked for by; a day as `to` is meant with all of its hours (UTC). */
export const auditFilterFields = {
  tenant: z.string().max(100).optional(),
  actor: z.string().max(100).optional(),
  action: z.string().max(100).optional(),
  subject: z.string().max(300).optional(),
  from: moment.transform((text) => new Date(text).toISOString()).optional(),
  to: moment.transform((text) => new Date(Date.parse(text) + (isDay(text) ? DAY_MS : 0)).toISOString()).optional(),
};
