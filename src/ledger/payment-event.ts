/**
 * What a webhook says, in Breakwater's own words: the one shape every format is read into (`intake/formats`) and
 * everything after intake works on. Pure data, no I/O.
 */

/** What happened, as far as a customer's access is concerned. `ignored` is a word we know to mean nothing to us. */
export type EventKind =
  | 'payment_succeeded'
  | 'payment_pending'
  | 'payment_failed'
  | 'payment_refunded'
  | 'dispute_opened'
  | 'dispute_won'
  | 'dispute_lost'
  | 'subscription_canceled'
  | 'subscription_changed'
  | 'unknown';

/**
 * One thing an event says about a transaction or a subscription. Facts are kept for ever, unique per
 * `(provider, transaction, effect)`, and the entitlement is a pure fold over them, so their order does not matter.
 * `effect` is the second half of that key: `capture`, `refund:<id>`, `refund_total:<minor>`, `refund:all`,
 * `dispute:<id>:opened|won|lost`, `cancel:<at>`.
 */
export type FactDraft =
  | {
      type: 'paid';
      effect: 'capture';
      /** Bounds the grant; null: for ever. */
      periodEnd: Date | null;
      /** Where the paid period begins, when the provider says so (only joins neighbouring periods). */
      periodStart: Date | null;
    }
  /** `amountMinor` null: all of it. `cumulative`: the total refunded so far, not this refund alone (Stripe's charge.refunded). */
  | { type: 'refunded'; effect: string; amountMinor: number | null; cumulative: boolean }
  | { type: 'disputed' | 'dispute_won' | 'dispute_lost'; effect: string; disputeId: string }
  /** `cancelAt` null: now, that is at the fact's own time. */
  | { type: 'canceled'; effect: string; cancelAt: Date | null };

export type PaymentEvent = {
  /** At most 255 bytes, well-formed, no NUL: see `intake/dedup-key`. */
  dedupKey: string;
  kind: EventKind;
  /** The provider's own word for it, e.g. `charge.refunded`; shown to engineers, never decided upon again. */
  providerType: string | null;
  /** What links everything about one payment; null for events about a subscription alone. */
  transactionId: string | null;
  subscriptionId: string | null;
  /** Null when this event does not say; the payment may learn it from another event. */
  userId: string | null;
  /** The payment's (or refund's) amount in integer minor units of `currency`. */
  amountMinor: number | null;
  /** ISO 4217 or an asset code, upper case. */
  currency: string | null;
  /** The payer's country (ISO 3166 alpha-2) as the provider tells it; not where the webhook came from. */
  payerCountry: string | null;
  /** The plan bought, as the product named it; mapped to features by `PLANS`. */
  plan: string | null;
  /** The fact's own time, by the provider's clock; null when the event does not tell. */
  occurredAt: Date | null;
  /** Empty for kinds that change nobody's access. */
  facts: FactDraft[];
};
