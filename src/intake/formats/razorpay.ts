import {
  canceled,
  DISPUTE_KINDS,
  dedupKey,
  dispute,
  type FormatReader,
  ownMetadata,
  paid,
  type Reading,
  type ReadingsByType,
  readingOf,
  refunded,
  type Webhook,
} from './event-draft.ts';
import { currencyAt, firstText, firstTime, minorAt, requiredText, textAt, timeAt } from './fields.ts';

const PAYMENT = 'payload.payment.entity';
const REFUND = 'payload.refund.entity';
const DISPUTE = 'payload.dispute.entity';
const SUBSCRIPTION = 'payload.subscription.entity';

/** Razorpay. The event id travels in an unsigned header, so the dedup key binds it to the body. */
export const readRazorpay: FormatReader = (webhook) => {
  const type = requiredText(webhook.root, 'event');
  return {
    dedupKey: dedupKey(webhook, null),
    providerType: type,
    occurredAt: timeAt(webhook.root, 'created_at'),
    ...readingOf(READINGS, type, webhook),
  };
};

// `order.paid`, `invoice.paid` and `payment_link.paid` carry the payment that `payment.captured` told: one capture.
const READINGS: ReadingsByType = {
  'payment.captured': (webhook) => ofPayment(webhook, 'payment_succeeded'),
  'order.paid': (webhook) => ofPayment(webhook, 'payment_succeeded'),
  'invoice.paid': (webhook) => ofPayment(webhook, 'payment_succeeded'),
  'payment_link.paid': (webhook) => ofPayment(webhook, 'payment_succeeded'),
  'payment.authorized': (webhook) => ofPayment(webhook, 'payment_pending'),
  'payment.failed': (webhook) => ofPayment(webhook, 'payment_failed'),
  'subscription.charged': (webhook) => ofPayment(webhook, 'payment_succeeded'),
  'refund.processed': readRefund,
  'payment.dispute.created': (webhook) => ofDispute(webhook, 'disputed'),
  'payment.dispute.won': (webhook) => ofDispute(webhook, 'dispute_won'),
  'payment.dispute.lost': (webhook) => ofDispute(webhook, 'dispute_lost'),
  'subscription.activated': ofSubscription,
  'subscription.updated': ofSubscription,
  'subscription.pending': ofSubscription,
  'subscription.halted': ofSubscription,
  'subscription.resumed': ofSubscription,
  'subscription.cancelled': readCanceledSubscription,
  'subscription.completed': readCanceledSubscription,
};

function ofPayment({ root }: Webhook, kind: 'payment_succeeded' | 'payment_pending' | 'payment_failed'): Reading {
  return {
    kind,
    ...ownMetadata(root, `${PAYMENT}.notes`, `${SUBSCRIPTION}.notes`),
    transactionId: requiredText(root, `${PAYMENT}.id`),
    subscriptionId: textAt(root, `${SUBSCRIPTION}.id`),
    amountMinor: minorAt(root, `${PAYMENT}.amount`),
    currency: currencyAt(root, `${PAYMENT}.currency`),
    facts:
      kind === 'payment_succeeded'
        ? [paid(timeAt(root, `${SUBSCRIPTION}.current_end`), timeAt(root, `${SUBSCRIPTION}.current_start`))]
        : [],
  };
}

function readRefund({ root }: Webhook): Reading {
  const amountMinor = minorAt(root, `${REFUND}.amount`);
  return {
    kind: 'payment_refunded',
    ...ownMetadata(root, `${REFUND}.notes`, `${PAYMENT}.notes`),
    transactionId: firstText(root, `${REFUND}.payment_id`, `${PAYMENT}.id`),
    amountMinor,
    currency: currencyAt(root, `${REFUND}.currency`),
    facts: [refunded(requiredText(root, `${REFUND}.id`), amountMinor)],
  };
}

function ofDispute({ root }: Webhook, type: keyof typeof DISPUTE_KINDS): Reading {
  return {
    kind: DISPUTE_KINDS[type],
    ...ownMetadata(root, `${PAYMENT}.notes`),
    transactionId: firstText(root, `${DISPUTE}.payment_id`, `${PAYMENT}.id`),
    amountMinor: minorAt(root, `${DISPUTE}.amount`),
    currency: currencyAt(root, `${DISPUTE}.currency`),
    facts: [dispute(type, requiredText(root, `${DISPUTE}.id`))],
  };
}

function ofSubscription({ root }: Webhook): Reading {
  return {
    kind: 'subscription_changed',
    ...ownMetadata(root, `${SUBSCRIPTION}.notes`),
    subscriptionId: requiredText(root, `${SUBSCRIPTION}.id`),
  };
}

function readCanceledSubscription(webhook: Webhook): Reading {
  const { root } = webhook;
  const endedAt = firstTime(root, `${SUBSCRIPTION}.ended_at`, 'created_at');
  const fact = canceled(endedAt, null, dedupKey(webhook, null));
  return { ...ofSubscription(webhook), kind: 'subscription_canceled', facts: [fact] };
}
