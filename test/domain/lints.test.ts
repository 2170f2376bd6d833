// What is doubtful about a fleet: each lint where it belongs, silent where it does not, with its numbers.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Fleet, LINT_CODES, type Lint, lintsOf } from '../../src/domain/lints.ts';
import { nearMisses, slipsBetween } from '../../src/domain/near-miss.ts';
import { aPool, aServer } from '../support/world.ts';

const target = (server: string, priority: number, weight = 10, port = 5060) => ({ server, priority, weight, port });

const pbxA = aPool({ targets: [target('voip1', 10), target('voip2', 20)] });
const pbxB = aPool({ name: 'pbxB', domain: 'pbxb.example.com', targets: [target('voip2', 10), target('voip1', 20)] });

/** The manual's advanced set-up: two servers, mirrored pools, each with a tenant. Nothing is doubtful about it. */
const fleet = (changes: Partial<Fleet> = {}): Fleet => ({
  servers: [aServer('voip1'), aServer('voip2')],
  pools: [pbxA, pbxB],
  placements: [
    { tenant: 'acme', pool: 'pbxA', weight: 30 },
    { tenant: 'globex', pool: 'pbxB', weight: 12 },
  ],
  promisedMoveS: 3_600,
  provisioningHost: 'prov.example.com',
  ...changes,
});

const found = (changes: Partial<Fleet>) =>
  lintsOf(fleet(changes)).map(({ code, severity, subject }) => `${severity} ${code}: ${subject}`);

const only = (changes: Partial<Fleet>, code: Lint['code']): Lint => {
  const [lint, ...others] = lintsOf(fleet(changes)).filter((one) => one.code === code);
  assert.deepEqual(others, []);
  return lint ?? assert.fail(`no lint ${code}`);
};

test('nothing is doubtful about the manual’s two servers with mirrored pools', () => {
  assert.deepEqual(lintsOf(fleet()), []);
});

test('the manual’s simple set-up has no error: the second server idles by intent', () => {
  const simple = { pools: [pbxA], placements: [{ tenant: 'acme', pool: 'pbxA', weight: 3 }] };
  assert.deepEqual(found(simple), ['info idle-server: server voip2']);
  assert.match(only(simple, 'idle-server').message, /only a backup \(in pbxA\)/);
});

test('a ring of three servers: each is the primary of one pool and backs another', () => {
  const names = ['voip1', 'voip2', 'voip3'];
  const pools = names.map((name, at) =>
    aPool({
      name: `p${at}`,
      domain: `p${at}.example.com`,
      targets: [target(name, 1), target(names[(at + 1) % 3] ?? '', 2)],
    }),
  );
  const placements = pools.map(({ name }) => ({ tenant: `t-${name}`, pool: name, weight: 1 }));
  assert.deepEqual(found({ servers: names.map((name) => aServer(name)), pools, placements }), []);
});

describe('pools', () => {
  test('all servers in one priority: an error with all three reasons of the manual', () => {
    const all = aPool({ targets: [target('voip1', 10), target('voip2', 10)] });
    const lint = only({ pools: [all, pbxB] }, 'several-primaries');
    assert.deepEqual([lint.severity, lint.subject], ['error', 'pool pbxA']);
    assert.match(lint.message, /2 servers in its best priority \(voip1, voip2\)/);
    assert.match(lint.message, /reachable on neither.*transfer fails.*no longer seen as busy/);
    assert.ok(!found({ pools: [all, pbxB] }).some((one) => one.includes('identical')));
  });
  test('no backup', () => {
    assert.deepEqual(found({ pools: [aPool({ targets: [target('voip1', 10)] }), pbxB] }), [
      'warning no-backup: pool pbxA',
    ]);
  });
  test('the same servers in the same order are one pool under two names, whatever the numbers', () => {
    const twin = aPool({
      name: 'twin',
      domain: 'twin.example.com',
      targets: [target('voip2', 9, 5), target('voip1', 3, 7)],
    });
    const placements = [...fleet().placements, { tenant: 'third', pool: 'twin', weight: 1 }];
    const lint = only({ pools: [pbxA, pbxB, twin], placements }, 'identical-pools');
    assert.match(lint.message, /pools pbxA, twin send phones to the same servers/);
    const otherPort = aPool({ ...twin, targets: [target('voip1', 3, 7, 5066), target('voip2', 9)] });
    assert.deepEqual(found({ pools: [pbxA, pbxB, otherPort], placements }), []);
    const overTls = aPool({ ...twin, transports: ['tls'] });
    assert.deepEqual(found({ pools: [pbxA, pbxB, overTls], placements }), []);
  });
  test('weights tell pools apart where they share the load', () => {
    const shared = (name: string, weight: number) =>
      aPool({
        name,
        domain: `${name}.example.com`,
        targets: [target('voip1', 1), target('voip2', 2, weight), target('voip3', 2)],
      });
    const servers = ['voip1', 'voip2', 'voip3'].map((name) => aServer(name));
    const codes = (pools: Fleet['pools']) => lintsOf(fleet({ servers, pools, placements: [] })).map(({ code }) => code);
    assert.ok(codes([shared('a', 1), shared('b', 1)]).includes('identical-pools'));
    assert.ok(!codes([shared('a', 1), shared('b', 2)]).includes('identical-pools'));
  });
  test('a pool without tenants', () => {
    assert.deepEqual(found({ placements: [{ tenant: 'acme', pool: 'pbxA', weight: 1 }] }), [
      'info unused-pool: pool pbxB',
    ]);
  });
  test('a TTL that is longer than what is promised, with the worst case', () => {
    const slow = aPool({ ttl: 86_400 });
    const lint = only({ pools: [slow, pbxB] }, 'slow-ttl');
    assert.equal(lint.severity, 'warning');
    assert.match(lint.message, /kept for 86400 s \(24 hours\).*3600 s are promised/);
    assert.deepEqual(found({ pools: [slow, pbxB], promisedMoveS: 86_400 }), []);
  });
  test('weights of 0 all over a priority, and one weight of 0 alone', () => {
    const zero = aPool({ targets: [target('voip1', 10, 0), target('voip1', 10, 0, 5066), target('voip2', 20, 0)] });
    const lint = only({ pools: [zero, pbxB] }, 'weights-all-zero');
    assert.match(lint.message, /all 2 targets of pool pbxA with priority 10 have weight 0/);
    const one = aPool({ targets: [target('voip1', 10, 1), target('voip1', 10, 0, 5066), target('voip2', 20, 0)] });
    assert.deepEqual(found({ pools: [one, pbxB] }), []);
  });
  test('a primary that is down or draining, where tenants stand', () => {
    const servers = (state: string) => [aServer('voip1', { state }), aServer('voip2')];
    assert.deepEqual(found({ servers: servers('down') }), ['error bad-primary: pool pbxA']);
    assert.deepEqual(found({ servers: servers('draining') }), ['warning bad-primary: pool pbxA']);
    assert.match(
      only({ servers: servers('down') }, 'bad-primary').message,
      /voip1 is down .* pbxA, on which 1 tenants/,
    );
    const placements = [{ tenant: 'globex', pool: 'pbxB', weight: 1 }];
    assert.deepEqual(found({ servers: servers('down'), placements }), ['info unused-pool: pool pbxA']);
  });
});

describe('servers', () => {
  test('one that is in no pool; one that is down is not blamed for being idle', () => {
    const servers = [...fleet().servers, aServer('voip3'), aServer('voip4', { state: 'down' })];
    assert.deepEqual(found({ servers }), ['info idle-server: server voip3']);
    assert.match(only({ servers }, 'idle-server').message, /voip3 is in no pool/);
  });
  test('mirrored pools: each server must bear both loads', () => {
    const servers = [aServer('voip1', { capacity: 40 }), aServer('voip2', { capacity: 50 })];
    assert.deepEqual(found({ servers }), ['warning mirror-overload: server voip1']);
    assert.match(
      only({ servers }, 'mirror-overload').message,
      /pools pbxA, pbxB mirror each other.*when voip2 is lost, server voip1 bears 42 of 40/,
    );
    assert.deepEqual(found({ servers: [aServer('voip1', { capacity: 42 }), aServer('voip2', { capacity: 42 })] }), []);
  });
  test('too much load now is an error; a backup that is too small without a mirror is said otherwise', () => {
    assert.deepEqual(found({ servers: [aServer('voip1', { capacity: 20 }), aServer('voip2')] }), [
      'error overload: server voip1',
      'warning mirror-overload: server voip1',
    ]);
    const simple = { pools: [pbxA], placements: [{ tenant: 'acme', pool: 'pbxA', weight: 30 }] };
    const servers = [aServer('voip1'), aServer('voip2', { capacity: 10 })];
    assert.deepEqual(found({ ...simple, servers }), [
      'warning overload: server voip2',
      'info idle-server: server voip2',
    ]);
  });
  test('one that phones fetch their files from, by its name or its address', () => {
    assert.deepEqual(found({ provisioningHost: 'voip1.example.com' }), [
      'warning provisioning-on-server: server voip1',
    ]);
    const servers = [aServer('voip1', { addresses: ['192.0.2.1', '2001:db8::1'] }), aServer('voip2')];
    for (const provisioningHost of ['192.0.2.1', '[2001:db8::1]']) {
      assert.deepEqual(found({ servers, provisioningHost }), ['warning provisioning-on-server: server voip1']);
    }
  });
});

describe('names that are nearly right', () => {
  test('the manual’s own slip, voip2.domin.com, with the name that is meant', () => {
    const servers = [aServer('voip1', { host: 'voip1.domain.com' }), aServer('voip2', { host: 'voip2.domin.com' })];
    const pools = [aPool({ ...pbxA, domain: 'pbxa.domain.com' }), aPool({ ...pbxB, domain: 'pbxb.domain.com' })];
    const changes = { servers, pools, provisioningHost: 'prov.domain.com' };
    assert.deepEqual(found(changes), ['warning near-miss: server voip2']);
    assert.match(only(changes, 'near-miss').message, /voip2\.domin\.com .*is voip2\.domain\.com meant/);
  });
  const named = (...hosts: string[]) => hosts.map((host) => ({ subject: host, host }));
  const misses = (...hosts: string[]) => nearMisses(named(...hosts), []).map(({ host, nearest }) => [host, nearest]);

  test('domains that are meant to differ are left alone', () => {
    for (const hosts of [
      ['voip1.ny.example.com', 'voip1.nj.example.com', 'voip2.ny.example.com'],
      ['voip.east1.example.com', 'voip.east2.example.com', 'b.east1.example.com'],
      ['voip.north.example.com', 'voip.south.example.com', 'b.north.example.com'],
      ['voip1.example.com', 'voip1.example.org', 'voip2.example.com'],
      ['voip1.example.com', 'voip2.other.net', 'voip3.example.com'],
      ['voip1.example.com', 'voip2.eu.example.com', 'voip3.example.com'],
    ]) {
      assert.deepEqual(misses(...hosts), [], hosts.join());
    }
  });
  test('the rarer one is the slip; where both are as frequent, both are told', () => {
    assert.deepEqual(misses('a.example.com', 'b.exmaple.com', 'c.example.com'), [['b.exmaple.com', 'b.example.com']]);
    assert.deepEqual(misses('a.domain.com', 'b.domin.com'), [
      ['a.domain.com', 'a.domin.com'],
      ['b.domin.com', 'b.domain.com'],
    ]);
  });
  test('slips are letters left out, put in, changed or exchanged', () => {
    const cases: [string, string, number][] = [
      ['domain', 'domain', 0],
      ['domain', 'domin', 1],
      ['domain', 'domaain', 1],
      ['domain', 'domein', 1],
      ['domain', 'doamin', 1],
      ['domain', '', 6],
      ['domain', 'doming', 2],
    ];
    for (const [one, other, slips] of cases) {
      assert.equal(slipsBetween(one, other), slips, other);
      assert.equal(slipsBetween(other, one), slips, other);
    }
  });
});

test('every lint says what to do, and errors come first', () => {
  const bad = aPool({ ttl: 86_400, targets: [target('voip1', 1, 0), target('voip2', 1, 0)] });
  const lints = lintsOf(fleet({ pools: [bad, pbxB], provisioningHost: 'voip1.example.com' }));
  assert.deepEqual(
    lints.map(({ severity }) => severity),
    ['error', 'warning', 'warning', 'warning', 'warning'],
  );
  assert.ok(
    lints.every(({ code, message, remedy }) => LINT_CODES.includes(code) && message.length > 40 && remedy.length > 15),
  );
});
