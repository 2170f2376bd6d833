// Our side of the Manager Interface against a real Asterisk, with phones that really register and talk.
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { temporaryFolder } from '../support/app.ts';
import {
  AMI_PORT,
  AMI_SECRET,
  AMI_TLS_PORT,
  AMI_USER,
  type Asterisk,
  type AsteriskWish,
  needsAsterisk,
  startAsterisk,
} from '../support/asterisk.ts';
import { type Made, makeCertificate } from '../support/certificates.ts';
import { aSipPhone } from '../support/sip.ts';
import { aContact, connect } from './listening.ts';

const ACCOUNTS = ['101-ACME', '102-ACME'].map((user) => ({ user, password: `secret-${user}` }));
const [FIRST = { user: '', password: '' }, SECOND = { user: '', password: '' }] = ACCOUNTS;

const connectTo = (context: TestContext, { address: host }: Asterisk, changes: object = {}) =>
  connect(
    context,
    { kind: 'asterisk', host, port: AMI_PORT, user: AMI_USER, secret: AMI_SECRET, ...changes },
    { timeoutMs: 3_000 },
  );

const start = (context: TestContext, address: string, more: Partial<AsteriskWish> = {}) =>
  startAsterisk(context, { name: `pbx-${address.split('.')[3]}`, address, accounts: ACCOUNTS, ...more });

describe('a real Asterisk', { skip: needsAsterisk() }, () => {
  test('tells who is registered, from where and with what, who comes and who leaves', async (context) => {
    const asterisk = await start(context, '127.0.61.1');
    const { pbx, told, becomes } = connectTo(context, asterisk);
    await becomes('up');
    assert.deepEqual(await pbx.contacts(), []);
    const server = { host: asterisk.address, port: 5060 };
    const [first, second] = [
      await aSipPhone(context, { ...FIRST, userAgent: 'maker model 9.8.7' }),
      await aSipPhone(context, SECOND),
    ];
    const before = Date.now();
    await first.register(server, 120);
    await second.register(server, 120);
    await told.until((one) => one.what === 'registered' && one.contact.user === SECOND.user);
    const contacts = [...(await pbx.contacts())].sort((a, b) => (a.user < b.user ? -1 : 1));
    assert.deepEqual(
      contacts.map(({ user, uri, address, userAgent }) => ({ user, uri, address, userAgent })),
      [
        { ...FIRST, phone: first, userAgent: 'maker model 9.8.7' },
        { ...SECOND, phone: second, userAgent: 'test phone 1.0' },
      ].map(({ user, phone, userAgent }) => ({
        ...{ user, userAgent, uri: `sip:${user}@${phone.address}`, address: phone.address },
      })),
    );
    const ends = contacts[0]?.expiresAt ?? 0;
    assert.ok(ends > before + 100_000 && ends < Date.now() + 125_000, 'the end of the registration is told');
    await first.register(server, 0);
    const gone = await told.until((one) => one.what === 'unregistered');
    assert.deepEqual(gone, { what: 'unregistered', user: FIRST.user, uri: `sip:${FIRST.user}@${first.address}` });
    assert.deepEqual(
      (await pbx.contacts()).map(({ user }) => user),
      [SECOND.user],
    );
  });

  test('tells whose phone is in use, from the first ring to the last word', async (context) => {
    const asterisk = await start(context, '127.0.61.2');
    const { pbx, becomes, hears } = connectTo(context, asterisk);
    await becomes('up');
    const server = { host: asterisk.address, port: 5060 };
    const [first, second] = [await aSipPhone(context, FIRST), await aSipPhone(context, SECOND)];
    await first.register(server, 60);
    await second.register(server, 60);
    assert.deepEqual(await pbx.usersInUse(), new Set());
    assert.equal(await first.call(server, SECOND.user), true);
    await Promise.all([hears(FIRST.user, true), hears(SECOND.user, true)]);
    assert.deepEqual(await pbx.usersInUse(), new Set([FIRST.user, SECOND.user]));
    await first.hangUp();
    await second.calls.until((inCall) => !inCall);
    await Promise.all([hears(FIRST.user, false), hears(SECOND.user, false)]);
    while ((await pbx.usersInUse()).size > 0) await wait(20);
    assert.equal(second.isInCall(), false);
  });

  test('asks the one contact to fetch, with the event as it is, and no other', async (context) => {
    const asterisk = await start(context, '127.0.61.3');
    const { pbx, becomes } = connectTo(context, asterisk);
    await becomes('up');
    const server = { host: asterisk.address, port: 5060 };
    const [first, second] = [await aSipPhone(context, FIRST), await aSipPhone(context, SECOND)];
    await first.register(server, 60);
    await second.register(server, 60);
    const contact = (await pbx.contacts()).find(({ user }) => user === FIRST.user);
    assert.ok(contact !== undefined);
    for (const event of ['check-sync;reboot=false', 'resync']) {
      assert.deepEqual(await pbx.notify(contact, { event }), { kind: 'sent', answered: false });
      await first.events.until((heard) => heard === event);
    }
    const injected = { ...contact, uri: `${contact.uri}\r\nAction: Command\r\nCommand: core stop now` };
    assert.equal((await pbx.notify(injected, { event: 'check-sync' })).kind, 'refused');
    assert.equal((await pbx.notify(contact, { event: 'x\r\nContent: y' })).kind, 'refused');
    assert.deepEqual(first.events.heard, ['check-sync;reboot=false', 'resync']);
    assert.deepEqual(second.events.heard, []);
    assert.equal(pbx.state().kind, 'up');
  });

  test('that dies is told as down, and found again when it is back', async (context) => {
    const asterisk = await start(context, '127.0.61.4');
    const { pbx, told, becomes } = connectTo(context, asterisk);
    await becomes('up');
    await asterisk.kill();
    await becomes('down');
    await assert.rejects(pbx.contacts(), (error: { code?: string }) => error.code === 'unavailable');
    assert.equal((await pbx.notify(aContact(), { event: 'check-sync' })).kind, 'notSent');
    told.heard.length = 0;
    await asterisk.start();
    await becomes('up');
    assert.deepEqual(await pbx.contacts(), []);
  });

  test('over TLS is trusted by its CA alone', async (context) => {
    const folder = temporaryFolder(context);
    const ca = makeCertificate(folder, 'ca', { subject: '/CN=CA of the test', ca: true });
    const other = makeCertificate(folder, 'other', { subject: '/CN=another CA', ca: true });
    const made: Made = makeCertificate(folder, 'manager', {
      ...{ subject: '/CN=voip1', by: ca, usage: 'serverAuth', names: 'IP:127.0.61.5' },
    });
    const asterisk = await start(context, '127.0.61.5', { tls: made });
    const right = connectTo(context, asterisk, { port: AMI_TLS_PORT, tls: { ca: ca.cert } });
    assert.deepEqual(await right.becomes('up'), { kind: 'up' });
    assert.deepEqual(await right.pbx.contacts(), []);
    for (const tls of [{ ca: other.cert }, { ca: null }]) {
      const wrong = connectTo(context, asterisk, { port: AMI_TLS_PORT, tls });
      const state = await wrong.becomes('down');
      assert.match(JSON.stringify(state), /CERT|SIGNATURE|ISSUER/i);
      assert.doesNotMatch(JSON.stringify(wrong.told.heard), new RegExp(`"up"|${AMI_SECRET}`));
    }
  });
});
