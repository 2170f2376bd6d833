// Simulated phones read what is served as their makers' phones do: the data of each maker is held against the real files.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Mac } from '../../src/domain/mac.ts';
import { followed, linesIn, type SrvTarget, srvOrder, textFor } from '../../src/domain/simulated-phone.ts';
import { fetchAsPhone } from '../../src/phones/fetch.ts';
import { parametersIn, simulatedKinds } from '../../src/vendors/simulated.ts';
import { startApp } from '../support/app.ts';
import { sipOutside } from '../support/sip.ts';
import { aLine, PROVISIONING_URL, renderAll, TEMPLATES, vendors } from '../support/world.ts';

const KINDS = vendors.ids.flatMap((vendor) => simulatedKinds(TEMPLATES, vendor).map((kind) => ({ vendor, kind })));
const MAC = '805ec0a00001';

test('phones of every vendor can be simulated', () => {
  assert.deepEqual([...new Set(KINDS.map(({ vendor }) => vendor))], [...vendors.ids]);
});

for (const { vendor, kind } of KINDS) {
  for (const model of kind.models) {
    describe(`${vendor} ${model}`, () => {
      const phone = { mac: MAC, model };
      /** All that the phone reads, beginning with what it asks for by itself. */
      const read = (situation: { binding?: string } = {}) => {
        const files = renderAll({
          phone: {
            vendor,
            model,
            lines: [aLine(), aLine({ user: '102', authUser: 'auth-102', password: 'p&ss=<"o>' })],
          },
          ...situation,
        });
        const take = (name: string): string[] => {
          const short = name.replace(PROVISIONING_URL, '');
          const text = [...files].find(([file]) => file.toLowerCase() === short.toLowerCase())?.[1];
          return text === undefined ? [] : [text, ...followed(kind, text).flatMap(take)];
        };
        return kind.boot.flatMap((name) => take(textFor(name, phone)));
      };
      const lines = (situation: { binding?: string } = {}) =>
        linesIn(
          kind,
          read(situation).flatMap((text) => parametersIn(kind.format, text)),
        );

      test('is known by its user agent', () => {
        assert.deepEqual(vendors.readAgent(textFor(kind.userAgent, phone))?.model, model);
      });

      test('finds both of its lines with their secrets, and asks for SRV records of its pool', () => {
        const shared = { domain: 'pbxa.example.com', target: 'pbxa.example.com', asksSrv: true };
        const short = lines().map(({ expiresS, failbackS, ...line }) => {
          assert.ok(expiresS >= 60 && expiresS <= 3_600 && (failbackS === null || failbackS >= 60));
          return line;
        });
        assert.deepEqual(short, [
          { user: '101-ACME', authUser: '101-ACME', password: 'correct horse', ...shared },
          { user: '102', authUser: 'auth-102', password: 'p&ss=<"o>', ...shared },
        ]);
      });

      test('speaks through its pool with the domain of its tenant', () => {
        const [line] = lines({ binding: 'outboundProxy' });
        assert.deepEqual([line?.domain, line?.target], ['sip.acme.example', 'pbxa.example.com']);
      });
    });
  }
}

describe('servers behind a name', () => {
  const record = fc.record({
    priority: fc.nat(3),
    weight: fc.nat(100),
    host: fc.stringMatching(/^[a-z]{1,8}$/),
    port: fc.constant(5060),
  });
  const sorted = (records: readonly SrvTarget[]) => records.map((one) => JSON.stringify(one)).sort();

  test('are tried all, each once, by priority', () => {
    fc.assert(
      fc.property(
        fc.array(record, { maxLength: 12 }),
        fc.constantFrom('weights' as const, 'heaviest' as const),
        fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 12, maxLength: 12 }),
        (records, choice, draws) => {
          let at = 0;
          const ordered = srvOrder(records, choice, () => draws[at++ % draws.length] ?? 0);
          assert.deepEqual(sorted(ordered), sorted(records));
          assert.ok(ordered.every(({ priority }, index) => priority >= (ordered[index - 1]?.priority ?? 0)));
        },
      ),
    );
  });

  test('of one priority are tried by weight: always the heaviest, or as often as their weight says', () => {
    const records = [60, 20, 20].map((weight) => ({ priority: 1, weight, host: `h${weight}`, port: 5060 }));
    assert.equal(srvOrder(records, 'heaviest', () => 0.99)[0]?.weight, 60);
    const draws = Array.from({ length: 1_000 }, (_, index) => (index + 0.5) / 1_000);
    const first = draws.filter((draw) => srvOrder(records, 'weights', () => draw)[0]?.weight === 60);
    assert.ok(Math.abs(first.length - 600) <= 1);
  });
});

test('files that must be asked for by name and password are had with them, and with nothing else', async (context) => {
  const app = await startApp(context);
  await app.api('patch', 'tenants/acme').send({ proof: 'credential' }).expect(200);
  const { unique } = sipOutside();
  const url = `${app.phonesUrl}${await app.folderOf('acme')}${MAC}.cfg`;
  await app.api('post', `phones/${MAC}/credential`).send({});
  const stored = await app.house.store.credentials.find(MAC as Mac);
  const credential = { user: MAC, password: stored?.password ?? '' };
  const fetchWith = (proof: typeof credential | null) => fetchAsPhone(url, 'x', { credential: proof, unique });
  assert.equal(await fetchWith(null), null);
  assert.equal(await fetchWith({ ...credential, password: 'wrong' }), null);
  assert.match((await fetchWith(credential)) ?? '', /user_name = 101-ACME/);
});
