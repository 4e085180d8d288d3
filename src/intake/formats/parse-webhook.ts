import type { PaymentEvent } from '../../ledger/payment-event.ts';
import { bodyKey, type HeaderIds } from '../dedup-key.ts';
import type { FormatName } from '../presets.ts';
import type { ProviderConfig } from '../provider-config.ts';
import type { WebhookHeaders } from '../signature/verdict.ts';
import { adyenItems, readAdyenItem } from './adyen.ts';
import { readCloudPayments } from './cloudpayments.ts';
import { readCoinbaseCommerce } from './coinbase-commerce.ts';
import { readCryptoPay } from './cryptopay.ts';
import { completed, type EventDraft, type FormatReader, type Webhook } from './event-draft.ts';
import { countryAt, textAt } from './fields.ts';
import { readGeneric } from './generic.ts';
import { readLemonSqueezy } from './lemonsqueezy.ts';
import { MalformedWebhook } from './malformed.ts';
import { readPaddle } from './paddle.ts';
import { readPaystack } from './paystack.ts';
import { readRazorpay } from './razorpay.ts';
import { readShopify } from './shopify.ts';
import { readSquare } from './square.ts';
import { readStripe } from './stripe.ts';
import { readTelegram } from './telegram.ts';
import { readFormOrJson, readJsonObject } from './webhook-body.ts';

export type ParsedWebhook =
  | { outcome: 'events'; events: PaymentEvent[] }
  /** Nobody can read it: stored as `dead: malformed` under the hash of its bytes, so that a repeat is a duplicate. */
  | { outcome: 'malformed'; dedupKey: string; message: string };

/** A verified webhook: its body inflated, its ids as the verdict gave them. */
export type VerifiedWebhook = { headers: WebhookHeaders; body: Buffer; ids: HeaderIds };

const READERS: Record<FormatName, FormatReader> = {
  generic: readGeneric,
  stripe: readStripe,
  paddle: readPaddle,
  razorpay: readRazorpay,
  shopify: readShopify,
  square: readSquare,
  lemonsqueezy: readLemonSqueezy,
  'coinbase-commerce': readCoinbaseCommerce,
  paystack: readPaystack,
  cryptopay: readCryptoPay,
  cloudpayments: readCloudPayments,
  adyen: readAdyenItem,
  telegram: readTelegram,
};

/** What the bytes say, as one event or, for an Adyen batch, several. Never throws, whatever the bytes are. */
export function parseWebhook(provider: ProviderConfig, webhook: VerifiedWebhook): ParsedWebhook {
  try {
    return { outcome: 'events', events: readEvents(provider, webhook) };
  } catch (error) {
    if (error instanceof MalformedWebhook) {
      return { outcome: 'malformed', dedupKey: bodyKey(webhook.body), message: error.message };
    }
    throw error;
  }
}

function readEvents(provider: ProviderConfig, { headers, body, ids }: VerifiedWebhook): PaymentEvent[] {
  const root = provider.format === 'cloudpayments' ? readFormOrJson(body) : readJsonObject(body);
  const whole: Webhook = { provider, headers, ids, body, root };
  const webhooks = provider.format === 'adyen' ? adyenItems(whole) : [whole];
  const read = READERS[provider.format];
  return webhooks.map((webhook) => completed(withMovedFields(read(webhook), webhook), provider));
}

/** What the operator says lies elsewhere. The generic format has read all its fields from there already. */
function withMovedFields(draft: EventDraft, { provider, root }: Webhook): EventDraft {
  const { fields } = provider;
  if (!fields || provider.format === 'generic') return draft;
  return {
    ...draft,
    userId: (fields.userId ? textAt(root, fields.userId) : null) ?? draft.userId ?? null,
    plan: (fields.plan ? textAt(root, fields.plan) : null) ?? draft.plan ?? null,
    payerCountry: (fields.country ? countryAt(root, fields.country) : null) ?? draft.payerCountry ?? null,
  };
}
