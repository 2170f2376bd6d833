import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { tidyUserAgent } from '../../src/domain/fetch.ts';
import { macSchema } from '../../src/domain/mac.ts';
import { checkFits } from '../../src/domain/phone.ts';
import { maskSecrets } from '../../src/domain/render-context.ts';
import {
  keepMasked,
  MASK,
  maskSettings,
  type NamedLevel,
  originOf,
  productLevel,
  resolveSettings,
  SETTING_NAMES,
  SETTINGS,
  settingsLevelSchema,
} from '../../src/domain/settings.ts';
import { tokenText } from '../../src/domain/token.ts';
import { aLine, aPhone, aTenant, contextOf } from '../support/world.ts';

describe('a MAC address', () => {
  for (const text of ['805EC0A00001', '80:5e:c0:a0:00:01', '80-5E-C0-A0-00-01', '805e.c0a0.0001', ' 805ec0a00001 ']) {
    test(`${text} is taken`, () => assert.equal(macSchema.parse(text), '805ec0a00001'));
  }
  for (const text of ['', '805ec0a0000', '805ec0a000012', '805ec0a0000g', '000000000000', 'y00000000000']) {
    test(`${text} is refused`, () => assert.equal(macSchema.safeParse(text).success, false));
  }
});

describe('a phone fits its model', () => {
  const facts = {
    vendor: 'yealink',
    model: 'T46U',
    lines: 2,
    keys: 2,
    expansion: null,
    keyTypes: [],
    moduleKeyTypes: [],
    reservedValues: ['%NULL%'],
  };
  test('more lines than the model has are refused with both numbers', () => {
    const phone = aPhone({ lines: [aLine(), aLine(), aLine()] });
    assert.throws(() => checkFits(phone, facts), /T46U has 2 lines, not 3/);
  });
  test('a text that these phones take for a command is refused', () => {
    const phone = aPhone({ lines: [aLine({ password: '%NULL%' })] });
    assert.throws(() => checkFits(phone, facts), /lines\.0\.password/);
  });
  test('a phone without a line is refused', () => assert.throws(() => aPhone({ lines: [] }), /at least one line/));
});

describe('settings', () => {
  const product = productLevel({ srvLookup: 'naptr' });
  const level = (name: NamedLevel['level'], settings: object): NamedLevel => ({
    level: name,
    of: 'x',
    settings,
    parameters: {},
  });
  test('the most special level that says something wins, and says where it comes from', () => {
    const levels = [
      product,
      level('vendor', { failbackS: 120 }),
      level('tenant', { failbackS: 180, keepAliveS: 20 }),
      level('phone', {}),
    ];
    const resolved = resolveSettings(levels);
    assert.deepEqual([resolved.failbackS, resolved.keepAliveS, resolved.srvLookup], [180, 20, 'naptr']);
    assert.deepEqual(originOf('failbackS', levels), { value: 180, level: 'tenant', of: 'x' });
    assert.deepEqual(originOf('srvLookup', levels), { value: 'naptr', level: 'product', of: '' });
  });
  test('null goes back to the default of the product, or of the product for that vendor', () => {
    const levels = [
      product,
      level('tenant', { failbackS: 120, srvLookup: 'srv' }),
      level('phone', { failbackS: null, srvLookup: null }),
    ];
    assert.equal(resolveSettings(levels).failbackS, SETTINGS.failbackS.fallback);
    assert.equal(resolveSettings(levels).srvLookup, 'naptr');
    assert.equal(originOf('failbackS', levels).level, 'phone');
  });
  test('every setting has a title, a description and a fallback of its own kind', () => {
    for (const name of SETTING_NAMES) {
      const { schema, fallback, title, description } = SETTINGS[name];
      assert.ok(title.length > 2 && /[.?]$/.test(description), name);
      assert.ok(fallback === null || schema.safeParse(fallback).success, name);
    }
  });
  test('secrets are masked for people, and a masked one that comes back keeps its value', () => {
    const before = { adminPassword: 'geheim12', failbackS: 120 };
    const masked = maskSettings(before);
    assert.deepEqual(masked, { adminPassword: MASK, failbackS: 120 });
    assert.deepEqual(keepMasked(before, { ...masked, failbackS: 180 }), { ...before, failbackS: 180 });
    assert.deepEqual(keepMasked({}, { adminPassword: MASK }), {});
    assert.deepEqual(keepMasked(before, { adminPassword: null }), { adminPassword: null });
  });
  test('no setting names a server, a port, a transport or a proxy', () => {
    for (const name of SETTING_NAMES.filter((setting) => !['ntpServer', 'syslogServer'].includes(setting))) {
      assert.doesNotMatch(name, /server|host|port(?!al)|transport|proxy|registrar|domain|url/i);
    }
    for (const field of ['sipServer', 'server', 'port', 'transport', 'outboundProxy', 'registrar']) {
      assert.equal(settingsLevelSchema.safeParse({ [field]: 'evil.example.com' }).success, false, field);
      assert.throws(() => aTenant({ settings: { [field]: 'evil.example.com' } }), new RegExp(field));
      assert.throws(() => aPhone({ settings: { [field]: 'evil.example.com' } }), new RegExp(field));
      assert.throws(() => aPhone({ [field]: 'evil.example.com' }), new RegExp(field));
      assert.throws(() => aPhone({ lines: [aLine({ [field]: 'evil.example.com' })] }), new RegExp(field));
    }
  });
  test('what vendors count in minutes must be whole minutes', () => {
    assert.equal(settingsLevelSchema.safeParse({ registerExpiresS: 90 }).success, false);
    assert.equal(settingsLevelSchema.safeParse({ failbackS: 61 }).success, false);
  });
});

describe('the context', () => {
  test('empty names fall back to the user', () => {
    const [line] = contextOf({}).lines;
    assert.deepEqual([line?.authUser, line?.displayName, line?.label], ['101-ACME', '101-ACME', '101-ACME']);
  });
  test('the binding decides where the pool stands', () => {
    const registrar = contextOf({ binding: 'registrar' }).sip;
    assert.deepEqual([registrar.registrar, registrar.outboundProxy], ['pbxa.example.com', null]);
    const proxy = contextOf({ binding: 'outboundProxy' }).sip;
    assert.deepEqual([proxy.registrar, proxy.outboundProxy], ['sip.acme.example', 'pbxa.example.com']);
  });
  test('a tenant behind an outbound proxy needs a SIP domain', () => {
    assert.throws(() => aTenant({ binding: 'outboundProxy' }), /sipDomain/);
  });
  test('masked, it holds no password', () => {
    const context = contextOf({ phone: { lines: [aLine({ password: 'geheim' })] } });
    assert.match(JSON.stringify(context), /geheim/);
    assert.doesNotMatch(JSON.stringify(maskSecrets(context)), /geheim/);
  });
});

test('a token holds all bits of its bytes, in letters and digits that keypads have', () => {
  assert.equal(tokenText(new Uint8Array(16)), 'a'.repeat(26));
  assert.equal(tokenText(new TextEncoder().encode('foobar')), 'mzxw6ytboi');
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      (a, b) => {
        assert.match(tokenText(a), /^[a-z2-7]{26}$/);
        assert.equal(tokenText(a) === tokenText(b), Buffer.compare(a, b) === 0);
      },
    ),
  );
});

test('a user agent is kept short and printable', () => {
  assert.equal(tidyUserAgent('a\u0000b\nc\u001b[31mé'), 'a?b?c?[31m?');
  assert.equal(tidyUserAgent('x'.repeat(999)).length, 200);
});
