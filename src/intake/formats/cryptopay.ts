import { dedupKey, type FormatReader, IGNORED, ownMetadata, paid, type Reading, type Webhook } from './event-draft.ts';
import { currencyAt, firstTime, majorAt, requiredText, textAt } from './fields.ts';
import { findEmbeddedObject } from './webhook-body.ts';

/** Crypto Pay (@CryptoBot). It has one kind of update: an invoice was paid, for good. */
export const readCryptoPay: FormatReader = (webhook) => {
  const type = requiredText(webhook.root, 'update_type');
  return {
    dedupKey: dedupKey(webhook, requiredText(webhook.root, 'update_id')),
    providerType: type,
    occurredAt: firstTime(webhook.root, 'payload.paid_at', 'request_date'),
    ...(type === 'invoice_paid' ? readInvoice(webhook) : IGNORED),
  };
};

function readInvoice({ root }: Webhook): Reading {
  const currency = currencyAt(root, 'payload.asset') ?? currencyAt(root, 'payload.fiat');
  return {
    kind: 'payment_succeeded',
    ...ofPayload(textAt(root, 'payload.payload')),
    transactionId: requiredText(root, 'payload.invoice_id'),
    amountMinor: majorAt(root, 'payload.amount', currency),
    currency,
    facts: [paid()],
  };
}

// The product's own text: the user's id, or JSON that holds it.
function ofPayload(text: string | null): Pick<Reading, 'userId' | 'plan' | 'payerCountry'> {
  const embedded = findEmbeddedObject(text);
  return embedded ? ownMetadata({ embedded }, 'embedded') : { userId: text };
}
