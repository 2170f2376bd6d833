// Connections to PBX servers and what comes of them, through a whole house: set by people, watched, and told to people.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type App, startApp } from '../support/app.ts';
import { AMI_PORT, AMI_SECRET, AMI_USER, needsAsterisk, startAsterisk } from '../support/asterisk.ts';
import { aSipPhone } from '../support/sip.ts';

const CONNECTION = { kind: 'asterisk', host: '127.0.0.1', port: 9, user: 'homeport', secret: 'ami-secret-word' };

const audited = async (app: App) =>
  (await app.api('get', 'audit?limit=100').expect(200)).body.items.filter(
    ({ action }: { action: string }) => action === 'server.connection',
  );

/** Asks until an answer is as it should be. */
async function until<Body>(ask: () => Promise<{ body: Body }>, isRight: (body: Body) => boolean): Promise<Body> {
  for (;;) {
    const { body } = await ask();
    if (isRight(body)) return body;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe('a connection', () => {
  test('is set as a whole, shown without its secret, written down once, and forgotten', async (context) => {
    const app = await startApp(context);
    await app.api('get', 'servers/voip1/connection').expect(404);
    const { body } = await app.api('put', 'servers/voip1/connection').send(CONNECTION).expect(200);
    const shown = { ...CONNECTION, server: 'voip1', secret: 'set', driver: 'pjsip', tls: null };
    assert.deepEqual(body, shown);
    assert.deepEqual((await app.api('get', 'servers/voip1/connection').expect(200)).body, shown);
    assert.equal((await audited(app)).length, 1);
    const file = join(app.folder, 'homeport.db');
    for (const part of ['', '-wal']) assert.ok(!readFileSync(file + part).includes(CONNECTION.secret), 'it is sealed');
    assert.doesNotMatch(JSON.stringify(await audited(app)), /ami-secret-word/);
    await app.api('delete', 'servers/voip1/connection').expect(204);
    await app.api('get', 'servers/voip1/connection').expect(404);
    await app.api('delete', 'servers/voip1/connection').expect(404);
    assert.equal((await audited(app)).length, 2);
  });

  test('that is wrong is refused with every fault, and nothing is kept', async (context) => {
    const app = await startApp(context);
    const bad = [
      { ...CONNECTION, secret: 'a\r\nAction: Originate' },
      { ...CONNECTION, host: '169.254.169.254' },
      { ...CONNECTION, host: 'a b' },
      { ...CONNECTION, port: 0 },
      { ...CONNECTION, kind: 'other' },
      { ...CONNECTION, tls: { ca: 'no certificate' } },
      { ...CONNECTION, server: 'voip2' },
      { kind: 'freeswitch', host: '127.0.0.1', secret: 'x', profiles: ['internal reg\n\napi shutdown'] },
      { kind: 'kamailio', host: '127.0.0.1', path: 'RPC' },
    ];
    for (const connection of bad) {
      const { body } = await app.api('put', 'servers/voip1/connection').send(connection).expect(422);
      assert.doesNotMatch(JSON.stringify(body), /Originate|ami-secret-word/);
    }
    await app.api('put', 'servers/nobody/connection').send(CONNECTION).expect(404);
    await app.api('get', 'servers/voip1/connection').expect(404);
    assert.deepEqual(await audited(app), []);
  });

  test('to a server that is not there is told as down, in the answer and in the metrics', async (context) => {
    const app = await startApp(context);
    const before = await app.api('get', 'servers/voip1/registrations').expect(200);
    assert.deepEqual(before.body, { connection: null, items: [], next: null });
    await app.api('put', 'servers/voip1/connection').send(CONNECTION).expect(200);
    type Body = { connection: { state: string; reason: string } | null };
    const body = await until<Body>(
      () => app.api('get', 'servers/voip1/registrations').expect(200),
      ({ connection }) => connection?.state === 'down',
    );
    assert.equal(body.connection?.reason, 'ECONNREFUSED');
    const metrics = await fetch(`${app.adminUrl}/metrics`, {
      headers: { Authorization: 'Bearer test-key-with-the-owner-role' },
    });
    assert.match(await metrics.text(), /homeport_pbx_connections\{state="down"\} 1/);
  });
});

test('without connections nobody knows where phones are, and nobody is called silent', async (context) => {
  const app = await startApp(context);
  const { body } = await app.api('get', 'convergence').expect(200);
  assert.deepEqual(body, {
    tenants: [
      { tenant: 'acme', pool: 'pbxA', primary: 'voip1' },
      { tenant: 'globex', pool: 'pbxB', primary: 'voip2' },
    ].map((tenant) => ({
      ...tenant,
      ...{ phones: 3, fetched: 0, registered: 0, onPrimary: 0, elsewhere: 0, silent: 0, unknown: 3, converged: false },
    })),
    next: null,
  });
});

describe('with real servers', { skip: needsAsterisk() }, () => {
  test('phones are seen where they are, fetched and on the primary or not, tenant by tenant', async (context) => {
    const app = await startApp(context);
    const names = ['101-ACME', '102-ACME', '103-ACME', '101-GLOBEX'];
    const accounts = names.map((user) => ({ user, password: 'secret' }));
    const [voip1, voip2] = [
      await startAsterisk(context, { name: 'journey-1', address: '127.0.63.1', accounts }),
      await startAsterisk(context, { name: 'journey-2', address: '127.0.63.2', accounts }),
    ];
    for (const [name, { address: host }] of Object.entries({ voip1, voip2 })) {
      const connection = { kind: 'asterisk', host, port: AMI_PORT, user: AMI_USER, secret: AMI_SECRET };
      await app.api('put', `servers/${name}/connection`).send(connection).expect(200);
    }
    const at = (host: string) => ({ host, port: 5060 });
    const phoneOf = (user: string) => aSipPhone(context, { user, password: 'secret' });
    const [first, second] = [await phoneOf('101-ACME'), await phoneOf('102-ACME')];
    await first.register(at(voip1.address), 60);
    await second.register(at(voip2.address), 60);
    await app.phone('get', `${await app.folderOf('acme')}805ec0a00001.cfg`).expect(200);
    type Body = {
      tenants: { tenant: string; unknown: number; onPrimary: number; elsewhere: number; fetched: number }[];
    };
    const acme = ({ tenants }: Body) => tenants.find(({ tenant }) => tenant === 'acme');
    const body = await until<Body>(
      () => app.api('get', 'convergence').expect(200),
      (found) => acme(found)?.unknown === 0 && acme(found)?.elsewhere === 1 && acme(found)?.fetched === 1,
    );
    assert.deepEqual(acme(body), {
      ...{ tenant: 'acme', pool: 'pbxA', primary: 'voip1', phones: 3, fetched: 1, registered: 2, onPrimary: 1 },
      ...{ elsewhere: 1, silent: 1, unknown: 0, converged: false },
    });
    type Shown = { server: string; address: string | null; userAgent: string | null; inUse: boolean };
    type PhoneBody = { primary: string; place: string; lines: { registrations: Shown[] }[] };
    // What an event tells has no address and no user agent; they come when the list is read again.
    const shown = await until<PhoneBody>(
      () => app.api('get', 'phones/805ec0a00001/registrations').expect(200),
      ({ lines }) => lines[0]?.registrations[0]?.address != null,
    );
    assert.deepEqual([shown.primary, shown.place], ['voip1', 'onPrimary']);
    const { server, address, userAgent, inUse } = shown.lines[0]?.registrations[0] ?? assert.fail('is registered');
    assert.deepEqual([server, address, userAgent, inUse], ['voip1', first.address, 'test phone 1.0', false]);
    const listed = await app.api('get', 'servers/voip2/registrations').expect(200);
    assert.deepEqual([listed.body.connection.state, listed.body.items.length], ['up', 1]);
    assert.deepEqual(listed.body.items[0].phone, { mac: '64167fa00001', tenant: 'acme' });

    await app
      .api('patch', 'tenants/acme')
      .send({ settings: { language: 'de' } })
      .expect(200);
    await voip1.kill();
    const after = await until<Body>(
      () => app.api('get', 'convergence').expect(200),
      (found) => acme(found)?.unknown === 2,
    );
    assert.deepEqual([acme(after)?.onPrimary, acme(after)?.elsewhere, acme(after)?.fetched], [0, 1, 0]);
  });
});
