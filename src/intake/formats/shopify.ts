import type { FactDraft } from '../../ledger/payment-event.ts';
import { findHeader } from '../signature/verdict.ts';
import {
  DISPUTE_KINDS,
  dedupKey,
  dispute,
  type FormatReader,
  IGNORED,
  paid,
  type Reading,
  refunded,
  refundedAll,
  type Webhook,
} from './event-draft.ts';
import { countryAt, currencyAt, firstTime, listAt, majorAt, requiredText, textAt, valueAt, wordAt } from './fields.ts';
import { MalformedWebhook } from './malformed.ts';

/**
 * Shopify. Its topic travels in a header nobody signs, and one act of a merchant sends the same order under several
 * topics with the same event id. So the shape of the signed body decides what happened, the topic may only agree, and
 * a paid order counts as paid under whichever topic it comes first.
 */
export const readShopify: FormatReader = (webhook) => {
  const topic = findHeader(webhook.headers, 'x-shopify-topic');
  const shape = shapeOf(webhook.root);
  if (topic !== null && !agrees(topic, shape)) {
    throw new MalformedWebhook('the x-shopify-topic header says another thing than the body');
  }
  return { dedupKey: dedupKey(webhook, null), providerType: topic, ...READINGS[shape](webhook) };
};

type Shape = 'orders' | 'refunds' | 'disputes' | 'other';

function shapeOf(root: unknown): Shape {
  if (textAt(root, 'financial_status') !== null) return 'orders';
  if (textAt(root, 'order_id') === null) return 'other';
  if (Array.isArray(valueAt(root, 'refund_line_items')) || Array.isArray(valueAt(root, 'transactions')))
    return 'refunds';
  return ['chargeback', 'inquiry'].includes(wordAt(root, 'type') ?? '') ? 'disputes' : 'other';
}

function agrees(topic: string, shape: Shape): boolean {
  const family = topic.split('/')[0]!;
  return ['orders', 'refunds', 'disputes'].includes(family) ? family === shape : shape === 'other';
}

const READINGS: Record<Shape, (webhook: Webhook) => Reading> = {
  orders: readOrder,
  refunds: readRefund,
  disputes: readDispute,
  other: () => IGNORED,
};

function readOrder({ root }: Webhook): Reading {
  const currency = currencyAt(root, 'currency');
  return {
    ...ofStatus(wordAt(root, 'financial_status')),
    transactionId: requiredText(root, 'id'),
    userId: noteOf(root, ['user_id', 'userId', 'uid']) ?? textAt(root, 'customer.id'),
    plan: noteOf(root, ['plan']),
    payerCountry: countryAt(root, 'billing_address.country_code', 'shipping_address.country_code'),
    amountMinor: majorAt(root, 'total_price', currency),
    currency,
    occurredAt: firstTime(root, 'processed_at', 'created_at'),
  };
}

// An order that is refunded, in part or whole, was paid: the parts themselves come as `refunds/create`.
function ofStatus(status: string | null): Pick<Reading, 'kind' | 'facts'> {
  switch (status) {
    case 'paid':
    case 'partially_refunded':
      return { kind: 'payment_succeeded', facts: [paid()] };
    case 'refunded':
      return { kind: 'payment_refunded', facts: [paid(), refundedAll()] };
    case 'pending':
    case 'authorized':
    case 'partially_paid':
      return { kind: 'payment_pending' };
    case 'voided':
    case 'expired':
      return { kind: 'payment_failed' };
    default:
      return IGNORED;
  }
}

function noteOf(root: unknown, names: string[]): string | null {
  const note = listAt(root, 'note_attributes').find((each) => names.includes(textAt(each, 'name') ?? ''));
  return note === undefined ? null : textAt(note, 'value');
}

function readRefund({ root }: Webhook): Reading {
  const paidBack = listAt(root, 'transactions').filter(
    (each) => wordAt(each, 'kind') === 'refund' && wordAt(each, 'status') === 'success',
  );
  const about = {
    transactionId: requiredText(root, 'order_id'),
    occurredAt: firstTime(root, 'processed_at', 'created_at'),
  };
  if (paidBack.length === 0) return { ...IGNORED, ...about }; // goods came back, money did not
  const currency = currencyAt(paidBack[0], 'currency');
  const amountMinor = paidBack.reduce<number>((sum, each) => sum + (majorAt(each, 'amount', currency) ?? 0), 0);
  const fact: FactDraft = refunded(requiredText(root, 'id'), amountMinor);
  return { kind: 'payment_refunded', ...about, amountMinor, currency, facts: [fact] };
}

const DISPUTE_STATUSES: Record<string, keyof typeof DISPUTE_KINDS> = {
  needs_response: 'disputed',
  under_review: 'disputed',
  charge_refunded: 'dispute_lost',
  accepted: 'dispute_lost',
  won: 'dispute_won',
  lost: 'dispute_lost',
};

function readDispute({ root }: Webhook): Reading {
  const status = wordAt(root, 'status') ?? '';
  const currency = currencyAt(root, 'currency');
  const about = {
    transactionId: requiredText(root, 'order_id'),
    amountMinor: majorAt(root, 'amount', currency),
    currency,
    occurredAt: firstTime(root, 'finalized_on', 'initiated_at'),
  };
  const isMoneyTaken = wordAt(root, 'type') === 'chargeback' && Object.hasOwn(DISPUTE_STATUSES, status);
  if (!isMoneyTaken) return { ...IGNORED, ...about };
  const type = DISPUTE_STATUSES[status]!;
  return { kind: DISPUTE_KINDS[type], ...about, facts: [dispute(type, requiredText(root, 'id'))] };
}
