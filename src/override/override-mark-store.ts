import { sql, type Transaction } from 'kysely';
import type { Actor } from '../people/person.ts';
import type { Schema } from '../platform/schema.ts';
import type { Reader } from './override-store.ts';

type Trx = Transaction<Schema>;

export async function markApproved(
  trx: Trx,
  override: { id: number; paramsHash: string },
  decision: { by: Actor; at: Date; glass: { reviewUntil: Date } | null },
): Promise<void> {
  await trx
    .updateTable('override')
    .set({
      state: 'approved',
      approved_hash: override.paramsHash,
      decided_by: decision.by.personId,
      decided_name: decision.by.name,
      decided_at: decision.at,
      break_glass: decision.glass !== null,
      review_until: decision.glass?.reviewUntil ?? null,
    })
    .where('id', '=', override.id)
    .where('state', '=', 'requested')
    .execute();
}

export async function markRefused(trx: Trx, id: number, by: Actor, at: Date): Promise<void> {
  await trx
    .updateTable('override')
    .set({ state: 'refused', decided_by: by.personId, decided_name: by.name, decided_at: at })
    .where('id', '=', id)
    .where('state', '=', 'requested')
    .execute();
}

export async function markExpired(trx: Trx, id: number, at: Date): Promise<void> {
  await trx.updateTable('override').set({ state: 'expired', settled_at: at }).where('id', '=', id).execute();
}

export async function markExecuted(
  trx: Trx,
  id: number,
  execution: { at: Date; until: Date; eventsSettled: number; remindAt: Date },
): Promise<void> {
  await trx
    .updateTable('override')
    .set({
      state: 'executed',
      executed_at: execution.at,
      events_settled: execution.eventsSettled,
      remind_at: execution.remindAt,
      tell_at: execution.at,
      tell_end_at: execution.until,
    })
    .where('id', '=', id)
    .where('state', '=', 'approved')
    .execute();
}

/** The end of a debt. What was taken back is told to the product as well. */
export async function markSettled(
  trx: Trx,
  id: number,
  end: { state: 'reconciled' | 'reverted'; by: string; reason: string; at: Date },
): Promise<void> {
  await trx
    .updateTable('override')
    .set({
      state: end.state,
      settled_name: end.by,
      settled_reason: end.reason,
      settled_at: end.at,
      remind_at: sql<Date | null>`case when break_glass and reviewed_at is null then remind_at end`,
      ...(end.state === 'reverted' ? { tell_at: end.at, told_at: null, tell_failures: 0, tell_end_at: null } : {}),
    })
    .where('id', '=', id)
    .where('state', '=', 'executed')
    .execute();
}

export async function markReviewed(trx: Trx, id: number, by: Actor, at: Date): Promise<void> {
  await trx
    .updateTable('override')
    .set({
      reviewed_by: by.personId,
      reviewed_name: by.name,
      reviewed_at: at,
      remind_at: sql<Date | null>`case when state = 'executed' then remind_at end`,
    })
    .where('id', '=', id)
    .execute();
}

export async function markReminded(trx: Trx, id: number, nextAt: Date): Promise<void> {
  await trx
    .updateTable('override')
    .set((eb) => ({ reminders: eb('reminders', '+', 1), remind_at: nextAt }))
    .where('id', '=', id)
    .execute();
}

export async function markEndTold(trx: Trx, id: number): Promise<void> {
  await trx.updateTable('override').set({ tell_end_at: null }).where('id', '=', id).execute();
}

/** What is to be told may have changed while it was told: then it is told again. */
export async function markTold(db: Reader, told: { id: number; tellAt: Date }, at: Date): Promise<void> {
  await db
    .updateTable('override')
    .set({ told_at: at, tell_at: null, tell_error: null })
    .where('id', '=', told.id)
    .where('tell_at', '=', told.tellAt)
    .execute();
}

export async function markUntold(
  db: Reader,
  untold: { id: number; tellAt: Date },
  error: string,
  nextAt: Date,
): Promise<void> {
  await db
    .updateTable('override')
    .set((eb) => ({ tell_failures: eb('tell_failures', '+', 1), tell_error: error, tell_at: nextAt }))
    .where('id', '=', untold.id)
    .where('tell_at', '=', untold.tellAt)
    .execute();
}

/**
 * What the payment's dead webhooks were to give was given by hand: they are settled, and counted as such. Refunds and disputes that died
 * still wait for a person, and so does what names somebody else. Answers the tickets they stood on.
 */
export async function overrideDeadEvents(
  trx: Trx,
  payment: { provider: string; transactionId: string },
  userId: string,
): Promise<{ id: number; ticketId: number | null }[]> {
  const { rows } = await sql<{ id: number; ticketId: number | null }>`
    with dead as materialized (
      select e.id from event_of_transaction about join event e on e.id = about.event_id
      where about.transaction_key = transaction_key(${payment.transactionId}) and e.transaction_id = ${payment.transactionId}
        and e.provider = ${payment.provider} and e.state = 'dead' and e.kind = 'payment_succeeded'
        and (e.user_id is null or e.user_id = ${userId})
      order by e.id for update of e
    )
    update event set state = 'overridden', reason = null, settled_by = null, settled_reason = null
    from dead where event.id = dead.id returning event.id, event.ticket_id as "ticketId"`.execute(trx);
  return rows;
}
