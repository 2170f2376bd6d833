// FreeSWITCH as its documentation and mod_sofia's source have it: what it says is understood, what it must never hear is not sent.
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { AppError } from '../../src/domain/errors.ts';
import { type EslMessage, orderText, readEsl } from '../../src/pbx/esl.ts';
import { ESL_SECRET, type FakeEslRules, fakeEsl } from './fake-esl.ts';
import { aContact, connect } from './listening.ts';

const URI = 'sip:101@192.0.2.7:5062;fs_nat=yes;fs_path=sip%3A101%40198.51.100.9%3A40001';
const REGISTRATION = `<?xml version="1.0" encoding="ISO-8859-1"?>
<profile>
  <registrations>
    <registration>
        <call-id>abc@192.0.2.7</call-id>
        <user>101@acme.example.com</user>
        <contact>&quot;A &amp; B&quot; &lt;${URI}&gt;</contact>
        <agent>maker model 1.2 &lt;x&gt;</agent>
        <status>Registered(UDP-NAT)(unknown) exp(2026-01-01 00:00:00) expsecs(55)</status>
        <ping-status>Reachable</ping-status>
        <host>pbx</host>
        <network-ip>198.51.100.9</network-ip>
        <network-port>40001</network-port>
    </registration>
  </registrations>
</profile>
`;
const NOBODY = '<?xml version="1.0"?>\n<profile>\n  <registrations>\n  </registrations>\n</profile>\n';
const CHANNELS = JSON.stringify({
  row_count: 3,
  rows: [
    {
      uuid: '1',
      name: 'sofia/internal/101@acme.example.com',
      presence_id: '101@acme.example.com',
      callstate: 'ACTIVE',
    },
    { uuid: '2', name: 'sofia/internal/sip:102@192.0.2.8:5060', presence_id: '', callstate: 'RINGING' },
    { uuid: '3', name: 'loopback/9', presence_id: '', callstate: 'ACTIVE' },
  ],
});

const api = (command: string): string | undefined => {
  if (command === 'sofia xmlstatus profile internal reg') return REGISTRATION;
  if (command === 'sofia xmlstatus profile empty reg') return NOBODY;
  if (command.startsWith('sofia xmlstatus')) return 'Invalid Profile!\n';
  return command === 'show channels as json' ? CHANNELS : undefined;
};

async function open(context: TestContext, rules: FakeEslRules = { api }, more: object = {}) {
  const server = await fakeEsl(context, rules);
  const wish = { kind: 'freeswitch', port: server.port, secret: ESL_SECRET, ...more };
  return { server, ...connect(context, wish, { timeoutMs: 300 }) };
}

describe('a server that works', () => {
  test('tells contacts of its profiles, with the user and its domain', async (context) => {
    const { pbx, becomes, server } = await open(context, { api }, { profiles: ['internal', 'empty'] });
    await becomes('up');
    const before = Date.now();
    const [contact, ...others] = await pbx.contacts();
    assert.deepEqual(others, []);
    const { expiresAt, ...rest } = contact ?? aContact();
    assert.deepEqual(rest, {
      ...{ user: '101@acme.example.com', uri: URI, address: '198.51.100.9:40001', userAgent: 'maker model 1.2 <x>' },
    });
    assert.ok((expiresAt ?? 0) >= before + 55_000 && (expiresAt ?? 0) <= Date.now() + 55_000);
    assert.equal(server.orders.length, 2);
  });

  test('tells who is in use, by what it shows or else by the channel', async (context) => {
    const { pbx, becomes } = await open(context);
    await becomes('up');
    assert.deepEqual(await pbx.usersInUse(), new Set(['101@acme.example.com', '102@192.0.2.8']));
  });

  test('tells by itself who comes, leaves, lapses, and whose last call has ended', async (context) => {
    const { becomes, server, told } = await open(context);
    await becomes('up');
    told.heard.length = 0;
    const who = { 'profile-name': 'internal', 'from-user': '101', 'from-host': 'acme.example.com' };
    const custom = (subclass: string) => ({ 'Event-Name': 'CUSTOM', 'Event-Subclass': subclass });
    const at = { 'network-ip': '2001:db8::9', 'network-port': '5060', 'user-agent': 'maker model' };
    server.event({ ...custom('sofia::register'), ...who, ...at, contact: `"a" <${URI}>` });
    server.event({ ...custom('sofia::unregister'), ...who, contact: `<${URI}>` });
    server.event({ ...custom('sofia::expire'), user: '102', host: 'acme.example.com', contact: `<${URI}>` });
    const call = (id: string, state: string) => ({
      ...{ 'Event-Name': 'CHANNEL_CALLSTATE', 'Unique-ID': id, 'Channel-Call-State': state },
      'Channel-Presence-ID': '101@acme.example.com',
    });
    for (const [id, state] of ['a RINGING', 'a ACTIVE', 'b ACTIVE', 'a HANGUP', 'b HANGUP', 'c HANGUP'].map((text) =>
      text.split(' '),
    ))
      server.event(call(id ?? '', state ?? ''));
    await told.until((one) => one.what === 'inUse' && !one.inUse);
    const user = '101@acme.example.com';
    assert.deepEqual(told.heard, [
      {
        what: 'registered',
        contact: { user, uri: URI, address: '[2001:db8::9]:5060', userAgent: 'maker model', expiresAt: null },
      },
      { what: 'unregistered', user, uri: URI },
      { what: 'unregistered', user: '102@acme.example.com', uri: URI },
      { what: 'inUse', user, inUse: true },
      { what: 'inUse', user, inUse: false },
    ]);
  });

  test('is asked to notify one contact by the profile that holds it, and nothing that drops registrations', async (context) => {
    const { pbx, becomes, server } = await open(context, { api }, { profiles: ['empty', 'internal'] });
    await becomes('up');
    const contact = aContact({ user: '101@acme.example.com', uri: URI });
    assert.match(JSON.stringify(await pbx.notify(contact, { event: 'check-sync' })), /refused.*no SIP profile/);
    await pbx.contacts();
    server.orders.length = 0;
    assert.deepEqual(await pbx.notify(contact, { event: 'check-sync;reboot=false' }), {
      ...{ kind: 'sent', answered: false },
    });
    assert.deepEqual(server.orders, [
      [
        ...['sendevent NOTIFY', 'profile: internal', 'event-string: check-sync;reboot=false', `contact-uri: ${URI}`],
        ...['to-uri: sip:101@acme.example.com', 'from-uri: sip:101@acme.example.com'],
        'content-type: application/simple-message-summary',
      ],
    ]);
  });
});

test('a server without anybody tells an empty list', async (context) => {
  const { pbx, becomes } = await open(context, { api }, { profiles: ['empty'] });
  await becomes('up');
  assert.deepEqual(await pbx.contacts(), []);
});

describe('a server that breaks', () => {
  test('and knows no such profile is an error, never an empty list', async (context) => {
    const { pbx, becomes } = await open(context, { api }, { profiles: ['missing'] });
    await becomes('up');
    await assert.rejects(
      pbx.contacts(),
      (error: AppError) => error.code === 'unavailable' && /no SIP profile/.test(error.message),
    );
  });

  test('and refuses the secret is down, the secret in no word of it', async (context) => {
    const { told, becomes } = await open(context, {}, { secret: 'another-word' });
    assert.match(JSON.stringify(await becomes('down')), /signing in failed/);
    assert.doesNotMatch(JSON.stringify(told.heard), /another-word/);
  });

  const breaks: [how: string, rules: FakeEslRules, why: RegExp][] = [
    ['does not let us in', { greeting: 'Content-Type: text/rude-rejection\n\n' }, /access list/],
    ['sends a head without end', { greeting: 'x'.repeat(100_000) }, /head without end/],
    ['sends an unknown length', { greeting: 'Content-Length: many\n\n' }, /unknown length/],
    ['hangs up', { instead: (_lines, socket) => !!socket.destroy() }, /closed|ECONNRESET/],
    ['never answers', { instead: () => true }, /no answer within 300 ms/],
  ];
  for (const [how, rules, why] of breaks) {
    test(`and ${how} is told as down, and nothing is sent`, async (context) => {
      const { pbx, becomes } = await open(context, rules);
      assert.match(JSON.stringify(await becomes('down')), why);
      assert.equal((await pbx.notify(aContact(), { event: 'check-sync' })).kind, 'notSent');
      await assert.rejects(pbx.contacts(), (error: AppError) => error.code === 'unavailable');
    });
  }

  test('behind an order that has left makes its outcome unknown', async (context) => {
    const { pbx, becomes } = await open(context, {
      instead: ([line = ''], socket) => line.startsWith('sendevent') && !!socket.destroy(),
    });
    await becomes('up');
    assert.equal((await pbx.notify(aContact(), { event: 'check-sync' })).kind, 'unknown');
  });

  test('by saying no is a refusal with its own reason', async (context) => {
    const { pbx, becomes } = await open(context, { sendevent: '-ERR invalid event' });
    await becomes('up');
    assert.deepEqual(await pbx.notify(aContact(), { event: 'check-sync' }), {
      ...{ kind: 'refused', reason: 'the server refuses: invalid event' },
    });
  });

  test('and comes back is signed in to again', async (context) => {
    const { becomes, server, told } = await open(context);
    await becomes('up');
    told.heard.length = 0;
    server.cut();
    await becomes('down');
    await becomes('up');
  });
});

describe('the wire', () => {
  test('carries no line break or zero byte, whatever the values are', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 30 }), { minLength: 1, maxLength: 5 }), (lines) => {
        try {
          assert.deepEqual(orderText(lines).split('\n'), [...lines, '', '']);
        } catch (error) {
          assert.ok(error instanceof AppError && lines.some((line) => line === '' || /[\r\n\0]/.test(line)));
        }
      }),
      { numRuns: 5_000 },
    );
  });

  test('gives the same messages however the bytes are cut', () => {
    const text = `Content-Type: auth/request\n\nContent-Type: api/response\nContent-Length: ${Buffer.byteLength('a\n\nü')}\n\na\n\nüContent-Type: command/reply\nReply-Text: +OK\n\n`;
    const bytes = Buffer.from(text);
    const read = (cuts: readonly number[]) => {
      const messages: EslMessage[] = [];
      const take = readEsl((message) => messages.push(message));
      const points = [0, ...[...cuts].sort((a, b) => a - b), bytes.length];
      points.slice(1).forEach((end, at) => {
        take(bytes.subarray(points[at], end));
      });
      return messages;
    };
    const whole = read([]);
    assert.deepEqual(
      whole.map(({ body }) => body),
      ['', 'a\n\nü', ''],
    );
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length), { maxLength: 20 }), (cuts) => assert.deepEqual(read(cuts), whole)),
    );
  });
});
