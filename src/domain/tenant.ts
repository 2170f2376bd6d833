// A tenant: a customer whose phones we serve. It stands on exactly one pool; that placement is the load lever.
import { z } from 'zod';
import { parametersSchema } from './parameters.ts';
import { PROOFS } from './proof.ts';
import { settingsLevelSchema } from './settings.ts';
import { hostNameSchema, lineText, nameSchema } from './text.ts';

/**
 * How the pool reaches the phone. `registrar`: the pool's domain is the phone's SIP server. `outboundProxy`: the SIP
 * server is the tenant's own SIP domain, and the pool's domain is the outbound proxy (domain-based PBXes).
 */
export const BINDINGS = ['registrar', 'outboundProxy'] as const;

const tenantShape = z.strictObject({
  code: nameSchema,
  name: lineText(100),
  pool: nameSchema,
  binding: z.enum(BINDINGS).default('registrar'),
  /** The tenant's SIP domain, where it has one of its own. */
  sipDomain: hostNameSchema.nullable().default(null),
  /** The load of the tenant; null means the number of its phones. */
  weight: z.number().nonnegative().finite().nullable().default(null),
  /** What the tenant's phones must prove before they get their files. */
  proof: z.enum(PROOFS).default('credential'),
  settings: settingsLevelSchema.default({}),
  parameters: parametersSchema.default({}),
});

const needsSipDomain = (tenant: { binding: string; sipDomain: string | null }) =>
  tenant.binding !== 'outboundProxy' || tenant.sipDomain !== null;

export const tenantSchema = tenantShape
  .refine(needsSipDomain, {
    path: ['sipDomain'],
    message: 'is needed with the binding outboundProxy: phones register with that domain through the pool',
  })
  .readonly();

export type TenantInput = z.output<typeof tenantSchema>;

/** The stored tenant; the revision counts every change to it and guards against writes that race. */
export type Tenant = TenantInput & { readonly revision: number };

/** Where the tenant's phones fetch. The slash at the end belongs to it: file names are put behind it. */
export const provisioningUrl = (publicUrl: string, token: string): string => `${publicUrl}/p/${token}/`;
