// The protocol `ymcs` against a service that holds us to its contract, and every fault that such a service can have.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type AddressInfo, createServer } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import type { AppError } from '../../src/domain/errors.ts';
import type { Mac } from '../../src/domain/mac.ts';
import { openRedirections } from '../../src/redirection/redirection.ts';
import { answering, type Fault, startYmcs, YMCS_CREDENTIALS, type Ymcs } from './services.ts';

const TIMEOUT_MS = 400;
const URL_OF_TENANT = 'https://prov.example.com/p/aaaaaaaaaaaaaaaaaaaaaaaaaa/';
const TARGET = { url: URL_OF_TENANT, tenant: 'acme' };

const mac = (index: number) => `805ec0a${index.toString(16).padStart(5, '0')}` as Mac;
const macs = (count: number) => Array.from({ length: count }, (_, index) => mac(index + 1));

async function setUp(context: TestContext, credentials = YMCS_CREDENTIALS) {
  const service = await startYmcs(context);
  const waits: number[] = [];
  const redirections = openRedirections({
    now: () => new Date(),
    random: randomBytes,
    wait: async (ms) => void waits.push(ms),
    timeoutMs: TIMEOUT_MS,
  });
  const account = { service: 'ymcs', baseUrl: service.url, credentials };
  return { service, waits, api: redirections.connect('ymcs', account) };
}

const paths = ({ seen }: Ymcs) => seen.map(({ path }) => path.replace('/v2/', ''));

/** Nothing in an error may be a secret of ours. */
function isClean(service: Ymcs, { message }: Error): void {
  const secrets = [...Object.values(YMCS_CREDENTIALS), ...service.tokens];
  for (const secret of secrets) assert.ok(!message.includes(secret), message);
}

async function rejected(service: Ymcs, work: Promise<unknown>): Promise<AppError> {
  const error = (await work.then(
    () => assert.fail('it was not refused'),
    (reason: unknown) => reason,
  )) as AppError;
  isClean(service, error);
  return error;
}

describe('claiming', () => {
  test('takes a token once and a hundred phones at a time', async (context) => {
    const { service, api } = await setUp(context);
    const reports = await api.claim(macs(205), TARGET);
    assert.ok(reports.every(({ outcome }) => outcome === 'claimed'));
    assert.deepEqual(
      reports.map((report) => report.mac),
      macs(205),
    );
    assert.deepEqual(paths(service), ['token', ...Array(3).fill('rps/addDevicesByMac')]);
    assert.deepEqual(new Set(service.devices.values()), new Set([URL_OF_TENANT]));
    assert.deepEqual(service.violations, []);
  });
  test('again changes nothing', async (context) => {
    const { service, api } = await setUp(context);
    await api.claim(macs(2), TARGET);
    const reports = await api.claim(macs(3), TARGET);
    assert.deepEqual(
      reports.map(({ outcome }) => outcome),
      ['unchanged', 'unchanged', 'claimed'],
    );
    assert.deepEqual(service.violations, []);
  });
  test('moves a phone that the account sends elsewhere', async (context) => {
    const { service, api } = await setUp(context);
    service.devices.set(mac(1), 'https://old.example.com/');
    assert.deepEqual(await api.claim([mac(1)], TARGET), [{ mac: mac(1), outcome: 'moved', reason: null }]);
    assert.equal(service.devices.get(mac(1)), URL_OF_TENANT);
    assert.deepEqual(service.violations, []);
  });
  test('tells which phones of a batch failed although the answer is a 200', async (context) => {
    const { service, api } = await setUp(context);
    service.foreign.add(mac(2));
    const reports = await api.claim(macs(3), TARGET);
    assert.deepEqual(reports, [
      { mac: mac(1), outcome: 'claimed', reason: null },
      { mac: mac(2), outcome: 'failed', reason: 'Device already managed by another organization' },
      { mac: mac(3), outcome: 'claimed', reason: null },
    ]);
    assert.deepEqual([...service.devices.keys()], [mac(1), mac(3)]);
  });
  test('looks at every phone when the numbers of a batch do not add up', async (context) => {
    const { service, api } = await setUp(context);
    service.faults.push(null, (seen, response) => {
      service.devices.set(mac(1), (seen.body as { uniqueServerUrl: string }[])[0]?.uniqueServerUrl ?? '');
      response.writeHead(200).end(JSON.stringify({ total: 2, successCount: 1, failureCount: 1, errors: [] }));
      return true;
    });
    assert.deepEqual(
      (await api.claim(macs(2), TARGET)).map(({ outcome }) => outcome),
      ['claimed', 'failed'],
    );
  });
  test('of a URL that is too long is refused before anything is asked', async (context) => {
    const { service, api } = await setUp(context);
    const error = await rejected(service, api.claim(macs(1), { ...TARGET, url: `https://a.b/${'x'.repeat(501)}` }));
    assert.equal(error.code, 'invalid');
    assert.deepEqual(service.seen, []);
  });
});

describe('listing and releasing', () => {
  test('all pages are read', async (context) => {
    const { service, api } = await setUp(context);
    await api.claim(macs(250), TARGET);
    const held = await api.list();
    assert.deepEqual(
      held.map((one) => one.mac),
      macs(250),
    );
    assert.equal(held[0]?.url, URL_OF_TENANT);
    assert.deepEqual(service.violations, []);
  });
  test('a phone that is not there counts as released, one that is kept does not', async (context) => {
    const { service, api } = await setUp(context);
    await api.claim(macs(2), TARGET);
    service.stuck.add(mac(2));
    assert.deepEqual(await api.release(macs(3)), [
      { mac: mac(1), outcome: 'released', reason: null },
      { mac: mac(2), outcome: 'failed', reason: 'Device is busy' },
      { mac: mac(3), outcome: 'released', reason: null },
    ]);
    assert.deepEqual([...service.devices.keys()], [mac(2)]);
    assert.deepEqual(service.violations, []);
  });
});

describe('the account', () => {
  test('gets a new token once when its token is over', async (context) => {
    const { service, api } = await setUp(context);
    await api.claim([mac(1)], TARGET);
    service.tokens.clear();
    assert.equal((await api.claim([mac(2)], TARGET))[0]?.outcome, 'claimed');
    assert.equal(paths(service).filter((path) => path === 'token').length, 2);
    service.tokens.clear();
    service.faults.push(answering(400, {}, JSON.stringify({ code: '900440', message: 'Session expired' })));
    assert.equal((await api.claim([mac(3)], TARGET))[0]?.outcome, 'claimed');
  });
  test('with wrong credentials is refused without asking on, and without showing them', async (context) => {
    const { service, api } = await setUp(context, { accessKeyId: 'key-id-0123', accessKeySecret: 'wrong-secret' });
    const error = await rejected(service, api.claim(macs(1), TARGET));
    assert.equal(error.code, 'conflict');
    assert.match(error.message, /refuses the account .*check its credentials/);
    assert.ok(!error.message.includes('wrong-secret'));
    assert.deepEqual(paths(service), ['token']);
  });
  test('that always needs a new token asks for one only once a call', async (context) => {
    const { service, api } = await setUp(context);
    service.faults.push(null, answering(401), null, answering(401));
    const error = await rejected(service, api.claim(macs(1), TARGET));
    assert.equal(error.code, 'conflict');
    assert.deepEqual(paths(service), ['token', 'rps/addDevicesByMac', 'token', 'rps/addDevicesByMac']);
  });
  test('that may not add by MAC address is told so', async (context) => {
    const { service, api } = await setUp(context);
    service.faults.push(null, answering(403, {}, '{"message":"Permission denied"}'));
    const error = await rejected(service, api.claim(macs(1), TARGET));
    assert.match(error.message, /403: Permission denied.*what they may do there/);
  });
});

async function closedPort(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

describe('a service that', () => {
  const faulty = async (context: TestContext, ...faults: (Fault | null)[]) => {
    const { service, api, waits } = await setUp(context);
    service.faults.push(null, ...faults);
    return { service, api, waits, error: () => rejected(service, api.claim(macs(1), TARGET)) };
  };
  test('has too much to do is waited for as long as it says', async (context) => {
    const later = new Date(Date.now() + 20_000).toUTCString();
    const { api, waits } = await faulty(
      context,
      answering(429, { 'retry-after': '7' }),
      answering(503, { 'retry-after': later }),
      answering(429),
    );
    assert.equal((await api.claim(macs(1), TARGET))[0]?.outcome, 'claimed');
    assert.equal(waits[0], 7_000);
    assert.ok((waits[1] ?? 0) > 15_000 && (waits[1] ?? 0) <= 20_000);
    assert.equal(waits[2], 4_000);
  });
  test('has too much to do for too long is left alone, with a time to come back', async (context) => {
    const busy = await faulty(context, ...Array(4).fill(answering(429)));
    assert.equal((await busy.error()).code, 'unavailable');
    assert.deepEqual(busy.waits, [1_000, 2_000, 4_000]);
    const long = await faulty(context, answering(503, { 'retry-after': '3600' }));
    assert.match((await long.error()).message, /again in 3600 s/);
    assert.deepEqual(long.waits, []);
  });
  test('fails is not asked again', async (context) => {
    const { error, service } = await faulty(context, answering(500, {}, 'a stack trace with key-secret-4567'));
    const { code, message } = await error();
    assert.deepEqual([code, message], ['unavailable', 'ymcs has failed (500); try again later']);
    assert.equal(service.seen.length, 2);
  });
  test('does not answer in time is given up, also in the middle of an answer', async (context) => {
    const silent = await faulty(context, () => true);
    assert.match((await silent.error()).message, /did not answer within 0.4 s/);
    const dripping = await faulty(context, (_seen, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).write('{"total":');
      return true;
    });
    assert.match((await dripping.error()).message, /did not answer within 0.4 s/);
  });
  test('answers without end is cut off', async (context) => {
    const { error } = await faulty(context, (_seen, response) => {
      const piece = 'x'.repeat(65_536);
      const pour = () => {
        while (!response.destroyed && response.write(piece));
        if (!response.destroyed) response.once('drain', pour);
      };
      response.writeHead(200);
      pour();
      return true;
    });
    const { code, message } = await error();
    assert.deepEqual([code, /more than 4194304 bytes/.test(message)], ['unavailable', true]);
  });
  test('sends us elsewhere is not followed', async (context) => {
    const elsewhere = await startYmcs(context);
    for (const status of [301, 302, 307, 308]) {
      const { error } = await faulty(
        context,
        answering(status, { location: `${elsewhere.url}/v2/rps/addDevicesByMac` }),
      );
      assert.match((await error()).message, /redirect, which is not followed/);
    }
    assert.deepEqual(elsewhere.seen, []);
  });
  test('answers something else than its API is told apart', async (context) => {
    for (const body of ['<html>', '{"successCount":"x"}', '[]', 'null']) {
      const { error } = await faulty(context, answering(200, {}, body));
      assert.equal((await error()).code, 'unavailable', body);
    }
  });
  test('says secrets or lines has them taken out', async (context) => {
    const said = `no\r\n${YMCS_CREDENTIALS.accessKeySecret}\u0007 ${'x'.repeat(300)}`;
    const { error } = await faulty(context, answering(400, {}, JSON.stringify({ message: said })));
    const { message } = await error();
    assert.match(message, /^ymcs refuses \(400: no \[secret\] x+\)$/);
    assert.ok(message.length < 250);
  });
  test('is gone says so', async (context) => {
    const service = await startYmcs(context);
    const outside = { now: () => new Date(), random: randomBytes, wait: async () => undefined, timeoutMs: TIMEOUT_MS };
    const account = { service: 'ymcs', baseUrl: await closedPort(), credentials: YMCS_CREDENTIALS };
    const error = await rejected(service, openRedirections(outside).connect('ymcs', account).list());
    assert.match(error.message, /^ymcs cannot be reached \(ECONNREFUSED\); check the base URL/);
  });
  test('fails after the first batch leaves a report of what was done', async (context) => {
    const { service, api } = await faulty(context, null, answering(500));
    const reports = await api.claim(macs(250), TARGET);
    assert.deepEqual(
      [100, 101, 249].map((index) => reports[index]?.outcome),
      ['failed', 'failed', 'failed'],
    );
    assert.equal(reports[99]?.outcome, 'claimed');
    assert.match(reports[249]?.reason ?? '', /has failed \(500\)/);
    assert.equal(service.devices.size, 100);
    assert.equal(paths(service).length, 3, 'nothing more is tried');
  });
  test('takes a phone out and then fails says that the phone is nowhere', async (context) => {
    const { service, api } = await setUp(context);
    service.devices.set(mac(1), 'https://old.example.com/');
    const refuses = JSON.stringify({
      total: 1,
      successCount: 0,
      failureCount: 1,
      errors: [{ mac: mac(1), errorInfo: 'No' }],
    });
    service.faults.push(null, null, null, null, answering(200, {}, refuses));
    const [report] = await api.claim([mac(1)], TARGET);
    assert.match(
      report?.reason ?? '',
      /was released from https:\/\/old\.example\.com\/ and then not taken \(No\); claim it again/,
    );
  });
});

test('a base URL in the clear gets no credentials', () => {
  const outside = { now: () => new Date(), random: randomBytes, wait: async () => undefined, timeoutMs: TIMEOUT_MS };
  for (const baseUrl of ['http://api.example.com', 'https://10.0.0.1', 'https://[fe80::1]', 'ftp://localhost', 'x']) {
    const account = { service: 'ymcs', baseUrl, credentials: YMCS_CREDENTIALS };
    assert.throws(() => openRedirections(outside).connect('ymcs', account), { code: 'conflict' }, baseUrl);
  }
});
