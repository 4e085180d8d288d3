import { type PaymentStatus, paymentStatus, type ToldFact } from './payment-status.ts';

/** The head of a payment: what all its events together tell. Pure, and the same for every order they came in. */
export type PaymentSummary = {
  status: PaymentStatus;
  amountMinor: number | null;
  currency: string | null;
  userId: string | null;
  country: string | null;
};

export type SummarisedEvent = {
  dedupKey: string;
  kind: string;
  occurredAt: Date | null;
  amountMinor: number | null;
  currency: string | null;
  userId: string | null;
  payerCountry: string | null;
  facts: ToldFact[];
};

/** What the ledger has noted about the payment since its first event was applied. */
export type NotedPayment = {
  amountMinor: number | null;
  currency: string | null;
  userId: string | null;
  payerCountry: string | null;
};

export function summarisePayment(
  events: SummarisedEvent[],
  appliedFacts: ToldFact[],
  noted: NotedPayment | null,
): PaymentSummary {
  const telling = [...events].sort(byWeight);
  const facts = uniqueFacts([...appliedFacts, ...telling.flatMap((event) => event.facts)]);
  const amountMinor = amountOf(telling, facts, noted);
  return {
    status: paymentStatus(events, facts, amountMinor),
    amountMinor,
    currency: noted?.currency ?? firstTold(telling, 'currency'),
    userId: payingUser(telling, noted),
    country: noted?.payerCountry ?? firstTold(telling, 'payerCountry'),
  };
}

/** Whose payment it is: as noted, else as the events tell; null while nobody has told. */
export function payingUser(events: SummarisedEvent[], noted: NotedPayment | null): string | null {
  return noted?.userId ?? firstTold([...events].sort(byWeight), 'userId');
}

/** A refund's own amount is no payment's: only what was paid, or was to be paid, tells the amount. */
function amountOf(telling: SummarisedEvent[], facts: ToldFact[], noted: NotedPayment | null): number | null {
  const paid = facts.find((fact) => fact.type === 'paid' && fact.amountMinor !== null);
  return paid?.amountMinor ?? noted?.amountMinor ?? firstTold(telling.filter(isAboutPaying), 'amountMinor');
}

/** An effect happens once, however many events tell it; the applied fact, which comes first, is the one that counted. */
function uniqueFacts(facts: ToldFact[]): ToldFact[] {
  const unique = new Map<string, ToldFact>();
  for (const fact of facts) if (!unique.has(fact.effect)) unique.set(fact.effect, fact);
  return [...unique.values()];
}

const WEIGHTS: Record<string, number> = { payment_succeeded: 0, payment_pending: 1, payment_failed: 2 };
const NO_WEIGHT = 3;

function isAboutPaying(event: SummarisedEvent): boolean {
  return event.kind in WEIGHTS;
}

function byWeight(a: SummarisedEvent, b: SummarisedEvent): number {
  return (
    weightOf(a) - weightOf(b) ||
    (a.occurredAt?.getTime() ?? 0) - (b.occurredAt?.getTime() ?? 0) ||
    (a.dedupKey < b.dedupKey ? -1 : 1)
  );
}

function weightOf(event: SummarisedEvent): number {
  return WEIGHTS[event.kind] ?? NO_WEIGHT;
}

function firstTold<Key extends keyof SummarisedEvent>(
  events: SummarisedEvent[],
  key: Key,
): NonNullable<SummarisedEvent[Key]> | null {
  return events.find((event) => event[key] !== null)?.[key] ?? null;
}
