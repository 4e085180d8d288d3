import type { PaymentEvent } from './payment-event.ts';

/** A verified webhook on its way into the ledger (one item of it, where a provider sends several in a body). */
export type Arrival = {
  provider: string;
  dedupKey: string;
  /** SHA-256 of the bytes as received: the same key with other bytes is a conflict. */
  bodyHash: Buffer;
  body: Buffer;
  contentEncoding: string | null;
  /** The few headers the reading of the bytes depends on, kept so that they can be read again; null when there are none. */
  headers: Record<string, string> | null;
  /** When the first byte came. */
  receivedAt: Date;
  /** Where it came from (ISO 3166 alpha-2). */
  country: string | null;
  late: boolean;
  content: { outcome: 'event'; event: PaymentEvent } | { outcome: 'malformed'; message: string };
};

export type Stored = {
  provider: string;
  id: number;
  outcome: 'stored' | 'duplicate' | 'conflict' | 'malformed';
};

/**
 * What nobody's access depends on needs no delivery. An event that tells whose a payment is does: it may free facts that
 * wait for their user.
 */
export function needsDelivery(event: PaymentEvent): boolean {
  if (event.facts.length > 0) return true;
  const links = event.transactionId !== null || event.subscriptionId !== null;
  return links && event.userId !== null;
}
