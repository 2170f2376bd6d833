// F2: however many ask at once, and of however many servers, an enrolment window hands out once.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serveApart } from '../support/apart.ts';
import { type App, startApp } from '../support/app.ts';
import { addInitech, ask, KINDS, openWindow, SIP_PASSWORD } from '../support/proofs.ts';

const [yealink, polycom] = KINDS;
assert.ok(yealink !== undefined && polycom !== undefined);
const { mac: MAC, secretFile: FILE } = yealink;

const CLIENTS = 50;

/** Fifty addresses ask for one phone's file at the same moment. @returns how many were given it, and by which address */
async function race(doors: readonly string[], path: string): Promise<{ given: number; statuses: Set<number> }> {
  const answers = await Promise.all(
    Array.from({ length: CLIENTS }, (_, at) =>
      ask(doors[at % doors.length] ?? '', path, { from: `127.0.0.${at + 2}` }),
    ),
  );
  for (const { status, body } of answers) assert.equal(body.includes(SIP_PASSWORD), status === 200);
  return {
    given: answers.filter(({ status }) => status === 200).length,
    statuses: new Set(answers.map(({ status }) => status)),
  };
}

async function rounds(app: App, doors: readonly string[], count: number): Promise<void> {
  const folder = await addInitech(app);
  const path = folder + FILE;
  for (let round = 1; round <= count; round++) {
    const { id } = await openWindow(app, { phones: [MAC] });
    const { given, statuses } = await race(doors, path);
    assert.equal(given, 1, `round ${round}`);
    assert.deepEqual([...statuses].sort(), [200, 401], `round ${round}`);
    await app.api('delete', `tenants/initech/enrolments/${id}`).expect(204);
    assert.equal((await race(doors, path)).given, 0, `round ${round}, closed`);
  }
  const audit = (await app.api('get', 'audit').expect(200)).body.items;
  const handOuts = audit.filter(({ action }: { action: string }) => action === 'phone.handOut');
  assert.equal(handOuts.length, count, 'one entry for each hand-out');
}

test(`${CLIENTS} clients × 10 rounds at one server: exactly one hand-out each`, async (context) => {
  const app = await startApp(context);
  await rounds(app, [app.phonesUrl], 10);
});

test(`${CLIENTS} clients × 5 rounds at two processes over one database: exactly one hand-out each`, async (context) => {
  const app = await startApp(context);
  const other = await serveApart(context, app);
  await rounds(app, [app.phonesUrl, other], 5);
});

test('many requests of one phone at once: each file with a secret is given once', async (context) => {
  const app = await startApp(context);
  const folder = await addInitech(app);
  await openWindow(app);
  const files = [`${polycom.mac}.cfg`, polycom.secretFile, `${polycom.mac}-settings.cfg`];
  const answers = await Promise.all(
    Array.from({ length: 30 }, async (_, at) => {
      const file = files[at % files.length] ?? '';
      return [file, (await ask(app.phonesUrl, folder + file)).status] as const;
    }),
  );
  const given = (file: string) => answers.filter(([one, status]) => one === file && status === 200).length;
  assert.equal(given(polycom.secretFile), 1);
  assert.ok(
    files.every((file) => given(file) >= 1),
    'and it gets all of its files',
  );
});
