// A tenant's phones leave one real server for the other, a server dies and comes back, and nobody else is disturbed: told by the
// servers themselves. LAB_PHONES says how many phones each tenant has.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import type { Contact } from '../../src/domain/registration.ts';
import type { Pbx } from '../../src/pbx/pbx.ts';
import { BIND } from '../dns/servers.ts';
import { connect } from '../pbx/listening.ts';
import { AMI_PORT, AMI_SECRET, AMI_USER, needsAsterisk } from '../support/asterisk.ts';
import { needsPrograms } from '../support/system-packages.ts';
import { asTable, becomes, type Lab, type LabPhone, openLab, type ServerName } from './lab.ts';

const PHONES = Number(process.env.LAB_PHONES ?? 4);
/** Notifies one after the other with this pause: twenty in a second. */
const PACE_MS = 50;

const usersOf = (phones: readonly LabPhone[]) => phones.map(({ user }) => user).sort();
const isAt = (lab: Lab, server: ServerName, phones: readonly LabPhone[]) => {
  const found = lab.registeredAt(server);
  return phones.every(({ user }) => found.get(user) === 1);
};
const isNoneAt = (lab: Lab, server: ServerName, phones: readonly LabPhone[]) => {
  const found = lab.registeredAt(server);
  return phones.every(({ user }) => !found.has(user));
};

/** What must not change for phones that nothing happens to. */
const traces = (phones: readonly LabPhone[]) =>
  phones.map((phone) => [phone.user, phone.boots(), phone.events().length, JSON.stringify(phone.lines())]);

/** Asks the phones of a server to fetch, each by its own contact; whoever is in a call is left alone. */
async function askToFetch(pbx: Pbx, phones: readonly LabPhone[]): Promise<string[]> {
  const contacts = new Map<string, Contact>((await pbx.contacts()).map((contact) => [contact.user, contact]));
  const left: string[] = [];
  for (const { user, kind } of phones) {
    const contact = contacts.get(user);
    if ((await pbx.usersInUse()).has(user)) left.push(user);
    else if (contact !== undefined) {
      const became = await pbx.notify(contact, { event: kind.events.fetch[0] ?? '' });
      assert.equal(became.kind, 'sent');
      await wait(PACE_MS);
    }
  }
  return left;
}

const missing = needsAsterisk() || needsPrograms(BIND);
// Whoever asks for the lab itself is not told that all is well when nothing was tried.
if (missing !== false && process.env.LAB_PHONES !== undefined) throw new Error(`the lab ${missing}`);

test('phones of every maker follow their tenant, fail over and come back', { skip: missing }, async (context) => {
  const lab = await openLab(context, PHONES);
  const [acme, globex] = [lab.of('acme'), lab.of('globex')];
  const began = performance.now();
  const rows: (string | number)[][] = [
    ['at s', 'step', 'acme at voip1', 'acme at voip2', 'globex at voip1', 'globex at voip2'],
  ];
  const note = (step: string) => {
    const [one, two] = [lab.registeredAt('voip1'), lab.registeredAt('voip2')];
    const count = (phones: readonly LabPhone[], at: ReadonlyMap<string, number>) =>
      phones.filter(({ user }) => at.has(user)).length;
    const seconds = ((performance.now() - began) / 1_000).toFixed(1);
    rows.push([seconds, step, count(acme, one), count(acme, two), count(globex, one), count(globex, two)]);
  };
  context.after(() => process.stdout.write(`\n${asTable(rows)}\n\n`));

  await Promise.all(lab.phones.map((phone) => phone.boot()));
  await becomes('every phone is on its primary', () => isAt(lab, 'voip1', acme) && isAt(lab, 'voip2', globex));
  assert.ok(isNoneAt(lab, 'voip2', acme) && isNoneAt(lab, 'voip1', globex), 'nobody is registered twice');
  note('all phones have booted');

  const undisturbed = traces(globex);
  await lab.asterisks.voip1.kill();
  await becomes('acme has failed over', () => isAt(lab, 'voip2', acme));
  note('voip1 was killed, its phones are on voip2');
  await lab.asterisks.voip1.start();
  await becomes('acme is back', () => isAt(lab, 'voip1', acme) && isNoneAt(lab, 'voip2', acme));
  note('voip1 is there again, and so are its phones');
  assert.deepEqual(traces(globex), undisturbed, 'no phone of the other tenant has noticed');

  const [talking, ...idle] = acme;
  assert.ok(talking !== undefined && (await talking.call('echo')), 'a phone of acme is in a call');
  await lab.app.api('post', 'tenants/acme/moves').send({ pool: 'pbxB' }).expect(201);
  const address = { host: lab.asterisks.voip1.address, port: AMI_PORT, user: AMI_USER, secret: AMI_SECRET };
  const { pbx, becomes: connected, hears } = connect(context, { kind: 'asterisk', ...address }, { timeoutMs: 3_000 });
  await connected('up');
  assert.deepEqual(await askToFetch(pbx, acme), [talking.user]);
  await becomes('the idle phones of acme have moved', () => isAt(lab, 'voip2', idle) && isNoneAt(lab, 'voip1', idle));
  assert.ok(talking.isInCall() && isAt(lab, 'voip1', [talking]), 'the call goes on, where it was');
  assert.deepEqual([talking.boots(), talking.events().length], [1, 0]);
  note('acme was moved; one phone talks on');
  await talking.hangUp();
  await hears(talking.user, false);
  assert.deepEqual(await askToFetch(pbx, [talking]), []);
  await becomes('all of acme has moved', () => isAt(lab, 'voip2', acme) && isNoneAt(lab, 'voip1', acme));
  note('that phone has hung up and moved');

  assert.deepEqual([...lab.registeredAt('voip1').keys()], []);
  assert.deepEqual([...lab.registeredAt('voip2').keys()].sort(), usersOf(lab.phones));
  assert.deepEqual(traces(globex), undisturbed, 'no phone of the other tenant has noticed');
  type Body = { tenants: { tenant: string; converged: boolean; phones: number; onPrimary: number }[] };
  let found: Body = { tenants: [] };
  await becomes('the house knows that both tenants are whole', async () => {
    found = (await lab.app.api('get', 'convergence').expect(200)).body;
    return found.tenants.every(({ converged }) => converged);
  });
  assert.deepEqual(
    found.tenants.map(({ tenant, phones, onPrimary }) => [tenant, phones, onPrimary]),
    [
      ['acme', PHONES, PHONES],
      ['globex', PHONES, PHONES],
    ],
  );
});
