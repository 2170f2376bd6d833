// Races, answers that get lost, the schedule, and what others are told of DNS: history, metrics, checks, move previews.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkDns, dnsDrift, dnsTick, dnsWarnings } from '../../src/app/check-dns.ts';
import { putDnsSettings, putTarget } from '../../src/app/dns-targets.ts';
import { previewMove } from '../../src/app/move-tenant.ts';
import { planPublication, publish } from '../../src/app/publish-dns.ts';
import type { Dns, ZoneServer } from '../../src/dns/dns.ts';
import { startApp } from '../support/app.ts';
import { cleanEnvironment, ROOT, run } from '../support/commands.ts';
import { needsPrograms } from '../support/system-packages.ts';
import { ACTOR, openDemo, PATIENT, placeOf, targetAt } from './house.ts';
import { BIND, changeByHand, dig, startBind, ZONE, zoneOf } from './servers.ts';

const NAME = '_sip._udp.pbxa.example.com';

/** The same DNS with something that happens around a write. */
const around = (
  dns: Dns,
  write: (server: ZoneServer, changes: Parameters<ZoneServer['write']>[0]) => ReturnType<ZoneServer['write']>,
): Dns => ({
  ...dns,
  connect(target) {
    const server = dns.connect(target);
    return { ...server, write: (changes) => write(server, changes) };
  },
});

const NO_STOP = new AbortController().signal;

describe('with BIND 9', { skip: needsPrograms(BIND) }, () => {
  test('whoever changes a record just before our update keeps it, and we are told', async (context) => {
    const bind = await startBind(context);
    const house = await openDemo(context, { outside: PATIENT });
    await putTarget(house, ZONE, targetAt(bind), ACTOR);
    const { digest } = await planPublication(house);
    const dns = around(house.dns, (server, changes) => {
      changeByHand(bind, `update add ${NAME}. 300 SRV 1 1 5060 www.example.com.`);
      return server.write(changes);
    });
    await assert.rejects(
      publish({ ...house, dns }, { digest }, ACTOR),
      /somebody else has changed it.*nothing was changed/,
    );
    assert.deepEqual(dig(bind, NAME, 'SRV'), ['1 1 5060 www.example.com.']);
    assert.deepEqual(dig(bind, 'pbxb.example.com', 'NAPTR'), [], 'an update is done as a whole or not at all');
  });

  test('a race about something else is tried again and won', async (context) => {
    const bind = await startBind(context);
    const house = await openDemo(context, { outside: PATIENT });
    await putTarget(house, ZONE, targetAt(bind), ACTOR);
    const { digest } = await planPublication(house);
    let races = 0;
    const dns = around(house.dns, async (server, changes) => {
      races++;
      return races === 1 ? { kind: 'raced', done: 0 } : server.write(changes);
    });
    const { zones } = await publish({ ...house, dns }, { digest }, ACTOR);
    assert.deepEqual([zones[0]?.outcome, zones[0]?.done, races], ['published', 4, 2]);
  });

  test('an update whose answer was lost is found done by reading, not done twice', async (context) => {
    const bind = await startBind(context);
    const house = await openDemo(context, { outside: PATIENT });
    await putTarget(house, ZONE, targetAt(bind), ACTOR);
    const { digest } = await planPublication(house);
    let writes = 0;
    const dns = around(house.dns, async (server, changes) => {
      writes++;
      await server.write(changes);
      return { kind: 'silent', done: 0, why: 'no answer' };
    });
    const { zones } = await publish({ ...house, dns }, { digest }, ACTOR);
    assert.deepEqual([zones[0]?.outcome, writes], ['published', 1]);
    assert.equal(dig(bind, NAME, 'SRV').length, 2);
  });

  test('a server that is gone is unknown, not fine, and names stay remembered', async (context) => {
    const bind = await startBind(context);
    const house = await openDemo(context, { outside: { ...PATIENT, timeoutMs: 1_000 } });
    await putTarget(house, ZONE, targetAt(bind), ACTOR);
    await publish(house, { digest: (await planPublication(house)).digest }, ACTOR);
    assert.equal((await checkDns(house, ACTOR)).fine, 2);
    await bind.stop();
    assert.deepEqual((await checkDns(house, ACTOR)).unknown, 2);
    const { digest, zones } = await planPublication(house);
    assert.match(zones[0]?.fault ?? '', /cannot be reached|no answer/);
    await assert.rejects(publish(house, { digest }, ACTOR), /cannot be reached|no answer/);
    assert.equal((await house.store.dns.published()).length, 4);
  });

  test('the servers that a zone names are found through a resolver and asked', async (context) => {
    const bind = await startBind(context);
    // The same server as resolver: it is the authority for the zone, and its name server is on this machine.
    const house = await openDemo(context, { outside: PATIENT, port: bind.port });
    await putDnsSettings(house, { resolvers: [placeOf(bind)], checkEveryS: 0 }, ACTOR);
    await checkDns(house, ACTOR);
    const { pools, zones } = await dnsDrift(house);
    assert.deepEqual(
      zones.map(({ zone }) => zone),
      ['example.com'],
    );
    assert.match(zones[0]?.servers[0]?.server ?? '', /^ns1\.example\.com \(127\.0\.0\.1:\d+\)$/);
    assert.deepEqual(
      pools.map(({ state }) => state),
      ['drift', 'drift'],
    );
  });

  test('the schedule keeps its interval, two of them take turns, and the history is bounded', async (context) => {
    const bind = await startBind(context);
    let now = new Date();
    const house = await openDemo(context, { outside: { ...PATIENT, now: () => now } });
    assert.equal(await dnsTick(house, NO_STOP), null, 'nothing is configured');
    await putTarget(house, ZONE, targetAt(bind), ACTOR);
    const both = await Promise.all([dnsTick(house, NO_STOP), dnsTick(house, NO_STOP)]);
    assert.equal(both.filter((one) => one !== null).length, 1);
    now = new Date(now.getTime() + 299_000);
    assert.equal(await dnsTick(house, NO_STOP), null);
    now = new Date(now.getTime() + 1_000);
    assert.equal((await dnsTick(house, NO_STOP))?.drift, 2);
    await putDnsSettings(house, { checkEveryS: 0 }, ACTOR);
    now = new Date(now.getTime() + 3_600_000);
    assert.equal(await dnsTick(house, NO_STOP), null);
    assert.equal((await house.store.dns.checks({ before: null, limit: 10 })).length, 2);

    const at = now.toISOString();
    await house.store.transaction(async (tx) => {
      for (let count = 0; count < 600; count++) {
        const id = await tx.dns.begin(at);
        await tx.dns.end(
          { ...{ id, startedAt: at, endedAt: at, fine: 0, drift: 0, unknown: 0 }, zones: [], pools: [] },
          [],
        );
      }
    });
    assert.equal((await house.store.dns.checks({ before: null, limit: 1_000 })).length, 500);
  });

  test('a check that is cut off keeps nothing', async (context) => {
    const bind = await startBind(context);
    const house = await openDemo(context, { outside: PATIENT });
    await putTarget(house, ZONE, targetAt(bind), ACTOR);
    const stop = new AbortController();
    stop.abort();
    await assert.rejects(dnsTick(house, stop.signal), { name: 'AbortError' });
    assert.deepEqual(await house.store.dns.checks({ before: null, limit: 10 }), []);
    assert.deepEqual(await house.store.dns.verdicts(), []);
  });

  test('a move to a pool with doubtful DNS is warned of: never checked, drifted, too old; not when it is fine', async (context) => {
    const bind = await startBind(context);
    let now = new Date();
    const house = await openDemo(context, { outside: { ...PATIENT, now: () => now } });
    const warnings = async () => {
      const shown = { ...house, publicUrl: 'http://127.0.0.1:8080' } as Parameters<typeof previewMove>[0];
      const { warnings: all } = await previewMove(shown, { tenant: 'acme', pool: 'pbxB' }, ACTOR);
      return all.filter((one) => one.includes('DNS'));
    };
    assert.deepEqual(await warnings(), [], 'DNS is not our matter as long as nobody says so');
    await putTarget(house, ZONE, targetAt(bind), ACTOR);
    assert.match((await warnings())[0] ?? '', /nobody knows what DNS answers for pool pbxB/);
    await checkDns(house, ACTOR);
    assert.match((await warnings())[0] ?? '', /the DNS of pool pbxB is not what it should be: .*is missing/);
    await publish(house, { digest: (await planPublication(house)).digest }, ACTOR);
    await checkDns(house, ACTOR);
    assert.deepEqual(await warnings(), []);
    now = new Date(now.getTime() + 3_600_000);
    assert.match((await warnings())[0] ?? '', /last checked 60 minutes ago/);
    assert.equal((await house.store.snapshot((reads) => dnsWarnings(reads, 'pbxA', now))).length, 1);
  });

  test('the commands publish, check and tell; exit codes say whether all is fine', async (context) => {
    const bind = await startBind(context);
    const app = await startApp(context);
    const env = cleanEnvironment({
      HOMEPORT_DATABASE_URL: `file:${app.folder}/homeport.db`,
      HOMEPORT_DNS_TARGET: JSON.stringify(targetAt(bind)),
    });
    const homeport = (...args: string[]) => run(process.execPath, ['src/homeport.js', ...args], { cwd: ROOT, env });
    const resolvers = await homeport('dns', 'resolvers', `127.0.0.1:${bind.port}`, '--every', '0', '--json');
    assert.deepEqual(JSON.parse(resolvers.out), { resolvers: [placeOf(bind)], checkEveryS: 0 });
    const set = await homeport('dns', 'target', ZONE, '--set', '--json');
    assert.equal(set.code, 0, set.err);
    assert.equal(JSON.parse(set.out)[0].key.secret, 'set');
    const plan = await homeport('dns', 'publish');
    assert.match(plan.out, /create _sip\._udp\.pbxa\.example\.com SRV\n {2}\+ .* SRV 10 10 5060 voip1/);
    assert.deepEqual(dig(bind, NAME, 'SRV'), []);
    const checked = await homeport('dns', 'check');
    assert.deepEqual([checked.code, /pool pbxA: drift/.test(checked.out)], [1, true]);
    const digest = /--apply (\S+)/.exec(plan.out)?.[1] ?? '';
    const applied = await homeport('dns', 'publish', '--apply', digest, '--json');
    assert.deepEqual([applied.code, JSON.parse(applied.out).zones[0].done], [0, 4]);
    assert.equal((await homeport('dns', 'publish', '--apply', digest)).code, 1);
    const fine = await homeport('dns', 'check', '--json');
    assert.deepEqual(
      [fine.code, JSON.parse(fine.out).pools.map(({ state }: { state: string }) => state)],
      [0, ['fine', 'fine']],
    );
    assert.equal((await homeport('dns', 'drift')).code, 0);
    assert.equal(JSON.parse((await homeport('dns', 'history', '--json')).out).length, 2);

    const metrics = await fetch(`${app.adminUrl}/metrics`);
    const text = await metrics.text();
    assert.match(text, /homeport_dns_pools\{state="fine"\} 2/);
    assert.match(text, /homeport_dns_pools\{state="drift"\} 0/);
    assert.match(text, /homeport_dns_check_age_seconds \d+/);
    const { body } = await app.api('get', 'dns/checks?limit=1').expect(200);
    assert.deepEqual([body.items.length, body.items[0].fine, body.next === null], [1, 2, false]);
    assert.equal((await app.api('get', `dns/checks?cursor=${body.next}`).expect(200)).body.items.length, 1);
    const secret = targetAt(bind).key.secret;
    for (const path of ['dns/targets', `dns/targets/${ZONE}`, 'audit']) {
      assert.ok(!(await app.api('get', path).expect(200)).text.includes(secret), path);
    }
    changeByHand(bind, `update delete ${NAME}. SRV`);
    assert.ok(zoneOf(bind).length > 0);
    await homeport('dns', 'check');
    const health = await homeport('check');
    assert.match(health.out, /DNS answers something else than intended for pools pbxA/);
  });
});

describe('a target', () => {
  const refused: [string, object, RegExp][] = [
    [
      'an address of the link, where clouds keep their secrets',
      { server: { address: '169.254.169.254', port: 53 } },
      /server\.address: is an address of this link/,
    ],
    [
      'a name instead of an address',
      { server: { address: 'ns1.example.com', port: 53 } },
      /server\.address: must be an IPv4 or IPv6/,
    ],
    ['a multicast address', { server: { address: '224.0.0.251', port: 5353 } }, /server\.address/],
    ['a short secret', { key: { name: 'k', secret: 'c2hvcnQ=' } }, /key\.secret: must be Base64 of at least 16 bytes/],
    [
      'MD5',
      { key: { name: 'k', algorithm: 'hmac-md5', secret: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' } },
      /key\.algorithm/,
    ],
  ];
  for (const [what, changes, why] of refused) {
    test(`with ${what} is refused, and nothing is kept`, async (context) => {
      const house = await openDemo(context);
      const target = { ...targetAt({ address: '127.0.0.1', port: 53 }), ...changes };
      await assert.rejects(putTarget(house, ZONE, target, ACTOR), why);
      assert.deepEqual(await house.store.dns.targets(), []);
    });
  }
});
