// What Asterisk says, understood: the messages are as Asterisk 22 sends them, those of chan_sip as its documentation has them.
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { Contact } from '../../src/domain/registration.ts';
import { openAsterisk, type SipDriver } from '../../src/pbx/asterisk.ts';
import type { Pbx, PbxState } from '../../src/pbx/pbx.ts';
import { type FakeAction, type FakeAmi, fakeAmi, SECRET, USER } from './fake-ami.ts';

const block = (lines: Record<string, string>) =>
  `${Object.entries(lines)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n`;
const list = (event: string, items: readonly Record<string, string>[]) =>
  [
    block({ Response: 'Success', ActionID: '{id}', EventList: 'start', Message: 'follows' }),
    ...items.map((item) => block({ Event: event, ActionID: '{id}', ...item })),
    block({ Event: `${event}Complete`, ActionID: '{id}', EventList: 'Complete', ListItems: String(items.length) }),
  ].join('');

const CONTACTS = list('ContactList', [
  {
    ObjectType: 'contact',
    ObjectName: '101-ACME;@e199653aa1dc08574b5fe45bb8c096e3',
    ViaAddr: '127.0.0.1',
    QualifyTimeout: '3.000000',
    RegServer: '',
    Endpoint: '101-ACME',
    ViaPort: '48932',
    Uri: 'sip:101-ACME@127.0.0.1:48932;line=abc',
    UserAgent: 'acme-phone T46 1.2',
    ExpirationTime: '1795393946',
    Status: 'NonQualified',
    RoundtripUsec: 'N/A',
  },
  {
    ObjectType: 'contact',
    ObjectName: 'a;b;@0123456789abcdef0123456789abcdef',
    Uri: 'sip:a@[2001:db8::1]:5060',
    ViaAddr: '2001:db8::1',
    ViaPort: '5060',
    UserAgent: '',
  },
  { ObjectType: 'contact', ObjectName: 'broken' },
]);
const DEVICES = list('DeviceStateChange', [
  { Device: 'PJSIP/101-ACME', State: 'INUSE' },
  { Device: 'PJSIP/102-ACME', State: 'NOT_INUSE' },
  { Device: 'PJSIP/103-ACME', State: 'ONHOLD' },
  { Device: 'PJSIP/104-ACME', State: 'UNAVAILABLE' },
  { Device: 'SIP/105', State: 'INUSE' },
  { Device: 'Queue:sales', State: 'INUSE' },
]);
const PEERS = list('PeerEntry', [
  {
    Channeltype: 'SIP',
    ObjectName: '101',
    ChanObjectType: 'peer',
    IPaddress: '192.0.2.5',
    IPport: '5062',
    Dynamic: 'yes',
    Status: 'OK (12 ms)',
  },
  {
    Channeltype: 'SIP',
    ObjectName: '102',
    ChanObjectType: 'peer',
    IPaddress: '-none-',
    IPport: '0',
    Dynamic: 'yes',
    Status: 'UNKNOWN',
  },
  {
    Channeltype: 'SIP',
    ObjectName: 'trunk',
    ChanObjectType: 'peer',
    IPaddress: '192.0.2.9',
    IPport: '5060',
    Dynamic: 'no',
    Status: 'Unmonitored',
  },
]);

const contact: Contact = {
  user: '101-ACME',
  uri: 'sip:101-ACME@127.0.0.1:48932;line=abc',
  address: null,
  userAgent: null,
  expiresAt: null,
};

type Told = { readonly what: string; readonly rest: readonly unknown[] };

async function open(context: TestContext, answers: Record<string, string>, driver: SipDriver = 'pjsip') {
  const server: FakeAmi = await fakeAmi(context, {
    answer: (action: FakeAction) => answers[action.get('Action') ?? ''],
  });
  const told: Told[] = [];
  let pbx: Pbx | undefined;
  await new Promise<void>((up) => {
    pbx = openAsterisk(
      { host: '127.0.0.1', port: server.port, user: USER, secret: SECRET, driver },
      {
        state: (state: PbxState) => (state.kind === 'up' ? up() : told.push({ what: state.kind, rest: [] })),
        registered: (given) => told.push({ what: 'registered', rest: [given.user, given.uri] }),
        unregistered: (...rest) => told.push({ what: 'unregistered', rest }),
        inUse: (...rest) => told.push({ what: 'inUse', rest }),
      },
      { timeoutMs: 500, random: () => 0, wait: () => new Promise((resolve) => setTimeout(resolve, 5)) },
    );
  });
  assert.ok(pbx);
  context.after(() => pbx?.close());
  return { pbx, server, told };
}

describe('contacts', () => {
  test('of PJSIP have their user, address, user agent and end', async (context) => {
    const { pbx } = await open(context, { PJSIPShowContacts: CONTACTS });
    assert.deepEqual(await pbx.contacts(), [
      { ...contact, address: '127.0.0.1:48932', userAgent: 'acme-phone T46 1.2', expiresAt: 1_795_393_946_000 },
      { user: 'a;b', uri: 'sip:a@[2001:db8::1]:5060', address: '[2001:db8::1]:5060', userAgent: null, expiresAt: null },
    ]);
  });

  test('of chan_sip are its dynamic peers that have an address', async (context) => {
    const { pbx } = await open(context, { SIPpeers: PEERS }, 'sip');
    assert.deepEqual(await pbx.contacts(), [
      { user: '101', uri: 'sip:101@192.0.2.5:5062', address: '192.0.2.5:5062', userAgent: null, expiresAt: null },
    ]);
  });

  test('of nobody, which Asterisk refuses to list, are an empty list', async (context) => {
    const nobody = block({ Response: 'Error', ActionID: '{id}', Message: 'No Contacts found' });
    const { pbx } = await open(context, { PJSIPShowContacts: nobody });
    assert.deepEqual(await pbx.contacts(), []);
  });

  test('that no server tells are an error, never an empty list', async (context) => {
    const { pbx } = await open(context, {});
    await assert.rejects(pbx.contacts(), (error: { code?: string }) => error.code === 'unavailable');
    const refused = await open(context, {
      PJSIPShowContacts: block({ Response: 'Error', ActionID: '{id}', Message: 'Permission denied' }),
    });
    await assert.rejects(refused.pbx.contacts(), /Permission denied/);
  });
});

test('in use are the phones of this driver that talk, ring or hold', async (context) => {
  const { pbx } = await open(context, { DeviceStateList: DEVICES });
  assert.deepEqual([...(await pbx.usersInUse())], ['101-ACME', '103-ACME']);
});

test('events tell who comes, who goes and who is in a call', async (context) => {
  const { pbx, server, told } = await open(context, { DeviceStateList: DEVICES });
  const status = (state: string) =>
    block({
      Event: 'ContactStatus',
      URI: contact.uri,
      ContactStatus: state,
      AOR: '101-ACME',
      EndpointName: '101-ACME',
    });
  server.send(status('NonQualified') + status('Removed') + status('Nonsense'));
  server.send(block({ Event: 'DeviceStateChange', Device: 'PJSIP/101-ACME', State: 'RINGING' }));
  server.send(block({ Event: 'DeviceStateChange', Device: 'PJSIP/101-ACME', State: 'NOT_INUSE' }));
  server.send(block({ Event: 'DeviceStateChange', Device: 'Local/x', State: 'INUSE' }));
  await pbx.usersInUse();
  assert.deepEqual(told, [
    { what: 'registered', rest: ['101-ACME', contact.uri] },
    { what: 'unregistered', rest: ['101-ACME', contact.uri] },
    { what: 'inUse', rest: ['101-ACME', true] },
    { what: 'inUse', rest: ['101-ACME', false] },
  ]);
});

describe('NOTIFY', () => {
  const said = (Message: string, Response = 'Error') => ({
    PJSIPNotify: block({ Response, ActionID: '{id}', Message }),
  });

  test('goes to the one contact, with the event as it is', async (context) => {
    const { pbx, server } = await open(context, said('NOTIFY sent', 'Success'));
    assert.deepEqual(await pbx.notify(contact, { event: 'check-sync;reboot=false' }), {
      kind: 'sent',
      answered: false,
    });
    assert.deepEqual(
      server.actions.map((action) => [
        action.get('Action'),
        action.get('URI'),
        action.get('Endpoint'),
        action.get('Variable'),
      ]),
      [['PJSIPNotify', contact.uri, undefined, 'Event=check-sync;reboot=false']],
    );
  });

  test('by chan_sip goes to the peer, which has one contact', async (context) => {
    const { pbx, server } = await open(context, { SIPnotify: block({ Response: 'Success', ActionID: '{id}' }) }, 'sip');
    assert.equal((await pbx.notify({ ...contact, user: '101' }, { event: 'check-sync' })).kind, 'sent');
    assert.equal(server.actions[0]?.get('Channel'), 'SIP/101');
  });

  test('that is refused says why, and what to set up', async (context) => {
    const { pbx } = await open(context, said('Unable to retrieve default outbound endpoint'));
    const became = await pbx.notify(contact, { event: 'check-sync' });
    assert.match(JSON.stringify(became), /refused.*default_outbound_endpoint in the global section/);
  });

  test('without an answer is unknown, and with a line break in it is not sent', async (context) => {
    const { pbx, server } = await open(context, {});
    assert.equal((await pbx.notify(contact, { event: 'check-sync' })).kind, 'unknown');
    assert.equal(
      (await pbx.notify({ ...contact, uri: 'sip:1@x\r\nAction: Originate' }, { event: 'check-sync' })).kind,
      'refused',
    );
    assert.equal(server.actions.length, 1);
  });

  test('on a lost connection has not been sent', async (context) => {
    const { pbx, server, told } = await open(context, {});
    server.cut();
    while (!told.some(({ what }) => what === 'down')) await new Promise((resolve) => setTimeout(resolve, 2));
    await pbx.close();
    assert.equal((await pbx.notify(contact, { event: 'check-sync' })).kind, 'notSent');
  });
});
