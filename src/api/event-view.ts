import { formatEventId } from '../ledger/event-id.ts';
import type { AttemptOutcome, DeadReason, EventState } from '../platform/schema.ts';
import { type Reader, readInOneSnapshot } from '../platform/snapshot.ts';
import { type AttemptRow, type EventRow, findEvent, listAttempts } from './event-query.ts';
import { canBeStored } from './storable-text.ts';
import { findTicketLink, type TicketLink } from './ticket-link-query.ts';

/** `processing` is no state of the row: a worker holds a lease on it at this moment. */
type ShownState = EventState | 'processing';

export type AttemptView = {
  /** From 1 without gaps, over automatic and manual tries. */
  n: number;
  startedAt: Date;
  durationMs: number;
  dependency: string;
  outcome: AttemptOutcome;
  httpStatus: number | null;
  error: string | null;
  /** The delay chosen for the next try; null when none was to follow. */
  delayMs: number | null;
};

export type EventView = {
  /** `<provider>.<number>`, as the webhook's answer told it. */
  id: string;
  dedupKey: string;
  kind: string;
  state: ShownState;
  reason: DeadReason | null;
  late: boolean;
  /** How often the same signed id came with another body, which was never applied. */
  conflicts: number;
  receivedAt: Date;
  /** The budget used; a throttled attempt costs none, a redrive begins again at 0. */
  tries: number;
  nextTryAt: Date | null;
  attempts: AttemptView[];
};

/** One event on its own, with what a payment's head would otherwise tell. */
export type EventDetail = EventView & {
  provider: string;
  /** The provider's own word for it. */
  providerType: string | null;
  transactionId: string | null;
  subscriptionId: string | null;
  userId: string | null;
  amountMinor: number | null;
  currency: string | null;
  /** Where the webhook came from, not the payer's country. */
  country: string | null;
  ticket: TicketLink | null;
};

export function findEventView(
  db: Reader,
  key: { provider: string; id: number },
  now: Date = new Date(),
): Promise<EventDetail | null> {
  if (!canBeStored(key.provider)) return Promise.resolve(null);
  return readInOneSnapshot(db, async (reader) => {
    const event = await findEvent(reader, key);
    if (!event) return null;
    const attempts = await listAttempts(reader, event.provider, [event.id]);
    return toEventDetail(event, attempts, await findTicketLink(reader, [event]), now);
  });
}

/** `attempts` are this event's own, in order. */
export function toEventView(event: EventRow, attempts: AttemptRow[], now: Date): EventView {
  const state = shownState(event, now);
  return {
    id: formatEventId(event.provider, event.id),
    dedupKey: event.dedupKey,
    kind: event.kind,
    state,
    reason: event.reason,
    late: event.late,
    conflicts: event.conflicts,
    receivedAt: event.receivedAt,
    tries: event.tries,
    nextTryAt: state === 'pending' || state === 'retrying' ? event.dueAt : null,
    attempts: attempts.map(toAttemptView),
  };
}

/** A lease that ran out is not processing: another worker may claim the event at any moment. */
function shownState(event: EventRow, now: Date): ShownState {
  const waiting = event.state === 'pending' || event.state === 'retrying';
  return waiting && event.leaseUntil !== null && event.leaseUntil > now ? 'processing' : event.state;
}

function toAttemptView({ eventId: _, ...attempt }: AttemptRow): AttemptView {
  return attempt;
}

function toEventDetail(event: EventRow, attempts: AttemptRow[], ticket: TicketLink | null, now: Date): EventDetail {
  const { provider, providerType, transactionId, subscriptionId, userId, amountMinor, currency, country } = event;
  return {
    ...toEventView(event, attempts, now),
    provider,
    providerType,
    transactionId,
    subscriptionId,
    userId,
    amountMinor,
    currency,
    country,
    ticket,
  };
}
