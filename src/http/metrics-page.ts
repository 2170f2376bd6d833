// GET /metrics: for Prometheus. It holds sums alone, no phone and no tenant; still, how large a house is and when it is
// unwell is nobody else's business.
import type { Request, RequestHandler } from 'express';
import { isLoopback } from '../domain/network.ts';
import { clientAddress } from './address.ts';
import type { AdminDoor } from './api/door.ts';
import { allowed } from './api/operation.ts';
import type { Reached } from './headers.ts';

/** Headers that proxies set. */
const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via'];

/**
 * Does a program on this machine ask? The address alone does not say so: behind a proxy on this machine everybody has it,
 * and a web page can make a browser ask its own machine under another name. So no proxy may have a hand in it, neither in
 * this request nor by configuration, and the door must be called by a name of this machine.
 */
function isFromThisMachine({ adminUrl }: Reached, request: Request): boolean {
  const url = `http://${request.get('host') ?? ''}`;
  return (
    isLoopback(clientAddress(request)) &&
    URL.canParse(url) &&
    isLoopback(new URL(url).hostname) &&
    FORWARDED.every((name) => request.get(name) === undefined) &&
    (adminUrl === null || isLoopback(new URL(adminUrl).hostname))
  );
}

/** The handlers of the page. */
export function metricsPage(door: AdminDoor, recognize: RequestHandler): RequestHandler[] {
  return [
    (request, response, next) => (isFromThisMachine(door, request) ? next() : recognize(request, response, next)),
    async (request, response) => {
      if (!isFromThisMachine(door, request)) allowed(response.locals.actor, 'lookAtFleet');
      const { contentType, text } = await door.metrics.read();
      response.set('Content-Type', contentType).send(text);
    },
  ];
}
