import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AppError } from '../../src/domain/errors.ts';
import { assignable, bestServers, checkAssignable, primaryOf } from '../../src/domain/pool.ts';
import { recordsOf, zoneLine } from '../../src/domain/srv.ts';
import { aPool } from '../support/world.ts';

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
    ['with a setting nobody knows', { port: 5060 }, /port/],
  ];
  for (const [name, changes, why] of cases) test(name, () => assert.throws(() => aPool(changes), why));
});

describe('the records of a pool', () => {
  const servers = ['voip1', 'voip2'].map((name) => ({
    name,
    host: `${name}.example.com`,
    capacity: null,
    state: 'active' as const,
  }));
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
});
