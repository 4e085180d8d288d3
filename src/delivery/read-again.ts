import type { PaymentEvent } from '../ledger/payment-event.ts';
import type { Db } from '../platform/database.ts';
import type { ClaimedEvent } from './claim-store.ts';
import { writeReading } from './read-again-store.ts';

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
  await db.transaction().execute((trx) => writeReading(trx, event, reading.event));
  const { facts, kind, transactionId, subscriptionId, userId, amountMinor, currency, payerCountry, plan, occurredAt } =
    reading.event;
  const read = { kind, transactionId, subscriptionId, userId, amountMinor, currency, payerCountry, plan, occurredAt };
  return { ...event, ...read, facts: JSON.parse(JSON.stringify(facts)), errorFamily: null };
}
