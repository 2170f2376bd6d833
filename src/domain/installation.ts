// What is chosen once for the whole installation, beside the settings of phones.
import { z } from 'zod';
import { hostNameSchema } from './text.ts';

/** Room for `_sips._tcp.` and a label of 63 characters in front, within the 253 characters of a name. */
const BASE_DOMAIN_MAX = 170;

export const installationSchema = z
  .strictObject({
    /**
     * The domain under which every tenant has an SRV name of its own, such as `t.example.com`; null when no tenant has one.
     * Nothing else may live there.
     */
    tenantDomains: hostNameSchema
      .refine((domain) => domain.length <= BASE_DOMAIN_MAX, `must have at most ${BASE_DOMAIN_MAX} characters`)
      .nullable()
      .default(null),
    /**
     * Which name phones carry where tenants have names of their own. `pool` is for the time in which those names are not
     * published yet, or are to be given up: a phone with a name that DNS does not know has no service.
     */
    phonesCarry: z.enum(['pool', 'tenant']).default('tenant'),
    /** In how many seconds a change of a pool's records should have reached every phone; lints hold TTLs against it. */
    promisedMoveS: z.number().int().min(60).max(604_800).default(3_600),
  })
  .readonly();

export type InstallationInput = z.output<typeof installationSchema>;

/** The stored values; the revision counts every change and guards against writes that race. */
export type Installation = InstallationInput & { readonly revision: number };

export const NEW_INSTALLATION: Installation = { ...installationSchema.parse({}), revision: 0 };

/** The base domain of the names that phones carry; null when they carry their pool's domain. */
export const carriedBase = ({ tenantDomains, phonesCarry }: InstallationInput): string | null =>
  phonesCarry === 'tenant' ? tenantDomains : null;
