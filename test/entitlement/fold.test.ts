import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Fact, foldFeatures, isActive } from '../../src/entitlement/fold.ts';

const day = (n: number) => new Date(Date.UTC(2026, 0, n));
const iso = (n: number) => day(n).toISOString();
const now = day(20);

function fact(type: Fact['type'], at: Date, over: Partial<Fact> = {}): Fact {
  return {
    provider: 'acme',
    subject: over.transactionId ?? 'tx1',
    effect: type === 'paid' ? 'capture' : `${type}:1`,
    type,
    transactionId: 'tx1',
    subscriptionId: null,
    amountMinor: type === 'paid' ? 1999 : null,
    plan: null,
    at,
    detail: null,
    ...over,
  };
}

const paid = (over: Partial<Fact> = {}) => fact('paid', day(1), over);
const refunded = (amountMinor: number | null, id = '1', over: Partial<Fact> = {}) =>
  fact('refunded', day(5), { effect: `refund:${id}`, amountMinor, ...over });
const dispute = (type: 'disputed' | 'dispute_won' | 'dispute_lost', at = day(6)) =>
  fact(type, at, { effect: `dispute:d1:${type}`, detail: { disputeId: 'd1' } });
const canceled = (cancelAt: string | null, at = day(10)) =>
  fact('canceled', at, { subject: 'subscription:s1', transactionId: null, subscriptionId: 's1', detail: { cancelAt } });

function premium(facts: Fact[]) {
  const [feature] = foldFeatures(facts, {});
  return feature;
}
const active = (facts: Fact[], at = now) => {
  const feature = premium(facts);
  return feature ? isActive(feature, at) : undefined;
};

describe('what facts come to', () => {
  const cases: [string, Fact[], boolean | undefined][] = [
    ['a payment without an end is for ever', [paid()], true],
    ['a payment is bounded by the end of its period', [paid({ detail: { periodEnd: iso(15) } })], false],
    ['a payment whose period is not over is in force', [paid({ detail: { periodEnd: iso(25) } })], true],
    ['a full refund ends access', [paid(), refunded(1999)], false],
    ['a refund without an amount means all of it', [paid(), refunded(null)], false],
    ['a partial refund keeps access', [paid(), refunded(500)], true],
    ['partial refunds that come to all of it end access', [paid(), refunded(999), refunded(1000, '2')], false],
    [
      'a cumulative total and the refunds it sums up are the same money',
      [paid(), refunded(1000), refunded(1000, 't', { detail: { cumulative: true } })],
      true,
    ],
    ['a refund alone gives nobody anything', [refunded(null)], undefined],
    ['an open dispute ends access', [paid(), dispute('disputed')], false],
    ['a lost dispute ends access, told alone too', [paid(), dispute('dispute_lost')], false],
    ['a won dispute gives access back', [paid(), dispute('disputed'), dispute('dispute_won', day(8))], true],
    ['a cancellation ends access when it says', [paid({ subscriptionId: 's1' }), canceled(iso(15))], false],
    ['a cancellation in the future keeps access until then', [paid({ subscriptionId: 's1' }), canceled(iso(25))], true],
    ['a cancellation without a time means now', [paid({ subscriptionId: 's1' }), canceled(null)], false],
    ['a cancellation of another subscription changes nothing', [paid({ subscriptionId: 's2' }), canceled(null)], true],
    [
      'what was paid after a cancellation stands',
      [
        paid({ subscriptionId: 's1' }),
        canceled(iso(12)),
        paid({ subscriptionId: 's1', transactionId: 'tx2', at: day(14) }),
      ],
      true,
    ],
    ['another payment stands when one is refunded', [paid(), refunded(null), paid({ transactionId: 'tx2' })], true],
    [
      'the same transaction id of another provider is another payment',
      [paid(), refunded(null, '1', { provider: 'stripe' })],
      true,
    ],
  ];
  test.each(cases)('%s', (_title, facts, expected) => {
    expect(active(facts)).toBe(expected);
  });

  test('renewals are one stretch: since the first, until the last', () => {
    const first = paid({ subscriptionId: 's1', detail: { periodEnd: iso(10) } });
    const renewal = paid({ transactionId: 'tx2', subscriptionId: 's1', at: day(10), detail: { periodEnd: iso(30) } });
    expect(premium([first, renewal])).toMatchObject({ since: day(1), until: day(30), revoked: false });
  });

  test('a renewal billed late joins by the beginning of its period', () => {
    const first = paid({ detail: { periodEnd: iso(10) } });
    const detail = { periodStart: iso(10), periodEnd: iso(30) };
    expect(premium([first, paid({ transactionId: 'tx2', at: day(12), detail })])?.since).toEqual(day(1));
  });

  test('access that had lapsed begins anew', () => {
    const first = paid({ detail: { periodEnd: iso(5) } });
    const later = paid({ transactionId: 'tx2', at: day(12), detail: { periodEnd: iso(30) } });
    expect(premium([first, later])).toMatchObject({ since: day(12), until: day(30) });
  });

  test('what was taken back stays listed, until the moment it was', () => {
    expect(premium([paid(), refunded(null)])).toMatchObject({ since: day(1), until: day(5), revoked: true });
  });

  test('a plan grants its features, and an unknown plan what every payment grants', () => {
    const plans = { team: ['premium', 'export'] };
    const names = (plan: string | null) => foldFeatures([paid({ plan })], plans).map((feature) => feature.feature);
    expect(names('team')).toEqual(['export', 'premium']);
    expect(names('other')).toEqual(['premium']);
  });
});

const times = fc.integer({ min: 1, max: 28 }).map(day);
const anyFact = fc.oneof(
  fc
    .record({ at: times, end: fc.option(fc.integer({ min: 1, max: 28 })), tx: fc.constantFrom('tx1', 'tx2') })
    .map(({ at, end, tx }) =>
      paid({
        at,
        transactionId: tx,
        subject: tx,
        subscriptionId: 's1',
        detail: end === null ? null : { periodEnd: iso(end) },
      }),
    ),
  fc
    .record({
      at: times,
      amount: fc.option(fc.integer({ min: 1, max: 2500 })),
      id: fc.constantFrom('a', 'b', 'c'),
      cumulative: fc.boolean(),
    })
    .map(({ at, amount, id, cumulative }) =>
      refunded(amount, id, { at, ...(cumulative ? { detail: { cumulative } } : {}) }),
    ),
  fc
    .record({ at: times, type: fc.constantFrom('disputed' as const, 'dispute_won' as const, 'dispute_lost' as const) })
    .map(({ at, type }) => dispute(type, at)),
  fc
    .record({ at: times, cancelAt: fc.option(fc.integer({ min: 1, max: 28 })) })
    .map(({ at, cancelAt }) => canceled(cancelAt === null ? null : iso(cancelAt), at)),
);

/** A payment takes an effect once, so the ledger never holds two facts of one key. */
const distinct = fc.uniqueArray(anyFact, { selector: (one) => `${one.subject} ${one.effect}`, maxLength: 9 });

test('every order of the same facts ends in the same entitlement', () => {
  const summary = (facts: Fact[]) =>
    foldFeatures(facts, {}).map(({ feature, since, until, revoked }) => ({ feature, since, until, revoked }));
  fc.assert(
    fc.property(
      distinct.chain((facts) =>
        fc.tuple(fc.constant(facts), fc.shuffledSubarray(facts, { minLength: facts.length, maxLength: facts.length })),
      ),
      ([facts, shuffled]) => {
        expect(summary(shuffled)).toEqual(summary(facts));
      },
    ),
    { numRuns: 1000 },
  );
});

test('nobody has a feature without having paid for it, and nobody loses its listing', () => {
  fc.assert(
    fc.property(distinct, (facts) => {
      const has = facts.some((one) => one.type === 'paid');
      expect(foldFeatures(facts, {}).length).toBe(has ? 1 : 0);
    }),
  );
});

test('a user with forty thousand payments is folded in less than a second', () => {
  const many = Array.from({ length: 40_000 }, (_, i) => paid({ subject: `tx${i}`, transactionId: `tx${i}` }));
  const before = process.threadCpuUsage();
  expect(foldFeatures(many, {})[0]!.because).toHaveLength(40_000);
  // Its own processor time, so that neighbours do not count.
  const { user, system } = process.threadCpuUsage(before);
  expect((user + system) / 1_000).toBeLessThan(1_000);
});
