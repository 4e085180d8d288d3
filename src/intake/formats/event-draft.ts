import type { FactDraft, PaymentEvent } from '../../ledger/payment-event.ts';
import { type HeaderIds, dedupKey as keyOf, sha256 } from '../dedup-key.ts';
import type { ProviderConfig } from '../provider-config.ts';
import type { WebhookHeaders } from '../signature/verdict.ts';
import { countryAt, firstText, storable } from './fields.ts';
import { MalformedWebhook } from './malformed.ts';

/** A verified webhook on its way to become events. `root` is what field paths start from. */
export type Webhook = {
  provider: ProviderConfig;
  headers: WebhookHeaders;
  ids: HeaderIds;
  body: Buffer;
  root: Record<string, unknown>;
};

/** What a format says of an event; what it leaves out is null, what it cannot know is filled in by `completed`. */
export type EventDraft = Pick<PaymentEvent, 'dedupKey' | 'kind'> & Partial<Omit<PaymentEvent, 'dedupKey' | 'kind'>>;

export type FormatReader = (webhook: Webhook) => EventDraft;

/** The part of an event that depends on its type. */
export type Reading = Omit<EventDraft, 'dedupKey'>;

/** Readings by the provider's own word for the event. */
export type ReadingsByType = Record<string, (webhook: Webhook) => Reading>;

/** A type we know nothing of is stored and ignored: new types appear at every provider without notice. */
export function readingOf(readings: ReadingsByType, type: string, webhook: Webhook): Reading {
  return Object.hasOwn(readings, type) ? readings[type]!(webhook) : IGNORED;
}

export const IGNORED: Reading = { kind: 'unknown' };

/**
 * What the product itself put beside the payment, wherever the provider keeps it: the user, the plan, the country.
 * The spellings are those people use; `fields` of the provider names any other place.
 */
export function ownMetadata(root: unknown, ...paths: string[]): Pick<EventDraft, 'userId' | 'plan' | 'payerCountry'> {
  const places = (...names: string[]) => paths.flatMap((path) => names.map((name) => `${path}.${name}`));
  return {
    userId: firstText(root, ...places('user_id', 'userId', 'uid')),
    plan: firstText(root, ...places('plan')),
    payerCountry: countryAt(root, ...places('country', 'region')),
  };
}

/** The dedup key of an event whose body tells the id `bodyId`, or tells none. */
export function dedupKey(webhook: Webhook, bodyId: string | null): string {
  return storable(keyOf(webhook.ids, bodyId, webhook.body), 'the event id');
}

/** A key for providers that send no event id: the parts that PROVIDERS names, the bytes when one of them is missing. */
export function derivedKey(webhook: Webhook, ...parts: (string | null)[]): string {
  return dedupKey(webhook, parts.includes(null) ? null : parts.join(':'));
}

/** The paid fact; a grant without `periodEnd` is for ever. */
export function paid(periodEnd: Date | null = null, periodStart: Date | null = null): FactDraft {
  return { type: 'paid', effect: 'capture', periodEnd, periodStart };
}

/** One refund of this much; null: all of it. */
export function refunded(refundId: string, amountMinor: number | null): FactDraft {
  return { type: 'refunded', effect: `refund:${refundId}`, amountMinor, cumulative: false };
}

export function refundedAll(): FactDraft {
  return { type: 'refunded', effect: 'refund:all', amountMinor: null, cumulative: false };
}

/** So much has been refunded up to now, in one or many refunds. */
export function refundedInTotal(amountMinor: number): FactDraft {
  return { type: 'refunded', effect: `refund_total:${amountMinor}`, amountMinor, cumulative: true };
}

const DISPUTE_EFFECTS = { disputed: 'opened', dispute_won: 'won', dispute_lost: 'lost' } as const;

export function dispute(type: keyof typeof DISPUTE_EFFECTS, disputeId: string): FactDraft {
  return { type, effect: `dispute:${disputeId}:${DISPUTE_EFFECTS[type]}`, disputeId };
}

export const DISPUTE_KINDS = {
  disputed: 'dispute_opened',
  dispute_won: 'dispute_won',
  dispute_lost: 'dispute_lost',
} as const;

/**
 * Access ends at `cancelAt`, or now. One subscription may be cancelled, resumed and cancelled again, so a cancellation
 * without any time is known by its event.
 */
export function canceled(cancelAt: Date | null, occurredAt: Date | null, dedupKey: string): FactDraft {
  const at = cancelAt ?? occurredAt;
  return { type: 'canceled', effect: `cancel:${at ? at.toISOString() : sha256(dedupKey)}`, cancelAt };
}

/** The event as the ledger takes it: gaps null, defaults of the provider in, every word of a length that fits. */
export function completed(draft: EventDraft, provider: ProviderConfig): PaymentEvent {
  const event: PaymentEvent = {
    providerType: null,
    transactionId: null,
    subscriptionId: null,
    userId: null,
    amountMinor: null,
    payerCountry: null,
    occurredAt: null,
    facts: [],
    ...draft,
    currency: draft.currency ?? provider.currency ?? null,
    plan: draft.plan ?? provider.plan ?? null,
  };
  for (const fact of event.facts) storable(fact.effect, `the ${fact.type} id`);
  if (event.facts.length > 0 && event.transactionId === null && event.subscriptionId === null) {
    throw new MalformedWebhook('neither a transaction id nor a subscription id');
  }
  return event;
}
