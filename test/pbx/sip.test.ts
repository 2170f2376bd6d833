// NOTIFY in plain SIP: to phones of ours, to phones that say no or nothing, over UDP and TCP, straight and through a server.
import assert from 'node:assert/strict';
import { type AddressInfo, createServer } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { openSipRequests } from '../../src/sip/requests.ts';
import { answerTo, firstOf, headersOf, methodOf, type SipMessage, sipStream, writeSip } from '../../src/sip/sip.ts';
import { aSipPhone, sipOutside } from '../support/sip.ts';
import { aContact, connect } from './listening.ts';

/** Requests wait for their answers as long as they say. */
const LONG = { pausesAreShort: false };

type Peer = { readonly port: number; readonly heard: SipMessage[] };

/** Somebody who answers every request in the same way; null for nothing at all. */
async function aPeer(context: TestContext, status: string | null): Promise<Peer> {
  const heard: SipMessage[] = [];
  const requests = await openSipRequests(
    { local: { host: '127.0.0.1', port: 0 }, transport: 'udp', userAgent: 'peer' },
    (request, from) => {
      heard.push(request);
      if (status !== null) void requests.send(answerTo(request, status, 'peer'), from);
    },
    sipOutside(),
  );
  context.after(() => requests.close());
  return { port: Number(requests.address.split(':')[1]), heard };
}

const notifiesOf = ({ heard }: Peer) => heard.filter((request) => methodOf(request) === 'NOTIFY');

describe('a phone', () => {
  test('is asked at its own address, and its answer is known', async (context) => {
    const [phone, other] = [
      await aSipPhone(context, { user: '101-ACME', password: 'x' }),
      await aSipPhone(context, { user: '101-ACME', password: 'x' }),
    ];
    const server = await aPeer(context, '200 OK');
    const { pbx, becomes } = connect(context, { kind: 'sip', port: server.port }, LONG);
    await becomes('up');
    const contact = aContact({ uri: 'sip:101-ACME@192.0.2.99:5060;line=abc', address: phone.address });
    const became = await pbx.notify(contact, { event: 'check-sync;reboot=false' });
    assert.deepEqual(became, { kind: 'sent', answered: true });
    assert.deepEqual(phone.events.heard, ['check-sync;reboot=false']);
    assert.deepEqual([other.events.heard, notifiesOf(server)], [[], []]);
  });

  test('behind a server is asked through it, by its contact', async (context) => {
    const server = await aPeer(context, '200 OK');
    const { pbx } = connect(context, { kind: 'sip', port: server.port, way: 'server' }, LONG);
    const uri = 'sip:101-ACME@192.0.2.99:5060;line=abc';
    assert.equal((await pbx.notify(aContact({ uri }), { event: 'resync' })).kind, 'sent');
    const [request] = notifiesOf(server);
    assert.ok(request !== undefined);
    assert.equal(request.start, `NOTIFY ${uri} SIP/2.0`);
    assert.equal(firstOf(request, 'Route'), `<sip:127.0.0.1:${server.port};lr>`);
    assert.equal(firstOf(request, 'Event'), 'resync');
    assert.deepEqual(headersOf(request, 'Subscription-State'), ['terminated']);
  });

  test('that refuses, says nothing or has no address is told as such', async (context) => {
    const server = await aPeer(context, '200 OK');
    const { pbx } = connect(context, { kind: 'sip', port: server.port }, { timeoutMs: 300, pausesAreShort: false });
    const ask = async (status: string | null) => {
      const peer = await aPeer(context, status);
      return pbx.notify(aContact({ address: `127.0.0.1:${peer.port}` }), { event: 'check-sync' });
    };
    assert.deepEqual(await ask('489 Bad Event'), { kind: 'refused', reason: 'the answer is 489 Bad Event' });
    assert.deepEqual(await ask('401 Unauthorized'), { kind: 'refused', reason: 'the answer is 401 Unauthorized' });
    assert.equal((await ask('408 Request Timeout')).kind, 'unknown');
    assert.deepEqual(await ask(null), { kind: 'unknown', reason: 'no answer within 300 ms' });
    const named = aContact({ uri: 'sip:101@phone.example.com' });
    assert.match(JSON.stringify(await pbx.notify(named, { event: 'check-sync' })), /refused.*no address/);
  });

  test('over TCP is asked by a stream; one that nobody listens at has not been asked', async (context) => {
    const heard: SipMessage[] = [];
    const phone = createServer((socket) => {
      const read = sipStream((request) => {
        heard.push(request);
        socket.write(writeSip(answerTo(request, '200 OK', 'phone')));
      });
      socket.on('data', read).on('error', () => undefined);
      context.after(() => socket.destroy());
    });
    await new Promise<void>((resolve) => phone.listen(0, '127.0.0.1', resolve));
    context.after(() => phone.close());
    const { port } = phone.address() as AddressInfo;
    const { pbx, becomes } = connect(context, { kind: 'sip', port, transport: 'tcp' }, LONG);
    await becomes('up');
    const contact = aContact({ address: `127.0.0.1:${port}` });
    assert.deepEqual(await pbx.notify(contact, { event: 'check-sync' }), { kind: 'sent', answered: true });
    assert.equal(firstOf(heard.at(-1) ?? { start: '', headers: [], body: '' }, 'Event'), 'check-sync');
    assert.equal((await pbx.notify(aContact({ address: '127.0.0.1:1' }), { event: 'check-sync' })).kind, 'notSent');
  });
});

describe('of a server', () => {
  test('it says whether it answers, and asks again', async (context) => {
    const deaf = await aPeer(context, null);
    const { becomes } = connect(context, { kind: 'sip', port: deaf.port }, { timeoutMs: 100, pausesAreShort: false });
    assert.deepEqual(await becomes('down'), { kind: 'down', reason: 'no answer to OPTIONS within 100 ms' });
    while (deaf.heard.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  });

  test('it cannot say who is registered, and never says nobody', async (context) => {
    const { pbx } = connect(context, { kind: 'sip', port: (await aPeer(context, '200 OK')).port }, LONG);
    for (const question of [pbx.contacts(), pbx.usersInUse()])
      await assert.rejects(question, (error: { code?: string }) => error.code === 'unavailable');
  });
});

test('what could be more than one header is sent to nobody', async (context) => {
  const server = await aPeer(context, '200 OK');
  const { pbx } = connect(context, { kind: 'sip', port: server.port, way: 'server' }, LONG);
  const bad = ['sip:1@x\r\nEvent: y', 'sip:1@x\n', 'sip:1@x>\0', 'tel:110', 'sip:1@x <sip:2@y>', ''];
  for (const uri of bad)
    assert.equal((await pbx.notify(aContact({ uri }), { event: 'check-sync' })).kind, 'refused', uri);
  for (const event of ['x\r\nTo: y', 'check sync', '', 'a;b', 'check-sync;reboot=true\n'])
    assert.equal((await pbx.notify(aContact(), { event })).kind, 'refused', event);
  assert.deepEqual(notifiesOf(server), []);
});
