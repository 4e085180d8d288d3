import {
  DISPUTE_KINDS,
  derivedKey,
  dispute,
  type EventDraft,
  IGNORED,
  paid,
  type Reading,
  type ReadingsByType,
  readingOf,
  refunded,
  refundedAll,
  type Webhook,
} from './event-draft.ts';
import { currencyAt, firstText, isTrueAt, listAt, minorAt, requiredText, textAt, timeAt, valueAt } from './fields.ts';
import { MalformedWebhook } from './malformed.ts';

/** The items of a standard notification, each a webhook of its own: fields are read from the item. */
export function adyenItems(webhook: Webhook): Webhook[] {
  const items = listAt(webhook.root, 'notificationItems').map((entry) => valueAt(entry, 'NotificationRequestItem'));
  if (items.length === 0) throw new MalformedWebhook('notificationItems is missing or empty');
  return items.map((item) => {
    if (typeof item !== 'object' || item === null || Array.isArray(item)) {
      throw new MalformedWebhook('a notification item is not an object');
    }
    return { ...webhook, root: item as Record<string, unknown> };
  });
}

/**
 * One Adyen item. Its key is made of signed fields only: `eventDate` is not signed, so a captured item with another date
 * would be another event. The user is the payment's own `merchantReference`; a refund or capture has a reference of its
 * own there. `additionalData.shopperReference` is not signed either, and must be asked for by `fields.userId`.
 */
export function readAdyenItem(item: Webhook): EventDraft {
  const { root } = item;
  const eventCode = requiredText(root, 'eventCode');
  const success = isTrueAt(root, 'success');
  const isAboutPaying = textAt(root, 'originalReference') === null;
  return {
    dedupKey: derivedKey(item, eventCode, requiredText(root, 'pspReference'), String(success)),
    providerType: eventCode,
    occurredAt: timeAt(root, 'eventDate'),
    userId: isAboutPaying ? textAt(root, 'merchantReference') : null,
    transactionId: firstText(root, 'originalReference', 'pspReference'),
    amountMinor: minorAt(root, 'amount.value'),
    currency: currencyAt(root, 'amount.currency'),
    ...(success ? readingOf(READINGS, eventCode, item) : ofFailure(eventCode)),
  };
}

const READINGS: ReadingsByType = {
  AUTHORISATION: () => ({ kind: 'payment_succeeded', facts: [paid()] }),
  CAPTURE: () => ({ kind: 'payment_succeeded', facts: [paid()] }),
  CAPTURE_FAILED: () => ({ kind: 'payment_failed' }),
  PENDING: () => ({ kind: 'payment_pending' }),
  REFUND: ({ root }) => ({
    kind: 'payment_refunded',
    facts: [refunded(requiredText(root, 'pspReference'), minorAt(root, 'amount.value'))],
  }),
  CANCEL_OR_REFUND: () => ({ kind: 'payment_refunded', facts: [refundedAll()] }),
  CHARGEBACK: (item) => ofDispute(item, 'disputed'),
  CHARGEBACK_REVERSED: (item) => ofDispute(item, 'dispute_won'),
  PREARBITRATION_WON: (item) => ofDispute(item, 'dispute_won'),
  PREARBITRATION_LOST: (item) => ofDispute(item, 'dispute_lost'),
  SECOND_CHARGEBACK: (item) => ofDispute(item, 'dispute_lost'),
};

// Each step of a dispute has a reference of its own; the payment's is what they share.
function ofDispute({ root }: Webhook, type: keyof typeof DISPUTE_KINDS): Reading {
  const transactionId = requiredText(root, 'originalReference');
  return { kind: DISPUTE_KINDS[type], facts: [dispute(type, transactionId)] };
}

// A refund or a cancellation that failed leaves the payment what it was.
function ofFailure(eventCode: string): Reading {
  return eventCode === 'AUTHORISATION' || eventCode === 'CAPTURE' ? { kind: 'payment_failed' } : IGNORED;
}
