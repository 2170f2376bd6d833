// Journey: a phone asks for a firmware image. Images hold no secret; whoever comes this far has been admitted already.
import type { Firmware, FirmwareFile } from '../firmware/firmware.ts';

/** The image of this name, open; null when there is none. */
export async function findFirmware(firmware: Firmware, file: string): Promise<FirmwareFile | null> {
  return firmware.names().includes(file) ? firmware.open(file) : null;
}
