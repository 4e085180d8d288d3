import { sql, type Transaction } from 'kysely';
import type { Schema } from '../platform/schema.ts';

type Trx = Transaction<Schema>;

/** The dead events of the ticket and of its twins, sorted. */
export async function lockDeadEvents(trx: Trx, ticketId: number): Promise<void> {
  await sql`
    select 1 from event where state = 'dead' and ticket_id in (
      select twin.id from ticket mine join ticket twin using (fingerprint) where mine.id = ${ticketId})
    order by provider, id for update`.execute(trx);
}

/** People of events that are dead and unsettled, or on their way again; counting stops at `atMost`. */
export async function countPeopleWaiting(trx: Trx, ticketId: number, atMost: number): Promise<number> {
  const { rows } = await sql<{ people: number }>`
    select count(*)::int as people from (
      select distinct coalesce(user_id, transaction_id, subscription_id) as person from event
      where ticket_id = ${ticketId} and (state in ('pending', 'retrying') or (state = 'dead' and settled_by is null))
        and coalesce(user_id, transaction_id, subscription_id) is not null
      limit ${atMost}
    ) waiting`.execute(trx);
  return rows[0]!.people;
}

/** Resolving by hand says: we know about what is dead here and will not redrive it. */
export async function settleDeadEvents(trx: Trx, ticketId: number, by: string, reason: string | null): Promise<number> {
  const result = await trx
    .updateTable('event')
    .set({ settled_by: by, settled_reason: reason })
    .where('ticket_id', '=', ticketId)
    .where('state', '=', 'dead')
    .where('settled_by', 'is', null)
    .executeTakeFirst();
  return Number(result.numUpdatedRows);
}

export async function unsettleDeadEvents(trx: Trx, ticketId: number): Promise<void> {
  await trx
    .updateTable('event')
    .set({ settled_by: null, settled_reason: null })
    .where('ticket_id', '=', ticketId)
    .where('state', '=', 'dead')
    .execute();
}

/**
 * Of these tickets, which the caller has locked, those on which nothing waits for anybody any more. A conflict is for a person to end,
 * and a breaker's ticket is not done before the breaker has closed.
 */
export async function listDoneTickets(trx: Trx, ticketIds: number[]): Promise<number[]> {
  if (ticketIds.length === 0) return [];
  const { rows } = await sql<{ id: number }>`
    select t.id from ticket t
    where t.id = any(${ticketIds}::bigint[]) and t.error_family <> 'conflict'
      and not exists (select 1 from event e where e.ticket_id = t.id
                      and (e.state in ('pending', 'retrying') or (e.state = 'dead' and e.settled_by is null)))
      and not exists (select 1 from refusal r where r.ticket_id = t.id and r.verified_at is null)
      and not exists (select 1 from breaker b where t.stage = 'breaker' and b.name = t.dependency and b.state <> 'closed')
    order by t.id`.execute(trx);
  return rows.map((row) => row.id);
}
