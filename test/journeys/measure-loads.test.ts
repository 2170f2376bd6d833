// Loads measured from PBX servers: the most of an hour, only where every server of a tenant's pool could be asked.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { measureLoads } from '../../src/app/measure-loads.ts';
import type { Watcher } from '../../src/app/watch-registrations.ts';
import { ALL_TENANTS } from '../../src/domain/access.ts';
import { type App, startApp } from '../support/app.ts';

const ACTOR = { name: 'homeport', role: 'owner', scope: ALL_TENANTS, address: null } as const;
const MINUTE_MS = 60_000;

/** A watcher that knows what it is told, and a clock. */
async function measuring(context: TestContext, load: 'calls' | 'registrations' | 'phones') {
  const app: App = await startApp(context);
  await app.api('patch', 'planning').send({ load }).expect(200);
  let at = Date.parse('2026-03-01T10:00:00Z');
  const busy = new Map<string, boolean | null>();
  const unknown = new Set<string>();
  const silent = new Set<string>();
  const watcher = {
    servers: () => ['voip1', 'voip2'].map((server) => ({ server, inUse: silent.has(server) ? null : 0 })),
    users: (server: string) => (server === 'voip1' ? [...busy.keys()] : []),
    at: (server: string, user: string) => [{ server, user, inUse: busy.get(user) ?? null }],
    isKnown: (server: string) => !unknown.has(server),
  } as unknown as Watcher;
  const meter = measureLoads({ store: app.house.store, now: () => new Date(at), watcher }, ACTOR);
  return {
    ...{ app, busy, unknown, silent, meter },
    pass: (minutes: number) => {
      at += minutes * MINUTE_MS;
    },
    loads: async () =>
      (await app.api('get', 'loads').expect(200)).body.items.map(
        ({ tenant, calls, registrations, measuredBy }: Record<string, unknown>) => ({
          tenant,
          calls,
          registrations,
          measuredBy,
        }),
      ),
    audited: async () =>
      (await app.api('get', 'audit?action=load.put').expect(200)).body.items.map(
        ({ after }: { after: unknown }) => after,
      ),
  };
}

test('the most phones in a call at once within the hour is the load, written down once', async (context) => {
  const { busy, meter, pass, loads, audited } = await measuring(context, 'calls');
  const users = ['101-ACME', '102-acme', '103-ACME@pbx.example.com', '101-GLOBEX', 'nobody'];
  for (const [minute, talking] of [
    [0, 1],
    [20, 3],
    [40, 2],
  ] as const) {
    busy.clear();
    for (const [index, user] of users.entries()) busy.set(user, index < talking || user === 'nobody');
    assert.equal(await meter.look(), 0, `nothing is written after ${minute} minutes`);
    pass(20);
  }
  assert.deepEqual(await audited(), []);
  assert.equal(await meter.look(), 2);
  assert.deepEqual(await loads(), [
    { tenant: 'acme', calls: 3, registrations: 3, measuredBy: 'PBX servers' },
    { tenant: 'globex', calls: 0, registrations: 1, measuredBy: 'PBX servers' },
  ]);
  assert.equal((await audited()).length, 1);
  pass(59);
  assert.equal(await meter.look(), 0, 'the next hour has begun anew');
});

test('of a tenant whose servers cannot all be asked nothing is written, of one whose servers tell no calls no calls', async (context) => {
  const { busy, unknown, silent, meter, pass, loads } = await measuring(context, 'calls');
  busy.set('101-ACME', true);
  await meter.look();
  pass(60);
  unknown.add('voip2');
  assert.equal(await meter.look(), 0, 'both servers stand in both pools');
  unknown.clear();
  silent.add('voip2');
  pass(60);
  assert.equal(await meter.look(), 2);
  assert.deepEqual((await loads())[0], { tenant: 'acme', calls: null, registrations: 1, measuredBy: 'PBX servers' });
});

test('where plans count phones nothing is measured', async (context) => {
  const { busy, meter, pass, loads, audited } = await measuring(context, 'phones');
  busy.set('101-ACME', true);
  await meter.look();
  pass(120);
  assert.equal(await meter.look(), 0);
  assert.deepEqual(await audited(), []);
  assert.equal((await loads())[0].calls, null);
});
