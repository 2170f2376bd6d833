// Journeys: enrolment windows are opened, looked at and closed, for a tenant or for one phone after a factory reset.
import type { Actor, Scope } from '../domain/access.ts';
import { type EnrolmentWindow, isOpen, reopenSchema, windowSchema } from '../domain/enrolment.ts';
import { conflict, invalid, notFound } from '../domain/errors.ts';
import type { Mac } from '../domain/mac.ts';
import { parseWith } from '../domain/parse.ts';
import type { Proof } from '../domain/proof.ts';
import type { Store, Tx } from '../store/store.ts';
import { note } from './audit.ts';

type House = { readonly store: Store; readonly now: () => Date };

/** So many may be open or to come for a tenant: each request of its phones looks at all of them. */
const WINDOWS_MAX = 200;
const AHEAD_DAYS_MAX = 30;
const DAY_MS = 86_400_000;

/** A window, and whether it is open now. */
export type SeenWindow = EnrolmentWindow & { readonly open: boolean };

/** The windows of a tenant that are open or to come. @throws AppError `not_found` for a tenant outside the actor's scope */
export async function listWindows({ store, now }: House, tenant: string, actor: Actor): Promise<SeenWindow[]> {
  const moment = now();
  return store.snapshot(async (reads) => {
    const { code } = await reads.tenants.get(actor.scope, tenant);
    const windows = await reads.enrolments.list(code, moment.toISOString());
    return windows.map((window) => ({ ...window, open: isOpen(window, moment) }));
  });
}

/**
 * Opens a window for a tenant's phones.
 * @throws AppError `invalid` for an order that cannot be, `conflict` for a tenant whose phones need none
 */
export async function openWindow(house: House, tenant: string, input: unknown, actor: Actor): Promise<SeenWindow> {
  const order = parseWith(windowSchema, input, 'the window');
  return house.store.transaction(async (tx) => {
    const found = await tx.tenants.get(actor.scope, tenant);
    const moment = house.now();
    const opens = order.opensAt === null ? moment : new Date(Math.max(Date.parse(order.opensAt), moment.getTime()));
    if (opens.getTime() - moment.getTime() > AHEAD_DAYS_MAX * DAY_MS) {
      throw invalid(`a window opens within ${AHEAD_DAYS_MAX} days; open this one later`);
    }
    await checkPhones(tx, { kind: 'tenants', codes: [found.code] }, order.phones, found.code);
    return add(tx, house, found, { ...order, opens }, actor);
  });
}

type Order = {
  readonly phones: readonly Mac[] | null;
  readonly opens: Date;
  readonly minutes: number;
  readonly networks: readonly string[];
};

async function add(tx: Tx, house: House, tenant: { code: string; proof: Proof }, order: Order, actor: Actor) {
  const { code, proof } = tenant;
  if (proof === 'certificate') {
    throw conflict(
      `the phones of tenant ${code} prove themselves by their certificates, so a window would give nothing`,
    );
  }
  const moment = house.now();
  const at = moment.toISOString();
  if ((await tx.enrolments.list(code, at)).length >= WINDOWS_MAX) {
    throw conflict(`tenant ${code} has ${WINDOWS_MAX} enrolment windows; close some first`);
  }
  const opensAt = order.opens.toISOString();
  const closesAt = new Date(order.opens.getTime() + order.minutes * 60_000).toISOString();
  const { phones, networks } = order;
  const window = { tenant: code, phones, opensAt, closesAt, networks, madeAt: at, madeBy: actor.name };
  const added = await tx.enrolments.add(window);
  const after = { id: added.id, phones: phones ?? 'all', opensAt, closesAt, networks };
  const subject = phones?.length === 1 ? String(phones[0]) : code;
  await note(tx, house, actor, { action: 'enrolment.open', subject, tenant: code, before: null, after });
  return { ...added, open: isOpen(added, moment) };
}

async function checkPhones(tx: Tx, scope: Scope, phones: readonly Mac[] | null, tenant: string): Promise<void> {
  if (phones === null) return;
  const known = new Set((await tx.phones.findMany(scope, phones)).map(({ mac }) => mac));
  const missing = phones.filter((mac) => !known.has(mac));
  if (missing.length === 0) return;
  const list = missing.slice(0, 5).join(', ');
  throw invalid(`tenant ${tenant} has no phone ${list}${missing.length > 5 ? ' …' : ''}; add it first`, [
    { path: 'phones', message: 'names phones that the tenant has not' },
  ]);
}

/**
 * Lets one phone come again without its credential, as after a factory reset.
 * @throws AppError `not_found` for a phone outside the actor's scope, `conflict` for a tenant whose phones need no window
 */
export async function reopenPhone(house: House, mac: Mac, input: unknown, actor: Actor): Promise<SeenWindow> {
  const order = parseWith(reopenSchema, input, 'the window');
  return house.store.transaction(async (tx) => {
    const phone = await tx.phones.get(actor.scope, mac);
    const tenant = await tx.tenants.get(actor.scope, phone.tenant);
    return add(tx, house, tenant, { ...order, phones: [mac], opens: house.now() }, actor);
  });
}

/**
 * Closes a window now.
 * @throws AppError `not_found` for one that is closed already, or of another tenant
 */
export async function closeWindow(house: House, tenant: string, id: number, actor: Actor): Promise<void> {
  await house.store.transaction(async (tx) => {
    const { code } = await tx.tenants.get(actor.scope, tenant);
    const at = house.now().toISOString();
    const window = (await tx.enrolments.list(code, at)).find((one) => one.id === id);
    if (window === undefined) throw notFound(`an open enrolment window ${id} of tenant ${code}`);
    await tx.enrolments.close(id, at);
    const [before, after] = [
      { id, closesAt: window.closesAt },
      { id, closesAt: at },
    ];
    await note(tx, house, actor, { action: 'enrolment.close', subject: code, tenant: code, before, after });
  });
}
