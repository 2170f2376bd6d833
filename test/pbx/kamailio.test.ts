// Kamailio: a real one that registers and connects our phones, and HTTP servers that answer as none should.
import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { aSipPhone } from '../support/sip.ts';
import { needsPrograms } from '../support/system-packages.ts';
import { KAMAILIO, RPC_PORT, startKamailio } from './kamailio-server.ts';
import { aContact, connect } from './listening.ts';

const account = (user: string, more: object = {}) => ({ user, password: 'x', domain: 'pbx.example.com', ...more });
const at = (host: string) => ({ kind: 'kamailio', host, port: RPC_PORT });

describe('a real Kamailio', { skip: needsPrograms(KAMAILIO) }, () => {
  test('tells who is registered, from where and with what; who comes and who leaves', async (context) => {
    const { address } = await startKamailio(context, '127.0.62.1');
    const { pbx, becomes, told } = connect(context, at(address));
    await becomes('up');
    assert.deepEqual(await pbx.contacts(), []);
    const server = { host: address, port: 5060 };
    const phone = await aSipPhone(context, account('101-ACME', { userAgent: 'maker model 1.2' }));
    const before = Date.now();
    await phone.register(server, 120);
    await told.until((one) => one.what === 'registered');
    const [{ expiresAt, ...contact } = aContact(), ...others] = await pbx.contacts();
    assert.deepEqual(others, []);
    const uri = `sip:101-ACME@${phone.address}`;
    // As delivered, Kamailio folds the case of users.
    assert.deepEqual(contact, { user: '101-acme', uri, address: phone.address, userAgent: 'maker model 1.2' });
    assert.ok((expiresAt ?? 0) > before + 110_000 && (expiresAt ?? 0) < Date.now() + 125_000);
    await phone.register(server, 0);
    assert.deepEqual(await told.until((one) => one.what === 'unregistered'), {
      ...{ what: 'unregistered', user: '101-acme', uri },
    });
    assert.deepEqual(await pbx.contacts(), []);
  });

  test('tells whose phone is in use, and asks one contact alone to fetch', async (context) => {
    const { address } = await startKamailio(context, '127.0.62.2');
    const { pbx, becomes, hears } = connect(context, at(address));
    await becomes('up');
    const server = { host: address, port: 5060 };
    const [first, second] = [await aSipPhone(context, account('101')), await aSipPhone(context, account('102'))];
    await first.register(server, 60);
    await second.register(server, 60);
    assert.equal(await first.call(server, '102'), true);
    await Promise.all([hears('101', true), hears('102', true)]);
    assert.deepEqual(await pbx.usersInUse(), new Set(['101', '102']));
    await first.hangUp();
    await Promise.all([hears('101', false), hears('102', false)]);
    const contact = (await pbx.contacts()).find(({ user }) => user === '101');
    assert.ok(contact !== undefined);
    assert.deepEqual(await pbx.notify(contact, { event: 'check-sync;reboot=false' }), {
      ...{ kind: 'sent', answered: false },
    });
    await first.events.until((event) => event === 'check-sync;reboot=false');
    const injected = { ...contact, uri: `${contact.uri}\r\nEvent: reboot` };
    assert.equal((await pbx.notify(injected, { event: 'check-sync' })).kind, 'refused');
    assert.deepEqual([first.events.heard.length, second.events.heard], [1, []]);
  });

  test('passes plain SIP on to the contact, and its answer back', async (context) => {
    const { address } = await startKamailio(context, '127.0.62.3');
    const { pbx } = connect(context, { kind: 'sip', host: address, way: 'server' }, { pausesAreShort: false });
    const phone = await aSipPhone(context, account('101'));
    const contact = aContact({ uri: `sip:101@${phone.address}` });
    assert.deepEqual(await pbx.notify(contact, { event: 'resync' }), { kind: 'sent', answered: true });
    assert.deepEqual(phone.events.heard, ['resync']);
  });

  test('without its dialog module says that it cannot tell of calls, never that there are none', async (context) => {
    const { address } = await startKamailio(context, '127.0.62.4', { dialogs: false });
    const { pbx, becomes } = connect(context, at(address));
    await becomes('up');
    assert.deepEqual(await pbx.contacts(), []);
    await assert.rejects(pbx.usersInUse(), (error: { code?: string }) => error.code === 'unavailable');
  });

  test('that dies is told as down, and found again when it is back', async (context) => {
    const kamailio = await startKamailio(context, '127.0.62.5');
    const { pbx, becomes, told } = connect(context, at(kamailio.address));
    await becomes('up');
    await kamailio.kill();
    await becomes('down');
    assert.equal((await pbx.notify(aContact(), { event: 'check-sync' })).kind, 'notSent');
    told.heard.length = 0;
    await kamailio.start();
    await becomes('up');
  });
});

async function fakeRpc(context: TestContext, listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

describe('a server that breaks', () => {
  const breaks: [how: string, listener: RequestListener, why: RegExp][] = [
    ['answers with a page', (_, response) => response.end('<html>'), /no JSON; check port and path/],
    ['answers with other JSON', (_, response) => response.end('[1]'), /no JSON-RPC/],
    [
      'knows no usrloc',
      (_, response) => response.end('{"error":{"code":500,"message":"Method Not Found"}}'),
      /Not Found/,
    ],
    ['tells something else', (_, response) => response.end('{"result":{"Domains":[{}]}}'), /not known/],
    ['refuses us', (_, response) => response.writeHead(403).end('no'), /HTTP status 403/],
    ['hangs up', (request) => request.socket.destroy(), /ECONNRESET|hang up/],
    ['says nothing', () => undefined, /no answer within 200 ms/],
  ];
  for (const [how, listener, why] of breaks) {
    test(`and ${how} is down with its reason, and has no contacts to tell`, async (context) => {
      const wish = { kind: 'kamailio', port: await fakeRpc(context, listener), user: 'us', secret: 'rpc-secret-word' };
      const { pbx, becomes, told } = connect(context, wish, { timeoutMs: 200 });
      assert.match(JSON.stringify(await becomes('down')), why);
      await assert.rejects(pbx.contacts(), (error: { code?: string }) => error.code === 'unavailable');
      assert.doesNotMatch(JSON.stringify(told.heard), /rpc-secret-word/);
    });
  }

  test('after an order has left makes its outcome unknown', async (context) => {
    const port = await fakeRpc(context, (request) => {
      request.resume();
      request.on('end', () => request.socket.destroy());
    });
    const { pbx } = connect(context, { kind: 'kamailio', port });
    assert.equal((await pbx.notify(aContact(), { event: 'check-sync' })).kind, 'unknown');
  });

  test('by failing to tell of calls for once ends no call', async (context) => {
    // A call, three readings that fail, and then none any more.
    const dialogs = ['[{"from_uri":"sip:101@x","state":4}]', null, null, null, '[]'];
    let asked = 0;
    const port = await fakeRpc(context, (request, response) => {
      request.setEncoding('utf8').once('data', (body: string) => {
        if (body.includes('ul.dump')) return response.end('{"result":{"Domains":[]}}');
        const told = dialogs[Math.min(asked++, dialogs.length - 1)];
        return told == null ? response.writeHead(500).end() : response.end(`{"result":${told}}`);
      });
    });
    const { told } = connect(context, { kind: 'kamailio', port });
    await told.until((one) => one.what === 'inUse' && !one.inUse);
    assert.ok(asked >= dialogs.length, `the call ended after ${asked} readings`);
    assert.deepEqual(
      told.heard.filter((one) => one.what === 'inUse'),
      [{ what: 'inUse', user: '101', inUse: false }],
    );
  });

  test('proof goes to it as HTTP Basic', async (context) => {
    let seen: string | undefined;
    const port = await fakeRpc(context, (request, response) => {
      seen = request.headers.authorization;
      response.end('{"jsonrpc":"2.0","result":{"Domains":[]},"id":1}');
    });
    const { becomes, pbx } = connect(context, { kind: 'kamailio', port, user: 'us', secret: 'word' });
    await becomes('up');
    assert.deepEqual(await pbx.contacts(), []);
    assert.equal(seen, `Basic ${Buffer.from('us:word').toString('base64')}`);
  });
});
