// Journey: a phone asks for a firmware image. Images hold no secret, but only a tenant's token opens the door to them.
import type { Firmware, FirmwareFile } from '../firmware/firmware.ts';
import type { Store } from '../store/store.ts';
import type { FileRequest } from './serve-file.ts';

type Images = { readonly store: Store; readonly firmware: Firmware };

/** The image that is asked for, open; null when there is none or the request has no tenant's token. */
export async function findFirmware(
  { store, firmware }: Images,
  { token, file }: FileRequest,
): Promise<FirmwareFile | null> {
  if (token === null || !firmware.names().includes(file)) return null;
  return (await store.tenants.findByToken(token)) === null ? null : firmware.open(file);
}
