// Journey: a phone brings a file of its own (a log, an override, its directory) to be kept.
import { ALL_TENANTS, mayHaveFile } from '../domain/access.ts';
import { type FileRequest, type House, type KnownPhone, macOf } from './serve-file.ts';

export type UploadAnswer = {
  readonly phone: KnownPhone | null;
  /** `refused` is one answer for everything that is not taken; `too_large` says that the file is beyond its limit. */
  readonly outcome: 'kept' | 'refused' | 'too_large';
};

type Uploads = House & { readonly now: () => Date };

/** Keeps what a phone brings. A log that would grow beyond its limit begins anew with the new piece. */
export async function acceptUpload(house: Uploads, request: FileRequest, content: Buffer): Promise<UploadAnswer> {
  const claims = house.vendors.identify(request.file);
  const mac = macOf(claims);
  if (mac === null || request.token === null) return { phone: null, outcome: 'refused' };
  const { token } = request;
  return house.store.transaction(async (tx) => {
    const phone = await tx.phones.find(ALL_TENANTS, mac);
    const tokenTenant = await tx.tenants.findByToken(token);
    if (phone === null || !mayHaveFile({ tokenTenant, phone })) return { phone: null, outcome: 'refused' };
    const known = { mac, tenant: phone.tenant, vendor: phone.vendor };
    const spec = claims.find(({ vendor }) => vendor === phone.vendor)?.spec;
    if (spec?.kind !== 'uploaded') return { phone: known, outcome: 'refused' };
    if (content.length > spec.bytesMax) return { phone: known, outcome: 'too_large' };
    const file = request.file.toLowerCase();
    const before = spec.append ? await tx.uploads.find(mac, file) : null;
    const joined = before === null ? content : Buffer.concat([before.content, content]);
    const kept = joined.length > spec.bytesMax ? content : joined;
    await tx.uploads.put({ mac, file, at: house.now().toISOString(), content: kept });
    return { phone: known, outcome: 'kept' };
  });
}
