// Journeys of people and programs through the admin door: keys, passwords, sessions, and the audit of what they did.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import Database from 'better-sqlite3';
import request from 'supertest';
import { verifyAudit } from '../../src/app/check.ts';
import { hashPassword, isPassword } from '../../src/app/passwords.ts';
import { actorOfKey, actorOfSession } from '../../src/app/sign-in.ts';
import { API_KEY, type App, startApp } from '../support/app.ts';

const PASSWORD = 'correct horse battery';
const HOUR_MS = 3_600_000;

const addUser = (app: App, changes: object = {}) =>
  app
    .api('post', 'users')
    .send({ name: 'anna', role: 'operator', password: PASSWORD, ...changes })
    .expect(201);

const signIn = (app: App, name = 'anna', password = PASSWORD) =>
  request(app.adminUrl).post('/api/v1/session').send({ name, password });

async function cookieOf(app: App, name = 'anna'): Promise<string> {
  const { headers } = await signIn(app, name).expect(201);
  return headers['set-cookie']?.[0]?.split(';')[0] ?? '';
}

/** A gate whose clock is so much later. */
const later = (app: App, ms: number) => ({
  ...{ store: app.house.store, random: randomBytes, apiKey: null },
  now: () => new Date(Date.now() + ms),
});

describe('passwords', () => {
  test('are kept as argon2id with a salt of their own, and only the right one fits', async () => {
    const [one, two] = [await hashPassword('a', randomBytes), await hashPassword('a', randomBytes)];
    assert.match(one, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
    assert.notEqual(one, two);
    assert.deepEqual(
      [await isPassword('a', one), await isPassword('b', one), await isPassword('a', null)],
      [true, false, false],
    );
  });
  test('one that another implementation made is known too', async () => {
    // A test vector of the reference implementation: argon2id, t=2, m=65536, p=1, password and somesalt.
    const known = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';
    assert.deepEqual([await isPassword('password', known), await isPassword('Password', known)], [true, false]);
  });
  test('never come out, nor do their hashes', async (context) => {
    const app = await startApp(context);
    await addUser(app);
    for (const path of ['users', 'users/anna', 'audit']) {
      const { text } = await app.api('get', path).expect(200);
      assert.ok(!text.includes('argon2') && !text.includes('correct horse'), path);
    }
  });
  test('a short one is refused', async (context) => {
    const app = await startApp(context);
    const answer = await app.api('post', 'users').send({ name: 'x', role: 'viewer', password: 'short' }).expect(422);
    assert.equal(answer.body.errors[0].path, 'password');
    assert.ok(!answer.text.includes('short"'));
  });
});

describe('a session', () => {
  test('stands in a cookie that scripts and other sites cannot have, and acts with the role of its user', async (context) => {
    const app = await startApp(context);
    await addUser(app, { role: 'viewer' });
    const { headers, body } = await signIn(app).expect(201);
    assert.match(
      headers['set-cookie']?.[0] ?? '',
      /^homeport_session=[a-z2-7]{52}; Path=\/; HttpOnly; SameSite=Strict$/,
    );
    assert.deepEqual(body, { name: 'user:anna', role: 'viewer', tenants: [] });
    const cookie = headers['set-cookie']?.[0]?.split(';')[0] ?? '';
    const get = (path: string) => request(app.adminUrl).get(`/api/v1/${path}`).set('Cookie', cookie);
    assert.equal((await get('session').expect(200)).body.name, 'user:anna');
    await get('tenants').expect(200);
    await get('users').expect(403);
  });
  test('changes nothing from a page of another site', async (context) => {
    const app = await startApp(context);
    await addUser(app);
    const cookie = await cookieOf(app);
    const patch = (headers: Record<string, string>) =>
      request(app.adminUrl).patch('/api/v1/tenants/acme').set('Cookie', cookie).set(headers).send({ name: 'X' });
    const { host } = new URL(app.adminUrl);
    await patch({}).expect(403);
    await patch({ Origin: 'https://evil.example.com' }).expect(403);
    await patch({ Origin: `http://${host}`, 'Sec-Fetch-Site': 'cross-site' }).expect(403);
    assert.equal((await app.api('get', 'tenants/acme')).body.name, 'Acme');
    await patch({ Origin: `http://${host}` }).expect(200);
    await patch({ 'Sec-Fetch-Site': 'same-origin' }).expect(200);
  });
  test('ends when its user signs out, gets a new password or another role, is disabled or removed', async (context) => {
    const app = await startApp(context);
    const ends: [string, (cookie: string) => Promise<unknown>][] = [
      [
        'signs out',
        (cookie) =>
          request(app.adminUrl)
            .delete('/api/v1/session')
            .set('Cookie', cookie)
            .set('Sec-Fetch-Site', 'same-origin')
            .expect(204),
      ],
      ['password', async () => app.api('patch', 'users/anna').send({ password: 'another long password' }).expect(200)],
      ['role', async () => app.api('patch', 'users/anna').send({ role: 'viewer' }).expect(200)],
      ['disabled', async () => app.api('patch', 'users/anna').send({ enabled: false }).expect(200)],
      ['removed', async () => app.api('delete', 'users/anna').expect(204)],
    ];
    for (const [what, end] of ends) {
      await app.api('delete', 'users/anna');
      await addUser(app);
      const cookie = await cookieOf(app);
      const see = () => request(app.adminUrl).get('/api/v1/session').set('Cookie', cookie);
      await see().expect(200);
      await end(cookie);
      assert.equal((await see()).status, 401, what);
    }
  });
  test('ends after twelve idle hours', async (context) => {
    const app = await startApp(context);
    await addUser(app);
    const session = (await cookieOf(app)).split('=')[1] ?? '';
    assert.equal((await actorOfSession(later(app, 11 * HOUR_MS), session, '::1'))?.name, 'user:anna');
    // That was a use, eleven hours on.
    assert.equal((await actorOfSession(later(app, 22 * HOUR_MS), session, '::1'))?.name, 'user:anna');
    assert.equal(await actorOfSession(later(app, 35 * HOUR_MS), session, '::1'), null);
    assert.equal(await actorOfSession(later(app, 0), 'a'.repeat(52), '::1'), null);
  });
  test('ends after a week, however busy', async (context) => {
    const app = await startApp(context);
    await addUser(app);
    const session = (await cookieOf(app)).split('=')[1] ?? '';
    for (let hours = 0; hours < 168; hours += 8)
      assert.ok(await actorOfSession(later(app, hours * HOUR_MS), session, '::1'), `${hours} hours`);
    assert.equal(await actorOfSession(later(app, 169 * HOUR_MS), session, '::1'), null);
  });
});

describe('signing in', () => {
  test('a wrong name and a wrong password are the same; after ten the right one has to wait too', async (context) => {
    const app = await startApp(context);
    await addUser(app);
    const answers = [await signIn(app, 'anna', 'wrong'), await signIn(app, 'nobody', 'wrong')];
    assert.deepEqual(
      answers.map(({ status }) => status),
      [401, 401],
    );
    assert.equal(answers[0]?.text, answers[1]?.text);
    for (let tries = 0; tries < 8; tries++) await signIn(app, 'anna', `wrong ${tries}`).expect(401);
    const { body } = await signIn(app).expect(429);
    assert.equal(body.code, 'too_many');
  });
  test('a disabled user does not come in', async (context) => {
    const app = await startApp(context);
    await addUser(app, { enabled: false });
    await signIn(app).expect(401);
  });
});

describe('keys', () => {
  test('are shown once, are good until they expire or are removed, and tell when they were used', async (context) => {
    const app = await startApp(context);
    const expiresAt = new Date(Date.now() + HOUR_MS).toISOString();
    const made = await app.api('post', 'keys').send({ name: 'planner', role: 'viewer', expiresAt }).expect(201);
    const { id, key } = made.body;
    assert.match(key, /^hp_[a-z2-7]{8}_[a-z2-7]{32}$/);
    assert.equal((await app.api('get', 'session', key).expect(200)).body.name, `key:${id}`);
    const [listed] = (await app.api('get', 'keys').expect(200)).body.items;
    assert.ok(Math.abs(Date.parse(listed.lastUsedAt) - Date.now()) < 60_000);
    assert.ok(!JSON.stringify(listed).includes(key.split('_')[2]));
    assert.ok(await actorOfKey(later(app, 0), key, '::1'));
    assert.equal(await actorOfKey(later(app, 2 * HOUR_MS), key, '::1'), null, 'expired');
    assert.equal(await actorOfKey(later(app, 0), key.replace(/.$/, key.endsWith('a') ? 'b' : 'a'), '::1'), null);
    await app.api('delete', `keys/${id}`).expect(204);
    await app.api('get', 'session', key).expect(401);
  });
  test('nothing of a key or password is in the database file', async (context) => {
    const app = await startApp(context);
    await addUser(app);
    const { key } = (await app.api('post', 'keys').send({ name: 'x', role: 'owner' }).expect(201)).body;
    const cookie = await cookieOf(app);
    await app.close();
    const file = readFileSync(join(app.folder, 'homeport.db')).toString('latin1');
    for (const secret of [key.split('_')[2], PASSWORD, cookie.split('=')[1], API_KEY])
      assert.ok(!file.includes(secret));
  });
});

test('the last owner stays one', async (context) => {
  const app = await startApp(context);
  await addUser(app, { role: 'owner' });
  for (const change of [{ role: 'viewer' }, { enabled: false }])
    await app.api('patch', 'users/anna').send(change).expect(409);
  await app.api('delete', 'users/anna').expect(409);
  await addUser(app, { name: 'bert', role: 'owner' });
  await app.api('delete', 'users/anna').expect(204);
});

test('roles of a tenant name tenants that there are, and no others do', async (context) => {
  const app = await startApp(context);
  const add = (changes: object) => app.api('post', 'users').send({ name: 'x', password: PASSWORD, ...changes });
  await add({ role: 'tenantAdmin' }).expect(422);
  await add({ role: 'viewer', tenants: ['acme'] }).expect(422);
  const { body } = await add({ role: 'tenantAdmin', tenants: ['acme', 'acmee'] }).expect(422);
  assert.deepEqual(body.errors, [{ path: 'tenants.1', message: 'there is no tenant acmee' }]);
  await add({ role: 'tenantAdmin', tenants: ['acme'] }).expect(201);
});

describe('the audit', () => {
  test('says who, when, from where and what; secrets are masked', async (context) => {
    const app = await startApp(context);
    await app
      .api('patch', 'phones/805ec0a00001')
      .send({
        lines: [{ user: '101-ACME', password: 'brand new secret', label: 'Desk' }],
        settings: { adminPassword: 'Tr0ub4dor' },
      })
      .expect(200);
    const [entry] = (await app.api('get', 'audit?limit=1').expect(200)).body.items;
    assert.deepEqual(
      [entry.actor, entry.action, entry.subject, entry.tenant],
      ['key:first', 'phone.change', '805ec0a00001', 'acme'],
    );
    assert.ok(Math.abs(Date.parse(entry.at) - Date.now()) < 60_000);
    assert.match(entry.address, /127\.0\.0\.1/);
    const changes = Object.fromEntries(entry.changes.map((one: { path: string }) => [one.path, one]));
    assert.equal(changes['lines.0.label'].after, 'Desk');
    assert.deepEqual([changes['lines.0.password'].before, changes['lines.0.password'].after], ['********', '********']);
    assert.equal(changes['settings.adminPassword'].after, '********');
    assert.ok(!JSON.stringify(entry).includes('brand new secret'));
  });
  test('is filtered, comes in pages, and what fails is not in it', async (context) => {
    const app = await startApp(context);
    await app.api('post', 'tenants/acme/moves').send({ pool: 'pbxB' }).expect(201);
    await app.api('post', 'tenants/acme/moves').send({ pool: 'pbxB' }).expect(409);
    const { body } = await app.api('get', 'audit?action=tenant.move').expect(200);
    assert.deepEqual(
      body.items.map(({ changes }: { changes: unknown }) => changes),
      [
        [
          { path: 'pool', before: 'pbxA', after: 'pbxB' },
          { path: 'road', before: null, after: 'resync' },
        ],
      ],
    );
    const whole = (await app.api('get', 'audit').expect(200)).body.items.map(({ id }: { id: number }) => id);
    const paged: number[] = [];
    for (let cursor = ''; ; ) {
      const page = (await app.api('get', `audit?limit=3${cursor}`).expect(200)).body;
      paged.push(...page.items.map(({ id }: { id: number }) => id));
      if (page.next === null) break;
      cursor = `&cursor=${page.next}`;
    }
    assert.deepEqual(paged, whole);
    assert.ok(whole.length > 10, 'the demo world is in it too');
  });
  test('a change of it behind the program is found', async (context) => {
    const app = await startApp(context);
    const { entries, fault } = await verifyAudit(app.house);
    assert.ok(entries > 10 && fault === null);
    const file = new Database(join(app.folder, 'homeport.db'));
    context.after(() => file.close());
    const faultAfter = async (sql: string) => {
      file.exec(sql);
      return (await verifyAudit(app.house)).fault;
    };
    const original = file.prepare('select * from audit where id = 5').get() as { subject: string };
    assert.equal(await faultAfter("update audit set subject = 'somebody' where id = 5"), 'entry 5 was changed');
    file.prepare('update audit set subject = ? where id = 5').run(original.subject);
    assert.equal((await verifyAudit(app.house)).fault, null);
    assert.match((await faultAfter(`delete from audit where id = ${entries}`)) ?? '', /missing/);
    assert.match(
      (await faultAfter("update installation set value = 'x' where name = 'audit_head'")) ?? '',
      /without the key/,
    );
  });
});
