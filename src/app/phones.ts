// Journeys: plain adding, changing and removing of phones, and adopting those that nobody has claimed.
import type { Actor } from '../domain/access.ts';
import type { Impact } from '../domain/difference.ts';
import { type AppError, invalid } from '../domain/errors.ts';
import type { Mac } from '../domain/mac.ts';
import { keepMaskedParameters } from '../domain/parameters.ts';
import { parseWith } from '../domain/parse.ts';
import { checkFits, type Phone, type PhoneInput, phoneSchema } from '../domain/phone.ts';
import { keepMasked } from '../domain/settings.ts';
import type { Reads } from '../store/store.ts';
import type { Vendors } from '../vendors/vendors.ts';
import { note } from './audit.ts';
import { checkParameters } from './choose-settings.ts';
import { impactOf } from './impact.ts';
import { type Inventory, taken } from './inventory.ts';
import { checkNotMasked } from './not-masked.ts';
import { checkRevision } from './revision.ts';
import type { House } from './serve-file.ts';

/** Checks a phone against its vendor and model and spells both as the descriptor does. */
export function fitted(vendors: Vendors, phone: PhoneInput): PhoneInput {
  const facts = vendors.findModel(phone.vendor, phone.model);
  if (facts === null) throw unknownModel(vendors, phone);
  checkFits(phone, facts);
  checkParameters(vendors, phone.parameters);
  return { ...phone, vendor: facts.vendor, model: facts.model };
}

function unknownModel(vendors: Vendors, { vendor, model }: PhoneInput): AppError {
  const known = vendors.ids.find((id) => id === vendor.toLowerCase());
  return known === undefined
    ? invalid(`there is no vendor ${vendor}; there are ${vendors.ids.join(', ')}`, [
        { path: 'vendor', message: 'unknown' },
      ])
    : invalid(`${known} has no model ${model} here; there are ${vendors.models(known).join(', ')}`, [
        { path: 'model', message: 'unknown' },
      ]);
}

export async function addPhone(house: Inventory, input: unknown, actor: Actor): Promise<Phone> {
  const phone = fitted(house.vendors, parseWith(phoneSchema, input, 'the phone'));
  checkNotMasked('the phone', phone);
  return house.store.transaction(async (tx) => {
    await tx.tenants.get(actor.scope, phone.tenant);
    if ((await tx.phones.find({ kind: 'all' }, phone.mac)) !== null) throw taken(`phone ${phone.mac}`);
    await tx.unclaimed.remove(phone.mac);
    const { mac, tenant } = phone;
    await note(tx, house, actor, { action: 'phone.add', subject: mac, tenant, before: null, after: phone });
    return tx.phones.add(phone);
  });
}

type PhoneChanges = { readonly [field: string]: unknown };

/** The phone as it is and as it would be. @throws AppError for a change that cannot be */
async function nextPhone(reads: Reads, vendors: Vendors, mac: Mac, changes: PhoneChanges, actor: Actor) {
  const { revision, ...before } = await reads.phones.get(actor.scope, mac);
  const { revision: expected = revision, ...fields } = changes;
  const merged = { ...before, ...fields, lines: withPasswords(fields.lines ?? before.lines, before) };
  const phone = fitted(vendors, parseWith(phoneSchema, merged, 'the phone'));
  if (phone.mac !== mac) throw invalid('a phone keeps its MAC address; add another one instead');
  if (phone.tenant !== before.tenant) throw invalid('a phone belongs to one tenant; remove it there and add it anew');
  return {
    before,
    after: {
      ...phone,
      settings: keepMasked(before.settings, phone.settings),
      parameters: keepMaskedParameters(before.parameters, phone.parameters),
    },
    expected: Number(expected),
  };
}

/** Changes a phone. Lines without a password keep the one that the line at the same place has. */
export async function changePhone(house: Inventory, mac: Mac, changes: PhoneChanges, actor: Actor): Promise<Phone> {
  return house.store.transaction(async (tx) => {
    const { before, after, expected } = await nextPhone(tx, house.vendors, mac, changes, actor);
    await note(tx, house, actor, { action: 'phone.change', subject: mac, tenant: after.tenant, before, after });
    return tx.phones.replace(after, expected);
  });
}

/** What a change of a phone would do to its files; nothing is changed. */
export const previewPhone = (house: House, mac: Mac, changes: PhoneChanges, actor: Actor): Promise<Impact> =>
  house.store.study(async (reads) => {
    const { after, expected } = await nextPhone(reads, house.vendors, mac, changes, actor);
    return impactOf(house, reads, { phone: { ...after, revision: expected } });
  });

function withPasswords(lines: unknown, before: PhoneInput): unknown {
  if (!Array.isArray(lines)) return lines;
  return lines.map((line: unknown, index) => {
    const password = before.lines[index]?.password;
    const isOpen = typeof line === 'object' && line !== null && !('password' in line) && password !== undefined;
    return isOpen ? { ...line, password } : line;
  });
}

export async function removePhone(house: Inventory, mac: Mac, actor: Actor, revision?: number): Promise<void> {
  await house.store.transaction(async (tx) => {
    const { revision: present, ...before } = await tx.phones.get(actor.scope, mac);
    checkRevision(`phone ${mac}`, revision, present);
    await tx.phones.remove(mac);
    await note(tx, house, actor, { action: 'phone.remove', subject: mac, tenant: before.tenant, before, after: null });
  });
}

/**
 * Adopts an unclaimed phone: what it said of itself fills in what the input leaves out.
 * @throws AppError `not_found` for a phone that has not been seen, `invalid` for one that cannot be
 */
export async function adoptPhone(inventory: Inventory, mac: Mac, input: object, actor: Actor): Promise<Phone> {
  const { tenant, vendor, model } = await inventory.store.unclaimed.get(actor.scope, mac);
  const seen = { mac, tenant, ...(vendor === null ? {} : { vendor }), ...(model === null ? {} : { model }) };
  return addPhone(inventory, { ...seen, ...input, mac }, actor);
}

/** Forgets an unclaimed phone until it asks again. @throws AppError `not_found` for one that has not been seen */
export async function forgetUnclaimed(house: Inventory, mac: Mac, actor: Actor): Promise<void> {
  await house.store.transaction(async (tx) => {
    const before = await tx.unclaimed.get(actor.scope, mac);
    await tx.unclaimed.remove(mac);
    await note(tx, house, actor, {
      action: 'unclaimed.forget',
      subject: mac,
      tenant: before.tenant,
      before,
      after: null,
    });
  });
}
