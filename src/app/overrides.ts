// Journey: what people changed on a phone itself is looked through. An override wins over every file that we serve, so one
// that names a server, a port or a proxy breaks the promise that the phone lives on its tenant's primary.
import type { Actor } from '../domain/access.ts';
import { notFound } from '../domain/errors.ts';
import type { Mac } from '../domain/mac.ts';
import type { UploadedSpec, Vendors } from '../vendors/vendors.ts';
import { note } from './audit.ts';
import type { House } from './serve-file.ts';

export type Override = {
  readonly file: string;
  readonly at: string;
  /** How many parameters it changes. */
  readonly parameters: number;
  /** Those that must not be changed on a phone, each with the reason. Empty is well. */
  readonly breaks: readonly { readonly name: string; readonly reason: string }[];
};

function overrideSpec(vendors: Vendors, vendor: string, file: string): UploadedSpec | null {
  const spec = vendors.identify(file).find((claim) => claim.vendor === vendor)?.spec;
  return spec?.kind === 'uploaded' && spec.override !== null ? spec : null;
}

/**
 * The overrides that a phone has uploaded, with what is wrong with them.
 * @throws AppError `not_found` for a phone outside the actor's scope
 */
export async function listOverrides({ store, vendors }: House, mac: Mac, actor: Actor): Promise<Override[]> {
  return store.snapshot(async (reads) => {
    const { vendor } = await reads.phones.get(actor.scope, mac);
    const overrides: Override[] = [];
    for (const { file } of await reads.uploads.list(mac)) {
      const spec = overrideSpec(vendors, vendor, file);
      const upload = spec && (await reads.uploads.find(mac, file));
      if (!spec || !upload) continue;
      const names = vendors.overriddenIn(spec, upload.content);
      const breaks = names.flatMap((name) => {
        const verdict = vendors.checkParameter(vendor, name);
        return verdict.state === 'refused' ? [{ name, reason: verdict.message }] : [];
      });
      overrides.push({ file, at: upload.at, parameters: names.length, breaks });
    }
    return overrides;
  });
}

type Clearing = House & { readonly now: () => Date };

/**
 * Clears an override: from its next fetch on, the phone gets an empty one instead of its own.
 * @throws AppError `not_found` when the phone has uploaded no such override
 */
export async function clearOverride(house: Clearing, mac: Mac, file: string, actor: Actor): Promise<void> {
  const { store, vendors, now } = house;
  await store.transaction(async (tx) => {
    const { vendor, tenant } = await tx.phones.get(actor.scope, mac);
    const cleared = overrideSpec(vendors, vendor, file)?.override?.cleared;
    const upload = cleared === undefined ? null : await tx.uploads.find(mac, file.toLowerCase());
    if (cleared === undefined || upload === null) throw notFound(`override ${file} of phone ${mac}`);
    await tx.uploads.put({ ...upload, at: now().toISOString(), content: Buffer.from(cleared, 'utf8') });
    const [before, after] = [{ file, bytes: upload.content.length }, null];
    await note(tx, house, actor, { action: 'override.clear', subject: mac, tenant, before, after });
  });
}
