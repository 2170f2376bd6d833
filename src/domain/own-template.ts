// Where an operator's own template stands below the directory of own templates, and whose phones it is for.
import { nameSchema } from './text.ts';

/** An own template's place; every part is a plain name, so that a path made of them stays where it belongs. */
export type TemplatePlace = {
  /** Null stands for all tenants. */
  readonly tenant: string | null;
  readonly vendor: string;
  /** The name of the product's file that it stands in for: `phone.cfg.hbs`. */
  readonly file: string;
};

const PLACE =
  /^(?:tenants\/(?<tenant>[^/]+)\/)?(?<vendor>[a-z0-9-]{1,63})\/(?<file>[A-Za-z0-9][A-Za-z0-9._-]{0,63}\.hbs)$/;

/** Reads `<vendor>/<file>.hbs` or `tenants/<code>/<vendor>/<file>.hbs`; null for anything else. */
export function readPlace(text: string): TemplatePlace | null {
  const { tenant, vendor, file } = PLACE.exec(text)?.groups ?? {};
  if (vendor === undefined || file === undefined) return null;
  if (tenant !== undefined && !nameSchema.safeParse(tenant).success) return null;
  return { tenant: tenant ?? null, vendor, file };
}

/** The place as it is written: below the directory, in paths and in the audit. */
export const placeText = ({ tenant, vendor, file }: TemplatePlace): string =>
  tenant === null ? `${vendor}/${file}` : `tenants/${tenant}/${vendor}/${file}`;

export const PLACE_FAULT = 'must be <vendor>/<file>.hbs or tenants/<code>/<vendor>/<file>.hbs';

/** Is the template for phones of this tenant and vendor? */
export const concerns = (place: TemplatePlace, phone: { readonly tenant: string; readonly vendor: string }): boolean =>
  place.vendor === phone.vendor && (place.tenant === null || place.tenant === phone.tenant);
