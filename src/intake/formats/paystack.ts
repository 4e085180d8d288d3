import {
  canceled,
  DISPUTE_KINDS,
  dedupKey,
  derivedKey,
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
import {
  countryAt,
  currencyAt,
  firstText,
  firstTime,
  isTrueAt,
  minorAt,
  required,
  requiredText,
  textAt,
  timeAt,
  valueAt,
  wordAt,
} from './fields.ts';
import { findEmbeddedObject } from './webhook-body.ts';

/**
 * Paystack. It sends no event id. A payment succeeds once, so its event's name and reference are the key; everything
 * else (reminders, updates) comes repeatedly for one object and is known by its bytes.
 */
export const readPaystack: FormatReader = (webhook) => {
  const type = requiredText(webhook.root, 'event');
  return {
    dedupKey: keyOf(webhook, type),
    providerType: type,
    occurredAt: firstTime(webhook.root, 'data.paid_at', 'data.paidAt', 'data.created_at', 'data.createdAt'),
    ...readingOf(READINGS, type, webhook),
  };
};

const READINGS: ReadingsByType = {
  'charge.success': readCharge,
  'invoice.update': readInvoice,
  'invoice.payment_failed': (webhook) => ({ ...ofInvoice(webhook), kind: 'payment_failed' }),
  'refund.processed': readRefund,
  'charge.dispute.create': (webhook) => ofDispute(webhook, 'disputed'),
  'charge.dispute.resolve': readResolvedDispute,
  'subscription.create': ofSubscription,
  'subscription.not_renew': readEndingSubscription,
  'subscription.disable': readEndingSubscription,
};

function keyOf(webhook: Webhook, type: string): string {
  return type === 'charge.success'
    ? derivedKey(webhook, type, firstText(webhook.root, 'data.reference', 'data.id'))
    : dedupKey(webhook, null);
}

function readCharge({ root }: Webhook): Reading {
  return {
    kind: 'payment_succeeded',
    ...ofPayer(root),
    transactionId: required(firstText(root, 'data.reference', 'data.id'), 'the payment’s reference'),
    amountMinor: minorAt(root, 'data.amount'),
    currency: currencyAt(root, 'data.currency'),
    facts: [paid()],
  };
}

// The metadata is what the product sent along, as an object or as the text of one.
function ofPayer(root: unknown): Pick<Reading, 'userId' | 'plan' | 'payerCountry'> {
  const text = valueAt(root, 'data.metadata');
  const embedded = typeof text === 'string' ? findEmbeddedObject(text) : null;
  const own = embedded ? ownMetadata({ embedded }, 'embedded') : ownMetadata(root, 'data.metadata');
  return { ...own, payerCountry: countryAt(root, 'data.authorization.country_code') ?? own.payerCountry ?? null };
}

/** A paid invoice is the charge of the same reference; it alone knows the period. */
function readInvoice(webhook: Webhook): Reading {
  const { root } = webhook;
  const invoice = ofInvoice(webhook);
  const isPaid = isTrueAt(root, 'data.paid') || valueAt(root, 'data.paid') === 1;
  if (!isPaid || invoice.transactionId === null) return invoice;
  const fact = paid(timeAt(root, 'data.period_end'), timeAt(root, 'data.period_start'));
  return { ...invoice, kind: 'payment_succeeded', facts: [fact] };
}

function ofInvoice({ root }: Webhook): Reading {
  return {
    ...IGNORED,
    ...ofPayer(root),
    transactionId: textAt(root, 'data.transaction.reference'),
    subscriptionId: textAt(root, 'data.subscription.subscription_code'),
    amountMinor: minorAt(root, 'data.amount'),
    currency: currencyAt(root, 'data.transaction.currency'),
  };
}

function readRefund(webhook: Webhook): Reading {
  const { root } = webhook;
  const amountMinor = minorAt(root, 'data.amount');
  const refundId = firstText(root, 'data.refund_reference', 'data.id') ?? dedupKey(webhook, null);
  return {
    kind: 'payment_refunded',
    transactionId: requiredText(root, 'data.transaction_reference'),
    amountMinor,
    currency: currencyAt(root, 'data.currency'),
    facts: [refunded(refundId, amountMinor)],
  };
}

// `merchant-accepted` is our yes to the customer's complaint; `declined` is the complaint turned down.
function readResolvedDispute(webhook: Webhook): Reading {
  const isLost = wordAt(webhook.root, 'data.resolution')?.includes('accepted');
  return ofDispute(webhook, isLost ? 'dispute_lost' : 'dispute_won');
}

function ofDispute({ root }: Webhook, type: keyof typeof DISPUTE_KINDS): Reading {
  return {
    kind: DISPUTE_KINDS[type],
    transactionId: requiredText(root, 'data.transaction.reference'),
    amountMinor: minorAt(root, 'data.transaction.amount'),
    currency: currencyAt(root, 'data.transaction.currency'),
    facts: [dispute(type, requiredText(root, 'data.id'))],
  };
}

function ofSubscription({ root }: Webhook): Reading {
  return { kind: 'subscription_changed', subscriptionId: requiredText(root, 'data.subscription_code') };
}

// `not_renew` says that the next payment will not be taken, so access lasts until then; `disable` that it is over.
function readEndingSubscription(webhook: Webhook): Reading {
  const cancelAt = timeAt(webhook.root, 'data.next_payment_date');
  const fact = canceled(cancelAt, null, dedupKey(webhook, null));
  return { ...ofSubscription(webhook), kind: 'subscription_canceled', facts: [fact] };
}
