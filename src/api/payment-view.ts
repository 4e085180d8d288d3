import type { Plans } from '../entitlement/plans.ts';
import type { FactType } from '../platform/schema.ts';
import { type Reader, readInOneSnapshot } from '../platform/snapshot.ts';
import { listEntitlements, listFacts, type StoredFact } from './entitlement-query.ts';
import { type EntitlementView, toEntitlementViews } from './entitlement-view.ts';
import {
  type EventRow,
  listAttempts,
  listEventsOfTransaction,
  listProvidersOfTransaction,
  type StoredDraft,
} from './event-query.ts';
import { type EventView, toEventView } from './event-view.ts';
import { findNotedPayment } from './payment-query.ts';
import type { PaymentStatus, ToldFact } from './payment-status.ts';
import { payingUser, type SummarisedEvent, summarisePayment } from './payment-summary.ts';
import { canBeStored } from './storable-text.ts';
import { findTicketLink, type TicketLink } from './ticket-link-query.ts';

/** One payment as `GET /api/payments/…` and `/tx` show it: money, what became of each event, and what the customer has. */
export type PaymentView = {
  provider: string;
  transactionId: string;
  status: PaymentStatus;
  amountMinor: number | null;
  currency: string | null;
  userId: string | null;
  /** The payer's, as the provider tells it. */
  country: string | null;
  /** In the order they came in. */
  events: EventView[];
  /** All that its user has, or once had, not by this payment alone. */
  entitlements: EntitlementView[];
  ticket: TicketLink | null;
};

/**
 * Known as soon as one event with its id is stored, whatever has become of that event; null before. `plans` only serves to
 * say why somebody has a feature; what they have is the row.
 */
export function findPaymentView(
  db: Reader,
  provider: string,
  transactionId: string,
  now: Date = new Date(),
  plans: Plans = {},
): Promise<PaymentView | null> {
  if (!canBeStored(provider) || !canBeStored(transactionId)) return Promise.resolve(null);
  return readInOneSnapshot(db, (reader) => readPaymentView(reader, provider, transactionId, now, plans));
}

/** Two providers may use the same id, so a transaction's id alone may mean several payments; sorted by provider. */
export function findPaymentViewsByTransaction(
  db: Reader,
  transactionId: string,
  now: Date = new Date(),
  plans: Plans = {},
): Promise<PaymentView[]> {
  if (!canBeStored(transactionId)) return Promise.resolve([]);
  return readInOneSnapshot(db, async (reader) => {
    const views: PaymentView[] = [];
    for (const provider of await listProvidersOfTransaction(reader, transactionId)) {
      views.push((await readPaymentView(reader, provider, transactionId, now, plans))!);
    }
    return views;
  });
}

async function readPaymentView(
  reader: Reader,
  provider: string,
  transactionId: string,
  now: Date,
  plans: Plans,
): Promise<PaymentView | null> {
  const events = await listEventsOfTransaction(reader, provider, transactionId);
  if (events.length === 0) return null;
  const told = events.map(toSummarised);
  const noted = await findNotedPayment(reader, provider, transactionId);
  const userId = payingUser(told, noted);
  const facts = await listFacts(reader, { userId, transaction: { provider, transactionId } });
  const applied = facts.filter((fact) => fact.provider === provider && fact.subject === transactionId);
  return {
    provider,
    transactionId,
    ...summarisePayment(told, applied, noted),
    events: await readEventViews(reader, provider, events, now),
    entitlements: userId === null ? [] : await readEntitlements(reader, userId, facts, now, plans),
    ticket: await findTicketLink(reader, events),
  };
}

async function readEventViews(reader: Reader, provider: string, events: EventRow[], now: Date): Promise<EventView[]> {
  const ids = events.map((event) => event.id);
  const attempts = Map.groupBy(await listAttempts(reader, provider, ids), (attempt) => attempt.eventId);
  return events.map((event) => toEventView(event, attempts.get(event.id) ?? [], now));
}

async function readEntitlements(
  reader: Reader,
  userId: string,
  facts: StoredFact[],
  now: Date,
  plans: Plans,
): Promise<EntitlementView[]> {
  const own = facts.filter((fact) => fact.userId === userId);
  return toEntitlementViews(await listEntitlements(reader, userId), own, plans, now);
}

function toSummarised(event: EventRow): SummarisedEvent {
  return { ...event, facts: (event.facts ?? []).map((draft) => toToldFact(event, draft)) };
}

/** What the event says, whether it was applied or not. A paid amount is the event's own. */
function toToldFact(event: EventRow, draft: StoredDraft): ToldFact {
  const amountMinor = draft.type === 'paid' ? event.amountMinor : (draft.amountMinor ?? null);
  return { type: draft.type as FactType, effect: draft.effect, amountMinor, at: event.occurredAt };
}
