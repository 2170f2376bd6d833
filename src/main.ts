// Wires the house together: opens the store, loads the vendors, opens both doors, and closes all of it in reverse order.
import { randomBytes } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import demoWorld from '../db/demo.json' with { type: 'json' };
import product from '../package.json' with { type: 'json' };
import { type BackupKeeper, keepBackups, type RestoreReport, restoreBackup } from './app/backup.ts';
import { countDns, dnsTick } from './app/check-dns.ts';
import { countRegistrations } from './app/convergence.ts';
import { countPhones } from './app/count-phones.ts';
import type { Inventory } from './app/inventory.ts';
import { isEmpty, loadDemo, type World } from './app/load-demo.ts';
import { type LoadMeter, measureLoads } from './app/measure-loads.ts';
import { recordFetches } from './app/record-fetches.ts';
import { countAttempts } from './app/sign-in.ts';
import type { Surroundings } from './app/surroundings.ts';
import { type Watcher, watchRegistrations } from './app/watch-registrations.ts';
import { watchSweeps } from './app/watch-sweeps.ts';
import {
  type Config,
  type Listen,
  localUrl,
  networkUrl,
  type PhoneListener,
  phoneListeners,
  publicUrlOf,
  type Speaks,
} from './config.ts';
import { type Dns, openDns } from './dns/dns.ts';
import { type Actor, ALL_TENANTS } from './domain/access.ts';
import { type Firmware, NO_FIRMWARE, openFirmware } from './firmware/firmware.ts';
import { adminDoor } from './http/admin-door.ts';
import { ADMIN_CONNECTIONS_PER_ADDRESS, ADMIN_LIMITS, openDoor, PHONE_LIMITS } from './http/listen.ts';
import { type PhoneDoor, phoneDoor } from './http/phone-door.ts';
import { openTrust, type Trust, trustFacts } from './http/trust.ts';
import { log } from './log.ts';
import { openMetrics } from './metrics.ts';
import { type OpenPbx, openPbx } from './pbx/pbx.ts';
import { openRedirections, type Redirections } from './redirection/redirection.ts';
import { openPlanMaker, type PlanMaker } from './solver/plan-maker.ts';
import { type RestoreOrder, restore } from './store/restore.ts';
import { readPassphrase } from './store/secrets.ts';
import { openStore } from './store/store.ts';
import { parametersIn, simulatedKinds } from './vendors/simulated.ts';
import { loadVendors, type Vendors } from './vendors/vendors.ts';

type Mutable<Type> = { -readonly [Name in keyof Type]: Type[Name] };

const TEMPLATES = join(import.meta.dirname, '..', 'templates');
export const DEMO_WORLD: World = demoWorld;
/** What phones that are not there need to know of their makers. */
export const simulation = { kinds: (vendor: string) => simulatedKinds(TEMPLATES, vendor), parametersIn };
const LOOK_AROUND_EVERY_MS = 2_000;
const SERVICE_TIMEOUT_MS = 15_000;
const DNS_TIMEOUT_MS = 3_000;
const DNS_TRIES = 3;
const DNS_LOOK_EVERY_MS = 5_000;
const PBX_TIMEOUT_MS = 10_000;
const PBX_LOOK_EVERY_MS = 2_000;
const LOAD_LOOK_EVERY_MS = 30_000;
/** Whoever changes something at the admin door hears so soon that somebody else is writing, and tries again. */
const SERVING_PATIENCE_MS = 5_000;
export const PRODUCT = product.version;
const HOUSE: Actor = { name: 'homeport', role: 'owner', scope: ALL_TENANTS, address: null };

export type OpenHouse = Inventory & {
  readonly now: () => Date;
  readonly redirections: Redirections;
  readonly dns: Dns;
  readonly openPbx: OpenPbx;
  readonly planMaker: PlanMaker;
  /** How phones reach the phones' door, without a slash at the end. */
  readonly publicUrl: string;
  readonly surroundings: Surroundings;
  close(): Promise<void>;
};

const surroundingsOf = (config: Config, vendors: Vendors): Surroundings => ({
  publicUrlIsSet: config.publicUrl !== null,
  adminHost: config.adminListen.host,
  adminUrl: config.adminUrl,
  adminSpeaksTls: config.adminTls !== null,
  certificates: () => trustFacts(config, vendors),
  legacyTlsIsOpen: config.phoneLegacyTlsListen !== null,
  firstKeyIsSet: config.apiKey !== null,
  isConfigured: config.isConfigured,
  directories: {
    ...(config.templates === null ? {} : { HOMEPORT_TEMPLATES: config.templates }),
    ...(config.firmware === null ? {} : { HOMEPORT_FIRMWARE: config.firmware }),
    ...(config.phoneCas === null ? {} : { HOMEPORT_PHONE_CAS: config.phoneCas }),
  },
  backups: config.backups,
  demoTenants: DEMO_WORLD.tenants.map(({ code }) => code),
});

/** The passphrase of backups as it stands in its file now; null for the key file of the installation. */
export const backupPassphrase = (file: string | null): string | null => (file === null ? null : readPassphrase(file));

/** Puts a backup in the place of the database, which nobody may have open. @throws AppError with what is in the way */
export function restoreHouse(
  { databaseUrl, keyFile }: Config,
  wish: Omit<RestoreOrder, 'databaseFile' | 'keyFile' | 'prove' | 'now'>,
  actor: Actor,
): Promise<RestoreReport> {
  const databaseFile = databaseUrl.slice('file:'.length);
  return restoreBackup({ restore, now: () => new Date() }, { ...wish, databaseFile, keyFile }, actor);
}

function openBackups(house: OpenHouse, config: Config, closing: Closing): BackupKeeper {
  const keeper = keepBackups({
    ...{ store: house.store, now: house.now, plan: config.backups, actor: HOUSE },
    wish: { includeKey: config.backupIncludesKey, product: PRODUCT },
    passphrase: () => backupPassphrase(config.backupKeyFile),
    steady: () => performance.now(),
  });
  closing.push(keeper.close);
  return keeper;
}

/**
 * Opens store and vendors, without doors: what a command needs.
 * @throws AppError `unavailable` when the database cannot be opened with this key, `invalid` for a broken template folder
 */
export async function openHouse(config: Config, patienceMs?: number, now = () => new Date()): Promise<OpenHouse> {
  log.level = config.logLevel;
  const vendors = loadVendors(TEMPLATES, config.templates);
  await vendors.refresh();
  for (const { file, fault } of vendors.ownTemplates()) if (fault !== null) tellFault(file, fault);
  const store = await openStore({
    ...{ url: config.databaseUrl, keyFile: config.keyFile },
    ...(patienceMs === undefined ? {} : { patienceMs }),
  });
  const publicUrl = publicUrlOf(config);
  const outside = { random: randomBytes, now };
  const redirections = openRedirections({ ...outside, wait: (ms) => wait(ms), timeoutMs: SERVICE_TIMEOUT_MS });
  const dns = openDns({ ...outside, wait: (ms) => wait(ms), timeoutMs: DNS_TIMEOUT_MS, tries: DNS_TRIES });
  const surroundings = surroundingsOf(config, vendors);
  const planMaker = openPlanMaker();
  const parts = { redirections, dns, openPbx: pbxOpener(), planMaker };
  return { store, vendors, ...parts, publicUrl, surroundings, ...outside, close: () => store.close() };
}

export type Serving = {
  readonly phonesUrl: string;
  /** Every place of the phones' door; the first is `phonesUrl`. */
  readonly phoneUrls: readonly string[];
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
async function lookAround(vendors: Vendors, firmware: Firmware): Promise<void> {
  const told = new Set(vendors.ownTemplates().map(({ fault }) => fault));
  try {
    firmware.refresh();
    await vendors.refresh();
  } catch (error) {
    log.error({ error }, 'templates or firmware cannot be looked at');
  }
  for (const { file, fault } of vendors.ownTemplates()) {
    if (fault !== null && !told.has(fault)) tellFault(file, fault);
  }
}

type Closing = (() => Promise<void>)[];
type OpenPlace = { readonly listen: Listen; readonly speaks: Speaks };

/** Opens every place of the phones' door; the first is where phones are sent to. */
async function openPhonesDoor(
  listener: RequestListener,
  config: Config,
  { phoneTls: tls, asksCertificate, proxies }: Trust,
  closing: Closing,
): Promise<[OpenPlace, ...OpenPlace[]]> {
  const { connectionsPerAddress } = config;
  const shared = { tls, asksCertificate, proxies, connectionsPerAddress, limits: PHONE_LIMITS };
  const open = async ({ name, listen, speaks }: PhoneListener): Promise<OpenPlace> => {
    const { port, close } = await openDoor(listener, { ...shared, name, listen, speaks });
    closing.push(close);
    return { listen: { host: listen.host, port }, speaks };
  };
  const [first, ...others] = phoneListeners(config);
  const places: [OpenPlace, ...OpenPlace[]] = [await open(first)];
  for (const other of others) places.push(await open(other));
  return places;
}

/** Opens the people's and programs' door. @returns its URL on this machine */
async function openAdminDoor(
  listener: RequestListener,
  { adminListen: listen }: Config,
  { adminTls: tls, proxies }: Trust,
  closing: Closing,
): Promise<string> {
  const speaks = tls === null ? 'http' : 'https';
  const { port, close } = await openDoor(listener, {
    ...{ name: 'HOMEPORT_ADMIN_LISTEN', listen, speaks, tls, proxies, limits: ADMIN_LIMITS },
    asksCertificate: false,
    connectionsPerAddress: ADMIN_CONNECTIONS_PER_ADDRESS,
  });
  closing.push(close);
  return localUrl({ host: listen.host, port }, speaks);
}

/** Checks DNS whenever it is time, one check after the other. @returns what cuts off the check that is going on */
function checkDnsInTurn(house: OpenHouse): () => Promise<void> {
  let going: Promise<unknown> | null = null;
  const stopping = new AbortController();
  const look = () => {
    going ??= dnsTick(house, stopping.signal)
      .catch((error: unknown) => {
        if (!stopping.signal.aborted) log.error({ error }, 'DNS could not be checked');
      })
      .finally(() => {
        going = null;
      });
  };
  const timer = setInterval(look, DNS_LOOK_EVERY_MS).unref();
  return async () => {
    clearInterval(timer);
    stopping.abort();
    await going;
  };
}

/** Opens connections to PBX servers, with the clock, the chance and the patience of this machine. */
const pbxOpener = (): OpenPbx => (connection, listener) =>
  openPbx(connection, listener, {
    ...{ timeoutMs: PBX_TIMEOUT_MS, random: Math.random, unique: () => randomBytes(12).toString('hex') },
    wait: (ms, signal) => wait(ms, undefined, { signal }).catch(() => undefined),
  });

/** Watches registrations as long as the house is open. */
function openWatcher(house: OpenHouse, closing: Closing): Watcher {
  const watcher = watchRegistrations(house);
  const look = () =>
    void watcher.refresh().catch((error: unknown) => log.error({ error }, 'registrations cannot be watched'));
  const timer = setInterval(look, PBX_LOOK_EVERY_MS).unref();
  look();
  closing.push(async () => {
    clearInterval(timer);
    await watcher.close();
  });
  closing.push(measureInTurn(measureLoads({ ...house, watcher }, HOUSE)));
  return watcher;
}

/** Measures loads, one look after the other. */
function measureInTurn(meter: LoadMeter): () => Promise<void> {
  let going: Promise<unknown> | null = null;
  const timer = setInterval(() => {
    going ??= meter
      .look()
      .catch((error: unknown) => log.error({ error }, 'loads cannot be measured'))
      .finally(() => {
        going = null;
      });
  }, LOAD_LOOK_EVERY_MS).unref();
  return async () => {
    clearInterval(timer);
    await going;
  };
}

/** Opens the house with both doors. */
export async function serve(config: Config, clock?: () => Date): Promise<Serving> {
  const house = await openHouse(config, SERVING_PATIENCE_MS, clock);
  const closing: (() => Promise<void>)[] = [house.close];
  const close = async () => {
    for (const step of closing.splice(0).reverse()) await step();
  };
  try {
    const trust = openTrust(config, house.vendors, Date.now);
    const demoLoaded = config.demo && (await isEmpty(house, HOUSE));
    if (demoLoaded) await loadDemo(house, DEMO_WORLD, HOUSE);
    const firmware = config.firmware === null ? NO_FIRMWARE : openFirmware(config.firmware);
    let isLooking = false;
    const looking = setInterval(() => {
      trust.refresh(Date.now());
      if (isLooking) return;
      isLooking = true;
      void lookAround(house.vendors, firmware).finally(() => {
        isLooking = false;
      });
    }, LOOK_AROUND_EVERY_MS).unref();
    closing.push(async () => clearInterval(looking));
    closing.push(checkDnsInTurn(house));
    const watcher = openWatcher(house, closing);
    const fetches = recordFetches(house);
    closing.push(fetches.close);
    const backups = openBackups(house, config, closing);
    const sweeps = watchSweeps({
      ...{ now: house.now, macs: config.sweepMacs },
      began: (kind) => metrics.sweepBegan(kind),
    });
    const metrics = openMetrics({
      vendors: house.vendors.ids,
      backups: backups.state,
      sweeps: sweeps.sweeps,
      records: fetches.backlog,
      count: () => countPhones(house),
      countDns: () => countDns(house),
      countRegistrations: () => countRegistrations(watcher),
      now: house.now,
    });
    const { certificateOf } = trust;
    const { basicWithoutTls } = config;
    const watched = { sweeps, observe: sweeps.observe };
    const door: Mutable<PhoneDoor> = {
      ...house,
      ...watched,
      fetches,
      firmware,
      metrics,
      certificateOf,
      basicWithoutTls,
    };
    const phones = await openPhonesDoor(phoneDoor(door), config, trust, closing);
    const [first] = phones;
    // Only now is the port known, where the system chose it.
    const publicUrl = config.publicUrl ?? networkUrl(first.listen, first.speaks);
    door.publicUrl = publicUrl;
    const app = adminDoor({
      ...{ ...house, metrics, watcher, sweeps, publicUrl, apiKey: config.apiKey, adminUrl: config.adminUrl },
      attempts: countAttempts('password', metrics.signInFailed),
      keyAttempts: countAttempts('key', metrics.signInFailed),
    });
    const adminUrl = await openAdminDoor(app, config, trust, closing);
    const phoneUrls = phones.map(({ listen, speaks }) => localUrl(listen, speaks));
    log.info({ phones: phoneUrls, admin: adminUrl }, 'listening');
    return { phonesUrl: phoneUrls[0] ?? '', phoneUrls, adminUrl, publicUrl, demoLoaded, house, close };
  } catch (error) {
    await close();
    throw error;
  }
}
