import type { EventKind } from '../ledger/payment-event.ts';
import type { FactType } from '../platform/schema.ts';

/**
 * What a provider's transaction has come to, as all its events tell it, whether we have applied them yet or not. Pure, and the
 * same for every order the events came in: only the provider's own times are looked at, never when we received what.
 */
export type PaymentStatus =
  | 'pending'
  | 'failed'
  | 'succeeded'
  | 'partially_refunded'
  | 'refunded'
  | 'disputed'
  | 'dispute_lost'
  /** Nothing that was told says what became of the money. */
  | 'unknown';

export type ToldEvent = { kind: EventKind | string; occurredAt: Date | null };

export type ToldFact = {
  type: FactType;
  /** Unique for what it does to the transaction; see `FactDraft`. */
  effect: string;
  /** Of a refund: how much, null for all of it. Of a payment: the amount. */
  amountMinor: number | null;
  at: Date | null;
};

export function paymentStatus(events: ToldEvent[], facts: ToldFact[], amountMinor: number | null): PaymentStatus {
  const dispute = disputeStanding(facts);
  if (dispute !== 'none') return dispute;
  const refund = refundStanding(facts, amountMinor);
  if (refund !== 'none') return refund;
  return wasPaid(events, facts) ? 'succeeded' : unpaidStatus(events);
}

/** A lost dispute says more than an open one; a won one leaves no trace in the status. */
function disputeStanding(facts: ToldFact[]): 'none' | 'disputed' | 'dispute_lost' {
  const told = facts.filter((fact) => disputeIdOf(fact) !== null);
  const standings = [...Map.groupBy(told, disputeIdOf).values()].map(latestVerdict);
  if (standings.includes('dispute_lost')) return 'dispute_lost';
  return standings.includes('disputed') ? 'disputed' : 'none';
}

const DISPUTES: FactType[] = ['disputed', 'dispute_won', 'dispute_lost'];

/** From `dispute:<id>:opened|won|lost`; the id may hold colons itself. */
function disputeIdOf(fact: ToldFact): string | null {
  return DISPUTES.includes(fact.type) ? fact.effect.slice(0, fact.effect.lastIndexOf(':')) : null;
}

/** The verdict of one dispute, if there is one; of two at the same moment, the one that costs the customer. */
function latestVerdict(dispute: ToldFact[]): FactType {
  const verdicts = dispute.filter((fact) => fact.type !== 'disputed');
  const [latest] = verdicts.sort((a, b) => millis(b.at) - millis(a.at) || (a.type < b.type ? -1 : 1));
  return latest?.type ?? 'disputed';
}

/**
 * Refunds by id add up; a provider may instead tell the total so far. Both speak of the same money, so the larger counts. A
 * refund of a payment whose amount nobody has told yet is partial, unless it says that it is all.
 */
function refundStanding(facts: ToldFact[], amountMinor: number | null): 'none' | 'partially_refunded' | 'refunded' {
  const refunds = facts.filter((fact) => fact.type === 'refunded');
  if (refunds.some((refund) => refund.amountMinor === null)) return 'refunded';
  const refundedMinor = Math.max(totalTold(refunds), sumOfSingle(refunds));
  if (refundedMinor <= 0) return 'none';
  return amountMinor !== null && refundedMinor >= amountMinor ? 'refunded' : 'partially_refunded';
}

function totalTold(refunds: ToldFact[]): number {
  return Math.max(0, ...refunds.filter(isTotal).map((refund) => refund.amountMinor ?? 0));
}

function sumOfSingle(refunds: ToldFact[]): number {
  const single = new Map(refunds.filter((refund) => !isTotal(refund)).map((refund) => [refund.effect, refund]));
  return [...single.values()].reduce((sum, refund) => sum + (refund.amountMinor ?? 0), 0);
}

function isTotal(refund: ToldFact): boolean {
  return refund.effect.startsWith('refund_total:');
}

function wasPaid(events: ToldEvent[], facts: ToldFact[]): boolean {
  return facts.some((fact) => fact.type === 'paid') || events.some((event) => event.kind === 'payment_succeeded');
}

/** A customer may fail, try again and wait: the latest word counts, and of two at the same moment the failure. */
function unpaidStatus(events: ToldEvent[]): PaymentStatus {
  const words = events.filter((event) => event.kind === 'payment_failed' || event.kind === 'payment_pending');
  const [latest] = words.sort((a, b) => millis(b.occurredAt) - millis(a.occurredAt) || (a.kind < b.kind ? -1 : 1));
  if (!latest) return 'unknown';
  return latest.kind === 'payment_failed' ? 'failed' : 'pending';
}

/** What carries no time of its own comes before all that does. */
function millis(time: Date | null): number {
  return time?.getTime() ?? 0;
}
