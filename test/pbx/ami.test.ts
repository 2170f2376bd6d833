// The wire to Asterisk: what it says and understands, what it refuses to send, and that no server can hurt it.
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { AppError } from '../../src/domain/errors.ts';
import { type Ami, type AmiMessage, actionText, header, openAmi, readMessages } from '../../src/pbx/ami.ts';
import type { PbxState } from '../../src/pbx/pbx.ts';
import { UnknownOutcome } from '../../src/pbx/wire.ts';
import { type FakeAmi, type FakeRules, fakeAmi, SECRET, USER } from './fake-ami.ts';

type Line = {
  ami: Ami;
  events: AmiMessage[];
  states: PbxState[];
  pauses: number[];
  becomes(kind: PbxState['kind']): Promise<void>;
};

function open(context: TestContext, server: FakeAmi, { secret = SECRET, timeoutMs = 2_000 } = {}): Line {
  const [events, states, pauses]: [AmiMessage[], PbxState[], number[]] = [[], [], []];
  let changed = () => {};
  const ami = openAmi(
    { host: '127.0.0.1', port: server.port, user: USER, secret, events: 'system,call' },
    {
      event: (message) => events.push(message),
      state: (state) => {
        states.push(state);
        changed();
      },
    },
    {
      timeoutMs,
      random: () => 0.5,
      wait: async (ms) => {
        pauses.push(ms);
        await new Promise((resolve) => setTimeout(resolve, 5));
      },
    },
  );
  context.after(() => ami.close());
  const becomes = async (kind: PbxState['kind']) => {
    while (ami.state().kind !== kind) await new Promise<void>((resolve) => (changed = resolve));
  };
  return { ami, events, states, pauses, becomes };
}

const ok = (action: ReadonlyMap<string, string>) =>
  action.get('Action') === 'Ping' ? 'Response: Success\r\nActionID: {id}\r\nPing: Pong\r\n\r\n' : undefined;

const LIST = [
  'Response: Success\r\nActionID: {id}\r\nEventList: start\r\n\r\n',
  'Event: ContactList\r\nActionID: {id}\r\nObjectName: 101;@x\r\n\r\n',
  'Event: ContactStatus\r\nAOR: 102\r\n\r\n',
  'Event: ContactList\r\nActionID: {id}\r\nObjectName: 102;@y\r\n\r\n',
  'Event: ContactListComplete\r\nActionID: {id}\r\nEventList: Complete\r\nListItems: 2\r\n\r\n',
].join('');

describe('a server that works', () => {
  test('is greeted and signed in to without ever being sent the secret', async (context) => {
    const seen: string[] = [];
    const server = await fakeAmi(context, { instead: (action) => seen.push(JSON.stringify([...action])) < 0 });
    const { ami, becomes } = open(context, server);
    await becomes('up');
    assert.deepEqual(ami.state(), { kind: 'up' });
    assert.ok(seen.length === 2 && !seen.join('').includes(SECRET));
  });

  test('answers an action, a list, and tells events in between', async (context) => {
    const server = await fakeAmi(context, {
      answer: (action) => (action.get('Action') === 'PJSIPShowContacts' ? LIST : ok(action)),
    });
    const { ami, events, becomes } = open(context, server);
    await becomes('up');
    assert.equal(header(await ami.act('Ping'), 'Ping'), 'Pong');
    const items = await ami.list('PJSIPShowContacts');
    assert.deepEqual(
      items.map((item) => header(item, 'objectname')),
      ['101;@x', '102;@y'],
    );
    assert.deepEqual(
      events.map((event) => header(event, 'AOR')),
      ['102'],
    );
  });

  test('refuses with its own reason, and the connection stays', async (context) => {
    const answer = 'Response: Error\r\nActionID: {id}\r\nMessage: Unable to find endpoint\r\n\r\n';
    const server = await fakeAmi(context, { answer: () => answer });
    const { ami, becomes } = open(context, server);
    await becomes('up');
    await assert.rejects(
      ami.act('PJSIPNotify'),
      (error: AppError) => error.code === 'conflict' && /Unable to find endpoint/.test(error.message),
    );
    await assert.rejects(ami.list('PJSIPShowContacts'), /refuses PJSIPShowContacts/);
    assert.equal(server.connections(), 1);
  });

  test('that refuses the secret is told as down, the secret in no word of it', async (context) => {
    const { states, becomes } = open(context, await fakeAmi(context), { secret: 'wrong-secret-word' });
    await becomes('down');
    assert.match(JSON.stringify(states), /Authentication failed/);
    assert.doesNotMatch(JSON.stringify(states), /wrong-secret-word/);
  });
});

describe('what may not stand in a line', () => {
  test('a line break or zero byte in a value is refused, and nothing of it is sent', async (context) => {
    const server = await fakeAmi(context, { answer: ok });
    const { ami, becomes } = open(context, server);
    await becomes('up');
    for (const bad of ['x\r\nAction: Originate', 'x\nAction: Originate', 'x\rY: 1', 'x\0'])
      await assert.rejects(ami.act('PJSIPNotify', [['URI', bad]]), (error: AppError) => error.code === 'invalid');
    await assert.rejects(
      ami.act('PJSIPNotify', [['URI: x\r\nAction', 'y']]),
      (error: AppError) => error.code === 'invalid',
    );
    await ami.act('Ping');
    assert.deepEqual(
      server.actions.map((action) => action.get('Action')),
      ['Ping'],
    );
  });

  test('whatever the values are, an action has one line for each', () => {
    const value = fc.string({ unit: 'binary', maxLength: 30 });
    fc.assert(
      fc.property(fc.array(value, { maxLength: 5 }), (values) => {
        let text: string;
        try {
          text = actionText(
            'PJSIPNotify',
            'h1',
            values.map((one) => ['Variable', one]),
          );
        } catch (error) {
          assert.ok(error instanceof AppError && values.some((one) => /[\r\n\0]/.test(one)));
          return;
        }
        assert.equal(text.split('\r\n').length, values.length + 4);
        assert.doesNotMatch(text.replaceAll('\r\n', ''), /[\r\n\0]/);
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('a server that breaks', () => {
  const breaks: [how: string, rules: FakeRules, why: RegExp][] = [
    ['greets as something else', { greeting: 'SSH-2.0-OpenSSH\r\n' }, /does not greet/],
    ['sends a line without end', { greeting: 'x'.repeat(100_000) }, /line of more than 16384 bytes/],
    [
      'hangs up at the challenge',
      { instead: (action, socket) => action.get('Action') === 'Challenge' && !!socket.destroy() },
      /sent|ended|closed/,
    ],
    [
      'hangs up at the login',
      { instead: (action, socket) => action.get('Action') === 'Login' && !!socket.destroy() },
      /ended|closed/,
    ],
    ['never answers the login', { instead: (action) => action.get('Action') === 'Login' }, /no answer within/],
    [
      'sends a message without end',
      { instead: (_action, socket) => socket.write('A: b\r\n'.repeat(3_000)) || true },
      /more than 2000 lines/,
    ],
  ];
  for (const [how, rules, why] of breaks) {
    test(`and ${how} is told as down, and asked again`, async (context) => {
      const { ami, states, pauses, becomes } = open(context, await fakeAmi(context, rules), { timeoutMs: 100 });
      await becomes('down');
      assert.match(states.map((state) => (state.kind === 'down' ? state.reason : '')).join(), why);
      await assert.rejects(
        ami.act('Ping'),
        (error: AppError) => error.code === 'unavailable' && /nothing was sent/.test(error.message),
      );
      assert.ok(pauses.length > 0);
    });
  }

  test('after an action has left makes its outcome unknown, never a success or a refusal', async (context) => {
    const server = await fakeAmi(context, {
      instead: (action, socket) => action.get('Action') === 'PJSIPNotify' && !!socket.destroy(),
    });
    const { ami, becomes } = open(context, server);
    await becomes('up');
    await assert.rejects(ami.act('PJSIPNotify', [['URI', 'sip:101@192.0.2.1']]), UnknownOutcome);
  });

  test('by answering nobody makes the outcome unknown too, and an answer to another name changes nothing', async (context) => {
    const server = await fakeAmi(context, { answer: () => 'Response: Success\r\nActionID: somebody-else\r\n\r\n' });
    const { ami, becomes } = open(context, server, { timeoutMs: 100 });
    await becomes('up');
    await assert.rejects(ami.act('PJSIPNotify'), UnknownOutcome);
    assert.equal(ami.state().kind, 'up');
  });

  test('and comes back is signed in to again', async (context) => {
    const server = await fakeAmi(context, { answer: ok });
    const { ami, becomes } = open(context, server);
    await becomes('up');
    server.cut();
    await becomes('down');
    await becomes('up');
    await ami.act('Ping');
    assert.equal(server.connections(), 2);
  });

  test('for long is asked less and less often, at most every 30 seconds', async (context) => {
    const { pauses, becomes } = open(context, await fakeAmi(context, { greeting: 'no\r\n' }));
    await becomes('down');
    while (pauses.length < 9) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(pauses.slice(0, 9), [375, 750, 1_500, 3_000, 6_000, 12_000, 22_500, 22_500, 22_500]);
  });
});

test('messages are the same however the bytes are cut', () => {
  const text = `Asterisk Call Manager/9.0.0\r\n${LIST}`;
  const read = (cuts: readonly number[]) => {
    const messages: AmiMessage[] = [];
    const reader = readMessages(
      (message) => messages.push(message),
      () => undefined,
    );
    const bytes = Buffer.from(text);
    const points = [0, ...[...cuts].sort((a, b) => a - b), bytes.length];
    points.slice(1).forEach((end, at) => {
      reader(bytes.subarray(points[at], end));
    });
    return messages;
  };
  const whole = read([]);
  assert.equal(whole.length, 5);
  fc.assert(
    fc.property(fc.array(fc.nat(Buffer.byteLength(text)), { maxLength: 20 }), (cuts) =>
      assert.deepEqual(read(cuts), whole),
    ),
  );
});
