// The store on its real engine: what is committed stays, what fails leaves nothing, secrets stay sealed.
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { ALL_TENANTS, type Scope } from '../../src/domain/access.ts';
import { FIRST_PAGE } from '../../src/domain/page.ts';
import { secretsWith } from '../../src/store/secrets.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { temporaryFolder } from '../support/app.ts';
import { aLine, anAssignablePool, aPhone, aTenant } from '../support/world.ts';

const SECRET = 'unmistakable-secret-of-a-line';

const openIn = (folder: string) => openStore({ url: `file:${join(folder, 'x.db')}`, keyFile: join(folder, 'x.key') });

async function filled(context: TestContext): Promise<{ store: Store; folder: string }> {
  const folder = temporaryFolder(context);
  const store = await openIn(folder);
  context.after(() => store.close());
  await store.transaction(async (tx) => {
    for (const name of ['voip1', 'voip2'])
      await tx.servers.add({ name, host: `${name}.example.com`, addresses: [], capacity: 2.5, state: 'active' });
    await tx.pools.add(anAssignablePool());
    for (const code of ['acme', 'globex'])
      await tx.tenants.add(aTenant({ code }), anAssignablePool(), `token-of-${code}`);
    await tx.phones.add(aPhone({ lines: [aLine({ password: SECRET }), aLine({ user: '102' })] }));
    await tx.phones.add(aPhone({ mac: '805ec0a00002', tenant: 'globex' }));
  });
  return { store, folder };
}

test('what is written is read back', async (context) => {
  const { store } = await filled(context);
  assert.deepEqual(await store.pools.get('pbxA'), anAssignablePool());
  assert.equal((await store.servers.get('voip2')).capacity, 2.5);
  const { mac } = aPhone();
  assert.deepEqual(
    await store.phones.get(ALL_TENANTS, mac),
    aPhone({ lines: [aLine({ password: SECRET }), aLine({ user: '102' })] }),
  );
  const { phones, token, ...tenant } = await store.tenants.get(ALL_TENANTS, 'acme');
  assert.deepEqual([tenant, phones, token], [aTenant(), 1, 'token-of-acme']);
  assert.equal((await store.tokens.find('token-of-globex', '2026-01-01T00:00:00.000Z'))?.tenant, 'globex');
  assert.equal(await store.tokens.find('token-of-nobody', '2026-01-01T00:00:00.000Z'), null);
});

test('a transaction that fails leaves nothing behind', async (context) => {
  const { store } = await filled(context);
  await assert.rejects(
    store.transaction(async (tx) => {
      await tx.phones.add(aPhone({ mac: '805ec0a00009' }));
      await tx.tenants.place(await tx.tenants.get(ALL_TENANTS, 'acme'), anAssignablePool());
      throw new Error('power cut');
    }),
    /power cut/,
  );
  assert.equal((await store.phones.list(ALL_TENANTS, FIRST_PAGE)).length, 2);
  assert.equal((await store.tenants.get(ALL_TENANTS, 'acme')).revision, 1);
});

test('a tenant cannot stand on a pool that is not there, nor a phone on a tenant', async (context) => {
  const { store } = await filled(context);
  const nowhere = anAssignablePool({ name: 'nowhere' });
  await assert.rejects(
    store.transaction((tx) => tx.tenants.add(aTenant({ code: 'x' }), nowhere, 't')),
    /FOREIGN KEY/,
  );
  await assert.rejects(
    store.transaction((tx) => tx.phones.add(aPhone({ mac: '805ec0a00009', tenant: 'x' }))),
    /FOREIGN KEY/,
  );
});

describe('a scope hides what is outside it', () => {
  const acme: Scope = { kind: 'tenants', codes: ['acme'] };
  const nobody: Scope = { kind: 'tenants', codes: [] };
  test('tenants', async (context) => {
    const { store } = await filled(context);
    assert.deepEqual(
      (await store.tenants.list(acme, FIRST_PAGE)).map(({ code }) => code),
      ['acme'],
    );
    assert.deepEqual(await store.tenants.list(nobody, FIRST_PAGE), []);
    await assert.rejects(store.tenants.get(acme, 'globex'), { code: 'not_found' });
  });
  test('phones', async (context) => {
    const { store } = await filled(context);
    assert.deepEqual(
      (await store.phones.list(acme, FIRST_PAGE)).map(({ mac }) => mac),
      ['805ec0a00001'],
    );
    assert.equal(await store.phones.find(acme, aPhone({ mac: '805ec0a00002' }).mac), null);
    await assert.rejects(store.phones.get(nobody, aPhone().mac), { code: 'not_found' });
  });
  test('fetches', async (context) => {
    const { store } = await filled(context);
    const fetch = {
      at: '2026-01-01T00:00:00.000Z',
      method: 'GET',
      file: 'x',
      status: 200,
      digest: null,
      address: '::1',
      userAgent: '',
      model: null,
      firmware: null,
      tokenId: null,
    };
    await store.transaction((tx) =>
      tx.fetches.add([
        { ...fetch, mac: aPhone().mac, tenant: 'acme' },
        { ...fetch, mac: aPhone({ mac: '805ec0a00002' }).mac, tenant: 'globex' },
      ]),
    );
    assert.equal((await store.fetches.list(ALL_TENANTS, { limit: 9 })).length, 2);
    assert.deepEqual(
      (await store.fetches.list(acme, { limit: 9 })).map(({ tenant }) => tenant),
      ['acme'],
    );
    assert.deepEqual(await store.fetches.list(nobody, { limit: 9 }), []);
  });
});

describe('secrets at rest', () => {
  test('no file of the database holds a password or a token in clear', async (context) => {
    const { store, folder } = await filled(context);
    await store.close();
    const bytes = readFileSync(join(folder, 'x.db'));
    for (const secret of [SECRET, 'token-of-acme', 'correct horse']) assert.ok(!bytes.includes(secret), secret);
    assert.ok(bytes.includes('101-ACME'), 'the user is there, so the right file was read');
  });
  test('the key file is for its owner alone, and a wider one is refused', async (context) => {
    const { store, folder } = await filled(context);
    const key = join(folder, 'x.key');
    assert.equal(statSync(key).mode & 0o777, 0o600);
    await store.close();
    chmodSync(key, 0o644);
    await assert.rejects(openIn(folder), { code: 'unavailable', message: /chmod 600/ });
    chmodSync(key, 0o600);
    await (await openIn(folder)).close();
  });
  test('without its key the database is not opened, and no new key is made', async (context) => {
    const { store, folder } = await filled(context);
    await store.close();
    const key = join(folder, 'x.key');
    copyFileSync(key, `${key}.kept`);
    rmSync(key);
    await assert.rejects(openIn(folder), { code: 'unavailable', message: /missing/ });
    assert.throws(() => statSync(key));
    const other = temporaryFolder(context);
    await (await openIn(other)).close();
    copyFileSync(join(other, 'x.key'), key);
    await assert.rejects(openIn(folder), { code: 'unavailable', message: /not the one/ });
    copyFileSync(`${key}.kept`, key);
    await (await openIn(folder)).close();
  });
  test('a sealed value does not open in another place, nor when a bit of it is changed', () => {
    const secrets = secretsWith(Buffer.alloc(32, 1));
    const sealed = secrets.seal('Grüße', 'line|a|0');
    assert.equal(secrets.open(sealed, 'line|a|0'), 'Grüße');
    assert.notEqual(secrets.seal('Grüße', 'line|a|0'), sealed, 'the same text is never sealed the same way twice');
    assert.throws(() => secrets.open(sealed, 'line|b|0'));
    assert.throws(() => secretsWith(Buffer.alloc(32, 2)).open(sealed, 'line|a|0'));
    const flipped = sealed.slice(0, 20) + (sealed[20] === 'A' ? 'B' : 'A') + sealed.slice(21);
    assert.throws(() => secrets.open(flipped, 'line|a|0'));
    assert.throws(() => secrets.open(`2.${sealed.slice(2)}`, 'line|a|0'), /unknown version/);
  });
});

test('while another process writes, reading goes on and writing waits its turn', async (context) => {
  const { store, folder } = await filled(context);
  const other = await openIn(folder);
  context.after(() => other.close());
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  const { promise: holding, resolve: begun } = Promise.withResolvers<void>();
  const order: string[] = [];
  const long = other.transaction(async (tx) => {
    begun();
    await held;
    await tx.tenants.place(await tx.tenants.get(ALL_TENANTS, 'globex'), anAssignablePool());
    order.push('long');
  });
  await holding;
  const short = store.transaction(async (tx) => {
    await tx.tenants.place(await tx.tenants.get(ALL_TENANTS, 'acme'), anAssignablePool());
    order.push('short');
  });
  for (let reads = 0; reads < 20; reads++) {
    assert.equal((await store.tenants.get(ALL_TENANTS, 'acme')).revision, 1);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  order.push('read');
  release();
  await Promise.all([long, short]);
  assert.deepEqual(order, ['read', 'long', 'short']);
  assert.equal((await store.tenants.get(ALL_TENANTS, 'acme')).revision, 2);
});
