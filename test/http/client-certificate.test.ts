// Which certificates prove which phone: the chain first, then the subject.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import fc from 'fast-check';
import { type CertificateRules, macOfSubject, mayNameMac } from '../../src/domain/certificate.ts';
import { macSchema } from '../../src/domain/mac.ts';
import { certificateInHeader, judgeOf } from '../../src/http/client-certificate.ts';
import { readAuthorities } from '../../src/http/tls.ts';
import { MAKER, makeCertificate, makePki, noOpenssl, OTHER_MAKER, PHONE_MAC } from '../support/certificates.ts';
import { vendors } from '../support/world.ts';

const rules = new Map(
  vendors.ids.flatMap((vendor): [string, CertificateRules][] => {
    const known = vendors.certificates(vendor);
    return known === null ? [] : [[vendor, known]];
  }),
);
const ruleOf = (vendor: string): CertificateRules => {
  const rule = rules.get(vendor);
  assert.ok(rule !== undefined, `${vendor} says how to read its certificates`);
  return rule;
};

const skip = noOpenssl() ?? false;
const folder = mkdtempSync(join(tmpdir(), 'homeport-certificates-'));
after(() => rmSync(folder, { recursive: true, force: true }));

describe('certificates of phones', { skip }, () => {
  if (skip) return;
  const pki = makePki(folder);
  const now = () => Date.now();
  const judge = judgeOf(readAuthorities(pki.cas, vendors.ids), rules, now);
  const shown = (pem: string) => judge(new X509Certificate(pem));

  test('only a chain of good certificates up to the maker proves a phone, and only the one that it names', () => {
    const table = Object.fromEntries(Object.entries(pki.phones).map(([name, { cert }]) => [name, shown(cert)]));
    const good = { vendor: MAKER, mac: PHONE_MAC };
    assert.deepEqual(table, {
      good,
      expired: null,
      notYet: null,
      sha1: null,
      rsa1024: null,
      selfSigned: null,
      // The other maker's CA vouches for its own phones, never for this one.
      otherCa: null,
      generic: null,
      byAPhone: null,
      otherMaker: { vendor: OTHER_MAKER, mac: '64167fa00001' },
      forServers: null,
      twoPhones: null,
      zeros: null,
    });
  });

  test('a CA proves no phone, not even one that is called like it', () => {
    const { issuing } = pki;
    const ca = makeCertificate(folder, 'ca-phone', { subject: `/O=Maker/CN=${PHONE_MAC}`, by: issuing, ca: true });
    assert.equal(shown(ca.cert), null);
    assert.equal(shown(pki.root.cert), null);
  });

  test('a CA that is expired or weak vouches for nobody, and a CA without its issuer for its own', () => {
    const cases: [string, object, boolean][] = [
      ['expired-ca', { days: [-30, -1] }, false],
      ['weak-ca', { key: 'rsa1024' }, false],
      ['sha1-ca', { hash: 'sha1' }, false],
      ['good-ca', {}, true],
    ];
    for (const [name, wanted, isGood] of cases) {
      const ca = makeCertificate(folder, name, { subject: `/CN=${name}`, by: pki.root, ca: true, ...wanted });
      const phone = makeCertificate(folder, `${name}-phone`, { subject: `/CN=${PHONE_MAC}`, by: ca });
      const withRoot = new Map([[MAKER, [pki.root, ca].map(({ cert }) => new X509Certificate(cert))]]);
      const alone = new Map([[MAKER, [new X509Certificate(ca.cert)]]]);
      const certificate = new X509Certificate(phone.cert);
      assert.equal(judgeOf(withRoot, rules, now)(certificate) !== null, isGood, `${name} with its root`);
      // Whoever puts a CA there without its issuer trusts it as it is; how it was signed does not matter then.
      const trusted = isGood || name === 'sha1-ca';
      assert.equal(judgeOf(alone, rules, now)(certificate) !== null, trusted, `${name} alone`);
    }
  });

  test('what was good is good no longer once it has expired, although it is remembered', () => {
    let at = Date.now();
    const judgeLater = judgeOf(readAuthorities(pki.cas, vendors.ids), rules, () => at);
    const certificate = new X509Certificate(pki.phones.good.cert);
    assert.notEqual(judgeLater(certificate), null);
    at += 40 * 86_400_000;
    assert.equal(judgeLater(certificate), null);
    at -= 60 * 86_400_000;
    assert.equal(judgeLater(certificate), null);
  });

  test('CA files in disorder are refused with a sentence', () => {
    const broken = (fill: (cas: string) => void) => {
      const cas = mkdtempSync(join(folder, 'cas-'));
      mkdirSync(join(cas, MAKER));
      mkdirSync(join(cas, OTHER_MAKER));
      fill(cas);
      return () => readAuthorities(cas, vendors.ids);
    };
    assert.throws(
      broken((cas) => mkdirSync(join(cas, 'nobody'))),
      /nobody is no vendor's folder; vendors are /,
    );
    assert.throws(
      broken((cas) => writeFileSync(join(cas, MAKER, 'a.pem'), 'rubbish')),
      /a\.pem holds no certificate in PEM form/,
    );
    assert.throws(
      broken((cas) => writeFileSync(join(cas, MAKER, 'a.pem'), pki.phones.good.cert)),
      /holds a certificate that is no CA: O=Maker, CN=805EC0A00001/,
    );
    assert.throws(
      broken((cas) => {
        for (const maker of [MAKER, OTHER_MAKER]) writeFileSync(join(cas, maker, 'a.pem'), pki.root.cert);
      }),
      /the CA .*Maker Root CA is in the folders of \w+ and \w+: it can vouch for one vendor alone/,
    );
    assert.throws(() => readAuthorities(join(folder, 'not-there'), vendors.ids), /not-there does not exist/);
  });

  test('a header gives a certificate in each of its three forms, and nothing else', () => {
    const { cert } = pki.phones.good;
    const der = new X509Certificate(cert).raw.toString('base64');
    const { fingerprint256 } = new X509Certificate(cert);
    for (const value of [`:${der}:`, der, encodeURIComponent(cert)]) {
      assert.equal(certificateInHeader(value)?.fingerprint256, fingerprint256);
    }
    const bad = encodeURIComponent(pki.phones.selfSigned.cert);
    const none = [
      '',
      'x',
      ':x:',
      `${der}, ${der}`,
      encodeURIComponent(cert + cert),
      `${bad}, ${encodeURIComponent(cert)}`,
    ];
    for (const value of [...none, `-----BEGIN%`, `-----BEGIN${'A'.repeat(20_000)}`, der.slice(0, 400)]) {
      assert.equal(certificateInHeader(value), null, value.slice(0, 40));
    }
    fc.assert(fc.property(fc.string({ maxLength: 200 }), (text) => certificateInHeader(text) === null));
  });
});

const anyRule = ruleOf(MAKER);

test('the MAC address is taken in any usual spelling, and only when the subject names one device', () => {
  const mac = (...values: string[]) => macOfSubject({ CN: values }, anyRule.subjects);
  for (const text of [
    '805EC0A00001',
    '80:5e:c0:a0:00:01',
    '80-5E-C0-A0-00-01',
    '805e.c0a0.0001',
    'T46U 805ec0a00001 x',
  ]) {
    assert.equal(mac(text), PHONE_MAC, text);
  }
  assert.equal(mac('805ec0a00001', '80:5E:C0:A0:00:01'), PHONE_MAC, 'twice the same is one');
  const none = ['', 'generic', '805ec0a0000', '805ec0a000012', '80:5e:c0:a0:00:01:02', '000000000000', 'ffffffffffff'];
  for (const text of [...none, '805ec0000000', '805ec0ffffff', '01005e000001', '025ec0a00001']) {
    assert.equal(mac(text), null, text);
  }
  assert.equal(mac('805ec0a00001', '805ec0a00002'), null, 'two are none');
  assert.equal(macOfSubject({ OU: '805ec0a00001' }, anyRule.subjects), null, 'another attribute says nothing');
});

test('a maker names no address of another maker, and none but its own where all of its own are known', () => {
  const complete = new Map([
    ...rules,
    ['complete', { subjects: anyRule.subjects, ouis: ['112233'], ouisComplete: true }],
  ]);
  const may = (vendor: string, mac: string) => mayNameMac(vendor, macSchema.parse(mac), complete);
  assert.deepEqual(
    [may(MAKER, '805ec0a00001'), may(MAKER, '64167fa00001'), may(MAKER, '00aabb000001')],
    [true, false, true],
  );
  assert.deepEqual([may('complete', '112233000001'), may('complete', '00aabb000001')], [true, false]);
  assert.equal(may('nobody', '805ec0a00001'), false);
});

test('no two vendors list the same first digits of addresses, and each says where its facts are from', () => {
  const all = [...rules.values()].flatMap(({ ouis }) => ouis);
  assert.equal(new Set(all).size, all.length);
  assert.ok(rules.size >= 4);
});
