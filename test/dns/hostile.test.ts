// Servers that are silent, slow, broken or lie: each of them is told from the others, none of them makes anything fine, and
// none keeps us longer than our patience.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { decode, encode, type Packet } from 'dns-packet';
import { checkDns, dnsDrift, dnsWarnings } from '../../src/app/check-dns.ts';
import { putDnsSettings, putTarget } from '../../src/app/dns-targets.ts';
import { planPublication } from '../../src/app/publish-dns.ts';
import { openDns } from '../../src/dns/dns.ts';
import { ACTOR, OUTSIDE, openDemo, PATIENT, placeOf, targetAt } from './house.ts';
import type { Server } from './servers.ts';

/** What is sent back, in any number of messages. */
type Behaviour = (query: Buffer, over: 'udp' | 'tcp') => readonly Buffer[];

/** A server that behaves as it is told. Counts what it is asked. */
async function startHostile(context: TestContext, behaviour: Behaviour): Promise<Server & { asked: () => number }> {
  let asked = 0;
  const tcp = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      asked++;
      for (const answer of behaviour(data.subarray(2), 'tcp')) {
        const length = Buffer.alloc(2);
        length.writeUInt16BE(answer.length, 0);
        socket.write(Buffer.concat([length, answer]));
      }
    });
  }).listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  const { port } = tcp.address() as { port: number };
  const udp = createSocket('udp4').bind(port, '127.0.0.1');
  await once(udp, 'listening');
  udp.on('message', (query, { port: from, address }) => {
    asked++;
    for (const answer of behaviour(query, 'udp')) udp.send(answer, from, address);
  });
  tcp.unref();
  udp.unref();
  context.after(() => {
    tcp.close();
    udp.close();
  });
  return { address: '127.0.0.1', port, asked: () => asked };
}

const AA = 0x0400;
const TC = 0x0200;
const NAME = '_sip._udp.pbxa.example.com';

type Made = { flags?: number; id?: number; questions?: object[]; answers?: object[]; authorities?: object[] };

/** An answer to a query as another library writes it. */
function answerTo(query: Buffer, { flags = AA, id, questions, answers = [], authorities = [] }: Made): Buffer {
  const asked = decode(query);
  const packet = {
    type: 'response',
    id: id ?? asked.id,
    flags,
    questions: questions ?? asked.questions,
    answers,
    authorities,
  };
  return encode(packet as unknown as Packet);
}

const srv = (target: string, priority = 10) => ({
  ...{ type: 'SRV', name: NAME, ttl: 300 },
  data: { priority, weight: 10, port: 5060, target },
});

/** An answer whose only record has a name that points at itself. */
function loop(query: Buffer): Buffer {
  const bytes = answerTo(query, { answers: [] });
  bytes.writeUInt16BE(1, 6);
  const at = bytes.length;
  return Buffer.concat([bytes, Buffer.from([0xc0 | (at >> 8), at & 0xff, 0, 33, 0, 1, 0, 0, 0, 0, 0, 0])]);
}

const garbage = (query: Buffer) => Buffer.concat([query.subarray(0, 2), Buffer.alloc(40, 0xff)]);
const rcode =
  (code: number): Behaviour =>
  (query) => [answerTo(query, { flags: AA | code })];
const cut = (query: Buffer) => answerTo(query, { flags: AA | TC });
const ns = { type: 'NS', name: 'com', ttl: 60, data: 'elsewhere.example.net' };

/** Behaviour → the kind of the reading, and a part of its reason. */
const BEHAVIOURS: Record<string, [Behaviour, string, RegExp]> = {
  silent: [() => [], 'silent', /no answer within 0.15 s/],
  'failing (SERVFAIL)': [rcode(2), 'failed', /SERVFAIL/],
  'refusing (REFUSED)': [rcode(5), 'refused', /REFUSED/],
  'refusing (NOTAUTH)': [rcode(9), 'refused', /NOTAUTH/],
  'lying about the id': [
    (query) => [answerTo(query, { id: 4_711, answers: [srv('evil.example.com')] })],
    'garbled',
    /id of another/,
  ],
  'lying about the question': [
    (query) => [
      answerTo(query, { questions: [{ type: 'SRV', name: 'evil.example.com' }], answers: [srv('evil.example.com')] }),
    ],
    'garbled',
    /another question/,
  ],
  'sending the question back': [(query) => [query], 'garbled', /not an answer/],
  'cutting off over UDP and over TCP': [(query) => [cut(query)], 'garbled', /cut off even over TCP/],
  'cutting off, and silent over TCP': [(query, over) => (over === 'udp' ? [cut(query)] : []), 'silent', /over TCP/],
  'sending a name that runs in a circle': [(query) => [loop(query)], 'garbled', /circle/],
  'sending 500 records': [
    (query) => [answerTo(query, { answers: Array.from({ length: 500 }, (_, index) => srv(`h${index}.example.com`)) })],
    'garbled',
    /500 records/,
  ],
  'sending garbage': [(query) => [garbage(query)], 'garbled', /cannot be used/],
  'sending half an answer': [
    (query) => [answerTo(query, { answers: [srv('voip1.example.com')] }).subarray(0, 60)],
    'garbled',
    /cannot be used/,
  ],
  'sending very much that is none': [
    (query) => Array.from({ length: 100 }, () => garbage(query)),
    'garbled',
    /cannot be used/,
  ],
  'not responsible (lame)': [
    (query) => [answerTo(query, { flags: 0, answers: [srv('voip1.example.com')] })],
    'lame',
    /as its own/,
  ],
  'sending us elsewhere': [(query) => [answerTo(query, { flags: 0, authorities: [ns] })], 'lame', /as its own/],
  'answering about something else': [
    (query) => [answerTo(query, { answers: [{ ...srv('x.example.com'), name: 'other.example.com' }] })],
    'garbled',
    /something else/,
  ],
};

/** The longest that a question may take: two tries over UDP and one over TCP, with time for a slow machine. */
const LONGEST_MS = 2 * OUTSIDE.timeoutMs + OUTSIDE.timeoutMs + 5_000;

describe('a server that is', () => {
  for (const [what, [behaviour, kind, why]] of Object.entries(BEHAVIOURS)) {
    test(`${what} gives no reading, and everything that depends on it is unknown`, async (context) => {
      const server = await startHostile(context, behaviour);
      const begun = Date.now();
      const reading = await openDns(OUTSIDE).query(server, { name: NAME, type: 'SRV', of: 'authority' });
      assert.equal(reading.kind, kind);
      assert.match('why' in reading ? reading.why : '', why);
      assert.ok(Date.now() - begun < LONGEST_MS);

      const house = await openDemo(context);
      await putTarget(house, 'example.com', targetAt(server), ACTOR);
      const check = await checkDns(house, ACTOR);
      assert.deepEqual([check.fine, check.drift, check.unknown], [0, 0, 2]);
      const [warning = ''] = await house.store.snapshot((reads) => dnsWarnings(reads, 'pbxA', new Date()));
      assert.match(warning, /the DNS of pool pbxA could not be read/);
      const { zones } = await planPublication(house);
      assert.deepEqual([zones[0]?.changes, zones[0]?.fault === null], [[], false]);
    });
  }

  test('closed is told apart from one that is silent', async () => {
    const reading = await openDns(OUTSIDE).query(
      { address: '127.0.0.1', port: 1 },
      { name: NAME, type: 'SRV', of: 'authority' },
    );
    assert.deepEqual(reading.kind === 'silent' && /ECONNREFUSED/.test(reading.why), true);
  });
});

describe('answers that are good in the end', () => {
  test('a forged answer before the right one is passed over', async (context) => {
    const server = await startHostile(context, (query) => [
      answerTo(query, { id: 1, answers: [srv('evil.example.com')] }),
      answerTo(query, { questions: [{ type: 'SRV', name: 'evil.example.com' }] }),
      answerTo(query, { answers: [srv('voip1.example.com')] }),
    ]);
    const reading = await openDns(PATIENT).query(server, { name: NAME, type: 'SRV', of: 'authority' });
    assert.deepEqual(reading.kind === 'answer' && reading.values, ['10 10 5060 voip1.example.com.']);
  });

  test('an answer that is lost once is asked for again; a long one comes over TCP', async (context) => {
    let lost = false;
    const server = await startHostile(context, (query, over) => {
      if (!lost) {
        lost = true;
        return [];
      }
      const answers = Array.from({ length: 200 }, (_, index) => srv(`h${index}.example.com`));
      return [over === 'udp' ? cut(query) : answerTo(query, { answers })];
    });
    const reading = await openDns({ ...PATIENT, timeoutMs: 500 }).query(server, {
      name: NAME,
      type: 'SRV',
      of: 'authority',
    });
    assert.equal(reading.kind === 'answer' && reading.values.length, 200);
    assert.equal(server.asked(), 3);
  });

  test('an old server that does not know EDNS is asked without it', async (context) => {
    const hasEdns = (query: Buffer) => (decode(query).additionals ?? []).length > 0;
    const server = await startHostile(context, (query) =>
      hasEdns(query)
        ? [answerTo(query, { flags: AA | 1 })]
        : [answerTo(query, { answers: [srv('voip1.example.com')] })],
    );
    const reading = await openDns(PATIENT).query(server, { name: NAME, type: 'SRV', of: 'authority' });
    assert.equal(reading.kind, 'answer');
  });

  test('ids and ports are drawn anew for every question', async (context) => {
    const ids = new Set<number>();
    const server = await startHostile(context, (query) => {
      ids.add(query.readUInt16BE(0));
      return [answerTo(query, {})];
    });
    const dns = openDns(PATIENT);
    for (let asked = 0; asked < 20; asked++) await dns.query(server, { name: NAME, type: 'SRV', of: 'authority' });
    assert.ok(ids.size > 15, `${ids.size} ids`);
  });
});

/** A server that knows the demo world, with some of its answers changed. */
const knowing =
  (changed: (name: string, type: string) => Made | null): Behaviour =>
  (query) => {
    const [{ name, type } = { name: '', type: '' }] = decode(query).questions ?? [];
    const own = changed(name, type);
    if (own !== null) return [answerTo(query, own)];
    const answer = (data: unknown, ttl = 300) => ({ answers: [{ type, name, ttl, data }] });
    const target = (one: string, priority: number) => ({
      type,
      name,
      ttl: 300,
      data: { priority, weight: 10, port: 5060, target: one },
    });
    if (type === 'SOA') {
      const soa = {
        mname: 'ns1.example.com',
        rname: 'a.example.com',
        serial: 9,
        refresh: 1,
        retry: 1,
        expire: 1,
        minimum: 1,
      };
      return [answerTo(query, answer(soa))];
    }
    const pool = /pbx(a|b)\.example\.com$/.exec(name)?.[1];
    if (type === 'SRV' && name.startsWith('_sip._udp') && pool !== undefined) {
      const [first, second] = pool === 'a' ? ['voip1', 'voip2'] : ['voip2', 'voip1'];
      return [answerTo(query, { answers: [target(`${first}.example.com`, 10), target(`${second}.example.com`, 20)] })];
    }
    if (type === 'NAPTR' && pool !== undefined) {
      const data = {
        order: 10,
        preference: 10,
        flags: 'S',
        services: 'sip+d2u',
        regexp: '',
        replacement: `_sip._udp.${name}`,
      };
      return [answerTo(query, answer(data))];
    }
    if (type === 'A' && name.startsWith('voip')) return [answerTo(query, answer('192.0.2.1'))];
    return [answerTo(query, {})];
  };

/** Checks the demo world at such a server. @returns pbxA's state with its reasons */
async function verdictAt(context: TestContext, changed: (name: string, type: string) => Made | null) {
  const server = await startHostile(context, knowing(changed));
  const house = await openDemo(context, { outside: PATIENT });
  await putTarget(house, 'example.com', targetAt(server), ACTOR);
  await checkDns(house, ACTOR);
  const { pools, zones } = await dnsDrift(house);
  const [verdict] = pools;
  return { state: verdict?.state, why: verdict?.reasons.map(({ why }) => why).join('; ') ?? '', zones };
}

describe('a pool is', () => {
  test('fine when everything is as it should be, in whatever spelling', async (context) => {
    const { state, why, zones } = await verdictAt(context, () => null);
    assert.deepEqual([state, why], ['fine', '']);
    assert.deepEqual(
      zones[0]?.servers.map(({ state: one, serial }) => [one, serial]),
      [['answers', 9]],
    );
  });

  const aliasOf = (name: string) => ({ answers: [{ type: 'CNAME', name, ttl: 60, data: 'real.example.net' }] });
  const drifts: [string, (name: string, type: string) => Made | null, RegExp][] = [
    [
      'its target is an alias',
      (name) => (name === 'voip2.example.com' ? aliasOf(name) : null),
      /target voip2\.example\.com is an alias of real\.example\.net/,
    ],
    [
      'its target has no address',
      (name, type) => (name === 'voip1.example.com' && type === 'A' ? {} : null),
      /target voip1\.example\.com has no address/,
    ],
    [
      'its name is an alias',
      (name) => (name === NAME ? aliasOf(name) : null),
      /is an alias of real\.example\.net, so its SRV/,
    ],
    [
      'its TTL is another',
      (name) =>
        name === NAME
          ? {
              answers: [srv('voip1.example.com'), srv('voip2.example.com', 20)].map((one) => ({ ...one, ttl: 86_400 })),
            }
          : null,
      /may be kept for 86400 s, not 300 s/,
    ],
    [
      'another server stands in it',
      (name) => (name === NAME ? { answers: [srv('voip1.example.com'), srv('evil.example.com', 20)] } : null),
      /lacks "20 10 5060 voip2\.example\.com\." and has "20 10 5060 evil/,
    ],
    ['the name does not exist', (name) => (name === NAME ? { flags: AA | 3 } : null), /SRV is missing/],
  ];
  for (const [when, changed, reason] of drifts) {
    test(`drifted when ${when}`, async (context) => {
      const { state, why } = await verdictAt(context, changed);
      assert.equal(state, 'drift');
      assert.match(why, reason);
    });
  }

  test('drifted when one of two transports is missing, and the twin that is there is named', async (context) => {
    const server = await startHostile(
      context,
      knowing(() => null),
    );
    const house = await openDemo(context, { outside: PATIENT });
    await house.store.transaction(async (tx) => {
      await tx.pools.replace({ ...(await tx.pools.get('pbxA')), transports: ['udp', 'tcp'] });
    });
    await putTarget(house, 'example.com', targetAt(server), ACTOR);
    await checkDns(house, ACTOR);
    const { pools } = await dnsDrift(house);
    assert.match(
      pools[0]?.reasons.map(({ why }) => why).join('; ') ?? '',
      /_sip\._tcp\.pbxa.* is missing, though its twin _sip\._udp\.pbxa/,
    );
  });

  test('unknown as long as nobody can be asked, and before the first check', async (context) => {
    const house = await openDemo(context);
    assert.deepEqual(
      (await dnsDrift(house)).pools.map(({ state, at }) => [state, at]),
      [
        ['unknown', null],
        ['unknown', null],
      ],
    );
    assert.deepEqual(
      await house.store.snapshot((reads) => dnsWarnings(reads, 'pbxA', new Date())),
      [],
      'nobody asked for it',
    );
    const { unknown } = await checkDns(house, ACTOR);
    assert.equal(unknown, 2);
    assert.match((await dnsDrift(house)).pools[0]?.reasons[0]?.why ?? '', /nobody to ask; set resolvers/);
  });

  test('unknown when one of two servers answers nothing, however fine the other is', async (context) => {
    const [good, silent] = [
      await startHostile(
        context,
        knowing(() => null),
      ),
      await startHostile(context, () => []),
    ];
    const house = await openDemo(context, { outside: { ...PATIENT, timeoutMs: 1_000 } });
    await putTarget(house, 'example.com', { ...targetAt(good), authorities: [placeOf(good), placeOf(silent)] }, ACTOR);
    await checkDns(house, ACTOR);
    const { pools, zones } = await dnsDrift(house);
    assert.deepEqual(
      pools.map(({ state }) => state),
      ['unknown', 'unknown'],
    );
    assert.deepEqual(
      zones[0]?.servers.map(({ state }) => state),
      ['answers', 'silent'],
    );
    assert.ok(silent.asked() <= OUTSIDE.tries, 'a server that is silent is not asked for everything');
  });

  test('unknown when a resolver does not resolve for us', async (context) => {
    const server = await startHostile(context, (query) => [answerTo(query, { flags: 0 })]);
    const house = await openDemo(context, { outside: PATIENT });
    await putDnsSettings(house, { resolvers: [{ address: server.address, port: server.port }] }, ACTOR);
    const { unknown } = await checkDns(house, ACTOR);
    assert.equal(unknown, 2);
  });
});
