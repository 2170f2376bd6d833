// Who is registered where, as the watcher knows it: from lists and from what servers tell, through every interruption.
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { watchRegistrations } from '../../src/app/watch-registrations.ts';
import { type PbxConnection, pbxConnectionSchema } from '../../src/domain/pbx-connection.ts';
import { fakePbxes } from './fake-pbx.ts';
import { aContact } from './listening.ts';

const aConnection = (server: string, changes: object = {}): PbxConnection =>
  pbxConnectionSchema.parse({ kind: 'sip', server, host: `${server}.example.com`, ...changes });

const settle = () => new Promise((resolve) => setImmediate(resolve));

async function watching(context: TestContext, connections: PbxConnection[] = [aConnection('voip1')]) {
  const pbxes = fakePbxes();
  let at = Date.parse('2026-01-01T00:00:00Z');
  const store = { connections: { list: async () => [...connections], find: async () => null } };
  const watcher = watchRegistrations({ store, openPbx: pbxes.openPbx, now: () => new Date(at) });
  context.after(() => watcher.close());
  await watcher.refresh();
  const up = async (server = 'voip1') => {
    pbxes.get(server).listener.state({ kind: 'up' });
    await settle();
  };
  const later = (seconds: number) => {
    at += seconds * 1_000;
    return watcher.refresh();
  };
  return { watcher, pbxes, connections, up, later };
}

describe('registrations', () => {
  test('are read when a server comes up, and followed from then on', async (context) => {
    const { watcher, pbxes, up } = await watching(context);
    const fake = pbxes.get('voip1');
    assert.equal(watcher.isKnown('voip1'), false);
    fake.contacts = [aContact({ userAgent: 'maker' })];
    fake.inUse = new Set(['101-ACME']);
    await up();
    assert.equal(watcher.isKnown('voip1'), true);
    assert.deepEqual(watcher.find('101-acme', []), [
      { ...aContact({ userAgent: 'maker' }), server: 'voip1', since: '2026-01-01T00:00:00.000Z', inUse: true },
    ]);
    fake.listener.registered(aContact({ user: '102', uri: 'sip:102@192.0.2.2' }));
    fake.listener.inUse('101-ACME', false);
    assert.deepEqual(watcher.users('voip1'), ['101-acme', '102']);
    assert.equal(watcher.find('101-ACME', [])[0]?.inUse, false);
    fake.listener.unregistered('101-ACME', 'sip:another@192.0.2.9');
    assert.equal(watcher.find('101-ACME', []).length, 1, 'another contact of the same user has left');
    fake.listener.unregistered('101-ACME', aContact().uri);
    assert.deepEqual(watcher.find('101-ACME', []), []);
    assert.deepEqual(watcher.server('voip1'), {
      ...{ server: 'voip1', kind: 'sip', state: 'up', reason: null, since: '2026-01-01T00:00:00.000Z' },
      ...{ readAt: '2026-01-01T00:00:00.000Z', unread: null, registrations: 1, inUse: 0 },
    });
  });

  test('told while a list is on its way are newer than the list', async (context) => {
    const { watcher, pbxes, up } = await watching(context);
    const fake = pbxes.get('voip1');
    fake.contacts = [aContact({ user: 'gone', uri: 'sip:gone@192.0.2.1' })];
    fake.meanwhile = () => {
      fake.listener.unregistered('gone', 'sip:gone@192.0.2.1');
      fake.listener.registered(aContact({ user: 'new', uri: 'sip:new@192.0.2.1', userAgent: 'x' }));
    };
    await up();
    assert.deepEqual(watcher.users('voip1'), ['new']);
  });

  test('keep since when they are known and what is known of them, and are gone when a list lacks them', async (context) => {
    const { watcher, pbxes, up, later } = await watching(context);
    const fake = pbxes.get('voip1');
    fake.contacts = [aContact({ userAgent: 'maker', address: '192.0.2.1:5060' })];
    await up();
    await later(100);
    fake.listener.registered(aContact());
    const [known] = watcher.find('101-ACME', []);
    assert.deepEqual(
      [known?.since, known?.userAgent, known?.address],
      [...['2026-01-01T00:00:00.000Z', 'maker', '192.0.2.1:5060']],
    );
    fake.contacts = [];
    assert.equal(fake.reads, 1);
    await later(300);
    assert.deepEqual([fake.reads, watcher.users('voip1').length], [2, 0]);
  });

  test('of which little was told are asked for soon, but not for each of them', async (context) => {
    const { watcher, pbxes, up, later } = await watching(context);
    const fake = pbxes.get('voip1');
    await up();
    for (let one = 0; one < 50; one++)
      fake.listener.registered(aContact({ uri: `sip:${one}@192.0.2.1`, user: `${one}` }));
    fake.contacts = [aContact({ user: '7', uri: 'sip:7@192.0.2.1', userAgent: 'maker' })];
    await later(1);
    assert.equal(fake.reads, 1);
    await later(1);
    assert.deepEqual([fake.reads, watcher.find('7', [])[0]?.userAgent], [2, 'maker']);
  });

  test('are found under their domain where a server keeps domains apart, and at every server', async (context) => {
    const { watcher, pbxes, up } = await watching(context, [aConnection('voip1'), aConnection('voip2')]);
    pbxes.get('voip1').contacts = [aContact({ user: '101@acme.example.com', uri: 'sip:a@192.0.2.1' })];
    pbxes.get('voip2').contacts = [aContact({ user: '101', uri: 'sip:b@192.0.2.1' })];
    await up('voip1');
    await up('voip2');
    const of = (domains: string[]) => watcher.find('101', domains).map(({ server }) => server);
    assert.deepEqual(of([]), ['voip2']);
    assert.deepEqual(of(['acme.example.com']), ['voip1', 'voip2']);
    assert.deepEqual(of(['globex.example.com']), ['voip2']);
  });
});

describe('a server', () => {
  test('that is down tells nothing that can be believed, and is read anew when it is up again', async (context) => {
    const { watcher, pbxes, up } = await watching(context);
    const fake = pbxes.get('voip1');
    fake.contacts = [aContact()];
    await up();
    fake.listener.state({ kind: 'down', reason: 'ECONNRESET' });
    assert.equal(watcher.isKnown('voip1'), false);
    assert.deepEqual([watcher.server('voip1')?.state, watcher.server('voip1')?.reason], ['down', 'ECONNRESET']);
    fake.contacts = [];
    await up();
    assert.deepEqual([watcher.isKnown('voip1'), watcher.users('voip1'), fake.reads], [true, [], 2]);
  });

  test('that refuses its lists is not known, says why, and is asked again', async (context) => {
    const { watcher, pbxes, up, later } = await watching(context);
    const fake = pbxes.get('voip1');
    fake.refuses = 'Permission denied';
    await up();
    assert.deepEqual([watcher.isKnown('voip1'), watcher.server('voip1')?.unread], [false, 'Permission denied']);
    fake.refuses = null;
    await later(2);
    assert.deepEqual([watcher.isKnown('voip1'), watcher.server('voip1')?.unread], [true, null]);
  });

  test('that does not tell of calls has users of whom nobody knows whether they talk', async (context) => {
    const { watcher, pbxes, up } = await watching(context);
    const fake = pbxes.get('voip1');
    fake.inUse = null;
    fake.contacts = [aContact()];
    await up();
    assert.deepEqual([watcher.find('101-ACME', [])[0]?.inUse, watcher.server('voip1')?.inUse], [null, null]);
  });

  test('is connected to when somebody sets it, anew when it is changed, and left when it is forgotten', async (context) => {
    const { watcher, pbxes, connections } = await watching(context, []);
    assert.deepEqual(watcher.servers(), []);
    connections.push(aConnection('voip1'));
    await watcher.refresh();
    await watcher.refresh();
    const first = pbxes.get('voip1');
    assert.deepEqual([pbxes.count(), first.isClosed], [1, false]);
    connections[0] = aConnection('voip1', { port: 5070 });
    await watcher.refresh();
    assert.deepEqual([pbxes.count(), first.isClosed, pbxes.get('voip1').isClosed], [2, true, false]);
    connections.pop();
    await watcher.refresh();
    assert.deepEqual([pbxes.count(), pbxes.get('voip1').isClosed, watcher.servers()], [2, true, []]);
  });

  test('is asked to notify its own contacts alone', async (context) => {
    const { watcher, pbxes, up } = await watching(context, [aConnection('voip1'), aConnection('voip2')]);
    pbxes.get('voip2').contacts = [aContact()];
    await up('voip2');
    const [registration] = watcher.find('101-ACME', []);
    assert.ok(registration !== undefined);
    assert.deepEqual(await watcher.notify(registration, 'check-sync'), { kind: 'sent', answered: false });
    assert.deepEqual(pbxes.get('voip2').asked, [{ uri: aContact().uri, event: 'check-sync' }]);
    assert.deepEqual(pbxes.get('voip1').asked, []);
    assert.equal((await watcher.notify({ ...registration, server: 'nobody' }, 'check-sync')).kind, 'notSent');
  });
});
