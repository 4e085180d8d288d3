import { sql, type Transaction } from 'kysely';
import type { PaymentEvent } from '../ledger/payment-event.ts';
import type { Schema } from '../platform/schema.ts';
import type { ClaimedEvent } from './claim-store.ts';

/** What a malformed event turns out to say; nothing is written once its claim is gone. */
export async function writeReading(
  trx: Transaction<Schema>,
  event: ClaimedEvent,
  reading: PaymentEvent,
): Promise<void> {
  const { numUpdatedRows } = await trx
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
    .where(
      sql<boolean>`exists (select from claim where claim.id = ${event.claimId}::uuid and event.id = any(claim.events))`,
    )
    .executeTakeFirstOrThrow();
  if (numUpdatedRows === 0n || reading.transactionId === null) return;
  await sql`
    insert into event_of_transaction (transaction_key, event_id)
    select transaction_key(${reading.transactionId}), ${event.id}
    where not exists (
      select from event_of_transaction where transaction_key = transaction_key(${reading.transactionId}) and event_id = ${event.id}
    )`.execute(trx);
}
