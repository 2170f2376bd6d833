// The people's and programs' door: health, and the JSON API behind a key or a session.
import express, { type Express, type RequestHandler } from 'express';
import { actorOfKey, actorOfSession } from '../app/sign-in.ts';
import { AppError } from '../domain/errors.ts';
import { clientAddress } from './address.ts';
import type { AdminDoor } from './api/door.ts';
import { openApi } from './api/openapi.ts';
import { notSignedIn, routesOf } from './api/operation.ts';
import { OPERATIONS } from './api/operations.ts';
import { problems, sendProblem } from './errors.ts';
import { isFromHere, sessionOf } from './session.ts';

const BODY_BYTES_MAX = '1mb';

export function adminDoor(door: AdminDoor): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.get('/healthz', (_request, response) => void response.json({ status: 'ok' }));
  app.get('/readyz', ready(door));
  const api = express.Router();
  api.use(recognize(door), express.json({ limit: BODY_BYTES_MAX }));
  const document = openApi(OPERATIONS);
  api.get('/openapi.json', (_request, response) => void response.json(document));
  api.use(routesOf(door, OPERATIONS), strangersOut);
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

/** Finds out who asks. A key that is no good is refused at once; without any the request goes on as nobody's. */
function recognize(door: AdminDoor): RequestHandler {
  return async (request, response, next) => {
    response.set('Cache-Control', 'no-store');
    const header = request.get('authorization');
    const address = clientAddress(request);
    const session = sessionOf(request);
    if (header !== undefined) {
      const key = /^Bearer +(\S+)$/i.exec(header)?.[1];
      const actor = key === undefined ? null : await actorOfKey(door, key, address);
      if (actor === null) throw new AppError('unauthorized', 'This key is not known or no longer good.');
      response.locals.actor = actor;
    } else if (session !== null) {
      const actor = await actorOfSession(door, session, address);
      if (actor !== null && !isFromHere(request)) {
        throw new AppError('forbidden', 'A change must come from a page of this site.');
      }
      if (actor !== null) response.locals.actor = actor;
    }
    next();
  };
}

/** What is not there is told to those who have come in; all others learn nothing. */
const strangersOut: RequestHandler = (_request, response, next) => {
  if (response.locals.actor === undefined) throw notSignedIn();
  next();
};
