import { describe, expect, test } from 'vitest';
import type { PaymentEvent } from '../../../src/ledger/payment-event.ts';
import { provider } from '../provider.ts';
import { onlyEvent, sample } from './parse.ts';

const PADDLE = provider({ scheme: 'paddle', format: 'paddle' });
const NEW_YEAR = new Date('2026-01-01T00:00:00Z');
const FEBRUARY = new Date('2026-02-01T00:00:00Z');
const MARCH = new Date('2026-03-01T00:00:00Z');

const ANY = {
  subscriptionId: 'sub_01sample000000000000000000',
  userId: 'u_42',
  payerCountry: null,
  plan: null,
  occurredAt: NEW_YEAR,
};
const MONEY = { amountMinor: 1999, currency: 'USD' };
const NO_MONEY = { amountMinor: null, currency: null };
const evt = (n: number) => `evt_01sample00000000000000000${n}`;
const txn = (n: number) => `txn_01sample00000000000000000${n}`;

const SAMPLES: Record<string, Partial<PaymentEvent>> = {
  'transaction.completed': {
    ...ANY,
    ...MONEY,
    dedupKey: evt(1),
    kind: 'payment_succeeded',
    providerType: 'transaction.completed',
    transactionId: txn(1),
    facts: [{ type: 'paid', effect: 'capture', periodStart: NEW_YEAR, periodEnd: FEBRUARY }],
  },
  'transaction.payment_failed': {
    ...ANY,
    ...MONEY,
    dedupKey: evt(2),
    kind: 'payment_failed',
    providerType: 'transaction.payment_failed',
    transactionId: txn(2),
    facts: [],
  },
  'transaction.completed.renewal': {
    ...ANY,
    ...MONEY,
    dedupKey: evt(3),
    kind: 'payment_succeeded',
    providerType: 'transaction.completed',
    transactionId: txn(3),
    facts: [{ type: 'paid', effect: 'capture', periodStart: FEBRUARY, periodEnd: MARCH }],
  },
  'adjustment.created.refund_pending': {
    ...ANY,
    dedupKey: evt(4),
    kind: 'unknown',
    providerType: 'adjustment.created',
    transactionId: txn(1),
    userId: null,
    amountMinor: 500,
    currency: 'USD',
    facts: [],
  },
  'adjustment.updated.refund_approved': {
    ...ANY,
    dedupKey: evt(5),
    kind: 'payment_refunded',
    providerType: 'adjustment.updated',
    transactionId: txn(1),
    userId: null,
    amountMinor: 500,
    currency: 'USD',
    facts: [{ type: 'refunded', effect: 'refund:adj_01sample000000000000000001', amountMinor: 500, cumulative: false }],
  },
  'subscription.activated': {
    ...ANY,
    ...NO_MONEY,
    dedupKey: evt(7),
    kind: 'subscription_changed',
    providerType: 'subscription.activated',
    transactionId: null,
    facts: [],
  },
  'subscription.updated.cancel_scheduled': {
    ...ANY,
    ...NO_MONEY,
    dedupKey: evt(8),
    kind: 'subscription_canceled',
    providerType: 'subscription.updated',
    transactionId: null,
    facts: [{ type: 'canceled', effect: 'cancel:2026-02-01T00:00:00.000Z', cancelAt: FEBRUARY }],
  },
  'subscription.canceled': {
    ...ANY,
    ...NO_MONEY,
    dedupKey: evt(9),
    kind: 'subscription_canceled',
    providerType: 'subscription.canceled',
    transactionId: null,
    facts: [{ type: 'canceled', effect: 'cancel:2026-02-01T00:00:00.000Z', cancelAt: FEBRUARY }],
  },
};

test.each(Object.entries(SAMPLES))('the sample %s is read as it is meant', (name, expected) => {
  expect(onlyEvent(PADDLE, sample(`paddle/${name}.json`))).toEqual(expected);
});

describe('adjustments', () => {
  const approved = JSON.parse(sample('paddle/adjustment.updated.refund_approved.json').toString());
  const adjusted = (data: object) => onlyEvent(PADDLE, { ...approved, data: { ...approved.data, ...data } });

  test('a full refund is all of it, whatever its totals say', () => {
    expect(adjusted({ type: 'full' }).facts).toMatchObject([{ amountMinor: null }]);
    expect(adjusted({ type: 'partial' }).facts).toMatchObject([{ amountMinor: 500 }]);
  });

  test('a chargeback and its reversal, an adjustment of its own, are one dispute', () => {
    const opened = adjusted({ id: 'adj_1', action: 'chargeback' });
    const reversed = adjusted({ id: 'adj_2', action: 'chargeback_reverse' });
    expect(opened).toMatchObject({ kind: 'dispute_opened', facts: [{ type: 'disputed', disputeId: txn(1) }] });
    expect(reversed).toMatchObject({ kind: 'dispute_won', facts: [{ type: 'dispute_won', disputeId: txn(1) }] });
  });

  test.each(['credit', 'chargeback_warning'])('a %s changes nobody’s access', (action) => {
    expect(adjusted({ action })).toMatchObject({ kind: 'unknown', facts: [] });
  });

  test.each(['pending_approval', 'rejected', 'reversed'])('an adjustment that is %s does not count', (status) => {
    for (const action of ['refund', 'chargeback']) expect(adjusted({ action, status }).facts).toEqual([]);
  });
});

test('a transaction that is paid but not completed does not count yet', () => {
  const body = {
    ...JSON.parse(sample('paddle/transaction.completed.json').toString()),
    event_type: 'transaction.paid',
  };
  expect(onlyEvent(PADDLE, body)).toMatchObject({ kind: 'payment_pending', facts: [] });
});

test('a pause that is scheduled is no cancellation', () => {
  const body = JSON.parse(sample('paddle/subscription.updated.cancel_scheduled.json').toString());
  body.data.scheduled_change.action = 'pause';
  expect(onlyEvent(PADDLE, body)).toMatchObject({ kind: 'subscription_changed', facts: [] });
});
