// F8, the half without a browser: what phones say of themselves is kept short and printable, and no answer of the admin door is
// something that a browser would run.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import request from 'supertest';
import { API_KEY, type App, startApp } from '../support/app.ts';
import { ask } from '../support/proofs.ts';

const MAC = '805ec0a00001';
const STRANGER = '805ec0fffff1';
const PAYLOADS = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "'-alert(1)-'",
  'javascript:alert(1)//',
  '<svg/onload=alert(1)>',
  '{{constructor.constructor("alert(1)")()}}',
  '=HYPERLINK("http://evil.example","x")',
  '\u001b[31mred\u001b[0m',
  '\u00e9\u0085\u00ff\u00ad',
  `Yealink SIP-T46U <script>${'x'.repeat(3_000)}</script>`,
  `Yealink SIP-T46U 108.86.0.20<img src=x> 80:5e:c0:a0:00:01`,
];

async function stored(app: App) {
  for (let tries = 0; tries < 250; tries++) {
    const { items } = (await app.api('get', `fetches?mac=${MAC}&limit=1000`)).body;
    const met = (await app.api('get', 'unclaimed')).body.items;
    if (
      items.length >= PAYLOADS.length &&
      met.some(({ requests }: { requests: number }) => requests >= PAYLOADS.length)
    )
      return [...items, ...met];
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('what phones said is not written down');
}

/** Every text in an answer. */
const textsIn = (value: unknown): string[] =>
  typeof value === 'string'
    ? [value]
    : typeof value === 'object' && value !== null
      ? Object.values(value).flatMap(textsIn)
      : [];

async function tell(app: App) {
  const folder = await app.folderOf('acme');
  for (const agent of PAYLOADS) {
    // Bytes as they are: Node refuses control characters in headers, so those that it refuses never arrive.
    for (const mac of [MAC, STRANGER]) {
      const sent = /^[\t\x20-\x7e\x80-\xff]*$/.test(agent) ? agent : agent.replaceAll('\u001b', '\u0080');
      await ask(app.phonesUrl, `${folder}${mac}.cfg`, { agent: sent });
    }
  }
  return folder;
}

test('F8: what phones say of themselves is stored bounded and printable', async (context) => {
  const app = await startApp(context);
  await tell(app);
  const texts = textsIn(await stored(app));
  assert.ok(
    texts.some((text) => text.includes('<script>')),
    'it is there',
  );
  for (const text of texts) assert.match(text, /^[\x20-\x7e]{0,200}$/);
});

test('F8: names of files and uploads that a browser could take for code are not kept', async (context) => {
  const app = await startApp(context);
  const folder = await app.folderOf('acme');
  for (const name of [
    `${MAC}-<script>.cfg`,
    `${MAC}"onload="x`,
    `${MAC}-boot.log%3Cscript%3E`,
    `<svg onload=alert(1)>.xml`,
  ]) {
    const path = folder + encodeURI(name);
    assert.equal((await ask(app.phonesUrl, path, { method: 'PUT', body: '<script>' })).status, 404, name);
  }
  assert.deepEqual((await app.api('get', `phones/${MAC}/uploads`).expect(200)).body.items, []);
});

test('F8: every admin answer says its type, that it is to be taken at its word, and that nothing in it may run', async (context) => {
  const app = await startApp(context);
  await tell(app);
  await stored(app);
  const paths = [
    ...['fetches', 'unclaimed', 'phones', `phones/${MAC}`, `phones/${MAC}/files`, `phones/${MAC}/uploads`, 'sweeps'],
    ...[
      'audit',
      'openapi.json',
      'exports/phones',
      'nothing',
      `phones/${encodeURIComponent('<script>')}`,
      'tenants?limit=<b>',
    ],
  ].map((path) => `/api/v1/${path}`);
  for (const path of [...paths, '/', '/metrics', '/healthz', '/<script>', '/%3Cscript%3E']) {
    const answer = await request(app.adminUrl).get(path).set('Authorization', `Bearer ${API_KEY}`);
    assert.equal(answer.headers['x-content-type-options'], 'nosniff', path);
    assert.match(answer.headers['content-security-policy'] ?? '', /^default-src 'none'/, path);
    const type = answer.headers['content-type'] ?? '';
    if (answer.text !== '')
      assert.match(type, /^(application\/(problem\+)?json|text\/(plain|csv))\b/, `${path}: ${type}`);
  }
});
