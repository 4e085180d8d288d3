import { type Kysely, sql } from 'kysely';
import type { PaymentEvent } from '../ledger/payment-event.ts';
import type { Db } from '../platform/database.ts';
import type { Schema } from '../platform/schema.ts';
import type { ClaimedEvent } from './claim-store.ts';

export const MALFORMED = 'malformed';

export type ReadAgain = (event: {
  provider: string;
  id: number;
}) => Promise<{ outcome: 'event'; event: PaymentEvent } | { outcome: 'malformed'; message: string }>;

/**
 * An event that could not be read when it came is read again when somebody redrives it: the format may have been corrected
 * meanwhile. Answers the event as it is understood now, or null while it still is not.
 */
export async function readMalformed(db: Db, event: ClaimedEvent, readAgain: ReadAgain): Promise<ClaimedEvent | null> {
  const reading = await readAgain(event);
  if (reading.outcome === 'malformed') return null;
  await writeReading(db, event, reading.event);
  const { facts, kind, transactionId, subscriptionId, userId, amountMinor, currency, payerCountry, plan, occurredAt } =
    reading.event;
  const read = { kind, transactionId, subscriptionId, userId, amountMinor, currency, payerCountry, plan, occurredAt };
  return { ...event, ...read, facts: JSON.parse(JSON.stringify(facts)), errorFamily: null };
}

async function writeReading(db: Kysely<Schema>, event: ClaimedEvent, reading: PaymentEvent): Promise<void> {
  await db
    .updateTable('event')
    .set({
      kind: reading.kind,
      provider_type: reading.providerType,
      transaction_id: reading.transactionId,
      subscription_id: reading.subscriptionId,
      user_id: reading.userId,
      amount_minor: reading.amountMinor,
      currency: reading.currency,
      payer_country: reading.payerCountry,
      plan: reading.plan,
      occurred_at: reading.occurredAt,
      facts: sql`${reading.facts.length ? JSON.stringify(reading.facts) : null}::jsonb`,
      error_family: null,
    })
    .where('id', '=', event.id)
    .where('id', '=', sql<number>`any(array(select unnest(events) from claim where id = ${event.claimId}::uuid))`)
    .execute();
  if (reading.transactionId === null) return;
  await db
    .insertInto('event_of_transaction')
    .values({ transaction_key: sql`transaction_key(${reading.transactionId})`, event_id: event.id })
    .onConflict((oc) => oc.doNothing())
    .execute();
}
