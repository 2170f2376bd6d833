// Upload files for the services' portals: read back by a parser that shares nothing with the templates.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import type { Mac } from '../../src/domain/mac.ts';
import { type ExportContext, exportOf } from '../../src/domain/redirection.ts';
import { textFault } from '../../src/domain/text.ts';
import { encoderOf } from '../../src/vendors/encode.ts';
import { PROVISIONING_URL, vendors } from '../support/world.ts';

const context = (labels: readonly string[], tenantName = 'Acme'): ExportContext => ({
  tenant: { code: 'acme', name: tenantName },
  provisioningUrl: PROVISIONING_URL,
  phones: labels.map((label, index) => exportOf({ mac: `805ec0a0000${index + 1}` as Mac, model: 'T46U', label })),
});

const render = (service: string, of: ExportContext) => vendors.renderUpload(service, of)?.body.toString('utf8') ?? '';
const rows = (service: string, of: ExportContext) => parse(render(service, of)) as string[][];

describe('an upload file', () => {
  test('has its headings and a row for each phone', () => {
    assert.deepEqual(rows('ymcs', context(['Reception', 'Yard'])), [
      ['MAC', 'SN', 'Unique Server URL', 'Remark'],
      ['805ec0a00001', '', PROVISIONING_URL, 'Reception'],
      ['805ec0a00002', '', PROVISIONING_URL, 'Yard'],
    ]);
    assert.deepEqual(rows('ztp', context(['x']))[1], ['805ec0a00001', 'homeport-acme']);
    assert.deepEqual(rows('lens', context(['x'])), [
      ['mac_address', 'serial_number', 'device_model', 'room_name', 'site_name', 'device.prov.serverName'],
      ['805ec0a00001', '805ec0a00001', 'T46U', '', '', PROVISIONING_URL],
    ]);
    assert.deepEqual(rows('gdms', context(['x']))[1], ['x', '80:5E:C0:A0:00:01', '', 'Acme']);
  });
  test('without phones holds the headings alone', () => {
    for (const { service, upload } of vendors.redirections) {
      if (upload !== null) assert.equal(rows(service, context([])).length, 1, service);
    }
  });
  test('ends its lines with CR LF', () => {
    assert.match(render('ymcs', context(['x'])), /^(?:[^\r\n]+\r\n){2}$/);
  });
  test('gives back every label, and none that a spreadsheet would calculate', () => {
    const label = fc.string({ minLength: 1, unit: 'grapheme' }).filter((text) => textFault(text) === null);
    fc.assert(
      fc.property(label, (text) => {
        const read = rows('ymcs', context([text]))[1]?.[3];
        assert.equal(read, /^[=+\-@]/.test(text) ? `'${text}` : text);
        assert.doesNotMatch(read ?? '', /^[=+\-@]/);
      }),
    );
  });
});

test('cells are quoted as RFC 4180 says', () => {
  const cell = encoderOf('csv');
  for (const [value, expected] of [
    ['plain', 'plain'],
    ['', ''],
    ['a,b', '"a,b"'],
    ['say "x"', '"say ""x"""'],
    ['two words', '"two words"'],
    ['a;b', '"a;b"'],
    ['=1+1', `"'=1+1"`],
    ['@SUM(A1)', `"'@SUM(A1)"`],
    ['-2', `"'-2"`],
    ['+49 30', `"'+49 30"`],
    ['1-2', '1-2'],
  ] as const) {
    assert.equal(cell(value), expected);
  }
  assert.throws(() => cell('a\nb'), /line break/);
});

test('every service has a name of its own, and an API’s places are safe ones', () => {
  const names = vendors.redirections.map(({ service }) => service);
  assert.deepEqual(names, [...new Set(names)].sort());
  assert.deepEqual(
    vendors.redirections.map(({ service, vendor, kind }) => [service, vendor, kind]).filter(([, , kind]) => kind),
    [
      ['ymcs', 'yealink', 'ymcs'],
      ['ztp', 'polycom', 'ztp'],
    ],
  );
  for (const { baseUrls } of vendors.redirections) for (const url of baseUrls) assert.match(url, /^https:\/\//);
  for (const { upload } of vendors.redirections) if (upload?.confidence !== 'H') assert.notEqual(upload?.note, '');
});
