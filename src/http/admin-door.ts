// The people's and programs' door: health, and the JSON API behind a key or a session.
import express, { type Express, type RequestHandler } from 'express';
import { actorOfSession, enterByKey } from '../app/sign-in.ts';
import { AppError } from '../domain/errors.ts';
import { clientAddress } from './address.ts';
import type { AdminDoor } from './api/door.ts';
import { openApi } from './api/openapi.ts';
import { notSignedIn, routesOf } from './api/operation.ts';
import { OPERATIONS } from './api/operations.ts';
import { problems, sendProblem } from './errors.ts';
import { called, follow } from './follow.ts';
import { guard } from './headers.ts';
import { metricsPage } from './metrics-page.ts';
import { isFromHere, sessionOf } from './session.ts';

export function adminDoor(door: AdminDoor): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(follow(door), guard(door));
  const recognized = recognize(door);
  app.get('/healthz', called('healthz'), (_request, response) => void response.json({ status: 'ok' }));
  app.get('/readyz', called('readyz'), ready(door));
  app.get('/metrics', called('metrics'), ...metricsPage(door, recognized));
  const api = express.Router();
  const document = openApi(OPERATIONS);
  api.get('/openapi.json', called('openapi'), (_request, response) => void response.json(document));
  api.use(routesOf(door, OPERATIONS, recognized), recognized, strangersOut);
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
    const header = request.get('authorization');
    const address = clientAddress(request);
    const session = sessionOf(door, request);
    if (header !== undefined) {
      const key = /^Bearer +(\S+)$/i.exec(header)?.[1] ?? header;
      response.locals.actor = await enterByKey(door, door.keyAttempts, key, address);
    } else if (session !== null) {
      const actor = await actorOfSession(door, session, address);
      if (actor !== null && !isFromHere(door, request)) {
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
