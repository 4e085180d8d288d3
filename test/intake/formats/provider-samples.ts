import type { FormatName } from '../../../src/intake/presets.ts';
import type { FactDraft, PaymentEvent } from '../../../src/ledger/payment-event.ts';

/** Events of the presets' providers in their own layouts, cut down to what is read, and what they mean. */
export type ProviderSample = {
  format: FormatName;
  what: string;
  body: unknown;
  headers?: Record<string, string>;
  unsignedId?: string;
  means: Partial<PaymentEvent>;
};

const CAPTURE: FactDraft = { type: 'paid', effect: 'capture', periodEnd: null, periodStart: null };
const NEW_YEAR = new Date('2026-01-01T00:00:00Z');
const FEBRUARY = new Date('2026-02-01T00:00:00Z');

function refund(id: string, amountMinor: number | null): FactDraft {
  return { type: 'refunded', effect: `refund:${id}`, amountMinor, cumulative: false };
}

function dispute(type: 'disputed' | 'dispute_won' | 'dispute_lost', disputeId: string): FactDraft {
  const word = { disputed: 'opened', dispute_won: 'won', dispute_lost: 'lost' }[type];
  return { type, effect: `dispute:${disputeId}:${word}`, disputeId };
}

// ── Razorpay ─────────────────────────────────────────────────────────────────────────────────────────────────────────

const RAZORPAY_PAYMENT = {
  entity: { id: 'pay_1', amount: 49_900, currency: 'INR', status: 'captured', notes: { user_id: 'u_42', plan: 'pro' } },
};

function razorpay(event: string, payload: object): object {
  return { entity: 'event', event, created_at: 1767225600, payload: { payment: RAZORPAY_PAYMENT, ...payload } };
}

const RAZORPAY_SUBSCRIPTION = {
  entity: { id: 'sub_1', current_start: 1767225600, current_end: 1769904000, ended_at: 1769904000, notes: [] },
};

const RAZORPAY: ProviderSample[] = [
  {
    format: 'razorpay',
    what: 'payment.captured',
    body: razorpay('payment.captured', {}),
    means: {
      kind: 'payment_succeeded',
      providerType: 'payment.captured',
      transactionId: 'pay_1',
      userId: 'u_42',
      plan: 'pro',
      amountMinor: 49_900,
      currency: 'INR',
      occurredAt: NEW_YEAR,
      facts: [CAPTURE],
    },
  },
  {
    format: 'razorpay',
    what: 'payment.authorized, which is no capture',
    body: razorpay('payment.authorized', {}),
    means: { kind: 'payment_pending', transactionId: 'pay_1', facts: [] },
  },
  {
    format: 'razorpay',
    what: 'payment.failed',
    body: razorpay('payment.failed', {}),
    means: { kind: 'payment_failed', transactionId: 'pay_1', facts: [] },
  },
  {
    format: 'razorpay',
    what: 'subscription.charged with its period',
    body: razorpay('subscription.charged', { subscription: RAZORPAY_SUBSCRIPTION }),
    means: {
      kind: 'payment_succeeded',
      transactionId: 'pay_1',
      subscriptionId: 'sub_1',
      facts: [{ ...CAPTURE, periodStart: NEW_YEAR, periodEnd: FEBRUARY }],
    },
  },
  {
    format: 'razorpay',
    what: 'refund.processed',
    body: razorpay('refund.processed', {
      refund: { entity: { id: 'rfnd_1', amount: 10_000, currency: 'INR', payment_id: 'pay_1', notes: [] } },
    }),
    means: { kind: 'payment_refunded', transactionId: 'pay_1', amountMinor: 10_000, facts: [refund('rfnd_1', 10_000)] },
  },
  {
    format: 'razorpay',
    what: 'refund.created, which has moved no money',
    body: razorpay('refund.created', { refund: { entity: { id: 'rfnd_1', amount: 1, payment_id: 'pay_1' } } }),
    means: { kind: 'unknown', facts: [] },
  },
  {
    format: 'razorpay',
    what: 'payment.dispute.created',
    body: razorpay('payment.dispute.created', {
      dispute: { entity: { id: 'disp_1', payment_id: 'pay_1', amount: 49_900, currency: 'INR' } },
    }),
    means: { kind: 'dispute_opened', transactionId: 'pay_1', facts: [dispute('disputed', 'disp_1')] },
  },
  {
    format: 'razorpay',
    what: 'subscription.cancelled',
    body: razorpay('subscription.cancelled', { subscription: RAZORPAY_SUBSCRIPTION }),
    means: {
      kind: 'subscription_canceled',
      subscriptionId: 'sub_1',
      facts: [{ type: 'canceled', effect: 'cancel:2026-02-01T00:00:00.000Z', cancelAt: FEBRUARY }],
    },
  },
];

// ── Shopify ──────────────────────────────────────────────────────────────────────────────────────────────────────────

const SHOPIFY_ORDER = {
  id: 820982911946154508n,
  financial_status: 'paid',
  total_price: '199.00',
  currency: 'USD',
  customer: { id: 115310627314723954n },
  billing_address: { country_code: 'US' },
  note_attributes: [],
  processed_at: '2026-01-01T00:00:00Z',
};

// Shopify's ids are longer than a double holds, so these bodies are written with their digits.
function shopify(body: object): string {
  return JSON.stringify(body, (_key, value) => (typeof value === 'bigint' ? `#${value}#` : value)).replace(
    /"#(\d+)#"/g,
    '$1',
  );
}

const SHOPIFY: ProviderSample[] = [
  {
    format: 'shopify',
    what: 'orders/paid',
    body: shopify(SHOPIFY_ORDER),
    headers: { 'x-shopify-topic': 'orders/paid' },
    means: {
      kind: 'payment_succeeded',
      providerType: 'orders/paid',
      transactionId: '820982911946154508',
      userId: '115310627314723954',
      amountMinor: 19_900,
      currency: 'USD',
      payerCountry: 'US',
      occurredAt: NEW_YEAR,
      facts: [CAPTURE],
    },
  },
  {
    format: 'shopify',
    what: 'the same paid order under another topic of the same act',
    body: shopify(SHOPIFY_ORDER),
    headers: { 'x-shopify-topic': 'orders/updated' },
    means: { kind: 'payment_succeeded', facts: [CAPTURE] },
  },
  {
    format: 'shopify',
    what: 'the product’s own user in the order’s notes',
    body: shopify({
      ...SHOPIFY_ORDER,
      note_attributes: [
        { name: 'gift', value: 'yes' },
        { name: 'user_id', value: 'u_42' },
        { name: 'plan', value: 'pro' },
      ],
    }),
    means: { userId: 'u_42', plan: 'pro' },
  },
  {
    format: 'shopify',
    what: 'an order that awaits its payment',
    body: shopify({ ...SHOPIFY_ORDER, financial_status: 'pending' }),
    headers: { 'x-shopify-topic': 'orders/create' },
    means: { kind: 'payment_pending', facts: [] },
  },
  {
    format: 'shopify',
    what: 'an order that is refunded',
    body: shopify({ ...SHOPIFY_ORDER, financial_status: 'refunded' }),
    headers: { 'x-shopify-topic': 'orders/updated' },
    means: {
      kind: 'payment_refunded',
      facts: [CAPTURE, { type: 'refunded', effect: 'refund:all', amountMinor: null, cumulative: false }],
    },
  },
  {
    format: 'shopify',
    what: 'refunds/create',
    body: {
      id: 509562969,
      order_id: 450789469,
      created_at: '2026-01-01T00:00:00Z',
      refund_line_items: [],
      transactions: [
        { kind: 'refund', status: 'success', amount: '10.00', currency: 'USD' },
        { kind: 'refund', status: 'success', amount: '5.50', currency: 'USD' },
        { kind: 'refund', status: 'failure', amount: '99.00', currency: 'USD' },
      ],
    },
    headers: { 'x-shopify-topic': 'refunds/create' },
    means: {
      kind: 'payment_refunded',
      transactionId: '450789469',
      amountMinor: 1550,
      currency: 'USD',
      facts: [refund('509562969', 1550)],
    },
  },
  {
    format: 'shopify',
    what: 'a return without money',
    body: { id: 1, order_id: 2, refund_line_items: [], transactions: [] },
    means: { kind: 'unknown', transactionId: '2', facts: [] },
  },
  {
    format: 'shopify',
    what: 'disputes/create',
    body: { id: 7, order_id: 2, type: 'chargeback', status: 'needs_response', amount: '11.50', currency: 'USD' },
    headers: { 'x-shopify-topic': 'disputes/create' },
    means: { kind: 'dispute_opened', transactionId: '2', amountMinor: 1150, facts: [dispute('disputed', '7')] },
  },
  {
    format: 'shopify',
    what: 'disputes/update, won',
    body: { id: 7, order_id: 2, type: 'chargeback', status: 'won', amount: '11.50', currency: 'USD' },
    means: { kind: 'dispute_won', facts: [dispute('dispute_won', '7')] },
  },
  {
    format: 'shopify',
    what: 'an inquiry, which takes no money',
    body: { id: 7, order_id: 2, type: 'inquiry', status: 'needs_response', amount: '11.50', currency: 'USD' },
    means: { kind: 'unknown', facts: [] },
  },
  {
    format: 'shopify',
    what: 'anything else of the shop',
    body: { id: 1, title: 'a product' },
    headers: { 'x-shopify-topic': 'products/update' },
    means: { kind: 'unknown', facts: [] },
  },
];

// ── Square ───────────────────────────────────────────────────────────────────────────────────────────────────────────

function square(type: string, object: object): object {
  return { merchant_id: 'M', type, event_id: 'sq_evt_1', created_at: '2026-01-01T00:00:00Z', data: { object } };
}

const SQUARE_PAYMENT = {
  id: 'sq_pay_1',
  status: 'COMPLETED',
  amount_money: { amount: 1000, currency: 'USD' },
  reference_id: 'u_42',
  customer_id: 'C',
};

const SQUARE: ProviderSample[] = [
  {
    format: 'square',
    what: 'payment.updated to COMPLETED',
    body: square('payment.updated', { payment: SQUARE_PAYMENT }),
    means: {
      dedupKey: 'sq_evt_1',
      kind: 'payment_succeeded',
      transactionId: 'sq_pay_1',
      userId: 'u_42',
      amountMinor: 1000,
      currency: 'USD',
      occurredAt: NEW_YEAR,
      facts: [CAPTURE],
    },
  },
  {
    format: 'square',
    what: 'payment.created, only APPROVED',
    body: square('payment.created', { payment: { ...SQUARE_PAYMENT, status: 'APPROVED', reference_id: undefined } }),
    means: { kind: 'payment_pending', userId: 'C', facts: [] },
  },
  {
    format: 'square',
    what: 'refund.updated to COMPLETED',
    body: square('refund.updated', {
      refund: {
        id: 'sq_ref_1',
        payment_id: 'sq_pay_1',
        status: 'COMPLETED',
        amount_money: { amount: 300, currency: 'USD' },
      },
    }),
    means: { kind: 'payment_refunded', transactionId: 'sq_pay_1', facts: [refund('sq_ref_1', 300)] },
  },
  {
    format: 'square',
    what: 'refund.created, still PENDING',
    body: square('refund.created', { refund: { id: 'sq_ref_1', payment_id: 'sq_pay_1', status: 'PENDING' } }),
    means: { kind: 'unknown', facts: [] },
  },
  {
    format: 'square',
    what: 'dispute.created',
    body: square('dispute.created', {
      dispute: { id: 'sq_d_1', state: 'EVIDENCE_REQUIRED', disputed_payment: { payment_id: 'sq_pay_1' } },
    }),
    means: { kind: 'dispute_opened', transactionId: 'sq_pay_1', facts: [dispute('disputed', 'sq_d_1')] },
  },
  {
    format: 'square',
    what: 'dispute.state.updated to LOST',
    body: square('dispute.state.updated', {
      dispute: { id: 'sq_d_1', state: 'LOST', disputed_payments: [{ payment_id: 'sq_pay_1' }] },
    }),
    means: { kind: 'dispute_lost', transactionId: 'sq_pay_1', facts: [dispute('dispute_lost', 'sq_d_1')] },
  },
  {
    format: 'square',
    what: 'an inquiry, which takes no money',
    body: square('dispute.created', {
      dispute: { id: 'sq_d_1', state: 'INQUIRY_EVIDENCE_REQUIRED', disputed_payment: { payment_id: 'sq_pay_1' } },
    }),
    means: { kind: 'unknown', facts: [] },
  },
  {
    format: 'square',
    what: 'a subscription that will end',
    body: square('subscription.updated', {
      subscription: { id: 'sq_sub_1', status: 'ACTIVE', customer_id: 'C', canceled_date: '2026-02-01' },
    }),
    means: {
      kind: 'subscription_canceled',
      subscriptionId: 'sq_sub_1',
      facts: [{ type: 'canceled', effect: 'cancel:2026-02-01T00:00:00.000Z', cancelAt: FEBRUARY }],
    },
  },
  {
    format: 'square',
    what: 'a subscription that goes on',
    body: square('subscription.updated', { subscription: { id: 'sq_sub_1', status: 'ACTIVE', customer_id: 'C' } }),
    means: { kind: 'subscription_changed', subscriptionId: 'sq_sub_1', facts: [] },
  },
];

// ── Lemon Squeezy ────────────────────────────────────────────────────────────────────────────────────────────────────

function lemon(event: string, type: string, attributes: object): object {
  const updated_at = '2026-01-01T00:00:00.000000Z';
  const meta = { event_name: event, custom_data: { user_id: 'u_42' } };
  return { meta, data: { type, id: '7', attributes: { updated_at, currency: 'USD', ...attributes } } };
}

const LEMONSQUEEZY: ProviderSample[] = [
  {
    format: 'lemonsqueezy',
    what: 'order_created',
    body: lemon('order_created', 'orders', { status: 'paid', total: 999 }),
    headers: { 'x-event-name': 'order_created' },
    means: {
      dedupKey: 'orders:7:order_created:2026-01-01T00:00:00.000000Z',
      kind: 'payment_succeeded',
      transactionId: '7',
      userId: 'u_42',
      amountMinor: 999,
      currency: 'USD',
      occurredAt: NEW_YEAR,
      facts: [CAPTURE],
    },
  },
  {
    format: 'lemonsqueezy',
    what: 'an order that is not paid yet',
    body: lemon('order_created', 'orders', { status: 'pending', total: 999 }),
    means: { kind: 'payment_pending', facts: [] },
  },
  {
    format: 'lemonsqueezy',
    what: 'order_refunded in part',
    body: lemon('order_refunded', 'orders', { status: 'partial_refund', total: 999, refunded_amount: 500 }),
    means: {
      kind: 'payment_refunded',
      transactionId: '7',
      amountMinor: 500,
      facts: [{ type: 'refunded', effect: 'refund_total:500', amountMinor: 500, cumulative: true }],
    },
  },
  {
    format: 'lemonsqueezy',
    what: 'subscription_payment_success, whose invoice 7 is not order 7',
    body: lemon('subscription_payment_success', 'subscription-invoices', {
      status: 'paid',
      total: 999,
      subscription_id: 3,
    }),
    means: {
      kind: 'payment_succeeded',
      transactionId: 'subscription-invoice:7',
      subscriptionId: '3',
      facts: [CAPTURE],
    },
  },
  {
    format: 'lemonsqueezy',
    what: 'subscription_cancelled',
    body: lemon('subscription_cancelled', 'subscriptions', { order_id: 1, ends_at: '2026-02-01T00:00:00.000000Z' }),
    means: {
      kind: 'subscription_canceled',
      subscriptionId: '7',
      transactionId: '1',
      facts: [{ type: 'canceled', effect: 'cancel:2026-02-01T00:00:00.000Z', cancelAt: FEBRUARY }],
    },
  },
  {
    format: 'lemonsqueezy',
    what: 'subscription_updated',
    body: lemon('subscription_updated', 'subscriptions', { status: 'active' }),
    means: { kind: 'subscription_changed', subscriptionId: '7', facts: [] },
  },
  {
    format: 'lemonsqueezy',
    what: 'license_key_created',
    body: lemon('license_key_created', 'license-keys', {}),
    means: { kind: 'unknown', facts: [] },
  },
];

// ── Coinbase Commerce ────────────────────────────────────────────────────────────────────────────────────────────────

function coinbase(type: string): object {
  const pricing = { local: { amount: '1.50', currency: 'EUR' } };
  const data = { id: 'c-uuid', code: '66BEOV2A', metadata: { user_id: 'u_42' }, pricing };
  return { id: 1, attempt_number: 1, event: { id: 'cb_evt_1', type, created_at: '2026-01-01T00:00:00Z', data } };
}

const COINBASE: ProviderSample[] = [
  {
    format: 'coinbase-commerce',
    what: 'charge:confirmed',
    body: coinbase('charge:confirmed'),
    means: {
      dedupKey: 'cb_evt_1',
      kind: 'payment_succeeded',
      transactionId: '66BEOV2A',
      userId: 'u_42',
      amountMinor: 150,
      currency: 'EUR',
      occurredAt: NEW_YEAR,
      facts: [CAPTURE],
    },
  },
  {
    format: 'coinbase-commerce',
    what: 'charge:pending',
    body: coinbase('charge:pending'),
    means: { kind: 'payment_pending', facts: [] },
  },
  {
    format: 'coinbase-commerce',
    what: 'charge:failed',
    body: coinbase('charge:failed'),
    means: { kind: 'payment_failed', facts: [] },
  },
  {
    format: 'coinbase-commerce',
    what: 'charge:created',
    body: coinbase('charge:created'),
    means: { kind: 'unknown', facts: [] },
  },
];

// ── Paystack ─────────────────────────────────────────────────────────────────────────────────────────────────────────

const PAYSTACK_CHARGE = {
  id: 302961,
  reference: 'qTPrJoy9Bx',
  amount: 10_000,
  currency: 'NGN',
  paid_at: '2026-01-01T00:00:00.000Z',
  metadata: { user_id: 'u_42' },
  authorization: { country_code: 'NG' },
};

const PAYSTACK: ProviderSample[] = [
  {
    format: 'paystack',
    what: 'charge.success',
    body: { event: 'charge.success', data: PAYSTACK_CHARGE },
    means: {
      dedupKey: 'charge.success:qTPrJoy9Bx',
      kind: 'payment_succeeded',
      transactionId: 'qTPrJoy9Bx',
      userId: 'u_42',
      amountMinor: 10_000,
      currency: 'NGN',
      payerCountry: 'NG',
      occurredAt: NEW_YEAR,
      facts: [CAPTURE],
    },
  },
  {
    format: 'paystack',
    what: 'metadata that is JSON in text',
    body: { event: 'charge.success', data: { ...PAYSTACK_CHARGE, metadata: '{"user_id":7,"plan":"pro"}' } },
    means: { userId: '7', plan: 'pro' },
  },
  {
    format: 'paystack',
    what: 'metadata that is no JSON',
    body: { event: 'charge.success', data: { ...PAYSTACK_CHARGE, metadata: '' } },
    means: { userId: null },
  },
  {
    format: 'paystack',
    what: 'invoice.update of a paid invoice, with its period',
    body: {
      event: 'invoice.update',
      data: {
        paid: 1,
        amount: 10_000,
        period_start: '2026-01-01T00:00:00Z',
        period_end: '2026-02-01T00:00:00Z',
        subscription: { subscription_code: 'SUB_1' },
        transaction: { reference: 'qTPrJoy9Bx', currency: 'NGN' },
      },
    },
    means: {
      kind: 'payment_succeeded',
      transactionId: 'qTPrJoy9Bx',
      subscriptionId: 'SUB_1',
      facts: [{ ...CAPTURE, periodStart: NEW_YEAR, periodEnd: FEBRUARY }],
    },
  },
  {
    format: 'paystack',
    what: 'refund.processed',
    body: {
      event: 'refund.processed',
      data: { transaction_reference: 'qTPrJoy9Bx', refund_reference: 'TRF_1', amount: '5000', currency: 'NGN' },
    },
    means: { kind: 'payment_refunded', transactionId: 'qTPrJoy9Bx', facts: [refund('TRF_1', 5000)] },
  },
  {
    format: 'paystack',
    what: 'refund.pending',
    body: { event: 'refund.pending', data: { transaction_reference: 'qTPrJoy9Bx' } },
    means: { kind: 'unknown', facts: [] },
  },
  {
    format: 'paystack',
    what: 'charge.dispute.create',
    body: {
      event: 'charge.dispute.create',
      data: { id: 358950, transaction: { reference: 'qTPrJoy9Bx', amount: 10_000, currency: 'NGN' } },
    },
    means: { kind: 'dispute_opened', transactionId: 'qTPrJoy9Bx', facts: [dispute('disputed', '358950')] },
  },
  {
    format: 'paystack',
    what: 'charge.dispute.resolve, accepted by the merchant',
    body: {
      event: 'charge.dispute.resolve',
      data: { id: 358950, resolution: 'merchant-accepted', transaction: { reference: 'qTPrJoy9Bx' } },
    },
    means: { kind: 'dispute_lost', facts: [dispute('dispute_lost', '358950')] },
  },
  {
    format: 'paystack',
    what: 'charge.dispute.resolve, declined',
    body: {
      event: 'charge.dispute.resolve',
      data: { id: 358950, resolution: 'declined', transaction: { reference: 'qTPrJoy9Bx' } },
    },
    means: { kind: 'dispute_won', facts: [dispute('dispute_won', '358950')] },
  },
  {
    format: 'paystack',
    what: 'subscription.not_renew, which lasts until the next payment would be due',
    body: {
      event: 'subscription.not_renew',
      data: { subscription_code: 'SUB_1', next_payment_date: '2026-02-01T00:00:00.000Z' },
    },
    means: {
      kind: 'subscription_canceled',
      subscriptionId: 'SUB_1',
      facts: [{ type: 'canceled', effect: 'cancel:2026-02-01T00:00:00.000Z', cancelAt: FEBRUARY }],
    },
  },
];

// ── Crypto Pay ───────────────────────────────────────────────────────────────────────────────────────────────────────

function cryptoPay(payload: object, update_type = 'invoice_paid'): object {
  const paid = {
    invoice_id: 528890,
    asset: 'USDT',
    amount: '10.5',
    payload: 'u_42',
    paid_at: '2026-01-01T00:00:00.000Z',
  };
  return { update_id: 1, update_type, request_date: '2026-01-02T00:00:00.000Z', payload: { ...paid, ...payload } };
}

const CRYPTOPAY: ProviderSample[] = [
  {
    format: 'cryptopay',
    what: 'invoice_paid in an asset',
    body: cryptoPay({}),
    means: {
      dedupKey: '1',
      kind: 'payment_succeeded',
      transactionId: '528890',
      userId: 'u_42',
      amountMinor: 10_500_000,
      currency: 'USDT',
      occurredAt: NEW_YEAR,
      facts: [CAPTURE],
    },
  },
  {
    format: 'cryptopay',
    what: 'invoice_paid in money, with JSON as payload',
    body: cryptoPay({ asset: undefined, fiat: 'EUR', payload: '{"user_id":"u_7","plan":"pro"}' }),
    means: { amountMinor: 1050, currency: 'EUR', userId: 'u_7', plan: 'pro' },
  },
  {
    format: 'cryptopay',
    what: 'a new kind of update',
    body: cryptoPay({}, 'other'),
    means: { kind: 'unknown', facts: [] },
  },
];

// ── CloudPayments ────────────────────────────────────────────────────────────────────────────────────────────────────

const CLOUD_FORM =
  'TransactionId=897749645&Amount=10.00&Currency=RUB&InvoiceId=order_1&AccountId=u_42&DateTime=2026-01-01%2000%3A00%3A00' +
  '&IpCountry=RU&Name=%D0%97%D0%BE%D1%8F&Data=%7B%22plan%22%3A%22pro%22%7D';

const CLOUDPAYMENTS: ProviderSample[] = [
  {
    format: 'cloudpayments',
    what: 'Pay as a form',
    body: `${CLOUD_FORM}&Status=Completed`,
    means: {
      dedupKey: 'Completed:897749645',
      kind: 'payment_succeeded',
      transactionId: '897749645',
      userId: 'u_42',
      plan: 'pro',
      amountMinor: 1000,
      currency: 'RUB',
      payerCountry: 'RU',
      occurredAt: NEW_YEAR,
      facts: [CAPTURE],
    },
  },
  {
    format: 'cloudpayments',
    what: 'Pay as JSON',
    body: { TransactionId: 897749645, Amount: 10.0, Currency: 'RUB', AccountId: 'u_42', Status: 'Completed' },
    means: { kind: 'payment_succeeded', transactionId: '897749645', amountMinor: 1000, facts: [CAPTURE] },
  },
  {
    format: 'cloudpayments',
    what: 'money that is only reserved',
    body: `${CLOUD_FORM}&Status=Authorized`,
    means: { kind: 'payment_pending', facts: [] },
  },
  {
    format: 'cloudpayments',
    what: 'Fail',
    body: `${CLOUD_FORM}&Reason=InsufficientFunds&ReasonCode=5051`,
    means: { kind: 'payment_failed', facts: [] },
  },
  {
    format: 'cloudpayments',
    what: 'Refund',
    body: { TransactionId: 12, PaymentTransactionId: 897749645, Amount: '4.00', Currency: 'RUB', AccountId: 'u_42' },
    means: { dedupKey: 'Refund:12', kind: 'payment_refunded', transactionId: '897749645', facts: [refund('12', 400)] },
  },
  {
    format: 'cloudpayments',
    what: 'Recurrent, cancelled',
    body: { Id: 'sc_1', AccountId: 'u_42', Status: 'Cancelled', NextTransactionDate: '2026-02-01 00:00:00' },
    means: {
      kind: 'subscription_canceled',
      subscriptionId: 'sc_1',
      userId: 'u_42',
      facts: [{ type: 'canceled', effect: 'cancel:2026-02-01T00:00:00.000Z', cancelAt: FEBRUARY }],
    },
  },
  {
    format: 'cloudpayments',
    what: 'Recurrent, active',
    body: { Id: 'sc_1', AccountId: 'u_42', Status: 'Active' },
    means: { kind: 'subscription_changed', subscriptionId: 'sc_1', facts: [] },
  },
];

// ── Adyen ────────────────────────────────────────────────────────────────────────────────────────────────────────────

export function adyen(...items: object[]): object {
  const common = {
    pspReference: 'psp_1',
    originalReference: '',
    merchantReference: 'u_42',
    amount: { value: 1130, currency: 'EUR' },
    success: 'true',
    eventDate: '2026-01-01T00:00:00+00:00',
    additionalData: { shopperReference: 'shopper' },
  };
  return {
    live: 'false',
    notificationItems: items.map((item) => ({ NotificationRequestItem: { ...common, ...item } })),
  };
}

const ADYEN_LATER = { pspReference: 'psp_2', originalReference: 'psp_1' };

const ADYEN: ProviderSample[] = [
  {
    format: 'adyen',
    what: 'AUTHORISATION',
    body: adyen({ eventCode: 'AUTHORISATION' }),
    means: {
      dedupKey: 'AUTHORISATION:psp_1:true',
      kind: 'payment_succeeded',
      transactionId: 'psp_1',
      userId: 'u_42',
      amountMinor: 1130,
      currency: 'EUR',
      occurredAt: NEW_YEAR,
      facts: [CAPTURE],
    },
  },
  {
    format: 'adyen',
    what: 'AUTHORISATION refused',
    body: adyen({ eventCode: 'AUTHORISATION', success: 'false' }),
    means: { dedupKey: 'AUTHORISATION:psp_1:false', kind: 'payment_failed', facts: [] },
  },
  {
    format: 'adyen',
    what: 'CAPTURE, the same capture as its authorisation',
    body: adyen({ eventCode: 'CAPTURE', ...ADYEN_LATER }),
    means: { kind: 'payment_succeeded', transactionId: 'psp_1', facts: [CAPTURE] },
  },
  {
    format: 'adyen',
    what: 'REFUND',
    body: adyen({ eventCode: 'REFUND', ...ADYEN_LATER, merchantReference: 'our-refund-7' }),
    means: { kind: 'payment_refunded', transactionId: 'psp_1', userId: null, facts: [refund('psp_2', 1130)] },
  },
  {
    format: 'adyen',
    what: 'REFUND that failed',
    body: adyen({ eventCode: 'REFUND', ...ADYEN_LATER, success: 'false' }),
    means: { kind: 'unknown', transactionId: 'psp_1', facts: [] },
  },
  {
    format: 'adyen',
    what: 'CHARGEBACK',
    body: adyen({ eventCode: 'CHARGEBACK', ...ADYEN_LATER }),
    means: { kind: 'dispute_opened', transactionId: 'psp_1', facts: [dispute('disputed', 'psp_1')] },
  },
  {
    format: 'adyen',
    what: 'CHARGEBACK_REVERSED under a reference of its own',
    body: adyen({ eventCode: 'CHARGEBACK_REVERSED', pspReference: 'psp_3', originalReference: 'psp_1' }),
    means: { kind: 'dispute_won', transactionId: 'psp_1', facts: [dispute('dispute_won', 'psp_1')] },
  },
  {
    format: 'adyen',
    what: 'REPORT_AVAILABLE',
    body: adyen({ eventCode: 'REPORT_AVAILABLE' }),
    means: { kind: 'unknown', facts: [] },
  },
];

// ── Telegram ─────────────────────────────────────────────────────────────────────────────────────────────────────────

function telegram(message: object): object {
  const common = {
    message_id: 5,
    date: 1767225600,
    chat: { id: 42, type: 'private' },
    from: { id: 42, is_bot: false },
  };
  return { update_id: 10_000_001, message: { ...common, ...message } };
}

const TELEGRAM_CHARGE = {
  currency: 'XTR',
  total_amount: 250,
  invoice_payload: 'pro',
  telegram_payment_charge_id: 'stx_1',
};

const TELEGRAM: ProviderSample[] = [
  {
    format: 'telegram',
    what: 'successful_payment in Stars',
    body: telegram({ successful_payment: TELEGRAM_CHARGE }),
    means: {
      dedupKey: 'successful_payment:stx_1',
      kind: 'payment_succeeded',
      providerType: 'successful_payment',
      transactionId: 'stx_1',
      userId: '42',
      amountMinor: 250,
      currency: 'XTR',
      occurredAt: NEW_YEAR,
      facts: [CAPTURE],
    },
  },
  {
    format: 'telegram',
    what: 'successful_payment of a subscription, bought for another user of the product',
    body: telegram({
      successful_payment: {
        ...TELEGRAM_CHARGE,
        invoice_payload: '{"user_id":"u_42","plan":"pro"}',
        subscription_expiration_date: 1769904000,
      },
    }),
    means: { userId: 'u_42', plan: 'pro', facts: [{ ...CAPTURE, periodEnd: FEBRUARY }] },
  },
  {
    format: 'telegram',
    what: 'refunded_payment',
    body: telegram({ refunded_payment: TELEGRAM_CHARGE }),
    means: {
      dedupKey: 'refunded_payment:stx_1',
      kind: 'payment_refunded',
      transactionId: 'stx_1',
      facts: [{ type: 'refunded', effect: 'refund:all', amountMinor: null, cumulative: false }],
    },
  },
  {
    format: 'telegram',
    what: 'a message that is no payment',
    body: telegram({ text: 'hello' }),
    means: { dedupKey: '10000001', kind: 'unknown', userId: null, facts: [] },
  },
  {
    format: 'telegram',
    what: 'a question before the payment',
    body: { update_id: 2, pre_checkout_query: { id: 'q', from: { id: 42 } } },
    means: { dedupKey: '2', kind: 'unknown', facts: [] },
  },
];

export const PROVIDER_SAMPLES: ProviderSample[] = [
  ...RAZORPAY,
  ...SHOPIFY,
  ...SQUARE,
  ...LEMONSQUEEZY,
  ...COINBASE,
  ...PAYSTACK,
  ...CRYPTOPAY,
  ...CLOUDPAYMENTS,
  ...ADYEN,
  ...TELEGRAM,
];
