import { sql } from 'kysely';
import type { Db } from '../platform/database.ts';

export type Question = { ticketId: number; revision: number; count: number; chatId: number };

/** After that the question has scrolled away, and may be asked again. */
const ASKED_FOR_MINUTES = 10;

/**
 * Notes that the chat is being asked about retrying so many; false when it was asked already and nobody has acted on the ticket
 * since. The note is a notice already sent: the sender of notices leaves it alone.
 */
export async function askOnce(db: Db, question: Question): Promise<boolean> {
  const { rows } = await sql`
    insert into notice (key, chat_id, ticket_id, kind, body, state)
    values (${keyOf(question)}, ${question.chatId}, ${question.ticketId}, 'text', '{}', 'sent')
    on conflict (key) do update set created_at = clock_timestamp()
      where notice.created_at < clock_timestamp() - make_interval(mins => ${ASKED_FOR_MINUTES})
    returning id`.execute(db);
  return rows.length > 0;
}

/** The question never reached the chat. */
export async function forgetQuestion(db: Db, question: Question): Promise<void> {
  await db.deleteFrom('notice').where('key', '=', keyOf(question)).execute();
}

function keyOf({ ticketId, revision, count, chatId }: Question): string {
  return `ask-retry:${ticketId}:${revision}:${count}:${chatId}`;
}

/** The same press delivered twice is the same command, whatever has happened to the ticket in between. */
export async function wasRedriven(db: Db, commandId: string): Promise<boolean> {
  const row = await db.selectFrom('redrive').select('id').where('command_id', '=', commandId).executeTakeFirst();
  return row !== undefined;
}
