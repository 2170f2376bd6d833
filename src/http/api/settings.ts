// /api/v1/settings: what can be chosen, and what is chosen above the tenants.
import { z } from 'zod';
import { chooseForLevel, findLevel, type LevelAddress, previewLevel } from '../../app/choose-settings.ts';
import { maskParameters, parametersSchema } from '../../domain/parameters.ts';
import { parseWith } from '../../domain/parse.ts';
import { maskSettings, SETTING_NAMES, SETTINGS, settingsLevelSchema } from '../../domain/settings.ts';
import type { StoredLevel } from '../../store/codec.ts';
import * as answers from './answers.ts';
import { type Call, fieldsOf, isPreview, listOf, lookedAt, operation, previewQuery } from './operation.ts';

const show = ({ settings, parameters, ...level }: StoredLevel) => ({
  ...level,
  settings: maskSettings(settings),
  parameters: maskParameters(parameters),
});

/** The settings as programs and pages can offer them: name, words for people, and a JSON Schema of the value. */
const catalogue = SETTING_NAMES.map((name) => {
  const { schema, fallback, title, description, secret } = SETTINGS[name];
  const { $schema: _dialect, ...value } = z.toJSONSchema(schema);
  return { name, title, description, secret, fallback, value };
});

const bodySchema = z.strictObject({ settings: z.unknown().optional(), parameters: z.unknown().optional() });

const levelBody = z.strictObject({ settings: settingsLevelSchema, parameters: parametersSchema });

const levelAt = (
  id: string,
  path: string,
  what: string,
  addressOf: (param: Call<unknown>['param']) => LevelAddress,
) => [
  operation({
    id: `get${id}Settings`,
    method: 'get',
    path,
    summary: `What is chosen for ${what}`,
    needs: 'lookAtFleet',
    answer: answers.level,
    handle: async ({ door, param }) => {
      const level = await findLevel(door, addressOf(param));
      return { body: show(level), revision: level.revision };
    },
  }),
  operation({
    id: `change${id}Settings`,
    method: 'patch',
    path,
    summary: `Replaces the settings, the raw parameters or both that are chosen for ${what}`,
    needs: 'operate',
    body: levelBody,
    partial: true,
    query: previewQuery,
    preview: answers.impact,
    answer: answers.chosenLevel,
    handle: async (call) => {
      const choice = parseWith(bodySchema, fieldsOf(call), 'the level');
      const changes = { ...choice, ...(call.revision === undefined ? {} : { revision: call.revision }) };
      if (isPreview(call.query)) return lookedAt(await previewLevel(call.door, addressOf(call.param), changes));
      const { level, warnings } = await chooseForLevel(call.door, addressOf(call.param), changes, call.actor);
      return { body: { ...show(level), warnings }, revision: level.revision };
    },
  }),
];

export const settingOperations = [
  operation({
    id: 'listSettings',
    method: 'get',
    path: '/settings',
    summary: 'Every setting that there is',
    needs: 'look',
    answer: listOf(answers.setting),
    handle: async () => ({ body: { items: catalogue, next: null } }),
  }),
  ...levelAt('Installation', '/settings/installation', 'all phones', () => ({ level: 'installation' })),
  ...levelAt('Vendor', '/settings/vendors/{vendor}', 'a vendor’s phones', (param) => ({
    level: 'vendor',
    vendor: param('vendor'),
  })),
  ...levelAt('Model', '/settings/models/{vendor}/{model}', 'the phones of a model', (param) => ({
    level: 'model',
    vendor: param('vendor'),
    model: param('model'),
  })),
];
