import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type AuditEntry, CHAIN_START, chainHash, changesBetween, followChain } from '../../src/domain/audit.ts';

describe('what changed', () => {
  test('is told by its path, with what was and what is', () => {
    const before = { name: 'A', lines: [{ user: '1', label: 'x' }], same: [1] };
    const after = { name: 'B', lines: [{ user: '1' }, { user: '2' }], same: [1] };
    assert.deepEqual(changesBetween(before, after), [
      { path: 'lines.0.label', before: 'x', after: null },
      { path: 'lines.1.user', before: null, after: '2' },
      { path: 'name', before: 'A', after: 'B' },
    ]);
  });
  test('of something new or gone, everything', () => {
    assert.deepEqual(changesBetween(null, { a: 1 }), [{ path: 'a', before: null, after: 1 }]);
    assert.deepEqual(changesBetween({ a: 1 }, null), [{ path: 'a', before: 1, after: null }]);
    assert.deepEqual(changesBetween({ a: 1 }, { a: 1 }), []);
  });
  test('a secret is told to have changed, and never what it is', () => {
    const secrets = (text: string) => ({
      lines: [{ password: text }],
      settings: { adminPassword: text, userPassword: text, fileKey: text },
      parameters: { maker: { P2: text, 'a.password': text, 'x.y_psk': text } },
      token: text,
    });
    const changes = changesBetween(secrets('hidden-one'), secrets('hidden-two'));
    assert.equal(changes.length, 8);
    assert.ok(!JSON.stringify(changes).includes('hidden'));
    assert.ok(changes.every(({ before, after }) => before === '********' && after === '********'));
  });
});

describe('the chain', () => {
  const entry = (subject: string): AuditEntry => ({
    at: '2026-01-01T00:00:00.000Z',
    actor: 'key:x',
    address: '192.0.2.1',
    action: 'phone.add',
    subject,
    tenant: 'acme',
    changes: [{ path: 'a', before: null, after: 1 }],
  });
  const chain = (subjects: readonly string[]) => {
    let hash = CHAIN_START;
    return subjects.map((subject, index) => {
      hash = chainHash(hash, index + 1, entry(subject));
      return { ...entry(subject), id: index + 1, hash };
    });
  };
  const start = { id: 0, hash: CHAIN_START };

  test('holds as it was written, also from the middle on', () => {
    const entries = chain(['a', 'b', 'c']);
    const whole = followChain(start, entries);
    assert.deepEqual([whole.id, whole.fault, whole.hash], [3, null, entries[2]?.hash]);
    assert.deepEqual(followChain(followChain(start, entries.slice(0, 2)), entries.slice(2)), whole);
  });

  test('any change of any entry breaks it, there or at once', () => {
    const changes: ((one: ReturnType<typeof chain>[number]) => object)[] = [
      ...(['at', 'actor', 'address', 'action', 'subject', 'tenant', 'hash'] as const).map(
        (field) => (one: ReturnType<typeof chain>[number]) => ({ ...one, [field]: `${one[field]}x` }),
      ),
      (one) => ({ ...one, changes: [] }),
      (one) => ({ ...one, id: one.id + 1 }),
    ];
    const subjects = fc.array(fc.string(), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(subjects, fc.nat(), fc.nat({ max: changes.length - 1 }), (names, place, which) => {
        const entries = chain(names);
        const at = place % entries.length;
        const broken = entries.map((one, index) => (index === at ? { ...one, ...changes[which]?.(one) } : one));
        const { fault, id } = followChain(start, broken);
        assert.ok(fault !== null);
        assert.equal(id, at);
      }),
    );
  });

  test('an entry that was taken out is missed', () => {
    const entries = chain(['a', 'b', 'c']);
    assert.equal(followChain(start, [...entries.slice(0, 1), ...entries.slice(2)]).fault, 'entry 2 is missing');
  });
});
