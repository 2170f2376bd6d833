// From the text of a file to the bytes that a phone gets: as they are, packed for old devices, sealed for tenants that
// want it.
import type { Mac } from '../domain/mac.ts';
import type { RenderedSpec } from './descriptor.ts';
import { packParameters, parametersOfXml } from './packed.ts';
import { saltFor, sealBlocks, sealPassword } from './seal.ts';

export type Wrapping = {
  readonly mac: Mac;
  /** The key that the phone was given beforehand; null leaves files readable. */
  readonly fileKey: string | null;
};

/** The bytes of a rendered file; equal text, phone and key give equal bytes. */
export function wrap(text: string, spec: RenderedSpec, { mac, fileKey }: Wrapping): Buffer {
  const plain = spec.packed ? packParameters({ mac, parameters: parametersOfXml(text) }) : Buffer.from(text, 'utf8');
  if (fileKey === null || spec.sealing === 'none') return plain;
  return spec.sealing === 'blocks' ? sealBlocks(plain, fileKey) : sealPassword(plain, fileKey, saltFor(plain, fileKey));
}
