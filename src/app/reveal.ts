// Journeys: somebody sees the secrets of a phone in clear. It is written down before anything is shown.
import type { Actor } from '../domain/access.ts';
import type { Mac } from '../domain/mac.ts';
import { isSecretName, type Parameter, resolveParameters } from '../domain/parameters.ts';
import type { Line, Phone } from '../domain/phone.ts';
import { resolveSettings, SETTING_NAMES, SETTINGS, type SettingName } from '../domain/settings.ts';
import type { Tx } from '../store/store.ts';
import { note } from './audit.ts';
import { levelsOf } from './levels-of.ts';
import { filesFor, type House, type NamedFile } from './serve-file.ts';

type Revealing = House & { readonly now: () => Date };

/** What is a secret of a phone, in clear. */
export type Revealed = {
  readonly mac: Mac;
  readonly tenant: string;
  readonly lines: readonly Pick<Line, 'user' | 'authUser' | 'password'>[];
  /** What the phone proves itself with when it fetches; null when it has nothing yet. */
  readonly provisioning: { readonly user: string; readonly password: string } | null;
  /** The secret settings that hold for the phone, whatever level they come from. */
  readonly settings: Readonly<Partial<Record<SettingName, string>>>;
  /** The raw parameters that hold for the phone and may be secrets. */
  readonly parameters: readonly Parameter[];
};

const noteReveal = (tx: Tx, house: Revealing, { mac, tenant }: Phone, actor: Actor) =>
  note(tx, house, actor, { action: 'phone.reveal', subject: mac, tenant, before: null, after: null });

/** Reveals a phone's secrets. @throws AppError `not_found` for a phone outside the actor's scope */
export async function revealPhone(house: Revealing, mac: Mac, actor: Actor): Promise<Revealed> {
  return house.store.transaction(async (tx) => {
    const phone = await tx.phones.get(actor.scope, mac);
    const tenant = await tx.tenants.get(actor.scope, phone.tenant);
    const levels = await levelsOf({ reads: tx, vendors: house.vendors }, phone, tenant);
    const settings = resolveSettings(levels);
    const held = SETTING_NAMES.filter((name) => SETTINGS[name].secret && settings[name] !== null);
    const credential = await tx.credentials.find(mac);
    await noteReveal(tx, house, phone, actor);
    return {
      mac,
      tenant: tenant.code,
      lines: phone.lines.map(({ user, authUser, password }) => ({ user, authUser, password })),
      provisioning: credential === null ? null : { user: mac, password: credential.password },
      settings: Object.fromEntries(held.map((name) => [name, String(settings[name])])),
      parameters: resolveParameters(levels, phone.vendor).filter(({ name }) => isSecretName(name)),
    };
  });
}

/** All files of a phone as it gets them, secrets in clear. @throws AppError `not_found` as `revealPhone` does */
export async function revealFiles(house: Revealing, mac: Mac, actor: Actor): Promise<NamedFile[]> {
  const phone = await house.store.transaction(async (tx) => {
    const found = await tx.phones.get(actor.scope, mac);
    await noteReveal(tx, house, found, actor);
    return found;
  });
  return filesFor(house, phone, { masked: false });
}
