// Journey: a phone brings a file of its own (a log, an override, its directory) to be kept. Who may is decided before the
// file is read: a stranger cannot make us read one.
import { ALL_TENANTS } from '../domain/access.ts';
import type { UploadedSpec } from '../vendors/vendors.ts';
import { admit, askedFor, type FileRequest } from './admit.ts';
import { type Admitted, admitted, type KnownPhone, type PhoneHouse } from './serve-file.ts';

/** Whether a phone may bring a file; `taking` is null when it may not. */
export type UploadGate = Admitted & { readonly taking: Taking | null };

type Taking = { readonly phone: KnownPhone; readonly spec: UploadedSpec; readonly file: string };

/** May this phone bring this file? An enrolment window gives, it does not take. */
export async function mayUpload(house: PhoneHouse, request: FileRequest): Promise<UploadGate> {
  const asked = askedFor(house, request.file);
  return house.store.snapshot(async (reads) => {
    const admission = await admit(house, reads, asked, request);
    const seen = admitted(asked, admission);
    if (seen.outcome === 'enrol') return { ...seen, outcome: 'challenge', phone: null, taking: null };
    const { phone } = seen;
    const spec = asked.claims.find(({ vendor }) => vendor === phone?.vendor)?.spec;
    const mayTake = phone !== null && asked.owner === 'phones' && spec?.kind === 'uploaded';
    return { ...seen, taking: mayTake ? { phone, spec, file: request.file.toLowerCase() } : null };
  });
}

/**
 * Keeps what a phone brings. A log that would grow beyond its limit begins anew with the new piece.
 * @returns `refused` when the phone was removed meanwhile, `too_large` for a file beyond its limit
 */
export async function keepUpload(
  house: PhoneHouse,
  { phone: { mac }, spec, file }: Taking,
  content: Buffer,
): Promise<'kept' | 'refused' | 'too_large'> {
  if (content.length > spec.bytesMax) return 'too_large';
  return house.store.transaction(async (tx) => {
    if ((await tx.phones.find(ALL_TENANTS, mac)) === null) return 'refused';
    const before = spec.append ? await tx.uploads.find(mac, file) : null;
    const joined = before === null ? content : Buffer.concat([before.content, content]);
    const kept = joined.length > spec.bytesMax ? content : joined;
    await tx.uploads.put({ mac, file, at: house.now().toISOString(), content: kept });
    return 'kept';
  });
}
