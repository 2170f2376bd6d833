// The demo world with DNS that loses patience soon, without doors.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { loadDemo } from '../../src/app/load-demo.ts';
import { openDns } from '../../src/dns/dns.ts';
import { type Actor, ALL_TENANTS } from '../../src/domain/access.ts';
import { DEMO_WORLD } from '../../src/main.ts';
import { openStore } from '../../src/store/store.ts';
import { temporaryFolder } from '../support/app.ts';
import { vendors } from '../support/world.ts';
import { KEY, type Server, ZONE } from './servers.ts';

export const ACTOR: Actor = { name: 'test', role: 'owner', scope: ALL_TENANTS, address: null };
export const OUTSIDE = {
  ...{ random: randomBytes, now: () => new Date(), timeoutMs: 150, tries: 2 },
  wait: (ms: number) => wait(ms).then(() => undefined),
};

/** Patience for servers that do answer: a busy machine is not a silent one. */
export const PATIENT = { ...OUTSIDE, timeoutMs: 5_000 };

export async function openDemo(context: TestContext, { outside = OUTSIDE, port = 53 } = {}) {
  const folder = temporaryFolder(context);
  const store = await openStore({ url: `file:${join(folder, 'h.db')}`, keyFile: join(folder, 'h.key') });
  context.after(() => store.close());
  const house = { store, vendors, random: randomBytes, now: outside.now, dns: openDns(outside, port) };
  await loadDemo(house, DEMO_WORLD, ACTOR);
  return house;
}

export const placeOf = ({ address, port }: Server) => ({ address, port });

export const targetAt = (server: Server) => ({
  ...{ kind: 'rfc2136', server: placeOf(server), authorities: [placeOf(server)], key: KEY, zone: ZONE },
});
