// Journeys of phones that fetch firmware: whole, in parts, and only what stands in the directory.
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { rangeOf } from '../../src/http/range.ts';
import { type App, startApp, temporaryFolder } from '../support/app.ts';

const IMAGE = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * 7) % 251));

async function withFirmware(context: TestContext): Promise<{ app: App; images: string; folder: string }> {
  const images = temporaryFolder(context);
  writeFileSync(join(images, 'T46U-108.86.0.90.rom'), IMAGE);
  writeFileSync(join(images, '.hidden.rom'), 'hidden');
  mkdirSync(join(images, 'inner'));
  writeFileSync(join(images, 'inner', 'inner.rom'), 'inner');
  symlinkSync('/etc/hostname', join(images, 'link.rom'));
  const app = await startApp(context, { HOMEPORT_FIRMWARE: images });
  return { app, images, folder: await app.folderOf('acme') };
}

test('an image is served whole, by HEAD, conditionally and in parts', async (context) => {
  const { app, folder } = await withFirmware(context);
  const path = `${folder}T46U-108.86.0.90.rom`;
  const whole = await app.phone('get', path).expect(200).expect('Accept-Ranges', 'bytes');
  assert.ok(IMAGE.equals(whole.body as Buffer));
  assert.equal(whole.headers['content-length'], String(IMAGE.length));
  const head = await app.phone('head', path).expect(200);
  assert.equal(head.headers['content-length'], String(IMAGE.length));
  await app
    .phone('get', path)
    .set('If-None-Match', whole.headers.etag ?? '')
    .expect(304);
  for (const [range, first, last] of [
    ['bytes=0-99', 0, 99],
    ['bytes=299990-', 299_990, 299_999],
    ['bytes=-10', 299_990, 299_999],
    ['bytes=299990-999999', 299_990, 299_999],
  ] as const) {
    const part = await app.phone('get', path).set('Range', range).expect(206);
    assert.equal(part.headers['content-range'], `bytes ${first}-${last}/300000`);
    assert.ok(IMAGE.subarray(first, last + 1).equals(part.body as Buffer), range);
  }
  const beyond = await app.phone('get', path).set('Range', 'bytes=300000-').expect(416);
  assert.equal(beyond.headers['content-range'], 'bytes */300000');
  await app.phone('get', path).set('Range', 'bytes=0-9').set('If-Range', '"old"').expect(200);
  await app
    .phone('get', path)
    .set('Range', 'bytes=0-9')
    .set('If-Range', whole.headers.etag ?? '')
    .expect(206);
});

test('nothing outside of the directory can be read, and nothing without a token', async (context) => {
  const { app, folder } = await withFirmware(context);
  const names = [
    'link.rom',
    'inner.rom',
    '.hidden.rom',
    'inner',
    '..',
    '.',
    '%2e%2e%2fetc%2fhostname',
    'inner%2finner.rom',
    't46u-108.86.0.90.rom',
  ];
  for (const name of names) await app.phone('get', folder + name).expect(404);
  await app.phone('get', '/T46U-108.86.0.90.rom').expect(404);
  await app.phone('get', `/p/${'a'.repeat(26)}/T46U-108.86.0.90.rom`).expect(404);
  await app.phone('put', `${folder}T46U-108.86.0.90.rom`).send('x').expect(404);
});

test('an empty image is served as what it is', async (context) => {
  const images = temporaryFolder(context);
  writeFileSync(join(images, 'empty.rom'), '');
  const app = await startApp(context, { HOMEPORT_FIRMWARE: images });
  const path = `${await app.folderOf('acme')}empty.rom`;
  const { headers } = await app.phone('get', path).expect(200);
  assert.equal(headers['content-length'], '0');
  await app.phone('get', path).set('Range', 'bytes=0-').expect(416);
});

test('new images are taken up, removed ones are gone', async (context) => {
  const { app, images, folder } = await withFirmware(context);
  await app.phone('get', `${folder}new.rom`).expect(404);
  writeFileSync(join(images, 'new.rom'), 'new');
  for (let tries = 0; tries < 60; tries++) {
    if ((await app.phone('get', `${folder}new.rom`)).status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.fail('the new image was not taken up');
});

describe('ranges', () => {
  const cases: [string | undefined, ReturnType<typeof rangeOf>][] = [
    [undefined, null],
    ['bytes=0-0', { first: 0, last: 0 }],
    ['bytes=5-', { first: 5, last: 9 }],
    ['bytes=-3', { first: 7, last: 9 }],
    ['bytes=-99', { first: 0, last: 9 }],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=10-', 'unsatisfiable'],
    ['bytes=5-2', null],
    ['bytes=-', null],
    ['bytes=0-1,3-4', null],
    ['lines=0-1', null],
  ];
  for (const [header, expected] of cases) test(String(header), () => assert.deepEqual(rangeOf(header, 10), expected));
});
