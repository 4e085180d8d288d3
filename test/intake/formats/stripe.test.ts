import { describe, expect, test } from 'vitest';
import type { PaymentEvent } from '../../../src/ledger/payment-event.ts';
import { provider } from '../provider.ts';
import { onlyEvent, parse, sample } from './parse.ts';

const STRIPE = provider({ scheme: 'stripe', format: 'stripe' });
const NEW_YEAR = new Date('2026-01-01T00:00:00Z');
const CAPTURE = { type: 'paid', effect: 'capture', periodEnd: null, periodStart: null } as const;
const OWNED = { userId: 'u_42', plan: 'pro_month', payerCountry: 'DE', currency: 'USD', occurredAt: NEW_YEAR };
const UNOWNED = { userId: null, plan: null, payerCountry: null, currency: 'USD', occurredAt: NEW_YEAR };

const SAMPLES: Record<string, PaymentEvent> = {
  'payment_intent.succeeded': {
    ...OWNED,
    dedupKey: 'evt_sample_pi_ok',
    kind: 'payment_succeeded',
    providerType: 'payment_intent.succeeded',
    transactionId: 'pi_sample_1',
    subscriptionId: null,
    amountMinor: 1999,
    facts: [CAPTURE],
  },
  'payment_intent.payment_failed': {
    ...OWNED,
    dedupKey: 'evt_sample_pi_fail',
    kind: 'payment_failed',
    providerType: 'payment_intent.payment_failed',
    transactionId: 'pi_sample_2',
    subscriptionId: null,
    amountMinor: 1999,
    facts: [],
  },
  'checkout.session.completed': {
    ...OWNED,
    dedupKey: 'evt_sample_cs',
    kind: 'payment_succeeded',
    providerType: 'checkout.session.completed',
    transactionId: 'in_sample_1',
    subscriptionId: 'sub_sample_1',
    amountMinor: 1999,
    facts: [CAPTURE],
  },
  'charge.refunded': {
    ...OWNED,
    dedupKey: 'evt_sample_refund',
    kind: 'payment_refunded',
    providerType: 'charge.refunded',
    transactionId: 'pi_sample_1',
    subscriptionId: null,
    amountMinor: 500,
    facts: [{ type: 'refunded', effect: 'refund_total:500', amountMinor: 500, cumulative: true }],
  },
  'charge.dispute.created': {
    ...UNOWNED,
    dedupKey: 'evt_sample_dispute',
    kind: 'dispute_opened',
    providerType: 'charge.dispute.created',
    transactionId: 'pi_sample_1',
    subscriptionId: null,
    amountMinor: 1999,
    facts: [{ type: 'disputed', effect: 'dispute:du_sample_1:opened', disputeId: 'du_sample_1' }],
  },
  'invoice.paid.renewal': {
    ...OWNED,
    dedupKey: 'evt_sample_renew',
    kind: 'payment_succeeded',
    providerType: 'invoice.paid',
    transactionId: 'in_sample_2',
    subscriptionId: 'sub_sample_1',
    amountMinor: 1999,
    facts: [{ ...CAPTURE, periodStart: NEW_YEAR, periodEnd: new Date('2026-02-01T00:00:00Z') }],
  },
  'invoice.payment_failed': {
    ...OWNED,
    dedupKey: 'evt_sample_renew_fail',
    kind: 'payment_failed',
    providerType: 'invoice.payment_failed',
    transactionId: 'in_sample_3',
    subscriptionId: 'sub_sample_1',
    amountMinor: 1999,
    facts: [],
  },
  'customer.subscription.deleted': {
    ...OWNED,
    dedupKey: 'evt_sample_cancel',
    kind: 'subscription_canceled',
    providerType: 'customer.subscription.deleted',
    transactionId: null,
    subscriptionId: 'sub_sample_1',
    amountMinor: null,
    currency: null,
    facts: [{ type: 'canceled', effect: 'cancel:2026-01-01T00:00:00.000Z', cancelAt: NEW_YEAR }],
  },
};

test.each(Object.entries(SAMPLES))('the sample %s is read as it is meant', (name, expected) => {
  expect(onlyEvent(STRIPE, sample(`stripe/${name}.json`))).toEqual(expected);
});

function event(type: string, object: object): PaymentEvent {
  return onlyEvent(STRIPE, { id: 'evt_1', type, created: 1767225600, data: { object } });
}

const CHARGE = { id: 'ch_1', payment_intent: 'pi_1', amount: 1000, currency: 'eur', captured: true, metadata: {} };

describe('a capture', () => {
  test('the charge and its payment intent are one transaction and one effect', () => {
    const charge = event('charge.succeeded', CHARGE);
    const intent = event('payment_intent.succeeded', { id: 'pi_1', amount: 1000, currency: 'eur' });
    expect([charge.transactionId, charge.facts]).toEqual([intent.transactionId, intent.facts]);
    expect(charge).toMatchObject({ transactionId: 'pi_1', amountMinor: 1000, facts: [CAPTURE] });
  });

  test('a charge that only reserves the money grants nothing', () => {
    expect(event('charge.succeeded', { ...CHARGE, captured: false })).toMatchObject({
      kind: 'payment_pending',
      facts: [],
    });
    expect(event('charge.captured', CHARGE)).toMatchObject({ kind: 'payment_succeeded', facts: [CAPTURE] });
  });

  test('the payment of an invoice is granted by the invoice, which knows the period', () => {
    expect(event('charge.succeeded', { ...CHARGE, invoice: 'in_1' })).toMatchObject({
      kind: 'payment_succeeded',
      facts: [],
    });
  });

  test('the country is the bill’s, then the card’s, then the product’s word', () => {
    const countryOf = (given: object) => event('charge.succeeded', { ...CHARGE, ...given }).payerCountry;
    const card = { card: { country: 'FR' } };
    const bill = { address: { country: 'IT' } };
    expect(countryOf({ payment_method_details: card, billing_details: bill, metadata: { country: 'DE' } })).toBe('IT');
    expect(countryOf({ payment_method_details: card, metadata: { country: 'DE' } })).toBe('FR');
    expect(countryOf({ metadata: { country: 'de' } })).toBe('DE');
    expect(countryOf({ metadata: { country: 'Germany' } })).toBeNull();
  });
});

describe('checkout', () => {
  const session = (given: object) =>
    event('checkout.session.completed', {
      id: 'cs_1',
      payment_status: 'paid',
      amount_total: 500,
      currency: 'eur',
      ...given,
    });

  test('it is linked by payment intent, else invoice, else its own id', () => {
    expect(session({ payment_intent: 'pi_1', invoice: 'in_1' }).transactionId).toBe('pi_1');
    expect(session({ payment_intent: null, invoice: { id: 'in_1' } }).transactionId).toBe('in_1');
    expect(session({}).transactionId).toBe('cs_1');
  });

  test.each([
    ['paid', 'payment_succeeded', [CAPTURE]],
    ['no_payment_required', 'payment_succeeded', [CAPTURE]],
    ['unpaid', 'payment_pending', []],
  ])('payment_status %s', (payment_status, kind, facts) => {
    expect(session({ payment_status })).toMatchObject({ kind, facts });
  });

  test('a slow payment method counts when its money comes, and not when it does not', () => {
    const object = { id: 'cs_1', payment_status: 'paid', payment_intent: 'pi_1' };
    expect(event('checkout.session.async_payment_succeeded', object)).toMatchObject({ facts: [CAPTURE] });
    const failed = event('checkout.session.async_payment_failed', { ...object, payment_status: 'unpaid' });
    expect(failed).toMatchObject({ kind: 'payment_failed', facts: [] });
  });

  test('the user is the product’s metadata, else its reference', () => {
    expect(session({ client_reference_id: 'ref', metadata: { userId: 'meta' } }).userId).toBe('meta');
    expect(session({ client_reference_id: 'ref', metadata: {} }).userId).toBe('ref');
  });
});

describe('invoices', () => {
  const lines = { data: [period(1, 2), period(3, 4), period(2, 3)] };
  function period(start: number, end: number) {
    return { period: { start: 1767225600 + start * 86_400, end: 1767225600 + end * 86_400 } };
  }
  const day = (count: number) => new Date(NEW_YEAR.getTime() + count * 86_400_000);

  test('the period is that of the line which ends last', () => {
    const { facts } = event('invoice.paid', { id: 'in_1', subscription: 'sub_1', lines });
    expect(facts).toEqual([{ ...CAPTURE, periodStart: day(3), periodEnd: day(4) }]);
  });

  test('an invoice without a subscription is for good', () => {
    expect(event('invoice.paid', { id: 'in_1', lines }).facts).toEqual([CAPTURE]);
  });

  test.each([
    [
      'the new layout',
      { payments: { data: [{ payment: { type: 'payment_intent', payment_intent: 'pi_9' } }] } },
      'pi_9',
    ],
    ['the old layout', { payment_intent: 'pi_8' }, 'pi_8'],
    ['neither', {}, 'in_1'],
  ])('the payment in %s', (_what, given, transactionId) => {
    expect(event('invoice.paid', { id: 'in_1', ...given }).transactionId).toBe(transactionId);
  });

  test('user metadata is found in the old layout too', () => {
    const old = { id: 'in_1', subscription: 'sub_1', subscription_details: { metadata: { uid: 7 } } };
    expect(event('invoice.paid', old)).toMatchObject({ userId: '7', subscriptionId: 'sub_1' });
    expect(event('invoice.paid', { id: 'in_1', metadata: { user_id: 'u' } }).userId).toBe('u');
  });
});

describe('refunds and disputes', () => {
  const refund = { id: 're_1', payment_intent: 'pi_1', charge: 'ch_1', amount: 500, currency: 'eur' };

  test.each([
    ['succeeded', [{ type: 'refunded', effect: 'refund:re_1', amountMinor: 500, cumulative: false }]],
    ['pending', []],
    ['failed', []],
  ])('a refund that is %s', (status, facts) => {
    for (const type of ['refund.created', 'refund.updated']) {
      expect(event(type, { ...refund, status })).toMatchObject({ transactionId: 'pi_1', facts });
    }
  });

  const dispute = { id: 'du_1', payment_intent: null, charge: 'ch_1', amount: 500, currency: 'eur' };

  test.each([
    ['charge.dispute.closed', 'won', 'dispute_won', 'dispute:du_1:won'],
    ['charge.dispute.closed', 'lost', 'dispute_lost', 'dispute:du_1:lost'],
    ['charge.dispute.funds_withdrawn', 'needs_response', 'dispute_opened', 'dispute:du_1:opened'],
    ['charge.dispute.funds_reinstated', 'won', 'dispute_won', 'dispute:du_1:won'],
  ])('%s, %s', (type, status, kind, effect) => {
    expect(event(type, { ...dispute, status })).toMatchObject({ kind, transactionId: 'ch_1', facts: [{ effect }] });
  });

  test('an inquiry takes no money and no access', () => {
    for (const type of ['charge.dispute.created', 'charge.dispute.closed']) {
      expect(event(type, { ...dispute, status: 'warning_closed' })).toMatchObject({ kind: 'unknown', facts: [] });
    }
  });
});

describe('subscriptions', () => {
  const subscription = { id: 'sub_1', metadata: { user_id: 'u' }, cancel_at: null, cancel_at_period_end: false };
  const items = { data: [{ current_period_end: 1769904000 }, { current_period_end: 1767225600 }] };
  const february = new Date('2026-02-01T00:00:00Z');

  test.each([
    ['cancel_at', { cancel_at: 1769904000 }],
    ['the end of the last item’s period', { cancel_at_period_end: true, items }],
    ['the end of the period in the old layout', { cancel_at_period_end: true, current_period_end: 1769904000 }],
  ])('a planned end is %s', (_what, given) => {
    const { kind, facts } = event('customer.subscription.updated', { ...subscription, ...given });
    expect({ kind, facts }).toEqual({
      kind: 'subscription_canceled',
      facts: [{ type: 'canceled', effect: 'cancel:2026-02-01T00:00:00.000Z', cancelAt: february }],
    });
  });

  test('any other change ends nothing', () => {
    const changed = event('customer.subscription.updated', { ...subscription, items });
    expect(changed).toMatchObject({ kind: 'subscription_changed', subscriptionId: 'sub_1', userId: 'u', facts: [] });
  });
});

test.each(['customer.created', 'setup_intent.succeeded', 'toString', 'refund.failed'])(
  'a type that says nothing about access is stored and ignored: %s',
  (type) => {
    expect(event(type, { id: 'x' })).toMatchObject({ kind: 'unknown', providerType: type, facts: [] });
  },
);

test.each([
  ['no id', { type: 'charge.succeeded' }, 'id is missing'],
  ['no type', { id: 'evt_1' }, 'type is missing'],
  ['a payment intent without an id', { id: 'evt_1', type: 'payment_intent.succeeded' }, 'data.object.id is missing'],
  [
    'a refund of nothing',
    { id: 'e', type: 'refund.created', data: { object: { id: 're' } } },
    'payment intent or charge',
  ],
])('malformed: %s', (_what, body, said) => {
  expect(parse(STRIPE, body)).toMatchObject({ outcome: 'malformed', message: expect.stringContaining(said) });
});

test('the user may be said to lie elsewhere, and the usual place stays the second choice', () => {
  const config = provider({ scheme: 'stripe', format: 'stripe', fields: { userId: 'data.object.customer' } });
  const body = JSON.parse(sample('stripe/payment_intent.succeeded.json').toString());
  expect(onlyEvent(config, body).userId).toBe('cus_sample_1');
  delete body.data.object.customer;
  expect(onlyEvent(config, body).userId).toBe('u_42');
});
