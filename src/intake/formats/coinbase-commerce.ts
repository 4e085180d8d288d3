import { dedupKey, type FormatReader, IGNORED, ownMetadata, paid, type Reading } from './event-draft.ts';
import { currencyAt, firstText, majorAt, required, requiredText, timeAt } from './fields.ts';

/** `resolved` is the merchant's own decision to take a charge that was paid late or short; `delayed` awaits it. */
const READINGS: Record<string, Pick<Reading, 'kind' | 'facts'>> = {
  'charge:confirmed': { kind: 'payment_succeeded', facts: [paid()] },
  'charge:resolved': { kind: 'payment_succeeded', facts: [paid()] },
  'charge:pending': { kind: 'payment_pending' },
  'charge:delayed': { kind: 'payment_pending' },
  'charge:failed': { kind: 'payment_failed' },
};

/** Coinbase Commerce: the event lies inside the delivery, and only its id is the same on every try. */
export const readCoinbaseCommerce: FormatReader = (webhook) => {
  const { root } = webhook;
  const type = requiredText(root, 'event.type');
  const currency = currencyAt(root, 'event.data.pricing.local.currency');
  return {
    dedupKey: dedupKey(webhook, requiredText(root, 'event.id')),
    providerType: type,
    occurredAt: timeAt(root, 'event.created_at'),
    ...ownMetadata(root, 'event.data.metadata'),
    transactionId: required(firstText(root, 'event.data.code', 'event.data.id'), 'the charge’s code'),
    amountMinor: majorAt(root, 'event.data.pricing.local.amount', currency),
    currency,
    ...(Object.hasOwn(READINGS, type) ? READINGS[type]! : IGNORED),
  };
};
