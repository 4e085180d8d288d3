import { sql, type Transaction } from 'kysely';
import type { Schema } from '../platform/schema.ts';

type Trx = Transaction<Schema>;

export type Exhausted = { id: number; ticketId: number | null };

/**
 * Locks events that died because tries were used up, last on `dependency`, before it answered, and long enough ago: somebody who sees the
 * first death and acts at once is not run over. What others lock is theirs.
 */
export async function lockExhausted(
  trx: Trx,
  wanted: { dependency: string; answeredAt: Date; limit: number },
): Promise<Exhausted[]> {
  const { rows } = await sql<Exhausted>`
    select e.id, e.ticket_id as "ticketId" from event e
    where e.reason = 'transient_exhausted' and e.settled_by is null and e.finished_at < ${wanted.answeredAt}
      and e.self_redrives < 3
      and e.finished_at < clock_timestamp() - (array['10 s', '10 min', '1 h'])[e.self_redrives + 1]::interval
      and exists (select from attempt a where a.provider = e.provider and a.event_id = e.id and a.n = e.attempts
        and a.dependency = ${wanted.dependency})
    order by e.finished_at limit ${wanted.limit} for update of e skip locked`.execute(trx);
  return rows;
}

/** A new budget of tries, due at once. */
export async function reviveExhausted(trx: Trx, events: Exhausted[]): Promise<void> {
  if (events.length === 0) return;
  await sql`
    update event set state = 'pending', reason = null, tries = 0, failed_probes = 0, lost_leases = 0, due_at = clock_timestamp(),
      finished_at = null, self_redrives = self_redrives + 1
    where id = any(${events.map((event) => event.id)}::bigint[])`.execute(trx);
}
