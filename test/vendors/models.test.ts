// The models: every spelling finds its model, and the tables stay readable, one line a model.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { everyModel, TEMPLATES, vendors } from '../support/world.ts';

describe('a model is found in every usual spelling', () => {
  const cases: [vendor: string, spelling: string, model: string][] = [
    ['polycom', 'vvx-450', 'VVX 450'],
    ['polycom', 'Edge_E350', 'Edge E350'],
    ['polycom', 'SoundStation Duo', 'SSDuo'],
    ['yealink', 't46u', 'T46U'],
    ['yealink', 'W60P', 'W60B'],
    ['grandstream', 'GRP2612W', 'GRP2612'],
    ['grandstream', 'ht802v2', 'HT802V2'],
    ['snom', 'd-785', 'D785'],
    ['snom', '715', 'D715'],
  ];
  for (const [vendor, spelling, model] of cases) {
    test(`${vendor} ${spelling}`, () => assert.equal(vendors.findModel(vendor, spelling)?.model, model));
  }
});

test('every model finds itself and no other', () => {
  for (const { vendor, model, lines } of everyModel()) {
    const found = vendors.findModel(vendor, model);
    assert.deepEqual([found?.model, found?.lines], [model, lines], `${vendor} ${model}`);
  }
});

test('a model is one line of data', () => {
  for (const vendor of vendors.ids) {
    const written = readFileSync(join(TEMPLATES, vendor, 'vendor.json'), 'utf8').split('\n');
    const models = everyModel().filter((entry) => entry.vendor === vendor);
    const whole = ({ model }: { model: string }) =>
      written.some((line) => line.startsWith(`    "${model}": { `) && /\}\s*,?$/.test(line));
    assert.deepEqual(
      models.filter((entry) => !whole(entry)).map(({ model }) => model),
      [],
    );
  }
});
