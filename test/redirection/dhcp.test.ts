// DHCP: the values for a provisioning URL, and what the vendors' folders say of their phones.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { dhcpOptionSchema, dhcpValues } from '../../src/domain/dhcp.ts';
import { PROVISIONING_URL as URL_OF_TENANT, vendors } from '../support/world.ts';

const option = (fields: object) => dhcpOptionSchema.parse({ option: 66, value: '{url}', ...fields });
const first = (fields: object, url = URL_OF_TENANT) => dhcpValues([option(fields)], url)[0];

describe('a value', () => {
  test('is the URL in the form that the phones take', () => {
    assert.equal(first({})?.value, URL_OF_TENANT);
    assert.equal(first({ value: '{scheme}://{address}' })?.value, URL_OF_TENANT.slice(0, -1));
    assert.equal(first({ value: '{address}' })?.value, 'prov.example.com/p/00000000000000000000000000');
    assert.equal(first({ value: '{url}boot.cfg' })?.value, `${URL_OF_TENANT}boot.cfg`);
    assert.equal(first({ value: '{address}' }, 'http://[2001:db8::1]:8080/p/x/')?.value, '[2001:db8::1]:8080/p/x');
  });
  test('of option 43 is given in bytes: code, length and text of a sub-option, or the text alone', () => {
    assert.equal(first({ option: 43, suboption: 1, value: '{address}' }, 'http://a.b/')?.hex, '0103612e62');
    assert.equal(first({ option: 43, value: '{address}' }, 'http://a.b/')?.hex, '612e62');
    assert.equal(first({ option: 160 })?.hex, null);
  });
  test('that does not fit into an option is refused, with the way out', () => {
    const long = `https://${'a'.repeat(244)}.b/`;
    assert.equal(long.length, 255);
    assert.equal(first({}, long)?.value, long);
    assert.throws(() => first({ option: 43, suboption: 2 }, long), /257 bytes.*HOMEPORT_PUBLIC_URL/);
    assert.throws(() => first({}, `${long}x/`), { code: 'invalid' });
  });
  test('has placeholders that exist, and sub-options in option 43 only', () => {
    for (const wrong of [{ value: '{token}' }, { value: 'a b' }, { suboption: 1 }, { option: 0 }, { option: 255 }]) {
      assert.ok(!dhcpOptionSchema.safeParse({ option: 66, value: '{url}', ...wrong }).success, JSON.stringify(wrong));
    }
  });
});

test('the vendors’ phones look where their sources say, in that order', () => {
  const orderOf = (vendor: string) => vendors.dhcp(vendor).map((one) => `${one.option}${one.suboption ? '.1' : ''}`);
  assert.deepEqual(orderOf('yealink'), ['66', '43']);
  assert.deepEqual(orderOf('polycom'), ['160', '66']);
  assert.deepEqual(orderOf('grandstream'), ['66', '43.1', '160', '150']);
  const told = vendors.dhcp('grandstream').filter(({ read }) => read === 'whenTold');
  assert.deepEqual(
    told.map((one) => one.option),
    [160, 150],
  );
});

test('every vendor’s values carry a scheme: without one, phones ask TFTP', () => {
  for (const vendor of vendors.ids) {
    for (const { value } of dhcpValues(vendors.dhcp(vendor), URL_OF_TENANT)) {
      assert.match(value, /^https:\/\/prov\.example\.com\/p\/0{26}(?:\/|\/\{mac\}\.xml)?$/, vendor);
    }
  }
});
