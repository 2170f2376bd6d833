// Records as text and back: the lines of the manual page, our own lines, and what nobody should have to guess.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parse } from 'yaml';
import { octoDnsText } from '../../src/app/records.ts';
import { AppError } from '../../src/domain/errors.ts';
import { nameInZone, octoDnsZone, setsByKey, setsOf, zoneOf } from '../../src/domain/record-sets.ts';
import { type DnsRecord, recordsOf, zoneLine } from '../../src/domain/srv.ts';
import { parseZoneText } from '../../src/domain/zone-text.ts';
import { aPool, aServer } from '../support/world.ts';

const MANUAL = `_sip._udp.example.com. 86400 IN SRV 10 60 5060 bigbox.example.com.
_sip._udp.example.com. 86400 IN SRV 10 20 5060 smallbox1.example.com.
_sip._udp.example.com. 86400 IN SRV 10 10 5060 smallbox2.example.com.
_sip._udp.example.com. 86400 IN SRV 10 10 5066 smallbox2.example.com.
_sip._udp.example.com. 86400 IN SRV 20 0 5060 backupbox.example.com.
_sip._udp.pbxa.domain.com. 86400 IN SRV 10 10 5060 voip1.domain.com.
_sip._udp.pbxa.domain.com. 86400 IN SRV 20 10 5060 voip2.domain.com.
_sip._udp.pbxb.domain.com. 86400 IN SRV 20 10 5060 voip1.domain.com.
_sip._udp.pbxb.domain.com. 86400 IN SRV 10 10 5060 voip2.domain.com.`;

const print = (records: readonly DnsRecord[]) => records.map(zoneLine).join('\n');

const label = fc.stringMatching(/^[a-z][a-z0-9-]{0,10}[a-z0-9]$/);
const name = fc.array(label, { minLength: 2, maxLength: 4 }).map((labels) => labels.join('.'));
const uint16 = fc.integer({ min: 0, max: 65_535 });
const ttl = fc.integer({ min: 0, max: 2_147_483_647 });
const anyRecord: fc.Arbitrary<DnsRecord> = fc.oneof(
  fc.record({
    type: fc.constant('SRV' as const),
    name: name.map((one) => `_sip._udp.${one}`),
    ...{ ttl, priority: uint16, weight: uint16, port: uint16 },
    target: fc.oneof(name, fc.constant('.')),
  }),
  fc.record({
    type: fc.constant('NAPTR' as const),
    ...{ name, ttl, order: uint16, preference: uint16 },
    flags: fc.constant('s' as const),
    service: fc.constantFrom('SIP+D2U', 'SIPS+D2T'),
    replacement: name.map((one) => `_sip._udp.${one}`),
  }),
  fc.record({
    type: fc.constant('A' as const),
    name,
    ttl,
    address: fc.ipV4().filter((ip) => /^(?:[1-9]|1\d)\./.test(ip)),
  }),
  fc.record({ type: fc.constant('AAAA' as const), name, ttl, address: fc.constantFrom('2001:db8::1', 'fe80::2') }),
);

describe('reading back what was written', () => {
  test('the lines of the manual page, as they are', () => {
    assert.equal(print(parseZoneText(MANUAL)), MANUAL);
    assert.equal(parseZoneText(MANUAL).length, 9);
  });
  test('names are read without telling cases apart, as in the manual', () => {
    const [record] = parseZoneText('_sip._udp.pbxA.domain.com. 86400 IN SRV 10 10 5060 VOIP1.domain.com.');
    assert.equal(
      zoneLine(record ?? assert.fail()),
      '_sip._udp.pbxa.domain.com. 86400 IN SRV 10 10 5060 voip1.domain.com.',
    );
  });
  test('any record of ours', () => {
    fc.assert(
      fc.property(fc.array(anyRecord), (drawn) => {
        const records = drawn.map((record) => ({ ...record }));
        assert.deepEqual(parseZoneText(print(records)), records);
      }),
    );
  });
  test('the records of a pool, transports that are denied with them', () => {
    const pool = aPool({ transports: ['tls', 'udp'], denyOtherTransports: true });
    const records = recordsOf(pool, [aServer('voip1'), aServer('voip2')]);
    assert.deepEqual(parseZoneText(print(records), 'example.com'), records);
  });
});

describe('what people write', () => {
  test('relative names, an origin, a default TTL, owners that are left out, brackets and comments', () => {
    const text = `; the pool
$TTL 300
@ IN NAPTR 10 10 "s" "SIP+D2U" "" _sip._udp
$ORIGIN pbxa.example.com.
_sip._udp IN SRV 10 10 5060 voip1.example.com. ; the primary
          60 IN SRV ( 20 10
             5060 voip2.example.com. )
$ORIGIN example.com.
voip1 in 120 a 192.0.2.1
`;
    assert.deepEqual(print(parseZoneText(text, 'example.com')).split('\n'), [
      'example.com. 300 IN NAPTR 10 10 "s" "SIP+D2U" "" _sip._udp.example.com.',
      '_sip._udp.pbxa.example.com. 300 IN SRV 10 10 5060 voip1.example.com.',
      '_sip._udp.pbxa.example.com. 60 IN SRV 20 10 5060 voip2.example.com.',
      'voip1.example.com. 120 IN A 192.0.2.1',
    ]);
  });
  test('a line without a TTL has the one of $TTL, otherwise the last that was said', () => {
    const ttls = (text: string) => parseZoneText(text, 'example.com').map((record) => record.ttl);
    assert.deepEqual(ttls('a 60 A 192.0.2.1\na A 192.0.2.2\na 90 A 192.0.2.3\na A 192.0.2.4'), [60, 60, 90, 90]);
    assert.deepEqual(ttls('$TTL 5\na 60 A 192.0.2.1\na A 192.0.2.2'), [60, 5]);
  });

  const faults: [string, string, string | null, RegExp][] = [
    [
      'a target without its dot, with no origin',
      'a. 60 IN SRV 1 1 5060 voip1.example.com',
      null,
      /line 1: voip1\.example\.com does not end in a dot/,
    ],
    [
      'an owner out of the zone',
      'voip1.domin.com. 60 IN A 192.0.2.1',
      'domain.com',
      /line 1: voip1\.domin\.com\. is not in the zone/,
    ],
    ['no TTL', 'a.b. IN A 192.0.2.1', null, /line 1: the line has no TTL/],
    ['no owner', ' 60 IN A 192.0.2.1', null, /line 1: the line names no owner/],
    [
      'a weight that is too much',
      'a.b. 60 IN SRV 1 65536 5060 c.d.',
      null,
      /line 1: weight must be a number from 0 to 65535/,
    ],
    [
      'a value too few',
      'a.b. 60 IN SRV 1 5060 c.d.',
      null,
      /line 1: SRV takes priority, weight, port and target: 4 values, not 3/,
    ],
    ['an alias', 'a.b. 60 IN CNAME c.d.', null, /line 1: the type CNAME is not read here/],
    ['another class', 'a.b. 60 CH A 192.0.2.1', null, /line 1: the class is CH/],
    ['an address of the other kind', 'a.b. 60 IN A 2001:db8::1', null, /line 1: 2001:db8::1 is no address for A/],
    ['a file to include', '$INCLUDE other', null, /line 1: \$INCLUDE is not read/],
    [
      'two faults',
      'a.b. 60 IN A x\na.b. 60 IN A 192.0.2.1\na.b. 60 IN A y',
      null,
      /line 1: x is no .*; line 3: y is no/,
    ],
  ];
  for (const [what, text, zone, why] of faults) {
    test(`${what} is told by its line`, () => {
      assert.throws(
        () => parseZoneText(text, zone),
        (error: Error) => error instanceof AppError && error.code === 'invalid' && why.test(error.message),
      );
    });
  }
  test('a target that lost its dot is continued by the zone, as name servers do it', () => {
    const [record] = parseZoneText('_sip._udp 60 IN SRV 1 1 5060 voip1.domain.com', 'domain.com');
    assert.equal(record?.type === 'SRV' && record.target, 'voip1.domain.com.domain.com');
  });
  test('no text takes it down', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', '.', ' ', '(', ')', '"', ';', '\n', '\\', '1', '$', '@', 'SRV') }),
        (text) => {
          try {
            parseZoneText(text, 'example.com');
          } catch (error) {
            assert.ok(error instanceof AppError, String(error));
          }
        },
      ),
    );
  });
});

describe('zones', () => {
  test('a name belongs to the longest zone that it ends in', () => {
    const zones = ['example.com', 'pbxa.example.com', 'com', 'ample.com'];
    assert.equal(zoneOf('_sip._udp.pbxa.example.com', zones), 'pbxa.example.com');
    assert.equal(zoneOf('pbxa.example.com', zones), 'pbxa.example.com');
    assert.equal(zoneOf('xpbxa.example.com', zones), 'example.com');
    assert.equal(zoneOf('example.org', zones), null);
    assert.deepEqual([nameInZone('a.b.c', 'b.c'), nameInZone('b.c', 'b.c')], ['a', '']);
  });
});

describe('sets', () => {
  const records = parseZoneText(MANUAL);
  test('gather all records of a name and a type, in one order', () => {
    const sets = setsOf(records, ['example.com']);
    assert.deepEqual(setsOf([...records].reverse(), ['example.com']), sets);
    assert.deepEqual(
      sets.map(({ zone, name: short, fqdn, type, ttl: seconds, values }) => [
        zone,
        short,
        fqdn,
        type,
        seconds,
        values.length,
      ]),
      [
        ['example.com', '_sip._udp', '_sip._udp.example.com', 'SRV', 86_400, 5],
        [null, '_sip._udp.pbxa.domain.com', '_sip._udp.pbxa.domain.com', 'SRV', 86_400, 2],
        [null, '_sip._udp.pbxb.domain.com', '_sip._udp.pbxb.domain.com', 'SRV', 86_400, 2],
      ],
    );
    assert.deepEqual(setsByKey(sets)['_sip._udp.pbxb.domain.com SRV']?.values, [
      '10 10 5060 voip2.domain.com.',
      '20 10 5060 voip1.domain.com.',
    ]);
  });
});

describe('files of octoDNS', () => {
  test('are one zone, in the order that it enforces', () => {
    const servers = [aServer('voip1'), aServer('voip2')];
    const names = ['pbx10', 'pbx9', 'no'];
    const pools = names.map((one) => aPool({ name: one, domain: `${one}.example.com` }));
    const records = [
      ...pools.flatMap((pool) => recordsOf(pool, servers)),
      ...parseZoneText(
        '12.example.com. 60 IN A 192.0.2.1\nexample.com. 60 IN A 192.0.2.1\nb.example.org. 60 IN A 192.0.2.1',
      ),
      ...parseZoneText('no.example.com. 60 IN A 192.0.2.2\n'),
    ];
    const keys = ['', '12', '_sip._udp.no', '_sip._udp.pbx9', '_sip._udp.pbx10', 'no', 'pbx9', 'pbx10'];
    assert.deepEqual([...octoDnsZone(records, 'example.com').keys()], keys);
    const text = octoDnsText(records, 'example.com');
    assert.ok(text.startsWith('---\n'));
    const read = parse(text, { mapAsMap: true, version: '1.1' }) as Map<string, unknown>;
    assert.deepEqual([...read.keys()], keys, 'a name that looks like a number or a word of YAML stays a name');
    const plain = parse(text, { version: '1.1' }) as Record<string, unknown>;
    assert.deepEqual(plain['_sip._udp.pbx9'], {
      ttl: 300,
      type: 'SRV',
      values: [
        { port: 5060, priority: 10, target: 'voip1.example.com.', weight: 10 },
        { port: 5060, priority: 20, target: 'voip2.example.com.', weight: 10 },
      ],
    });
    assert.deepEqual(plain.no, [
      { ttl: 60, type: 'A', values: ['192.0.2.2'] },
      {
        ttl: 300,
        type: 'NAPTR',
        values: [
          {
            flags: 's',
            order: 10,
            preference: 10,
            regexp: '',
            replacement: '_sip._udp.no.example.com.',
            service: 'SIP+D2U',
          },
        ],
      },
    ]);
  });
  test('need a zone, and may be empty', () => {
    assert.throws(() => octoDnsText([], undefined), /name it/);
    assert.equal(octoDnsText([], 'example.com'), '---\n{}\n');
  });
});
