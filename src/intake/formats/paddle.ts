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
  type Webhook,
} from './event-draft.ts';
import { countryAt, currencyAt, firstTime, minorAt, requiredText, textAt, timeAt } from './fields.ts';

/**
 * Paddle Billing. Only `transaction.completed` counts as paid: `transaction.paid` comes before it, while fees and totals
 * may still change. Refunds and chargebacks are adjustments and count once they are approved.
 */
export const readPaddle: FormatReader = (webhook) => {
  const type = requiredText(webhook.root, 'event_type');
  return {
    dedupKey: dedupKey(webhook, requiredText(webhook.root, 'event_id')),
    providerType: type,
    occurredAt: timeAt(webhook.root, 'occurred_at'),
    ...(type.startsWith('subscription.') ? readSubscription(webhook, type) : readingOf(READINGS, type, webhook)),
  };
};

const READINGS: ReadingsByType = {
  'transaction.completed': (webhook) => ofTransaction(webhook, 'payment_succeeded'),
  'transaction.paid': (webhook) => ofTransaction(webhook, 'payment_pending'),
  'transaction.billed': (webhook) => ofTransaction(webhook, 'payment_pending'),
  'transaction.payment_failed': (webhook) => ofTransaction(webhook, 'payment_failed'),
  'adjustment.created': readAdjustment,
  'adjustment.updated': readAdjustment,
};

function ofTransaction({ root }: Webhook, kind: 'payment_succeeded' | 'payment_pending' | 'payment_failed'): Reading {
  const own = ownMetadata(root, 'data.custom_data');
  const grant = paid(timeAt(root, 'data.billing_period.ends_at'), timeAt(root, 'data.billing_period.starts_at'));
  return {
    kind,
    ...own,
    payerCountry: countryAt(root, 'data.address.country_code') ?? own.payerCountry ?? null,
    transactionId: requiredText(root, 'data.id'),
    subscriptionId: textAt(root, 'data.subscription_id'),
    amountMinor: minorAt(root, 'data.details.totals.grand_total'),
    currency: currencyAt(root, 'data.currency_code'),
    facts: kind === 'payment_succeeded' ? [grant] : [],
  };
}

function readAdjustment({ root }: Webhook): Reading {
  const about = {
    transactionId: requiredText(root, 'data.transaction_id'),
    subscriptionId: textAt(root, 'data.subscription_id'),
    amountMinor: minorAt(root, 'data.totals.total'),
    currency: currencyAt(root, 'data.currency_code'),
  };
  if (textAt(root, 'data.status') !== 'approved') return { ...IGNORED, ...about };
  switch (textAt(root, 'data.action')) {
    case 'refund':
      return {
        kind: 'payment_refunded',
        ...about,
        facts: [refunded(requiredText(root, 'data.id'), refundedPart(root))],
      };
    case 'chargeback':
      return ofChargeback('disputed', about);
    case 'chargeback_reverse':
      return ofChargeback('dispute_won', about);
    default:
      return { ...IGNORED, ...about }; // credits stay in Paddle's balance, warnings have moved nothing yet
  }
}

// The reversal is an adjustment with an id of its own and names only the transaction, so that is what pairs the two.
function ofChargeback(type: 'disputed' | 'dispute_won', about: { transactionId: string }): Reading {
  return { kind: DISPUTE_KINDS[type], ...about, facts: [dispute(type, about.transactionId)] };
}

// Totals of a full refund can differ from the payment's by credit that was applied; "full" is the provider's word.
function refundedPart(root: unknown): number | null {
  return textAt(root, 'data.type') === 'full' ? null : minorAt(root, 'data.totals.total');
}

function readSubscription(webhook: Webhook, type: string): Reading {
  const { root } = webhook;
  const changed: Reading = {
    kind: 'subscription_changed',
    ...ownMetadata(root, 'data.custom_data'),
    subscriptionId: requiredText(root, 'data.id'),
  };
  const isCanceled = type === 'subscription.canceled';
  const isPlanned = textAt(root, 'data.scheduled_change.action') === 'cancel';
  if (!isCanceled && !isPlanned) return changed;
  const cancelAt = isCanceled
    ? firstTime(root, 'data.canceled_at', 'occurred_at')
    : timeAt(root, 'data.scheduled_change.effective_at');
  const fact = canceled(cancelAt, timeAt(root, 'occurred_at'), requiredText(root, 'event_id'));
  return { ...changed, kind: 'subscription_canceled', facts: [fact] };
}
