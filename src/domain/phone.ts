// A phone: one physical set, known by its MAC, with its lines. It belongs to exactly one tenant and names no server.
import { z } from 'zod';
import { type Fault, invalid } from './errors.ts';
import { type KeyFacts, keyFaults, keysSchema } from './keys.ts';
import { macSchema } from './mac.ts';
import { parametersSchema } from './parameters.ts';
import { settingsLevelSchema } from './settings.ts';
import { lineText, nameSchema } from './text.ts';

const LINES_MAX = 250;

/** A SIP registration on a phone. Empty names fall back: the authentication user and the display name to the user. */
export const lineSchema = z
  .strictObject({
    user: lineText(64),
    authUser: lineText(64).nullable().default(null),
    password: lineText(128),
    displayName: lineText(64).nullable().default(null),
    label: lineText(64).nullable().default(null),
    /** What colleagues dial; without it the digits that the user begins with. */
    extension: lineText(32)
      .regex(/^[0-9A-Za-z*#+._-]+$/, 'must be a number or a name that can be dialled')
      .nullable()
      .default(null),
  })
  .readonly();

export type Line = z.output<typeof lineSchema>;

export const phoneSchema = z
  .strictObject({
    mac: macSchema,
    tenant: nameSchema,
    vendor: z.string().min(1),
    model: z.string().min(1).max(40),
    /** A disabled phone gets the same answer as an unknown one. */
    enabled: z.boolean().default(true),
    keys: keysSchema.default([]),
    lines: z.array(lineSchema).min(1, 'a phone needs at least one line').max(LINES_MAX).readonly(),
    settings: settingsLevelSchema.default({}),
    parameters: parametersSchema.default({}),
  })
  .readonly();

export type PhoneInput = z.output<typeof phoneSchema>;

/** The stored phone; the revision counts every change to it. */
export type Phone = PhoneInput & { readonly revision: number };

/** What is known of a phone's vendor and model when it is checked. */
export type PhoneFacts = KeyFacts & {
  readonly vendor: string;
  readonly model: string;
  /** How many lines the model can hold. */
  readonly lines: number;
  /** Values that have a meaning of their own to the vendor's phones. */
  readonly reservedValues: readonly string[];
};

/**
 * Refuses a phone that its model cannot be: more lines than it has, keys that it has not, or a text that these phones take for a command.
 * @throws AppError `invalid` with every wrong field
 */
export function checkFits(phone: PhoneInput, facts: PhoneFacts): void {
  const faults: Fault[] = [];
  if (phone.lines.length > facts.lines) {
    faults.push({ path: 'lines', message: `${facts.model} has ${facts.lines} lines, not ${phone.lines.length}` });
  }
  phone.lines.forEach((line, index) => {
    for (const [field, value] of Object.entries(line)) {
      if (value === null || !facts.reservedValues.includes(value)) continue;
      faults.push({
        path: `lines.${index}.${field}`,
        message: 'has a meaning of its own to this phone; choose another',
      });
    }
  });
  faults.push(...keyFaults(phone.keys, facts.model, facts, phone.lines.length));
  if (faults.length === 0) return;
  const list = faults.map((fault) => `${fault.path}: ${fault.message}`).join('; ');
  throw invalid(`phone ${phone.mac} is not valid: ${list}`, faults);
}
