// Whom a request comes from, when proxies stand in between and when somebody pretends that they do.
import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { openProxies, type ProxyRules } from '../../src/http/proxies.ts';
import { log } from '../../src/log.ts';

const RULES: ProxyRules = {
  networks: ['10.0.0.0/24', '192.0.2.7', '2001:db8:1::/48'],
  header: 'x-forwarded-for',
  certificateHeader: 'client-cert',
  secret: null,
};

type Headers = Record<string, string>;

/** What is made of a request from `peer` with these headers. */
function seen(peer: string, headers: Headers, rules: Partial<ProxyRules> = {}) {
  const request = { socket: { remoteAddress: peer }, headers } as unknown as IncomingMessage;
  const { address, secure } = openProxies({ ...RULES, ...rules }, () => 0).sourceOf(request);
  return secure ? `${address} over TLS` : address;
}

const forwardedFor = (...hops: string[]) => ({ 'x-forwarded-for': hops.join(', ') });

describe('X-Forwarded-For', () => {
  const cases: [name: string, peer: string, headers: Headers, expected: string][] = [
    ['from nobody we trust it says nothing', '203.0.113.9', forwardedFor('198.51.100.1'), '203.0.113.9'],
    ['from a proxy it names the client', '10.0.0.5', forwardedFor('198.51.100.1'), '198.51.100.1'],
    ['the proxy may come over IPv6', '::ffff:10.0.0.5', forwardedFor('198.51.100.1'), '198.51.100.1'],
    [
      'what the client wrote itself stands left and is not looked at',
      '10.0.0.5',
      forwardedFor('1.2.3.4', '198.51.100.1'),
      '198.51.100.1',
    ],
    ['through two proxies of ours', '10.0.0.5', forwardedFor('1.2.3.4', '198.51.100.1', '192.0.2.7'), '198.51.100.1'],
    ['only proxies: the first of them asks itself', '10.0.0.5', forwardedFor('10.0.0.9', '192.0.2.7'), '10.0.0.9'],
    [
      'rubbish ends the walk at the last that is known',
      '10.0.0.5',
      forwardedFor('1.2.3.4', 'unknown', '192.0.2.7'),
      '192.0.2.7',
    ],
    ['nothing said', '10.0.0.5', {}, '10.0.0.5'],
    ['a port is no part of it', '10.0.0.5', forwardedFor('198.51.100.1:4711'), '198.51.100.1'],
    ['IPv6 has one spelling', '10.0.0.5', forwardedFor('[2001:0DB8:0002::0001]:80'), '2001:db8:2::1'],
    ['a proxy with IPv6', '2001:db8:1::5', forwardedFor('2001:db8:2::1'), '2001:db8:2::1'],
    ['mapped addresses are IPv4', '10.0.0.5', forwardedFor('::ffff:198.51.100.1'), '198.51.100.1'],
  ];
  for (const [name, peer, headers, expected] of cases) {
    test(name, () => assert.equal(seen(peer, headers), expected));
  }

  test('whatever a client writes, an address that our proxy adds is the one that counts', () => {
    const text = fc.string({ unit: 'grapheme-ascii', maxLength: 60 });
    fc.assert(
      fc.property(text, text, (forged, scheme) => {
        const headers = {
          'x-forwarded-for': `${forged}, 198.51.100.1`,
          'x-forwarded-proto': scheme,
          forwarded: forged,
        };
        return seen('10.0.0.5', headers).replace(' over TLS', '') === '198.51.100.1';
      }),
    );
  });
});

describe('TLS in front of a proxy', () => {
  const proto = (scheme: string, ...hops: string[]) => ({ ...forwardedFor(...hops), 'x-forwarded-proto': scheme });
  test('is believed from a proxy only, and read where the client stands', () => {
    assert.equal(seen('10.0.0.5', proto('https', '198.51.100.1')), '198.51.100.1 over TLS');
    assert.equal(seen('10.0.0.5', proto('http', '198.51.100.1')), '198.51.100.1');
    assert.equal(seen('203.0.113.9', proto('https', '198.51.100.1')), '203.0.113.9');
    assert.equal(seen('10.0.0.5', proto('https, http', '198.51.100.1', '192.0.2.7')), '198.51.100.1 over TLS');
    assert.equal(seen('10.0.0.5', proto('https, http', '1.2.3.4', '198.51.100.1')), '198.51.100.1');
    assert.equal(seen('10.0.0.5', { 'x-forwarded-proto': 'https' }), '10.0.0.5 over TLS');
  });
});

describe('Forwarded (RFC 7239)', () => {
  const rules = { header: 'forwarded' };
  test('is read where it is the one header that counts, and X-Forwarded-For is not', () => {
    const headers = {
      forwarded: 'for=1.2.3.4, for="[2001:db8:2::1]:4711";proto=https;by=_x',
      'x-forwarded-for': '5.6.7.8',
    };
    assert.equal(seen('10.0.0.5', headers, rules), '2001:db8:2::1 over TLS');
    assert.equal(seen('10.0.0.5', headers), '5.6.7.8');
    assert.equal(seen('203.0.113.9', headers, rules), '203.0.113.9');
  });
  test('a comma or semicolon in quotes separates nothing', () => {
    assert.equal(
      seen('10.0.0.5', { forwarded: 'for="1.2.3.4, for=6.6.6.6";x=";", for=198.51.100.1' }, rules),
      '198.51.100.1',
    );
    assert.equal(seen('10.0.0.5', { forwarded: 'for=_hidden;proto=https' }, rules), '10.0.0.5 over TLS');
  });
});

test('with a secret, the address alone makes no proxy', () => {
  const rules = { secret: 'a-secret-of-the-proxy' };
  const shown = (value: string) => ({ ...forwardedFor('198.51.100.1'), 'x-homeport-proxy-secret': value });
  assert.equal(seen('10.0.0.5', shown('a-secret-of-the-proxy'), rules), '198.51.100.1');
  assert.equal(seen('10.0.0.5', shown('another-secret-it-is'), rules), '10.0.0.5');
  assert.equal(seen('10.0.0.5', forwardedFor('198.51.100.1'), rules), '10.0.0.5');
  assert.equal(seen('203.0.113.9', shown('a-secret-of-the-proxy'), rules), '203.0.113.9');
});

test('headers from somebody who is no proxy are told once a minute, with the address and nothing else', (context) => {
  const told: unknown[][] = [];
  context.mock.method(log, 'warn', (...line: unknown[]) => void told.push(line));
  let at = 0;
  const { sourceOf } = openProxies(RULES, () => at);
  const ask = (headers: Headers, peer = '203.0.113.9') =>
    sourceOf({ socket: { remoteAddress: peer }, headers } as unknown as IncomingMessage);
  for (let round = 0; round < 1_000; round += 1) ask(forwardedFor('198.51.100.1'));
  ask({ 'client-cert': ':AAAA:' });
  assert.equal(told.length, 1);
  at = 60_000;
  ask({ 'client-cert': ':AAAA:' }, '203.0.113.10');
  ask({ host: 'x' });
  assert.deepEqual(
    told.map(([fields]) => fields),
    [{ address: '203.0.113.9' }, { address: '203.0.113.10' }],
  );
  ask(forwardedFor('198.51.100.1'), '10.0.0.5');
  assert.equal(told.length, 2, 'a proxy may do so');
});
