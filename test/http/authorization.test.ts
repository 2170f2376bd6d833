// Basic and Digest as phones use them: what is taken, what is not, and that nothing is taken twice.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { openAuthorization, type Scheme } from '../../src/http/authorization.ts';
import { answerDigest, basic, readChallenge } from '../support/digest.ts';

const MAC = '805ec0a00001';
const URL = '/p/aaaa/805ec0a00001.cfg';
const ALL: readonly Scheme[] = ['digest-sha-256', 'digest-md5', 'basic'];

function door() {
  let moment = Date.parse('2026-01-01T00:00:00.000Z');
  const authorization = openAuthorization({ random: randomBytes, now: () => new Date(moment) });
  const challenge = (schemes: readonly Scheme[] = ['digest-md5']) =>
    readChallenge(authorization.challenges(schemes, false)[0] ?? '');
  const read = (header: string | undefined, schemes: readonly Scheme[] = ALL, method = 'GET', url = URL) =>
    authorization.read({ method, url, header, schemes });
  const pass = (seconds: number) => {
    moment += seconds * 1_000;
  };
  return { authorization, challenge, read, pass };
}

const wish = { user: MAC, password: 'right', uri: URL };

describe('Digest', () => {
  for (const scheme of ['digest-md5', 'digest-sha-256'] as const) {
    test(`${scheme}: the right password is found, whichever place it has; a wrong one is not`, () => {
      const { challenge, read } = door();
      for (const [passwords, place] of [
        [['right', 'old'], 0],
        [['new', 'right'], 1],
        [['new', 'old'], -1],
        [[], -1],
      ] as const) {
        const given = read(answerDigest(challenge([scheme]), wish));
        assert.equal(given?.mac, MAC);
        assert.equal(given?.prove(passwords), place);
        assert.equal(given?.isStale(), false);
      }
    });
  }
  test('the user is a MAC address in any spelling; another name is nobody', () => {
    const { challenge, read } = door();
    for (const user of ['80:5E:C0:A0:00:01', '805EC0A00001']) {
      const given = read(answerDigest(challenge(), { ...wish, user }));
      assert.deepEqual([given?.mac, given?.prove(['right'])], [MAC, 0]);
    }
    assert.equal(read(answerDigest(challenge(), { ...wish, user: 'admin' }))?.mac, null);
  });
  test('F2: the same answer twice is refused, and asks for a new nonce; the next count is taken', () => {
    const { challenge, read } = door();
    const one = challenge();
    const prove = (count: number) => {
      const given = read(answerDigest(one, { ...wish, count }));
      return [given?.prove(['right']), given?.isStale()];
    };
    assert.deepEqual(prove(1), [0, false]);
    assert.deepEqual(prove(1), [-1, true]);
    assert.deepEqual(prove(2), [0, false]);
    assert.deepEqual(prove(9), [0, false]);
    assert.deepEqual(prove(5), [-1, true], 'counts only go up');
  });
  test('a wrong password uses no count up', () => {
    const { challenge, read } = door();
    const one = challenge();
    assert.equal(read(answerDigest(one, { ...wish, password: 'guess' }))?.prove(['right']), -1);
    assert.equal(read(answerDigest(one, wish))?.prove(['right']), 0);
  });
  test('F19: a nonce is good for five minutes, and none of the future is', () => {
    const { challenge, read, pass } = door();
    const one = challenge();
    pass(299);
    assert.equal(read(answerDigest(one, wish))?.prove(['right']), 0);
    pass(2);
    const late = read(answerDigest(one, { ...wish, count: 2 }));
    assert.deepEqual([late?.prove(['right']), late?.isStale()], [-1, true]);
    const next = challenge();
    pass(-60);
    assert.equal(read(answerDigest(next, wish))?.prove(['right']), -1, 'the clock was put back');
  });
  test('a nonce that is not ours, or was changed, or is another process’s, is stale whoever asks', () => {
    const { challenge, read } = door();
    const nonce = challenge().get('nonce') ?? '';
    const changed = `${nonce.slice(0, -2)}${nonce.endsWith('AA') ? 'BB' : 'AA'}`;
    for (const other of ['', 'x', changed, `${nonce}A`, door().challenge().get('nonce') ?? '']) {
      const given = read(answerDigest(challenge(), { ...wish, instead: { nonce: other } }));
      assert.deepEqual([given?.prove(['right']), given?.isStale()], [-1, true], other);
    }
  });
  test('whatever is not in order is no credential', () => {
    const { challenge, read } = door();
    const wrong: Record<string, string>[] = [
      { realm: 'other' },
      { qop: 'auth-int' },
      { nc: '1' },
      { nc: 'zzzzzzzz' },
      { uri: '/p/aaaa/other.cfg' },
      { algorithm: 'SHA-512-256' },
      { algorithm: 'MD5-sess' },
    ];
    for (const instead of wrong)
      assert.equal(read(answerDigest(challenge(), { ...wish, instead })), null, JSON.stringify(instead));
    const good = answerDigest(challenge(), wish);
    for (const header of [
      `${good}, username="x"`,
      `${good} x`,
      good.replace('", ', '" '),
      'Digest',
      'Digest ',
      `Digest ${'a=b,'.repeat(99)}`,
    ])
      assert.equal(read(header), null, header.slice(-30));
    assert.equal(read(good, ALL, 'PUT')?.prove(['right']), -1, 'another method');
    assert.equal(read(good)?.prove(['right']), 0);
  });
  test('a phone may write the whole URL', () => {
    const { challenge, read } = door();
    const uri = `http://prov.example.com${URL}`;
    assert.equal(read(answerDigest(challenge(), { ...wish, uri }))?.prove(['right']), 0);
  });
  test('what was not offered is not taken: no weaker hash by choice of whoever asks', () => {
    const { challenge, read } = door();
    assert.equal(read(answerDigest(challenge(), wish), ['digest-sha-256']), null);
    assert.equal(read(answerDigest(challenge(['digest-sha-256']), wish), ['digest-md5']), null);
  });
  test('no nonce is given twice', () => {
    const { challenge } = door();
    const nonces = Array.from({ length: 1_000 }, () => challenge().get('nonce'));
    assert.equal(new Set(nonces).size, 1_000);
    assert.equal(new Set(nonces.map((nonce) => nonce?.length)).size, 1, 'all are equally long');
  });
  test('what is forgotten cannot be replayed: memory is bounded, and the oldest go stale', () => {
    const { challenge, read, pass } = door();
    const first = challenge();
    assert.equal(read(answerDigest(first, wish))?.prove(['right']), 0);
    pass(1);
    for (let count = 0; count < 50_000; count++) read(answerDigest(challenge(), wish))?.prove(['right']);
    const again = read(answerDigest(first, wish));
    assert.deepEqual([again?.prove(['right']), again?.isStale()], [-1, true]);
  });
});

describe('Basic', () => {
  test('the right password is found; colons in it are its own', () => {
    const { read } = door();
    const given = read(basic(MAC, 'a:b'));
    assert.deepEqual(
      [given?.mac, given?.prove(['a:b']), given?.prove(['x', 'a:b']), given?.prove(['a'])],
      [MAC, 0, 1, -1],
    );
  });
  test('it is not looked at where it may not be used', () => {
    const { read } = door();
    assert.equal(read(basic(MAC, 'right'), ['digest-md5']), null);
  });
  test('what is not in order is no credential', () => {
    const { read } = door();
    for (const header of ['Basic', 'Basic ', 'Basic %%%', `Basic ${'A'.repeat(5_000)}`, 'Bearer x', '', undefined]) {
      assert.equal(read(header), null);
    }
    assert.equal(read(`Basic ${Buffer.from('no colon').toString('base64')}`)?.prove(['right']), -1);
  });
});

test('challenges: the strongest first, each with what it needs, stale only when it is', () => {
  const { authorization } = door();
  const [sha, md5, plain] = authorization.challenges(ALL, true);
  assert.match(sha ?? '', /^Digest realm="phones", qop="auth", algorithm=SHA-256, nonce="[\w-]+", stale=true$/);
  assert.match(md5 ?? '', /algorithm=MD5/);
  assert.equal(plain, 'Basic realm="phones"');
  assert.ok(!authorization.challenges(ALL, false).join().includes('stale'));
});
