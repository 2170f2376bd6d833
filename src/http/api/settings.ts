// /api/v1/settings: what can be chosen, what is chosen above the tenants, and where a phone's values come from; and
// /api/v1/templates: the operator's own templates.
import { Router } from 'express';
import { z } from 'zod';
import { chooseForLevel, explainSettings, findLevel, type LevelAddress } from '../../app/choose-settings.ts';
import { macSchema } from '../../domain/mac.ts';
import { parseWith } from '../../domain/parse.ts';
import { maskSettings, SETTING_NAMES, SETTINGS } from '../../domain/settings.ts';
import type { StoredLevel } from '../../store/codec.ts';
import type { AdminDoor } from './door.ts';
import { changesOf, filterOf } from './requests.ts';

const show = ({ settings, ...level }: StoredLevel) => ({ ...level, settings: maskSettings(settings) });

/** The settings as programs and pages can offer them: name, words for people, and a JSON Schema of the value. */
const catalogue = SETTING_NAMES.map((name) => {
  const { schema, fallback, title, description, secret } = SETTINGS[name];
  const { $schema: _dialect, ...value } = z.toJSONSchema(schema);
  return { name, title, description, secret, fallback, value };
});

const bodySchema = z.strictObject({
  settings: z.unknown().optional(),
  parameters: z.unknown().optional(),
  revision: z.number().int().optional(),
});

export function settingsApi(door: AdminDoor): Router {
  const router = Router();
  router.get('/settings', (_request, response) => void response.json({ items: catalogue, next: null }));
  router.get(
    '/templates',
    (_request, response) => void response.json({ items: door.vendors.ownTemplates(), next: null }),
  );
  const levelAt = (path: string, addressOf: (params: Record<string, string>) => LevelAddress) => {
    router.get(path, async (request, response) => {
      const level = await findLevel(door, addressOf(request.params as Record<string, string>));
      response.set('ETag', `"${level.revision}"`).json(show(level));
    });
    router.patch(path, async (request, response) => {
      const changes = parseWith(bodySchema, changesOf(request), 'the level');
      const address = addressOf(request.params as Record<string, string>);
      const { level, warnings } = await chooseForLevel(door, address, changes);
      response.set('ETag', `"${level.revision}"`).json({ ...show(level), warnings });
    });
  };
  levelAt('/settings/installation', () => ({ level: 'installation' }));
  levelAt('/settings/vendors/:vendor', ({ vendor = '' }) => ({ level: 'vendor', vendor }));
  levelAt('/settings/models/:vendor/:model', ({ vendor = '', model = '' }) => ({ level: 'model', vendor, model }));
  router.get('/phones/:mac/settings', async (request, response) => {
    const mac = parseWith(macSchema, request.params.mac, 'the MAC address');
    const { setting } = filterOf(request, 'setting');
    response.json({ items: await explainSettings(door, mac, response.locals.actor, setting), next: null });
  });
  return router;
}
