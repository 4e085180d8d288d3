import { sql } from 'kysely';
import { ticketName } from '../escalation/ticket-view.ts';
import type { Severity, TicketState } from '../platform/schema.ts';
import type { Reader } from '../platform/snapshot.ts';

/** A payment's ticket, as the product sees it. */
export type TicketLink = {
  /** `T-1042`. */
  id: string;
  state: TicketState;
  severity: Severity;
  /** Exact, and of the whole ticket: other payments fail by the same cause. */
  failures: number;
  owner: string | null;
};

type TicketLinkRow = Omit<TicketLink, 'id'> & { id: number };

/**
 * The ticket these events are on: the latest that is not resolved, else the one resolved last, else null. A merged ticket
 * stands for the one it was merged into. All events are one provider's; a conflict is on the provider's conflict ticket.
 */
export async function findTicketLink(
  db: Reader,
  events: { provider: string; ticketId: number | null; conflicts: number }[],
): Promise<TicketLink | null> {
  const ids = [...new Set(events.map((event) => event.ticketId).filter((id) => id !== null))];
  const conflictProvider = events.find((event) => event.conflicts > 0)?.provider ?? null;
  if (ids.length === 0 && conflictProvider === null) return null;
  const row = await readTicketLink(db, ids, conflictProvider);
  return row ? { ...row, id: ticketName(row.id) } : null;
}

/** An event that failed before its conflict came still carries the first ticket, so a conflict is also looked up by its cause. */
async function readTicketLink(
  db: Reader,
  ids: number[],
  conflictProvider: string | null,
): Promise<TicketLinkRow | undefined> {
  const { rows } = await sql<TicketLinkRow>`
    with recursive linked as (
      select id, merged_into, error_family from ticket where id = any(${ids}::bigint[])
    ), chain as (
      select id, merged_into from linked
      union
      select id, merged_into from ticket
      where source = ${conflictProvider}::text and error_family = 'conflict'
        and not exists (select 1 from linked where error_family = 'conflict')
      union
      select ticket.id, ticket.merged_into from chain join ticket on ticket.id = chain.merged_into
    )
    select id, state, severity, failures, owner_name as owner from ticket
    where id in (select id from chain) and state <> 'merged'
    order by state = 'resolved', coalesce(resolved_at, opened_at) desc, id desc
    limit 1`.execute(db);
  return rows[0];
}
