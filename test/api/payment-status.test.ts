import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type PaymentStatus, paymentStatus, type ToldEvent, type ToldFact } from '../../src/api/payment-status.ts';

const day = (n: number) => new Date(Date.UTC(2026, 0, n));

const succeeded = (n = 1): ToldEvent => ({ kind: 'payment_succeeded', occurredAt: day(n) });
const pending = (n = 1): ToldEvent => ({ kind: 'payment_pending', occurredAt: day(n) });
const failed = (n = 1): ToldEvent => ({ kind: 'payment_failed', occurredAt: day(n) });
const other: ToldEvent = { kind: 'subscription_changed', occurredAt: day(9) };

const paid: ToldFact = { type: 'paid', effect: 'capture', amountMinor: 1000, at: day(1) };
const refund = (id: string, amountMinor: number | null): ToldFact => ({
  type: 'refunded',
  effect: `refund:${id}`,
  amountMinor,
  at: day(2),
});
const refundTotal = (amountMinor: number): ToldFact => ({
  type: 'refunded',
  effect: `refund_total:${amountMinor}`,
  amountMinor,
  at: day(2),
});
const dispute = (id: string, verdict: 'opened' | 'won' | 'lost', n = 3): ToldFact => ({
  type: verdict === 'opened' ? 'disputed' : `dispute_${verdict}`,
  effect: `dispute:${id}:${verdict}`,
  amountMinor: null,
  at: day(n),
});
const granted: ToldFact = { type: 'granted', effect: 'grant:1', amountMinor: null, at: day(1) };

type Case = [what: string, events: ToldEvent[], facts: ToldFact[], status: PaymentStatus];

const cases: Case[] = [
  ['nothing but a word about a subscription', [other], [], 'unknown'],
  ['a payment on its way', [pending()], [], 'pending'],
  ['a payment that failed after it was on its way', [pending(1), failed(2)], [], 'failed'],
  ['a payment tried again after it failed', [failed(1), pending(2)], [], 'pending'],
  ['a failure and a wait at the same moment', [pending(1), failed(1)], [], 'failed'],
  ['a payment that went through', [succeeded()], [paid], 'succeeded'],
  ['a payment that went through and has left only its fact', [other], [paid], 'succeeded'],
  ['a payment that went through after it failed', [failed(2), succeeded(1)], [paid], 'succeeded'],
  ['a refund of a part', [succeeded()], [paid, refund('a', 400)], 'partially_refunded'],
  ['refunds that add up to all', [succeeded()], [paid, refund('a', 400), refund('b', 600)], 'refunded'],
  ['refunds that leave one cent', [succeeded()], [paid, refund('a', 400), refund('b', 599)], 'partially_refunded'],
  ['a refund without an amount', [succeeded()], [paid, refund('a', null)], 'refunded'],
  ['a refund of nothing', [succeeded()], [paid, refund('a', 0)], 'succeeded'],
  ['totals told one after the other', [succeeded()], [paid, refundTotal(300), refundTotal(700)], 'partially_refunded'],
  [
    'a total and the refund it is made of',
    [succeeded()],
    [paid, refundTotal(600), refund('a', 600)],
    'partially_refunded',
  ],
  ['a total that reaches the amount', [succeeded()], [paid, refundTotal(1000)], 'refunded'],
  ['a refund told twice', [succeeded()], [paid, refund('a', 600), refund('a', 600)], 'partially_refunded'],
  ['an open dispute', [succeeded()], [paid, dispute('d', 'opened')], 'disputed'],
  ['a dispute that was won', [succeeded()], [paid, dispute('d', 'opened'), dispute('d', 'won', 4)], 'succeeded'],
  ['a dispute that was lost', [succeeded()], [paid, dispute('d', 'opened'), dispute('d', 'lost', 4)], 'dispute_lost'],
  ['a verdict whose opening was never told', [succeeded()], [paid, dispute('d', 'lost')], 'dispute_lost'],
  [
    'a verdict that was turned round',
    [succeeded()],
    [paid, dispute('d', 'lost', 4), dispute('d', 'won', 5)],
    'succeeded',
  ],
  ['two verdicts at once', [succeeded()], [paid, dispute('d', 'won', 4), dispute('d', 'lost', 4)], 'dispute_lost'],
  ['one dispute won, another open', [], [paid, dispute('d', 'won'), dispute('e', 'opened')], 'disputed'],
  ['one dispute open, another lost', [], [paid, dispute('d', 'opened'), dispute('e', 'lost')], 'dispute_lost'],
  ['an id with colons', [], [paid, dispute('a:opened', 'opened'), dispute('a:opened', 'won', 4)], 'succeeded'],
  ['a dispute won after a refund of a part', [], [paid, refund('a', 1), dispute('d', 'won')], 'partially_refunded'],
  ['a dispute over a refunded payment', [], [paid, refund('a', null), dispute('d', 'opened')], 'disputed'],
  ['what somebody granted by hand', [], [granted], 'unknown'],
];

describe('the status of a payment', () => {
  test.each(cases)('%s', (_what, events, facts, status) => {
    expect(paymentStatus(events, facts, 1000)).toBe(status);
  });

  test('a refund before anybody told the amount is of a part, unless it says that it is all', () => {
    expect(paymentStatus([], [refund('a', 1000)], null)).toBe('partially_refunded');
    expect(paymentStatus([], [refund('a', null)], null)).toBe('refunded');
  });

  test('is the same for every order in which events and facts came in', () => {
    const anyEvents = fc.uniqueArray(
      fc
        .record({
          kind: fc.constantFrom('payment_succeeded', 'payment_failed', 'payment_pending', 'unknown'),
          n: fc.nat(3),
        })
        .map(({ kind, n }): ToldEvent => ({ kind, occurredAt: n ? day(n) : null })),
    );
    const anyFacts = fc.uniqueArray(
      fc.oneof(
        fc.constant(paid),
        fc
          .record({ id: fc.constantFrom('a', 'b'), amount: fc.option(fc.nat(1200)) })
          .map((r) => refund(r.id, r.amount)),
        fc.nat(1200).map(refundTotal),
        fc
          .record({ id: fc.constantFrom('d', 'e'), verdict: fc.constantFrom('opened', 'won', 'lost'), n: fc.nat(3) })
          .map(({ id, verdict, n }) => dispute(id, verdict as 'opened', n)),
      ),
      // What the ledger guarantees: one transaction takes an effect once.
      { selector: (fact) => fact.effect },
    );
    const shuffled = <T>(arbitrary: fc.Arbitrary<T[]>) =>
      arbitrary.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })));
    fc.assert(
      fc.property(shuffled(anyEvents), shuffled(anyFacts), ([events, events2], [facts, facts2]) => {
        expect(paymentStatus(events2, facts2, 1000)).toBe(paymentStatus(events, facts, 1000));
      }),
      { numRuns: 500 },
    );
  });
});
