// Journeys: choosing settings for all phones, for a vendor's or for a model's, and explaining where a value comes from.
import type { Actor } from '../domain/access.ts';
import type { Impact } from '../domain/difference.ts';
import { type Fault, invalid, notFound } from '../domain/errors.ts';
import type { Mac } from '../domain/mac.ts';
import { keepMaskedParameters, type Parameters, parametersSchema } from '../domain/parameters.ts';
import { parseWith } from '../domain/parse.ts';
import {
  keepMasked,
  MASK,
  type NamedLevel,
  originOf,
  SETTING_NAMES,
  SETTINGS,
  type SettingName,
  settingsLevelSchema,
} from '../domain/settings.ts';
import type { StoredLevel } from '../store/codec.ts';
import type { Reads } from '../store/store.ts';
import type { Vendors } from '../vendors/vendors.ts';
import { note } from './audit.ts';
import { impactOf } from './impact.ts';
import { levelsOf, modelKey } from './levels-of.ts';
import type { House } from './serve-file.ts';

/** A level that is not a tenant's or a phone's own. */
export type LevelAddress =
  | { readonly level: 'installation' }
  | { readonly level: 'vendor'; readonly vendor: string }
  | { readonly level: 'model'; readonly vendor: string; readonly model: string };

/** What the store calls the level. @throws AppError `not_found` for a vendor or model that does not exist */
function keyOf(vendors: Vendors, address: LevelAddress): { level: LevelAddress['level']; of: string } {
  switch (address.level) {
    case 'installation':
      return { level: 'installation', of: '' };
    case 'vendor':
      if (!vendors.ids.includes(address.vendor)) throw notFound(`vendor ${address.vendor}`);
      return { level: 'vendor', of: address.vendor };
    case 'model': {
      const facts = vendors.findModel(address.vendor, address.model);
      if (facts === null) throw notFound(`model ${address.vendor} ${address.model}`);
      return { level: 'model', of: modelKey(facts.vendor, facts.model) };
    }
  }
}

/** @throws AppError `not_found` for a vendor or model that does not exist */
export async function findLevel({ store, vendors }: House, address: LevelAddress): Promise<StoredLevel> {
  const { level, of } = keyOf(vendors, address);
  return store.levels.get(level, of);
}

export type ChosenLevel = { readonly level: StoredLevel; readonly warnings: readonly string[] };

type LevelChanges = {
  readonly settings?: unknown;
  readonly parameters?: unknown;
  readonly revision?: number | undefined;
};

/** The level as it is and as it would be, with what is doubtful. @throws AppError for a choice that cannot be */
async function nextLevel(reads: Reads, vendors: Vendors, address: LevelAddress, changes: LevelChanges) {
  const { level, of } = keyOf(vendors, address);
  const before = await reads.levels.get(level, of);
  const sent = parseWith(settingsLevelSchema, changes.settings ?? before.settings, 'the settings');
  const said = parseWith(parametersSchema, changes.parameters ?? before.parameters, 'the parameters');
  const parameters = keepMaskedParameters(before.parameters, said);
  const warnings = checkParameters(vendors, parameters);
  const revision = changes.revision ?? before.revision;
  const settings = keepMasked(before.settings, sent);
  return { before, after: { ...before, settings, parameters, revision }, warnings };
}

/**
 * Replaces what a level says: `settings`, `parameters` or both.
 * @throws AppError `invalid` for a wrong value or a refused parameter, `conflict` when the level changed since `revision`
 */
export async function chooseForLevel(
  house: House & { readonly now: () => Date },
  address: LevelAddress,
  changes: LevelChanges,
  actor: Actor,
): Promise<ChosenLevel> {
  return house.store.transaction(async (tx) => {
    const { before, after, warnings } = await nextLevel(tx, house.vendors, address, changes);
    await note(tx, house, actor, { action: 'settings.change', subject: levelText(after), before, after });
    return { level: await tx.levels.put(after), warnings };
  });
}

/** What a choice would do to phones; nothing is changed. */
export const previewLevel = (house: House, address: LevelAddress, changes: LevelChanges): Promise<Impact> =>
  house.store.study(async (reads) => {
    const { after } = await nextLevel(reads, house.vendors, address, changes);
    return impactOf(house, reads, { level: after });
  });

/**
 * Checks raw parameters against what their vendors know.
 * @returns warnings: names that the vendor's lists do not have
 * @throws AppError `invalid` for a vendor that is not there and for reserved names, with the reason of each
 */
export function checkParameters(vendors: Vendors, parameters: Parameters): string[] {
  const faults: Fault[] = [];
  const warnings: string[] = [];
  for (const [vendor, names] of Object.entries(parameters)) {
    if (!vendors.ids.includes(vendor)) {
      faults.push({
        path: `parameters.${vendor}`,
        message: `there is no such vendor; there are ${vendors.ids.join(', ')}`,
      });
      continue;
    }
    for (const name of Object.keys(names)) {
      const checked = vendors.checkParameter(vendor, name);
      if (checked.state === 'refused') faults.push({ path: `parameters.${vendor}.${name}`, message: checked.message });
      if (checked.state === 'warning') warnings.push(checked.message);
    }
  }
  if (faults.length === 0) return warnings;
  throw invalid(
    `parameters are refused: ${faults.map(({ path, message }) => `${path}: ${message}`).join('; ')}`,
    faults,
  );
}

/** One setting of a phone: its value, where it comes from, and what every level says of it. */
export type Explanation = {
  readonly setting: SettingName;
  readonly value: unknown;
  readonly from: string;
  readonly levels: readonly { readonly level: string; readonly says: unknown }[];
};

const levelText = ({ level, of }: { level: string; of: string }) => (of === '' ? level : `${level} ${of}`);

/**
 * Explains a phone's settings, or one of them.
 * @throws AppError `not_found` for a phone outside the actor's scope, `invalid` for a setting that does not exist
 */
export async function explainSettings(house: House, mac: Mac, actor: Actor, only?: string): Promise<Explanation[]> {
  if (only !== undefined && !SETTING_NAMES.includes(only as SettingName)) {
    throw invalid(`there is no setting ${only}; there are ${SETTING_NAMES.join(', ')}`);
  }
  const levels = await house.store.snapshot(async (reads) => {
    const phone = await reads.phones.get(actor.scope, mac);
    const tenant = await reads.tenants.get(actor.scope, phone.tenant);
    return levelsOf({ reads, vendors: house.vendors }, phone, tenant);
  });
  return SETTING_NAMES.filter((name) => only === undefined || name === only).map((name) => explain(name, levels));
}

function explain(setting: SettingName, levels: readonly NamedLevel[]): Explanation {
  const shown = (value: unknown) => (SETTINGS[setting].secret && typeof value === 'string' ? MASK : value);
  const origin = originOf(setting, levels);
  const says = levels.filter(({ settings }) => settings[setting] !== undefined);
  return {
    setting,
    value: shown(origin.value),
    from: levelText(origin),
    levels: says.map((level) => ({ level: levelText(level), says: shown(level.settings[setting]) })),
  };
}
