import { sql, type Transaction } from 'kysely';
import type { Schema } from '../platform/schema.ts';

type Trx = Transaction<Schema>;

export async function findOpenTwin(trx: Trx, ticketId: number): Promise<number | null> {
  const row = await trx
    .selectFrom('ticket as twin')
    .innerJoin('ticket as mine', 'mine.fingerprint', 'twin.fingerprint')
    .select('twin.id')
    .where('mine.id', '=', ticketId)
    .whereRef('twin.id', '<>', 'mine.id')
    .where('twin.state', 'not in', ['resolved', 'merged'])
    .executeTakeFirst();
  return row?.id ?? null;
}

/** The twin's failures, and whatever hangs on it, become this ticket's. */
export async function takeOverTwin(trx: Trx, ticketId: number, twinId: number): Promise<void> {
  await trx.updateTable('event').set({ ticket_id: ticketId }).where('ticket_id', '=', twinId).execute();
  await trx.updateTable('refusal').set({ ticket_id: ticketId }).where('ticket_id', '=', twinId).execute();
  await sql`
    update ticket mine set failures = mine.failures + twin.failures, last_failure_at = greatest(mine.last_failure_at, twin.last_failure_at),
      sample_transaction = coalesce(mine.sample_transaction, twin.sample_transaction)
    from ticket twin where mine.id = ${ticketId} and twin.id = ${twinId}`.execute(trx);
}

export async function markLatestOfCause(trx: Trx, ticketId: number): Promise<void> {
  await sql`update cause set ticket_id = ${ticketId} where fingerprint = (select fingerprint from ticket where id = ${ticketId})`.execute(
    trx,
  );
}
