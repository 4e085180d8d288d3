import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type SummarisedEvent, summarisePayment } from '../../src/api/payment-summary.ts';

function event(kind: string, rest: Partial<SummarisedEvent> = {}): SummarisedEvent {
  return {
    dedupKey: kind,
    kind,
    occurredAt: null,
    amountMinor: null,
    currency: null,
    userId: null,
    payerCountry: null,
    facts: [],
    ...rest,
  };
}

const captured = event('payment_succeeded', {
  amountMinor: 999,
  currency: 'EUR',
  userId: 'user123',
  facts: [{ type: 'paid', effect: 'capture', amountMinor: 999, at: null }],
});
const refunded = event('payment_refunded', {
  amountMinor: 400,
  currency: 'EUR',
  payerCountry: 'DE',
  facts: [{ type: 'refunded', effect: 'refund:a', amountMinor: 400, at: null }],
});
const waiting = event('payment_pending', { amountMinor: 1500, currency: 'EUR', userId: 'user123' });

describe('the head of a payment', () => {
  test('is told by its events before any of them was applied', () => {
    expect(summarisePayment([captured], [], null)).toEqual({
      status: 'succeeded',
      amountMinor: 999,
      currency: 'EUR',
      userId: 'user123',
      country: null,
    });
  });

  test('takes the amount from what was paid, not from what was to be paid or was refunded', () => {
    expect(summarisePayment([refunded, waiting, captured], [], null).amountMinor).toBe(999);
    expect(summarisePayment([refunded, waiting], [], null).amountMinor).toBe(1500);
    expect(summarisePayment([refunded], [], null).amountMinor).toBe(null);
  });

  test('of two amounts for one capture, the one that was applied counts', () => {
    const applied = { type: 'paid', effect: 'capture', amountMinor: 2999, at: null } as const;
    const { amountMinor } = summarisePayment([captured], [applied], {
      amountMinor: 1,
      currency: 'EUR',
      userId: null,
      payerCountry: null,
    });
    expect(amountMinor).toBe(2999);
  });

  test('adds what one event leaves out from another', () => {
    const { userId, country, status } = summarisePayment([refunded, captured], [], null);
    expect({ userId, country, status }).toEqual({ userId: 'user123', country: 'DE', status: 'partially_refunded' });
  });

  test('shows the user the ledger has noted, who may be learnt from a subscription', () => {
    const noted = { amountMinor: null, currency: null, userId: 'learnt', payerCountry: 'FR' };
    expect(summarisePayment([event('payment_succeeded')], [], noted)).toMatchObject({
      userId: 'learnt',
      country: 'FR',
    });
  });

  test('counts a refund once that is told by its event and by its applied fact', () => {
    const half = event('payment_refunded', {
      facts: [{ type: 'refunded', effect: 'refund:a', amountMinor: 500, at: null }],
    });
    const { status } = summarisePayment([captured, half], [...half.facts], null);
    expect(status).toBe('partially_refunded');
  });

  test('is the same for every order its events came in', () => {
    const all = [
      captured,
      refunded,
      waiting,
      event('payment_succeeded', { dedupKey: 'other', amountMinor: 5, currency: 'USD', userId: 'someone' }),
      event('payment_failed', { amountMinor: 7, userId: 'u3', payerCountry: 'IT' }),
      event('unknown', { userId: 'u4', payerCountry: 'ES' }),
    ];
    const orders = fc
      .subarray(all)
      .chain((some) => fc.shuffledSubarray(some, { minLength: some.length }).map((mixed) => [some, mixed]));
    fc.assert(
      fc.property(orders, ([some, mixed]) => {
        expect(summarisePayment(mixed!, [], null)).toEqual(summarisePayment(some!, [], null));
      }),
    );
  });
});
