// A tenant's own SRV name, and the two roads by which a move reaches its phones.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { installationSchema } from '../../src/domain/installation.ts';
import { parseWith } from '../../src/domain/parse.ts';
import { roadsOf } from '../../src/domain/roads.ts';
import { zoneLine } from '../../src/domain/srv.ts';
import {
  poolAsCalled,
  sameLabels,
  strangersUnder,
  tenantDomainOf,
  tenantLabel,
  tenantRecordsOf,
} from '../../src/domain/tenant-domain.ts';
import { hostNameSchema, nameSchema } from '../../src/domain/text.ts';
import { anAssignablePool, aServer } from '../support/world.ts';

const BASE = 't.example.com';

describe('the label of a tenant', () => {
  test('is its code where that is a label', () => {
    for (const code of ['acme', 'a', '42', 'acme-berlin', 'a'.repeat(63)]) assert.equal(tenantLabel(code), code);
  });
  test('is made, and says where it comes from, where the code is none', () => {
    for (const [code, begin] of [
      ['ACME', 'acme'],
      ['acme_1', 'acme-1'],
      ['acme-', 'acme'],
      ['xn--acme', 'xn-acme'],
      ['AB', 'ab'],
      [`A${'b'.repeat(62)}`, `a${'b'.repeat(47)}`],
    ] as const) {
      assert.match(tenantLabel(code), new RegExp(`^${begin}-x-[a-z2-7]{12}$`), code);
    }
  });
  test('a code that looks like a made label gets one of its own', () => {
    const made = tenantLabel('ACME');
    assert.notEqual(tenantLabel(made), made);
  });
  test('is always a label of DNS, is the same each time, and another for another code', () => {
    const code = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/);
    fc.assert(
      fc.property(code, code, (one, other) => {
        parseWith(nameSchema, one, 'the code');
        assert.equal(parseWith(hostNameSchema, tenantDomainOf(one, BASE), 'it'), tenantDomainOf(one, BASE));
        assert.doesNotMatch(tenantLabel(one), /^..--/);
        assert.equal(tenantLabel(one), tenantLabel(one));
        assert.equal(tenantLabel(one) === tenantLabel(other), one === other);
        for (const twin of [one.toUpperCase(), one.replaceAll('_', '-')]) {
          if (twin !== one) assert.notEqual(tenantLabel(twin), tenantLabel(one));
        }
      }),
    );
  });
  test('two codes with the same label would be found', () => {
    assert.deepEqual(sameLabels(['acme', 'ACME', 'Acme', 'acme_', 'acme-']), []);
    assert.deepEqual(sameLabels(['acme', 'globex', 'acme']), [['acme', 'acme']]);
  });
});

describe('a tenant’s own name', () => {
  const pool = anAssignablePool();
  test('has the records of the pool', () => {
    assert.deepEqual(tenantRecordsOf('acme', BASE, pool, [aServer('voip1'), aServer('voip2')]).map(zoneLine), [
      'acme.t.example.com. 300 IN NAPTR 10 10 "s" "SIP+D2U" "" _sip._udp.acme.t.example.com.',
      '_sip._udp.acme.t.example.com. 300 IN SRV 10 10 5060 voip1.example.com.',
      '_sip._udp.acme.t.example.com. 300 IN SRV 20 10 5060 voip2.example.com.',
    ]);
  });
  test('stands in the place of the pool’s domain, and of nothing else', () => {
    assert.deepEqual(poolAsCalled(pool, 'acme', BASE), { ...pool, domain: 'acme.t.example.com' });
    assert.equal(poolAsCalled(pool, 'acme', null), pool);
  });
  test('what would be taken for a tenant is found', () => {
    const names = ['voip1.example.com', 'pbxa.t.example.com', 't.example.com', 'xt.example.com'];
    assert.deepEqual(strangersUnder(BASE, names), ['pbxa.t.example.com']);
  });
  test('leaves room in a name for what stands in front of it', () => {
    const base = `${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.de`;
    assert.throws(() => parseWith(installationSchema, { tenantDomains: base }, 'it'), /at most 170/);
    assert.throws(() => parseWith(installationSchema, { tenantDomains: 'local' }, 'it'), /full DNS name/);
  });
});

describe('the roads of a move', () => {
  const phone = (registerExpiresS: number, poll = '02:00-05:00') => ({ registerExpiresS, poll });
  const times = (facts: Parameters<typeof roadsOf>[0]) =>
    Object.fromEntries(roadsOf(facts).map(({ road, open, toldS, worstS }) => [road, { open, toldS, worstS }]));

  test('with its own name: what resolvers keep, and the longest registration; nothing new to fetch', () => {
    assert.deepEqual(times({ ownName: true, ttlS: 300, phones: [phone(300), phone(600, 'off')] }), {
      dns: { open: true, toldS: 900, worstS: 900 },
      resync: { open: true, toldS: 300, worstS: 900 },
    });
  });
  test('with the pool’s domain: new files, at once for those that obey, in a day for the others', () => {
    assert.deepEqual(times({ ownName: false, ttlS: 300, phones: [phone(300)] }), {
      dns: { open: false, toldS: null, worstS: null },
      resync: { open: true, toldS: 0, worstS: 86_400 },
    });
  });
  test('phones that never look have no bound', () => {
    const facts = { ownName: false, ttlS: 300, phones: [phone(300), phone(300, 'off')] };
    assert.deepEqual(times(facts).resync, { open: true, toldS: 0, worstS: null });
    assert.match(roadsOf(facts)[1]?.because ?? '', /1 of them only when they boot/);
  });
});
