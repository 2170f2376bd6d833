// What `homeport check` says of the URL that stands in phones' files, and of pools that lack something.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkHouse } from '../../src/app/check.ts';
import { startApp } from '../support/app.ts';

const cases: [url: string, said: RegExp | null][] = [
  ['http://192.0.2.9:8080', /an address, 192\.0\.2\.9, that may change/],
  ['https://[2001:db8::1]', /an address, \[2001:db8::1\], that may change/],
  ['http://prov.example.com', /without encryption/],
  ['https://prov.example.com', null],
];
for (const [url, said] of cases) {
  test(`${url}: ${said === null ? 'nothing to say' : 'a warning'}`, async (context) => {
    const app = await startApp(context, { HOMEPORT_PUBLIC_URL: url });
    const findings = (await checkHouse(app.house)).filter(({ remedy }) => remedy?.includes('HOMEPORT_PUBLIC_URL'));
    assert.equal(findings.length, said === null ? 0 : 1);
    if (said !== null) assert.match(findings[0]?.what ?? '', said);
  });
}

test('a pool without a backup and one that cannot carry tenants are told', async (context) => {
  const app = await startApp(context);
  const targets = [{ server: 'voip1', priority: 1 }];
  await app.api('post', 'pools').send({ name: 'lone', domain: 'lone.example.com', targets }).expect(201);
  const findings = await checkHouse(app.house);
  assert.ok(findings.some(({ level, what }) => level === 'warning' && /pool lone has no backup/.test(what)));
  assert.ok(findings.every(({ level }) => level !== 'fault'));
});
