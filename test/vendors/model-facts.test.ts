// What the model lines say beyond lines and keys: screen, firmware line, quirks, and what the keys of modules can be.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type Descriptor, descriptorSchema, unmatched } from '../../src/vendors/descriptor.ts';
import { TEMPLATES, vendors } from '../support/world.ts';

const descriptors = new Map(
  vendors.ids.map((vendor) => {
    const json: unknown = JSON.parse(readFileSync(join(TEMPLATES, vendor, 'vendor.json'), 'utf8'));
    return [vendor, descriptorSchema.parse(json)];
  }),
);
const descriptorOf = (vendor: string): Descriptor => descriptors.get(vendor) ?? assert.fail(vendor);

test('the figures of a few models', () => {
  const figuresOf = (vendor: string, model: string) => {
    const { screen, firmware, quirks } = descriptorOf(vendor).models[model] ?? assert.fail(model);
    return [screen, firmware, quirks];
  };
  assert.deepEqual(figuresOf('yealink', 'T46U'), ['480x272 colour', '108.x', []]);
  assert.deepEqual(figuresOf('yealink', 'W80B'), ['none', '103.x', ['server-templates']]);
  assert.deepEqual(figuresOf('grandstream', 'HT802'), ['none', '1.0.x', []]);
  assert.equal(figuresOf('yealink', 'T28P')[0], null, 'no source gives its screen');
});

test('a screen is its size and whether it has colours', () => {
  const withScreen = (screen: string) => {
    const json = structuredClone(descriptorOf('yealink'));
    return descriptorSchema.safeParse({ ...json, models: { T46U: { ...json.models.T46U, screen } } }).success;
  };
  const words = ['480x272 colour', '128x64 grey', 'none', '480x272', '480 x 272 colour', '4.3"'];
  assert.deepEqual(words.filter(withScreen), ['480x272 colour', '128x64 grey', 'none']);
});

test('the keys of an expansion module have types of their own where the vendor says so', () => {
  const line = (vendor: string, model: string) => {
    const { keyTypes, moduleKeyTypes } = vendors.findModel(vendor, model) ?? assert.fail(model);
    return [keyTypes.includes('line'), moduleKeyTypes.includes('line')];
  };
  assert.deepEqual(line('grandstream', 'GRP2615'), [true, false]);
  assert.deepEqual(line('grandstream', 'GXP2170'), [true, false]);
  assert.deepEqual(line('yealink', 'T54W'), [true, true]);
});

describe('nothing is said of nobody', () => {
  const whole = descriptorOf('yealink');
  const phone = { ...(whole.models.T46U ?? assert.fail('T46U')), quirks: ['odd'] };
  const sound: Descriptor = {
    ...whole,
    models: { X1: phone },
    quirks: { odd: 'it is odd' },
    keyTypes: { [phone.family]: ['line'] },
    moduleKeyTypes: {},
  };

  test('a sound descriptor has no fault', () => assert.deepEqual(unmatched(sound), []));

  const faults: [title: string, over: Partial<Descriptor>, fault: string][] = [
    ['a quirk without a meaning', { quirks: {} }, 'no quirk odd is explained'],
    ['a meaning without a model', { quirks: { odd: 'it is odd', idle: 'idle' } }, 'no model has the quirk idle'],
    ['key types of a family without models', { keyTypes: { wall: ['line'] } }, 'no model is of family wall'],
    ['key types of its modules', { moduleKeyTypes: { wall: ['line'] } }, 'no model is of family wall'],
  ];
  for (const [title, over, fault] of faults) {
    test(title, () => assert.deepEqual(unmatched({ ...sound, ...over }), [fault]));
  }
});
