import type { EventKind, FactDraft } from '../ledger/payment-event.ts';

/** An event as far as the entitlement is concerned. */
export type FactSource = {
  provider: string;
  id: number;
  kind: EventKind;
  transactionId: string | null;
  subscriptionId: string | null;
  userId: string | null;
  amountMinor: number | null;
  currency: string | null;
  payerCountry: string | null;
  plan: string | null;
  occurredAt: Date | null;
  receivedAt: Date;
  facts: FactDraft[];
};
