// SIP as text: what is written is read back, and nothing that comes over the network can break the reader or hold it up.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  answerTo,
  firstOf,
  headersOf,
  methodOf,
  parametersOf,
  readSip,
  type SipMessage,
  sipStream,
  statusOf,
  uriIn,
  writeSip,
} from '../../src/sip/sip.ts';

const NAME = fc.stringMatching(/^[A-Za-z][A-Za-z-]{0,20}$/).filter((name) => !/^(?:content-length|l)$/i.test(name));
const VALUE = fc
  .string({ unit: 'grapheme', maxLength: 60 })
  .filter((value) => !/[\p{Cc}]/u.test(value))
  .map((value) => value.trim());
const MESSAGE = fc.record(
  {
    start: fc.constantFrom('REGISTER sip:pbx.example.com SIP/2.0', 'SIP/2.0 200 OK', 'NOTIFY sip:1@[::1] SIP/2.0'),
    headers: fc.array(fc.tuple(NAME, VALUE), { maxLength: 12 }),
    body: fc.string({ unit: 'grapheme', maxLength: 200 }),
  },
  { noNullPrototype: true },
);

const withoutLength = ({ headers, ...rest }: SipMessage) => ({
  ...rest,
  headers: headers.filter(([name]) => name !== 'Content-Length'),
});

describe('a message', () => {
  test('is read as it was written, whatever it says', () => {
    fc.assert(
      fc.property(MESSAGE, (message) => {
        const read = readSip(writeSip(message));
        assert.ok(read !== null);
        assert.deepEqual(withoutLength(read), message);
      }),
      { numRuns: 2_000 },
    );
  });

  test('is the same from a stream, however that is cut, with keep-alives in between', () => {
    fc.assert(
      fc.property(
        fc.array(MESSAGE, { minLength: 1, maxLength: 4 }),
        fc.array(fc.nat(5_000), { maxLength: 8 }),
        (messages, cuts) => {
          const bytes = Buffer.concat(messages.flatMap((one) => [Buffer.from('\r\n\r\n'), writeSip(one)]));
          const seen: SipMessage[] = [];
          const take = sipStream((message) => seen.push(message));
          const points = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
          points.slice(1).forEach((end, at) => {
            take(bytes.subarray(points[at], end));
          });
          assert.deepEqual(seen.map(withoutLength), messages);
        },
      ),
    );
  });

  test('with a line break or a zero byte in its head is not written', () => {
    for (const bad of ['x\r\nEvent: y', 'x\ny', 'x\ry', 'x\0']) {
      const start = 'NOTIFY sip:1@192.0.2.1 SIP/2.0';
      assert.throws(() => writeSip({ start, headers: [['Event', bad]], body: '' }), /line break or a zero byte/);
      assert.throws(() => writeSip({ start: `NOTIFY ${bad} SIP/2.0`, headers: [], body: '' }), /line break/);
    }
  });

  test('has its headers by name in any case, by short form, folded, and several times', () => {
    const text = [
      'NOTIFY sip:1@192.0.2.1 SIP/2.0',
      ...['v: SIP/2.0/UDP a;branch=1', 'VIA: SIP/2.0/UDP b', 'o: check-sync', 'Subject: one', '\ttwo', '', 'body'],
    ].join('\r\n');
    const message = readSip(Buffer.from(text));
    assert.ok(message !== null);
    assert.deepEqual(headersOf(message, 'Via'), ['SIP/2.0/UDP a;branch=1', 'SIP/2.0/UDP b']);
    assert.equal(firstOf(message, 'event'), 'check-sync');
    assert.equal(firstOf(message, 'Subject'), 'one two');
    assert.equal(firstOf(message, 'constructor'), '');
    assert.deepEqual([methodOf(message), statusOf(message), message.body], ['NOTIFY', null, 'body']);
  });

  test('ends where its length says, and one that is cut short is none', () => {
    const text = 'SIP/2.0 200 OK\r\nContent-Length: 3\r\n\r\nabcdef';
    assert.equal(readSip(Buffer.from(text))?.body, 'abc');
    assert.equal(readSip(Buffer.from(text.slice(0, -4))), null);
  });
});

describe('from strangers', () => {
  const head = 'OPTIONS sip:1@192.0.2.1 SIP/2.0\r\n';
  const bad: [what: string, bytes: Buffer][] = [
    ['nothing', Buffer.alloc(0)],
    ['zeros', Buffer.alloc(100)],
    ['no end', Buffer.from(head)],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['a status that is no number', Buffer.from('SIP/2.0 abc OK\r\n\r\n')],
    ['a status that is none', Buffer.from('SIP/2.0 999 OK\r\n\r\n')],
    ['a negative length', Buffer.from(`${head}Content-Length: -1\r\n\r\n`)],
    ['a length beyond the end', Buffer.from(`${head}Content-Length: 99\r\n\r\nx`)],
    ['too many headers', Buffer.from(`${head}${'A: b\r\n'.repeat(300)}\r\n`)],
    ['a line without end', Buffer.from(`${head}A: ${'<'.repeat(5_000)}\r\n\r\n`)],
    ['folds without end', Buffer.from(`${head}A: b\r\n${` ${'x'.repeat(70)}\r\n`.repeat(100)}\r\n`)],
    ['a head without end', Buffer.from(`${head}${`A: ${'x'.repeat(1_000)}\r\n`.repeat(60)}\r\n`)],
    ['a zero byte', Buffer.from(`${head}A: \0\r\n\r\n`)],
  ];
  for (const [what, bytes] of bad) test(`${what} is no message`, () => assert.equal(readSip(bytes), null));

  test('any bytes at all are read or thrown away, never an error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (noise) => {
        readSip(Buffer.concat([Buffer.from(head), noise, Buffer.from('\r\n\r\n')]));
        readSip(Buffer.from(noise));
        let said: unknown;
        try {
          sipStream(() => undefined)(Buffer.from(noise));
        } catch (error) {
          said = error;
        }
        assert.ok(said === undefined || /no SIP message/.test(String(said)));
      }),
    );
  });

  test('a stream without end is refused and not kept', () => {
    const take = sipStream(() => undefined);
    assert.throws(() => {
      for (let count = 0; count < 100; count++) take(Buffer.alloc(1_000, 'x'));
    }, /no SIP message/);
    assert.throws(
      () => sipStream(() => undefined)(Buffer.from(`${head}Content-Length: 999999999\r\n\r\n`)),
      /no SIP message/,
    );
  });
});

test('an answer carries back what names its transaction', () => {
  const request = readSip(
    Buffer.from(
      'INVITE sip:1@x SIP/2.0\r\nVia: a\r\nVia: b\r\nFrom: <sip:2@x>;tag=t\r\nTo: <sip:1@x>\r\nCall-ID: c\r\nCSeq: 7 INVITE\r\n\r\n',
    ),
  );
  assert.ok(request !== null);
  const answer = answerTo(request, '200 OK', 'mine');
  assert.deepEqual(headersOf(answer, 'Via'), ['a', 'b']);
  assert.deepEqual(
    ['From', 'To', 'Call-ID', 'CSeq'].map((name) => firstOf(answer, name)),
    ['<sip:2@x>;tag=t', '<sip:1@x>;tag=mine', 'c', '7 INVITE'],
  );
  const inDialog = { ...request, headers: [['To', '<sip:1@x>;tag=old'] as const] };
  assert.equal(firstOf(answerTo(inDialog, '200 OK', 'mine'), 'To'), '<sip:1@x>;tag=old');
});

test('URIs and parameters are taken out of their headers', () => {
  assert.equal(uriIn('"A" <sip:1@x:5070;ob>;expires=60'), 'sip:1@x:5070;ob');
  assert.equal(uriIn('sip:1@x;expires=60'), 'sip:1@x');
  assert.deepEqual(parametersOf('Digest realm="a \\"b\\"", nonce="n=1,2", qop="auth,auth-int", stale=false'), {
    ...{ realm: 'a "b"', nonce: 'n=1,2', qop: 'auth,auth-int', stale: 'false' },
  });
});
