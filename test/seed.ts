import { createHash, randomUUID } from 'node:crypto';
import type { Db } from '../src/platform/database.ts';
import type { DeadReason, EventState } from '../src/platform/schema.ts';

export type SeedEvent = {
  provider?: string;
  transactionId?: string | null;
  userId?: string | null;
  state?: EventState;
  reason?: DeadReason | null;
  ticketId?: number | null;
  kind?: string;
  amountMinor?: number | null;
  currency?: string | null;
  receivedAt?: Date;
  dueAt?: Date;
};

/** An event in the ledger as if it had come in and got this far. */
export async function insertEvent(db: Db, seed: SeedEvent = {}): Promise<{ provider: string; id: number }> {
  const key = randomUUID();
  const receivedAt = seed.receivedAt ?? new Date();
  const state = seed.state ?? 'pending';
  return db
    .insertInto('event')
    .values({
      provider: seed.provider ?? 'acme',
      dedup_key: key,
      body_hash: createHash('sha256').update(key).digest(),
      kind: seed.kind ?? 'payment_succeeded',
      provider_type: null,
      transaction_id: seed.transactionId === undefined ? `tx_${key}` : seed.transactionId,
      subscription_id: null,
      user_id: seed.userId === undefined ? `u_${key}` : seed.userId,
      amount_minor: seed.amountMinor === undefined ? 999 : seed.amountMinor,
      currency: seed.currency === undefined ? 'EUR' : seed.currency,
      payer_country: null,
      plan: null,
      occurred_at: null,
      facts: JSON.stringify([{ type: 'paid', effect: 'capture', periodEnd: null, periodStart: null }]),
      country: null,
      received_at: receivedAt,
      state,
      reason: state === 'dead' ? (seed.reason ?? 'permanent') : null,
      error_family: null,
      due_at: seed.dueAt ?? receivedAt,
      ticket_id: seed.ticketId ?? null,
      redrive_id: null,
      settled_by: null,
      settled_reason: null,
    })
    .returning(['provider', 'id'])
    .executeTakeFirstOrThrow();
}
