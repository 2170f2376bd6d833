// Parameter names: which are known, which are near to one that is not, and how a list of them is read.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { checkParameter, findName, loadParameterNames } from '../../src/vendors/parameters.ts';
import { RULES, VENDORS, type VendorId } from '../support/parameter-rules.ts';

describe('a name that is not known comes with the nearest that are', () => {
  const cases: [VendorId, string, string][] = [
    ['yealink', 'account.1.sip_server.1.adress', 'account.1.sip_server.1.address'],
    ['yealink', 'account.12.sip_server.2.transport_typ', 'account.12.sip_server.2.transport_type'],
    ['yealink', 'account.1.sip_server.1.transport_', 'account.1.sip_server.1.transport_type'],
    ['yealink', 'account.1.sip_server.1.failover_timeout', 'account.1.sip_server.1.failback_timeout'],
    ['yealink', 'account.1.sip_server.1.retry_counter', 'account.1.sip_server.1.retry_counts'],
    ['yealink', 'linekey.7.lable', 'linekey.7.label'],
    ['yealink', 'static.auto_provision.pnp_enabled', 'static.auto_provision.pnp_enable'],
    ['polycom', 'reg.1.server.1.transprt', 'reg.1.server.1.transport'],
    ['polycom', 'reg.3.auth.userID', 'reg.3.auth.userId'],
    ['polycom', 'dns.cache.NAPTRs.2.name', 'dns.cache.NAPTR.2.name'],
    ['polycom', 'tcpIpApp.sntp.adress', 'tcpIpApp.sntp.address'],
    ['grandstream', 'account.2.network.DNSsMode', 'account.2.network.dnsMode'],
    ['grandstream', 'account.1.sip.server.1.adress', 'account.1.sip.server.1.address'],
    ['grandstream', 'account.1.sip.server.3.address', 'account.1.sip.server.1.address'],
  ];
  for (const [vendor, wrong, right] of cases) {
    test(`${vendor}: ${wrong}`, () => {
      const found = findName(RULES[vendor].names, wrong);
      assert.ok(!found.known && found.nearest.length <= 3);
      assert.equal(found.nearest[0], right);
      assert.ok(findName(RULES[vendor].names, right).known, 'and it is known');
    });
  }

  test('whoever means a reserved name is told at once', () => {
    const verdict = checkParameter(RULES.polycom, 'reg.1.server.1.transprt');
    assert.ok(verdict.state === 'warning');
    assert.match(verdict.message, /reg\.1\.server\.1\.transport \(which comes from the tenant's pool;/);
  });

  test('nothing is near a number or a text without sense, and no old name is proposed', () => {
    for (const name of ['P99999', 'zzzzzzzz', 'foo.bar']) {
      assert.deepEqual(findName(RULES.grandstream.names, name), { known: false, nearest: [] }, name);
    }
    const found = findName(RULES.yealink.names, 'account.1.sip_server_hosts');
    assert.ok(!found.known && !found.nearest.includes('account.1.sip_server_host'));
  });

  test('the search takes less than 20 ms, for the longest lists and names', () => {
    for (const vendor of VENDORS) {
      const wrong = Array.from({ length: 20 }, (_, index) => [
        `account.${index + 1}.sip.server.1.addresss.and.a.name.as.long.as.they.come`,
        `reg.${index + 1}.server.1.failOver.failBack.timeoutt`,
      ]).flat();
      const started = performance.now();
      for (const name of wrong) findName(RULES[vendor].names, name);
      const each = (performance.now() - started) / wrong.length;
      assert.ok(each < 20, `${vendor}: ${each.toFixed(1)} ms for a name`);
    }
  });
});

describe('a list of names', () => {
  const names = loadParameterNames(
    [
      '# a comment',
      'account.X.label',
      'account.X.key.Y.port\tlegacy',
      'key.{i}.name\tone two',
      'key.7.name',
      'P47',
      '',
    ].join('\n'),
  );

  test('numbers from 1 stand in the place of an index, and nothing else does', () => {
    assert.deepEqual(findName(names, 'account.12.label'), { known: true, tag: null });
    assert.deepEqual(findName(names, 'account.1.key.2.port'), { known: true, tag: 'legacy' });
    assert.deepEqual(findName(names, 'key.3.name'), { known: true, tag: 'one two' });
    assert.deepEqual(findName(names, 'key.7.name'), { known: true, tag: null }, 'a name itself goes before a pattern');
    assert.deepEqual(findName(names, 'P47'), { known: true, tag: null });
    for (const name of [
      'account.0.label',
      'account.X.label',
      'account.01.label',
      'account.x.label',
      'account..label',
      'account.1.Label',
      'P48',
    ]) {
      assert.equal(findName(names, name).known, false, name);
    }
  });

  test('a list that is not in order is refused with its line', () => {
    for (const text of ['a b', 'a\tb\tc', 'a\t', '{j}.x', 'x\nx']) {
      assert.throws(() => loadParameterNames(text), /^Error: line [12]: must be a name/, JSON.stringify(text));
    }
  });

  test('old and doubtful names are warned of, with what to do', () => {
    const rules = {
      names: loadParameterNames('old.name\tlegacy\nrare.name\tunverified\nfine.name\tgxp'),
      reserved: [],
    };
    assert.match(JSON.stringify(checkParameter(rules, 'old.name')), /"warning".*old spelling/);
    assert.match(JSON.stringify(checkParameter(rules, 'rare.name')), /"warning".*try it on one phone/);
    assert.deepEqual(checkParameter(rules, 'fine.name'), { state: 'ok' });
  });

  test('reserved outweighs everything else, whole names only', () => {
    const reserved = [{ pattern: 'a\\.b|c', reason: 'is ours; leave it' }];
    for (const name of ['a.b', 'c', 'C']) {
      assert.deepEqual(checkParameter({ names, reserved }, name), {
        state: 'refused',
        message: `${name} is ours; leave it`,
      });
    }
    for (const name of ['a.b.c', 'xc', 'cx'])
      assert.equal(checkParameter({ names, reserved }, name).state, 'warning', name);
  });

  test('any text gets a verdict', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 140 }), (text) => {
        assert.ok(['ok', 'warning', 'refused'].includes(checkParameter(RULES.yealink, text).state));
      }),
      { numRuns: 300 },
    );
  });
});
