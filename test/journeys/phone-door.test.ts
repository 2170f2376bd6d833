// Journeys of phones: boot, ask again, upload; and what everybody else gets.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { type App, startApp } from '../support/app.ts';
import { readAttributes } from '../support/readers.ts';

const AGENTS: Record<string, string> = {
  yealink: 'Yealink SIP-T46U 108.86.0.20 80:5e:c0:a0:00:01',
  polycom: 'FileTransport PolycomVVX-VVX_450-UA/6.4.3.4747 Type/Application',
  grandstream: 'Grandstream Model HW GRP2614 SW 1.0.9.103 DevId c074ada00001',
};

const FILES = {
  yealink: (digit: string) => [`805ec0a0000${digit}.boot`, `805ec0a0000${digit}.cfg`],
  polycom: (digit: string) => [
    `64167fa0000${digit}.cfg`,
    `64167fa0000${digit}-lines.cfg`,
    `64167fa0000${digit}-settings.cfg`,
  ],
  grandstream: (digit: string) => [`cfgc074ada0000${digit}.xml`],
};

/** All files of all phones of a tenant, as one text each. */
async function allFiles(app: App, tenant: string, digit: string): Promise<Map<string, string>> {
  const folder = await app.folderOf(tenant);
  const files = new Map<string, string>();
  for (const [vendor, names] of Object.entries(FILES)) {
    for (const name of names(digit)) {
      const { body } = await app
        .phone('get', folder + name)
        .set('User-Agent', AGENTS[vendor] ?? '')
        .expect(200);
      files.set(name, (body as Buffer).toString('utf8'));
    }
  }
  return files;
}

test('a fresh house serves all six demo phones, each with its own tenant’s pool and nothing of the other', async (context) => {
  const app = await startApp(context);
  for (const [tenant, digit, own, other] of [
    ['acme', '1', 'pbxa.example.com', 'pbxb'],
    ['globex', '2', 'pbxb.example.com', 'pbxa'],
  ] as const) {
    const files = await allFiles(app, tenant, digit);
    const withServer = [`805ec0a0000${digit}.cfg`, `64167fa0000${digit}-lines.cfg`, `cfgc074ada0000${digit}.xml`];
    for (const [name, text] of files) {
      assert.equal(text.includes(own), withServer.includes(name), name);
      assert.ok(!text.includes(other) && !text.includes('voip1') && !text.includes('voip2'), name);
    }
    for (const [index, extension] of ['101', '102', '103'].entries()) {
      assert.ok(files.get(withServer[index] ?? '')?.includes(`${extension}-${tenant.toUpperCase()}`));
    }
  }
});

test('a move changes what all phones of the tenant get, together; nothing else changes by one byte', async (context) => {
  const app = await startApp(context);
  const before = { acme: await allFiles(app, 'acme', '1'), globex: await allFiles(app, 'globex', '2') };
  await app.api('post', 'tenants/acme/moves').send({ pool: 'pbxB' }).expect(201);
  const after = { acme: await allFiles(app, 'acme', '1'), globex: await allFiles(app, 'globex', '2') };
  assert.deepEqual(after.globex, before.globex);
  for (const [name, text] of before.acme) {
    assert.equal(after.acme.get(name), text.replaceAll('pbxa.example.com', 'pbxb.example.com'), name);
  }
  assert.notDeepEqual(after.acme, before.acme);
});

test('each vendor’s boot sequence is answered', async (context) => {
  const app = await startApp(context);
  const folder = await app.folderOf('acme');
  const get = async (file: string, status: number) =>
    (await app.phone('get', folder + file).expect(status)).body as Buffer;

  assert.match(
    (await get('805EC0A00001.boot', 200)).toString(),
    /^#!version:1\.0\.0\.1\ninclude:config "805ec0a00001\.cfg"\noverwrite_mode = 1\n$/,
  );
  await get('y000000000000.boot', 404);
  assert.match((await get('y000000000108.cfg', 200)).toString(), /^#!version:1\.0\.0\.1\n/);

  const manifest = readAttributes((await get('64167fa00001.cfg', 200)).toString());
  for (const name of (manifest.get('CONFIG_FILES') ?? '').split(',')) await get(name.trim(), 200);
  const common = readAttributes((await get('000000000000.cfg', 200)).toString());
  const forThisPhone = (common.get('CONFIG_FILES') ?? '').replaceAll('[PHONE_MAC_ADDRESS]', '64167fa00001');
  assert.equal(forThisPhone, manifest.get('CONFIG_FILES'));
  for (const name of ['64167fa00001-license.cfg', '64167fa00001-phone.cfg', 'sip.ld']) await get(name, 404);
  await get('64167fa00001-directory.xml', 200);

  await get('cfgc074ada00001', 404);
  await get('cfgc074ada00001.xml', 200);
  await get('CFGC074ADA00001.XML', 200);
  for (const name of ['cfgc074ada00001.bin', 'cfggrp2614.xml', 'cfg.xml']) await get(name, 404);
});

describe('files are honest HTTP', () => {
  test('GET, HEAD and a conditional GET agree', async (context) => {
    const app = await startApp(context);
    const path = `${await app.folderOf('acme')}805ec0a00001.cfg`;
    const got = await app.phone('get', path).expect(200).expect('Content-Type', 'text/plain; charset=utf-8');
    const body = got.body as Buffer;
    assert.equal(got.headers['content-length'], String(body.length));
    assert.equal(got.headers.etag, `"${createHash('sha256').update(body).digest('hex').slice(0, 32)}"`);
    assert.equal(got.headers['cache-control'], 'private, no-store');
    assert.equal(got.headers['transfer-encoding'], undefined);

    const head = await app.phone('head', path).expect(200);
    for (const name of ['content-length', 'content-type', 'etag'])
      assert.equal(head.headers[name], got.headers[name], name);

    for (const tag of [got.headers.etag, `W/${got.headers.etag}`, `"x", ${got.headers.etag}`, '*']) {
      const same = await app
        .phone('get', path)
        .set('If-None-Match', tag ?? '')
        .expect(304);
      assert.equal((same.body as Buffer).length, 0);
      assert.equal(same.headers.etag, got.headers.etag);
    }
    await app.phone('get', path).set('If-None-Match', '"other"').expect(200);
    const again = await app.phone('get', path).expect(200);
    assert.deepEqual(again.body, body, 'the same bytes again');
  });

  test('XML files say so', async (context) => {
    const app = await startApp(context);
    const folder = await app.folderOf('acme');
    for (const name of ['64167fa00001.cfg', '64167fa00001-lines.cfg', 'cfgc074ada00001.xml']) {
      await app
        .phone('get', folder + name)
        .expect(200)
        .expect('Content-Type', 'text/xml; charset=utf-8');
    }
  });

  test('a slash too many in the URL is forgiven', async (context) => {
    const app = await startApp(context);
    await app.phone('get', `${await app.folderOf('acme')}/805ec0a00001.cfg`).expect(200);
  });
});

test('whatever cannot be had gets one and the same answer, to the byte', async (context) => {
  const app = await startApp(context);
  const acme = await app.folderOf('acme');
  const globex = await app.folderOf('globex');
  await app.api('patch', 'phones/c074ada00002').send({ enabled: false }).expect(200);
  const unknownToken = `/p/${'a'.repeat(26)}/`;
  const asked: [string, string][] = [
    ['GET', `${acme}805ec0a0ffff.cfg`],
    ['GET', `${acme}805ec0a00002.cfg`],
    ['GET', `${globex}805ec0a00001.cfg`],
    ['GET', `${globex}cfgc074ada00002.xml`],
    ['GET', `${unknownToken}805ec0a00001.cfg`],
    ['GET', `${unknownToken}y000000000108.cfg`],
    ['GET', '/805ec0a00001.cfg'],
    ['GET', '/y000000000108.cfg'],
    ['GET', `${acme}cfg805ec0a00001.xml`],
    ['GET', `${acme}64167fa00001-license.cfg`],
    ['GET', `${acme}cfg.xml`],
    ['GET', `${acme}..%2f..%2fetc%2fpasswd`],
    ['GET', `${acme}%00805ec0a00001.cfg`],
    ['GET', `${acme}805ec0a00001.cfg?x=1`],
    ['GET', acme],
    ['GET', '/'],
    ['GET', '/api/v1/tenants'],
    ['GET', '/healthz'],
    ['POST', `${acme}805ec0a00001.cfg`],
    ['DELETE', `${acme}805ec0a00001.cfg`],
    ['PUT', `${acme}805ec0a00001.cfg`],
    ['PUT', `${acme}64167fa0ffff-app.log`],
    ['PUT', `${globex}64167fa00001-app.log`],
  ];
  const port = Number(new URL(app.phonesUrl).port);
  const answers = new Set<string>();
  for (const [method, path] of asked) answers.add(withoutDate(await raw(port, method, path)));
  assert.deepEqual(
    [...answers],
    ['HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nDate: …\r\nConnection: close\r\n\r\n'],
  );
});

/** A request as bytes on the wire, and all bytes that came back. */
function raw(port: number, method: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(`${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    });
    socket.on('data', (piece: Buffer) => pieces.push(piece));
    socket.on('end', () => resolve(Buffer.concat(pieces).toString('latin1')));
    socket.on('error', reject);
  });
}

const withoutDate = (answer: string) => answer.replace(/Date: [^\r]*/, 'Date: …');

test('a fault of ours is 503 with Retry-After, never 404', async (context) => {
  const app = await startApp(context);
  const path = `${await app.folderOf('acme')}805ec0a00001.cfg`;
  await app.house.store.close();
  for (const file of [path, `${path}x-unknown.cfg`.replace('00001.cfgx-unknown', '0ffff')]) {
    const answer = await app.phone('get', file).expect(503);
    assert.match(String(answer.headers['retry-after']), /^\d+$/);
    assert.equal((answer.body as Buffer).length, 0);
  }
  // What no database is needed for stays what it is.
  await app.phone('get', '/nothing/here').expect(404);
});

describe('fetch records', () => {
  const records = async (app: App, mac: string) => {
    await new Promise((resolve) => setTimeout(resolve, 250));
    return (await app.api('get', `fetches?mac=${mac}`).expect(200)).body.items;
  };

  test('every request of a known phone is recorded with what it was given', async (context) => {
    const app = await startApp(context);
    const folder = await app.folderOf('acme');
    const agent = AGENTS.yealink ?? '';
    const got = await app.phone('get', `${folder}805ec0a00001.cfg`).set('User-Agent', agent).expect(200);
    await app
      .phone('get', `${folder}805ec0a00001.cfg`)
      .set('If-None-Match', got.headers.etag ?? '')
      .expect(304);
    await app.phone('head', `${folder}805ec0a00001.cfg`).expect(200);
    await app.phone('get', `${folder}805ec0a00001-local.cfg`).expect(404);
    await app.phone('get', `${folder}805ec0a0ffff.cfg`).expect(404);
    await app.phone('get', `/p/${'a'.repeat(26)}/805ec0a00001.cfg`).expect(404);
    const items = (await records(app, '805ec0a00001')).reverse();
    assert.deepEqual(
      items.map(({ method, file, status }: Record<string, unknown>) => [method, file, status]),
      [
        ['GET', '805ec0a00001.cfg', 200],
        ['GET', '805ec0a00001.cfg', 304],
        ['HEAD', '805ec0a00001.cfg', 200],
        ['GET', '805ec0a00001-local.cfg', 404],
      ],
    );
    const [first] = items;
    assert.deepEqual(
      [first.tenant, first.address, first.userAgent, first.model, first.firmware],
      ['acme', '127.0.0.1', agent, 'T46U', '108.86.0.20'],
    );
    assert.equal(`"${first.digest}"`, got.headers.etag);
    assert.ok(Math.abs(Date.parse(first.at) - Date.now()) < 60_000);
    assert.deepEqual(
      items.map(({ digest }: { digest: string | null }) => digest !== null),
      [true, true, false, false],
    );
    const all = (await app.api('get', 'fetches').expect(200)).body.items;
    assert.equal(all.length, 4, 'strangers leave no record');
  });

  test('a record that cannot be written costs no phone its file, and is written when it can be', async (context) => {
    const app = await startApp(context);
    const path = `${await app.folderOf('acme')}805ec0a00001.cfg`;
    const { store } = app.house;
    const transaction = store.transaction.bind(store);
    Object.assign(store, { transaction: () => Promise.reject(new Error('disk full')) });
    await app.phone('get', path).expect(200);
    await app.phone('get', path).expect(200);
    assert.equal((await records(app, '805ec0a00001')).length, 0);
    Object.assign(store, { transaction });
    // It rests for a moment after a failure.
    let written = await records(app, '805ec0a00001');
    for (const until = Date.now() + 20_000; written.length === 0 && Date.now() < until; )
      written = await records(app, '805ec0a00001');
    assert.equal(written.length, 2);
  });

  test('an orderly stop writes what is waiting', async (context) => {
    const app = await startApp(context);
    await app.phone('get', `${await app.folderOf('acme')}805ec0a00001.cfg`).expect(200);
    await app.close();
    const again = await startApp(context, { HOMEPORT_DATABASE_URL: `file:${app.folder}/homeport.db` });
    assert.equal((await records(again, '805ec0a00001')).length, 1);
  });
});

describe('uploads', () => {
  test('logs are appended, everything else is replaced, and the phone gets it back', async (context) => {
    const app = await startApp(context);
    const folder = await app.folderOf('acme');
    const put = (file: string, text: string | Buffer) =>
      app
        .phone('put', folder + file)
        .set('Content-Type', 'text/plain')
        .send(text);
    const get = async (file: string) => ((await app.phone('get', folder + file).expect(200)).body as Buffer).toString();
    await put('64167fa00001-app.log', 'one\n').expect(200);
    await put('64167FA00001-app.log', 'two\n').expect(200);
    assert.equal(await get('64167fa00001-app.log'), 'one\ntwo\n');
    for (const file of ['phone.cfg', 'web.cfg', 'calls.xml']) {
      await put(`64167fa00001-${file}`, '<old/>').expect(200);
      await put(`64167fa00001-${file}`, '<new/>').expect(200);
      assert.equal(await get(`64167fa00001-${file}`), '<new/>');
    }
    await app.phone('get', `${await app.folderOf('globex')}64167fa00001-app.log`).expect(404);
    const { body } = await app.api('get', 'phones/64167fa00001/uploads').expect(200);
    assert.deepEqual(
      body.items.map(({ file, bytes }: { file: string; bytes: number }) => [file, bytes]),
      [
        ['64167fa00001-app.log', 8],
        ['64167fa00001-calls.xml', 6],
        ['64167fa00001-phone.cfg', 6],
        ['64167fa00001-web.cfg', 6],
      ],
    );
  });

  test('a log that would outgrow its limit begins anew; a file that is too large is refused and nothing is lost', async (context) => {
    const app = await startApp(context);
    const path = `${await app.folderOf('acme')}64167fa00001-app.log`;
    const put = (bytes: number, letter: string) =>
      app.phone('put', path).set('Content-Type', 'application/octet-stream').send(Buffer.alloc(bytes, letter));
    await put(400_000, 'a').expect(200);
    await put(400_000, 'b').expect(200);
    assert.deepEqual((await app.phone('get', path)).body, Buffer.alloc(400_000, 'b'));
    await put(600_000, 'c').expect(413);
    assert.deepEqual((await app.phone('get', path)).body, Buffer.alloc(400_000, 'b'));
  });

  test('an override that names a server is reported with the reason, and can be cleared', async (context) => {
    const app = await startApp(context);
    const folder = await app.folderOf('acme');
    const put = (file: string, text: string) =>
      app
        .phone('put', folder + file)
        .set('Content-Type', 'text/xml')
        .send(text)
        .expect(200);
    await put('64167fa00001-phone.cfg', '<PHONE_CONFIG><OVERRIDES up.backlight.idleIntensity="1" /></PHONE_CONFIG>');
    await put(
      '64167fa00001-web.cfg',
      '<WEB_CONFIG>\n<OVERRIDES reg.1.server.1.address="192.0.2.9" reg.1.server.1.port=\'5060\' up.x="2" /></WEB_CONFIG>',
    );
    const { items } = (await app.api('get', 'phones/64167fa00001/overrides').expect(200)).body;
    assert.deepEqual(
      items.map(({ file, parameters, breaks }: { file: string; parameters: number; breaks: { name: string }[] }) => [
        file,
        parameters,
        breaks.map(({ name }) => name),
      ]),
      [
        ['64167fa00001-phone.cfg', 1, []],
        ['64167fa00001-web.cfg', 3, ['reg.1.server.1.address', 'reg.1.server.1.port']],
      ],
    );
    assert.match(items[1].breaks[0].reason, /move/);
    await app.api('delete', 'phones/64167fa00001/overrides/64167fa00001-web.cfg').expect(204);
    const served = ((await app.phone('get', `${folder}64167fa00001-web.cfg`).expect(200)).body as Buffer).toString();
    assert.deepEqual([...readAttributes(served).keys()], []);
    assert.deepEqual((await app.api('get', 'phones/64167fa00001/overrides').expect(200)).body.items[1].breaks, []);
    await app.api('delete', 'phones/64167fa00001/overrides/64167fa00001-app.log').expect(404);
    await app.api('delete', 'phones/805ec0a00001/overrides/64167fa00001-web.cfg').expect(404);
  });

  test('bytes that are no text survive', async (context) => {
    const app = await startApp(context);
    const path = `${await app.folderOf('acme')}64167fa00001-boot.log`;
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
    await app.phone('put', path).set('Content-Type', 'application/octet-stream').send(bytes).expect(200);
    assert.deepEqual((await app.phone('get', path)).body, bytes);
  });
});
