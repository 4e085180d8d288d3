import { sql, type Transaction } from 'kysely';
import type { TicketView } from '../../escalation/ticket-view.ts';
import type { Db } from '../../platform/database.ts';
import type { Schema } from '../../platform/schema.ts';

/** A grave ticket that nobody has seen in the chat. */
export type StuckPage = Pick<TicketView, 'id' | 'source' | 'dependency' | 'errorFamily' | 'openedAt'>;

/** Open P1 tickets that opened before `openedBefore`, stand neither on a card nor on the storm card, and whose on-call was not told. */
export async function listStuckPages(db: Db, openedBefore: Date): Promise<StuckPage[]> {
  const { rows } = await sql<StuckPage>`
    select t.id, t.source, t.dependency, t.error_family as "errorFamily", t.opened_at as "openedAt"
    from ticket t left join card c on c.ticket_id = t.id left join silenced_ticket s on s.ticket_id = t.id
    where t.severity = 'P1' and t.state = 'open' and t.opened_at <= ${openedBefore} and s.parent_id is null
      and c.first_shown_at is null and c.told_privately_at is null
    order by t.id`.execute(db);
  return rows;
}

/** False when another replica was quicker. */
export async function markToldPrivately(
  trx: Transaction<Schema>,
  told: { ticketId: number; chatId: number; at: Date },
): Promise<boolean> {
  const { rows } = await sql`
    insert into card (ticket_id, chat_id, told_privately_at) values (${told.ticketId}, ${told.chatId}, ${told.at})
    on conflict (ticket_id) do update set told_privately_at = excluded.told_privately_at where card.told_privately_at is null
    returning ticket_id`.execute(trx);
  return rows.length > 0;
}
