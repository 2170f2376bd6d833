// Wires the house together: opens the store, loads the vendors, opens both doors, and closes all of it in reverse order.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import demoWorld from '../db/demo.json' with { type: 'json' };
import { countPhones } from './app/count-phones.ts';
import type { Inventory } from './app/inventory.ts';
import { isEmpty, loadDemo, type World } from './app/load-demo.ts';
import { recordFetches } from './app/record-fetches.ts';
import { countAttempts } from './app/sign-in.ts';
import { type Config, localUrl, networkUrl } from './config.ts';
import { type Actor, ALL_TENANTS } from './domain/access.ts';
import { type Firmware, NO_FIRMWARE, openFirmware } from './firmware/firmware.ts';
import { adminDoor } from './http/admin-door.ts';
import { ADMIN_LIMITS, openDoor, PHONE_LIMITS } from './http/listen.ts';
import { type PhoneDoor, phoneDoor } from './http/phone-door.ts';
import { log } from './log.ts';
import { openMetrics } from './metrics.ts';
import { openRedirections, type Redirections } from './redirection/redirection.ts';
import { openStore } from './store/store.ts';
import { loadVendors, type Vendors } from './vendors/vendors.ts';

type Mutable<Type> = { -readonly [Name in keyof Type]: Type[Name] };

const TEMPLATES = join(import.meta.dirname, '..', 'templates');
export const DEMO_WORLD: World = demoWorld;
const LOOK_AROUND_EVERY_MS = 2_000;
const SERVICE_TIMEOUT_MS = 15_000;
const HOUSE: Actor = { name: 'homeport', role: 'owner', scope: ALL_TENANTS, address: null };

export type OpenHouse = Inventory & {
  readonly now: () => Date;
  readonly redirections: Redirections;
  /** How phones reach the phones' door, without a slash at the end. */
  readonly publicUrl: string;
  close(): Promise<void>;
};

/**
 * Opens store and vendors, without doors: what a command needs.
 * @throws AppError `unavailable` when the database cannot be opened with this key, `invalid` for a broken template folder
 */
export async function openHouse(
  config: Pick<Config, 'databaseUrl' | 'keyFile' | 'logLevel' | 'templates' | 'publicUrl' | 'phoneListen'>,
): Promise<OpenHouse> {
  log.level = config.logLevel;
  const vendors = loadVendors(TEMPLATES, config.templates);
  for (const { file, fault } of vendors.ownTemplates()) if (fault !== null) tellFault(file, fault);
  const store = await openStore({ url: config.databaseUrl, keyFile: config.keyFile });
  const publicUrl = config.publicUrl ?? networkUrl(config.phoneListen);
  const outside = { random: randomBytes, now: () => new Date() };
  const redirections = openRedirections({ ...outside, wait: (ms) => wait(ms), timeoutMs: SERVICE_TIMEOUT_MS });
  return { store, vendors, redirections, publicUrl, ...outside, close: () => store.close() };
}

export type Serving = {
  readonly phonesUrl: string;
  readonly adminUrl: string;
  /** How phones reach the phones' door. */
  readonly publicUrl: string;
  /** Has this start filled an empty database with the demo world? */
  readonly demoLoaded: boolean;
  readonly house: OpenHouse;
  /** Lets requests in flight end, writes what is waiting, and closes. */
  close(): Promise<void>;
};

/** Tells of a template that is not used. After the first line a fault may quote the template, and with it a secret. */
const tellFault = (file: string, fault: string) =>
  log.warn({ file, fault: fault.split('\n', 1)[0] }, 'an own template is not used');

/** Takes up firmware and own templates that have changed; a template that cannot be used is told once. */
function lookAround(vendors: Vendors, firmware: Firmware): void {
  const told = new Set(vendors.ownTemplates().map(({ fault }) => fault));
  try {
    vendors.refresh();
    firmware.refresh();
  } catch (error) {
    log.error({ error }, 'templates or firmware cannot be looked at');
  }
  for (const { file, fault } of vendors.ownTemplates()) {
    if (fault !== null && !told.has(fault)) tellFault(file, fault);
  }
}

/** Opens the house with both doors. */
export async function serve(config: Config): Promise<Serving> {
  const house = await openHouse(config);
  const closing: (() => Promise<void>)[] = [house.close];
  const close = async () => {
    for (const step of closing.splice(0).reverse()) await step();
  };
  try {
    const demoLoaded = config.demo && (await isEmpty(house, HOUSE));
    if (demoLoaded) await loadDemo(house, DEMO_WORLD, HOUSE);
    const firmware = config.firmware === null ? NO_FIRMWARE : openFirmware(config.firmware);
    const looking = setInterval(() => lookAround(house.vendors, firmware), LOOK_AROUND_EVERY_MS).unref();
    closing.push(async () => clearInterval(looking));
    const fetches = recordFetches(house);
    closing.push(fetches.close);
    const metrics = openMetrics({
      vendors: house.vendors.ids,
      records: fetches.backlog,
      count: () => countPhones(house),
      now: house.now,
    });
    const door: Mutable<PhoneDoor> = { ...house, fetches, firmware, metrics };
    const phones = await openDoor(phoneDoor(door), config.phoneListen, PHONE_LIMITS);
    closing.push(phones.close);
    const phoneListen = { host: config.phoneListen.host, port: phones.port };
    // Only now is the port known, where the system chose it.
    const publicUrl = config.publicUrl ?? networkUrl(phoneListen);
    door.publicUrl = publicUrl;
    const app = adminDoor({
      ...{ ...house, metrics, publicUrl, apiKey: config.apiKey, adminUrl: config.adminUrl },
      attempts: countAttempts('password', metrics.signInFailed),
      keyAttempts: countAttempts('key', metrics.signInFailed),
    });
    const admin = await openDoor(app, config.adminListen, ADMIN_LIMITS);
    closing.push(admin.close);
    const adminUrl = localUrl({ host: config.adminListen.host, port: admin.port });
    return { phonesUrl: localUrl(phoneListen), adminUrl, publicUrl, demoLoaded, house, close };
  } catch (error) {
    await close();
    throw error;
  }
}
