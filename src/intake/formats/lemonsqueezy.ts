import { findHeader } from '../signature/verdict.ts';
import {
  canceled,
  derivedKey,
  type FormatReader,
  ownMetadata,
  paid,
  type Reading,
  type ReadingsByType,
  readingOf,
  refundedAll,
  refundedInTotal,
  type Webhook,
} from './event-draft.ts';
import { currencyAt, firstTime, minorAt, requiredText, textAt, timeAt } from './fields.ts';
import { MalformedWebhook } from './malformed.ts';

const ATTRIBUTES = 'data.attributes';

/**
 * Lemon Squeezy. It sends no event id, so the key is what was told of which object at which of its updates. The name of
 * the event also travels in a header nobody signs, which may only repeat what the body says.
 */
export const readLemonSqueezy: FormatReader = (webhook) => {
  const { root, headers } = webhook;
  const type = requiredText(root, 'meta.event_name');
  const inHeader = findHeader(headers, 'x-event-name');
  if (inHeader !== null && inHeader !== type) {
    throw new MalformedWebhook('the x-event-name header says another thing than the body');
  }
  const updatedAt = textAt(root, `${ATTRIBUTES}.updated_at`);
  return {
    dedupKey: derivedKey(webhook, textAt(root, 'data.type'), textAt(root, 'data.id'), type, updatedAt),
    providerType: type,
    occurredAt: firstTime(root, `${ATTRIBUTES}.updated_at`, `${ATTRIBUTES}.created_at`),
    ...ownMetadata(root, 'meta.custom_data'),
    ...(type.startsWith('subscription_') && !Object.hasOwn(READINGS, type)
      ? ofSubscription(webhook)
      : readingOf(READINGS, type, webhook)),
  };
};

const READINGS: ReadingsByType = {
  order_created: readOrder,
  order_refunded: readRefund,
  subscription_payment_success: readOrder,
  subscription_payment_recovered: readOrder,
  subscription_payment_failed: (webhook) => ({ ...ofPayment(webhook), kind: 'payment_failed' }),
  subscription_payment_refunded: readRefund,
  subscription_cancelled: readCanceledSubscription,
  subscription_expired: readCanceledSubscription,
};

function readOrder(webhook: Webhook): Reading {
  const status = textAt(webhook.root, `${ATTRIBUTES}.status`);
  if (status === 'paid') return { ...ofPayment(webhook), kind: 'payment_succeeded', facts: [paid()] };
  return { ...ofPayment(webhook), kind: status === 'pending' ? 'payment_pending' : 'unknown' };
}

/** `refunded_amount` is all that was refunded of the order so far; orders from before it existed were refunded whole. */
function readRefund(webhook: Webhook): Reading {
  const total = minorAt(webhook.root, `${ATTRIBUTES}.refunded_amount`);
  const payment = ofPayment(webhook);
  return {
    ...payment,
    kind: 'payment_refunded',
    amountMinor: total ?? payment.amountMinor ?? null,
    facts: [total === null ? refundedAll() : refundedInTotal(total)],
  };
}

function ofPayment({ root }: Webhook): Reading {
  return {
    kind: 'unknown',
    transactionId: paymentIdOf(root),
    subscriptionId: textAt(root, `${ATTRIBUTES}.subscription_id`),
    amountMinor: minorAt(root, `${ATTRIBUTES}.total`),
    currency: currencyAt(root, `${ATTRIBUTES}.currency`),
  };
}

// Orders and subscription invoices are counted apart, so invoice 7 is not order 7.
function paymentIdOf(root: unknown): string {
  const id = requiredText(root, 'data.id');
  return textAt(root, 'data.type') === 'subscription-invoices' ? `subscription-invoice:${id}` : id;
}

function ofSubscription({ root }: Webhook): Reading {
  return { kind: 'subscription_changed', subscriptionId: requiredText(root, 'data.id') };
}

// The first payment of a subscription is an order that does not name it, so the cancellation names the order.
function readCanceledSubscription(webhook: Webhook): Reading {
  const { root } = webhook;
  const endsAt = timeAt(root, `${ATTRIBUTES}.ends_at`);
  const updatedAt = timeAt(root, `${ATTRIBUTES}.updated_at`);
  return {
    ...ofSubscription(webhook),
    kind: 'subscription_canceled',
    transactionId: textAt(root, `${ATTRIBUTES}.order_id`),
    facts: [canceled(endsAt, updatedAt, requiredText(root, 'data.id'))],
  };
}
