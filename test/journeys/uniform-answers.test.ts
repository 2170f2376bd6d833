// F1: whoever has not proven anything learns nothing, not even which MAC addresses there are; and neither by counting what
// the house does for an answer. A sweep over the real door obtains nothing.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { serveFile } from '../../src/app/serve-file.ts';
import { NO_FIRMWARE } from '../../src/firmware/firmware.ts';
import type { Reads } from '../../src/store/store.ts';
import { serveApart } from '../support/apart.ts';
import { type App, startApp } from '../support/app.ts';
import { answerDigest, basic } from '../support/digest.ts';
import { addInitech, addPhone, ask, askAs, challengeOf, enrol, KINDS, openWindow } from '../support/proofs.ts';

const [yealink] = KINDS;
if (yealink === undefined) throw new Error('there is a first kind');

/** Bytes on the wire: all of an answer, but for the moment and the nonce. */
const plain = (answer: string) =>
  answer.replace(/Date: [^\r]*/, 'Date: …').replaceAll(/nonce="[\w-]{38}"/g, 'nonce="…"');

const CHALLENGE =
  'HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n' +
  'WWW-Authenticate: Digest realm="phones", qop="auth", algorithm=MD5, nonce="…"\r\n' +
  'Date: …\r\nConnection: close\r\n\r\n';
const NOTHING = 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nDate: …\r\nConnection: close\r\n\r\n';

/** A request as bytes on the wire, and all bytes that came back. */
function raw({ phonesUrl }: App, method: string, path: string, more: readonly string[] = []): Promise<string> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    const socket = connect(Number(new URL(phonesUrl).port), '127.0.0.1', () => {
      const head = [`${method} ${path} HTTP/1.1`, 'Host: x', 'Connection: close', 'Content-Length: 0', ...more];
      socket.write(`${head.join('\r\n')}\r\n\r\n`);
    });
    socket.on('data', (piece: Buffer) => pieces.push(piece));
    socket.on('end', () => resolve(plain(Buffer.concat(pieces).toString('latin1'))));
    socket.on('error', reject);
  });
}

const DISABLED = '805ec0b000d1';
const UNKNOWN = '805ec0b0ffff';
const FOREIGN = '805ec0a00001';
const NAMES = (mac: string) => [
  `${mac}.cfg`,
  `${mac}.boot`,
  `${mac}.enc`,
  `${mac}-local.cfg`,
  `${mac}-lines.cfg`,
  `cfg${mac}`,
  `cfg${mac}.xml`,
  `${mac}.xml`,
  `${mac}.nonsense`,
  `x-${mac}`,
];

async function situation(app: App) {
  const folder = await addInitech(app);
  await addPhone(app, DISABLED);
  await app.api('patch', `phones/${DISABLED}`).send({ enabled: false }).expect(200);
  return { folder, own: await enrol(app, folder, yealink as (typeof KINDS)[number]) };
}

describe('F1: the same bytes', () => {
  test('without or with a wrong proof: one challenge, whatever there is', async (context) => {
    const app = await startApp(context);
    const { folder, own } = await situation(app);
    const path = folder + yealink.secretFile;
    const stolen = answerDigest(challengeOf(await ask(app.phonesUrl, path)), { ...own, uri: path });
    const answers = new Set<string>();
    for (const mac of [yealink.mac, UNKNOWN, DISABLED, FOREIGN]) {
      for (const name of NAMES(mac)) {
        const uri = folder + name;
        const challenge = challengeOf(await ask(app.phonesUrl, uri));
        const proofs = [
          [],
          ['Authorization: Bearer x'],
          [`Authorization: ${basic(mac, own.password)}`],
          [`Authorization: ${answerDigest(challenge, { user: mac, password: 'guess', uri })}`],
          [`Authorization: ${answerDigest(challenge, { user: 'admin', password: 'admin', uri })}`],
          // What was meant for another file.
          ...(uri === path ? [] : [[`Authorization: ${stolen}`]]),
        ];
        for (const proof of proofs) answers.add(await raw(app, 'GET', uri, proof));
        for (const method of ['HEAD', 'PUT']) answers.add(await raw(app, method, uri));
      }
    }
    assert.deepEqual([...answers], [CHALLENGE]);
  });

  test('after a right proof what is not there is what is never there', async (context) => {
    const app = await startApp(context);
    const { folder, own } = await situation(app);
    const proven = async (name: string) => {
      const uri = folder + name;
      const authorization = answerDigest(challengeOf(await ask(app.phonesUrl, uri)), { ...own, uri });
      return raw(app, 'GET', uri, [`Authorization: ${authorization}`]);
    };
    for (const name of [
      `${yealink.mac}-local.cfg`,
      `${yealink.mac}.enc`,
      `cfg${yealink.mac}.xml`,
      `${yealink.mac}.nonsense`,
    ]) {
      assert.equal(await proven(name), NOTHING, name);
    }
    await app.api('patch', `phones/${yealink.mac}`).send({ enabled: false }).expect(200);
    assert.equal(await proven(yealink.secretFile), NOTHING, 'disabled');
  });

  test('an unknown token, a name that is nobody’s, and another method are not there, with any proof or none', async (context) => {
    const app = await startApp(context);
    const { folder, own } = await situation(app);
    const wrong = `/p/${'a'.repeat(26)}/`;
    for (const [method, path] of [
      ...['GET', 'HEAD', 'PUT'].flatMap((one) => NAMES(yealink.mac).map((name) => [one, wrong + name])),
      ['GET', `${wrong}y000000000108.cfg`],
      ['GET', `${wrong}yealink-phonebook.xml`],
      ['GET', `${folder}sip.ld`],
      ['GET', `${folder}nothing.bin`],
      ['GET', `${folder}y000000000000.boot`],
      ['POST', folder + yealink.secretFile],
      ['DELETE', folder + yealink.secretFile],
      ['GET', `${folder}..%2f${yealink.secretFile}`],
    ] as [string, string][]) {
      assert.equal(await raw(app, method, path), NOTHING, `${method} ${path}`);
      assert.equal(
        await raw(app, method, path, [`Authorization: ${basic(own.user, own.password)}`]),
        NOTHING,
        `${method} ${path}`,
      );
    }
  });

  test('where certificates are demanded no password is asked for', async (context) => {
    const app = await startApp(context);
    const { folder, own } = await situation(app);
    await app.api('patch', 'tenants/initech').send({ proof: 'certificate' }).expect(200);
    for (const mac of [yealink.mac, UNKNOWN, DISABLED]) {
      for (const name of NAMES(mac)) assert.equal(await raw(app, 'GET', folder + name), NOTHING, name);
    }
    assert.equal((await askAs(app.phonesUrl, folder + yealink.secretFile, own)).status, 404);
  });

  test('at the bare door everything is challenged in a house with credentials, and nothing is there in one without', async (context) => {
    const app = await startApp(context);
    const paths = ['/805ec0a00001.cfg', `/${UNKNOWN}.cfg`, '/y000000000108.cfg', '/nothing.bin', '/healthz'];
    const all = async () => new Set(await Promise.all(paths.map((path) => raw(app, 'GET', path))));
    assert.deepEqual([...(await all())], [NOTHING]);
    await situation(app);
    assert.deepEqual([...(await all())], [CHALLENGE]);
    assert.equal(await raw(app, 'GET', '/'), NOTHING);
  });
});

describe('F1: the same work', () => {
  /** What the house asks of the store for one request. */
  async function workFor(app: App, token: string, file: string, proves: boolean, swept: boolean): Promise<string[]> {
    const asked: string[] = [];
    const counting = (reads: Reads) =>
      Object.fromEntries(
        Object.entries(reads).map(([part, functions]) => [
          part,
          Object.fromEntries(
            Object.entries(functions as Record<string, (...given: unknown[]) => unknown>).map(([name, work]) => [
              name,
              function (this: unknown, ...given: unknown[]) {
                asked.push(`${part}.${name}`);
                return work.apply(this, given);
              },
            ]),
          ),
        ]),
      ) as unknown as Reads;
    const { house } = app;
    const store = {
      ...house.store,
      snapshot: (work) => house.store.snapshot((reads) => work(counting(reads))),
    } as typeof house.store;
    let compared = 0;
    const credential = {
      mac: file.slice(0, 12) as never,
      prove: (passwords: readonly string[]) => {
        compared += passwords.length;
        return -1;
      },
    };
    const { outcome } = await serveFile(
      { ...house, store, firmware: NO_FIRMWARE, sweeps: { isSwept: () => swept } },
      {
        ...{ token, file, userAgent: '', address: '127.0.0.1', certificate: null, isLookOnly: false },
        credential: proves ? credential : null,
      },
    );
    return [...asked, `${compared} passwords`, outcome];
  }

  const CASES = [false, true].flatMap((proves) =>
    [false, true].flatMap((windows) => [false, true].map((swept) => ({ proves, windows, swept }))),
  );
  for (const { proves, windows, swept } of CASES) {
    const said = [
      `${proves ? 'with a wrong' : 'without a'} password`,
      windows ? 'a window for others open' : 'no window',
      swept ? 'while somebody sweeps' : 'in quiet times',
    ];
    test(said.join(', '), async (context) => {
      const app = await startApp(context);
      const { folder } = await situation(app);
      if (windows) await openWindow(app, { phones: [KINDS[1]?.mac ?? ''] });
      const token = folder.split('/')[2] ?? '';
      const work = await Promise.all(
        [yealink.mac, UNKNOWN, DISABLED, FOREIGN].map((mac) => workFor(app, token, `${mac}.cfg`, proves, swept)),
      );
      assert.equal(work[0]?.at(-1), 'challenge');
      assert.ok((work[0]?.length ?? 0) >= 5, 'the work is counted');
      // One window is open in any case: that of the phone that has enrolled.
      assert.equal(work[0]?.includes('fetches.lastServedAt'), swept);
      for (const one of work) assert.deepEqual(one, work[0]);
    });
  }
});

/** The long form is `npm run soak`. */
const SWEEP = Number(process.env.SOAK_SWEEP ?? 50_000);
const LANES = 8;
/** The door closes a connection after a hundred requests. */
const AT_ONCE = 100;

/** Asks for files one behind the other on connections that stay open, and counts each kind of answer. */
async function sweep(port: number, paths: readonly string[]): Promise<Map<string, number>> {
  const answers = new Map<string, number>();
  let next = 0;
  const batch = (from: number) =>
    new Promise<void>((resolve, reject) => {
      const some = paths.slice(from, from + AT_ONCE);
      const close = (at: number) => (at === some.length - 1 ? 'Connection: close\r\n' : '');
      const pieces: Buffer[] = [];
      const socket = connect(port, '127.0.0.1', () =>
        socket.write(some.map((path, at) => `GET ${path} HTTP/1.1\r\nHost: x\r\n${close(at)}\r\n`).join('')),
      );
      socket.on('data', (piece: Buffer) => {
        pieces.push(piece);
      });
      socket.on('end', () => {
        const received = Buffer.concat(pieces).toString('latin1');
        if (received.split('\r\n\r\n').length - 1 < some.length) return reject(new Error('the door hung up'));
        for (const answer of received.split('\r\n\r\n').slice(0, -1)) {
          // Only the last on a connection says that it is the last.
          const text = plain(answer).replace(/\r\nConnection: .*$/s, '');
          answers.set(text, (answers.get(text) ?? 0) + 1);
        }
        socket.destroy();
        resolve();
      });
      socket.on('error', reject);
    });
  const lane = async () => {
    while (next < paths.length) {
      const from = next;
      next += AT_ONCE;
      await batch(from);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return answers;
}

test(`F1: a sweep of ${SWEEP} MAC addresses in a row obtains nothing, not even which there are`, async (context) => {
  const app = await startApp(context);
  const folder = await addInitech(app);
  const first = 0x805ec0b00000;
  const macs = Array.from({ length: SWEEP }, (_, at) => (first + at).toString(16));
  assert.ok(macs.includes(yealink.mac), 'a phone lies in the way');
  // A process of its own, as it is in earnest.
  const door = await serveApart(context, app);
  const answers = await sweep(
    Number(new URL(door).port),
    macs.map((mac) => `${folder}${mac}.cfg`),
  );
  assert.deepEqual([...answers], [[CHALLENGE.replace(/\r\nConnection: .*$/s, ''), SWEEP]]);
  assert.equal(
    (await app.api('get', 'fetches?tenant=initech').expect(200)).body.items.length,
    0,
    'nobody was given anything',
  );
});
