import {
  canceled,
  dedupKey,
  derivedKey,
  type FormatReader,
  IGNORED,
  paid,
  type Reading,
  refunded,
  type Webhook,
} from './event-draft.ts';
import { countryAt, currencyAt, firstTime, majorAt, requiredText, textAt, valueAt, wordAt } from './fields.ts';
import { findEmbeddedObject } from './webhook-body.ts';

/**
 * CloudPayments, as form or JSON. It tells the kind of a notification by the URL alone, and ours is one URL, so the
 * kind is read from which fields there are. *Check* looks like *Pay* and asks rather than tells: point every
 * notification here except Check.
 */
export const readCloudPayments: FormatReader = (webhook) => {
  const { root } = webhook;
  const status = textAt(root, 'Status');
  const isRefund = textAt(root, 'PaymentTransactionId') !== null;
  return {
    dedupKey: derivedKey(webhook, isRefund ? 'Refund' : status, textAt(root, 'TransactionId')),
    providerType: isRefund ? 'Refund' : status,
    occurredAt: firstTime(root, 'ConfirmDateTime', 'DateTime'),
    userId: textAt(root, 'AccountId'),
    plan: textAt(findEmbeddedObject(dataOf(root)), 'plan'),
    payerCountry: countryAt(root, 'IssuerBankCountry', 'IpCountry'),
    ...(isRefund ? readRefund(webhook) : isSubscription(root) ? readSubscription(webhook) : readPayment(webhook)),
  };
};

const PAYMENT_STATUSES: Record<string, Pick<Reading, 'kind' | 'facts'>> = {
  completed: { kind: 'payment_succeeded', facts: [paid()] },
  authorized: { kind: 'payment_pending' },
  declined: { kind: 'payment_failed' },
};

function dataOf(root: unknown): string | null {
  const data = valueAt(root, 'Data');
  return typeof data === 'string' ? data : null;
}

function readPayment({ root }: Webhook): Reading {
  const status = wordAt(root, 'Status') ?? (textAt(root, 'ReasonCode') === null ? '' : 'declined');
  return {
    ...(Object.hasOwn(PAYMENT_STATUSES, status) ? PAYMENT_STATUSES[status]! : IGNORED),
    transactionId: requiredText(root, 'TransactionId'),
    subscriptionId: textAt(root, 'SubscriptionId'),
    ...moneyOf(root),
  };
}

function readRefund({ root }: Webhook): Reading {
  const money = moneyOf(root);
  return {
    kind: 'payment_refunded',
    transactionId: requiredText(root, 'PaymentTransactionId'),
    ...money,
    facts: [refunded(requiredText(root, 'TransactionId'), money.amountMinor)],
  };
}

function isSubscription(root: unknown): boolean {
  return textAt(root, 'TransactionId') === null && textAt(root, 'Id') !== null;
}

function readSubscription(webhook: Webhook): Reading {
  const { root } = webhook;
  const subscriptionId = requiredText(root, 'Id');
  const isOver = ['cancelled', 'rejected', 'expired'].includes(wordAt(root, 'Status') ?? '');
  if (!isOver) return { kind: 'subscription_changed', subscriptionId };
  const fact = canceled(
    firstTime(root, 'NextTransactionDateIso', 'NextTransactionDate'),
    null,
    dedupKey(webhook, null),
  );
  return { kind: 'subscription_canceled', subscriptionId, facts: [fact] };
}

function moneyOf(root: unknown): { amountMinor: number | null; currency: string | null } {
  const currency = currencyAt(root, 'Currency');
  return { amountMinor: majorAt(root, 'Amount', currency), currency };
}
