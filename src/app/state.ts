// Journey: everything that people have chosen, as one document that can be kept in git, looked at against what is there,
// and made true.
import { z } from 'zod';
import type { Actor } from '../domain/access.ts';
import type { Change } from '../domain/audit.ts';
import { AppError, type Fault, invalid } from '../domain/errors.ts';
import { type Mac, macSchema } from '../domain/mac.ts';
import { FIRST_PAGE } from '../domain/page.ts';
import { maskParameters } from '../domain/parameters.ts';
import { parseWith } from '../domain/parse.ts';
import type { Phone } from '../domain/phone.ts';
import { type Choices, maskSettings } from '../domain/settings.ts';
import type { TenantInput } from '../domain/tenant.ts';
import type { Reads, Tx } from '../store/store.ts';
import { allOrNothing } from './all-or-nothing.ts';
import { note } from './audit.ts';
import { chooseForLevel, type LevelAddress } from './choose-settings.ts';
import type { Progress } from './impact.ts';
import { changeInstallation } from './installation.ts';
import { addPool, addServer, changePool, changeServer, type Inventory, removePool, removeServer } from './inventory.ts';
import { moveTenant } from './move-tenant.ts';
import { replaceContacts } from './phonebook.ts';
import { addPhone, changePhone, removePhone } from './phones.ts';
import { bringPlanning } from './planning.ts';
import { sameFields } from './same.ts';
import type { House } from './serve-file.ts';
import { addTenant, changeTenant, removeTenant } from './tenants.ts';

const named = z.looseObject({ name: z.string() });
const level = z.looseObject({});

/** The document. What stands in its parts is checked by the journeys that bring it in. */
export const stateSchema = z.strictObject({
  homeport: z.literal(1),
  servers: z.array(named).default([]),
  pools: z.array(named).default([]),
  installation: z.looseObject({}).optional(),
  planning: z.looseObject({}).optional(),
  settings: z
    .strictObject({
      installation: level.optional(),
      vendors: z.record(z.string(), level).default({}),
      models: z.record(z.string(), level).default({}),
    })
    .default({ vendors: {}, models: {} }),
  tenants: z.array(z.looseObject({ code: z.string() })).default([]),
  phones: z.array(z.looseObject({ mac: macSchema })).default([]),
});

export type State = z.output<typeof stateSchema>;

async function* everyPage<Item>(list: (after: string | null) => Promise<Item[]>, key: (item: Item) => string) {
  for (let after: string | null = null; ; ) {
    const page: Item[] = await list(after);
    yield* page;
    const last = page.length === FIRST_PAGE.limit ? page.at(-1) : undefined;
    if (last === undefined) return;
    after = key(last);
  }
}

const tenantsOf = (reads: Reads, { scope }: Actor) =>
  everyPage(
    (after) => reads.tenants.list(scope, { ...FIRST_PAGE, after }),
    ({ code }) => code,
  );

const phonesOf = (reads: Reads, { scope }: Actor) =>
  everyPage(
    (after) => reads.phones.list(scope, { ...FIRST_PAGE, after }),
    ({ mac }) => mac,
  );

const shownChoices = ({ settings, parameters }: Choices, reveal: boolean) => ({
  ...(Object.keys(settings).length === 0 ? {} : { settings: reveal ? settings : maskSettings(settings) }),
  ...(Object.keys(parameters).length === 0 ? {} : { parameters: reveal ? parameters : maskParameters(parameters) }),
});

function shownPhone({ revision: _revision, lines, settings, parameters, keys, ...phone }: Phone, reveal: boolean) {
  return {
    ...phone,
    lines: lines.map(({ password, ...line }) => ({ ...line, ...(reveal ? { password } : {}) })),
    ...(keys.length === 0 ? {} : { keys }),
    ...shownChoices({ settings, parameters }, reveal),
  };
}

/**
 * Everything that people have chosen. Passwords and secret settings are in it only when they are asked for, and then it is
 * written down who did.
 */
export async function exportState(house: Inventory & House, { reveal }: { reveal: boolean }, actor: Actor) {
  const state = await house.store.snapshot(async (reads) => {
    const [vendors, models]: [Record<string, object>, Record<string, object>] = [{}, {}];
    for (const found of await reads.levels.list()) {
      if (found.level === 'vendor') vendors[found.of] = shownChoices(found, reveal);
      if (found.level === 'model') models[found.of] = shownChoices(found, reveal);
    }
    const installation = shownChoices(await reads.levels.get('installation', ''), reveal);
    const tenants: (Record<string, unknown> & { code: string; pool: string })[] = [];
    for await (const { token: _token, phones: _phones, revision: _revision, ...tenant } of tenantsOf(reads, actor)) {
      const { settings: _settings, parameters: _parameters, ...facts } = tenant;
      const contacts = await reads.contacts.list(tenant.code);
      tenants.push({ ...facts, ...shownChoices(tenant, reveal), ...(contacts.length === 0 ? {} : { contacts }) });
    }
    const phones: (Record<string, unknown> & { mac: string; tenant: string })[] = [];
    for await (const phone of phonesOf(reads, actor)) phones.push(shownPhone(phone, reveal));
    const [servers, pools] = [await reads.servers.list(), await reads.pools.list()];
    const { revision: _revision, ...chosen } = await reads.installation.get();
    const { revision: _counted, ...planning } = await reads.plans.planning();
    const settings = { installation, vendors, models };
    return { homeport: 1, servers, pools, installation: chosen, planning, settings, tenants, phones };
  });
  if (reveal) {
    const after = { phones: state.phones.length };
    await house.store.transaction((tx) =>
      note(tx, house, actor, { action: 'phones.reveal', subject: 'state', before: null, after }),
    );
  }
  return state;
}

/** One thing that is or would be done. */
export type Step = { readonly action: string; readonly subject: string; readonly changes: readonly Change[] };

type Options = {
  /** Do it, instead of telling what would be done. */
  readonly apply: boolean;
  /** Remove what the document does not name. */
  readonly prune: boolean;
};

/**
 * Makes a document true, all of it or nothing; or tells what would be done.
 * @returns every step, in its order
 * @throws AppError `invalid` with the faults by their place in the document (`phones.3.model`); nothing is written then
 */
export async function bringState(
  house: Inventory & House,
  input: unknown,
  { apply, prune }: Options,
  actor: Actor,
  progress: Progress = () => undefined,
): Promise<Step[]> {
  const state = parseWith(stateSchema, input, 'the document');
  const faults: Fault[] = [];
  const total = state.servers.length + state.pools.length + state.tenants.length + state.phones.length;
  let done = 0;
  const steps = await allOrNothing<Inventory & House, Step[]>(house, async (inside, tx) => {
    const start = (await tx.audit.end()).id;
    const attempt: Attempt = async (path, work) => {
      await tx.attempt(work).catch((error: unknown) => faults.push(...faultsAt(path, error)));
      progress(Math.min(1, ++done / Math.max(1, total)));
    };
    await bringFleet(inside, tx, state, actor, attempt);
    await bringTenants(inside, tx, state, actor, attempt);
    // After the tenants: rules name them.
    const { planning } = state;
    if (planning) await attempt('planning', () => bringPlanning(inside, planning, actor));
    await bringPhones(inside, tx, state, actor, attempt);
    if (prune) await removeOthers(inside, tx, state, actor, attempt);
    return { keep: apply && faults.length === 0, result: await stepsSince(tx, start) };
  });
  if (faults.length === 0) return steps;
  const list = faults.slice(0, 3).map(({ path, message }) => `${path}: ${message}`);
  throw invalid(`the document is not taken: ${list.join('; ')}${faults.length > 3 ? ' …' : ''}`, faults);
}

function faultsAt(path: string, error: unknown): Fault[] {
  if (!(error instanceof AppError)) throw error;
  if (error.faults.length === 0) return [{ path, message: error.message }];
  return error.faults.map((fault) => ({ path: `${path}.${fault.path}`, message: fault.message }));
}

async function stepsSince(tx: Tx, start: number): Promise<Step[]> {
  const steps: Step[] = [];
  for (let after = start; ; ) {
    const entries = await tx.audit.after(after, FIRST_PAGE.limit);
    steps.push(...entries.map(({ action, subject, changes }) => ({ action, subject, changes })));
    const last = entries.at(-1);
    if (last === undefined) return steps;
    after = last.id;
  }
}

type Attempt = (path: string, work: () => Promise<unknown>) => Promise<void>;

async function bringFleet(house: Inventory & House, tx: Tx, state: State, actor: Actor, attempt: Attempt) {
  const servers = new Map((await tx.servers.list()).map((one) => [one.name, one]));
  for (const [index, server] of state.servers.entries()) {
    const before = servers.get(server.name);
    await attempt(`servers.${index}`, async () => {
      if (before === undefined) await addServer(house, server, actor);
      else if (!sameFields(before, server)) await changeServer(house, server.name, server, actor);
    });
  }
  const pools = new Map((await tx.pools.list()).map((one) => [one.name, one]));
  for (const [index, pool] of state.pools.entries()) {
    const before = pools.get(pool.name);
    await attempt(`pools.${index}`, async () => {
      if (before === undefined) await addPool(house, pool, actor);
      else if (!sameFields(before, pool)) await changePool(house, pool.name, pool, actor);
    });
  }
  if (state.installation) {
    const wanted = state.installation;
    const before = await tx.installation.get();
    await attempt('installation', async () => {
      if (!sameFields(before, wanted)) await changeInstallation(house, wanted, actor);
    });
  }
  const choose = (
    path: string,
    address: LevelAddress,
    [name, of]: ['installation' | 'vendor' | 'model', string],
    choices: object,
  ) =>
    attempt(`settings.${path}`, async () => {
      const wanted = { settings: {}, parameters: {}, ...choices };
      const before = await tx.levels.get(name, of);
      const shown = { settings: maskSettings(before.settings), parameters: maskParameters(before.parameters) };
      if (!sameFields(before, wanted) && !sameFields(shown, wanted))
        await chooseForLevel(house, address, wanted, actor);
    });
  const { installation, vendors, models } = state.settings;
  if (installation) await choose('installation', { level: 'installation' }, ['installation', ''], installation);
  for (const [vendor, choices] of Object.entries(vendors))
    await choose(`vendors.${vendor}`, { level: 'vendor', vendor }, ['vendor', vendor], choices);
  for (const [key, choices] of Object.entries(models)) {
    const [vendor = '', model = ''] = key.split(/\/(.*)/s);
    await choose(`models.${key}`, { level: 'model', vendor, model }, ['model', key], choices);
  }
}

async function bringTenants(house: Inventory & House, tx: Tx, state: State, actor: Actor, attempt: Attempt) {
  for (const [index, { contacts, ...tenant }] of state.tenants.entries()) {
    await attempt(`tenants.${index}`, async () => {
      const { code, pool, ...fields } = tenant as { code: string; pool?: string };
      if (!(await tx.tenants.exists(code))) await addTenant(house, tenant, actor);
      else {
        const before = await tx.tenants.get(actor.scope, code);
        const { settings, parameters } = before;
        const shown = { ...before, settings: maskSettings(settings), parameters: maskParameters(parameters) };
        if (!sameFields(before, fields) && !sameFields(shown, fields)) {
          await changeTenant(house, code, fields as Partial<TenantInput>, actor);
        }
        if (pool !== undefined && pool !== before.pool) await moveTenant(house, { tenant: code, pool }, actor);
      }
      const stored = await tx.contacts.list(code);
      if (!sameFields({ contacts: stored }, { contacts: contacts ?? [] })) {
        await replaceContacts(house, code, contacts ?? [], actor);
      }
    });
  }
}

async function bringPhones(house: Inventory & House, tx: Tx, state: State, actor: Actor, attempt: Attempt) {
  const AT_ONCE = 200;
  for (let from = 0; from < state.phones.length; from += AT_ONCE) {
    const piece = state.phones.slice(from, from + AT_ONCE);
    const found = await tx.phones.findMany(
      actor.scope,
      piece.map(({ mac }) => mac as Mac),
    );
    const stored = new Map(found.map((phone) => [phone.mac as string, phone]));
    for (const [index, phone] of piece.entries()) {
      const before = stored.get(phone.mac);
      await attempt(`phones.${from + index}`, async () => {
        if (before === undefined) await addPhone(house, phone, actor);
        else if (!isPhone(before, phone)) {
          const { mac: _mac, ...fields } = { keys: [], settings: {}, parameters: {}, ...phone };
          await changePhone(house, before.mac, fields, actor);
        }
      });
    }
  }
}

/** Does a phone of the document say what is stored, with or without its secrets? */
const isPhone = (before: Phone, phone: object): boolean =>
  [true, false].some((reveal) => {
    const shown = { keys: [], settings: {}, parameters: {}, ...shownPhone(before, reveal) };
    return sameFields(shown, { keys: [], settings: {}, parameters: {}, ...phone });
  });

/** Removes what the document does not name, from the phones up to the servers. */
async function removeOthers(house: Inventory & House, tx: Tx, state: State, actor: Actor, attempt: Attempt) {
  const kept = {
    phones: new Set<string>(state.phones.map(({ mac }) => mac)),
    tenants: new Set(state.tenants.map(({ code }) => code)),
    pools: new Set(state.pools.map(({ name }) => name)),
    servers: new Set(state.servers.map(({ name }) => name)),
  };
  const macs: Mac[] = [];
  for await (const { mac } of phonesOf(tx, actor)) if (!kept.phones.has(mac)) macs.push(mac);
  for (const mac of macs) await attempt(`phones ${mac}`, () => removePhone(house, mac, actor));
  const codes: string[] = [];
  for await (const { code } of tenantsOf(tx, actor)) if (!kept.tenants.has(code)) codes.push(code);
  for (const code of codes) await attempt(`tenants ${code}`, () => removeTenant(house, code, actor));
  for (const { name } of await tx.pools.list())
    if (!kept.pools.has(name)) await attempt(`pools ${name}`, () => removePool(house, name, actor));
  for (const { name } of await tx.servers.list())
    if (!kept.servers.has(name)) await attempt(`servers ${name}`, () => removeServer(house, name, actor));
}
