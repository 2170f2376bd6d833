// The people's and programs' door: health, and the JSON API behind a key.
import { createHash, timingSafeEqual } from 'node:crypto';
import express, { type Express, type RequestHandler } from 'express';
import { ALL_TENANTS } from '../domain/access.ts';
import { AppError } from '../domain/errors.ts';
import type { AdminDoor } from './api/door.ts';
import { phonesApi } from './api/phones.ts';
import { serversAndPoolsApi } from './api/servers-and-pools.ts';
import { settingsApi } from './api/settings.ts';
import { tenantsApi } from './api/tenants.ts';
import { unclaimedApi } from './api/unclaimed.ts';
import { problems, sendProblem } from './errors.ts';

const BODY_BYTES_MAX = '1mb';

export function adminDoor(door: AdminDoor): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.get('/healthz', (_request, response) => void response.json({ status: 'ok' }));
  app.get('/readyz', ready(door));
  const api = express.Router();
  api.use(authenticate(door.apiKey), express.json({ limit: BODY_BYTES_MAX }));
  api.use(serversAndPoolsApi(door), settingsApi(door), tenantsApi(door), phonesApi(door), unclaimedApi(door));
  app.use('/api/v1', api);
  app.use((_request, response) =>
    sendProblem(response, { code: 'not_found', detail: 'There is nothing at this path.' }),
  );
  app.use(problems);
  return app;
}

const ready =
  ({ store }: AdminDoor): RequestHandler =>
  async (_request, response) => {
    const well = await store.ping().then(
      () => true,
      () => false,
    );
    response.status(well ? 200 : 503).json({ status: well ? 'ready' : 'the database does not answer' });
  };

const sha256 = (text: string) => createHash('sha256').update(text).digest();

function authenticate(apiKey: string | null): RequestHandler {
  const expected = apiKey === null ? null : sha256(apiKey);
  return (request, response, next) => {
    const given = /^Bearer +(\S+)$/i.exec(request.get('authorization') ?? '')?.[1];
    if (expected === null || given === undefined || !timingSafeEqual(sha256(given), expected)) {
      throw new AppError(
        'unauthorized',
        'Send an API key: "Authorization: Bearer <key>". HOMEPORT_API_KEY sets the first one.',
      );
    }
    response.locals.actor = { name: 'key:first', scope: ALL_TENANTS };
    next();
  };
}
