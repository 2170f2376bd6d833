// Walks templates/: every request is taken for what it is, every sample renders to its golden files, byte by byte.
// `npm run golden` writes the golden files anew; a changed one is a change for customers and is read in review.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { z } from 'zod';
import { TRANSPORTS } from '../../src/domain/pool.ts';
import { everyFamily, renderAll, TEMPLATES, vendors } from '../support/world.ts';

const requestsSchema = z.strictObject({
  files: z
    .array(
      z.strictObject({
        file: z.string(),
        kind: z.enum(['rendered', 'uploaded', 'absent']),
        mac: z.string().nullable(),
      }),
    )
    .min(1),
  foreign: z.array(z.string()),
  userAgents: z
    .array(z.strictObject({ userAgent: z.string(), model: z.string().nullable(), firmware: z.string().nullable() }))
    .min(1),
});

const sampleSchema = z.strictObject({
  phone: z.record(z.string(), z.unknown()),
  binding: z.string(),
  transport: z.enum(TRANSPORTS),
});

const read = (...path: string[]): unknown => JSON.parse(readFileSync(join(TEMPLATES, ...path), 'utf8'));
const writesGolden = process.env.GOLDEN === 'write';

for (const vendor of vendors.ids) {
  describe(vendor, () => {
    const requests = requestsSchema.parse(read(vendor, 'requests.json'));
    for (const { file, kind, mac } of requests.files) {
      test(`${file} is ${kind}`, () => {
        for (const spelt of [file, file.toUpperCase()]) {
          const claim = vendors.identify(spelt).find((entry) => entry.vendor === vendor);
          assert.deepEqual([claim?.spec.kind, claim?.mac], [kind, mac]);
        }
      });
    }
    for (const file of requests.foreign) {
      test(`${file} is not a file of this vendor`, () => {
        assert.ok(vendors.identify(file).every((claim) => claim.vendor !== vendor));
      });
    }
    for (const { userAgent, model, firmware } of requests.userAgents) {
      test(userAgent, () => assert.deepEqual(vendors.readAgent(userAgent), { vendor, model, firmware }));
    }

    const samples = readdirSync(join(TEMPLATES, vendor, 'samples'));
    for (const sample of samples) {
      test(`sample ${sample}`, () => {
        const directory = join(TEMPLATES, vendor, 'samples', sample);
        const { phone, binding, transport } = sampleSchema.parse(read(vendor, 'samples', sample, 'phone.json'));
        const files = renderAll({ phone: { vendor, ...phone }, binding, transport });
        for (const [name, text] of files) {
          const golden = join(directory, name);
          if (writesGolden) {
            mkdirSync(directory, { recursive: true });
            writeFileSync(golden, text);
          }
          assert.ok(existsSync(golden), `${golden} is missing; npm run golden writes it`);
          assert.equal(text, readFileSync(golden, 'utf8'), golden);
        }
        const expected = ['phone.json', ...files.keys()].sort();
        assert.deepEqual(readdirSync(directory).sort(), expected, 'no golden file is left over');
      });
    }

    test('every family has a sample', () => {
      const sampled = samples.map((sample) => {
        const { phone } = sampleSchema.parse(read(vendor, 'samples', sample, 'phone.json'));
        return String(phone.model);
      });
      const models = (read(vendor, 'vendor.json') as { models: Record<string, { family: string }> }).models;
      const families = new Set(sampled.map((model) => models[model]?.family));
      for (const { vendor: owner, family } of everyFamily())
        if (owner === vendor) assert.ok(families.has(family), family);
    });
  });
}

test('a name that is no file of any vendor is nobody’s', () => {
  for (const name of [
    '',
    'index.html',
    '.env',
    '805ec0a0000.cfg',
    '805ec0a00001.cfg.bak',
    'x'.repeat(81),
    'cfg805ec0a00001.xml.xml',
  ]) {
    assert.deepEqual(vendors.identify(name), [], name);
  }
  assert.equal(vendors.readAgent('curl/8.5.0'), null);
});
