// The phones' side of SIP against a real Asterisk: what it takes for a phone is one.
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { type Asterisk, needsAsterisk, startAsterisk } from '../support/asterisk.ts';
import { aSipPhone } from '../support/sip.ts';

const ACCOUNTS = ['101', '102'].map((user) => ({ user: `${user}-ACME`, password: `secret of "${user}"` }));
const [FIRST = { user: '', password: '' }, SECOND = { user: '', password: '' }] = ACCOUNTS;

const start = (context: TestContext): Promise<Asterisk> =>
  startAsterisk(context, { name: 'phones', address: '127.0.60.1', accounts: ACCOUNTS });

const contactsOf = (asterisk: Asterisk) =>
  [...asterisk.console('pjsip show contacts').matchAll(/Contact:\s+(\S+)\/sip:/g)].map(([, user]) => user).sort();

describe('a phone at a real Asterisk', { skip: needsAsterisk() }, () => {
  test('registers, refreshes and takes its registration back; a wrong password is refused', async (context) => {
    const asterisk = await start(context);
    const server = { host: asterisk.address, port: 5060 };
    const phone = await aSipPhone(context, FIRST);
    const wrong = await aSipPhone(context, { ...SECOND, password: 'another word' });
    assert.equal((await phone.register(server, 60)).kind, 'registered');
    const again = await phone.register(server, 90);
    assert.ok(again.kind === 'registered' && again.expiresS > 60 && again.expiresS <= 90);
    assert.deepEqual(await wrong.register(server, 60), { kind: 'refused', status: 401 });
    assert.deepEqual(contactsOf(asterisk), ['101-ACME']);
    assert.deepEqual(await phone.register(server, 0), { kind: 'registered', expiresS: 0 });
    assert.deepEqual(contactsOf(asterisk), []);
    await asterisk.kill();
    const patient = await aSipPhone(context, FIRST, { patienceMs: 700 });
    assert.deepEqual(await patient.register(server, 60), { kind: 'silent' });
  });

  test('calls a service and another phone, and hangs up on either side', async (context) => {
    const asterisk = await start(context);
    const server = { host: asterisk.address, port: 5060 };
    const [first, second] = [await aSipPhone(context, FIRST), await aSipPhone(context, SECOND)];
    await first.register(server, 60);
    await second.register(server, 60);
    assert.equal(await first.call(server, 'echo'), true);
    assert.equal(first.isInCall(), true);
    await first.hangUp();
    assert.equal(first.isInCall(), false);
    assert.equal(await first.call(server, SECOND.user), true);
    await second.calls.until((inCall) => inCall);
    await second.hangUp();
    await first.calls.until((inCall) => !inCall && first.calls.heard.length === 4);
    assert.deepEqual(first.calls.heard, [true, false, true, false]);
    assert.deepEqual(second.calls.heard, [true, false]);
    assert.equal(await first.call(server, '999'), false);
    assert.match(asterisk.console('core show channels'), /0 active channels/);
  });

  test('hears NOTIFY with its event, and nobody else does', async (context) => {
    const asterisk = await start(context);
    const server = { host: asterisk.address, port: 5060 };
    const [first, second] = [await aSipPhone(context, FIRST), await aSipPhone(context, SECOND)];
    await first.register(server, 60);
    await second.register(server, 60);
    asterisk.console('pjsip send notify fetch endpoint 101-ACME');
    assert.equal(await first.events.until((event) => event !== ''), 'check-sync;reboot=false');
    assert.deepEqual(second.events.heard, []);
  });
});
