import { sql } from 'kysely';
import { isOfTransaction } from '../ledger/event-store.ts';
import type { AttemptOutcome, DeadReason, EventState } from '../platform/schema.ts';
import type { Reader } from '../platform/snapshot.ts';

export type EventRow = {
  provider: string;
  id: number;
  dedupKey: string;
  kind: string;
  providerType: string | null;
  transactionId: string | null;
  subscriptionId: string | null;
  userId: string | null;
  amountMinor: number | null;
  currency: string | null;
  payerCountry: string | null;
  country: string | null;
  occurredAt: Date | null;
  receivedAt: Date;
  /** `FactDraft`s as stored: times are text. */
  facts: StoredDraft[] | null;
  state: EventState;
  reason: DeadReason | null;
  late: boolean;
  conflicts: number;
  dueAt: Date;
  tries: number;
  leaseUntil: Date | null;
  ticketId: number | null;
};

export type StoredDraft = { type: string; effect: string; amountMinor?: number | null };

export type AttemptRow = {
  eventId: number;
  n: number;
  startedAt: Date;
  durationMs: number;
  dependency: string;
  outcome: AttemptOutcome;
  httpStatus: number | null;
  error: string | null;
  delayMs: number | null;
};

const EVENT_COLUMNS = [
  'provider',
  'id',
  'dedup_key as dedupKey',
  'kind',
  'provider_type as providerType',
  'transaction_id as transactionId',
  'subscription_id as subscriptionId',
  'user_id as userId',
  'amount_minor as amountMinor',
  'currency',
  'payer_country as payerCountry',
  'country',
  'occurred_at as occurredAt',
  'received_at as receivedAt',
  'facts',
  'state',
  'reason',
  'late',
  'conflicts',
  'due_at as dueAt',
  'tries',
  'ticket_id as ticketId',
] as const;

const LEASE_UNTIL = sql<Date | null>`(select max(until) from claim where event.id = any(events))`.as('leaseUntil');

export async function findEvent(db: Reader, key: { provider: string; id: number }): Promise<EventRow | null> {
  const row = await db
    .selectFrom('event')
    .select([...EVENT_COLUMNS, LEASE_UNTIL])
    .where('provider', '=', key.provider)
    .where('id', '=', key.id)
    .executeTakeFirst();
  return (row as EventRow | undefined) ?? null;
}

/** All events that tell of one transaction, in the order they came in. */
export async function listEventsOfTransaction(
  db: Reader,
  provider: string,
  transactionId: string,
): Promise<EventRow[]> {
  const rows = await db
    .selectFrom('event')
    .select([...EVENT_COLUMNS, LEASE_UNTIL])
    .where('provider', '=', provider)
    .where((eb) => isOfTransaction(eb, transactionId))
    .orderBy('received_at')
    .orderBy('id')
    .execute();
  return rows as EventRow[];
}

export async function listAttempts(db: Reader, provider: string, eventIds: number[]): Promise<AttemptRow[]> {
  return db
    .selectFrom('attempt')
    .select([
      'event_id as eventId',
      'n',
      'started_at as startedAt',
      'duration_ms as durationMs',
      'dependency',
      'outcome',
      'http_status as httpStatus',
      'error',
      'delay_ms as delayMs',
    ])
    .where('provider', '=', provider)
    .where('event_id', 'in', eventIds)
    .orderBy('event_id')
    .orderBy('n')
    .execute();
}

/** The providers that know a transaction of this id. */
export async function listProvidersOfTransaction(db: Reader, transactionId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('event')
    .select('provider')
    .distinct()
    .where((eb) => isOfTransaction(eb, transactionId))
    .orderBy('provider')
    .execute();
  return rows.map((row) => row.provider);
}
