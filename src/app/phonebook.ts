// Journey: a tenant's phonebook is read by phones, and its contacts are replaced by people.
import type { Actor } from '../domain/access.ts';
import {
  type Contact,
  contactSchema,
  contactsSchema,
  extensionOf,
  type PhonebookContext,
  phonebook,
} from '../domain/contact.ts';
import { type Fault, invalid } from '../domain/errors.ts';
import { parseWith } from '../domain/parse.ts';
import type { Reads, Store } from '../store/store.ts';
import { note } from './audit.ts';
import { type Headings, readTable } from './csv.ts';
import { checkRevision, revisionOf } from './revision.ts';

/** The phonebook that a tenant's phones show. */
export async function phonebookOf(reads: Reads, tenant: string): Promise<PhonebookContext> {
  const lines = await reads.phones.names(tenant);
  const colleagues = lines.flatMap((line) => {
    const extension = extensionOf(line);
    return extension === null ? [] : [{ name: line.displayName ?? line.label ?? line.user, extension }];
  });
  return phonebook(colleagues, await reads.contacts.list(tenant));
}

type Contacts = { readonly store: Store; readonly now: () => Date };

/** The contacts that somebody has brought. @throws AppError `not_found` for a tenant outside the actor's scope */
export async function listContacts({ store }: Contacts, tenant: string, actor: Actor): Promise<readonly Contact[]> {
  return store.snapshot(async (reads) => {
    const { code } = await reads.tenants.get(actor.scope, tenant);
    return reads.contacts.list(code);
  });
}

/**
 * Replaces all contacts of a tenant.
 * @throws AppError `invalid` with every wrong field, `not_found` for a tenant outside the actor's scope
 */
export async function replaceContacts(
  house: Contacts,
  tenant: string,
  input: unknown,
  actor: Actor,
  revision?: number,
) {
  const contacts = parseWith(contactsSchema, input, 'the contacts');
  await house.store.transaction(async (tx) => {
    const { code } = await tx.tenants.get(actor.scope, tenant);
    const present = await tx.contacts.list(code);
    checkRevision(`the phonebook of ${code}`, revision, revisionOf(present));
    const [before, after] = [{ contacts: present.length }, { contacts: contacts.length }];
    await tx.contacts.replace(code, contacts);
    await note(tx, house, actor, { action: 'contacts.replace', subject: code, tenant: code, before, after });
  });
  return contacts;
}

type ContactField = 'name' | 'first' | 'last' | 'work' | 'mobile' | 'home';

const HEADINGS: Headings<ContactField> = {
  name: ['display name', 'full name', 'contact'],
  first: ['first name', 'given name'],
  last: ['last name', 'family name', 'surname'],
  work: ['number', 'phone', 'telephone', 'extension', 'office', 'business', 'work phone', 'phone 1'],
  mobile: ['cell', 'mobile phone', 'phone 2'],
  home: ['home phone', 'private', 'phone 3'],
};

/** Numbers as people write them: blanks, dashes and brackets are for the eye. */
const dialable = (number: string | undefined) => number?.replaceAll(/[\s()/-]/g, '') || null;

/**
 * Replaces all contacts of a tenant by a table with headings such as name, work, mobile, home.
 * @throws AppError `invalid` with every fault by line and column; nothing is written then
 */
export async function importContacts(house: Contacts, tenant: string, text: string, actor: Actor, revision?: number) {
  const { rows, faults, columns } = readTable(text, HEADINGS);
  const wrong: Fault[] = faults.map(({ line, column, message }) => ({
    path: column === null ? `line ${line}` : `line ${line}, column ${column}`,
    message,
  }));
  const contacts = rows.flatMap(({ line, cells }) => {
    const name = cells.name ?? [cells.first, cells.last].filter(Boolean).join(' ');
    const [work, mobile, home] = [dialable(cells.work), dialable(cells.mobile), dialable(cells.home)];
    const checked = contactSchema.safeParse({ name, work, mobile, home });
    if (checked.success) return [checked.data];
    for (const { path, message } of checked.error.issues) {
      const column = columns.get(path[0] as ContactField);
      wrong.push({ path: column === undefined ? `line ${line}` : `line ${line}, column ${column}`, message });
    }
    return [];
  });
  if (wrong.length > 0) {
    const list = wrong.slice(0, 5).map(({ path, message }) => `${path}: ${message}`);
    throw invalid(`the table of contacts is not taken: ${list.join('; ')}${wrong.length > 5 ? ' …' : ''}`, wrong);
  }
  return replaceContacts(house, tenant, contacts, actor, revision);
}
