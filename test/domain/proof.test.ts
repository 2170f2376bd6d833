// The rule of who may have which file, as a table of every combination, and what must hold of all of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide, OWNERS, PROOFS, type Proof, type ProofFacts } from '../../src/domain/proof.ts';
import { aPhone } from '../support/world.ts';

const { mac } = aPhone();
const otherMac = aPhone({ mac: '805ec0a0ffff' }).mac;

const TOKENS: ProofFacts['token'][] = [
  'none',
  'unknown',
  ...['acme', 'globex'].flatMap((tenant) => PROOFS.map((proof) => ({ tenant, proof }))),
];
const PHONES: ProofFacts['phone'][] = [
  null,
  ...[true, false].flatMap((enabled) =>
    PROOFS.map((proof) => ({ mac, vendor: 'maker', tenant: 'acme', enabled, proof })),
  ),
];
const CERTIFICATES: ProofFacts['certificate'][] = [
  null,
  { vendor: 'maker', mac },
  { vendor: 'maker', mac: otherMac },
  { vendor: 'other', mac },
];

function* everything(): Generator<ProofFacts> {
  for (const token of TOKENS)
    for (const file of OWNERS)
      for (const phone of PHONES)
        for (const credential of ['right', 'wrong', 'none'] as const)
          for (const certificate of CERTIFICATES)
            for (const window of [true, false])
              for (const challenges of [true, false])
                for (const cut of [true, false]) {
                  // A tenant demands one thing, whoever says so.
                  const isOwn = typeof token === 'object' && phone !== null && token.tenant === phone.tenant;
                  if (isOwn && token.proof !== phone.proof) continue;
                  yield { token, file, phone, credential, certificate, window, challenges, cut };
                }
}

const ALL = [...everything()];
const isYes = (facts: ProofFacts) => ['give', 'enrol', 'firstStage'].includes(decide(facts).kind);
const text = (facts: ProofFacts) => JSON.stringify(facts);

const RANK: Readonly<Record<Proof, number>> = { token: 1, credential: 2, certificate: 3 };

/** The same rule, said as a ladder: what is brought has a height, what the tenant demands has one. */
function expected(facts: ProofFacts): string {
  const { token, file, phone, credential, certificate, window, challenges, cut } = facts;
  const withToken = typeof token === 'object';
  const atHome = phone !== null && (!withToken || phone.tenant === token.tenant);
  const rungs = [
    // While somebody sweeps, a shared secret is no proof of a phone.
    withToken && !(cut && file === 'phones') ? 1 : 0,
    atHome && credential === 'right' ? 2 : 0,
    atHome && certificate?.mac === phone.mac && certificate.vendor === phone.vendor ? 3 : 0,
  ];
  const brought = Math.max(...rungs);
  const demanded = withToken ? RANK[token.proof] : phone === null ? Number.POSITIVE_INFINITY : RANK[phone.proof];
  // Without the tenant's token only what is the phone's own counts.
  const enough = brought >= demanded && (withToken || brought >= 2);
  if (token === 'unknown') return 'nothing';
  if (withToken && file === 'everybodys') return 'firstStage';
  if (enough && withToken && demanded === 1 && file === 'tenants') return 'give';
  if (enough) return atHome && phone.enabled ? 'give' : 'nothing';
  if (!withToken) return challenges ? 'challenge' : 'nothing';
  if (demanded !== 2) return 'nothing';
  return window && !cut && file === 'phones' && atHome && phone.enabled ? 'enrol' : 'challenge';
}

test(`F1: the truth table, all ${ALL.length} rows`, () => {
  assert.ok(ALL.length > 5_000, 'every combination is there');
  for (const facts of ALL) assert.equal(decide(facts).kind, expected(facts), text(facts));
  const kinds = new Set(ALL.map((facts) => decide(facts).kind));
  assert.deepEqual([...kinds].sort(), ['challenge', 'enrol', 'firstStage', 'give', 'nothing']);
});

test('F1: a phone’s file never leaves without one of the four proofs, nor for a phone that is unknown or disabled', () => {
  for (const facts of ALL.filter(({ file }) => file === 'phones')) {
    if (!isYes(facts)) continue;
    const { token, phone, credential, certificate, window, cut } = facts;
    assert.ok(phone?.enabled, text(facts));
    const hasToken = typeof token === 'object' && token.tenant === phone.tenant;
    assert.ok(token === 'none' || hasToken, text(facts));
    const certified = certificate?.mac === phone.mac && certificate.vendor === phone.vendor;
    const ways = [
      certified,
      phone.proof !== 'certificate' && credential === 'right',
      phone.proof === 'credential' && hasToken && window && !cut,
      phone.proof === 'token' && hasToken && !cut,
    ];
    assert.ok(ways.includes(true), text(facts));
  }
});

test('F1: taking a proof away never turns a no into a yes', () => {
  for (const facts of ALL) {
    const isOwn = typeof facts.token === 'object' && facts.token.tenant === 'acme';
    // A token of another tenant is no proof but a contradiction, so it is not taken away here.
    const weaker: ProofFacts[] = [
      ...(isOwn
        ? [
            { ...facts, token: 'none' as const },
            { ...facts, token: 'unknown' as const },
          ]
        : []),
      { ...facts, credential: 'none' },
      { ...facts, credential: facts.credential === 'none' ? 'none' : 'wrong' },
      { ...facts, certificate: null },
      { ...facts, window: false },
      { ...facts, cut: true },
      { ...facts, phone: null },
      ...(facts.phone === null ? [] : [{ ...facts, phone: { ...facts.phone, enabled: false } }]),
    ];
    for (const one of weaker) assert.ok(isYes(facts) || !isYes(one), `${text(one)} from ${text(facts)}`);
  }
});

test('F1: without a proof the answer is the same whether there is the phone, whose it is, and whether it is enabled', () => {
  const unproven = ALL.filter(
    ({ token, credential, certificate, window, cut }) =>
      credential !== 'right' &&
      certificate === null &&
      (!window || cut) &&
      // Where the token is the proof, it has been brought.
      (typeof token !== 'object' || token.proof !== 'token' || cut),
  );
  const answers = Map.groupBy(unproven, ({ phone: _phone, credential: _wrong, ...rest }) => JSON.stringify(rest));
  assert.ok(answers.size > 20);
  for (const [asked, rows] of answers) {
    assert.equal(new Set(rows.map((facts) => decide(facts).kind)).size, 1, asked);
  }
});

test('F18: while somebody sweeps, what is a phone’s own opens what it opened before, and nothing shared opens its files', () => {
  const swept = ALL.filter(({ cut }) => cut);
  for (const facts of swept) {
    const [now, before] = [decide(facts), decide({ ...facts, cut: false })];
    const { token, phone, credential, certificate } = facts;
    const isOurs =
      phone?.enabled === true && (token === 'none' || (typeof token === 'object' && token.tenant === 'acme'));
    const isCertified = certificate?.mac === phone?.mac && certificate?.vendor === 'maker';
    const isOwn = isOurs && (isCertified || (credential === 'right' && phone.proof !== 'certificate'));
    if (isOwn || facts.file !== 'phones') assert.equal(now.kind, before.kind, text(facts));
    else assert.ok(!isYes(facts), text(facts));
  }
});

test('a stronger demand never lets in more', () => {
  for (const facts of ALL) {
    if (typeof facts.token !== 'object') continue;
    for (const proof of PROOFS.filter((one) => RANK[one] > RANK[(facts.token as { proof: Proof }).proof])) {
      const { tenant } = facts.token;
      const phone = facts.phone?.tenant === tenant ? { ...facts.phone, proof } : facts.phone;
      const stricter = { ...facts, token: { tenant, proof }, phone };
      assert.ok(isYes(facts) || !isYes(stricter), text(stricter));
    }
  }
});
