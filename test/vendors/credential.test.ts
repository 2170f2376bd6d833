// Every kind of phone is told its own credential: in a file that counts as secret, by names that its maker knows and nobody
// may set by hand; and not a word of it where its tenant does not ask for one.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { findName, reasonOf } from '../../src/vendors/parameters.ts';
import type { RenderedSpec } from '../../src/vendors/vendors.ts';
import { RULES, type VendorId } from '../support/parameter-rules.ts';
import { readAttributes, readElements, readLinesFormat } from '../support/readers.ts';
import { contextOf, everyFamily, vendors } from '../support/world.ts';

const USER = '805ec0a00001';
const PASSWORD = 'abcdefghijklmnopqrstuvwxyz';

type Made = { name: string; secret: boolean; text: string };

function filesOf(vendor: string, model: string, hasCredential: boolean): Made[] {
  const plain = contextOf({ phone: { vendor, model } });
  const credential = hasCredential ? { user: USER, password: PASSWORD } : null;
  const context = { ...plain, provisioning: { ...plain.provisioning, credential } };
  const mac = context.phone.mac as never;
  return vendors.fileNames(vendor, model, mac).map((name) => {
    const spec = vendors.identify(name).find((claim) => claim.vendor === vendor)?.spec as RenderedSpec;
    const { body } = vendors.render({ vendor, model, spec, context, tenant: 'acme', fileKey: null, plain: true });
    return { name, secret: spec.secret, text: body.toString('utf8') };
  });
}

const READERS: Record<string, (text: string) => ReadonlyMap<string, string>> = {
  yealink: readLinesFormat,
  polycom: readAttributes,
  grandstream: readElements,
  snom: (text) =>
    new Map([...text.matchAll(/<(\w+)(?: [^>]*)?>([^<]+)</g)].map(([, name = '', value = '']) => [name, value])),
};

for (const { vendor, model, family } of everyFamily()) {
  describe(`${vendor} ${family}`, () => {
    const withIt = filesOf(vendor, model, true);
    const holding = withIt.filter(({ text }) => text.includes(PASSWORD));
    test('has it in one file, which counts as secret', () => {
      assert.equal(holding.length >= 1, true, 'the password stands somewhere');
      for (const { name, secret } of holding) assert.ok(secret, name);
    });
    test('says it by names that are known, and reserved where they decide how it fetches', () => {
      const rules = RULES[vendor as VendorId];
      for (const { text } of holding) {
        const said = [...(READERS[vendor] ?? assert.fail(vendor))(text)];
        const names = said.filter(([, value]) => value === PASSWORD).map(([name]) => name);
        assert.ok(names.length >= 1);
        for (const name of names) assert.ok(findName(rules.names, name).known, name);
        assert.ok(names.some((name) => reasonOf(rules.reserved, name) !== null));
        assert.ok(
          said.some(([, value]) => value === USER),
          'and the user beside it',
        );
      }
    });
    test('says nothing of it where there is none', () => {
      const added = withIt.filter(({ text }, at) => text !== filesOf(vendor, model, false)[at]?.text);
      assert.deepEqual(
        added.map(({ name }) => name),
        holding.map(({ name }) => name),
      );
    });
  });
}
