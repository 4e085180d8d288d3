import type { Reader } from '../platform/snapshot.ts';
import type { NotedPayment } from './payment-summary.ts';

/** Null until the first event of the transaction was applied. */
export async function findNotedPayment(
  db: Reader,
  provider: string,
  transactionId: string,
): Promise<NotedPayment | null> {
  const row = await db
    .selectFrom('payment')
    .select(['amount_minor as amountMinor', 'currency', 'user_id as userId', 'payer_country as payerCountry'])
    .where('provider', '=', provider)
    .where('transaction_id', '=', transactionId)
    .executeTakeFirst();
  return row ?? null;
}
