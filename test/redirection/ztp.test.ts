// The protocol `ztp` against a service that holds us to its contract.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, type TestContext, test } from 'node:test';
import type { AppError } from '../../src/domain/errors.ts';
import type { Mac } from '../../src/domain/mac.ts';
import { openRedirections } from '../../src/redirection/redirection.ts';
import { answering, startZtp, ZTP_CREDENTIALS } from './services.ts';

const URL_OF_TENANT = 'https://prov.example.com/p/aaaaaaaaaaaaaaaaaaaaaaaaaa/';
const TARGET = { url: URL_OF_TENANT, tenant: 'acme' };
const mac = (index: number) => `64167fa${index.toString(16).padStart(5, '0')}` as Mac;

async function setUp(context: TestContext, credentials: { apiKey: string } = ZTP_CREDENTIALS) {
  const service = await startZtp(context);
  const waits: number[] = [];
  const redirections = openRedirections({
    now: () => new Date(),
    random: randomBytes,
    wait: async (ms) => void waits.push(ms),
    timeoutMs: 400,
  });
  return { service, waits, api: redirections.connect('ztp', { service: 'ztp', baseUrl: service.url, credentials }) };
}

const outcomes = (reports: readonly { outcome: string }[]) => reports.map(({ outcome }) => outcome);

describe('claiming', () => {
  test('makes the tenant’s profile once, and puts the phones into it', async (context) => {
    const { service, api } = await setUp(context);
    assert.deepEqual(outcomes(await api.claim([mac(1), mac(2)], TARGET)), ['claimed', 'claimed']);
    assert.deepEqual(outcomes(await api.claim([mac(2), mac(3)], TARGET)), ['unchanged', 'claimed']);
    assert.deepEqual(
      [...service.profiles.values()],
      [
        {
          id: 'profile-1',
          name: 'homeport-acme',
          enabled: true,
          template: { dhcp: { bootServerOption: 'STATIC' }, provisioning: { server: { address: URL_OF_TENANT } } },
        },
      ],
    );
    assert.equal(service.devices.size, 3);
    assert.deepEqual(service.violations, []);
  });
  test('sets a profile’s address right and leaves the rest of it', async (context) => {
    const { service, api } = await setUp(context);
    const template = {
      software: { version: '8.2.0' },
      dhcp: { bootServerOption: 'OPTION66' },
      provisioning: { polling: true, server: { address: 'https://old.example.com', username: 'x', password: 'y' } },
    };
    service.profiles.set('p9', { id: 'p9', name: 'homeport-acme', enabled: true, template });
    assert.deepEqual(outcomes(await api.claim([mac(1)], TARGET)), ['claimed']);
    const { provisioning, ...rest } = service.profiles.get('p9')?.template ?? {};
    assert.deepEqual(rest, { software: { version: '8.2.0' }, dhcp: { bootServerOption: 'OPTION66' } });
    assert.deepEqual(provisioning, {
      polling: true,
      server: { address: URL_OF_TENANT, username: 'x', password: 'y' },
    });
    assert.equal(service.profiles.size, 1);
    assert.deepEqual(service.violations, []);
  });
  test('finds its profile on a later page', async (context) => {
    const { service, api } = await setUp(context);
    const template = { provisioning: { server: { address: URL_OF_TENANT } } };
    for (let index = 0; index < 150; index++) {
      const name = index === 149 ? 'homeport-acme' : `other-${index}`;
      service.profiles.set(`p${index}`, { id: `p${index}`, name, enabled: true, template });
    }
    await api.claim([mac(1)], TARGET);
    assert.equal(service.devices.get(mac(1)), 'p149');
    assert.equal(service.profiles.size, 150);
  });
  test('moves a phone of another profile, and tells of one of another account', async (context) => {
    const { service, api } = await setUp(context);
    service.devices.set(mac(1), 'elsewhere');
    service.foreign.add(mac(2));
    const reports = await api.claim([mac(1), mac(2), mac(3)], TARGET);
    assert.deepEqual(outcomes(reports), ['moved', 'failed', 'claimed']);
    assert.equal(reports[1]?.reason, 'ztp refuses (409: Device is registered already)');
    assert.deepEqual(service.violations, []);
  });
  test('goes on where a phone fails, and stops where the service does', async (context) => {
    const { service, api } = await setUp(context);
    await api.claim([mac(1)], TARGET);
    // The profiles are read, one phone passes, then nothing does.
    service.faults.push(null, null, answering(500));
    const reports = await api.claim([mac(2), mac(3), mac(4)], TARGET);
    assert.deepEqual(outcomes(reports), ['claimed', 'failed', 'failed']);
    assert.match(reports[2]?.reason ?? '', /has failed \(500\)/);
    assert.equal(service.devices.size, 2);
  });
  test('waits when it is asked to', async (context) => {
    const { service, api, waits } = await setUp(context);
    service.faults.push(answering(429, { 'retry-after': '2' }));
    assert.deepEqual(outcomes(await api.claim([mac(1)], TARGET)), ['claimed']);
    assert.deepEqual(waits, [2_000]);
  });
});

test('listing tells where each phone is sent', async (context) => {
  const { service, api } = await setUp(context);
  const phones = Array.from({ length: 120 }, (_, index) => mac(index + 1));
  await api.claim(phones, TARGET);
  service.devices.set(mac(900), 'a profile that is gone');
  const held = await api.list();
  assert.equal(held.length, 121);
  assert.deepEqual(held[0], { mac: mac(1), url: URL_OF_TENANT });
  assert.deepEqual(held[120], { mac: mac(900), url: null });
  assert.deepEqual(service.violations, []);
});

test('releasing takes phones out, and tells which it cannot', async (context) => {
  const { service, api } = await setUp(context);
  await api.claim([mac(1)], TARGET);
  service.foreign.add(mac(2));
  const reports = await api.release([mac(1), mac(2), mac(3)]);
  assert.deepEqual(outcomes(reports), ['released', 'failed', 'released']);
  assert.match(reports[1]?.reason ?? '', /409: Another account/);
  assert.equal(service.devices.size, 0);
  assert.deepEqual(service.violations, []);
});

test('a wrong key is told without showing it', async (context) => {
  const { service, api } = await setUp(context, { apiKey: 'not-the-key' });
  const error = (await api.claim([mac(1)], TARGET).catch((reason: unknown) => reason)) as AppError;
  assert.equal(error.code, 'conflict');
  assert.match(error.message, /^ztp refuses the account \(401: Unauthorized\)/);
  assert.ok(!error.message.includes('not-the-key'));
  assert.equal(service.seen.length, 1);
});
