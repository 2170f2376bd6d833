// Journey: a tenant's phonebook is read by phones, and its contacts are replaced by people.
import type { Actor } from '../domain/access.ts';
import { type Contact, contactsSchema, extensionOf, type PhonebookContext, phonebook } from '../domain/contact.ts';
import { parseWith } from '../domain/parse.ts';
import type { Reads, Store } from '../store/store.ts';

/** The phonebook that a tenant's phones show. */
export async function phonebookOf(reads: Reads, tenant: string): Promise<PhonebookContext> {
  const lines = await reads.phones.names(tenant);
  const colleagues = lines.flatMap((line) => {
    const extension = extensionOf(line);
    return extension === null ? [] : [{ name: line.displayName ?? line.label ?? line.user, extension }];
  });
  return phonebook(colleagues, await reads.contacts.list(tenant));
}

type Contacts = { readonly store: Store };

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
export async function replaceContacts({ store }: Contacts, tenant: string, input: unknown, actor: Actor) {
  const contacts = parseWith(contactsSchema, input, 'the contacts');
  await store.transaction(async (tx) => {
    const { code } = await tx.tenants.get(actor.scope, tenant);
    await tx.contacts.replace(code, contacts);
  });
  return contacts;
}
