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
  await trx
    .insertInto('event_of_transaction')
    .values({ transaction_key: sql`transaction_key(${reading.transactionId})`, event_id: event.id })
    .onConflict((oc) => oc.doNothing())
    .execute();
}
