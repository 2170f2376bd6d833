// A tenant's phonebook: its phones' own lines, and contacts that somebody has brought.
import { z } from 'zod';
import { lineText } from './text.ts';

const CONTACTS_MAX = 10_000;

const numberText = lineText(32).regex(/^[0-9A-Za-z*#+._-]+$/, 'must be a number or a name that can be dialled');

export const contactSchema = z
  .strictObject({
    name: lineText(64),
    work: numberText.nullable().default(null),
    mobile: numberText.nullable().default(null),
    home: numberText.nullable().default(null),
  })
  .refine(({ work, mobile, home }) => (work ?? mobile ?? home) !== null, 'needs a number: work, mobile or home')
  .readonly();

export type Contact = z.output<typeof contactSchema>;

export const contactsSchema = z.array(contactSchema).max(CONTACTS_MAX).readonly();

/** What a file of a phonebook is made of. */
export const phonebookContextSchema = z.strictObject({
  contacts: z.array(
    z.strictObject({
      /** 1 for the first. */
      number: z.number(),
      name: z.string(),
      work: z.string().nullable(),
      mobile: z.string().nullable(),
      home: z.string().nullable(),
    }),
  ),
});

export type PhonebookContext = z.output<typeof phonebookContextSchema>;

/** A line of one of the tenant's phones, as its colleagues know it. */
export type Colleague = { readonly name: string; readonly extension: string };

/** The number that colleagues dial: what is said, or the digits that a user such as `101-ACME` begins with. */
export const extensionOf = (line: { readonly user: string; readonly extension: string | null }): string | null =>
  line.extension ?? /^\d{1,15}(?=$|[^0-9A-Za-z])/.exec(line.user)?.[0] ?? null;

const byName = (a: Contact, b: Contact) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);

/**
 * The tenant's phonebook in the order of its names. An extension that several phones share stands once, and not at all
 * where a contact has the same number at work.
 */
export function phonebook(colleagues: readonly Colleague[], contacts: readonly Contact[]): PhonebookContext {
  const taken = new Set(contacts.map(({ work }) => work));
  const entries: Contact[] = [...contacts];
  for (const { name, extension } of colleagues) {
    if (taken.has(extension)) continue;
    taken.add(extension);
    entries.push({ name, work: extension, mobile: null, home: null });
  }
  return { contacts: entries.sort(byName).map((contact, index) => ({ number: index + 1, ...contact })) };
}
