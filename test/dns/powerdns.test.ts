// The second way of publishing: a real PowerDNS by its HTTP API, and a server in its place that misbehaves.
import assert from 'node:assert/strict';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { putTarget } from '../../src/app/dns-targets.ts';
import { planPublication } from '../../src/app/publish-dns.ts';
import { startApp } from '../support/app.ts';
import { needsPrograms } from '../support/system-packages.ts';
import { ACTOR, openDemo } from './house.ts';
import { dig, POWERDNS, startPowerDns, ZONE } from './servers.ts';

describe('with PowerDNS', { skip: needsPrograms(POWERDNS) }, () => {
  test('the demo pools are published, healed, taken out; a race and a wrong key are refused', async (context) => {
    const server = await startPowerDns(context);
    const app = await startApp(context);
    const { address, port } = server;
    const target = { kind: 'powerdns', baseUrl: server.url, apiKey: server.apiKey, authorities: [{ address, port }] };
    const put = (changes: object = {}) =>
      app
        .api('put', `dns/targets/${ZONE}`)
        .send({ ...target, ...changes })
        .expect(200);
    const planOf = async () => (await app.api('get', 'dns/plan').expect(200)).body;
    const byHand = (rrset: object) =>
      fetch(`${server.url}/api/v1/servers/localhost/zones/${ZONE}.`, {
        method: 'PATCH',
        headers: { 'x-api-key': server.apiKey, 'content-type': 'application/json' },
        body: JSON.stringify({ rrsets: [rrset] }),
      });
    const changed = (content: string) => ({
      ...{ name: '_sip._udp.pbxa.example.com.', type: 'SRV', ttl: 300, changetype: 'REPLACE' },
      records: [{ content, disabled: false }],
    });
    const shown = await put();
    assert.equal(shown.body.apiKey, 'set');
    assert.ok(!shown.text.includes(server.apiKey));

    const publication = await app
      .api('post', 'dns/publications')
      .send({ digest: (await planOf()).digest })
      .expect(201);
    assert.deepEqual([publication.body.zones[0].done, publication.body.zones[0].servers[0].state], [4, 'same']);
    const right = ['10 10 5060 voip1.example.com.', '20 10 5060 voip2.example.com.'];
    assert.deepEqual(dig(server, '_sip._udp.pbxa.example.com', 'SRV'), right);
    assert.deepEqual(dig(server, 'pbxb.example.com', 'NAPTR'), ['10 10 "s" "SIP+D2U" "" _sip._udp.pbxb.example.com.']);
    assert.deepEqual(dig(server, 'www.example.com', 'A'), ['192.0.2.80'], 'what is not ours stays');
    assert.deepEqual((await planOf()).zones[0].changes, []);

    const stale = (await planOf()).digest;
    assert.equal((await byHand(changed('5 5 5060 www.example.com.'))).status, 204);
    await app.api('post', 'dns/publications').send({ digest: stale }).expect(409);
    assert.deepEqual(dig(server, '_sip._udp.pbxa.example.com', 'SRV'), ['5 5 5060 www.example.com.']);
    await app
      .api('post', 'dns/publications')
      .send({ digest: (await planOf()).digest })
      .expect(201);
    assert.deepEqual(dig(server, '_sip._udp.pbxa.example.com', 'SRV'), right);

    for (const tenant of ['globex'])
      await app.api('post', `tenants/${tenant}/moves`).send({ pool: 'pbxA' }).expect(201);
    await app.api('delete', 'pools/pbxB').expect(204);
    const plan = await planOf();
    assert.deepEqual(
      plan.zones[0].changes.map(({ action }: { action: string }) => action),
      ['delete', 'delete'],
    );
    await app.api('post', 'dns/publications').send({ digest: plan.digest }).expect(201);
    assert.deepEqual(dig(server, '_sip._udp.pbxb.example.com', 'SRV'), []);

    await put({ apiKey: 'another-key' });
    const refused = await planOf();
    assert.match(refused.zones[0].fault, /refuses the API key \(401\)/);
    assert.ok(!JSON.stringify(refused).includes('another-key'));
    await app.api('post', 'dns/publications').send({ digest: refused.digest }).expect(409);
  });
});

/** A server that answers every request in one way; counts them. */
async function startLiar(context: TestContext, answer: (response: ServerResponse) => void) {
  let asked = 0;
  const server = createServer((_request, response) => {
    asked++;
    answer(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked: () => asked };
}

const LIES: [string, (response: ServerResponse) => void, RegExp][] = [
  ['is silent', () => undefined, /did not answer within 1.5 s/],
  [
    'sends us elsewhere',
    (response) => response.writeHead(302, { location: 'http://127.0.0.1:9/' }).end(),
    /redirect, which is not followed/,
  ],
  [
    'has failed',
    (response) => response.writeHead(500).end('{"error": "oh: the-api-key"}'),
    /has failed \(500: oh: \[secret\]\)/,
  ],
  ['answers something else', (response) => response.writeHead(200).end('<html>'), /something else than a zone/],
  [
    'does not know the zone',
    (response) => response.writeHead(404).end('{"error": "Not Found"}'),
    /does not know the zone/,
  ],
  [
    'refuses',
    (response) => response.writeHead(422).end('{"error": "no\\n\\u0007thanks"}'),
    /refuses \(422: no thanks\)/,
  ],
  [
    'never ends',
    (response) => {
      response.writeHead(200);
      const more = () => response.write(Buffer.alloc(1_000_000, 0x20), (error) => error ?? more());
      more();
    },
    /more than 67108864 bytes|did not answer within/,
  ],
];

describe('an API that', () => {
  for (const [what, answer, why] of LIES) {
    test(`${what} gives no plan, and a sentence without the key`, async (context) => {
      const liar = await startLiar(context, answer);
      const house = await openDemo(context);
      const target = { kind: 'powerdns', baseUrl: liar.url, apiKey: 'the-api-key' };
      await putTarget(house, ZONE, target, ACTOR);
      const { zones } = await planPublication(house);
      assert.match(zones[0]?.fault ?? '', why);
      assert.deepEqual([zones[0]?.changes, liar.asked()], [[], 1]);
      assert.ok(!JSON.stringify(zones).includes('the-api-key'));
    });
  }

  const urls = [
    'http://api.example.com',
    'https://192.0.2.1',
    'ftp://127.0.0.1',
    'https://user:pass@example.com',
    'nonsense',
  ];
  for (const baseUrl of urls) {
    test(`stands at ${baseUrl} is not given a key`, async (context) => {
      const house = await openDemo(context);
      const target = { kind: 'powerdns', baseUrl, apiKey: 'the-api-key' };
      await assert.rejects(putTarget(house, ZONE, target, ACTOR), /baseUrl: must/);
      assert.deepEqual(await house.store.dns.targets(), []);
    });
  }
});
