// Messages as bytes: what we write, another library reads, and the other way round; what is no message is refused whole,
// whatever it is, and quickly.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type DecodedPacket, decode, encode, type Packet } from 'dns-packet';
import fc from 'fast-check';
import {
  CLASSES,
  decodeMessage,
  EDNS,
  encodeMessage,
  type Message,
  nameText,
  nameWire,
  RECORDS_MAX,
  TYPES,
} from '../../src/dns/packet.ts';
import { dataText, dataWire } from '../../src/dns/rdata.ts';
import { sign, verify } from '../../src/dns/tsig.ts';
import { KEY } from './servers.ts';

const RUNS = 20_000;

const label = fc.stringMatching(/^[a-z0-9_]([a-z0-9_-]{0,18}[a-z0-9_])?$/);
const name = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.'));
const uint16 = fc.integer({ min: 0, max: 65_535 });
const ttl = fc.integer({ min: 0, max: 0x7fff_ffff });
const text = fc.stringMatching(/^[A-Za-z0-9+!^$*@.:]{0,40}$/);

const srv = fc.record({ priority: uint16, weight: uint16, port: uint16, target: name });
const naptr = fc.record({
  order: uint16,
  preference: uint16,
  flags: text,
  services: text,
  regexp: text,
  replacement: name,
});

const whole = (bytes: Buffer): Message => {
  const message = decodeMessage(bytes);
  if ('fault' in message) throw new Error(message.fault);
  return message;
};

describe('against another library', () => {
  test('questions that we write are read the same', () => {
    fc.assert(
      fc.property(name, uint16, fc.boolean(), (owner, id, recursionDesired) => {
        const question = { name: owner, type: TYPES.SRV, class: CLASSES.IN };
        const bytes = encodeMessage({ id, opcode: 0, recursionDesired, questions: [question], additionals: [EDNS] });
        const read: DecodedPacket = decode(bytes);
        assert.deepEqual(read.questions, [{ name: owner, type: 'SRV', class: 'IN' }]);
        assert.deepEqual([read.id, read.flag_rd, read.additionals?.[0]?.type], [id, recursionDesired, 'OPT']);
      }),
    );
  });

  test('answers that it writes are read with every field, and their text makes the same bytes again', () => {
    const record = fc.oneof(
      fc.record({ type: fc.constant('SRV' as const), name, ttl, data: srv }),
      fc.record({ type: fc.constant('NAPTR' as const), name, ttl, data: naptr }),
      fc.record({ type: fc.constant('A' as const), name, ttl, data: fc.ipV4() }),
      fc.record({ type: fc.constant('AAAA' as const), name, ttl, data: fc.ipV6() }),
      fc.record({ type: fc.constant('CNAME' as const), name, ttl, data: name }),
    );
    fc.assert(
      fc.property(name, fc.array(record, { maxLength: 20 }), uint16, (owner, answers, id) => {
        const packet = { type: 'response', id, flags: 0x0400, questions: [{ type: 'SRV', name: owner }], answers };
        const bytes = encode(packet as unknown as Packet);
        const message = whole(bytes);
        assert.deepEqual([message.id, message.authoritative, message.questions[0]?.name], [id, true, owner]);
        assert.deepEqual(
          message.answers.map((one) => [one.name, one.ttl]),
          answers.map((one) => [one.name, one.ttl]),
        );
        for (const [index, { type, data }] of answers.entries()) {
          const read = message.answers[index]?.data ?? Buffer.alloc(0);
          const shown = dataText(TYPES[type], read);
          if (type === 'SRV') assert.equal(shown, `${data.priority} ${data.weight} ${data.port} ${data.target}.`);
          assert.deepEqual(dataWire(type, shown), read, shown);
        }
      }),
    );
  });
});

/** A header that promises `counts` records in its four sections. */
const header = (counts: readonly number[], flags = 0x8400) => {
  const bytes = Buffer.alloc(12);
  for (const [index, value] of [7, flags, ...counts].entries()) bytes.writeUInt16BE(value, 2 * index);
  return bytes;
};
const record = (owner: Buffer, type: number, data: Buffer) => {
  const fixed = Buffer.alloc(10);
  for (const [at, value] of [
    [0, type],
    [2, 1],
    [8, data.length],
  ] as const)
    fixed.writeUInt16BE(value, at);
  return Buffer.concat([owner, fixed, data]);
};
const faultOf = (...pieces: Buffer[]) => {
  const message = decodeMessage(Buffer.concat(pieces));
  return 'fault' in message ? message.fault : 'none';
};
const pointer = (to: number) => Buffer.from([0xc0 | (to >> 8), to & 0xff]);

describe('what is no message', () => {
  const owner = nameWire('a.example');
  test('is refused with its reason', () => {
    assert.match(faultOf(Buffer.alloc(11)), /less than a header/);
    assert.match(faultOf(header([0, 65_535, 65_535, 65_535]), Buffer.alloc(78)), /promises more records/);
    assert.match(faultOf(header([2, 0, 0, 0]), Buffer.alloc(40)), /2 questions/);
    const many = Array.from({ length: 500 }, () => record(owner, TYPES.A, Buffer.alloc(4)));
    assert.match(faultOf(header([0, 500, 0, 0]), ...many), new RegExp(`500 records, more than ${RECORDS_MAX}`));
    assert.match(faultOf(header([0, 1, 0, 0]), record(pointer(12), TYPES.A, Buffer.alloc(4))), /circle/);
    assert.match(faultOf(header([0, 1, 0, 0]), record(pointer(30), TYPES.A, Buffer.alloc(4))), /circle/);
    assert.match(faultOf(header([0, 1, 0, 0]), record(pointer(3), TYPES.A, Buffer.alloc(4))), /circle/);
    const twoStep = [record(owner, TYPES.CNAME, pointer(36)), record(owner, TYPES.CNAME, pointer(33))];
    assert.match(faultOf(header([0, 2, 0, 0]), ...twoStep), /circle/);
    assert.match(faultOf(header([0, 1, 0, 0]), record(Buffer.from([0x41, 0]), TYPES.A, Buffer.alloc(4))), /label/);
    assert.match(faultOf(header([0, 1, 0, 0]), record(owner, TYPES.A, Buffer.alloc(5))), /address has 5 bytes/);
    assert.match(faultOf(header([0, 1, 0, 0]), record(owner, TYPES.SRV, Buffer.alloc(6))), /name|length|middle/);
    assert.match(
      faultOf(header([0, 1, 0, 0]), record(owner, TYPES.A, Buffer.alloc(4)), Buffer.alloc(1)),
      /after its end/,
    );
    const label63 = Buffer.concat([Buffer.from([63]), Buffer.alloc(63, 0x61)]);
    const long = Buffer.concat([label63, label63, label63, label63, Buffer.from([0])]);
    assert.match(faultOf(header([0, 1, 0, 0]), record(long, TYPES.A, Buffer.alloc(4))), /longer than 255/);
  });

  test('a dot inside a label does not make two labels of it', () => {
    const odd = Buffer.concat([Buffer.from([9]), Buffer.from('a.example'), Buffer.from([0])]);
    assert.equal(nameText(odd), 'a\\.example');
    assert.notEqual(nameText(odd), nameText(owner));
  });

  test('any bytes at all are read or refused, without throwing', () => {
    const random = fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes));
    const behindHeader = fc
      .tuple(fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 4, maxLength: 4 }), random)
      .map(([counts, bytes]) => Buffer.concat([header(counts), bytes]));
    fc.assert(
      fc.property(fc.oneof(random, behindHeader), (bytes) => {
        const message = decodeMessage(bytes);
        if ('fault' in message) return message.fault.length > 0;
        for (const one of message.answers) dataText(one.type, one.data);
        return true;
      }),
      { numRuns: RUNS },
    );
  });

  test('a message in which some bytes were changed is read or refused, without throwing', () => {
    const good = encode({
      ...{ type: 'response', id: 7, flags: 0x0400, questions: [{ type: 'SRV', name: '_sip._udp.pbxa.example.com' }] },
      answers: [
        ...[10, 20].map((priority) => ({
          ...{ type: 'SRV' as const, name: '_sip._udp.pbxa.example.com', ttl: 300 },
          data: { priority, weight: 10, port: 5060, target: 'voip1.example.com' },
        })),
        {
          ...{ type: 'NAPTR' as const, name: 'pbxa.example.com', ttl: 300 },
          data: { order: 1, preference: 1, flags: 's', services: 'SIP+D2U', regexp: '', replacement: 'x.example.com' },
        },
      ],
    });
    const change = fc.tuple(fc.integer({ min: 0, max: good.length - 1 }), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 0, max: good.length }),
        (changes, cut) => {
          const bytes = Buffer.from(good.subarray(0, cut));
          for (const [at, value] of changes) if (at < cut) bytes[at] = value;
          const message = decodeMessage(bytes);
          if (!('fault' in message)) for (const one of message.answers) dataText(one.type, one.data);
        },
      ),
      { numRuns: RUNS },
    );
  });
});

describe('signatures', () => {
  const now = new Date('2026-01-01T00:00:00Z');
  const plain = encodeMessage({
    ...{ id: 7, opcode: 0, recursionDesired: false },
    questions: [{ name: 'example.com', type: TYPES.SOA, class: CLASSES.IN }],
  });

  test('a request with its signature is a whole message whose last record is the signature', () => {
    const { bytes } = sign(plain, KEY, now);
    const message = whole(bytes);
    assert.deepEqual([message.additionals.at(-1)?.type, message.lastRecordAt], [TYPES.TSIG, plain.length]);
    assert.equal(message.additionals.at(-1)?.name, KEY.name);
  });

  test('an answer is believed only when it is signed with the key, over the request, and unchanged', () => {
    const { signature } = sign(plain, KEY, now);
    const check = (bytes: Buffer) => verify(bytes, whole(bytes), signature, now)?.why ?? 'good';
    assert.match(check(plain), /did not sign/);
    // The request itself, thrown back at us, is signed with the key but not over the request.
    assert.match(check(sign(plain, KEY, now).bytes), /does not fit/);
    const other = { ...KEY, secret: Buffer.alloc(32, 1).toString('base64') };
    assert.match(check(sign(plain, other, now).bytes), /does not fit/);
    assert.match(check(sign(plain, { ...KEY, name: 'other' }, now).bytes), /another key/);
  });
});
