import { sql } from 'kysely';
import type { Db } from '../../platform/database.ts';

/** The ticket that a message of ours is about: its card, or a word under it. Message ids are a chat's own. */
export async function findTicketOfMessage(db: Db, chatId: number, messageId: number): Promise<number | null> {
  const { rows } = await sql<{ ticketId: number }>`
    select ticket_id as "ticketId" from card where chat_id = ${chatId} and message_id = ${messageId}
    union all
    select n.ticket_id from notice n left join chat c on c.configured_id = n.chat_id
      where n.message_id = ${messageId} and n.ticket_id is not null and coalesce(c.chat_id, n.chat_id) = ${chatId}
    limit 1`.execute(db);
  return rows[0]?.ticketId ?? null;
}
