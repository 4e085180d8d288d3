import type { EventKind, FactDraft } from '../../ledger/payment-event.ts';
import { sha256 } from '../dedup-key.ts';
import type { FieldName, ProviderConfig, StatusMeaning } from '../provider-config.ts';
import {
  canceled,
  DISPUTE_KINDS,
  dedupKey,
  dispute,
  type EventDraft,
  paid,
  refunded,
  refundedAll,
  type Webhook,
} from './event-draft.ts';
import {
  countryAt,
  currencyAt,
  isTrueAt,
  majorAt,
  minorAt,
  required,
  requiredText,
  textAt,
  timeAt,
  wordAt,
} from './fields.ts';
import { MalformedWebhook } from './malformed.ts';

/** Where each field lies unless `fields` says otherwise. */
const PATHS: Record<FieldName, string> = {
  eventId: 'event_id',
  type: 'type',
  status: 'status',
  createdAt: 'created_at',
  transactionId: 'transaction_id',
  subscriptionId: 'subscription_id',
  userId: 'user_id',
  amount: 'amount',
  amountUnit: 'amount_unit',
  currency: 'currency',
  country: 'country',
  plan: 'plan',
  periodStart: 'period_start',
  periodEnd: 'period_end',
  refundId: 'refund_id',
  refundedAmount: 'refunded_amount',
  partial: 'partial',
  disputeId: 'dispute_id',
  cancelAt: 'cancel_at',
};

const WORDS: Record<string, StatusMeaning> = {
  success: 'paid',
  succeeded: 'paid',
  paid: 'paid',
  refunded: 'refunded',
  disputed: 'disputed',
  dispute_won: 'dispute_won',
  dispute_lost: 'dispute_lost',
  canceled: 'canceled',
  pending: 'pending',
  processing: 'pending',
  failed: 'failed',
  declined: 'failed',
};

const KINDS: Record<StatusMeaning, EventKind> = {
  paid: 'payment_succeeded',
  refunded: 'payment_refunded',
  ...DISPUTE_KINDS,
  canceled: 'subscription_canceled',
  pending: 'payment_pending',
  failed: 'payment_failed',
  ignored: 'unknown',
};

/**
 * `{status, amount, user_id, transaction_id}` and what may go with it: the format of a product's own billing, and of
 * every provider that `fields` and `statuses` can describe.
 */
export function readGeneric(webhook: Webhook): EventDraft {
  const { provider, root } = webhook;
  const at = (name: FieldName) => provider.fields?.[name] ?? PATHS[name];
  const meaning = meaningOf(requiredText(root, at('status')), provider);
  const draft: EventDraft = {
    dedupKey: dedupKey(webhook, textAt(root, at('eventId'))),
    kind: KINDS[meaning],
    providerType: textAt(root, at('type')) ?? textAt(root, 'event'),
    transactionId: textAt(root, at('transactionId')),
    subscriptionId: textAt(root, at('subscriptionId')),
    userId: textAt(root, at('userId')),
    payerCountry: countryAt(root, at('country')),
    plan: textAt(root, at('plan')),
    occurredAt: timeAt(root, at('createdAt')),
  };
  if (meaning === 'ignored') return draft;
  return { ...draft, ...moneyOf(webhook, at, meaning), facts: factsOf(meaning, draft, webhook, at) };
}

const NEEDS_TRANSACTION: ReadonlySet<StatusMeaning> = new Set([
  'paid',
  'refunded',
  'disputed',
  'dispute_won',
  'dispute_lost',
]);

type PathOf = (name: FieldName) => string;

function meaningOf(status: string, provider: ProviderConfig): StatusMeaning {
  const word = status.toLowerCase();
  const words = provider.statuses && Object.hasOwn(provider.statuses, word) ? provider.statuses : WORDS;
  return Object.hasOwn(words, word) ? words[word]! : 'ignored';
}

function moneyOf(webhook: Webhook, at: PathOf, meaning: StatusMeaning): Pick<EventDraft, 'amountMinor' | 'currency'> {
  const amount = readAmount(webhook, at, 'amount');
  const refundedAmount = meaning === 'refunded' ? readAmount(webhook, at, 'refundedAmount') : null;
  return { amountMinor: refundedAmount ?? amount, currency: currencyAt(webhook.root, at('currency')) };
}

function factsOf(meaning: StatusMeaning, draft: EventDraft, webhook: Webhook, at: PathOf): FactDraft[] {
  if (NEEDS_TRANSACTION.has(meaning)) requiredTransaction(draft);
  switch (meaning) {
    case 'paid':
      return [paid(timeAt(webhook.root, at('periodEnd')), timeAt(webhook.root, at('periodStart')))];
    case 'refunded':
      return [refundOf(draft, webhook, at)];
    case 'disputed':
    case 'dispute_won':
    case 'dispute_lost':
      // One dispute at a time is the rule, so without an id the transaction names it.
      return [dispute(meaning, textAt(webhook.root, at('disputeId')) ?? requiredTransaction(draft))];
    case 'canceled':
      return [canceled(timeAt(webhook.root, at('cancelAt')), draft.occurredAt ?? null, draft.dedupKey)];
    case 'pending':
    case 'failed':
    case 'ignored':
      return [];
  }
}

/**
 * `amount` is the payment's, so only `refunded_amount` tells how much was refunded; without it everything was. Unless
 * the sender calls it partial: then something unknown was, counted as nothing, because a partial refund keeps access.
 */
function refundOf(draft: EventDraft, webhook: Webhook, at: PathOf): FactDraft {
  const isPartial = isTrueAt(webhook.root, at('partial'));
  const amount = readAmount(webhook, at, 'refundedAmount') ?? (isPartial ? 0 : null);
  const refundId = textAt(webhook.root, at('refundId'));
  if (refundId === null && amount === null) return refundedAll();
  return refunded(refundId ?? sha256(draft.dedupKey), amount);
}

function readAmount({ provider, root }: Webhook, at: PathOf, name: 'amount' | 'refundedAmount'): number | null {
  const unit = wordAt(root, at('amountUnit')) ?? provider.amountUnit;
  if (unit === 'minor') return minorAt(root, at(name));
  if (unit !== 'major') throw new MalformedWebhook(`${at('amountUnit')} is neither major nor minor`);
  return majorAt(root, at(name), currencyAt(root, at('currency')) ?? provider.currency ?? null);
}

function requiredTransaction(draft: EventDraft): string {
  return required(draft.transactionId ?? null, 'the transaction id');
}
