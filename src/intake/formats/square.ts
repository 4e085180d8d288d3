import {
  canceled,
  DISPUTE_KINDS,
  dedupKey,
  dispute,
  type FormatReader,
  IGNORED,
  paid,
  type Reading,
  type ReadingsByType,
  readingOf,
  refunded,
  type Webhook,
} from './event-draft.ts';
import { countryAt, currencyAt, firstText, listAt, minorAt, requiredText, timeAt, wordAt } from './fields.ts';

const PAYMENT = 'data.object.payment';
const REFUND = 'data.object.refund';
const DISPUTE = 'data.object.dispute';
const SUBSCRIPTION = 'data.object.subscription';

/** Square. `payment.updated` tells every state of a payment; what counts is its status, not which update it is. */
export const readSquare: FormatReader = (webhook) => {
  const type = requiredText(webhook.root, 'type');
  return {
    dedupKey: dedupKey(webhook, requiredText(webhook.root, 'event_id')),
    providerType: type,
    occurredAt: timeAt(webhook.root, 'created_at'),
    ...readingOf(READINGS, type, webhook),
  };
};

const READINGS: ReadingsByType = {
  'payment.created': readPayment,
  'payment.updated': readPayment,
  'refund.created': readRefund,
  'refund.updated': readRefund,
  'dispute.created': readDispute,
  'dispute.state.changed': readDispute,
  'dispute.state.updated': readDispute,
  'subscription.created': readSubscription,
  'subscription.updated': readSubscription,
};

const PAYMENT_STATUSES: Record<string, Pick<Reading, 'kind' | 'facts'>> = {
  completed: { kind: 'payment_succeeded', facts: [paid()] },
  approved: { kind: 'payment_pending' },
  pending: { kind: 'payment_pending' },
  canceled: { kind: 'payment_failed' },
  failed: { kind: 'payment_failed' },
};

function readPayment({ root }: Webhook): Reading {
  return {
    ...byWord(PAYMENT_STATUSES, wordAt(root, `${PAYMENT}.status`), IGNORED),
    transactionId: requiredText(root, `${PAYMENT}.id`),
    userId: firstText(root, `${PAYMENT}.reference_id`, `${PAYMENT}.customer_id`),
    payerCountry: countryAt(root, `${PAYMENT}.billing_address.country`, `${PAYMENT}.shipping_address.country`),
    ...moneyOf(root, `${PAYMENT}.amount_money`),
  };
}

function readRefund({ root }: Webhook): Reading {
  const money = moneyOf(root, `${REFUND}.amount_money`);
  const about = { transactionId: requiredText(root, `${REFUND}.payment_id`), ...money };
  if (wordAt(root, `${REFUND}.status`) !== 'completed') return { ...IGNORED, ...about };
  const fact = refunded(requiredText(root, `${REFUND}.id`), money.amountMinor);
  return { kind: 'payment_refunded', ...about, facts: [fact] };
}

const DISPUTE_STATES: Record<string, keyof typeof DISPUTE_KINDS> = {
  evidence_required: 'disputed',
  processing: 'disputed',
  won: 'dispute_won',
  lost: 'dispute_lost',
  accepted: 'dispute_lost',
};

// Inquiries take no money and are in none of the states above.
function readDispute({ root }: Webhook): Reading {
  const ofList = listAt(root, `${DISPUTE}.disputed_payments`).map((each) => firstText(each, 'payment_id'));
  const transactionId = ofList[0] ?? requiredText(root, `${DISPUTE}.disputed_payment.payment_id`);
  const about = { transactionId, ...moneyOf(root, `${DISPUTE}.amount_money`) };
  const type = byWord(DISPUTE_STATES, wordAt(root, `${DISPUTE}.state`), null);
  if (type === null) return { ...IGNORED, ...about };
  const disputeId = firstText(root, `${DISPUTE}.id`, `${DISPUTE}.dispute_id`) ?? transactionId;
  return { kind: DISPUTE_KINDS[type], ...about, facts: [dispute(type, disputeId)] };
}

function readSubscription(webhook: Webhook): Reading {
  const { root } = webhook;
  const subscriptionId = requiredText(root, `${SUBSCRIPTION}.id`);
  const userId = firstText(root, `${SUBSCRIPTION}.customer_id`);
  const cancelAt = timeAt(root, `${SUBSCRIPTION}.canceled_date`);
  const isOver = wordAt(root, `${SUBSCRIPTION}.status`) === 'canceled';
  if (!isOver && cancelAt === null) return { kind: 'subscription_changed', subscriptionId, userId };
  const at = cancelAt ?? timeAt(root, `${SUBSCRIPTION}.charged_through_date`);
  const fact = canceled(at, timeAt(root, 'created_at'), requiredText(root, 'event_id'));
  return { kind: 'subscription_canceled', subscriptionId, userId, facts: [fact] };
}

function moneyOf(root: unknown, path: string): { amountMinor: number | null; currency: string | null } {
  return { amountMinor: minorAt(root, `${path}.amount`), currency: currencyAt(root, `${path}.currency`) };
}

function byWord<T, E>(table: Record<string, T>, word: string | null, otherwise: E): T | E {
  return word !== null && Object.hasOwn(table, word) ? table[word]! : otherwise;
}
