import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AppError } from '../../src/domain/errors.ts';
import { parseWith } from '../../src/domain/parse.ts';
import { assignable, bestServers, checkAssignable, primaryOf } from '../../src/domain/pool.ts';
import { serverSchema } from '../../src/domain/server.ts';
import { addressRecordsOf, recordsOf, zoneLine } from '../../src/domain/srv.ts';
import { aPool, aServer } from '../support/world.ts';

const target = (server: string, priority: number, port = 5060) => ({ server, priority, weight: 10, port });

describe('an assignable pool has exactly one server in its best priority', () => {
  test('a primary with a backup is right', () => {
    const pool = assignable(aPool());
    assert.equal(primaryOf(pool), 'voip1');
    assert.deepEqual(checkAssignable(pool).warnings, []);
  });
  test('a primary without a backup is allowed with a warning', () => {
    const pool = aPool({ targets: [target('voip1', 10)] });
    assert.equal(primaryOf(assignable(pool)), 'voip1');
    assert.match(checkAssignable(pool).warnings.join(), /no backup server/);
  });
  test('two servers in the best priority are refused with both reasons', () => {
    const pool = aPool({ targets: [target('voip1', 10), target('voip2', 10), target('voip3', 20)] });
    assert.throws(
      () => assignable(pool),
      (error: Error) =>
        error instanceof AppError &&
        error.code === 'invalid' &&
        /reachable on neither/.test(error.message) &&
        /transfer fails/.test(error.message) &&
        /no longer seen as busy/.test(error.message) &&
        /voip1, voip2/.test(error.message),
    );
  });
  test('one server on two ports is one server', () => {
    const pool = aPool({ targets: [target('voip1', 10), target('voip1', 10, 5066), target('voip2', 20)] });
    assert.deepEqual(bestServers(pool), ['voip1']);
    assert.equal(primaryOf(assignable(pool)), 'voip1');
  });
  test('a backup on another port of the primary is no backup', () => {
    const pool = aPool({ targets: [target('voip1', 10), target('voip1', 20, 5066)] });
    assert.equal(checkAssignable(pool).warnings.length, 1);
  });
});

describe('what a pool cannot be', () => {
  const cases: [string, object, RegExp][] = [
    ['without a target', { targets: [] }, /lists all servers/],
    ['with a port in its domain', { domain: 'pbxa.example.com:5060' }, /without a port/],
    ['with an address for a domain', { domain: '192.0.2.1' }, /not an IP address/],
    ['with one label for a domain', { domain: 'pbxa' }, /full DNS name/],
    ['with a server and port twice', { targets: [target('voip1', 10), target('voip1', 20)] }, /twice/],
    ['with a transport twice', { transports: ['udp', 'udp'] }, /twice/],
    ['with no transport', { transports: [] }, /at least one transport/],
    ['with a priority beyond 16 bits', { targets: [target('voip1', 65_536)] }, /targets\.0\.priority/],
    ['with a port 0', { targets: [target('voip1', 10, 0)] }, /targets\.0\.port/],
    ['with a weight beyond 16 bits', { targets: [{ ...target('voip1', 10), weight: 65_536 }] }, /targets\.0\.weight/],
    ['with a port beyond 16 bits', { targets: [target('voip1', 10, 65_536)] }, /targets\.0\.port/],
    ['with a negative priority', { targets: [target('voip1', -1)] }, /targets\.0\.priority/],
    ['with a TTL of nothing', { ttl: 0 }, /ttl/],
    ['with a setting nobody knows', { port: 5060 }, /port/],
  ];
  for (const [name, changes, why] of cases) test(name, () => assert.throws(() => aPool(changes), why));
});

describe('the records of a pool', () => {
  const servers = ['voip1', 'voip2'].map((name) => aServer(name));
  test('one transport: a NAPTR that names it, and an SRV record for each target in order', () => {
    const pool = aPool({ ttl: 86_400, targets: [target('voip2', 20), target('voip1', 10)] });
    assert.deepEqual(recordsOf(pool, servers).map(zoneLine), [
      'pbxa.example.com. 86400 IN NAPTR 10 10 "s" "SIP+D2U" "" _sip._udp.pbxa.example.com.',
      '_sip._udp.pbxa.example.com. 86400 IN SRV 10 10 5060 voip1.example.com.',
      '_sip._udp.pbxa.example.com. 86400 IN SRV 20 10 5060 voip2.example.com.',
    ]);
  });
  test('several transports: NAPTR in the order of the pool, SRV for each', () => {
    const names = recordsOf(aPool({ transports: ['tls', 'tcp'] }), servers).map(({ name }) => name);
    assert.deepEqual(names, [
      'pbxa.example.com',
      'pbxa.example.com',
      '_sips._tcp.pbxa.example.com',
      '_sips._tcp.pbxa.example.com',
      '_sip._tcp.pbxa.example.com',
      '_sip._tcp.pbxa.example.com',
    ]);
  });
  test('the same server on two ports is two records', () => {
    const pool = aPool({ targets: [target('voip1', 10), target('voip1', 10, 5066)] });
    const ports = recordsOf(pool, servers).flatMap((record) => (record.type === 'SRV' ? [record.port] : []));
    assert.deepEqual(ports, [5060, 5066]);
  });
  test('a transport that is not offered has no records, or one that says so', () => {
    const lines = (denyOtherTransports: boolean) =>
      recordsOf(aPool({ denyOtherTransports, transports: ['udp'], targets: [target('voip1', 1)] }), servers).map(
        zoneLine,
      );
    const offered = [
      'pbxa.example.com. 300 IN NAPTR 10 10 "s" "SIP+D2U" "" _sip._udp.pbxa.example.com.',
      '_sip._udp.pbxa.example.com. 300 IN SRV 1 10 5060 voip1.example.com.',
    ];
    assert.deepEqual(lines(false), offered);
    assert.deepEqual(lines(true), [
      ...offered,
      '_sip._tcp.pbxa.example.com. 300 IN SRV 0 0 0 .',
      '_sips._tcp.pbxa.example.com. 300 IN SRV 0 0 0 .',
    ]);
    const all = aPool({ denyOtherTransports: true, transports: ['udp', 'tcp', 'tls'] });
    assert.ok(recordsOf(all, servers).every((record) => record.type !== 'SRV' || record.target !== '.'));
  });
  test('addresses live no longer than the shortest-lived record that points at them', () => {
    const list = [{ ...aServer('voip1'), addresses: ['192.0.2.1', '2001:db8::1'] }, aServer('voip2')];
    const pools = [aPool({ ttl: 60 }), aPool({ ttl: 3_600 })];
    assert.deepEqual(addressRecordsOf(list, pools).map(zoneLine), [
      'voip1.example.com. 60 IN A 192.0.2.1',
      'voip1.example.com. 60 IN AAAA 2001:db8::1',
    ]);
    assert.equal(addressRecordsOf(list, [])[0]?.ttl, 300);
  });
});

describe('what a server cannot be', () => {
  const server = (changes: object) =>
    parseWith(serverSchema, { ...{ name: 's', host: 's.example.com' }, ...changes }, 'it');
  const cases: [string, object, RegExp][] = [
    ['with an address for its host (RFC 2782)', { host: '192.0.2.1' }, /not an IP address/],
    ['with an IPv6 address for its host', { host: '2001:db8::1' }, /full DNS name/],
    ['with one label for its host', { host: 'voip1' }, /full DNS name/],
    ['with the name of a service for its host', { host: '_sip._udp.example.com' }, /full DNS name/],
    ['with a name among its addresses', { addresses: ['voip1.example.com'] }, /addresses\.0.*IPv4 or IPv6/],
    ['with a port at its address', { addresses: ['192.0.2.1:5060'] }, /addresses\.0/],
    ['with no address at all', { addresses: ['0.0.0.0'] }, /no address that a server/],
    ['with the address of many', { addresses: ['ff02::1'] }, /no address that a server/],
    ['with an address twice in two spellings', { addresses: ['2001:db8::1', '2001:DB8:0:0::1'] }, /twice/],
    ['with too many addresses', { addresses: Array.from({ length: 9 }, (_, at) => `192.0.2.${at + 1}`) }, /at most 8/],
  ];
  for (const [name, changes, why] of cases) test(name, () => assert.throws(() => server(changes), why));
  test('its addresses are kept in one spelling, and it needs none', () => {
    assert.deepEqual(server({ addresses: ['2001:DB8:0:0::A', '192.0.2.1'] }).addresses, ['2001:db8::a', '192.0.2.1']);
    assert.deepEqual(server({}).addresses, []);
  });
});
