// Answers to challenges, against the examples that the RFCs compute.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { challengeAmong, digestAnswer } from '../../src/sip/digest.ts';
import { parametersOf } from '../../src/sip/sip.ts';

const responseOf = (header: string) => parametersOf(header).response;

describe('the response', () => {
  const mufasa = { user: 'Mufasa', password: 'Circle of Life' };
  const asked = { method: 'GET', uri: '/dir/index.html' };
  // RFC 7616 section 3.9.1.
  const challenge = (algorithm: string) =>
    `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=${algorithm}, ` +
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"';
  const cnonce = 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ';

  test('by MD5 and by SHA-256 is that of RFC 7616', () => {
    assert.equal(
      responseOf(digestAnswer(challenge('MD5'), mufasa, { ...asked, cnonce })),
      '8ca523f5e9506fed4657c9700eebdbec',
    );
    assert.equal(
      responseOf(digestAnswer(challenge('SHA-256'), mufasa, { ...asked, cnonce })),
      '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1',
    );
  });

  test('with qop is that of RFC 2617, with everything that a server needs to check it', () => {
    const given =
      'Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"';
    const header = digestAnswer(
      given,
      { user: 'Mufasa', password: 'Circle Of Life' },
      { ...asked, cnonce: '0a4f113b' },
    );
    assert.deepEqual(parametersOf(header), {
      ...{ username: 'Mufasa', realm: 'testrealm@host.com', nonce: 'dcd98b7102dd2f0e8b11d0f600bfb0c093' },
      ...{ uri: '/dir/index.html', qop: 'auth', nc: '00000001', cnonce: '0a4f113b' },
      ...{ opaque: '5ccc069c403ebaf9f0171e9517f40e41', response: '6629fae49393a05397450978507c4ef1' },
    });
  });

  test('without qop is that of RFC 2069, as corrected by its erratum', () => {
    const given = 'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"';
    const header = digestAnswer(given, { user: 'Mufasa', password: 'CircleOfLife' }, { ...asked, cnonce: 'x' });
    assert.equal(responseOf(header), '1949323746fe6a43ef61f9606e7febea');
    assert.doesNotMatch(header, /qop|nc=|cnonce/);
  });

  test('holds a user with quotes as one value', () => {
    const header = digestAnswer('Digest realm="r", nonce="n"', { user: 'a"b\\', password: 'p' }, { ...asked, cnonce });
    assert.equal(parametersOf(header).username, 'a"b\\');
  });
});

test('of several challenges the strongest that we know is answered', () => {
  const of = (algorithm: string) => `Digest realm="r", nonce="n", algorithm=${algorithm}`;
  assert.equal(challengeAmong([of('MD5'), of('SHA-256')]), of('SHA-256'));
  assert.equal(challengeAmong([of('SHA-512-256'), of('MD5')]), of('MD5'));
  assert.equal(challengeAmong(['Digest realm="r", nonce="n"']), 'Digest realm="r", nonce="n"');
  assert.equal(challengeAmong([of('SHA-512-256'), 'Basic realm="r"']), null);
  assert.equal(challengeAmong([]), null);
});
