// How phones come to their credential, prove themselves with it, get another one, and come again after a factory reset.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { checkHouse } from '../../src/app/check.ts';
import { startApp } from '../support/app.ts';
import { basic } from '../support/digest.ts';
import { addInitech, ask, askAs, enrol, KINDS, openWindow, SIP_PASSWORD, stateOf } from '../support/proofs.ts';

const [yealink] = KINDS;
if (yealink === undefined) throw new Error('there is a first kind');

describe('F2: a phone that has nothing', () => {
  for (const kind of KINDS) {
    test(`of ${kind.vendor} boots in a window, finds its credential, and proves itself from then on`, async (context) => {
      const app = await startApp(context);
      const folder = await addInitech(app);
      const get = (file: string) => ask(app.phonesUrl, folder + file, { agent: kind.agent });
      for (const [file, status] of kind.boot) {
        // What is nobody's is given or not there for everybody; what is a phone's is closed.
        const isShared = !file.toLowerCase().includes(kind.mac);
        assert.equal((await get(file)).status, isShared ? status : 401, `${file} before the window`);
      }
      await openWindow(app);
      let secret = '';
      for (const [file, status] of kind.boot) {
        const { status: given, body } = await get(file);
        assert.equal(given, status, `${file} in the window`);
        if (file === kind.secretFile) secret = body;
      }
      assert.ok(secret.includes(SIP_PASSWORD));
      const said = kind.read(secret);
      const own = { user: said.get(kind.user) ?? '', password: said.get(kind.password) ?? '' };
      assert.equal(own.user, kind.mac);
      assert.match(own.password, /^[a-z2-7]{26}$/, '128 random bits in letters and digits');
      assert.equal((await stateOf(app, kind.mac, 'handedOut')).address, '127.0.0.1');

      assert.equal((await get(kind.secretFile)).status, 401, 'once is all');
      for (const [file, status] of kind.boot) {
        assert.equal((await askAs(app.phonesUrl, folder + file, own, { agent: kind.agent })).status, status, file);
      }
      await stateOf(app, kind.mac, 'enrolled');
      assert.equal((await askAs(app.phonesUrl, `/${kind.secretFile}`, own)).body, secret, 'also at the bare door');
    });
  }
});

describe('a window', () => {
  test('for one phone is for no other, and a closed one for none', async (context) => {
    const app = await startApp(context);
    const folder = await addInitech(app);
    const statuses = async () =>
      Promise.all(KINDS.map(async ({ secretFile }) => (await ask(app.phonesUrl, folder + secretFile)).status));
    const { id } = await openWindow(app, { phones: [yealink.mac] });
    assert.deepEqual(await statuses(), [200, 401, 401, 401]);
    const all = await openWindow(app);
    await app.api('delete', `tenants/initech/enrolments/${all.id}`).expect(204);
    await app.api('delete', `tenants/initech/enrolments/${id}`).expect(204);
    assert.deepEqual(await statuses(), [401, 401, 401, 401]);
    assert.deepEqual((await app.api('get', 'tenants/initech/enrolments').expect(200)).body.items, []);
    await app.api('delete', `tenants/initech/enrolments/${id}`).expect(404);
  });

  test('lets in its networks alone', async (context) => {
    const app = await startApp(context);
    const folder = await addInitech(app);
    await openWindow(app, { networks: ['127.0.1.0/24', '2001:db8::/32'] });
    const from = async (address: string) =>
      (await ask(app.phonesUrl, folder + yealink.secretFile, { from: address })).status;
    assert.deepEqual([await from('127.0.0.1'), await from('127.0.1.9'), await from('127.0.1.9')], [401, 200, 401]);
  });

  test('needs the tenant’s token, hands out to nobody who only looks, and takes nothing', async (context) => {
    const app = await startApp(context);
    const folder = await addInitech(app);
    await openWindow(app);
    const path = folder + yealink.secretFile;
    assert.equal((await ask(app.phonesUrl, path, { method: 'HEAD' })).status, 401);
    assert.equal((await ask(app.phonesUrl, `/${yealink.secretFile}`)).status, 401);
    assert.equal((await ask(app.phonesUrl, `${await app.folderOf('acme')}${yealink.secretFile}`)).status, 404);
    const put = { method: 'PUT', body: '#!version:1.0.0.1\n' };
    assert.equal((await ask(app.phonesUrl, `${folder}${yealink.mac}-local.cfg`, put)).status, 401);
    assert.equal((await stateOf(app, yealink.mac, 'pending')).madeAt, null);
    assert.equal((await ask(app.phonesUrl, path)).status, 200);
  });

  test('is for phones that have not proven themselves; one that names them is for all', async (context) => {
    const app = await startApp(context);
    const folder = await addInitech(app);
    const own = await enrol(app, folder, yealink);
    await openWindow(app);
    const path = folder + yealink.secretFile;
    assert.equal((await ask(app.phonesUrl, path)).status, 401);
    const { body } = await app.api('post', `phones/${yealink.mac}/enrolment`).send({}).expect(201);
    assert.deepEqual([body.phones, Date.parse(body.closesAt) - Date.parse(body.opensAt)], [[yealink.mac], 30 * 60_000]);
    const again = yealink.read((await ask(app.phonesUrl, path)).body);
    const next = { user: yealink.mac, password: again.get(yealink.password) ?? '' };
    assert.notEqual(next.password, own.password);
    // The phone may not have been reset after all: what it has is good until the new one is used.
    assert.equal((await askAs(app.phonesUrl, path, own)).status, 200);
    assert.equal((await askAs(app.phonesUrl, path, next)).status, 200);
    await stateOf(app, yealink.mac, 'enrolled');
    assert.equal((await askAs(app.phonesUrl, path, own)).status, 401);
  });

  test('cannot be longer than a week, for phones of others, or where certificates are demanded', async (context) => {
    const app = await startApp(context);
    await addInitech(app);
    const order = (body: object) => app.api('post', 'tenants/initech/enrolments').send(body);
    await order({ minutes: 10_081 }).expect(422);
    await order({ phones: ['805ec0a00001'] }).expect(422);
    await order({ networks: ['everywhere'] }).expect(422);
    await order({ opensAt: '2999-01-01T00:00:00Z' }).expect(422);
    await app.api('patch', 'tenants/initech').send({ proof: 'certificate' }).expect(200);
    await order({}).expect(409);
    await app.api('post', `phones/${yealink.mac}/enrolment`).send({}).expect(409);
    await app.api('post', `phones/${yealink.mac}/credential`).expect(409);
    assert.deepEqual((await app.api('get', 'tenants/initech/enrolments').expect(200)).body.items, []);
  });

  test('somebody else who asks for what was handed out is refused and told of', async (context) => {
    const app = await startApp(context);
    const folder = await addInitech(app);
    await openWindow(app);
    const path = folder + yealink.secretFile;
    assert.equal((await ask(app.phonesUrl, path)).status, 200);
    assert.equal((await ask(app.phonesUrl, path, { from: '127.0.0.66' })).status, 401);
    assert.equal((await ask(app.phonesUrl, path, { from: '127.0.0.67' })).status, 401);
    for (let tries = 0; ; tries++) {
      const { contested } = await stateOf(app, yealink.mac, 'handedOut');
      if (contested !== null) {
        assert.equal(contested.address, '127.0.0.66', 'the first one stays on record');
        break;
      }
      assert.ok(tries < 100, 'it is on record');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const audit = (await app.api('get', 'audit').expect(200)).body.items;
    const deeds = audit.filter(({ action }: { action: string }) => action === 'phone.handOut');
    assert.deepEqual(
      deeds.map(({ actor, address, subject }: Record<string, string>) => [actor, address, subject]),
      [[`phone:${yealink.mac}`, '127.0.0.1', yealink.mac]],
    );
  });
});

test('a phone’s credential opens its own files and no others', async (context) => {
  const app = await startApp(context);
  const folder = await addInitech(app);
  const own = await enrol(app, folder, yealink);
  for (const { secretFile } of KINDS.slice(1)) {
    assert.equal((await askAs(app.phonesUrl, folder + secretFile, own)).status, 401, secretFile);
    assert.equal((await askAs(app.phonesUrl, `/${secretFile}`, own)).status, 401, secretFile);
  }
  assert.equal((await askAs(app.phonesUrl, `${await app.folderOf('acme')}${yealink.secretFile}`, own)).status, 404);
  await app.api('patch', `phones/${yealink.mac}`).send({ enabled: false }).expect(200);
  assert.equal((await askAs(app.phonesUrl, folder + yealink.secretFile, own)).status, 404);
});

test('the phonebook is the tenant’s own: any of its phones may have it, no token alone', async (context) => {
  const app = await startApp(context);
  const folder = await addInitech(app);
  const own = await enrol(app, folder, yealink);
  for (const file of ['yealink-phonebook.xml', 'phonebook.xml', 'gs_phonebook.xml', 'snom-phonebook.xml']) {
    assert.equal((await ask(app.phonesUrl, folder + file)).status, 401, file);
    const { status, body } = await askAs(app.phonesUrl, folder + file, own);
    assert.deepEqual([status, />?user-[0-9a-f]{12}/.test(body)], [200, true], file);
  }
  assert.equal((await askAs(app.phonesUrl, '/yealink-phonebook.xml', own)).status, 200);
  assert.equal((await ask(app.phonesUrl, `${await app.folderOf('acme')}yealink-phonebook.xml`)).status, 200);
});

test('what a phone brings needs its proof', async (context) => {
  const app = await startApp(context);
  const folder = await addInitech(app);
  const own = await enrol(app, folder, yealink);
  const path = `${folder}${yealink.mac}-local.cfg`;
  const put = { method: 'PUT', body: '#!version:1.0.0.1\nx = 1\n' };
  assert.equal((await ask(app.phonesUrl, path, put)).status, 401);
  assert.equal((await askAs(app.phonesUrl, path, own, put)).status, 200);
  assert.equal((await askAs(app.phonesUrl, path, own)).body, put.body);
  assert.equal((await ask(app.phonesUrl, path)).status, 401);
});

test('a new password for a phone: in its next file, and the old one is good until the new one was used', async (context) => {
  const app = await startApp(context);
  const folder = await addInitech(app);
  const old = await enrol(app, folder, yealink);
  const path = folder + yealink.secretFile;
  assert.equal((await app.api('post', `phones/${yealink.mac}/credential`).expect(200)).body.renewing, true);
  const said = yealink.read((await askAs(app.phonesUrl, path, old)).body);
  const next = { user: yealink.mac, password: said.get(yealink.password) ?? '' };
  assert.notEqual(next.password, old.password);
  assert.equal((await askAs(app.phonesUrl, path, old)).status, 200);
  assert.equal((await askAs(app.phonesUrl, path, next)).status, 200);
  await stateOf(app, yealink.mac, 'enrolled');
  assert.equal((await askAs(app.phonesUrl, path, old)).status, 401);
  const revealed = (await app.api('post', `phones/${yealink.mac}/reveal`).expect(200)).body;
  assert.deepEqual(revealed.provisioning, next);
  for (const path of [
    'audit',
    `phones/${yealink.mac}`,
    `phones/${yealink.mac}/enrolment`,
    `phones/${yealink.mac}/files/${yealink.secretFile}`,
  ]) {
    const { text } = await app.api('get', path).expect(200);
    assert.ok(!text.includes(next.password) && !text.includes(old.password), path);
  }
});

describe('Basic', () => {
  test('is neither offered nor taken where others listen', async (context) => {
    const app = await startApp(context);
    const folder = await addInitech(app);
    const own = await enrol(app, folder, yealink);
    const path = folder + yealink.secretFile;
    const { headers } = await ask(app.phonesUrl, path);
    assert.match(String(headers['www-authenticate']), /^Digest [^,]+(?:, \w+="?[^,"]+"?)*$/);
    assert.ok(!String(headers['www-authenticate']).includes('Basic'));
    const authorization = basic(own.user, own.password);
    assert.equal((await ask(app.phonesUrl, path, { authorization })).status, 401);
  });
  test('is offered behind Digest and taken where that is allowed', async (context) => {
    const app = await startApp(context, { HOMEPORT_BASIC_WITHOUT_TLS: '1' });
    const folder = await addInitech(app);
    const own = await enrol(app, folder, yealink);
    const path = folder + yealink.secretFile;
    assert.match(
      String((await ask(app.phonesUrl, path)).headers['www-authenticate']),
      /^Digest .*, Basic realm="phones"$/,
    );
    assert.equal((await ask(app.phonesUrl, path, { authorization: basic(own.user, own.password) })).status, 200);
    assert.equal((await ask(app.phonesUrl, path, { authorization: basic(own.user, `${own.password}x`) })).status, 401);
  });
});

test('another program’s Digest is understood', async (context) => {
  const run = promisify(execFile);
  if ((await run('curl', ['--version']).catch(() => null)) === null) return context.skip('curl is missing');
  const app = await startApp(context);
  const folder = await addInitech(app);
  const own = await enrol(app, folder, yealink);
  const curl = async (...args: string[]) =>
    (
      await run('curl', [
        '-s',
        '-o',
        '/dev/null',
        '-w',
        '%{http_code}',
        ...args,
        app.phonesUrl + folder + yealink.secretFile,
      ])
    ).stdout;
  assert.equal(await curl('--digest', '-u', `${own.user}:${own.password}`), '200');
  assert.equal(await curl('--digest', '-u', `${own.user}:wrong`), '401');
});

test('`check` tells of tenants whose token is enough and of windows that are open', async (context) => {
  const app = await startApp(context);
  await addInitech(app);
  await openWindow(app, { networks: ['192.0.2.0/24'] });
  const surroundings = {} as never;
  const findings = (await checkHouse({ ...app.house, surroundings })).filter(({ code }) => code.startsWith('proof.'));
  assert.deepEqual(findings.map(({ code, severity }) => [code, severity]).sort(), [
    ['proof.tenants', 'warning'],
    ['proof.window', 'warning'],
  ]);
  assert.match(findings.find(({ code }) => code === 'proof.tenants')?.message ?? '', /^2 tenants .*acme, globex$/);
  assert.match(findings.find(({ code }) => code === 'proof.window')?.message ?? '', /initech .*192\.0\.2\.0\/24/);
});
