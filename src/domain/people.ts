// Who comes in: people with a name and a password, and programs with a key.
import { z } from 'zod';
import { isTenantRole, ROLES, type Role } from './access.ts';
import { lineText, nameSchema } from './text.ts';

const tenantsOfRole = (holder: { role: Role; tenants: readonly string[] }) =>
  isTenantRole(holder.role) === holder.tenants.length > 0;

const TENANTS_FAULT = {
  path: ['tenants'],
  message: 'are needed with tenantAdmin and tenantViewer, and belong to no other role',
};

const holder = {
  role: z.enum(ROLES),
  /** The tenants of a tenantAdmin or tenantViewer. */
  tenants: z.array(nameSchema).max(1_000).default([]).readonly(),
};

const PASSWORD_MIN = 12;

export const passwordSchema = z
  .string()
  .min(PASSWORD_MIN, `must have at least ${PASSWORD_MIN} characters`)
  .max(256, 'must have at most 256 characters');

export const userSchema = z
  .strictObject({ name: nameSchema, ...holder, enabled: z.boolean().default(true) })
  .refine(tenantsOfRole, TENANTS_FAULT)
  .readonly();

export type User = z.output<typeof userSchema>;

export const apiKeySchema = z
  .strictObject({
    /** What the key is for. */
    name: lineText(100),
    ...holder,
    /** When it stops to be good, ISO 8601; null is never. */
    expiresAt: z.iso.datetime().nullable().default(null),
  })
  .refine(tenantsOfRole, TENANTS_FAULT)
  .readonly();

export type ApiKeyInput = z.output<typeof apiKeySchema>;

/** A key as it is kept: never the key itself. */
export type ApiKey = ApiKeyInput & {
  /** The public part of the key, by which it is found and spoken of. */
  readonly id: string;
  readonly createdAt: string;
  readonly createdBy: string;
  readonly lastUsedAt: string | null;
};

const KEY_TEXT = /^hp_([a-z2-7]{8})_([a-z2-7]{26,64})$/;

/** The text of a key: a prefix that scanners for leaked secrets find, the public id, the secret. */
export const apiKeyText = (id: string, secret: string): string => `hp_${id}_${secret}`;

/** Takes a key apart; null for what is no key of ours. */
export function readApiKey(text: string): { readonly id: string; readonly secret: string } | null {
  const [, id, secret] = KEY_TEXT.exec(text) ?? [];
  return id === undefined || secret === undefined ? null : { id, secret };
}
