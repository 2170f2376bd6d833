// What tests of backups share: a house with something in it, its files as phones get them, and a clean host.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { takeBackup } from '../../src/app/backup.ts';
import { filesFor, type House } from '../../src/app/serve-file.ts';
import { readConfig } from '../../src/config.ts';
import { type Actor, ALL_TENANTS } from '../../src/domain/access.ts';
import { FIRST_PAGE } from '../../src/domain/page.ts';
import { openHouse, PRODUCT, restoreHouse } from '../../src/main.ts';
import type { Store } from '../../src/store/store.ts';
import { temporaryFolder } from './app.ts';

export const OPERATOR: Actor = { name: 'cli:test', role: 'owner', scope: ALL_TENANTS, address: null };
export const PUBLIC_URL = 'https://prov.example.com';
export const PASSPHRASE = 'correct horse battery staple';

/** A configuration over a folder, as on a host of its own. */
export const configIn = (folder: string, more: Record<string, string> = {}) =>
  readConfig({
    HOMEPORT_DATABASE_URL: `file:${join(folder, 'homeport.db')}`,
    HOMEPORT_PUBLIC_URL: PUBLIC_URL,
    HOMEPORT_LOG_LEVEL: 'silent',
    HOMEPORT_DEMO: '0',
    ...more,
  });

type Backing = { readonly store: Store; readonly now: () => Date };
type Wish = Partial<Omit<Parameters<typeof takeBackup>[1], 'file'>>;

export const backUp = (house: Backing, file: string, wish: Wish = {}) =>
  takeBackup(house, { file, passphrase: null, includeKey: false, product: PRODUCT, ...wish }, OPERATOR);

type RestoreWish = Partial<Parameters<typeof restoreHouse>[1]> & { readonly environment?: Record<string, string> };

export const restoreIn = (folder: string, file: string, { environment = {}, ...wish }: RestoreWish = {}) =>
  restoreHouse(
    configIn(folder, environment),
    { file, passphrase: null, force: false, checkOnly: false, ...wish },
    OPERATOR,
  );

/** Opens the house of a folder, which closes with the test. */
export async function houseIn(context: TestContext, folder: string, more: Record<string, string> = {}) {
  const house = await openHouse(configIn(folder, more));
  context.after(() => house.close());
  return house;
}

/** Every file of every phone as the phone would get it, by MAC address and name. */
export async function everyFile(house: House): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const phones = await house.store.phones.list(ALL_TENANTS, FIRST_PAGE);
  assert.ok(phones.length < FIRST_PAGE.limit);
  for (const phone of phones) {
    for (const { name, body } of await filesFor(house, phone, { masked: false })) {
      files.set(`${phone.mac} ${name}`, body.toString('latin1'));
    }
  }
  return files;
}

/** A file with a passphrase for its reader alone. */
export function passphraseFile(context: TestContext, text = PASSPHRASE): string {
  const file = join(temporaryFolder(context), 'passphrase');
  writeFileSync(file, `${text}\n`, { mode: 0o600 });
  return file;
}
