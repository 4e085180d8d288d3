import type { PaymentEvent } from '../../ledger/payment-event.ts';
import { bodyKey, type HeaderIds } from '../dedup-key.ts';
import type { FormatName } from '../presets.ts';
import type { ProviderConfig } from '../provider-config.ts';
import type { WebhookHeaders } from '../signature/verdict.ts';
import { completed, type FormatReader } from './event-draft.ts';
import { readGeneric } from './generic.ts';
import { MalformedWebhook } from './malformed.ts';
import { readJsonObject } from './webhook-body.ts';

export type ParsedWebhook =
  | { outcome: 'events'; events: PaymentEvent[] }
  /** Nobody can read it: stored as `dead: malformed` under the hash of its bytes, so that a repeat is a duplicate. */
  | { outcome: 'malformed'; dedupKey: string; message: string };

/** A verified webhook: its body inflated, its ids as the verdict gave them. */
export type VerifiedWebhook = { headers: WebhookHeaders; body: Buffer; ids: HeaderIds };

const READERS: Partial<Record<FormatName, FormatReader>> = { generic: readGeneric };

/** What the bytes say. Never throws, whatever the bytes are. */
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
  const read = READERS[provider.format]!;
  return [completed(read({ provider, headers, ids, body, root: readJsonObject(body) }), provider)];
}
