// The clock of the machine is set: nobody is let in who should not be, nobody is locked out for long, and the order of the
// history does not depend on it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkHouse, verifyAudit } from '../../src/app/check.ts';
import { addApiKey } from '../../src/app/people.ts';
import { rotateSecrets } from '../../src/app/rotate-secrets.ts';
import { actorOfKey, actorOfSession, countAttempts, type Gate, signIn } from '../../src/app/sign-in.ts';
import { AppError } from '../../src/domain/errors.ts';
import { startApp } from '../support/app.ts';
import { OPERATOR } from '../support/backups.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
// The night in which Central Europe's clocks go forward, and the year's end with its leap seconds.
const STARTS = ['2026-03-29T00:59:30.000Z', '2026-12-31T23:59:59.900Z'].map((text) => Date.parse(text));
const JUMPS = [-DAY_MS, -HOUR_MS, -1_000, 1_000, HOUR_MS, 11 * HOUR_MS];

const PASSWORD = 'long enough for this';

for (const begin of STARTS) {
  test(`sessions and keys when the clock is set, from ${new Date(begin).toISOString()}`, async (context) => {
    const app = await startApp(context);
    const clock = { now: begin };
    const now = () => new Date(clock.now);
    const house = { ...app.house, now };
    const gate: Gate = { ...house, apiKey: null };
    await app.api('post', 'users').send({ name: 'ada', role: 'owner', password: PASSWORD }).expect(201);
    const expiresAt = new Date(begin + 2 * DAY_MS).toISOString();
    const { key } = await addApiKey(house, { name: 'reader', role: 'viewer', expiresAt }, OPERATOR);
    const { session } = await signIn(gate, countAttempts('password'), { name: 'ada', password: PASSWORD }, '192.0.2.7');
    for (const jump of JUMPS) {
      clock.now = begin + jump;
      assert.equal((await actorOfSession(gate, session, '192.0.2.7'))?.name, 'user:ada', `session, ${jump} ms`);
      assert.equal((await actorOfKey(gate, key, '192.0.2.7'))?.role, 'viewer', `key, ${jump} ms`);
    }
    // Too far ahead nobody comes in; once the clock is right again, those come in who could before.
    for (const jump of [3 * DAY_MS, 400 * DAY_MS]) {
      clock.now = begin + jump;
      assert.equal(await actorOfSession(gate, session, '192.0.2.7'), null);
      assert.equal(await actorOfKey(gate, key, '192.0.2.7'), null);
    }
    clock.now = begin + 1_000;
    assert.equal((await actorOfSession(gate, session, '192.0.2.7'))?.name, 'user:ada');
    assert.equal((await actorOfKey(gate, key, '192.0.2.7'))?.role, 'viewer');
  });
}

test('the history stays in order and whole whatever the clock says, also over a rotation of the key', async (context) => {
  const app = await startApp(context);
  const clock = { now: STARTS[0] ?? 0 };
  const house = { ...app.house, now: () => new Date(clock.now) };
  const first = (await app.house.store.audit.end()).id;
  for (const jump of [...JUMPS, 400 * DAY_MS, -400 * DAY_MS]) {
    clock.now += jump;
    await addApiKey(house, { name: 'reader', role: 'viewer' }, OPERATOR);
    if (jump % DAY_MS === 0) await rotateSecrets(house, OPERATOR);
  }
  const { entries, fault } = await verifyAudit(house);
  assert.equal(fault, null);
  assert.equal(entries, first + 8 + 3);
  const findings = await checkHouse(house);
  assert.deepEqual(
    findings.filter(({ severity }) => severity === 'error' || severity === 'unknown'),
    [],
  );
});

test('who has to wait after wrong passwords does not wait for a day because the clock went back', () => {
  const attempts = countAttempts('password');
  const at = (ms: number) => new Date((STARTS[0] ?? 0) + ms);
  const mayTry = (ms: number) => {
    try {
      attempts.check(['name ada'], at(ms));
      return true;
    } catch (error) {
      assert.ok(error instanceof AppError && error.code === 'too_many');
      return false;
    }
  };
  for (let guess = 0; guess < 10; guess++) attempts.failed(['name ada'], at(0));
  const minutes = (count: number) => count * 60_000;
  assert.deepEqual([-DAY_MS, -minutes(16), -minutes(14), 0, minutes(14), minutes(16), DAY_MS].map(mayTry), [
    true,
    true,
    false,
    false,
    false,
    true,
    true,
  ]);
});
