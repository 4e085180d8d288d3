import type { FactDraft } from '../../ledger/payment-event.ts';
import {
  canceled,
  DISPUTE_KINDS,
  dedupKey,
  dispute,
  type FormatReader,
  IGNORED,
  ownMetadata,
  paid,
  type Reading,
  type ReadingsByType,
  readingOf,
  refunded,
  refundedInTotal,
  type Webhook,
} from './event-draft.ts';
import {
  countryAt,
  currencyAt,
  firstText,
  firstTime,
  idAt,
  isTrueAt,
  listAt,
  minorAt,
  required,
  requiredText,
  textAt,
  timeAt,
  valueAt,
} from './fields.ts';

/**
 * Stripe's events, in the layouts before and since API 2025-03-31 (`invoice.payment_intent`, `invoice.subscription` and
 * `subscription.current_period_end` moved). Everything about one payment is linked by its payment intent: the intent,
 * the charge, refunds and disputes all carry it, so `charge.succeeded` and `payment_intent.succeeded` are one capture.
 */
export const readStripe: FormatReader = (webhook) => {
  const type = requiredText(webhook.root, 'type');
  const isSubscription = type.startsWith('customer.subscription.');
  return {
    dedupKey: dedupKey(webhook, requiredText(webhook.root, 'id')),
    providerType: type,
    occurredAt: timeAt(webhook.root, 'created'),
    ...(isSubscription ? readSubscription(webhook, type) : readingOf(READINGS, type, webhook)),
  };
};

const OBJECT = 'data.object';

const READINGS: ReadingsByType = {
  'payment_intent.succeeded': (webhook) => ofIntent(webhook, 'payment_succeeded'),
  'payment_intent.processing': (webhook) => ofIntent(webhook, 'payment_pending'),
  'payment_intent.amount_capturable_updated': (webhook) => ofIntent(webhook, 'payment_pending'),
  'payment_intent.payment_failed': (webhook) => ofIntent(webhook, 'payment_failed'),
  'charge.succeeded': readCharge,
  'charge.captured': readCharge,
  'charge.pending': (webhook) => ofCharge(webhook, 'payment_pending'),
  'charge.failed': (webhook) => ofCharge(webhook, 'payment_failed'),
  'charge.refunded': readRefundedCharge,
  'refund.created': readRefund,
  'refund.updated': readRefund,
  'charge.refund.updated': readRefund,
  'charge.dispute.created': readOpenedDispute,
  'charge.dispute.funds_withdrawn': (webhook) => ofDispute(webhook, 'disputed'),
  'charge.dispute.funds_reinstated': (webhook) => ofDispute(webhook, 'dispute_won'),
  'charge.dispute.closed': readClosedDispute,
  'checkout.session.completed': readCheckout,
  'checkout.session.async_payment_succeeded': readCheckout,
  'checkout.session.async_payment_failed': (webhook) => ofCheckout(webhook, 'payment_failed'),
  'invoice.paid': (webhook) => ofInvoice(webhook, 'payment_succeeded'),
  'invoice.payment_succeeded': (webhook) => ofInvoice(webhook, 'payment_succeeded'),
  'invoice.payment_failed': (webhook) => ofInvoice(webhook, 'payment_failed'),
};

type PaymentKind = 'payment_succeeded' | 'payment_pending' | 'payment_failed';

function ofIntent({ root }: Webhook, kind: PaymentKind): Reading {
  const amount = kind === 'payment_succeeded' ? minorAt(root, `${OBJECT}.amount_received`) : null;
  return {
    kind,
    ...ownMetadata(root, `${OBJECT}.metadata`),
    transactionId: requiredText(root, `${OBJECT}.id`),
    amountMinor: amount ?? minorAt(root, `${OBJECT}.amount`),
    currency: currencyAt(root, `${OBJECT}.currency`),
    facts: kind === 'payment_succeeded' ? captureOf(root) : [],
  };
}

// A charge without capture only reserves the money.
function readCharge(webhook: Webhook): Reading {
  const isCaptured = valueAt(webhook.root, `${OBJECT}.captured`) !== false;
  return ofCharge(webhook, isCaptured ? 'payment_succeeded' : 'payment_pending');
}

function ofCharge({ root }: Webhook, kind: PaymentKind): Reading {
  const amount = kind === 'payment_succeeded' ? minorAt(root, `${OBJECT}.amount_captured`) : null;
  return {
    kind,
    ...ofPayer(root),
    transactionId: idAt(root, `${OBJECT}.payment_intent`) ?? requiredText(root, `${OBJECT}.id`),
    amountMinor: amount ?? minorAt(root, `${OBJECT}.amount`),
    currency: currencyAt(root, `${OBJECT}.currency`),
    facts: kind === 'payment_succeeded' ? captureOf(root) : [],
  };
}

// The payment of an invoice is granted by `invoice.paid`, which alone knows the period; here it would be for ever.
function captureOf(root: unknown): FactDraft[] {
  return idAt(root, `${OBJECT}.invoice`) === null ? [paid()] : [];
}

function ofPayer(root: unknown): Pick<Reading, 'userId' | 'plan' | 'payerCountry'> {
  const own = ownMetadata(root, `${OBJECT}.metadata`);
  const billing = `${OBJECT}.billing_details.address.country`;
  const card = `${OBJECT}.payment_method_details.card.country`;
  return { ...own, payerCountry: countryAt(root, billing, card) ?? own.payerCountry ?? null };
}

/** `amount_refunded` is all that was refunded so far; `refund.created` tells the same refund by its id. */
function readRefundedCharge(webhook: Webhook): Reading {
  const { root } = webhook;
  const total = required(minorAt(root, `${OBJECT}.amount_refunded`), 'amount_refunded');
  return {
    ...ofCharge(webhook, 'payment_succeeded'),
    kind: 'payment_refunded',
    amountMinor: total,
    facts: [refundedInTotal(total)],
  };
}

// A refund that is pending or failed has moved no money.
function readRefund({ root }: Webhook): Reading {
  const amountMinor = minorAt(root, `${OBJECT}.amount`);
  const isDone = textAt(root, `${OBJECT}.status`) === 'succeeded';
  return {
    kind: isDone ? 'payment_refunded' : 'unknown',
    ...ownMetadata(root, `${OBJECT}.metadata`),
    transactionId: chargedFor(root),
    amountMinor,
    currency: currencyAt(root, `${OBJECT}.currency`),
    facts: isDone ? [refunded(requiredText(root, `${OBJECT}.id`), amountMinor)] : [],
  };
}

// An inquiry (`warning_…`) takes no money; if it becomes a dispute, `funds_withdrawn` says so.
function readOpenedDispute(webhook: Webhook): Reading {
  const isInquiry = textAt(webhook.root, `${OBJECT}.status`)?.startsWith('warning_');
  return isInquiry ? { ...IGNORED, transactionId: chargedFor(webhook.root) } : ofDispute(webhook, 'disputed');
}

function readClosedDispute(webhook: Webhook): Reading {
  const status = textAt(webhook.root, `${OBJECT}.status`);
  if (status === 'won') return ofDispute(webhook, 'dispute_won');
  if (status === 'lost') return ofDispute(webhook, 'dispute_lost');
  return { ...IGNORED, transactionId: chargedFor(webhook.root) };
}

function ofDispute({ root }: Webhook, type: keyof typeof DISPUTE_KINDS): Reading {
  return {
    kind: DISPUTE_KINDS[type],
    ...ownMetadata(root, `${OBJECT}.metadata`),
    transactionId: chargedFor(root),
    amountMinor: minorAt(root, `${OBJECT}.amount`),
    currency: currencyAt(root, `${OBJECT}.currency`),
    facts: [dispute(type, requiredText(root, `${OBJECT}.id`))],
  };
}

function chargedFor(root: unknown): string {
  const id = idAt(root, `${OBJECT}.payment_intent`) ?? idAt(root, `${OBJECT}.charge`);
  return required(id, 'the payment intent or charge');
}

// `completed` comes before the money when the payment method is slow; `no_payment_required` is a free trial or 100 % off.
function readCheckout(webhook: Webhook): Reading {
  const status = textAt(webhook.root, `${OBJECT}.payment_status`);
  const isPaid = status === 'paid' || status === 'no_payment_required';
  return ofCheckout(webhook, isPaid ? 'payment_succeeded' : 'payment_pending');
}

function ofCheckout({ root }: Webhook, kind: PaymentKind): Reading {
  const own = ownMetadata(root, `${OBJECT}.metadata`);
  const links = ['payment_intent', 'invoice', 'id'].map((name) => idAt(root, `${OBJECT}.${name}`));
  return {
    kind,
    ...own,
    userId: own.userId ?? textAt(root, `${OBJECT}.client_reference_id`),
    payerCountry: countryAt(root, `${OBJECT}.customer_details.address.country`) ?? own.payerCountry ?? null,
    transactionId: required(links.find((id) => id !== null) ?? null, 'the checkout session’s id'),
    subscriptionId: idAt(root, `${OBJECT}.subscription`),
    amountMinor: minorAt(root, `${OBJECT}.amount_total`),
    currency: currencyAt(root, `${OBJECT}.currency`),
    facts: kind === 'payment_succeeded' ? [paid()] : [],
  };
}

const SUBSCRIPTION_DETAILS = [`${OBJECT}.parent.subscription_details`, `${OBJECT}.subscription_details`];

function ofInvoice({ root }: Webhook, kind: 'payment_succeeded' | 'payment_failed'): Reading {
  const own = ownMetadata(root, ...SUBSCRIPTION_DETAILS.map((path) => `${path}.metadata`), `${OBJECT}.metadata`);
  const subscriptionId =
    idAt(root, `${OBJECT}.parent.subscription_details.subscription`) ?? idAt(root, `${OBJECT}.subscription`);
  const isPaid = kind === 'payment_succeeded';
  return {
    kind,
    ...own,
    payerCountry: countryAt(root, `${OBJECT}.customer_address.country`) ?? own.payerCountry ?? null,
    transactionId: paymentOfInvoice(root),
    subscriptionId,
    amountMinor: minorAt(root, `${OBJECT}.${isPaid ? 'amount_paid' : 'amount_due'}`),
    currency: currencyAt(root, `${OBJECT}.currency`),
    facts: isPaid ? [subscriptionId === null ? paid() : paidPeriod(root)] : [],
  };
}

function paymentOfInvoice(root: unknown): string {
  const payments = listAt(root, `${OBJECT}.payments.data`).map((entry) => idAt(entry, 'payment.payment_intent'));
  const intent = payments.find((id) => id !== null) ?? idAt(root, `${OBJECT}.payment_intent`);
  return intent ?? requiredText(root, `${OBJECT}.id`);
}

// The invoice's own `period_end` is the end of the *previous* period; what was bought stands on its lines.
function paidPeriod(root: unknown): FactDraft {
  const periods = listAt(root, `${OBJECT}.lines.data`).map((line) => ({
    start: timeAt(line, 'period.start'),
    end: timeAt(line, 'period.end'),
  }));
  const last = periods.reduce<(typeof periods)[number] | null>(
    (latest, period) => (period.end && period.end > (latest?.end ?? 0) ? period : latest),
    null,
  );
  return paid(last?.end ?? null, last?.start ?? null);
}

function readSubscription(webhook: Webhook, type: string): Reading {
  const { root } = webhook;
  const changed: Reading = {
    kind: 'subscription_changed',
    ...ownMetadata(root, `${OBJECT}.metadata`),
    subscriptionId: requiredText(root, `${OBJECT}.id`),
  };
  const isDeleted = type === 'customer.subscription.deleted';
  const cancelAt = isDeleted ? firstTime(root, `${OBJECT}.ended_at`, `${OBJECT}.canceled_at`) : plannedEnd(root);
  if (!isDeleted && cancelAt === null) return changed;
  const fact = canceled(cancelAt, timeAt(root, 'created'), firstText(root, 'id') ?? '');
  return { ...changed, kind: 'subscription_canceled', facts: [fact] };
}

function plannedEnd(root: unknown): Date | null {
  const planned = timeAt(root, `${OBJECT}.cancel_at`);
  if (planned !== null || !isTrueAt(root, `${OBJECT}.cancel_at_period_end`)) return planned;
  const ofItem = listAt(root, `${OBJECT}.items.data`).map((item) => timeAt(item, 'current_period_end'));
  const ends = [...ofItem, timeAt(root, `${OBJECT}.current_period_end`)].filter((end) => end !== null);
  return ends.reduce<Date | null>((latest, end) => (latest === null || end > latest ? end : latest), null);
}
