// docs/models.md is what the vendors' folders say; `npm run golden` writes it anew, and nobody types it.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { KEY_TYPES, type KeyType } from '../src/domain/keys.ts';
import { SETTING_NAMES, type SettingName } from '../src/domain/settings.ts';
import { type Descriptor, descriptorSchema, keyTypesOf } from '../src/vendors/descriptor.ts';
import { readPhone } from './support/readers.ts';
import { EVERY_SETTING, renderAll, TEMPLATES, vendors } from './support/world.ts';

const DOCUMENT = join(TEMPLATES, '../docs/models.md');

const descriptorOf = (vendor: string): Descriptor =>
  descriptorSchema.parse(JSON.parse(readFileSync(join(TEMPLATES, vendor, 'vendor.json'), 'utf8')));

/** How a model returns to its primary, read from what it is really served. */
function failback(vendor: string, model: string, family: string): string {
  const [line] = readPhone(vendor, family, renderAll({ phone: { vendor, model } }));
  if (line?.failbackS === null || line === undefined) return 'the phone’s own way';
  return line.failbackS === 'srv ttl' ? 'when the SRV records expire' : 'after a set time';
}

const COLUMNS = [
  'model',
  'family',
  'lines',
  'keys',
  'expansion modules × keys',
  'screen',
  'firmware',
  'returns to its primary',
  'peculiar',
  'uncertain',
];

const asRow = (cells: readonly unknown[]) => `| ${cells.join(' | ')} |`;
const rule = (columns: number) => `|${'---|'.repeat(columns)}`;

/** Which models lack a figure, by name, or that none does. */
function unknownOf({ models }: Descriptor, field: 'screen' | 'firmware', title: string): string {
  const names = Object.keys(models).filter((model) => models[model]?.[field] === null);
  if (names.length === 0) return `- ${title}: established for every model`;
  return `- ${title}: not established for ${names.length} of ${Object.keys(models).length} models: ${names.join(', ')}`;
}

function tableOf(vendor: string): string {
  const descriptor = descriptorOf(vendor);
  const { name, models, quirks } = descriptor;
  const rows = Object.entries(models).map(([model, facts]) => {
    const { family, lines, keys, expansion, screen, firmware, notes } = facts;
    const modules = expansion === null ? '' : `${expansion.modules} × ${expansion.keys}`;
    const returns = failback(vendor, model, family);
    const said = [screen ?? '', firmware ?? '', returns, facts.quirks.join(', '), notes ?? ''];
    return asRow([model, family, lines, keys || '', modules, ...said]);
  });
  const table = [asRow(COLUMNS), rule(COLUMNS.length), ...rows].join('\n');
  const peculiar = Object.entries(quirks).map(([quirk, meaning]) => `- \`${quirk}\`: ${meaning}`);
  const below = [
    ...peculiar.sort(),
    unknownOf(descriptor, 'screen', 'screen'),
    unknownOf(descriptor, 'firmware', 'firmware line'),
  ];
  return `## ${name}: ${rows.length} models\n\n${table}\n\n${below.join('\n')}\n`;
}

const yes = (is: boolean) => (is ? 'yes' : '');

/** Can the phones of a family be told a setting: does taking it away change what they are served? */
function canBeTold(vendor: string, model: string, setting: SettingName): boolean {
  if (setting === 'fileKey') {
    return descriptorOf(vendor).files.some((spec) => spec.kind === 'rendered' && spec.sealing !== 'none');
  }
  const { [setting]: _left, ...rest } = EVERY_SETTING;
  // Some vendors' default is the very value that stands in EVERY_SETTING.
  const others = setting === 'srvLookup' ? { ...rest, srvLookup: 'srv' } : rest;
  const served = (tenantSettings: object) => [...renderAll({ phone: { vendor, model }, tenantSettings })].join();
  return served(EVERY_SETTING) !== served(others);
}

/** Settings and kinds of keys × families. */
function featuresOf(vendor: string): string {
  const descriptor = descriptorOf(vendor);
  const { name, models } = descriptor;
  const families = [...new Set(Object.values(models).map(({ family }) => family))].sort();
  const modelOf = (family: string) => Object.entries(models).find(([, facts]) => facts.family === family)?.[0] ?? '';
  const takesModules = new Set(Object.values(models).flatMap(({ family, expansion }) => (expansion ? [family] : [])));
  const row = (title: string, cells: readonly string[]) => asRow([title, ...cells]);
  const whereKey = (family: string, type: KeyType) => {
    const { keyTypes, moduleKeyTypes } = keyTypesOf(descriptor, family);
    if (!takesModules.has(family) || keyTypes.includes(type) === moduleKeyTypes.includes(type)) {
      return yes(keyTypes.includes(type));
    }
    return keyTypes.includes(type) ? 'not on modules' : 'on modules';
  };
  const settings = SETTING_NAMES.map((setting) =>
    row(
      setting,
      families.map((family) => yes(canBeTold(vendor, modelOf(family), setting))),
    ),
  );
  const keys = KEY_TYPES.filter((type) => type !== 'none').map((type) =>
    row(
      `key: ${type}`,
      families.map((family) => whereKey(family, type)),
    ),
  );
  const head = `${row('', families)}\n${rule(families.length + 1)}`;
  return `### ${name}: what each family can be told\n\n${head}\n${[...settings, ...keys].join('\n')}\n`;
}

test('docs/models.md is what the data says', () => {
  const text = `# Models\n\nGenerated from \`templates/*/vendor.json\` and from the files that each model is served. Every model finds its pool by SRV,\nover UDP, TCP or TLS, with the pool as registrar or as outbound proxy. An empty cell is\nnot established, and M or L behind a note means from one source or deduced, or weak. The screen is the main one, in pixels;\nfirmware is the line that the model takes, with the name of its image where that is known. Below the models of a vendor\nstands what its peculiarities mean, and which settings and line keys its families can be told.\n\n${vendors.ids.map((vendor) => `${tableOf(vendor)}\n${featuresOf(vendor)}`).join('\n')}`;
  if (process.env.GOLDEN === 'write') writeFileSync(DOCUMENT, text);
  assert.equal(readFileSync(DOCUMENT, 'utf8'), text, 'npm run golden writes it anew');
});
