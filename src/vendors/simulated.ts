// How the phones of each vendor are simulated, as data in the vendor's folder; and the reading of what they are given.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { parseWith } from '../domain/parse.ts';
import { type SimulatedKind, simulatedKindSchema } from '../domain/simulated-phone.ts';

export { parametersIn } from './read.ts';

const FILE = 'simulated.json';

/**
 * The kinds of phones of a vendor that can be simulated; none for a vendor without such data.
 * @throws AppError `invalid` for data that is wrong
 */
export function simulatedKinds(templates: string, vendor: string): readonly SimulatedKind[] {
  const file = join(templates, vendor, FILE);
  if (!existsSync(file)) return [];
  return parseWith(z.array(simulatedKindSchema), JSON.parse(readFileSync(file, 'utf8')), `${vendor}/${FILE}`);
}
