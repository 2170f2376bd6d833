// A MAC address: the identity of a phone. Inside the house only twelve lower-case hexadecimal digits exist.
import { z } from 'zod';

const macText = z
  .string()
  .transform((text) => text.replaceAll(/[:.\s-]/g, '').toLowerCase())
  .refine((text) => /^[0-9a-f]{12}$/.test(text), 'must be a MAC address: twelve hexadecimal digits, separators allowed')
  .refine((text) => text !== '000000000000', 'must not be all zeros: vendors use that name for every phone');

/** Parses a MAC address in any usual spelling (`80:5E:C0:A0:00:01`, `805e.c0a0.0001`). */
export const macSchema = macText.brand<'Mac'>();

export type Mac = z.output<typeof macSchema>;
